"""Two real sessions joined by a simulated link, without sockets and without waiting.

A :class:`StreamPair` carries octets between the two ends of a Push-OTA variant as a stream does:
all of them, in order, after a latency, in segments of any size, until the link is cut, which may
happen after any octet. Nothing is lost before the cut and nothing is reordered: a stream does
neither (what datagrams suffer belongs to a pair of its own). Time is a
:class:`~omapush.testing.virtual_clock.VirtualClock`, and every choice is made by functions that the
caller gives, so a run repeats exactly; give hypothesis' ``draw`` and it explores them.

::

    clock = VirtualClock()
    pair = StreamPair(clock, HttpPpgSession(...), HttpTerminalSession(...), Link(latency_ms=40))
    pair.open()
    pair.left.request(PoConfirmedPushReq("1", message))
    pair.settle()                       # until no octet is under way
    pair.right.take()                   # the indications at the terminal
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from omapush.core.instants import Instant, later
from omapush.ota.interface import CloseConnection, Effect, SendOctets, StreamSession
from omapush.testing.virtual_clock import ScheduledCall, VirtualClock

RequestT = TypeVar("RequestT")
IndicationT = TypeVar("IndicationT")
LeftRequest = TypeVar("LeftRequest")
LeftIndication = TypeVar("LeftIndication")
RightRequest = TypeVar("RightRequest")
RightIndication = TypeVar("RightIndication")

MAX_STEPS = 100_000
"""Calls after which :meth:`StreamPair.settle` says that the sessions never come to rest."""


def whole(octets: int) -> int:
    """Deliver everything that is there as one segment."""
    return octets


@dataclass(frozen=True, slots=True)
class Link:
    """What the link does to the octets.

    :ivar latency_ms: how long octets travel, either way.
    :ivar segment: is given how many octets have arrived and returns how many of them, from 1 to
        that number, the session gets at a time.
    :ivar cut_to_left: the link breaks after so many octets have reached the left end.
    :ivar cut_to_right: the same for the right end.
    """

    latency_ms: int = 0
    segment: Callable[[int], int] = whole
    cut_to_left: int | None = None
    cut_to_right: int | None = None


class StreamEnd(Generic[RequestT, IndicationT]):
    """One end of a pair: a session, and what a bearer would do for it.

    :ivar sent: all octets that the session has written.
    :ivar received: how many octets the session was given.
    :ivar closed: why the connection ended, ``None`` while it has not.
    :ivar on_indication: is called with each indication, if set; it may make requests.
    """

    def __init__(self, session: StreamSession[RequestT, IndicationT], clock: VirtualClock) -> None:
        self.session = session
        self.sent = bytearray()
        self.received = 0
        self.closed: str | None = None
        self.on_indication: Callable[[IndicationT], None] | None = None
        self._clock = clock
        self._send: Callable[[Effect], None] = lambda _effect: None
        self._told: list[IndicationT] = []
        self._timer: ScheduledCall | None = None
        self._timer_at = Instant(0)
        self._pumping = False

    def request(self, primitive: RequestT) -> None:
        """Hand a primitive to the session and carry out what follows."""
        self.session.request(primitive, self._clock())
        self._pump()

    def take(self) -> list[IndicationT]:
        """Return and forget the indications so far."""
        told, self._told = self._told, []
        return told

    # -- called by the pair --

    def joined(self, send: Callable[[Effect], None]) -> None:
        """Start the session on an open connection."""
        self._send = send
        self.session.connected(self._clock())
        self._pump()

    def arrived(self, octets: bytes) -> None:
        """Give octets to the session; those that come after its end reach nobody."""
        if self.closed is not None:
            return
        self.received += len(octets)
        self.session.receive(octets, self._clock())
        self._pump()

    def ended(self, reason: str) -> None:
        """Tell the session, once, that the connection is gone."""
        if self.closed is None:
            self.closed = reason
            self.session.disconnected(reason, self._clock())
            self._pump()

    def _pump(self) -> None:
        if self._pumping:
            return  # a request out of an indication; the outer call goes on
        self._pumping = True
        try:
            while self._carry_out() | self._tell():
                pass
        finally:
            self._pumping = False
        self._arm()

    def _carry_out(self) -> bool:
        effects = self.session.effects()
        for effect in effects:
            if self.closed is None:
                self._send(effect)
                match effect:
                    case SendOctets(octets=octets):
                        self.sent += octets
                    case CloseConnection(reason=reason):
                        self._clock.call_at(self._clock(), partial(self.ended, reason))
        return bool(effects)

    def _tell(self) -> bool:
        indications = self.session.indications()
        for indication in indications:
            self._told.append(indication)
            if self.on_indication is not None:
                self.on_indication(indication)
        return bool(indications)

    def _arm(self) -> None:
        due = self.session.next_timer() if self.closed is None else None
        if due is not None and (self._timer is None or due < self._timer_at):
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = due
            self._timer = self._clock.call_at(due, self._fire)

    def _fire(self) -> None:
        self._timer = None
        due = self.session.next_timer()
        if self.closed is None and due is not None and due <= self._clock():
            self.session.handle_timer(self._clock())
        self._pump()


class _Way:
    """One direction of the link: octets on their way to ``receive``, then the end of the stream.

    ``pending`` counts the calls that the clock owes to it.
    """

    def __init__(
        self,
        clock: VirtualClock,
        link: Link,
        until_cut: int | None,
        receive: Callable[[bytes], None],
        end: Callable[[str], None],
        cut: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._link = link
        self._until_cut = until_cut
        self._receive = receive
        self._end = end
        self._cut = cut
        self._arrived = bytearray()
        self._at_end = False
        self._delivering = False
        self.pending = 0

    def take(self, effect: Effect) -> None:
        """Put what an end does on its way."""
        self._call(self._link.latency_ms, lambda: self._arrive(effect))

    def _call(self, after_ms: int, callback: Callable[[], None]) -> None:
        self.pending += 1

        def run() -> None:
            self.pending -= 1
            callback()

        self._clock.call_at(later(self._clock(), after_ms), run)

    def _arrive(self, effect: Effect) -> None:
        match effect:
            case SendOctets(octets=octets):
                self._arrived += octets
            case CloseConnection():
                self._at_end = True
        self._go_on()

    def _go_on(self) -> None:
        if not self._delivering and (self._arrived or self._at_end):
            self._delivering = True
            self._call(0, self._deliver)

    def _deliver(self) -> None:
        self._delivering = False
        if not self._arrived:
            self._end("the peer closed the connection")
            return
        size = min(max(1, self._link.segment(len(self._arrived))), len(self._arrived))
        if self._until_cut is not None:
            size = min(size, self._until_cut)
            self._until_cut -= size
        segment = bytes(self._arrived[:size])
        del self._arrived[:size]
        if segment:
            self._receive(segment)
        if self._until_cut == 0:
            self._cut()
        else:
            self._go_on()


class StreamPair(Generic[LeftRequest, LeftIndication, RightRequest, RightIndication]):
    """Two sessions and the link between them; left dials, which no session should notice."""

    def __init__(
        self,
        clock: VirtualClock,
        left: StreamSession[LeftRequest, LeftIndication],
        right: StreamSession[RightRequest, RightIndication],
        link: Link | None = None,
    ) -> None:
        self._clock = clock
        link = link or Link()
        self.left = StreamEnd(left, clock)
        self.right = StreamEnd(right, clock)
        self._to_left = _Way(
            clock, link, link.cut_to_left, self.left.arrived, self.left.ended, self.cut
        )
        self._to_right = _Way(
            clock, link, link.cut_to_right, self.right.arrived, self.right.ended, self.cut
        )

    def open(self) -> None:
        """Open the connection, and let it come to rest."""
        self.right.joined(self._to_left.take)
        self.left.joined(self._to_right.take)
        self.settle()

    def cut(self, reason: str = "the link was cut") -> None:
        """Break the link now: what is under way is lost, and both ends are told."""
        self.left.ended(reason)
        self.right.ended(reason)

    def settle(self) -> None:
        """Let time pass until nothing is under way; timers that come first go off.

        :raises AssertionError: the sessions never come to rest.
        """
        for _ in range(MAX_STEPS):
            if not self._to_left.pending + self._to_right.pending:
                return
            self._clock.step()
        raise AssertionError(f"octets are still under way after {MAX_STEPS} steps")
