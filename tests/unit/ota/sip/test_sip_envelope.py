"""The push message in the body of a SIP request: the envelope, the bare form, XML alone."""

from __future__ import annotations

import zlib

import pytest

from omapush.content.message import PushMessage
from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.ota.message_format import MAX_HEAD, MAX_HEADERS
from omapush.ota.sip.envelope import CONTENT_TYPE, XML, bare_headers, decode_push, encode_envelope

MESSAGE = PushMessage(
    (
        ("Content-Type", "text/vnd.wap.si"),
        ("X-Wap-Application-Id", "x-wap-application:mms.ua"),
        ("X-Wap-Initiator-URI", "http://pi.example/"),
    ),
    b"<si/>",
)
# The example of a MESSAGE, with one header more.
WRITTEN = (
    b"Content-Type: text/vnd.wap.si\r\n"
    b"X-Wap-Application-Id: x-wap-application:mms.ua\r\n"
    b"X-Wap-Initiator-URI: http://pi.example/\r\n"
    b"\r\n"
    b"<si/>"
)


def read(body: bytes, *headers: tuple[str, str], most: int = 1000) -> PushMessage:
    return decode_push(CONTENT_TYPE, headers, body, most)


def test_envelope_is_written_and_read() -> None:
    assert encode_envelope(MESSAGE) == WRITTEN
    assert read(WRITTEN) == MESSAGE
    assert decode_push("Application/vnd.OMA.push; x=y", (), WRITTEN, 5) == MESSAGE


def test_headers_of_the_way_there_are_not_written() -> None:
    headers = (("Content-Length", "99"), ("Transfer-Encoding", "chunked"), *MESSAGE.headers)
    assert encode_envelope(PushMessage(headers, b"<si/>")) == WRITTEN


def test_content_is_read_octet_for_octet() -> None:
    body = bytes(range(256)) + b"\r\n\r\n" + b"<\n\n"
    message = PushMessage((("Content-Type", "application/octet-stream"),), body)
    assert read(encode_envelope(message)) == message


@pytest.mark.parametrize("coded", [zlib.compress(b"x" * 500), zlib.compress(b"x" * 500)[2:-4]])
def test_deflated_content_is_inflated(coded: bytes) -> None:
    message = PushMessage((("Content-Type", "text/plain"), ("Content-Encoding", "deflate")), coded)
    assert read(encode_envelope(message)) == PushMessage(message.headers[:1], b"x" * 500)
    with pytest.raises(LimitError):
        read(encode_envelope(message), most=499)


def test_envelope_deflated_as_a_whole_is_inflated() -> None:
    assert read(zlib.compress(WRITTEN), ("Content-Encoding", "deflate")) == MESSAGE


def test_bare_content_has_headers_of_the_request() -> None:
    beside = (
        ("Via", "SIP/2.0/UDP x"),
        ("Content-Language", "en"),
        ("X-Wap-Application-Id", "4"),
        ("X-Wap-Push-Info", "last"),
        ("Date", "x"),
    )
    message = decode_push("application/vnd.omaloc-supl-init", beside, b"\0\1", 2)
    assert message.body == b"\0\1"
    assert message.headers == (
        ("Content-Type", "application/vnd.omaloc-supl-init"),
        ("Content-Language", "en"),
        ("X-Wap-Application-Id", "4"),
    )


def test_bare_form_is_written_and_read() -> None:
    headers = bare_headers(MESSAGE)
    assert headers == MESSAGE.headers
    assert decode_push(MESSAGE.content_type, headers, MESSAGE.body, 5) == MESSAGE


def test_xml_without_headers_is_taken() -> None:
    message = read(b"\r\n <?xml version='1.0'?><si/>", ("X-Wap-Application-Id", "2"), ("To", "x"))
    assert message.headers == (("Content-Type", XML), ("X-Wap-Application-Id", "2"))
    assert message.body == b"\r\n <?xml version='1.0'?><si/>"


def test_lines_may_end_in_line_feeds_alone_and_be_folded() -> None:
    assert read(b"Content-Type: a/b\nX-Y: 1\n  2\n\nbody") == PushMessage(
        (("Content-Type", "a/b"), ("X-Y", "1 2")), b"body"
    )


def test_envelope_may_have_no_content() -> None:
    assert read(b"Content-Type: a/b\r\n\r\n").body == b""
    assert read(b"Content-Type: a/b\r\n").body == b""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Content-Type: a/b",
        b"X-Wap-Application-Id: 2\r\n\r\nx",
        b"no header\r\n\r\nx",
        b"Content-Type: a/b\r\nContent-Length: 2\r\n\r\nx",
        b"Content-Type: a/b\r\nContent-Encoding: gzip\r\n\r\nx",
        b"Content-Type: a/b\r\nContent-Encoding: deflate\r\n\r\nx",
        b"\r\n\r\nx",
    ],
)
def test_malformed_envelope_is_refused(body: bytes) -> None:
    with pytest.raises(DecodeError):
        read(body)


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Type: a/b\r\n\r\n" + b"x" * 1001,
        b"X-Y: " + b"x" * MAX_HEAD + b"\r\n\r\n",
        b"X-Y: z\r\n" * (MAX_HEADERS + 1) + b"\r\n",
    ],
)
def test_large_envelope_is_refused(body: bytes) -> None:
    with pytest.raises(LimitError):
        read(body)


@pytest.mark.parametrize("content_type", [None, "", " ; x"])
def test_body_without_type_is_refused(content_type: str | None) -> None:
    with pytest.raises(DecodeError):
        decode_push(content_type, (), b"x", 10)


def test_header_that_cannot_be_written_is_refused() -> None:
    message = PushMessage((("X-Wap-Content-URI", "a\r\nb"),), b"")
    with pytest.raises(EncodeError):
        encode_envelope(message)
    with pytest.raises(EncodeError):
        bare_headers(message)


def test_octets_of_request_that_are_no_text_are_read_as_in_envelope() -> None:
    beside = (("X-Wap-Content-URI", "http://h/\udce8"), ("X-Wap-Initiator-URI", "\udcc3\udca8"))
    message = decode_push("text/plain", beside, b"", 0)
    assert message.headers[1:] == (
        ("X-Wap-Content-URI", "http://h/\u00e8"),
        ("X-Wap-Initiator-URI", "\u00e8"),
    )
    with pytest.raises(DecodeError):
        decode_push("text/plain", (("X-Wap-Content-URI", "a\0b"),), b"", 0)
