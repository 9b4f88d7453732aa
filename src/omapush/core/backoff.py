"""Waits between tries that grow longer as long as they fail."""

from __future__ import annotations

from collections.abc import Callable


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
