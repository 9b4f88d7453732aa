"""Two real datagram machines joined by a link that loses, delays, repeats and reorders.

What a machine must offer is :class:`DatagramMachine`; the endpoints of WTP and the ends of WSP
sessions do. Time is a :class:`~omapush.testing.virtual_clock.VirtualClock` and chance a generator
with a seed, so a run repeats exactly; give hypothesis' integers as seeds and it explores them.

::

    clock = VirtualClock()
    link = DatagramLink(clock, left, right, Faults(loss=0.2, jitter_ms=900), seed=7)
    link.left.request(TrInvokeReq(...))
    clock.advance(60_000)
    link.right.take()                   # the indications at the right end
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from omapush.core.instants import Instant, later
from omapush.testing.virtual_clock import ScheduledCall, VirtualClock

RequestT_contra = TypeVar("RequestT_contra", contravariant=True)
IndicationT_co = TypeVar("IndicationT_co", covariant=True)
RequestT = TypeVar("RequestT")
IndicationT = TypeVar("IndicationT")
LeftRequest = TypeVar("LeftRequest")
LeftIndication = TypeVar("LeftIndication")
RightRequest = TypeVar("RightRequest")
RightIndication = TypeVar("RightIndication")


class Datagram(Protocol):
    """An effect that asks for a datagram to be sent."""

    @property
    def octets(self) -> bytes:
        """What to send."""


class DatagramMachine(Protocol[RequestT_contra, IndicationT_co]):
    """A sans-IO machine that speaks datagrams with one peer."""

    def request(self, primitive: RequestT_contra, now: Instant, /) -> None:
        """Take a primitive of the user."""

    def receive(self, datagram: bytes, now: Instant, /) -> None:
        """Take a datagram of the peer."""

    def next_timer(self) -> Instant | None:
        """Return when it wants to be woken."""

    def handle_timer(self, now: Instant, /) -> None:
        """Do what is due."""

    def effects(self) -> Sequence[Datagram]:
        """Return and forget what is to be sent."""

    def indications(self) -> Sequence[IndicationT_co]:
        """Return and forget what the user is to be told."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What the link does to datagrams, either way.

    :ivar latency_ms: how long each travels at least.
    :ivar jitter_ms: how much longer some travel; more than the gap between two reorders them.
    :ivar loss: share that is lost, 0 to 1.
    :ivar duplication: share that arrives twice, each copy with a jitter of its own.
    """

    latency_ms: int = 20
    jitter_ms: int = 0
    loss: float = 0.0
    duplication: float = 0.0


class DatagramEnd(Generic[RequestT, IndicationT]):
    """One end of a link: a machine, and what a bearer would do for it.

    :ivar sent: every datagram that the machine has sent, lost ones included.
    :ivar on_indication: is called with each indication, if set; it may make requests.
    :ivar drop: is asked about each datagram sent, if set; ``True`` loses it.
    """

    def __init__(
        self, machine: DatagramMachine[RequestT, IndicationT], clock: VirtualClock
    ) -> None:
        self.machine = machine
        self.sent: list[bytes] = []
        self.on_indication: Callable[[IndicationT], None] | None = None
        self.drop: Callable[[bytes], bool] | None = None
        self._clock = clock
        self._carry: Callable[[bytes], None] = lambda _octets: None
        self._told: list[IndicationT] = []
        self._timer: ScheduledCall | None = None
        self._pumping = False

    def joined(self, carry: Callable[[bytes], None]) -> None:
        """Give what is sent from now on to ``carry``; the link calls this."""
        self._carry = carry

    def request(self, primitive: RequestT) -> None:
        """Hand a primitive to the machine and carry out what follows."""
        self.machine.request(primitive, self._clock())
        self.pump()

    def receive(self, octets: bytes) -> None:
        """Give a datagram to the machine; also for what no real peer would send."""
        self.machine.receive(octets, self._clock())
        self.pump()

    def take(self) -> list[IndicationT]:
        """Return and forget the indications so far."""
        told, self._told = self._told, []
        return told

    def pump(self) -> None:
        """Carry out what the machine wants; only needed after it was called past this end."""
        if self._pumping:
            return  # a request out of an indication; the outer call goes on
        self._pumping = True
        try:
            while self._send() | self._tell():
                pass
        finally:
            self._pumping = False
        self._arm()

    def _send(self) -> bool:
        effects = self.machine.effects()
        for effect in effects:
            self.sent.append(effect.octets)
            if self.drop is None or not self.drop(effect.octets):
                self._carry(effect.octets)
        return bool(effects)

    def _tell(self) -> bool:
        indications = self.machine.indications()
        for indication in indications:
            self._told.append(indication)
            if self.on_indication is not None:
                self.on_indication(indication)
        return bool(indications)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.machine.next_timer()
        if due is not None:
            self._timer = self._clock.call_at(due, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self.machine.handle_timer(self._clock())
        self.pump()


class DatagramLink(Generic[LeftRequest, LeftIndication, RightRequest, RightIndication]):
    """Two machines and the link between them.

    :ivar is_broken: while set, every datagram is lost.
    """

    def __init__(
        self,
        clock: VirtualClock,
        left: DatagramMachine[LeftRequest, LeftIndication],
        right: DatagramMachine[RightRequest, RightIndication],
        faults: Faults | None = None,
        seed: int = 0,
    ) -> None:
        self._clock = clock
        self._faults = faults or Faults()
        self._chance = random.Random(seed)  # noqa: S311 - repeatable on purpose, no secret
        self.is_broken = False
        self.left = DatagramEnd(left, clock)
        self.right = DatagramEnd(right, clock)
        self.left.joined(self._way(self.right.receive))
        self.right.joined(self._way(self.left.receive))

    def _way(self, receive: Callable[[bytes], None]) -> Callable[[bytes], None]:
        def carry(octets: bytes) -> None:
            faults, chance = self._faults, self._chance
            if self.is_broken or chance.random() < faults.loss:
                return
            for _ in range(2 if chance.random() < faults.duplication else 1):
                travel_ms = faults.latency_ms + chance.randint(0, faults.jitter_ms)
                self._clock.call_at(later(self._clock(), travel_ms), lambda: receive(octets))

        return carry
