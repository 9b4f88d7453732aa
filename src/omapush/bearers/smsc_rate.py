"""How fast, and when again: a token bucket, and a pause that doubles. Pure."""

from __future__ import annotations

from omapush.core.backoff import Backoff
from omapush.core.instants import SECOND_MS, Instant, later

BURST_MS = 100
"""What was not used is saved for so long: SMSCs count by the second, and a burst counts twice."""


class TokenBucket:
    """Lets ``per_second`` pass; ``None``: everything."""

    def __init__(self, per_second: float | None) -> None:
        self._interval_ms = 0.0 if per_second is None else SECOND_MS / per_second
        self._saved_ms = max(BURST_MS, self._interval_ms) - self._interval_ms
        self._next_at = 0.0

    def take(self, now: Instant) -> bool:
        """Take one token, if there is one."""
        if now < self._next_at:
            return False
        if self._interval_ms:
            self._next_at = max(self._next_at, now - self._saved_ms) + self._interval_ms
        return True

    def wait_ms(self, now: Instant) -> float:
        """Return how long until there is a token."""
        return max(0.0, self._next_at - now)


class Throttle:
    """A pause for an SMSC that says that it is too much; longer each time it says so again."""

    def __init__(self, first_ms: int, longest_ms: int) -> None:
        self._backoff = Backoff(first_ms, longest_ms, lambda: 0.0)
        self.until = Instant(0)

    def throttled(self, now: Instant) -> None:
        """It said so. During a pause that is about what was sent before, and changes nothing."""
        if now >= self.until:
            self.until = later(now, self._backoff.wait_ms())

    def took(self, now: Instant) -> None:
        """It took a message."""
        if now >= self.until:
            self._backoff.reset()

    def wait_ms(self, now: Instant) -> int:
        """Return how long the pause still lasts."""
        return max(0, self.until - now)
