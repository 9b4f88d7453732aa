"""Pushes that nobody upstream waits for any more: on disk until their application has had them.

These are unconfirmed pushes, and confirmed ones of registrations that let the client's own storage
take responsibility (``delegated_storage``). Each is kept first and then handed over, and handed
over again when the application does not answer: after growing waits, until it expires. An
application that asked for ``at_most_once`` gets it once; the fact is on disk before it gets it.

On failure: what cannot be kept is refused upstream. What cannot be removed after an acceptance is
handed over again after a restart, under the same event id.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import structlog

from omapush.cai.model import (
    Accept,
    Answer,
    CaiError,
    Delivery,
    PushEvent,
    Reason,
    Registration,
    Reject,
)
from omapush.client.event_store import EventStore, Kept, SeenMark
from omapush.client.mailbox import Delivery as InMailbox
from omapush.client.mailbox import Handing, Mailbox, has_room
from omapush.client.quarantine import Quarantine, log_members, refused_event
from omapush.client.store import ClientStoreError
from omapush.core.instants import DAY_MS, MINUTE_MS, SECOND_MS, Instant, later

log = structlog.get_logger(__name__)

Wait = Callable[[int], Awaitable[None]]
"""Returns after so many milliseconds."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How pushes are kept.

    :ivar again_ms: until a push is handed over again after the first, the second, and at the end
        any further attempt.
    :ivar hold_ms: how long it is kept.
    """

    again_ms: tuple[int, ...] = (30 * SECOND_MS, 2 * MINUTE_MS, 10 * MINUTE_MS)
    hold_ms: int = DAY_MS


async def _sleep(milliseconds: int) -> None:
    await asyncio.sleep(milliseconds / SECOND_MS)


@dataclass(slots=True)
class _OfRegistration:
    """The pushes that are kept for one registration."""

    mailbox: Mailbox
    registration: Callable[[], Registration]
    kept: OrderedDict[str, tuple[Kept, asyncio.Task[None]]]
    writing: list[int] = field(default_factory=list)

    @property
    def octets(self) -> int:
        return sum(one.octets for one, _ in self.kept.values()) + sum(self.writing)


class EventQueue:
    """The queues of all registrations.

    :param acceptance_ms: how long the application of a registration may take.
    """

    def __init__(
        self,
        store: EventStore,
        quarantine: Quarantine,
        clock: Callable[[], Instant],
        acceptance_ms: Callable[[Registration], int],
        limits: QueueLimits | None = None,
        wait: Wait = _sleep,
    ) -> None:
        self._limits = limits or QueueLimits()
        self._wait = wait
        self._store = store
        self._quarantine = quarantine
        self._clock = clock
        self._acceptance_ms = acceptance_ms
        self._queues: dict[str, _OfRegistration] = {}

    async def load(self) -> dict[str, list[Kept]]:
        """Return what an earlier life has kept, by registration."""
        found: dict[str, list[Kept]] = {}
        for kept in await self._store.all():
            found.setdefault(kept.registration_id, []).append(kept)
        return found

    def open(
        self,
        mailbox: Mailbox,
        registration: Callable[[], Registration],
        earlier: list[Kept] | None = None,
    ) -> None:
        """Begin to serve a registration, with what was kept for it ``earlier``."""
        queue = _OfRegistration(mailbox, registration, OrderedDict())
        self._queues[registration().registration_id] = queue
        for kept in earlier or ():
            self._begin(queue, kept)

    async def drop(self, registration_id: str) -> None:
        """Forget the queue of a registration that has ended."""
        queue = self._queues.pop(registration_id, None)
        if queue is None:
            return
        await _cancelled([task for _, task in queue.kept.values()])
        await self.forget(registration_id)

    async def forget(self, registration_id: str) -> None:
        """Forget what is on disk for a registration that has ended."""
        try:
            await self._store.remove_of(registration_id)
        except ClientStoreError as error:
            log.error("events_not_removed", registration=registration_id, reason=str(error))

    async def close(self) -> None:
        """Leave off; what is kept is on disk."""
        queues = self._queues.values()
        await _cancelled([task for queue in queues for _, task in queue.kept.values()])

    def waiting(self, registration_id: str) -> int:
        """Return how many pushes are kept for a registration."""
        queue = self._queues.get(registration_id)
        return len(queue.kept) if queue is not None else 0

    async def put(self, event: PushEvent, seen: SeenMark | None, *, make_room: bool) -> bool:
        """Keep a push and hand it over when the application is ready for it.

        :param make_room: drop the oldest when there is no room; otherwise it is refused.
        :returns: whether it is on disk; not when its registration has ended meanwhile.
        :raises ClientStoreError: it cannot be kept.
        """
        queue = self._queues.get(event.registration_id)
        if queue is None:
            return False
        while not _has_room(queue, len(event.content)):
            if not make_room or not queue.kept:
                return False
            await self._drop_oldest(queue)
        expires = later(event.received, self._limits.hold_ms)
        queue.writing.append(len(event.content))
        try:
            kept = await self._store.add(event, expires, seen)
        finally:
            queue.writing.remove(len(event.content))
        if self._queues.get(event.registration_id) is not queue:
            return False
        self._begin(queue, kept)
        return True

    async def _drop_oldest(self, queue: _OfRegistration) -> None:
        event_id, (_, task) = next(
            (one for one in queue.kept.items() if not queue.mailbox.is_leased(one[0])),
            next(iter(queue.kept.items())),
        )
        await _cancelled([task])
        queue.kept.pop(event_id, None)
        await self._drop(event_id, "the queue was full")

    async def _drop(self, event_id: str, why: str) -> None:
        event = await self._store.read(event_id)
        if event is not None:
            await self._give_up(event, why)

    def _begin(self, queue: _OfRegistration, kept: Kept) -> None:
        task = asyncio.create_task(self._serve(queue, kept))
        queue.kept[kept.event_id] = (kept, task)
        task.add_done_callback(lambda done: _ended(queue, kept, done))

    async def _serve(self, queue: _OfRegistration, kept: Kept) -> None:
        """Hand a push over until it is answered or has expired.

        After a fault of ours it keeps its place, on disk too, and comes again after a restart.
        """
        expiry = asyncio.ensure_future(self._wait(max(kept.expires - self._clock(), 0)))
        work = asyncio.create_task(self._attempts(queue, kept))
        try:
            await asyncio.wait({work, expiry}, return_when=asyncio.FIRST_COMPLETED)
            broke = work.done() and work.exception() is not None
            if broke:
                log.error("event_stuck", event_id=kept.event_id, exc_info=work.exception())
                await expiry
            expired = broke or not work.done()
        finally:
            expiry.cancel()
            await _cancelled([work])
        if expired:
            await self._drop(kept.event_id, "it has expired")

    async def _attempts(self, queue: _OfRegistration, kept: Kept) -> None:
        """Hand a push over until it is over."""
        while True:
            try:
                if kept.attempts:  # the clock may have gone back since
                    due_ms = max(kept.due - self._clock(), 0)
                    await self._wait(min(due_ms, self._limits.again_ms[-1]))
                if await self._once(queue, kept):
                    return
                kept = self._next(kept)
                await self._store.note_attempt(kept.event_id, kept.attempts, kept.due)
            except ClientStoreError as error:
                log.error("event_not_noted", event_id=kept.event_id, reason=str(error))
                kept = self._next(kept)

    def _next(self, kept: Kept) -> Kept:
        attempts = kept.attempts + 1
        again_ms = self._limits.again_ms
        due = later(self._clock(), again_ms[min(attempts, len(again_ms)) - 1])
        return replace(kept, attempts=attempts, due=due)

    async def _once(self, queue: _OfRegistration, kept: Kept) -> bool:
        """Hand a push over once; return whether it is over."""
        event = await self._store.read(kept.event_id)
        if event is None:
            return True
        registration = queue.registration()
        event = replace(event, expires=kept.expires, delivery_attempt=kept.attempts + 1)
        error: CaiError | None = CaiError(Reason.INTERNAL_ERROR, "the client has stopped")
        delivery = await queue.mailbox.put(event, self._handing(registration))
        try:
            over = await self._settled(delivery, registration)
            error = None
        except ClientStoreError as failure:
            error = CaiError(Reason.INTERNAL_ERROR, "the client cannot keep the answer")
            log.error("answer_not_kept", event_id=event.event_id, reason=str(failure))
            over = False
        finally:
            await queue.mailbox.void(delivery, error)
        return over

    def _handing(self, registration: Registration) -> Handing:
        """Return what is done just before the application gets a push."""

        async def handing(event: PushEvent) -> PushEvent:
            if registration.request.delivery is Delivery.AT_MOST_ONCE:
                await self._store.remove(event.event_id)
            return replace(event, deadline=later(self._clock(), self._acceptance_ms(registration)))

        return handing

    async def _settled(self, delivery: InMailbox, registration: Registration) -> bool:
        """Wait until the application has the push and answers; return whether the push is over.

        :raises ClientStoreError: the answer cannot be kept.
        """
        answer = await self._answer(delivery, registration)
        event = delivery.event
        if isinstance(answer, Accept):
            await self._store.remove(event.event_id)
            log.debug("push_taken", push_id=event.push_id, event_id=event.event_id)
            return True
        if isinstance(answer, Reject):
            why = answer.detail or f"the application says {answer.reason}"
        elif registration.request.delivery is Delivery.AT_MOST_ONCE:
            why = "the application did not answer, and is given a push once only"
        else:
            return False
        await self._give_up(event, why)
        return True

    async def _answer(self, delivery: InMailbox, registration: Registration) -> Answer | None:
        """Return what the application says, ``None`` when it says nothing in its time."""
        while True:
            await delivery.taken.wait()
            try:
                async with asyncio.timeout(self._acceptance_ms(registration) / SECOND_MS):
                    return await asyncio.shield(delivery.answer)
            except TimeoutError:
                if delivery.answer.done():
                    return delivery.answer.result()
                if delivery.taken.is_set():
                    return None
                # Its holder went away before it had it: nobody's time has run.

    async def _give_up(self, event: PushEvent, why: str) -> None:
        """Forget a push that its application will not have."""
        refused = refused_event(event, why, self._clock())
        log.info("push_given_up", event_id=event.event_id, **log_members(refused))
        self._quarantine.note(refused)
        await self._store.remove(event.event_id)


def _has_room(queue: _OfRegistration, octets: int) -> bool:
    return has_room(len(queue.kept) + len(queue.writing), queue.octets, octets)


def _ended(queue: _OfRegistration, kept: Kept, task: asyncio.Task[None]) -> None:
    queue.kept.pop(kept.event_id, None)
    if not task.cancelled() and (error := task.exception()) is not None:
        # It stays on disk, and comes again after a restart.
        log.error("event_stuck", event_id=kept.event_id, reason=str(error))


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
