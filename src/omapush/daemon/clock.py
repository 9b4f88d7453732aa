"""The system's clock, read nowhere else."""

from __future__ import annotations

import time

from omapush.core.instants import Instant

_HALF_SPEED_NS = 2_000_000
"""In so many nanoseconds a millisecond passes while the system's clock is behind."""


class SystemClock:
    """Tells the time of day, and never a smaller one than before.

    When the system's clock is set back, the time goes on at half its speed until it is caught up:
    leases and deadlines then last longer, nothing happens twice, and what waits for a second waits
    for two, and not for as long as the clock was set back.
    """

    def __init__(self) -> None:
        self._latest = 0
        self._since = 0  # when that was, by the clock that nobody sets, in nanoseconds

    def __call__(self) -> Instant:
        """Return the present instant."""
        told = time.time_ns() // 1_000_000  # noqa: TID251 - this is the place
        now = time.monotonic_ns()
        if told >= self._latest:
            self._latest, self._since = told, now
        else:
            passed = (now - self._since) // _HALF_SPEED_NS
            self._latest += passed
            self._since += passed * _HALF_SPEED_NS
        return Instant(self._latest)
