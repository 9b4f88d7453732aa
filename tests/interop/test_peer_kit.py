"""The parts of the test kit that talk to peers say what is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from omapush.testing.libwbxml import Layout, Libwbxml, LibwbxmlError
from omapush.testing.tshark import Capture, Dissected

SL = bytes.fromhex("02066a00850b036578616d706c6500850361000701")


@pytest.mark.parametrize("octets", [b"", b"\x02\x06", b"\xff" * 40, SL[:-3]])
def test_libwbxml_refuses_what_is_no_document(libwbxml: Libwbxml, octets: bytes) -> None:
    with pytest.raises(LibwbxmlError) as caught:
        libwbxml.decode(octets)
    assert caught.value.layer == "libwbxml"
    assert caught.value.reason


@pytest.mark.parametrize("xml", [b"", b"<sl", b"<unheard-of/>"])
def test_libwbxml_refuses_xml_that_it_cannot_write(libwbxml: Libwbxml, xml: bytes) -> None:
    with pytest.raises(LibwbxmlError):
        libwbxml.encode(xml)


def test_libwbxml_lays_a_document_out_as_asked(libwbxml: Libwbxml) -> None:
    compact, indented = (libwbxml.decode(SL, layout=layout) for layout in list(Layout)[:2])
    assert b"\n" not in compact
    assert indented.replace(b"\n", b"") == compact
    assert libwbxml.encode(compact, version=2) == SL


def test_capture_refuses_a_second_packet_of_one_name() -> None:
    capture = Capture()
    capture.datagram("one", b"x", source_port=9200, port=2948)
    with pytest.raises(ValueError, match="two packets called one"):
        capture.message("one", "smpp", b"x")


def test_tshark_complains_of_what_is_malformed_and_goes_on(
    dissect: Callable[[Capture], dict[str, Dissected]],
) -> None:
    capture = Capture()
    capture.message("cut off", "smpp", bytes.fromhex("00000020000000040000000000000001"))
    capture.datagram("whole", bytes.fromhex("0106018378"), source_port=9200, port=2948)
    seen = dissect(capture)
    assert list(seen) == ["cut off", "whole"]
    assert seen["cut off"].complaints
    assert seen["whole"].complaints == []
    assert seen["whole"].value("wsp.header.content_type") == "text/plain"
    wsp = seen["whole"].protocol("wsp")
    assert wsp is not None
    assert wsp.offset == 28
    assert seen["whole"].value("no.such.field") is None
