"""Which keys may be in the table of pushes that were accepted, without looking into it. Pure.

Nearly every push is new, and that is what can be said from memory: a key of which nothing is known
here is not in the table. Of any other only the table can tell.
"""

from __future__ import annotations

from collections.abc import Iterable

from omapush.core.instants import Instant

MAX_KEYS = 65_536
"""Keys that are known; each takes about a hundred octets."""


class SeenKeys:
    """Knows the newest keys by their hashes, and since when it knows all of them.

    :param kept: keys and when their time is over, the first to end first: every one of the table,
        or more than ``most`` of the last.
    """

    def __init__(self, kept: Iterable[tuple[str, Instant]] = (), most: int = MAX_KEYS) -> None:
        self._most = most
        self._until: dict[int, Instant] = {}
        self._dropped_until = Instant(0)
        for key, until in kept:
            self.note(key, until)

    def note(self, key: str, until: Instant) -> None:
        """Take note of a key before it is written."""
        hashed = hash(key)
        self._until.pop(hashed, None)
        self._until[hashed] = until
        if len(self._until) > self._most:
            dropped = self._until.pop(next(iter(self._until)))
            self._dropped_until = max(self._dropped_until, dropped)

    def may_have(self, key: str, now: Instant) -> bool:
        """Whether a key whose time is not over may be in the table; if not, it is not."""
        return hash(key) in self._until or now < self._dropped_until
