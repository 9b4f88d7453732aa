"""The pushes that wait for one application, handed out one at a time and answered once.

Several readers may wait; each push goes to exactly one of them, and the next only when it is
answered. The confirmation upstream waits for :attr:`Delivery.answer`; whoever put the push in
bounds that wait and then calls :meth:`Mailbox.void`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from omapush.cai.model import Answer, EventGone, PushEvent

MAX_EVENTS = 100
MAX_OCTETS = 8 * 1024 * 1024


@dataclass(slots=True)
class Delivery:
    """A push on its way through a mailbox."""

    event: PushEvent
    answer: asyncio.Future[Answer] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    leased: bool = False


class Mailbox:
    """The mailbox of one registration."""

    def __init__(self) -> None:
        self._waiting: deque[Delivery] = deque()
        self._by_id: dict[str, Delivery] = {}
        self._octets = 0
        self._changed = asyncio.Condition()
        self._readers = 0

    @property
    def readers(self) -> int:
        """How many wait for an event just now."""
        return self._readers

    def has_room(self, octets: int) -> bool:
        """Whether a push of this size still fits."""
        return len(self._by_id) < MAX_EVENTS and self._octets + octets <= MAX_OCTETS

    async def put(self, event: PushEvent) -> Delivery:
        """Add a push; ask :meth:`has_room` before."""
        delivery = Delivery(event)
        self._waiting.append(delivery)
        self._by_id[event.event_id] = delivery
        self._octets += len(event.content)
        await self._tell()
        return delivery

    async def lease(self, wait_ms: int) -> PushEvent | None:
        """Wait for the next push; it is then nobody else's."""
        self._readers += 1
        try:
            async with asyncio.timeout(wait_ms / 1000), self._changed:
                await self._changed.wait_for(self._ready)
                delivery = self._waiting.popleft()
                delivery.leased = True
                return delivery.event
        except TimeoutError:
            return None
        finally:
            self._readers -= 1

    def find(self, event_id: str) -> PushEvent | None:
        """Return an event that is not over yet."""
        delivery = self._by_id.get(event_id)
        return delivery.event if delivery else None

    def settle(self, event_id: str, answer: Answer) -> None:
        """Give the application's answer. :raises EventGone: unknown, over, or already answered."""
        delivery = self._by_id.get(event_id)
        if delivery is None or not delivery.leased:
            raise EventGone("no such event, or its deadline has passed")
        if delivery.answer.done():
            raise EventGone("the event was answered before", settled=True)
        delivery.answer.set_result(answer)

    async def void(self, delivery: Delivery) -> None:
        """Forget a push that has been answered or whose time is over."""
        if self._by_id.pop(delivery.event.event_id, None) is not None:
            self._octets -= len(delivery.event.content)
        if delivery in self._waiting:
            self._waiting.remove(delivery)
        await self._tell()

    def _ready(self) -> bool:
        # One at a time: the next push is handed out when the one before it is over.
        outstanding = len(self._by_id) - len(self._waiting)
        return bool(self._waiting) and outstanding == 0

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
