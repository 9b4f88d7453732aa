"""How fast, and when again: a token bucket, and waits that double. Pure."""

from __future__ import annotations

from collections.abc import Callable

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


class Backoff:
    """Waits that double from ``first_ms`` to ``longest_ms``, spread so that not all wait alike.

    :param spread: gives a number from 0 to 1; a wait is cut by up to half of it.
    """

    def __init__(self, first_ms: int, longest_ms: int, spread: Callable[[], float]) -> None:
        self._first_ms = first_ms
        self._longest_ms = longest_ms
        self._spread = spread
        self._next_ms = first_ms

    @property
    def next_ms(self) -> int:
        """The next wait, before it is cut."""
        return self._next_ms

    def wait_ms(self) -> int:
        """Return a wait; the next one is twice as long."""
        wait = self._next_ms
        self._next_ms = min(2 * wait, self._longest_ms)
        return max(1, round(wait * (1 - self._spread() / 2)))

    def reset(self) -> None:
        """Begin again with the first wait."""
        self._next_ms = self._first_ms


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
