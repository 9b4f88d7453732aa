"""What drives a sans-IO machine, whatever carries its octets: effects, indications and one timer.

A :class:`Driver` is what a bearer's connection or port is made of. After anything that happened to
the machine it carries out what the machine wants, tells what it indicates, until there is no more,
and has it woken in time.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from omapush.core.instants import Instant
from omapush.core.trace import TraceRecord

RequestT = TypeVar("RequestT")
_RequestT = TypeVar("_RequestT", contravariant=True)

Clock = Callable[[], Instant]
OnTrace = Callable[[TraceRecord], None]


def no_trace(record: TraceRecord) -> None:
    """Keep nothing."""


class Machine(Protocol[_RequestT]):
    """The part of a session, or of a machine on a port, that has nothing to do with its bearer."""

    def request(self, primitive: _RequestT, now: Instant) -> None:
        """Take a primitive from above."""

    def next_timer(self) -> Instant | None:
        """When :meth:`handle_timer` wants to be called, or ``None``."""

    def handle_timer(self, now: Instant) -> None:
        """The instant of :meth:`next_timer` has come."""

    def effects(self) -> Sequence[Any]:
        """Hand out and forget what is to be done below."""

    def indications(self) -> Sequence[Any]:
        """Hand out and forget what is to be told above."""


class Driver(ABC, Generic[RequestT]):
    """Drives one machine, in one event loop.

    :param on_indication: is told in order what the machine indicates; must not block.
    """

    # There is one for each connection, and a gateway holds very many.
    __slots__ = ("_clock", "_driven", "_on_indication", "_pumping", "_timer", "_timer_at")

    def __init__(
        self, driven: Machine[RequestT], on_indication: Callable[[Any], None], clock: Clock
    ) -> None:
        self._driven = driven
        self._on_indication = on_indication
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: Instant | None = None
        self._pumping = False

    @property
    @abstractmethod
    def _is_open(self) -> bool:
        """Whether the machine is still to be woken."""

    @abstractmethod
    def _carry_out(self, effect: Any) -> None:  # noqa: ANN401 - each bearer has effects of its own
        """Do what the machine wants done below."""

    def request(self, primitive: RequestT) -> None:
        """Hand a primitive to the machine and carry out what follows."""
        self._driven.request(primitive, self._clock())
        self._pump()

    def _pump(self) -> None:
        """Carry out effects and tell indications until there are no more."""
        if self._pumping:
            return  # an indication's receiver made a request; the outer call goes on
        self._pumping = True
        try:
            while self._do() | self._tell():
                pass
        finally:
            self._pumping = False
            self._arm()  # whatever went wrong above, the machine must be woken

    def _do(self) -> bool:
        effects = self._driven.effects()
        for effect in effects:
            self._carry_out(effect)
        return bool(effects)

    def _tell(self) -> bool:
        indications = self._driven.indications()
        for indication in indications:
            self._on_indication(indication)
        return bool(indications)

    def _arm(self) -> None:
        """Have the machine woken in time; a timer that is due too early is left to find out."""
        due = self._driven.next_timer() if self._is_open else None
        if due is None:
            return
        if self._timer is not None:
            if self._timer_at is not None and self._timer_at <= due:
                return
            self._timer.cancel()
        self._timer_at = due
        delay = max(0, due - self._clock()) / 1000
        self._timer = asyncio.get_running_loop().call_later(delay, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = self._clock()
        due = self._driven.next_timer()
        if due is not None and due <= now:
            self._driven.handle_timer(now)
        self._pump()

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
