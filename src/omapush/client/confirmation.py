"""From a push's indication to its confirmation (CAI 5.3, AD-8).

A push is confirmed when, and only when, its application has taken responsibility; the fact is on
disk before the gateway is told, so that a repetition after a crash is recognised.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from omapush.cai.model import (
    Accept,
    Answer,
    CaiError,
    PushEvent,
    Reason,
    Registration,
    Reject,
    RejectReason,
    Trust,
)
from omapush.client.conversion import ConversionError, for_application
from omapush.client.dispatch import Refusal, choose, stranger
from omapush.client.mailbox import Delivery, Mailbox
from omapush.client.own_application import OwnApplication, own_application
from omapush.client.store import ClientStore, ClientStoreError
from omapush.client.whitelist import Source
from omapush.content.message import PushMessage
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
_NOT_STORED = Refusal(PushStatus.USERDCR, "the client cannot store it")


class Registry(Protocol):
    """What confirmation asks of the client."""

    def receivers(self) -> list[Registration]:
        """Return every registration that takes pushes: of applications, then of stand-ins."""

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
        own: Mapping[str, OwnApplication] | None = None,
    ) -> None:
        self._own = own or {}
        self._registry = registry
        self._store = store
        self._clock = clock
        self._device_list = device_list
        self._at_work: dict[asyncio.Task[ClientRequest], None] = {}
        self._by_key: dict[str, asyncio.Task[Refusal | None]] = {}

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
        :raises CaiError: ``internal_error``: it could not be kept, and the gateway was told so.
        """
        error = await asyncio.shield(mailbox.settle(event_id, answer).over)
        if error is not None:
            raise error

    async def close(self) -> None:
        """Leave what is under way unanswered; the connections end with the process."""
        tasks = [*self._at_work, *self._by_key.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _finish(self, link: StreamLink[ClientRequest], task: asyncio.Task[ClientRequest]) -> None:
        self._at_work.pop(task, None)
        if not task.cancelled():
            link.request(task.result())

    async def _outcome(self, push: PoConfirmedPushInd) -> ClientRequest:
        """Return the answer to one indication."""
        try:
            refusal = await self._deliver(push)
        except OmapushError as error:
            log.error("push_failed", push_id=push.push_id, reason=str(error))
            refusal = _NOT_STORED
        if refusal is None:
            return PoConfirmedPushRes(push.reference)
        status, reason = refusal.status, refusal.reason
        log.info("push_refused", push_id=push.push_id, status=int(status), reason=reason)
        return PoPushAbortReq(push.reference, status, reason)

    async def _deliver(self, push: PoConfirmedPushInd) -> Refusal | None:
        """Bring a push to its application once, however often it comes.

        Each indication is judged by its own source; only then repetitions share the work.
        """
        own = own_application(push, self._own)
        if own is not None:
            return stranger(push, None, self._device_list) or own.push(push)
        key = _key(push)
        chosen = choose(push, self._registry.receivers(), self._device_list)
        if isinstance(chosen, Refusal):
            # Taken before, though the application may have gone since.
            seen = key is not None and await self._store.has_seen(key, self._clock())
            return None if seen else chosen
        if key is None:
            return await self._hand_over(push, chosen, None)
        task = self._by_key.get(key)
        if task is None:
            task = asyncio.create_task(self._unless_seen(push, chosen, key))
            self._by_key[key] = task
            task.add_done_callback(lambda _: self._by_key.pop(key, None))
        return await asyncio.shield(task)

    async def _unless_seen(
        self, push: PoConfirmedPushInd, registration: Registration, key: str
    ) -> Refusal | None:
        if await self._store.has_seen(key, self._clock()):
            return None
        return await self._hand_over(push, registration, key)

    async def _hand_over(
        self, push: PoConfirmedPushInd, registration: Registration, key: str | None
    ) -> Refusal | None:
        """Return why the application did not take the push, or ``None``."""
        mailbox = self._registry.mailbox_of(registration.registration_id)
        if mailbox is None:
            return Refusal(PushStatus.USERPND, "the application is not running")
        try:
            message = for_application(push.message, registration.request)
        except ConversionError as failure:
            return Refusal(PushStatus.USERDCU, f"the content cannot be converted: {failure}")
        if not mailbox.has_room(len(message.body)):
            return Refusal(PushStatus.USERDCR, "the application's queue is full")
        acceptance_ms = self._registry.acceptance_ms(registration)
        event = self._event(push, message, registration, acceptance_ms)
        return await self._settled(mailbox, event, acceptance_ms, key)

    async def _settled(
        self, mailbox: Mailbox, event: PushEvent, acceptance_ms: int, key: str | None
    ) -> Refusal | None:
        """Wait for the application's verdict on ``event`` and keep an acceptance."""
        delivery = await mailbox.put(event)
        error: CaiError | None = CaiError(Reason.INTERNAL_ERROR, "the client has stopped")
        try:
            answer = await _answer(delivery, acceptance_ms)
            if isinstance(answer, Accept) and key is not None:
                # On disk before the gateway is told, so that a repetition is recognised.
                now = self._clock()
                await self._store.mark_seen(key, later(now, REMEMBERED_MS), now)
            error = None
        except ClientStoreError as failure:
            error = CaiError(Reason.INTERNAL_ERROR, "the client cannot keep the acceptance")
            log.error("acceptance_not_kept", push_id=event.push_id, reason=str(failure))
            return _NOT_STORED
        finally:
            await mailbox.void(delivery, error)
        match answer:
            case Accept():
                log.debug("push_taken", push_id=event.push_id, event_id=event.event_id)
                return None
            case Reject(reason=reason, detail=detail):
                return Refusal(_STATUS[reason], detail or f"the application says {reason}")
            case Refusal():
                return answer

    def _event(
        self,
        push: PoConfirmedPushInd,
        message: PushMessage,
        registration: Registration,
        acceptance_ms: int,
    ) -> PushEvent:
        now = self._clock()
        return PushEvent(
            # The registration is part of the id, so that an answer finds its mailbox.
            event_id=f"{registration.registration_id}.{secrets.token_hex(8)}",
            registration_id=registration.registration_id,
            push_application_id=registration.push_application_id,
            content=message.body,
            content_type=message.content_type or "",
            headers=message.headers,
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


async def _answer(delivery: Delivery, acceptance_ms: int) -> Answer | Refusal:
    """Wait for the application, until the deadline."""
    try:
        async with asyncio.timeout(acceptance_ms / 1000):
            answer = await asyncio.shield(delivery.answer)
    except TimeoutError:
        if not delivery.answer.done():
            return Refusal(PushStatus.USERREQ, "the application did not answer in time")
        # An answer that came together with the deadline was taken from the application.
        answer = delivery.answer.result()
    if answer is None:
        return Refusal(PushStatus.USERPND, "the application has deregistered")
    return answer


def _key(push: PoConfirmedPushInd) -> str | None:
    """Return by what a repetition is recognised, or ``None`` where the gateway gives no key.

    The application and the content are part of it: gateways that number their pushes from 1 must
    not be able to lose each other's, and a push too many is better than one too few.
    """
    if push.push_id is None:
        return None
    application = push.message.get("X-Wap-Application-Id") or ""
    digest = hashlib.sha256(application.encode("utf-8", "replace") + b"\0" + push.message.body)
    return f"{push.push_id} {digest.hexdigest()[:32]}"
