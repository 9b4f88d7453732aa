"""SIP messages are read, refused with the right status, and written again."""

from __future__ import annotations

import pytest

from omapush.core.errors import EncodeError
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.header_fields import (
    CSeq,
    call_id,
    contacts,
    cseq,
    from_tag,
    to_tag,
    top_via,
)
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse
from omapush.protocols.sip.parsing import parse_message
from omapush.protocols.sip.writing import encode_message

MESSAGE = (
    b"MESSAGE sip:alice@push.test SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 127.0.0.1:5072;branch=z9hG4bKn1;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b"From: <sip:ppg@push.test>;tag=1m\r\n"
    b"To: <sip:alice@push.test>\r\n"
    b"Call-ID: 1-3086@127.0.0.1\r\n"
    b"CSeq: 1 MESSAGE\r\n"
    b"Content-Type: application/vnd.oma.push\r\n"
    b"Content-Length: 4\r\n"
    b"\r\n"
    b"\r\n\xff\x00"
)


def with_line(line: bytes, instead_of: bytes = b"Max-Forwards: 70") -> bytes:
    assert instead_of in MESSAGE
    return MESSAGE.replace(instead_of, line)


def refusal(octets: bytes) -> BadSipMessage:
    with pytest.raises(BadSipMessage) as raised:
        parse_message(octets)
    return raised.value


def test_request_is_read_and_written_as_it_was() -> None:
    request = parse_message(MESSAGE)
    assert isinstance(request, SipRequest)
    assert (request.method, request.uri) == ("MESSAGE", "sip:alice@push.test")
    assert request.body == b"\r\n\xff\x00"
    assert top_via(request).branch == "z9hG4bKn1"
    assert top_via(request).rport is None
    assert cseq(request) == CSeq(1, "MESSAGE")
    assert (from_tag(request), to_tag(request)) == ("1m", None)
    assert call_id(request) == "1-3086@127.0.0.1"
    assert encode_message(request) == MESSAGE


def test_response_is_read_whatever_its_reason() -> None:
    octets = MESSAGE.replace(b"MESSAGE sip:alice@push.test SIP/2.0", b"SIP/2.0 200 ")
    response = parse_message(octets)
    assert isinstance(response, SipResponse)
    assert (response.status, response.reason, response.is_success) == (200, "", True)
    assert encode_message(response) == octets


def test_compact_folded_and_spaced_headers_are_read() -> None:
    octets = (
        b"\r\n\r\nOPTIONS sip:a@b SIP/2.0\r\n"
        b"v:  SIP / 2.0\r\n / UDP  h:5060 ; branch = z9hG4bKx \r\n"
        b"f : <sip:c@d>;tag=1\r\nT:sip:a@b\r\ni: x\r\ncseq: 0009\r\n\tOPTIONS\r\n"
        b'm: <sip:c@h>;+g.oma.pusheventapp="a,b", sip:e@f;q=0.5\r\nSubject:\r\nl:0\r\n\r\nmore'
    )
    request = parse_message(octets)
    assert cseq(request) == CSeq(9, "OPTIONS")
    via = top_via(request)
    assert (via.transport, via.host, via.port, via.branch) == ("UDP", "h", 5060, "z9hG4bKx")
    first, second = contacts(request)
    assert first.parameters.get("+g.oma.pusheventapp") == "a,b"
    assert (second.uri, second.parameters.get("q")) == ("sip:e@f", "0.5")
    assert request.headers.first("Subject") == ""
    assert request.headers.first("Call-ID") == "x"
    assert request.body == b""


def test_octets_that_are_no_utf8_survive() -> None:
    octets = with_line(b"X-Strange: \xff\xc3")
    request = parse_message(octets)
    assert encode_message(request) == octets


@pytest.mark.parametrize(
    ("line", "instead_of"),
    [
        (b"Content-Length: 5", b"Content-Length: 4"),
        (b"Content-Length: -4", b"Content-Length: 4"),
        (b"Content-Length: 4\r\nl: 4", b"Content-Length: 4"),
        (b"CSeq: 1 INVITE", b"CSeq: 1 MESSAGE"),
        (b"CSeq: 2147483648 MESSAGE", b"CSeq: 1 MESSAGE"),
        (b"CSeq: 1 XMESSAGE", b"CSeq: 1 MESSAGE"),
        (b"X: y", b"CSeq: 1 MESSAGE"),
        (b"X: y", b"Call-ID: 1-3086@127.0.0.1"),
        (b"X: y", b"To: <sip:alice@push.test>"),
        (b'To: "open <sip:alice@push.test>', b"To: <sip:alice@push.test>"),
        (b"To: <sip:a@b>;tag=1;x;TAG=2", b"To: <sip:alice@push.test>"),
        (b"To: <sip:a@b>\r\nTo: <sip:a@b>", b"To: <sip:alice@push.test>"),
        (b"Max-Forwards: 256", b"Max-Forwards: 70"),
        (b"no header", b"Max-Forwards: 70"),
        (b"na me: x", b"Max-Forwards: 70"),
        (b": x", b"Max-Forwards: 70"),
        (b"\r\n".join([b"X: y"] * 600), b"Max-Forwards: 70"),
        (b"Via: SIP/3.0/UDP 192.0.2.15", b"Max-Forwards: 70"),
        (b"Via: SIP/2.0/UDP 192.0.2.15;;,;,,", b"Max-Forwards: 70"),
        (b"MESSAGE  sip:alice@push.test SIP/2.0", b"MESSAGE sip:alice@push.test SIP/2.0"),
        (b"MESSAGE sip:a@b?x=y SIP/2.0", b"MESSAGE sip:alice@push.test SIP/2.0"),
        (b"MESSAGE sip:a@b:70000 SIP/2.0", b"MESSAGE sip:alice@push.test SIP/2.0"),
    ],
)
def test_malformed_request_is_refused_with_400_and_can_be_answered(
    line: bytes, instead_of: bytes
) -> None:
    error = refusal(with_line(line, instead_of))
    assert error.status == 400
    assert error.readable is not None
    assert error.readable.method == "MESSAGE"
    assert error.readable.headers.first("Via") is not None


def test_foreign_version_and_scheme_have_their_own_status() -> None:
    line = b"MESSAGE sip:alice@push.test SIP/2.0"
    assert refusal(with_line(b"MESSAGE sip:alice@push.test SIP/7.0", line)).status == 505
    assert refusal(with_line(b"MESSAGE tel:+123 SIP/2.0", line)).status == 416


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        MESSAGE.replace(b"\r\n", b"\n"),
        with_line(b"X: a\nEvil: b"),
        with_line(b"X: a\rEvil: b"),
        MESSAGE.replace(b"MESSAGE sip:alice@push.test SIP/2.0", b"SIP/2.0 4294967301 x"),
        MESSAGE.replace(b"MESSAGE sip:alice@push.test SIP/2.0", b"SIP/2.0 200 x").replace(
            b"1 MESSAGE", b"x MESSAGE"
        ),
    ],
)
def test_what_is_no_request_is_refused_without_an_answer(octets: bytes) -> None:
    assert refusal(octets).readable is None


@pytest.mark.parametrize(
    "message",
    [
        SipRequest("MESSAGE", "sip:a@b", SipHeaders((("X", "a\r\nEvil: b"),))),
        SipRequest("MESSAGE", "sip:a@b", SipHeaders((("X", "a\n b"),))),
        SipRequest("MESSAGE", "sip:a@b SIP/2.0"),
        SipRequest("MES SAGE", "sip:a@b"),
        SipRequest("MESSAGE", "sip:a@b", SipHeaders((("X", "\ud800"),))),
        SipResponse(200, "OK\r\nEvil: b"),
        SipResponse(99, "OK"),
    ],
)
def test_writer_refuses_what_would_smuggle(message: SipRequest | SipResponse) -> None:
    with pytest.raises(EncodeError):
        encode_message(message)
