"""Whoever listens to changes of state (AD-6): each has a queue of its own, with an end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from omapush.cai.model import Registration, StatusChange

MAX_STATUS_CHANGES = 256
"""Changes that wait for one listener; a slower one loses the oldest."""


class StatusListeners:
    """Tells every listener every change."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[StatusChange]] = set()

    def __len__(self) -> int:
        return len(self._queues)

    def tell(self, change: StatusChange) -> None:
        """Queue a change for everyone who listens now."""
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

    async def next_of(self, registration_id: str, wait_ms: int) -> Registration | None:
        """Wait for the next change of one registration; ``None`` when the wait is over."""
        async with contextlib.aclosing(self.changes()) as changes:
            try:
                async with asyncio.timeout(wait_ms / 1000):
                    async for change in changes:
                        if change.registration.registration_id == registration_id:
                            return change.registration
            except TimeoutError:
                pass
        return None
