"""Whoever listens to changes of state (AD-6): each has a queue of its own, with an end.

The newest changes are also remembered, by numbers that count up. So one who was away for a moment
asks for what came after the last that it knows.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator

from omapush.cai.model import Registration, StatusChange

MAX_STATUS_CHANGES = 256
"""Changes that wait for one listener, and that are remembered; the oldest are lost."""


class StatusListeners:
    """Tells every listener every change.

    :ivar position: the number of the newest change, 0 before the first.
    """

    def __init__(self) -> None:
        self.position = 0
        self._queues: set[asyncio.Queue[StatusChange]] = set()
        self._newest: deque[tuple[int, StatusChange]] = deque(maxlen=MAX_STATUS_CHANGES)
        self._moved = asyncio.Event()
        self._waiting = 0

    def __len__(self) -> int:
        return len(self._queues) + self._waiting

    def tell(self, change: StatusChange) -> None:
        """Queue a change for everyone who listens now, and remember it."""
        self.position += 1
        self._newest.append((self.position, change))
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
        for queue in self._queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(change)

    async def changes(self) -> AsyncGenerator[StatusChange, None]:
        """Yield every change from the first request on."""
        queue: asyncio.Queue[StatusChange] = asyncio.Queue(MAX_STATUS_CHANGES)
        self._queues.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._queues.discard(queue)

    def next_move(self) -> asyncio.Event:
        """Return what is set by the next change. Ask for it before :meth:`after`."""
        return self._moved

    def remembers(self, position: int) -> bool:
        """Whether every change after ``position`` is still known."""
        return self.position - len(self._newest) <= position <= self.position

    def after(self, position: int) -> list[tuple[int, StatusChange]]:
        """Return the changes after ``position`` that are still known, with their numbers."""
        return [(number, change) for number, change in self._newest if number > position]

    async def next_of(
        self, registration_id: str, wait_ms: int, position: int | None = None
    ) -> Registration | None:
        """Wait for the next change of one registration; ``None`` when the wait is over.

        :param position: after which change; ``None``: after the newest.
        """
        at = self.position if position is None else position
        self._waiting += 1
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_ms / 1000):
                    while True:
                        moved = self.next_move()
                        for number, change in self.after(at):
                            at = number
                            if change.registration.registration_id == registration_id:
                                return change.registration
                        await moved.wait()
        finally:
            self._waiting -= 1
        return None
