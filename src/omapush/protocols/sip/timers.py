"""The timers of SIP transactions as tables (RFC 3261 17 and table 4, RFC 6026), and the queue that
says which transaction is to be woken next.
"""

from __future__ import annotations

import enum
import heapq
import itertools
from dataclasses import dataclass, fields
from typing import Final, Generic, TypeVar

from omapush.core.instants import MINUTE_MS, Instant

_COMPACT_FROM = 64
"""Dead entries below which the queue is not worth being cleaned."""


class Timer(enum.Enum):
    """What may run in a transaction; ``C`` is a proxy's, and here the patience with an INVITE."""

    A = "INVITE is repeated"
    B = "INVITE is given up"
    C = "INVITE has been answered provisionally for too long"
    D = "repeated final responses to an INVITE are acknowledged"
    E = "another request is repeated"
    F = "another request is given up"
    G = "a final response to an INVITE is repeated"
    H = "ACK is given up"
    I = "repeated ACKs are absorbed"  # noqa: E741 - the letter of the standard
    J = "repeated requests are answered"
    K = "repeated responses are absorbed"
    L = "repeated INVITEs are absorbed after a 2xx"
    M = "further 2xx to an INVITE may come"


@dataclass(frozen=True, slots=True)
class Multiple:
    """A duration in units of T1 and T4."""

    t1: int = 0
    t4: int = 0


_NEVER: Final = None
_AT_ONCE: Final = Multiple()
_TIMEOUT: Final = Multiple(t1=64)

# RFC 3261 table 4 with RFC 6026 7.1: over UDP, and over what repeats by itself. D is "more than
# 32 s", which is 64*T1 with the T1 of the standard.
DURATIONS: Final[dict[Timer, tuple[Multiple | None, Multiple | None]]] = {
    Timer.A: (Multiple(t1=1), _NEVER),
    Timer.B: (_TIMEOUT, _TIMEOUT),
    Timer.D: (_TIMEOUT, _AT_ONCE),
    Timer.E: (Multiple(t1=1), _NEVER),
    Timer.F: (_TIMEOUT, _TIMEOUT),
    Timer.G: (Multiple(t1=1), _NEVER),
    Timer.H: (_TIMEOUT, _TIMEOUT),
    Timer.I: (Multiple(t4=1), _AT_ONCE),
    Timer.J: (_TIMEOUT, _AT_ONCE),
    Timer.K: (Multiple(t4=1), _AT_ONCE),
    Timer.L: (_TIMEOUT, _TIMEOUT),
    Timer.M: (_TIMEOUT, _TIMEOUT),
}


@dataclass(frozen=True, slots=True)
class SipTimers:
    """The intervals that all timers are made of.

    :ivar t1_ms: T1, the round trip that is reckoned with.
    :ivar t2_ms: T2, the longest interval between repetitions.
    :ivar t4_ms: T4, how long a message may stay in the network.
    :ivar patience_ms: how long an INVITE may go without final answer after a provisional one, at
        either end; timer C of proxies, which is more than three minutes.
    :ivar trying_ms: how long the user may think before an INVITE is answered with 100 (17.2.1).
    """

    t1_ms: int = 500
    t2_ms: int = 4_000
    t4_ms: int = 5_000
    patience_ms: int = 3 * MINUTE_MS + 5_000
    trying_ms: int = 200

    def __post_init__(self) -> None:
        """Refuse what would let no time pass. :raises ValueError: a value that is not positive."""
        for each in fields(self):
            if getattr(self, each.name) <= 0:
                raise ValueError(f"{each.name} must be positive")

    def duration_ms(self, timer: Timer, *, is_reliable: bool) -> int | None:
        """Return how long ``timer`` runs at first; ``None``: never there."""
        if timer is Timer.C:
            return self.patience_ms
        multiple = DURATIONS[timer][is_reliable]
        if multiple is None:
            return None
        return multiple.t1 * self.t1_ms + multiple.t4 * self.t4_ms

    @property
    def timeout_ms(self) -> int:
        """64*T1: when transactions end that nobody answers."""
        return 64 * self.t1_ms

    @property
    def first_100_ms(self) -> int:
        """How long a request other than INVITE may stay unanswered before 100 is sent: until the
        client repeats it only every T2 (RFC 4320 4.1).
        """
        passed, interval = 0, self.t1_ms
        while interval < self.t2_ms:
            passed += interval
            interval *= 2
        return passed


class Timed:
    """What can wait in a :class:`TimerQueue`.

    :ivar due: when it wants to be woken; ``None``: never. To be changed freely, followed by
        :meth:`TimerQueue.schedule`.
    """

    __slots__ = ("due", "queued_at")

    def __init__(self) -> None:
        self.due: Instant | None = None
        self.queued_at: Instant | None = None


TimedT = TypeVar("TimedT", bound=Timed)


class TimerQueue(Generic[TimedT]):
    """Which one is due next, among as many as one likes.

    Each has as a rule one entry in the heap. One whose time moves to later keeps its entry, which
    is moved when it comes up; dead entries are dropped then too, or all together when they are the
    greater part.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[Instant, int, TimedT]] = []
        self._order = itertools.count()
        self._dead = 0

    def __len__(self) -> int:
        """Return the number of entries, dead ones included."""
        return len(self._heap)

    def schedule(self, one: TimedT) -> None:
        """Take note that ``one.due`` may have changed."""
        if one.due is None:
            self._discard(one)
        elif one.queued_at is None or one.due < one.queued_at:
            self._discard(one)
            self._push(one, one.due)

    def next_due(self) -> Instant | None:
        """Return when the next one is due, ``None`` if nobody waits."""
        while self._heap:
            at, _, one = self._heap[0]
            if one.queued_at == at and one.due == at:
                return at
            heapq.heappop(self._heap)
            self._put_right(at, one)
        return None

    def take_due(self, now: Instant) -> TimedT | None:
        """Return one whose time has come; it waits for nothing until it is scheduled again."""
        at = self.next_due()
        if at is None or at > now:
            return None
        one = heapq.heappop(self._heap)[2]
        one.queued_at = None
        return one

    def _put_right(self, at: Instant, one: TimedT) -> None:
        if one.queued_at != at:  # superseded by an earlier entry
            self._dead = max(0, self._dead - 1)
        elif one.due is None:
            one.queued_at = None
        else:
            self._push(one, one.due)

    def _push(self, one: TimedT, due: Instant) -> None:
        one.queued_at = due
        heapq.heappush(self._heap, (due, next(self._order), one))

    def _discard(self, one: TimedT) -> None:
        if one.queued_at is None:
            return
        one.queued_at = None
        self._dead += 1
        if self._dead >= _COMPACT_FROM and 2 * self._dead > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].queued_at == entry[0]]
            heapq.heapify(self._heap)
            self._dead = 0
