"""What is worth saying again only after a while, such as a line in the log about a stranger."""

from __future__ import annotations

from omapush.core.instants import MINUTE_MS, Instant, later


class Spacing:
    """Tells of each key whether it was let through not long ago.

    :param space_ms: between two times. :param limit: keys that are remembered, the newest.
    """

    def __init__(self, space_ms: int = MINUTE_MS, limit: int = 1_024) -> None:
        self._space_ms = space_ms
        self._limit = limit
        self._next: dict[str, Instant] = {}

    def lets(self, key: str, now: Instant) -> bool:
        """Return whether it is time for ``key`` again; if it is, that counts."""
        due = self._next.get(key)
        if due is not None and now < due:
            return False
        self._next.pop(key, None)
        while len(self._next) >= self._limit:
            del self._next[next(iter(self._next))]
        self._next[key] = later(now, self._space_ms)
        return True
