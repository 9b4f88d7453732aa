"""From a push's indication to its confirmation (CAI 5.3, AD-8).

A push is confirmed when, and only when, its application has taken responsibility; the fact is on
disk before the gateway is told, so that a repetition after a crash is recognised.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Protocol

import structlog

from omapush.cai.model import (
    Accept,
    Answer,
    PushEvent,
    Registration,
    Reject,
    RejectReason,
    Trust,
)
from omapush.client.dispatch import Refusal, choose
from omapush.client.mailbox import Delivery, Mailbox
from omapush.client.store import ClientStore
from omapush.client.whitelist import Source
from omapush.core.errors import OmapushError
from omapush.core.instants import HOUR_MS, Instant, later
from omapush.ota.interface import (
    ClientRequest,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PoPushAbortReq,
    PushFlag,
    PushStatus,
    StreamLink,
)

log = structlog.get_logger(__name__)

REMEMBERED_MS = HOUR_MS
"""How long an accepted push is recognised when it comes again."""
MAX_AT_WORK = 1_024
"""Pushes that may be on their way through the client at a time."""

_STATUS = {
    RejectReason.REFUSED: PushStatus.USERRFS,
    RejectReason.BUSY: PushStatus.USERDCR,
    RejectReason.UNSUPPORTED_TYPE: PushStatus.USERDCU,
    RejectReason.TRY_LATER: PushStatus.USERREQ,
}


class Registry(Protocol):
    """What confirmation asks of the client."""

    def live_registrations(self) -> list[Registration]:
        """Return every registration that takes pushes."""

    def mailbox_of(self, registration_id: str) -> Mailbox | None:
        """Return the mailbox of an application that is there, or ``None``."""

    def acceptance_ms(self, registration: Registration) -> int:
        """Return how long the application may take."""


class Confirmation:
    """Takes pushes through the client, each in a task of its own."""

    def __init__(
        self,
        registry: Registry,
        store: ClientStore,
        clock: Callable[[], Instant],
        device_list: tuple[Source, ...] | None,
    ) -> None:
        self._registry = registry
        self._store = store
        self._clock = clock
        self._device_list = device_list
        self._at_work: dict[asyncio.Task[ClientRequest], None] = {}
        self._by_push_id: dict[str, asyncio.Task[tuple[PushStatus | None, str]]] = {}
        self._settled: dict[str, asyncio.Future[None]] = {}

    def begin(self, link: StreamLink[ClientRequest], push: PoConfirmedPushInd) -> None:
        """Take a push; its answer goes to ``link`` when there is one."""
        if len(self._at_work) >= MAX_AT_WORK:
            reason = "too many pushes at a time"
            link.request(PoPushAbortReq(push.reference, PushStatus.USERDCR, reason))
            return
        task = asyncio.create_task(self._outcome(push))
        self._at_work[task] = None
        task.add_done_callback(lambda done: self._finish(link, done))

    async def answered(self, mailbox: Mailbox, event_id: str, answer: Answer) -> None:
        """Give an application's answer; returns when it has taken effect.

        :raises EventGone: unknown, over, or answered before.
        """
        mailbox.settle(event_id, answer)
        settled = self._settled.get(event_id)
        if settled is not None:
            await asyncio.shield(settled)

    async def close(self) -> None:
        """Leave what is under way unanswered; the connections end with the process."""
        tasks = [*self._at_work, *self._by_push_id.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _finish(self, link: StreamLink[ClientRequest], task: asyncio.Task[ClientRequest]) -> None:
        self._at_work.pop(task, None)
        if not task.cancelled():
            link.request(task.result())

    async def _outcome(self, push: PoConfirmedPushInd) -> ClientRequest:
        """Return the answer to one indication; repetitions share the work on the first."""
        try:
            status, reason = await self._shared(push)
        except OmapushError as error:
            log.error("push_failed", push_id=push.push_id, reason=str(error))
            status, reason = PushStatus.USERDCR, "the client cannot store it"
        if status is None:
            return PoConfirmedPushRes(push.reference)
        log.info("push_refused", push_id=push.push_id, status=int(status), reason=reason)
        return PoPushAbortReq(push.reference, status, reason)

    async def _shared(self, push: PoConfirmedPushInd) -> tuple[PushStatus | None, str]:
        if push.push_id is None:
            return await self._once(push)
        task = self._by_push_id.get(push.push_id)
        if task is None:
            push_id = push.push_id
            task = asyncio.create_task(self._once(push))
            self._by_push_id[push_id] = task
            task.add_done_callback(lambda _: self._by_push_id.pop(push_id, None))
        return await asyncio.shield(task)

    async def _once(self, push: PoConfirmedPushInd) -> tuple[PushStatus | None, str]:
        """Hand one push to its application; return ``None`` or why it was not taken."""
        if push.push_id is not None and await self._store.has_seen(push.push_id, self._clock()):
            return None, "accepted before"
        chosen = choose(push, self._registry.live_registrations(), self._device_list)
        if isinstance(chosen, Refusal):
            return chosen.status, chosen.reason
        mailbox = self._registry.mailbox_of(chosen.registration_id)
        if mailbox is None:
            return PushStatus.USERPND, "the application is not running"
        if not mailbox.has_room(len(push.message.body)):
            return PushStatus.USERDCR, "the application's queue is full"
        return await self._hand_over(push, chosen, mailbox)

    async def _hand_over(
        self, push: PoConfirmedPushInd, registration: Registration, mailbox: Mailbox
    ) -> tuple[PushStatus | None, str]:
        acceptance_ms = self._registry.acceptance_ms(registration)
        event = self._event(push, registration, acceptance_ms)
        settled = asyncio.get_running_loop().create_future()
        self._settled[event.event_id] = settled
        delivery = await mailbox.put(event)
        try:
            answer = await self._answer(delivery, acceptance_ms)
            if isinstance(answer, Accept) and push.push_id is not None:
                # On disk before the gateway is told, so that a repetition is recognised.
                now = self._clock()
                await self._store.mark_seen(push.push_id, later(now, REMEMBERED_MS), now)
        finally:
            await mailbox.void(delivery)
            self._settled.pop(event.event_id, None)
            settled.set_result(None)
        match answer:
            case Accept():
                log.debug("push_taken", push_id=push.push_id, event_id=event.event_id)
                return None, "taken"
            case Reject(reason=reason, detail=detail):
                return _status(reason, detail), detail or f"the application says {reason}"
            case _:
                return PushStatus.USERREQ, "the application did not answer in time"

    async def _answer(self, delivery: Delivery, acceptance_ms: int) -> Answer | None:
        try:
            async with asyncio.timeout(acceptance_ms / 1000):
                return await asyncio.shield(delivery.answer)
        except TimeoutError:
            # An answer that came together with the deadline was taken from the application.
            return delivery.answer.result() if delivery.answer.done() else None

    def _event(
        self, push: PoConfirmedPushInd, registration: Registration, acceptance_ms: int
    ) -> PushEvent:
        now = self._clock()
        return PushEvent(
            # The registration is part of the id, so that an answer finds its mailbox.
            event_id=f"{registration.registration_id}.{secrets.token_hex(8)}",
            registration_id=registration.registration_id,
            push_application_id=registration.push_application_id,
            content=push.message.body,
            content_type=push.message.content_type or "",
            headers=push.message.headers,
            protocol=push.source.protocol,
            bearer=push.source.bearer,
            source=push.source.address,
            received=now,
            deadline=later(now, acceptance_ms),
            trust=Trust(
                whitelisted=self._device_list is not None or bool(registration.request.whitelist),
                authenticated=PushFlag.INITIATOR_AUTHENTICATED in push.flags,
                trusted=PushFlag.CONTENT_TRUSTED in push.flags,
            ),
            push_id=push.push_id,
        )


def _status(reason: RejectReason, detail: str) -> PushStatus:
    """Return what the gateway is told; an application that failed may fare better later."""
    if detail.startswith("application_error"):
        return PushStatus.USERREQ
    return _STATUS[reason]
