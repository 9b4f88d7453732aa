"""application/http: the push message inside a POST, written and read."""

from __future__ import annotations

import zlib

import pytest

from omapush.content.message import PushMessage
from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.ota import message_format
from omapush.ota.http import entity

MESSAGE = PushMessage(
    (("Content-Type", "text/plain"), ("X-Wap-Application-Id", "x-oma-application:dpe.ua")),
    b"hello",
)
# The inner part of the example in WAP-235 terms: 117 octets.
WRITTEN = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: text/plain\r\n"
    b"X-Wap-Application-Id: x-oma-application:dpe.ua\r\n"
    b"Content-Length: 5\r\n"
    b"\r\n"
    b"hello"
)
HELLO_40 = b"hello" * 40
WRAPPED = bytes.fromhex("78dacb48cdc9c9cf18fa0400a1705321")
RAW = bytes.fromhex("cb48cdc9c9cf18fa0400")


def inner(body: bytes, *headers: str, start: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join((start, *headers, "", "")).encode() + body


def test_message_is_written() -> None:
    assert entity.encode(MESSAGE) == WRITTEN
    assert len(WRITTEN) == entity.encoded_size(MESSAGE) == 117


def test_message_is_read() -> None:
    message = entity.decode(WRITTEN, 100)
    assert message.headers == (*MESSAGE.headers, ("Content-Length", "5"))
    assert message.body == b"hello"


def test_lengths_of_the_way_there_are_not_written() -> None:
    message = PushMessage(
        (("content-length", "99"), ("Transfer-Encoding", "chunked"), *MESSAGE.headers), b"hello"
    )
    assert entity.encode(message) == WRITTEN
    assert entity.encoded_size(message) == 117


def test_header_outside_ascii_travels_as_utf8() -> None:
    message = PushMessage((("Content-Disposition", "größe"),), b"")
    octets = entity.encode(message)
    assert entity.encoded_size(message) == len(octets)
    assert entity.decode(octets, 0).get("Content-Disposition") == "größe"


def test_header_in_latin_1_is_read() -> None:
    assert entity.decode(inner(b"", "X-Name: x").replace(b": x", b": \xe9"), 0).get("X-Name") == "é"


@pytest.mark.parametrize(
    "header",
    [("X-Name", "a\r\nX-Other: b"), ("X-Name", "a\0"), ("X Name", "a"), ("", "a"), ("X:", "a")],
)
def test_header_that_could_break_out_is_not_written(header: tuple[str, str]) -> None:
    with pytest.raises(EncodeError):
        entity.encode(PushMessage((header,), b""))


def test_header_without_octets_is_not_written() -> None:
    message = PushMessage((("X-Name", "\ud800"),), b"")
    with pytest.raises(EncodeError):
        entity.encode(message)
    assert entity.encoded_size(message) > 0


@pytest.mark.parametrize(
    ("octets", "body"),
    [
        (inner(b"to the end", "Content-Type: text/plain"), b"to the end"),
        (inner(b"", "Content-Length: 0"), b""),
        (inner(b""), b""),
        (inner(b"\r\n\r\n", "Content-Length: 4"), b"\r\n\r\n"),
        (inner(b"x", start="HTTP/1.0 404 Not Found"), b"x"),
        (inner(b"x", start="HTTP/1.1 200"), b"x"),
        (inner(b"x", "Content-Length: 1", "Content-Length: 1"), b"x"),
        (inner(b"3\r\nabc\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), b"abc"),
    ],
)
def test_content_is_found(octets: bytes, body: bytes) -> None:
    assert entity.decode(octets, 100).body == body


def test_folded_header_is_read_as_one_line() -> None:
    message = entity.decode(inner(b"", "Content-Type: multipart/related;", '\tboundary="x"'), 0)
    assert message.content_type == 'multipart/related; boundary="x"'


def test_unchunked_message_says_nothing_of_chunks() -> None:
    message = entity.decode(
        inner(b"1\r\nx\r\n0\r\n\r\n", "Transfer-Encoding: chunked", "X-A: b"), 9
    )
    assert message.headers == (("X-A", "b"),)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"hello",
        b"GET / HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n",
        inner(b"hello", "Content-Length: 4"),
        inner(b"hello", "Content-Length: 6"),
        inner(b"hello", "Content-Length: five"),
        inner(b"hello", "Content-Length: 5", "Content-Length: 6"),
        inner(b"hello", "no colon"),
        inner(b"hello", ": no name"),
        inner(b"hello", "X Name: space"),
        inner(b"hello", "X-Name: a\0b"),
        inner(b"hello", "Content-Encoding: gzip"),
        inner(b"hello", "Content-Encoding: deflate"),
        inner(WRAPPED[:-1], "Content-Encoding: deflate"),
        inner(b"3\r\nab", "Transfer-Encoding: chunked"),
        inner(b"1\r\nx\r\n0\r\n\r\nmore", "Transfer-Encoding: chunked"),
        inner(b"hello", "Transfer-Encoding: gzip"),
    ],
)
def test_entity_of_other_form_is_refused(octets: bytes) -> None:
    with pytest.raises(DecodeError):
        entity.decode(octets, 100)


@pytest.mark.parametrize("coded", [WRAPPED, RAW])
@pytest.mark.parametrize("length", [True, False])
def test_deflate_is_undone_wrapped_or_raw(coded: bytes, length: bool) -> None:
    headers = ["Content-Encoding: deflate"]
    if length:
        headers.append(f"Content-Length: {len(coded)}")
    message = entity.decode(inner(coded, *headers), 200)
    assert message.body == HELLO_40
    assert message.get("Content-Encoding") is None
    assert message.get("Content-Length") == ("200" if length else None)


@pytest.mark.parametrize("coded", [WRAPPED, RAW])
def test_deflate_is_bounded_by_what_comes_out(coded: bytes) -> None:
    with pytest.raises(LimitError):
        entity.decode(inner(coded, "Content-Encoding: deflate"), 199)


def test_deflate_bomb_is_not_inflated() -> None:
    bomb = zlib.compress(b"\0" * 50_000_000, 9)
    with pytest.raises(LimitError):
        entity.decode(inner(bomb, "Content-Encoding: deflate"), 1_000)


@pytest.mark.parametrize(
    "octets",
    [
        inner(b"x" * 101),
        inner(b"65\r\n" + b"x" * 101, "Transfer-Encoding: chunked"),
        inner(b"", *(f"X-{number}: x" for number in range(message_format.MAX_HEADERS + 1))),
    ],
)
def test_entity_beyond_its_limits_is_refused(octets: bytes) -> None:
    with pytest.raises(LimitError):
        entity.decode(octets, 100)


def test_head_without_end_is_refused() -> None:
    with pytest.raises(DecodeError):
        entity.decode(inner(b"", "X-Name: " + "x" * message_format.MAX_HEAD), 100)
