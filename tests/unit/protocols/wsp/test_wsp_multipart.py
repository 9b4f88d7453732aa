"""Multiparts in binary form: the vector, sloppy counts, lies about lengths, names of types."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError, LimitError
from omapush.protocols.wsp.multipart import (
    MAX_PARTS,
    Part,
    binary_type,
    decode_multipart,
    encode_multipart,
    is_binary_multipart,
    text_type,
)
from omapush.protocols.wsp.profile import HeaderProfile

V8_BODY = bytes.fromhex("020405038381ea66697273740702aec0223c323e000205")
PARTS = (
    Part((("Content-Type", "text/plain; charset=utf-8"),), b"first"),
    Part((("Content-Type", "application/vnd.wap.sic"), ("Content-ID", "<2>")), b"\x02\x05"),
)


def test_multipart_vector_is_read_and_written() -> None:
    assert decode_multipart(V8_BODY) == PARTS
    assert encode_multipart(PARTS, HeaderProfile(encoding_version=(1, 4))) == V8_BODY


@pytest.mark.parametrize("count", [0, 1, 9])
def test_number_of_entries_is_not_relied_on(count: int) -> None:
    assert decode_multipart(bytes((count,)) + V8_BODY[1:]) == PARTS


def test_empty_multipart_has_no_parts() -> None:
    assert decode_multipart(b"\0") == ()
    assert encode_multipart(()) == b"\0"


def test_each_entry_starts_on_the_first_code_page() -> None:
    octets = bytes.fromhex("02050083105a0000030083b483")
    assert [part.headers[1] for part in decode_multipart(octets)] == [
        ("Z", ""),
        ("Push-Flag", "11"),
    ]


@pytest.mark.parametrize("octets", ["", "01ff", "010300", "01010183", "01028001", "0101ffffffff7f"])
def test_entry_that_is_cut_off_is_refused(octets: str) -> None:
    with pytest.raises(DecodeError) as raised:
        decode_multipart(bytes.fromhex(octets))
    assert raised.value.layer == "wsp"


def test_tolerant_reader_keeps_headers_without_text() -> None:
    (part,) = decode_multipart(bytes.fromhex("01030083cb80"), tolerant=True)
    assert [raw.field for raw in part.raw_headers] == [0x4B]


def test_more_entries_than_the_limit_are_refused() -> None:
    assert len(decode_multipart(b"\0" + b"\0\0" * MAX_PARTS)) == MAX_PARTS
    with pytest.raises(LimitError):
        decode_multipart(b"\0" + b"\0\0" * (MAX_PARTS + 1))


@pytest.mark.parametrize(
    ("text", "binary"),
    [
        ("multipart/mixed", "application/vnd.wap.multipart.mixed"),
        (
            "multipart/related; type=text/html",
            "application/vnd.wap.multipart.related; type=\"text/html\"",
        ),
    ],
)  # fmt: skip
def test_type_of_a_multipart_has_a_binary_name(text: str, binary: str) -> None:
    assert binary_type(text + "; boundary=x") == binary
    assert text_type(binary) == text.replace("text/html", '"text/html"')
    assert is_binary_multipart(binary)
    assert not is_binary_multipart(text)
    assert binary_type("text/plain; boundary=x") == "text/plain; boundary=x"
