"""A connection's octets are cut into messages and keep-alives, and nothing grows without end."""

from __future__ import annotations

import pytest

from omapush.protocols.sip.stream import (
    PING,
    PONG,
    Received,
    SipStream,
    SipStreamLost,
    StreamLimits,
)

HEADERS = (
    b"MESSAGE sip:alice@push.test SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKn1\r\n"
    b"From: <sip:ppg@push.test>;tag=1m\r\nTo: <sip:alice@push.test>\r\nCall-ID: 1\r\n"
    b"CSeq: 1 MESSAGE\r\n"
)
MESSAGE = HEADERS + b"Content-Length: 6\r\n\r\na\r\n\r\nb"


def test_messages_are_cut_at_every_octet() -> None:
    stream = SipStream()
    received: list[Received] = []
    for number in range(len(MESSAGE) * 2):
        received += stream.receive((MESSAGE * 2)[number : number + 1])
    assert received == [MESSAGE, MESSAGE]


def test_messages_and_keep_alives_of_one_read_are_told_apart() -> None:
    octets = b"\r\n\r\n" + MESSAGE + b"\r\n\r\n\r\n" + MESSAGE
    assert SipStream().receive(octets) == [PING, MESSAGE, PING, MESSAGE]


def test_ping_in_two_pieces_is_a_ping() -> None:
    stream = SipStream()
    assert stream.receive(b"\r\n") == []
    assert stream.receive(b"\r\n") == [PING]
    assert stream.receive(b"\r\n\r") == []
    assert stream.receive(b"\n") == [PING]


def test_dialling_end_sees_pongs() -> None:
    stream = SipStream(dialled=True)
    assert stream.receive(b"\r\n") == [PONG]
    assert stream.receive(b"\r\n" + MESSAGE) == [PONG, MESSAGE]


@pytest.mark.parametrize(
    "length", [b"Content-Length\t:\r\n 6\r\n", b"l:6\r\n", b"CONTENT-LENGTH: 006 \r\n"]
)
def test_content_length_is_found_however_it_is_written(length: bytes) -> None:
    octets = HEADERS + length + b"\r\na\r\n\r\nb"
    assert SipStream().receive(octets + MESSAGE) == [octets, MESSAGE]


@pytest.mark.parametrize(
    ("length", "status"),
    [
        (b"", 400),
        (b"Content-Length: x\r\n", 400),
        (b"Content-Length: 6\r\nl: 7\r\n", 400),
        (b"Content-Length: 1001\r\n", 413),
        (b"X: a\r\n Content-Length: 6\r\n", 400),
    ],
)
def test_stream_is_lost_without_a_good_length_and_says_what_came_before(
    length: bytes, status: int
) -> None:
    stream = SipStream(StreamLimits(head=1_000, body=1_000))
    with pytest.raises(SipStreamLost) as raised:
        stream.receive(MESSAGE + HEADERS + length + b"\r\nabcdef")
    assert raised.value.status == status
    assert raised.value.before == (MESSAGE,)
    assert raised.value.readable is not None
    assert raised.value.readable.method == "MESSAGE"
    with pytest.raises(SipStreamLost):
        stream.receive(MESSAGE)


def test_head_without_end_is_not_collected_for_ever() -> None:
    stream = SipStream(StreamLimits(head=1_000))
    stream.receive(b"A" * 1_000)
    with pytest.raises(SipStreamLost):
        stream.receive(b"A")
