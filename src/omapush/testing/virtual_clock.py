"""A clock that stands still until a test moves it.

It is what sessions and bearers ask for: a callable that returns the present
:data:`~omapush.core.instants.Instant`. Beside that it runs callbacks at their instants, in the
order of time, and of request where the time is the same, so that a run repeats exactly.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

from omapush.core.instants import Instant, later

START = Instant(1_700_000_000_000)
"""2023-11-14T22:13:20Z: where a clock starts unless it is told."""


class ScheduledCall:
    """A callback that waits for its instant; :meth:`cancel` makes it wait for ever."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Do not call; harmless after the call."""
        self._callback = None

    def run(self) -> None:
        """Call, once."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class VirtualClock:
    """Time for tests, in milliseconds, moved by hand."""

    def __init__(self, start: Instant = START) -> None:
        self._now = start
        self._order = itertools.count()
        self._calls: list[tuple[Instant, int, ScheduledCall]] = []

    def __call__(self) -> Instant:
        """Return the present."""
        return self._now

    def call_at(self, instant: Instant, callback: Callable[[], None]) -> ScheduledCall:
        """Have ``callback`` called when the clock comes to ``instant``; if it is past, next."""
        call = ScheduledCall(callback)
        heapq.heappush(self._calls, (max(instant, self._now), next(self._order), call))
        return call

    def step(self) -> bool:
        """Move to the next call and make it; return whether there was one."""
        if not self._calls:
            return False
        self._now, _, call = heapq.heappop(self._calls)
        call.run()
        return True

    def advance(self, milliseconds: int) -> None:
        """Let time pass, making every call that becomes due, also those that calls ask for.

        :raises ValueError: a clock does not go backwards.
        """
        if milliseconds < 0:
            raise ValueError("a clock does not go backwards")
        until = later(self._now, milliseconds)
        while self._calls and self._calls[0][0] <= until:
            self.step()
        self._now = until
