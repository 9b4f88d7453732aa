"""The system's clock, read nowhere else."""

from __future__ import annotations

import time

from omapush.core.instants import Instant


class SystemClock:
    """Tells the time of day, and never a smaller one than before.

    When the system's clock is set back, the time stands still until it is caught up: leases and
    deadlines then last longer, and nothing happens twice.
    """

    def __init__(self) -> None:
        self._latest = 0

    def __call__(self) -> Instant:
        """Return the present instant."""
        self._latest = max(self._latest, time.time_ns() // 1_000_000)  # noqa: TID251 - this is the place
        return Instant(self._latest)
