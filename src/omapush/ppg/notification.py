"""Result notifications: the durable outbox's loop (PAP 5.2, PPG 5.2).

A notification became a row in the same commit that ended its delivery. This loop claims due rows,
writes the document in the PAP version of the submission (PAP 9.5), posts it, and settles the row.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from omapush.core.errors import OmapushError
from omapush.core.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Instant, later
from omapush.pap import xml
from omapush.pap.codes import StatusCode
from omapush.pap.model import BadMessageResponse, ResultNotificationResponse
from omapush.ppg.documents import Identity, result_notification
from omapush.ppg.metrics import Metrics
from omapush.ppg.notification_sender import (
    NotificationAnswer,
    NotificationFailedError,
    NotificationSender,
)
from omapush.ppg.store.contract import (
    ClaimedNotification,
    NotificationSettlement,
    NotificationState,
    Store,
    StoreUnavailable,
)
from omapush.web.policy import OutboundPolicy, TargetForbiddenError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """How the outbox behaves.

    :ivar retry_ms: the wait before each repetition; when it is used up the notification has failed.
    :ivar max_age_ms: counted from when it was to be told; then it has failed, whatever the reason.
    :ivar in_flight: at most so many at a time; ``per_url`` of them to one URL: half as many are
        claimed by one commit where an initiator has one listener, and 16 listeners that hang leave
        the others nothing until they are given up.
    """

    retry_ms: tuple[int, ...] = (
        10 * SECOND_MS,
        MINUTE_MS,
        5 * MINUTE_MS,
        30 * MINUTE_MS,
        2 * HOUR_MS,
        6 * HOUR_MS,
    )
    max_age_ms: int = DAY_MS
    in_flight: int = 256
    per_url: int = 16
    lease_ms: int = MINUTE_MS
    poll_ms: int = SECOND_MS


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an attempt means: ended, or ``PENDING``: repeated ``repetitions`` times at most."""

    state: NotificationState
    reason: str
    repetitions: int | None = None


def judge(answer: NotificationAnswer) -> Verdict:
    """Judge an initiator's answer, leniently: listeners answer all kinds of things (PAP 13.4.1)."""
    if 200 <= answer.status < 300:
        return Verdict(NotificationState.DELIVERED, _understood(answer.body))
    reason = f"HTTP {answer.status}"
    if answer.status >= 500 or answer.status in (408, 425, 429):
        return Verdict(NotificationState.PENDING, reason)
    return Verdict(NotificationState.FAILED, reason)


def _understood(body: bytes) -> str:
    """Say what the initiator's document says; whatever it is, the notification has arrived."""
    if not body.strip():
        return "taken, without a document"
    try:
        message = xml.decode(body).message
    except OmapushError as error:
        return f"taken, with an unreadable document: {error.reason}"
    match message:
        case ResultNotificationResponse(code=code) if code == StatusCode.OK:
            return "taken"
        case ResultNotificationResponse(code=code) | BadMessageResponse(code=code):
            return f"taken, but the initiator says {code}"
        case _:
            return "taken, with an unexpected document"


class NotificationLoop:
    """Runs until cancelled."""

    def __init__(
        self,
        store: Store,
        sender: NotificationSender,
        targets: OutboundPolicy,
        identity: Identity,
        metrics: Metrics,
        clock: Callable[[], Instant],
        owner: str,
        settings: NotificationSettings,
    ) -> None:
        self._store = store
        self._sender = sender
        self._targets = targets
        self._identity = identity
        self._metrics = metrics
        self._clock = clock
        self._owner = owner
        self._settings = settings
        self._busy: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look at the outbox now."""
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled; what is under way then is claimed again when its lease ends."""
        try:
            while True:
                self._wake.clear()
                try:
                    claimed = await self._claim()
                except StoreUnavailable as error:
                    log.warning("ledger_unavailable", reason=error.reason)
                    claimed = 0
                if not claimed:
                    await self._sleep()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _claim(self) -> int:
        free = self._settings.in_flight - len(self._tasks)
        if free <= 0:
            return 0
        # By halves, as deliveries are claimed: no URL has more than its bound.
        per_url = self._settings.per_url
        share = max(1, per_url // 2)
        full = [url for url, busy in self._busy.items() if busy + share > per_url]
        claimed = await self._store.claim_notifications(
            self._owner, self._clock(), self._settings.lease_ms, min(free, 32), share, full
        )
        for notification in claimed:
            self._busy[notification.url] += 1
            task = asyncio.create_task(self._handle(notification))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(claimed)

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(self._settings.poll_ms / 1000):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _handle(self, notification: ClaimedNotification) -> None:
        bound = log.bind(push_id=notification.push_id, delivery_id=str(notification.key))
        try:
            verdict = await self._attempt(notification)
            settlement = self._settlement(notification, verdict)
            await self._store.settle_notifications([settlement])
            self._metrics.notified(settlement.state.value)
            report = (
                bound.info if settlement.state is not NotificationState.DELIVERED else bound.debug
            )
            report("notification_ended", state=settlement.state.value, reason=settlement.reason)
        except StoreUnavailable as error:
            bound.error("notification_settlement_lost", reason=error.reason)
        except Exception:  # noqa: BLE001 - whatever it is, the loop goes on
            # Its lease runs out and it is tried again; the others go on.
            bound.exception("notification_failed_unexpectedly")
        finally:
            self._busy[notification.url] -= 1
            if not self._busy[notification.url]:
                del self._busy[notification.url]
            self._wake.set()

    async def _attempt(self, notification: ClaimedNotification) -> Verdict:
        if self._clock() >= self._expires_at(notification):
            return Verdict(NotificationState.FAILED, "expired before it could be told")
        document = result_notification(notification, self._identity)
        try:
            target = self._targets.parse(notification.url)
            return judge(await self._sender.post(target, document, notification.initiator_id))
        except TargetForbiddenError as error:
            return Verdict(NotificationState.FAILED, error.reason)
        except NotificationFailedError as error:
            # A listener that never answers has probably read it: repeat once at most.
            return Verdict(NotificationState.PENDING, error.reason, 1 if error.written else None)

    def _expires_at(self, notification: ClaimedNotification) -> Instant:
        return later(notification.created_at, self._settings.max_age_ms)

    def _settlement(
        self, notification: ClaimedNotification, verdict: Verdict
    ) -> NotificationSettlement:
        now = self._clock()
        state, reason, due_at = verdict.state, verdict.reason, None
        if state is NotificationState.PENDING:
            waits = self._settings.retry_ms
            allowed = len(waits) if verdict.repetitions is None else verdict.repetitions
            if notification.attempt > min(allowed, len(waits)):
                state, reason = NotificationState.FAILED, f"given up: {reason}"
            else:
                due_at = later(now, waits[notification.attempt - 1])
                if due_at >= self._expires_at(notification):
                    state, reason, due_at = NotificationState.FAILED, f"expired: {reason}", None
        return NotificationSettlement(
            notification.key,
            notification.owner,
            notification.attempt,
            now,
            state,
            reason,
            due_at,
        )
