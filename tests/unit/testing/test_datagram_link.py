"""The simulated link of datagrams."""

from __future__ import annotations

from dataclasses import dataclass

from omapush.core.instants import Instant, later
from omapush.testing.datagram_link import DatagramLink, Faults
from omapush.testing.virtual_clock import START, VirtualClock


@dataclass(frozen=True)
class Sent:
    octets: bytes


class Machine:
    """Sends what it is asked to, tells what arrives, and speaks once at an instant of its own."""

    def __init__(self, speaks_at: Instant | None = None) -> None:
        self._speaks_at = speaks_at
        self._effects: list[Sent] = []
        self._told: list[tuple[Instant, bytes]] = []

    def request(self, primitive: bytes, now: Instant) -> None:
        self._effects.append(Sent(primitive))

    def receive(self, datagram: bytes, now: Instant) -> None:
        self._told.append((now, datagram))

    def next_timer(self) -> Instant | None:
        return self._speaks_at

    def handle_timer(self, now: Instant) -> None:
        self._speaks_at = None
        self._effects.append(Sent(b"timer"))

    def effects(self) -> list[Sent]:
        effects, self._effects = self._effects, []
        return effects

    def indications(self) -> list[tuple[Instant, bytes]]:
        told, self._told = self._told, []
        return told


Link = DatagramLink[bytes, tuple[Instant, bytes], bytes, tuple[Instant, bytes]]


def link(faults: Faults, seed: int = 0, left: Machine | None = None) -> tuple[VirtualClock, Link]:
    clock = VirtualClock()
    return clock, DatagramLink(clock, left or Machine(), Machine(), faults, seed)


def arrivals(faults: Faults, seed: int = 0) -> list[tuple[Instant, bytes]]:
    clock, joined = link(faults, seed)
    for number in range(100):
        joined.left.request(bytes((number,)))
        clock.advance(10)
    clock.advance(10_000)
    assert len(joined.left.sent) == 100
    return joined.right.take()


def test_clean_link_carries_every_datagram_in_order_after_its_latency() -> None:
    arrived = arrivals(Faults(latency_ms=30))
    assert arrived == [(later(START, 30 + 10 * number), bytes((number,))) for number in range(100)]


def test_link_repeats_exactly_with_the_same_seed_and_differs_with_another() -> None:
    faults = Faults(latency_ms=5, jitter_ms=100, loss=0.3, duplication=0.3)
    assert arrivals(faults, 1) == arrivals(faults, 1)
    assert arrivals(faults, 1) != arrivals(faults, 2)


def test_link_loses_repeats_and_reorders_as_told() -> None:
    assert len(arrivals(Faults(loss=0.5))) < 80
    assert len(arrivals(Faults(duplication=0.5))) > 120
    reordered = [octets for _, octets in arrivals(Faults(jitter_ms=200))]
    assert sorted(reordered) != reordered
    assert len(reordered) == 100
    assert arrivals(Faults(loss=1.0)) == []


def test_broken_link_loses_everything_and_an_end_can_lose_what_it_chooses() -> None:
    clock, joined = link(Faults())
    joined.is_broken = True
    joined.left.request(b"a")
    joined.is_broken = False
    joined.left.drop = lambda octets: octets == b"b"
    joined.left.request(b"b")
    joined.left.request(b"c")
    clock.advance(1_000)
    assert [octets for _, octets in joined.right.take()] == [b"c"]


def test_timers_of_a_machine_go_off_at_their_instants() -> None:
    clock, joined = link(Faults(latency_ms=1), left=Machine(later(START, 500)))
    joined.left.pump()
    clock.advance(1_000)
    assert joined.right.take() == [(later(START, 501), b"timer")]


def test_user_may_answer_an_indication_with_a_request() -> None:
    clock, joined = link(Faults(latency_ms=1))
    joined.right.on_indication = lambda told: joined.right.request(told[1] + b"!")
    joined.left.request(b"a")
    clock.advance(10)
    assert joined.left.take() == [(later(START, 2), b"a!")]
