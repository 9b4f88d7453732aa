"""Which of many machines wants to be woken first."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Hashable

from omapush.core.instants import Instant

_SPARE = 64


class Schedule:
    """Instants by key; finding the first does not look at all of them."""

    def __init__(self) -> None:
        self._due: dict[Hashable, Instant] = {}
        self._heap: list[tuple[Instant, int, Hashable]] = []
        self._order = itertools.count()

    def set(self, key: Hashable, due: Instant | None) -> None:
        """Have ``key`` due then, or never, whatever was said before."""
        if due is None:
            self._due.pop(key, None)
        elif self._due.get(key) != due:
            self._due[key] = due
            heapq.heappush(self._heap, (due, next(self._order), key))
            if len(self._heap) > 4 * len(self._due) + _SPARE:
                self._heap = [(at, next(self._order), one) for one, at in self._due.items()]
                heapq.heapify(self._heap)

    def next(self) -> Instant | None:
        """Return the first instant at which something is due."""
        while self._heap:
            due, _, key = self._heap[0]
            if self._due.get(key) == due:
                return due
            heapq.heappop(self._heap)
        return None

    def take(self, now: Instant) -> list[Hashable]:
        """Return the keys that are due by ``now``, first ones first, and forget them."""
        taken: list[Hashable] = []
        while (due := self.next()) is not None and due <= now:
            key = heapq.heappop(self._heap)[2]
            del self._due[key]
            taken.append(key)
        return taken
