"""From a push's indication to its confirmation (CAI 5.3, AD-8).

A push is confirmed when, and only when, its application has taken responsibility; the fact is on
disk before the gateway is told, so that a repetition after a crash is recognised. Where nobody
waits for the answer, or the application has let the client's storage take responsibility, the push
goes into ``event_queue``, and that is what is confirmed.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import structlog

from omapush.cai.model import (
    Accept,
    Answer,
    CaiError,
    CaiVersion,
    Delivery,
    PushEvent,
    Reason,
    Registration,
    Reject,
    RejectReason,
    Trust,
)
from omapush.client.conversion import ConversionError, for_application
from omapush.client.dispatch import Receiver, Refusal, application_of, misfit, receiver_of
from omapush.client.event_queue import EventQueue
from omapush.client.mailbox import MAX_EVENTS, Handing, Mailbox
from omapush.client.mailbox import Delivery as InMailbox
from omapush.client.own_application import OwnApplication, own_application
from omapush.client.quarantine import Quarantine, log_members, refused_push
from omapush.client.store import ClientStore, ClientStoreError
from omapush.client.trust.judge import SourceJudge
from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.core.errors import OmapushError
from omapush.core.instants import HOUR_MS, Instant, later
from omapush.ota.interface import (
    ClientRequest,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PoPushAbortReq,
    PushStatus,
    StreamLink,
)

log = structlog.get_logger(__name__)

REMEMBERED_MS = HOUR_MS
"""How long an accepted push is recognised when it comes again."""
MAX_AT_WORK = 1_024
"""Pushes at a time whose application is still being found.

Those for which it was found count for its registration, up to ``mailbox.MAX_EVENTS`` at a time:
what waits for one application takes no other's place.
"""
MAX_REPETITIONS = 8
"""Indications of one push from one source, the first among them, that may be under way."""

_STATUS = {
    RejectReason.REFUSED: PushStatus.USERRFS,
    RejectReason.BUSY: PushStatus.USERDCR,
    RejectReason.UNSUPPORTED_TYPE: PushStatus.USERDCU,
    RejectReason.TRY_LATER: PushStatus.USERREQ,
}
_NOT_STORED = Refusal(PushStatus.USERDCR, "the client cannot store it")
_QUEUE_FULL = Refusal(PushStatus.USERDCR, "the application's queue is full")

_Repeated = tuple[str, str | None]
"""The source of a push, and by what its repetition is recognised."""
_Counted = TypeVar("_Counted")


class Applications(Protocol):
    """What confirmation asks of the client."""

    def receivers(self, application: ApplicationId) -> list[Receiver]:
        """Return what may take a push for it: of applications, then of stand-ins."""

    def granted(self, registration_id: str) -> tuple[str, ...]:
        """Return the contact points that servers of a registration have named."""

    def mailbox_of(self, registration_id: str) -> Mailbox | None:
        """Return the mailbox of an application that is there, or ``None``."""

    def is_registered(self, registration_id: str) -> bool:
        """Whether it is a registration, and not a stand-in."""

    def acceptance_ms(self, registration: Registration) -> int:
        """Return how long the application may take."""


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A push that may be handed over.

    :ivar key: by what a repetition is recognised.
    :ivar confirmed: the network waits.
    """

    push: PoConfirmedPushInd
    registration: Registration
    trust: Trust
    key: str | None
    confirmed: bool


class Confirmation:
    """Takes pushes through the client, each in a task of its own."""

    def __init__(
        self,
        applications: Applications,
        store: ClientStore,
        queue: EventQueue,
        quarantine: Quarantine,
        clock: Callable[[], Instant],
        judge: SourceJudge,
        own: Mapping[str, OwnApplication] | None = None,
    ) -> None:
        self._own = own or {}
        self._applications = applications
        self._store = store
        self._queue = queue
        self._quarantine = quarantine
        self._clock = clock
        self._judge = judge
        self._at_work: dict[asyncio.Task[ClientRequest], _Repeated] = {}
        self._by_key: dict[str, asyncio.Task[Refusal | None]] = {}
        self._repetitions: Counter[_Repeated] = Counter()
        self._by_registration: Counter[str] = Counter()

    def begin(
        self, link: StreamLink[ClientRequest], push: PoConfirmedPushInd, *, confirmed: bool = True
    ) -> None:
        """Take a push; its answer goes to ``link``.

        :param confirmed: the network waits for it.
        """
        key = _key(push)
        # Whoever knows another's push cannot take the places of its repetitions.
        repeated = push.source.address, key
        refusal = self._refusal_at_once(repeated)
        if refusal is not None:
            refused = refused_push(push, refusal.status, refusal.reason, self._clock())
            log.warning("push_refused", **log_members(refused))
            link.request(PoPushAbortReq(push.reference, refusal.status, refusal.reason))
            return
        task = asyncio.create_task(self._outcome(push, key, confirmed=confirmed))
        self._at_work[task] = repeated
        self._repetitions[repeated] += 1
        task.add_done_callback(lambda done: self._finish(link, done))

    def _refusal_at_once(self, repeated: _Repeated) -> Refusal | None:
        if repeated[1] is not None and self._repetitions[repeated] >= MAX_REPETITIONS:
            return Refusal(PushStatus.USERREQ, "the same push is under way")
        if len(self._at_work) - self._by_registration.total() >= MAX_AT_WORK:
            return Refusal(PushStatus.USERDCR, "too many pushes at a time")
        return None

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
        _less(self._repetitions, self._at_work.pop(task))
        if not task.cancelled():
            link.request(task.result())

    async def _outcome(
        self, push: PoConfirmedPushInd, key: str | None, *, confirmed: bool
    ) -> ClientRequest:
        """Return the answer to one indication."""
        try:
            refusal = await self._deliver(push, key, confirmed=confirmed)
        except OmapushError as error:
            log.error("push_failed", push_id=push.push_id, reason=str(error))
            refusal = _NOT_STORED
        except Exception:  # a fault of ours: the gateway is not to wait for ever
            log.exception("push_broke", push_id=push.push_id)
            refusal = _NOT_STORED
        if refusal is None:
            return PoConfirmedPushRes(push.reference)
        status, reason = refusal.status, refusal.reason
        refused = refused_push(push, status, reason, self._clock())
        log.info("push_refused", **log_members(refused))
        self._quarantine.note(refused)
        return PoPushAbortReq(push.reference, status, reason, refusal.of_source)

    async def _deliver(
        self, push: PoConfirmedPushInd, key: str | None, *, confirmed: bool
    ) -> Refusal | None:
        """Bring a push to its application once, however often it comes.

        Each indication is judged by its own source; only then repetitions share the work.
        """
        own = own_application(push, self._own)
        if own is not None:
            return await self._for_client_itself(push, own)
        chosen = await self._choose(push)
        if isinstance(chosen, Refusal):
            # Taken before, though the application may have gone since.
            seen = key is not None and await self._store.has_seen(key, self._clock())
            return None if seen else chosen
        registration, trust = chosen
        accepted = _Accepted(push, registration, trust, key, confirmed)
        held = registration.registration_id
        if self._by_registration[held] >= MAX_EVENTS:
            return _QUEUE_FULL
        self._by_registration[held] += 1
        try:
            return await self._once(accepted)
        finally:
            _less(self._by_registration, held)

    async def _once(self, accepted: _Accepted) -> Refusal | None:
        """Hand a push over, or share in the outcome where that is done already."""
        key = accepted.key
        if key is None:
            return await self._hand_over(accepted)
        task = self._by_key.get(key)
        if task is None:
            task = asyncio.create_task(self._unless_seen(accepted, key))
            self._by_key[key] = task
            task.add_done_callback(lambda _: self._by_key.pop(key, None))
        return await asyncio.shield(task)

    async def _for_client_itself(
        self, push: PoConfirmedPushInd, own: OwnApplication
    ) -> Refusal | None:
        application = ApplicationId.parse(own.push_application_id)
        judged = await self._judge.judge(push, application, None)
        return _of_source(judged) if isinstance(judged, Refusal) else own.push(push)

    async def _choose(self, push: PoConfirmedPushInd) -> Refusal | tuple[Registration, Trust]:
        """Return who gets a push, and what is known of its origin.

        The order of the checks: the form of the push, the application, its source, its type. A
        stranger hears of its source first, so that it does not learn which applications there are.
        """
        application = application_of(push)
        if isinstance(application, Refusal):
            return application
        found = receiver_of(application, push, self._applications.receivers(application))
        granted = self._applications.granted(found.registration_id) if found is not None else ()
        judged = await self._judge.judge(push, application, found, granted)
        if isinstance(judged, Refusal):
            return _of_source(judged)
        refusal = misfit(found, application, push)
        if refusal is not None or found is None:
            return refusal or Refusal(PushStatus.USERPND, "no application")
        return found, judged

    async def _unless_seen(self, accepted: _Accepted, key: str) -> Refusal | None:
        if await self._store.has_seen(key, self._clock()):
            return None
        return await self._hand_over(accepted)

    async def _hand_over(self, accepted: _Accepted) -> Refusal | None:
        """Return why the push was not taken, or ``None``."""
        registration = accepted.registration
        message = accepted.push.message
        mailbox = self._applications.mailbox_of(registration.registration_id)
        is_kept = self._applications.is_registered(registration.registration_id) and (
            registration.request.delegated_storage or not accepted.confirmed
        )
        if mailbox is None and not is_kept:
            return Refusal(PushStatus.USERPND, "the application is not running")
        try:
            message = for_application(message, registration.request)
        except ConversionError as failure:
            return Refusal(PushStatus.USERDCU, f"the content cannot be converted: {failure}")
        event = self._event(accepted, message)
        if is_kept:
            return await self._keep(accepted, event)
        handed = _handed_key(accepted)
        if handed is not None and await self._store.has_seen(handed, self._clock()):
            return Refusal(PushStatus.USERRFS, "the application has had it, and wants it once")
        if mailbox is None or not mailbox.has_room(len(message.body)):
            return _QUEUE_FULL
        return await self._settled(mailbox, event, accepted)

    async def _keep(self, accepted: _Accepted, event: PushEvent) -> Refusal | None:
        """Put a push into the queue on disk, which is answerable for it from then on."""
        key = accepted.key
        until = later(self._clock(), REMEMBERED_MS)
        seen = self._store.seen_mark(key, until) if key is not None else None
        try:
            kept = await self._queue.put(event, seen, make_room=not accepted.confirmed)
        except ClientStoreError as failure:
            log.error("push_not_kept", push_id=event.push_id, reason=str(failure))
            return _NOT_STORED
        if kept:
            return None
        if not self._applications.is_registered(event.registration_id):
            return Refusal(PushStatus.USERPND, "the application has deregistered")
        return _QUEUE_FULL

    async def _settled(
        self, mailbox: Mailbox, event: PushEvent, accepted: _Accepted
    ) -> Refusal | None:
        """Wait for the application's verdict on ``event`` and keep an acceptance."""
        acceptance_ms = self._applications.acceptance_ms(accepted.registration)
        delivery = await mailbox.put(event, self._handing(accepted))
        error: CaiError | None = CaiError(Reason.INTERNAL_ERROR, "the client has stopped")
        try:
            answer = await _answer(delivery, acceptance_ms)
            if isinstance(answer, Accept) and accepted.key is not None:
                # On disk before the gateway is told, so that a repetition is recognised.
                await self._mark_seen(accepted.key)
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

    def _handing(self, accepted: _Accepted) -> Handing | None:
        """Return what is done just before an application gets a push, if anything is."""
        handed = _handed_key(accepted)
        if handed is None:
            return None

        async def handing(event: PushEvent) -> PushEvent:
            await self._mark_seen(handed)
            return event

        return handing

    async def _mark_seen(self, key: str) -> None:
        now = self._clock()
        await self._store.mark_seen(key, later(now, REMEMBERED_MS), now)

    def _event(self, accepted: _Accepted, message: PushMessage) -> PushEvent:
        now = self._clock()
        push, registration = accepted.push, accepted.registration
        request = registration.request
        return PushEvent(
            # The registration is part of the id, so that an answer finds its mailbox.
            event_id=f"{registration.registration_id}.{secrets.token_hex(8)}",
            registration_id=registration.registration_id,
            push_application_id=registration.push_application_id,
            content=message.body,
            content_type=message.content_type or "",
            # CAI-60 is of CAI 1.1; events of 1.0 have content and type only.
            headers=message.headers if request.cai_version is CaiVersion.V1_1 else (),
            protocol=push.source.protocol,
            bearer=push.source.bearer,
            source=push.source.address,
            received=now,
            deadline=later(now, self._applications.acceptance_ms(registration)),
            confirmed=accepted.confirmed,
            trust=accepted.trust,
            push_id=push.push_id,
            binding=push.source.binding,
        )


async def _answer(delivery: InMailbox, acceptance_ms: int) -> Answer | Refusal:
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


def _of_source(refusal: Refusal) -> Refusal:
    return replace(refusal, of_source=True)


def _handed_key(accepted: _Accepted) -> str | None:
    """Return under what it is remembered that the application has had a push, if it matters."""
    once = accepted.registration.request.delivery is Delivery.AT_MOST_ONCE
    return f"{accepted.key} handed" if once and accepted.key is not None else None


def _less(counts: Counter[_Counted], name: _Counted) -> None:
    """Count one less; nothing is left of what is at none."""
    counts[name] -= 1
    if not counts[name]:
        del counts[name]


def _key(push: PoConfirmedPushInd) -> str | None:
    """Return by what a repetition is recognised, or ``None`` where the gateway gives no key.

    The application and the content are part of it: gateways that number their pushes from 1 must
    not be able to lose each other's, and a push too many is better than one too few.
    """
    if push.push_id is None:
        return None
    application = push.message.get("X-Wap-Application-Id") or ""
    digest = hashlib.sha256(application.encode("utf-8", "replace") + b"\0" + push.message.body)
    digest.update(b"\0" + push.source.binding.encode("utf-8", "replace"))
    return f"{push.push_id} {digest.hexdigest()[:32]}"
