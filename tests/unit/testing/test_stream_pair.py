"""The test kit itself: the clock that is moved by hand, and the simulated stream."""

from __future__ import annotations

import pytest

from omapush.core.instants import Instant, later
from omapush.ota.interface import CloseConnection, Effect, SendOctets
from omapush.testing import pair as pair_module
from omapush.testing.pair import Link, StreamPair
from omapush.testing.virtual_clock import START, VirtualClock

Request = bytes | None


class Plain:
    """Sends each request and closes at ``None``; indicates segments and the end, with the time."""

    def __init__(self, echo: bool = False) -> None:
        self.echo = echo
        self.wake_at: Instant | None = None
        self.told: list[tuple[Instant, bytes | str]] = []
        self.out: list[Effect] = []

    def connected(self, now: Instant) -> None:
        self.told.append((now, "connected"))

    def request(self, primitive: Request, now: Instant) -> None:
        self.out.append(CloseConnection("done") if primitive is None else SendOctets(primitive))

    def receive(self, octets: bytes, now: Instant) -> None:
        self.told.append((now, octets))
        if self.echo:
            self.out.append(SendOctets(octets))

    def disconnected(self, reason: str, now: Instant) -> None:
        self.told.append((now, reason))

    def next_timer(self) -> Instant | None:
        return self.wake_at

    def handle_timer(self, now: Instant) -> None:
        self.wake_at = None
        self.told.append((now, "woken"))

    def effects(self) -> list[Effect]:
        out, self.out = self.out, []
        return out

    def indications(self) -> list[tuple[Instant, bytes | str]]:
        told, self.told = self.told, []
        return told


def opened(
    link: Link | None = None, *, echo: bool = False
) -> tuple[VirtualClock, StreamPair[Request, object, Request, object]]:
    clock = VirtualClock()
    streams: StreamPair[Request, object, Request, object] = StreamPair(
        clock, Plain(), Plain(echo), link
    )
    streams.open()
    assert streams.left.take() == streams.right.take() == [(START, "connected")]
    return clock, streams


# -- the clock --


def test_clock_makes_calls_in_order_of_time_and_then_of_request() -> None:
    clock, calls = VirtualClock(), []
    for name, after in (("c", 20), ("a", 10), ("b", 10)):
        clock.call_at(later(START, after), lambda name=name: calls.append((name, clock() - START)))
    clock.advance(9)
    assert calls == []
    clock.advance(100)
    assert calls == [("a", 10), ("b", 10), ("c", 20)]
    assert clock() - START == 109
    assert clock.step() is False


def test_clock_makes_no_cancelled_call_and_past_calls_now() -> None:
    clock, calls = VirtualClock(), []
    clock.call_at(later(START, 5), lambda: calls.append("cancelled")).cancel()
    clock.advance(7)
    clock.call_at(START, lambda: calls.append(clock() - START))
    clock.advance(0)
    assert calls == [7]


def test_clock_does_not_go_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        VirtualClock().advance(-1)


# -- the pair --


def test_pair_carries_octets_both_ways_after_latency() -> None:
    _, streams = opened(Link(latency_ms=30), echo=True)
    streams.left.request(b"ping")
    streams.settle()
    assert streams.right.take() == [(later(START, 30), b"ping")]
    assert streams.left.take() == [(later(START, 60), b"ping")]
    assert (streams.left.received, streams.right.received) == (4, 4)
    assert bytes(streams.left.sent) == b"ping"


def test_pair_cuts_octets_into_the_segments_asked_for() -> None:
    sizes = iter([3, 0, 99, 1])
    _, streams = opened(Link(segment=lambda _available: next(sizes)))
    streams.left.request(b"abcdef")
    streams.left.request(b"g")
    streams.settle()
    assert [octets for _, octets in streams.right.take()] == [b"abc", b"d", b"efg"]


@pytest.mark.parametrize("cut", range(5))
def test_pair_breaks_after_the_octet_asked_for(cut: int) -> None:
    _, streams = opened(Link(cut_to_right=cut))
    streams.left.request(b"abcd")
    streams.left.request(b"efgh")
    streams.settle()
    told = [what for _, what in streams.right.take()]
    assert told == [*([b"abcd"[:cut]] if cut else []), "the link was cut"]
    assert [what for _, what in streams.left.take()] == ["the link was cut"]
    streams.left.request(b"late")
    streams.settle()
    assert bytes(streams.left.sent) == b"abcdefgh"
    assert streams.right.take() == []


def test_pair_delivers_what_was_written_before_the_end() -> None:
    _, streams = opened(Link(latency_ms=5))
    streams.left.request(b"last words")
    streams.left.request(None)
    streams.settle()
    assert [what for _, what in streams.right.take()] == [
        b"last words",
        "the peer closed the connection",
    ]
    assert [what for _, what in streams.left.take()] == ["done"]
    assert (streams.left.closed, streams.right.closed) == (
        "done",
        "the peer closed the connection",
    )


def test_pair_wakes_sessions_at_their_instants_only() -> None:
    clock, streams = opened()
    session = streams.left.session
    assert isinstance(session, Plain)
    session.wake_at = later(START, 50)
    streams.left.request(b"x")
    session.wake_at = later(START, 80)  # put off; the timer that is set finds out
    clock.advance(79)
    assert streams.left.take() == []
    clock.advance(1)
    assert streams.left.take() == [(later(START, 80), "woken")]


def test_pair_takes_requests_out_of_indications() -> None:
    _, streams = opened()
    streams.right.on_indication = lambda _told: streams.right.request(b"pong")
    streams.left.request(b"ping")
    streams.settle()
    assert [what for _, what in streams.left.take()] == [b"pong"]


def test_pair_says_when_sessions_never_come_to_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_module, "MAX_STEPS", 100)
    clock = VirtualClock()
    streams: StreamPair[Request, object, Request, object] = StreamPair(
        clock, Plain(echo=True), Plain(echo=True)
    )
    streams.open()
    streams.left.request(b"echo")
    with pytest.raises(AssertionError, match="under way"):
        streams.settle()
