"""MSRP and SDP take whatever comes: it is read, or refused by their errors; nothing is lost."""

from __future__ import annotations

import contextlib
import itertools

from hypothesis import given
from hypothesis import strategies as st

from omapush.core.instants import Instant
from omapush.protocols.msrp.bad_frame import BadFrame
from omapush.protocols.msrp.connection import MsrpConnection
from omapush.protocols.msrp.frame import FailureReport
from omapush.protocols.msrp.reading import FrameReader
from omapush.protocols.msrp.session import (
    Ends,
    MessageInd,
    MessageSentInd,
    MsrpSettings,
    SendMessage,
)
from omapush.protocols.msrp.uri import parse_path
from omapush.protocols.sdp import (
    BadDescription,
    Description,
    Direction,
    Media,
    Setup,
    encode_description,
    parse_description,
)

NOW = Instant(0)
HERE = parse_path("msrp://127.0.0.1:2855/here;tcp")
THERE = parse_path("msrp://127.0.0.1:2856/there;tcp")
PIECES = st.sampled_from(
    [
        b"MSRP abcd SEND\r\n",
        b"MSRP abcd REPORT\r\n",
        b"MSRP abcd 200 OK\r\n",
        b"To-Path: msrp://127.0.0.1:2855/here;tcp\r\n",
        b"From-Path: msrp://127.0.0.1:2856/there;tcp\r\n",
        b"Message-ID: message1\r\n",
        b"Byte-Range: 1-*/*\r\n",
        b"Byte-Range: 5-9/9\r\n",
        b"Status: 000 200 OK\r\n",
        b"Content-Type: a/b\r\n",
        b"\r\n",
        b"content",
        b"-------abcd$\r\n",
        b"-------abcd+\r\n",
        b"-------abcd#\r\n",
    ]
)


@given(st.lists(PIECES | st.binary(max_size=20), max_size=40), st.integers(1, 60))
def test_connection_survives_whatever_comes(pieces: list[bytes], size: int) -> None:
    end = MsrpConnection(MsrpSettings(max_octets=100), lambda: "wxyz", ends=Ends(HERE, THERE))
    stream = b"".join(pieces)
    for start in range(0, len(stream), size):
        end.receive(stream[start : start + size], NOW)
    end.disconnected("cut")
    told = end.indications()
    assert sum(isinstance(one, MessageInd) for one in told) <= stream.count(b"$")
    with contextlib.suppress(BadFrame):
        FrameReader().receive(b"".join(end.written()))


@given(
    st.lists(st.binary(max_size=200), max_size=5),
    st.integers(1, 40),
    st.integers(1, 4),
    st.sampled_from(list(FailureReport)),
    st.integers(1, 50),
)
def test_messages_arrive_as_they_were_sent(
    bodies: list[bytes], chunk: int, window: int, wanted: FailureReport, size: int
) -> None:
    numbers = itertools.count(1_000)
    settings = MsrpSettings(chunk_octets=chunk, window=window)
    one = MsrpConnection(settings, lambda: f"a{next(numbers)}", ends=Ends(HERE, THERE))
    other = MsrpConnection(settings, lambda: f"b{next(numbers)}", ends=Ends(THERE, HERE))
    for number, body in enumerate(bodies):
        one.request(SendMessage(f"message{number}", "a/b", body, failure_report=wanted), NOW)
    while out := b"".join(one.written()):
        for start in range(0, len(out), size):
            other.receive(out[start : start + size], NOW)
        one.receive(b"".join(other.written()), NOW)
    arrived = {each.message_id: each.body for each in other.indications()
               if isinstance(each, MessageInd)}  # fmt: skip
    assert arrived == {f"message{number}": body for number, body in enumerate(bodies)}
    sent = [each for each in one.indications() if isinstance(each, MessageSentInd)]
    assert len(sent) == len(bodies)


@given(st.binary(max_size=300))
def test_description_is_read_or_refused(octets: bytes) -> None:
    with contextlib.suppress(BadDescription):
        parse_description(b"v=0\r\no=- 1 1 IN IP4 a\r\n" + octets)


TOKENS = st.text("abcdefghijklmnop0123456789/.+-", min_size=1, max_size=20)
MEDIA = st.builds(
    Media,
    kind=st.sampled_from(["message", "audio"]),
    port=st.integers(1, 65_535),
    protocol=st.sampled_from(["TCP/MSRP", "TCP/TLS/MSRP", "RTP/AVP"]),
    path=TOKENS,
    accept_types=st.lists(TOKENS, max_size=3).map(tuple),
    accept_wrapped_types=st.lists(TOKENS, max_size=3).map(tuple),
    max_size=st.none() | st.integers(0, 10**9),
    setup=st.none() | st.sampled_from(list(Setup)),
    direction=st.sampled_from(list(Direction)),
    fingerprint=st.none() | TOKENS,
    host=st.just("127.0.0.1"),
)


@given(st.lists(MEDIA, max_size=4).map(tuple), st.integers(0, 10**9), st.integers(0, 10**9))
def test_description_that_was_written_reads_the_same(
    media: tuple[Media, ...], session_id: int, version: int
) -> None:
    description = Description("127.0.0.1", media, session_id, version)
    assert parse_description(encode_description(description)) == description
