"""Explanations: every octet is in the tree once, names and values agree with the decoder."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError
from omapush.core.explanation import Field
from omapush.protocols.wsp.explain import explain_pdu, explain_unit

V4 = (
    "2a065103ae81eaaf82b483b1687474703a2f2f70692e6578616d706c652e636f6d2f0092044ecb8ec08e687474703a2f"
    "2f70692e6578616d706c652e636f6d2f6d73672f3100582d4f6d612d466f6f006261720002056a"
)
CONNECT = (
    "0110113903808a7803818a780282e0028301028402b284b282b38bc394a950757368546573742f312e3000b568747470"
    "3a2f2f6465762e6578616d706c652e636f6d2f756170726f662e72646600"
)


def assert_covered(field: Field) -> None:
    """Assert that the children of ``field`` are its octets, none missing and none twice."""
    if field.children:
        assert b"".join(child.octets for child in field.children) == field.octets
        offset = field.offset
        for child in field.children:
            assert child.offset == offset
            offset += len(child.octets)
            assert_covered(child)


@pytest.mark.parametrize(
    "octets",
    [
        CONNECT,
        "02a43406040282c0028401c393b790",
        "08a434",
        "09a43400b383",
        "04200100",
        "0420",
        "05a43400",
        "03c08400c000020a4423f10a010203",
        "0463018362757379",
        "4018687474703a2f2f7777772e6578616d706c652e636f6d2f6180948399",
        "600301612f6283a9746573",
        "8002b48361",
        "0604a3cb801002040103838 1ea61".replace(" ", ""),
    ],
)
def test_every_octet_of_a_pdu_is_explained_once(octets: str) -> None:
    tree = explain_pdu(bytes.fromhex(octets))
    assert tree.octets.hex() == octets
    assert_covered(tree)


def test_explanation_of_a_unit_push_names_what_is_there() -> None:
    tree = explain_unit(bytes.fromhex(V4), {2: "x-wap-application:wml.ua"})
    assert_covered(tree)
    assert tree.name == "Push"
    assert [(child.name, child.value) for child in tree.children] == [
        ("TID", 42),
        ("Type", 6),
        ("HeadersLen", 81),
        ("Content-Type", "application/vnd.wap.sic; charset=utf-8"),
        ("X-Wap-Application-Id", "2"),
        ("Push-Flag", "11"),
        ("X-Wap-Initiator-URI", "http://pi.example.com/"),
        ("Date", "Tue, 22 Nov 2011 12:00:00 GMT"),
        ("Content-Location", "http://pi.example.com/msg/1"),
        ("X-Oma-Foo", "bar"),
        ("Data", None),
    ]
    application = tree.named("X-Wap-Application-Id")
    assert application is not None
    assert application.note == "x-wap-application:wml.ua"
    assert [(part.name, part.value) for part in tree.children[3].walk()][2:] == [
        ("Value-length", 3),
        ("media type", "application/vnd.wap.sic"),
        ("parameter", "charset=utf-8"),
    ]


def test_explanation_of_a_connect_names_capabilities() -> None:
    tree = explain_pdu(bytes.fromhex(CONNECT))
    options = tree.named("Protocol Options")
    assert options is not None
    assert options.note == "CONFIRMED_PUSH, PUSH, SESSION_RESUME"
    assert [field.value for field in tree.walk() if field.name == "Client-SDU-Size"] == [1400]


def test_explanation_of_a_capability_lists_codes_names_and_addresses() -> None:
    capabilities = bytes.fromhex("07855041424344000787840b0a010203")
    tree = explain_pdu(b"\x01\x10" + bytes((len(capabilities), 0)) + capabilities)
    assert_covered(tree)
    assert [(field.name, field.value) for field in tree.children[4:]] == [
        ("Extended Methods", "0x50 ABCD"),
        ("Aliases", "10.1.2.3"),
    ]


def test_explanation_goes_into_multiparts() -> None:
    tree = explain_unit(bytes.fromhex("060603a3af82030405038381ea66697273740702aec0223c323e000205"))
    assert_covered(tree)
    data = tree.named("Data")
    assert data is not None
    assert data.note == "nEntries says 3, there are 2"
    assert [child.name for child in data.children] == ["nEntries", "entry", "entry"]
    inner = [field for field in tree.walk() if field.name == "Content-ID"]
    assert [field.value for field in inner] == ["<2>"]


@pytest.mark.parametrize(
    ("headers", "name", "words"),
    [
        (b"application/vnd.wap.sic\0".hex(), "Content-Type", "spelled out"),
        ("83" + b"X-Wap-Application-Id\x002\0".hex(), "X-Wap-Application-Id", "spelled out"),
        ("838d81", "Content-Length", "anyway"),
        ("83c780", "Cache-Control", "version 1.4"),
        ("83cb80", "field 0x4B", "no header field"),
        ("83926100", "Date", None),
        ("83a980", "User-Agent", "no value"),
        ("1f0183", "Content-Type", "one octet"),
        ("8310af82", "field 0x2F", "not agreed"),
        ("048381ea85", "Content-Type", "octet"),
    ],
)
def test_explanation_notes_unwise_and_unknown_forms(
    headers: str, name: str, words: str | None
) -> None:
    octets = bytes.fromhex(headers)
    tree = explain_pdu(bytes((6, len(octets))) + octets)
    assert_covered(tree)
    field = tree.named(name)
    assert field is not None
    assert field.note is None if words is None else words in (field.note or "")


@pytest.mark.parametrize("octets", ["", "00", "0605", "0602af", "0110ff", "03", "060283af"])
def test_explanation_refuses_what_the_decoder_refuses(octets: str) -> None:
    with pytest.raises(DecodeError):
        explain_pdu(bytes.fromhex(octets))
