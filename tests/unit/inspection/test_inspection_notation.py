"""Octets as people write them, and lines cut from a stream."""

from __future__ import annotations

import json

import pytest

from omapush.core.errors import LimitError
from omapush.inspection.line_mode import LineCutter, decode_line
from omapush.inspection.model import Kind
from omapush.inspection.notation import (
    MAX_WRITTEN,
    NotationError,
    is_hexadecimal,
    of_dump,
    of_file,
    of_hexadecimal,
)

OCTETS = bytes(range(20)) + b"|abcd  ef"

XXD = """\
00000000: 0001 0203 0405 0607 0809 0a0b 0c0d 0e0f  ................
00000010: 1011 1213 7c61 6263 6420 2065 66         ....|abcd  ef
"""
HEXDUMP = """\
00000000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  |................|
00000010  10 11 12 13 7c 61 62 63  64 20 20 65 66           |....|abcd  ef|
0000001d
"""
WIRESHARK = """\
0000   00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f   ................
0010   10 11 12 13 7c 61 62 63 64 20 20 65 66            ....|abcd  ef
"""


@pytest.mark.parametrize(
    "text",
    [
        "01061bbe",
        "01061BBE",
        "01 06 1b be",
        "01:06:1b:be",
        "0x01, 0x06, 0x1b, 0xbe",
        "0x01061bbe",
        "0106\n1bbe\n",
        "0 10 61bb e",
    ],
)
def test_digits_are_read_whatever_stands_between_them(text: str) -> None:
    assert is_hexadecimal(text)
    assert of_hexadecimal(text) == b"\x01\x06\x1b\xbe"
    assert of_file(text.encode()) == b"\x01\x06\x1b\xbe"


def test_other_characters_and_half_octets_are_refused_by_place() -> None:
    with pytest.raises(NotationError, match="'g' is no hexadecimal digit") as refusal:
        of_hexadecimal("01 0g")
    assert refusal.value.position == 4
    with pytest.raises(NotationError, match="3 digits"):
        of_hexadecimal("010")
    assert not is_hexadecimal("")
    assert not is_hexadecimal("0106.bin")


@pytest.mark.parametrize("dump", [XXD, HEXDUMP, WIRESHARK])
def test_dumps_are_read(dump: str) -> None:
    assert of_dump(dump) == OCTETS
    assert of_file(dump.encode()) == OCTETS


def test_dump_with_a_line_left_out_is_refused() -> None:
    with pytest.raises(NotationError, match="line 2") as refusal:
        of_dump(XXD.replace("00000010", "00000020"))
    assert refusal.value.position == "line 2"


def test_file_of_octets_is_taken_as_it_is_within_bounds() -> None:
    assert of_file(b"\x01\x06\xff") == b"\x01\x06\xff"
    assert of_file(b"<?xml?>") == b"<?xml?>"
    with pytest.raises(LimitError):
        of_file(bytes(MAX_WRITTEN + 1))


# Lines


def test_lines_are_cut_however_the_stream_comes() -> None:
    stream = b"0106\n\nff\n01"
    for size in range(1, len(stream) + 1):
        cutter = LineCutter()
        found: list[bytes | None] = []
        for start in range(0, len(stream), size):
            found += cutter.feed(stream[start : start + size])
        found += cutter.end()
        assert found == [b"0106", b"", b"ff", b"01"]


def test_line_too_long_is_dropped_and_the_next_is_whole() -> None:
    cutter = LineCutter(longest=4)
    assert cutter.feed(b"01060") == []
    assert cutter.feed(b"6") == []
    assert cutter.feed(b"\n0106\n") == [None, b"0106"]
    assert cutter.feed(b"010602\n") == [None]
    assert cutter.end() == []
    cutter.feed(b"01060")
    assert cutter.end() == [None]


def test_line_tells_its_number_when_it_is_refused() -> None:
    text, decoded = decode_line(b"0106", 12, Kind.WSP)
    assert not decoded
    assert json.loads(text) == {
        "error": "1 octet wanted, 0 left",
        "layer": "wsp",
        "position": 2,
        "input": 12,
    }
    text, decoded = decode_line(None, 13, Kind.WSP)
    assert not decoded
    assert json.loads(text)["layer"] == "input"
    assert json.loads(decode_line(b"\xff\xfe", 1, Kind.WSP)[0])["layer"] == "input"


def test_line_tells_fields_only_when_asked() -> None:
    text, decoded = decode_line(b"180110\r", 1, Kind.WTP)
    assert decoded
    said = json.loads(text)
    assert said["decoded"]["pdu"] == "Ack"
    assert "layers" not in said
    text, _ = decode_line(b"180110", 1, None, layers=True)
    said = json.loads(text)
    assert said["guessed"] is True
    assert said["layers"][0]["fields"][0]["octets"] == "18"
