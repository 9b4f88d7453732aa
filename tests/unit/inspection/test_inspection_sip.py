"""``omapush decode`` of SIP and MSRP: every line, what carries a push, and no secrets."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError
from omapush.inspection.guessing import guess
from omapush.inspection.layers import explained_so_far, inspect
from omapush.inspection.model import Inspection, Kind

SI = b'<?xml version="1.0"?><si><indication href="http://a/">hi</indication></si>'
ENVELOPE = (
    b"Content-Type: text/vnd.wap.si\r\nX-Wap-Application-Id: x-wap-application:mms.ua\r\n\r\n" + SI
)


def message(body: bytes = ENVELOPE, content_type: bytes = b"application/vnd.oma.push") -> bytes:
    """Return a MESSAGE of the gateway's."""
    return (
        b"MESSAGE sip:alice@push.test SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP 127.0.0.1:5072;branch=z9hG4bKn1;rport\r\n"
        b"Max-Forwards: 70\r\n"
        b"f: <sip:ppg@push.test>;tag=1m\r\n"
        b"To: <sip:alice@push.test>\r\n"
        b"Call-ID: 1-3086@127.0.0.1\r\n"
        b"CSeq: 1 MESSAGE\r\n"
        b'Authorization: Digest username="ppg", response="0123456789abcdef"\r\n'
        b'Accept-Contact: *;+g.oma.pusheventapp="mms.ua,x-acme%3Anews";require;explicit\r\n'
        b"X-Wap-Push-Info: authenticated,\r\n trusted\r\n"
        b"Content-Type: " + content_type + b"\r\n"
        b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )


ANSWER = (
    b"SIP/2.0 480 Temporarily Unavailable\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.1:5072;branch=z9hG4bKn1\r\n"
    b"From: <sip:ppg@push.test>;tag=1m\r\nTo: <sip:alice@push.test>;tag=2\r\n"
    b"Call-ID: 1-3086@127.0.0.1\r\nCSeq: 1 MESSAGE\r\n"
    b"X-Wap-Push-Status: 236 no such application\r\nContent-Length: 0\r\n\r\n"
)
FRAME = (
    b"MSRP d93kswow SEND\r\n"
    b"To-Path: msrp://127.0.0.1:7654/iau39soe2843z;tcp\r\n"
    b"From-Path: msrp://127.0.0.1:2855/k9sWh2Lq;tcp\r\n"
    b"Message-ID: 12339sdqwer\r\nSuccess-Report: yes\r\nFailure-Report: yes\r\n"
    b"Byte-Range: 1-" + b"%d/%d" % (len(ENVELOPE), len(ENVELOPE)) + b"\r\n"
    b"Content-Type: application/vnd.oma.push\r\n\r\n" + ENVELOPE + b"\r\n-------d93kswow$\r\n"
)
REPORT = (
    b"MSRP abcd REPORT\r\nTo-Path: msrp://127.0.0.1:2855/k9sWh2Lq;tcp\r\n"
    b"From-Path: msrp://127.0.0.1:7654/iau39soe2843z;tcp\r\nMessage-ID: 12339sdqwer\r\n"
    b"Byte-Range: 1-4/4\r\nStatus: 000 403 Forbidden\r\nX-Wap-Push-Status: 235\r\n"
    b"-------abcd$\r\n"
)
OK = (
    b"MSRP d93kswow 200 OK\r\nTo-Path: msrp://127.0.0.1:2855/k9sWh2Lq;tcp\r\n"
    b"From-Path: msrp://127.0.0.1:7654/iau39soe2843z;tcp\r\n-------d93kswow$\r\n"
)


def notes(inspection: Inspection) -> dict[str, str]:
    """Return the remarks of the outermost tree by the names of their fields."""
    return {one.name: one.note for one in inspection.layers[0].tree.walk() if one.note}


def test_push_by_message_is_read_down_to_its_content() -> None:
    inspection = guess(message() + ANSWER)
    assert inspection.kind is Kind.SIP
    assert [layer.name for layer in inspection.layers] == ["sip", "push", "text"]
    told = notes(inspection)
    assert told["Accept-Contact"] == "applications: x-wap-application:mms.ua, x-acme:news"
    assert told["X-Wap-Push-Status"].startswith("USERPND")


def test_fields_of_the_tree_are_the_octets() -> None:
    octets = message().replace(b"0123456789abcdef", b"*" * 16) + ANSWER
    tree = inspect(Kind.SIP, octets).layers[0].tree
    for one in tree.children:
        assert b"".join(child.octets for child in one.children) == one.octets
        assert octets[one.offset : one.offset + len(one.octets)] == one.octets


def test_credentials_are_starred() -> None:
    inspection = inspect(Kind.SIP, message())
    assert "0123456789abcdef" not in repr(inspection)
    assert 'response="****************"' in repr(inspection)


def test_session_description_is_read() -> None:
    sdp = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=message 9 TCP/MSRP *\r\n"
    layers = inspect(Kind.SIP, message(sdp, b"application/sdp")).layers
    assert [layer.name for layer in layers] == ["sip", "sdp"]
    assert [child.name for child in layers[1].tree.children] == ["v", "o", "s", "t", "m"]


def test_bare_content_is_read() -> None:
    layers = inspect(Kind.SIP, message(SI, b"text/vnd.wap.si")).layers
    assert [layer.name for layer in layers] == ["sip", "text"]


@pytest.mark.parametrize(
    "octets", [b"", b"\r\n", b"GET / HTTP/1.1\r\n\r\n", message()[:-1], message().split(b"CSeq")[0]]
)
def test_what_is_no_sip_is_refused(octets: bytes) -> None:
    with pytest.raises(DecodeError):
        inspect(Kind.SIP, octets)


def test_message_before_a_fault_is_explained() -> None:
    assert len(explained_so_far(Kind.SIP, ANSWER + b"garbage\r\n\r\n")) == 1


def test_push_by_msrp_is_read_down_to_its_content() -> None:
    octets = FRAME + OK + REPORT
    inspection = guess(octets)
    assert inspection.kind is Kind.MSRP
    assert [layer.name for layer in inspection.layers] == ["msrp", "push", "text"]
    tree = inspection.layers[0].tree
    assert [one.name for one in tree.children] == ["SEND", "answer", "REPORT"]
    assert b"".join(one.octets for one in tree.children) == octets
    for one in tree.children:
        assert b"".join(child.octets for child in one.children) == one.octets
    assert notes(inspection)["X-Wap-Push-Status"].startswith("USERRFS")


def test_part_of_a_message_is_not_read_further() -> None:
    part = FRAME.replace(b"d93kswow$", b"d93kswow+")
    inspection = inspect(Kind.MSRP, part)
    assert len(inspection.layers) == 1
    assert inspection.warnings == ("msrp: a part of a longer message, not read further",)


@pytest.mark.parametrize("octets", [FRAME[:-1], b"MSRP x", FRAME.replace(b"To-Path", b"Path")])
def test_what_is_no_msrp_is_refused(octets: bytes) -> None:
    with pytest.raises(DecodeError):
        inspect(Kind.MSRP, octets)
