"""The pushes that wait for one application, handed out in order and answered once.

Several readers may wait; each push goes to exactly one of them, and the next only when it is over,
or when the application takes more than one at a time. Whoever put a push in waits for
:attr:`Delivery.answer`, bounds that wait and then calls :meth:`Mailbox.void`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from omapush.cai.model import Answer, CaiError, EventGone, PushEvent

MAX_EVENTS = 100
MAX_OCTETS = 8 * 1024 * 1024
"""A single push may be longer: how long is the variant's to bound (``max_message_size``)."""
MAX_REMEMBERED = 128
"""Answered events of which it is still known that they were answered."""


def has_room(count: int, octets: int, more: int) -> bool:
    """Whether ``more`` octets fit beside ``count`` pushes of ``octets``.

    What was announced to be taken can be taken: alone, a push of any size has room.
    """
    return not count or (count < MAX_EVENTS and octets + more <= MAX_OCTETS)


def _future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


Handing = Callable[[PushEvent], Awaitable[PushEvent]]


@dataclass(slots=True, eq=False)
class Delivery:
    """A push on its way through a mailbox.

    :ivar handing: is awaited before the push is given to a reader, and returns the event as it is
        then; when it raises, the push stays where it is.
    :ivar answer: what the application says; ``None`` when it has deregistered.
    :ivar over: done when nothing can change any more; holds what went wrong with an answer, if
        anything did.
    :ivar taken: set while a reader has it.
    """

    event: PushEvent
    handing: Handing | None = None
    answer: asyncio.Future[Answer | None] = field(default_factory=_future)
    over: asyncio.Future[CaiError | None] = field(default_factory=_future)
    leased: bool = False
    taken: asyncio.Event = field(default_factory=asyncio.Event)


class Mailbox:
    """The mailbox of one registration.

    :param max_outstanding: pushes that the application has in hand at a time; may be changed.
    """

    def __init__(self, max_outstanding: int = 1) -> None:
        self.max_outstanding = max_outstanding
        self._waiting: deque[Delivery] = deque()
        self._by_id: dict[str, Delivery] = {}
        self._answered: dict[str, None] = {}
        self._octets = 0
        self._changed = asyncio.Condition()
        self._readers = 0
        self._closed = False

    @property
    def readers(self) -> int:
        """How many wait for an event just now."""
        return self._readers

    @property
    def outstanding(self) -> int:
        """How many pushes are with the application just now."""
        return len(self._by_id) - len(self._waiting)

    @property
    def closed(self) -> bool:
        """Whether the application has deregistered: nothing will come any more."""
        return self._closed

    def has_room(self, octets: int) -> bool:
        """Whether a push of this size still fits."""
        return has_room(len(self._by_id), self._octets, octets)

    async def put(self, event: PushEvent, handing: Handing | None = None) -> Delivery:
        """Add a push; ask :meth:`has_room` before."""
        delivery = Delivery(event, handing)
        self._waiting.append(delivery)
        self._by_id[event.event_id] = delivery
        self._octets += len(event.content)
        if self._closed:
            delivery.answer.set_result(None)
        await self._tell()
        return delivery

    async def lease(self, wait_ms: int | None) -> Delivery | None:
        """Wait for the next push; it is then nobody else's.

        :param wait_ms: ``None`` waits without end.
        :returns: ``None`` when nothing came in the time, or the mailbox is closed.
        """
        self._readers += 1
        try:
            timeout = None if wait_ms is None else wait_ms / 1000
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(lambda: self._closed or self._ready())
                if self._closed:
                    return None
                delivery = self._waiting.popleft()
                delivery.leased = True
            return await self._handed(delivery)
        except TimeoutError:
            return None
        finally:
            self._readers -= 1

    async def _handed(self, delivery: Delivery) -> Delivery:
        """Give a delivery to the reader. :raises Exception: what ``handing`` raised."""
        try:
            if delivery.handing is not None:
                delivery.event = await delivery.handing(delivery.event)
        except BaseException:
            await self.release(delivery.event.event_id)
            raise
        delivery.taken.set()
        return delivery

    async def release(self, event_id: str) -> None:
        """Take back a lease whose holder is gone; the push is the next one again."""
        delivery = self._by_id.get(event_id)
        if delivery is not None and delivery.leased and not delivery.answer.done():
            delivery.leased = False
            delivery.taken.clear()
            self._waiting.appendleft(delivery)
            await self._tell()

    def is_leased(self, event_id: str) -> bool:
        """Whether the application has it in hand."""
        delivery = self._by_id.get(event_id)
        return delivery is not None and delivery.leased

    def find(self, event_id: str) -> PushEvent | None:
        """Return an event that is not over yet."""
        delivery = self._by_id.get(event_id)
        return delivery.event if delivery else None

    def settle(self, event_id: str, answer: Answer) -> Delivery:
        """Give the application's answer. :raises EventGone: unknown, over, or already answered."""
        delivery = self._by_id.get(event_id)
        if event_id in self._answered or (delivery is not None and delivery.answer.done()):
            raise EventGone("the event was answered before", settled=True)
        if delivery is None or not delivery.leased:
            raise EventGone("no such event, or its deadline has passed")
        delivery.answer.set_result(answer)
        return delivery

    async def void(self, delivery: Delivery, error: CaiError | None = None) -> None:
        """Forget a push that has been answered or whose time is over.

        :param error: why an answer did not take effect, for the application.
        """
        event = delivery.event
        if self._by_id.pop(event.event_id, None) is not None:
            self._octets -= len(event.content)
        if delivery in self._waiting:
            self._waiting.remove(delivery)
        if delivery.answer.done() and error is None:
            self._answered[event.event_id] = None
            if len(self._answered) > MAX_REMEMBERED:
                del self._answered[next(iter(self._answered))]
        if not delivery.over.done():
            delivery.over.set_result(error)
        await self._tell()

    def end(self) -> None:
        """Begin as a mailbox that nothing comes to."""
        self._closed = True

    async def close(self) -> None:
        """Let nobody wait any longer: the application has deregistered."""
        self.end()
        for delivery in self._by_id.values():
            if not delivery.answer.done():
                delivery.answer.set_result(None)
        await self._tell()

    def _ready(self) -> bool:
        return bool(self._waiting) and self.outstanding < self.max_outstanding

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
