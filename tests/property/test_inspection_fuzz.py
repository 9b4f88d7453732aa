"""Any octets, for every kind: an inspection that is JSON and text, or the documented error."""

from __future__ import annotations

import json
from binascii import unhexlify

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.core.errors import DecodeError
from omapush.inspection.guessing import guess
from omapush.inspection.joining import inspect_joined
from omapush.inspection.jsonable import error_object, inspection_object
from omapush.inspection.layers import inspect
from omapush.inspection.line_mode import decode_line
from omapush.inspection.model import Kind
from omapush.inspection.notation import of_dump, of_file, of_hexadecimal
from omapush.inspection.rendering import render, render_refusal

MMS_PUSH = unhexlify(
    "01061bbeaf782d7761702d6170706c69636174696f6e3a6d6d732e7561008c829854636666626366386163"
    "30008d908919802b3434313233343536373839302f545950453d504c4d4e00964869008a808e0230398805"
    "810303f48083687474703a2f2f6d6d73632e6578616d706c652f7800"
)
USER_DATA = unhexlify("0605040b8423f0") + MMS_PUSH
SEGMENT = unhexlify("0b0504 0b8423f0 0003070201".replace(" ", "")) + MMS_PUSH[:60]
DELIVER = (
    unhexlify("440c9144214365870900f5") + unhexlify("62112121000000") + bytes([len(USER_DATA)])
) + USER_DATA
SUBMIT = unhexlify("41000c9144214365870900f5") + bytes([len(USER_DATA)]) + USER_DATA
SMPP_BODY = (
    b"\0\1\1441234\0\1\1441234567890\0\x40\0\0\0\0\0\0\xf5\0" + bytes([len(USER_DATA)]) + USER_DATA
)
SMPP = (16 + len(SMPP_BODY)).to_bytes(4, "big") + unhexlify("000000050000000000000001") + SMPP_BODY
WTP = unhexlify("0e000110") + MMS_PUSH[1:]
SI = unhexlify("02056a0045c60c03696d672e676966000103486900 0101".replace(" ", ""))
SIR = unhexlify("0102b282074423f1c000020107440fc3c00002010100")
PAP = (
    b'<?xml version="1.0"?><!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" '
    b'"http://www.wapforum.org/DTD/pap_2.0.dtd"><pap><push-message push-id="1@x">'
    b'<address address-value="WAPPUSH=+4412/TYPE=PLMN@x"/></push-message></pap>'
)
OTA_HTTP = (
    b"OPTIONS /wappush HTTP/1.1\r\nHost: \r\nX-Wap-Push-OTA-Version: 1.0\r\n"
    b"Authorization: Basic cHBnOnNlY3JldA==\r\n\r\n"
    b"HTTP/1.1 204 No Content\r\nX-Wap-Push-Status: 501\r\nX-Wap-CPITag: 5lEsUg==\r\n"
    b"X-Wap-Push-MaxMsgSize: 10000\r\n\r\n"
    b"POST /wappush HTTP/1.1\r\nHost: \r\nContent-Type: application/http\r\n"
    b"Content-Length: 69\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
)
EXAMPLES = (MMS_PUSH, USER_DATA, SEGMENT, DELIVER, SUBMIT, SMPP, WTP, SI, SIR, PAP, OTA_HTTP)


def assert_documented(error: DecodeError, layer: str | None = None) -> None:
    assert error.reason
    assert layer in (None, error.layer)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good example with some octets changed, cut or added."""
    octets = bytearray(draw(st.sampled_from(EXAMPLES)))
    for _ in range(draw(st.integers(0, 4))):
        position = draw(st.integers(0, len(octets)))
        match draw(st.integers(0, 2)):
            case 0:
                octets[position : position + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                octets[position:position] = draw(st.binary(max_size=3))
            case _:
                del octets[position : position + draw(st.integers(1, 4))]
    return bytes(octets)


anything = st.one_of(st.binary(max_size=200), damaged())


@pytest.mark.parametrize("kind", Kind)
@settings(max_examples=60, deadline=None)
@given(octets=anything)
def test_kind_reads_octets_or_refuses_them_with_the_documented_error(
    kind: Kind, octets: bytes
) -> None:
    try:
        inspection = inspect(kind, octets)
    except DecodeError as error:
        assert_documented(error)
        json.dumps(error_object(error, kind.value))
        "\n".join(render_refusal(kind, octets, error)).encode()
        return
    said = json.loads(json.dumps(inspection_object(inspection)))
    assert said["kind"] == kind.value
    assert said["octets"] == len(octets)
    text = "\n".join(render(inspection))
    text.encode()
    assert text.replace("\n", "").isprintable()
    without_trees = inspect(kind, octets, trees=False)
    assert without_trees.decoded == inspection.decoded
    assert without_trees.layers == ()
    for layer in inspection.layers:
        for field in layer.tree.walk():
            end = field.offset + len(field.octets)
            assert layer.tree.octets[field.offset : end] == field.octets


@settings(max_examples=150, deadline=None)
@given(octets=anything)
def test_guess_takes_octets_for_something_or_refuses_them(octets: bytes) -> None:
    try:
        inspection = guess(octets)
    except DecodeError as error:
        assert_documented(error)
        return
    assert inspection.guessed is not None
    assert inspection.kind not in inspection.guessed
    json.dumps(inspection_object(inspection))


@settings(max_examples=100, deadline=None)
@given(kind=st.sampled_from(Kind), segments=st.lists(anything, max_size=4))
def test_joining_makes_one_message_or_refuses(kind: Kind, segments: list[bytes]) -> None:
    try:
        inspection = inspect_joined(kind, segments)
    except DecodeError as error:
        assert_documented(error)
        return
    json.dumps(inspection_object(inspection))
    list(render(inspection))


@settings(max_examples=150, deadline=None)
@given(line=st.one_of(st.binary(max_size=60), anything.map(lambda each: each.hex().encode())))
def test_line_becomes_one_line_of_json(line: bytes) -> None:
    text, decoded = decode_line(line, 7, Kind.WSP)
    assert "\n" not in text
    said = json.loads(text)
    assert ("error" in said) is not decoded
    assert decoded or said["input"] == 7


@settings(max_examples=150, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_notation_is_octets_or_refused(text: str) -> None:
    for reading in (of_hexadecimal, of_dump, lambda written: of_file(written.encode())):
        try:
            assert isinstance(reading(text), bytes)
        except DecodeError as error:
            assert_documented(error, "input")
