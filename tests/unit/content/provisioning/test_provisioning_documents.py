"""Provisioning documents as text and WBXML, to the octet."""

from __future__ import annotations

import pytest

from omapush.content.provisioning import builder, documents
from omapush.content.provisioning.model import (
    Characteristic,
    Parm,
    ProvisioningDocument,
    ProvisioningError,
)
from omapush.core.errors import DecodeError, EncodeError, LimitError

W11 = bytes.fromhex(
    "030b6a00c54503312e310001c6000155018736000006037732000187070603486f6d650001872206034e310001c60001"
    "5901873a00000603687474703a2f2f612e6578616d706c652f0001010101"
)
W12 = bytes.fromhex(
    "030b6a00c54601c65601870706034578616d706c65000101c65501871106034e310001871006ab018707060345780001"
    "8708060361706e2e6578616d706c65000187090689010101"
)
DOCUMENT_11 = ProvisioningDocument(
    (
        Characteristic(
            "APPLICATION",
            (Parm("APPID", "w2"), Parm("NAME", "Home"), Parm("TO-NAPID", "N1")),
            (Characteristic("RESOURCE", (Parm("URI", "http://a.example/"),)),),
        ),
    ),
    "1.1",
)
DOCUMENT_12 = ProvisioningDocument(
    (
        Characteristic("BOOTSTRAP", (Parm("NAME", "Example"),)),
        Characteristic(
            "NAPDEF",
            (
                Parm("NAPID", "N1"),
                Parm("BEARER", "GSM-GPRS"),
                Parm("NAME", "Ex"),
                Parm("NAP-ADDRESS", "apn.example"),
                Parm("NAP-ADDRTYPE", "APN"),
            ),
        ),
    ),
    "1.0",
)
TEXT = b"""<?xml version="1.0"?>
<!DOCTYPE wap-provisioningdoc PUBLIC "-//WAPFORUM//DTD PROV 1.0//EN"
 "http://www.wapforum.org/DTD/prov.dtd">
<wap-provisioningdoc version="1.0">
  <!-- an access point -->
  <characteristic type="NAPDEF">
    <parm name="NAPID" value="a&amp;b &#233;"/><parm name="INTERNET"/>
    <future/>
    <parm name="NAME" value="" future="1"/>
  </characteristic>
</wap-provisioningdoc>
"""


@pytest.mark.parametrize(("octets", "document"), [(W11, DOCUMENT_11), (W12, DOCUMENT_12)])
def test_wbxml_of_the_published_documents_is_read(
    octets: bytes, document: ProvisioningDocument
) -> None:
    assert documents.read_wbxml(octets) == document


def test_wbxml_of_the_bootstrap_document_is_written_to_the_octet() -> None:
    assert documents.write_wbxml(DOCUMENT_12) == W12
    assert documents.write_wbxml(DOCUMENT_12).hex() == W12.hex()


def test_wbxml_across_code_pages_is_written_so_that_it_reads_the_same() -> None:
    written = documents.write_wbxml(DOCUMENT_11)
    assert documents.read_wbxml(written) == DOCUMENT_11
    assert len(written) <= len(W11)


def test_text_is_read_and_what_is_not_known_passed_over() -> None:
    assert documents.read_text(TEXT) == ProvisioningDocument(
        (Characteristic("NAPDEF", (Parm("NAPID", "a&b é"), Parm("INTERNET"), Parm("NAME", ""))),),
        "1.0",
    )


@pytest.mark.parametrize(
    "document",
    [
        DOCUMENT_11,
        DOCUMENT_12,
        ProvisioningDocument((), None),
        builder.document(builder.napdef("N", 'quote " < & \t\n é 你', "apn", internet=True)),
        builder.document(builder.characteristic("x-unknown", {"y": "z", "PORTNBR": "IPV4"})),
    ],
)
def test_text_and_wbxml_give_back_what_was_written(document: ProvisioningDocument) -> None:
    assert documents.read_text(documents.write_text(document)) == document
    assert documents.read_wbxml(documents.write_wbxml(document)) == document


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"<si/>", "the document element is si"),
        (b"<wap-provisioningdoc><characteristic/></wap-provisioningdoc>", "without type"),
        (
            b"<wap-provisioningdoc><characteristic type='A'><parm/></characteristic>"
            b"</wap-provisioningdoc>",
            "without name",
        ),
    ],
)
def test_text_that_is_no_such_document_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(ProvisioningError, match=reason):
        documents.read_text(text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<wap-provisioningdoc>",
        b"<wap-provisioningdoc version='\xff'/>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><wap-provisioningdoc/>",
    ],
)
def test_text_that_is_no_xml_is_refused(text: bytes) -> None:
    with pytest.raises(DecodeError):
        documents.read_text(text)


def test_size_and_depth_are_bounded() -> None:
    with pytest.raises(LimitError):
        documents.read_text(TEXT, max_octets=len(TEXT) - 1)
    with pytest.raises(LimitError):
        documents.read_wbxml(W12, max_octets=len(W12) - 1)
    deep = "<characteristic type='A'>" * 100 + "</characteristic>" * 100
    with pytest.raises(LimitError):
        documents.read_text(f"<wap-provisioningdoc>{deep}</wap-provisioningdoc>".encode())
    characteristic = Characteristic("A")
    for _ in range(20):
        characteristic = Characteristic("A", (), (characteristic,))
    with pytest.raises(EncodeError, match="deep"):
        documents.write_wbxml(ProvisioningDocument((characteristic,)))


def test_no_wbxml_is_refused_with_its_position() -> None:
    with pytest.raises(DecodeError) as caught:
        documents.read_wbxml(W12[:-1])
    assert caught.value.layer == "wbxml"
