"""A ledger in memory, for tests of what is built on a store.

It obeys the contract of :mod:`omapush.ppg.store.contract` and passes the same suite as the SQL
stores, but keeps nothing when the process ends::

    store = MemoryStore()
    await store.open()
    await store.accept([push])
    claimed = await store.claim("node/1", now, lease_ms=1000, limit=10, per_client=1)

``store.unavailable = "reason"`` makes every following call raise ``StoreUnavailable``, until it is
set back to ``None``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from omapush.core.instants import Instant, later
from omapush.ota.bearer_reports import BearerReport
from omapush.ota.interface import CarriedPart
from omapush.ppg.store.contract import (
    MOST_FOUND,
    MOST_ORPHANS,
    ORPHAN_LIFE_MS,
    Accepted,
    Attachment,
    Cancellation,
    CancelledDelivery,
    CancelOutcome,
    ClaimedDelivery,
    ClaimedNotification,
    DeliveryKey,
    DeliveryRecord,
    DeliveryState,
    DuplicatePushId,
    NewDelivery,
    NewPush,
    NothingToReplace,
    NotificationSettlement,
    NotificationState,
    PushRecord,
    RegistrationRecord,
    Rejection,
    Replacement,
    ReportResult,
    Settlement,
    StoreCounts,
    StoreUnavailable,
    TimelineEvent,
)
from omapush.ppg.store.groups import verdict
from omapush.ppg.store.reported import (
    Part,
    Reference,
    Reporting,
    Standing,
    can_be_kept,
    in_order,
    judge,
    keep_orphan,
    latest_attempt,
    reference_of,
    settle_reported,
)
from omapush.testing.memory_service_registrations import MemoryServiceRegistrations


@dataclass(slots=True)
class _Delivery:
    push: NewPush
    told: NewDelivery
    key: DeliveryKey
    due_at: Instant | None
    state: DeliveryState = DeliveryState.QUEUED
    owner: str | None = None
    attempt: int = 0
    sent_attempts: int = 0
    code: int | None = None
    reason: str = ""
    confirmed: bool = False
    event_time: Instant | None = None
    network: str | None = None
    bearer: str | None = None
    handed_over: bool = False
    carried_by: int | None = None

    @property
    def lane(self) -> str:
        return self.told.client_id


@dataclass(slots=True)
class _Notification:
    delivery: _Delivery
    lane: str
    created_at: Instant
    due_at: Instant | None
    key: DeliveryKey
    state: NotificationState = NotificationState.PENDING
    owner: str | None = None
    attempt: int = 0


@dataclass(slots=True)
class _Push:
    told: NewPush
    deliveries: list[_Delivery]
    events: list[TimelineEvent] = field(default_factory=list)


class _Work(Protocol):
    @property
    def key(self) -> DeliveryKey: ...
    @property
    def lane(self) -> str: ...
    @property
    def due_at(self) -> Instant | None: ...


WorkT = TypeVar("WorkT", bound=_Work)


class MemoryStore(MemoryServiceRegistrations):
    """The ledger as dictionaries; see :class:`~omapush.ppg.store.contract.Store`."""

    def __init__(self) -> None:
        super().__init__()
        self.unavailable: str | None = "the store is not open"
        self._pushes: dict[str, _Push] = {}
        self._keys_by_id: dict[str, str] = {}
        self._deliveries: dict[DeliveryKey, _Delivery] = {}
        self._notifications: dict[DeliveryKey, _Notification] = {}
        self._attachments: dict[tuple[str, str], Attachment] = {}
        self._registrations: dict[tuple[str, str], RegistrationRecord] = {}
        self._carried: dict[Reference, tuple[Part, Instant]] = {}
        self._orphans: dict[Reference, BearerReport] = {}

    @property
    def is_shared(self) -> bool:
        return False

    def wake_ups(self, node: str, on_wake: Callable[[], None]) -> AbstractAsyncContextManager[None]:
        return nullcontext()  # nobody else is here

    async def open(self) -> None:
        self.unavailable = None

    async def close(self) -> None:
        self.unavailable = "the store is not open"

    async def accept(
        self, pushes: Sequence[NewPush]
    ) -> list[Accepted | DuplicatePushId | NothingToReplace]:
        self._check()
        return [self._accept(push) for push in pushes]

    async def expand(self) -> int:
        self._check()
        return 0

    async def cancel(self, wish: Cancellation) -> list[CancelledDelivery] | None:
        self._check()
        push = self._own(wish.push_id, wish.initiator_id)
        if push is None:
            return None
        return [
            CancelledDelivery(
                each.told.address, each.told.recipient, self._cancel(each, wish.at, wish.reason)
            )
            for each in push.deliveries
            if each.told.part_of is None
            and (not wish.recipients or each.told.recipient in wish.recipients)
        ]

    async def recover(self, node: str, incarnation: str, now: Instant) -> int:
        self._check()

        def is_lost(owner: str | None) -> bool:
            lost_node, _, lost_incarnation = (owner or "").partition("/")
            return owner is not None and lost_node == node and lost_incarnation != incarnation

        self._attachments = {
            key: each for key, each in self._attachments.items() if each.node != node
        }
        lost = [each for each in self._deliveries.values() if is_lost(each.owner)]
        for delivery in lost:
            self._doubt(delivery, now, node)
            delivery.due_at = now
            delivery.state = DeliveryState.IN_DOUBT
            delivery.owner = None
        lost_notifications = [each for each in self._notifications.values() if is_lost(each.owner)]
        for notification in lost_notifications:
            notification.due_at = now
            notification.owner = None
        return len(lost) + len(lost_notifications)

    async def claim(
        self,
        owner: str,
        now: Instant,
        lease_ms: int,
        limit: int,
        per_client: int,
        excluding: Collection[str] = (),
    ) -> list[ClaimedDelivery]:
        self._check()
        node = owner.partition("/")[0]
        chosen = _choose(
            (each for each in self._deliveries.values() if self._may_take(node, each.lane, now)),
            now,
            limit,
            per_client,
            excluding,
        )
        return [self._claim(delivery, owner, now, later(now, lease_ms)) for delivery in chosen]

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        self._check()
        return [self._settle(settlement) for settlement in settlements]

    async def report(self, reports: Sequence[BearerReport]) -> list[ReportResult]:
        self._check()
        found = (self._carried.get(reference_of(each)) for each in reports)
        about = [self._deliveries[part.key] for part, _ in filter(None, found)]
        reporting = Reporting(
            [part for part, _ in self._carried.values()],
            {d.key: Standing(d.state, d.owner is not None, d.carried_by) for d in about},
        )
        results = [reporting.take(each) or self._keep_orphan(each) for each in reports]
        self._forget_excess_orphans()
        for event in reporting.events:
            self._append(event)
        for ended in reporting.ended:
            delivery = self._deliveries[ended.key]
            delivery.state, delivery.code, delivery.reason = ended.state, ended.code, ended.reason
            delivery.due_at, delivery.event_time, delivery.confirmed = None, ended.at, False
            if delivery.told.part_of is None:
                self._announce(delivery, ended.at)
            self._part_ended(delivery, ended.at)
        return results

    async def defer(
        self, client_id: str, until: Instant, now: Instant, reason: str, node: str
    ) -> int:
        self._check()
        moved = 0
        if not self._may_take(node, client_id, now):
            return 0
        for delivery in self._waiting(client_id):
            to = min(until, delivery.push.expires_at)
            if delivery.due_at is not None and delivery.due_at < to:
                delivery.due_at, delivery.reason = to, reason
                moved += 1
        return moved

    async def hasten(self, client_ids: Sequence[str], now: Instant) -> int:
        self._check()
        moved = 0
        for delivery in (each for name in client_ids for each in self._waiting(name)):
            to = max(now, delivery.told.due_at)
            if delivery.due_at is not None and delivery.due_at > to:
                delivery.due_at = to
                moved += 1
        return moved

    async def attach(self, attachments: Sequence[Attachment], now: Instant) -> list[bool]:
        self._check()
        return [self._attach(each, now) for each in attachments]

    async def detach(self, attachments: Sequence[Attachment]) -> list[bool]:
        self._check()
        return [self._detach(each) for each in attachments]

    async def attachments(self, client_id: str, now: Instant) -> list[Attachment]:
        self._check()
        live = [
            each
            for each in self._attachments.values()
            if each.client_id == client_id and each.until > now
        ]
        return sorted(live, key=lambda each: each.kind)

    async def record(self, events: Sequence[TimelineEvent]) -> None:
        self._check()
        for event in events:
            self._append(event)

    async def push(self, push_id: str, *, timeline: bool = True) -> PushRecord | None:
        self._check()
        push_key = self._keys_by_id.get(push_id)
        return None if push_key is None else _push_record(self._pushes[push_key], timeline=timeline)

    async def claim_notifications(
        self,
        owner: str,
        now: Instant,
        lease_ms: int,
        limit: int,
        per_url: int,
        excluding: Collection[str] = (),
    ) -> list[ClaimedNotification]:
        self._check()
        chosen = _choose(self._notifications.values(), now, limit, per_url, excluding)
        for notification in chosen:
            notification.owner = owner
            notification.attempt += 1
            notification.due_at = later(now, lease_ms)
        return [_claimed_notification(notification) for notification in chosen]

    async def settle_notifications(
        self, settlements: Sequence[NotificationSettlement]
    ) -> list[bool]:
        self._check()
        return [self._settle_notification(settlement) for settlement in settlements]

    async def remember_registrations(self, registrations: Sequence[RegistrationRecord]) -> None:
        self._check()
        self._registrations |= {(each.client_id, each.bearer): each for each in registrations}

    async def registrations(self, client_id: str) -> list[RegistrationRecord]:
        return self._latest(lambda record: record.client_id == client_id)

    async def registrations_of_terminal(self, terminal_id: str) -> list[RegistrationRecord]:
        return self._latest(lambda record: record.terminal_id == terminal_id)[:MOST_FOUND]

    async def registrations_at(self, host: str) -> list[RegistrationRecord]:
        return self._latest(lambda record: bool(host) and record.host == host)[:MOST_FOUND]

    async def next_due(self, now: Instant) -> Instant | None:
        self._check()
        return min((due_at for due_at in self._due_times() if due_at > now), default=None)

    async def counts(self) -> StoreCounts:
        self._check()
        open_deliveries = [d for d in self._deliveries.values() if d.due_at is not None]
        return StoreCounts(
            deliveries=dict(Counter(d.state for d in open_deliveries)),
            notifications=dict(
                Counter(n.state for n in self._notifications.values() if n.due_at is not None)
            ),
            oldest_due_at=min((d.due_at for d in open_deliveries if d.due_at), default=None),
        )

    async def purge(self, received_before: Instant, limit: int) -> int:
        self._check()
        old = [
            push
            for _, push in sorted(self._pushes.items())
            if push.told.received_at < received_before and not self._is_open(push)
        ][:limit]
        for push in old:
            del self._pushes[push.told.push_key]
            del self._keys_by_id[push.told.push_id]
            self._carried = {
                reference: (part, at)
                for reference, (part, at) in self._carried.items()
                if part.key.push_key != push.told.push_key
            }
            for delivery in push.deliveries:
                del self._deliveries[delivery.key]
                self._notifications.pop(delivery.key, None)
        if limit > 0:
            self._forget_orphans(received_before)
        return len(old)

    def _check(self) -> None:
        if self.unavailable is not None:
            raise StoreUnavailable(self.unavailable)

    def _accept(self, push: NewPush) -> Accepted | DuplicatePushId | NothingToReplace:
        standing_key = self._keys_by_id.get(push.push_id)
        if standing_key == push.push_key:
            return Accepted(push.push_key)
        if standing_key is not None:
            told = self._pushes[standing_key].told
            return DuplicatePushId(
                told.push_id, told.initiator_id, told.content_digest, told.received_at
            )
        pending_only = push.replaces is not None and push.replaces.pending_only
        cancelled = self._replace(push, push.replaces) if push.replaces else set()
        if pending_only and not cancelled:
            known = push.replaces is not None and self._own(
                push.replaces.push_id, push.initiator_id
            )
            return NothingToReplace(known=bool(known))
        deliveries = [
            _Delivery(push, new, DeliveryKey(push.push_key, new.position), new.due_at)
            for new in push.deliveries
        ]
        self._pushes[push.push_key] = _Push(push, deliveries)
        self._keys_by_id[push.push_id] = push.push_key
        self._deliveries.update((delivery.key, delivery) for delivery in deliveries)
        for delivery in deliveries:
            rejection = delivery.told.rejection
            if rejection is None and pending_only and delivery.told.recipient not in cancelled:
                earlier = push.replaces.push_id if push.replaces else ""
                rejection = Rejection(2008, f"nothing of {earlier} waited for this recipient")
            if rejection is not None:
                code, reason = rejection.code, rejection.reason
                self._end(delivery, DeliveryState.REJECTED, code, push.received_at, reason)
        return Accepted(push.push_key)

    def _replace(self, push: NewPush, replacement: Replacement) -> set[str]:
        earlier = self._own(replacement.push_id, push.initiator_id)
        wanted = {each.recipient for each in push.deliveries if each.rejection is None}
        reason = f"replaced by {push.push_id}"
        return {
            each.told.recipient
            for each in (earlier.deliveries if earlier else ())
            if each.told.recipient in wanted
            and each.told.part_of is None
            and self._cancel(each, push.received_at, reason) is CancelOutcome.CANCELLED
        }

    def _own(self, push_id: str, initiator_id: str) -> _Push | None:
        push = self._pushes.get(self._keys_by_id.get(push_id, ""))
        return push if push and push.told.initiator_id == initiator_id else None

    def _cancel(self, delivery: _Delivery, at: Instant, reason: str) -> CancelOutcome:
        if delivery.state is DeliveryState.CANCELLED:
            return CancelOutcome.CANCELLED_BEFORE
        if delivery.state.is_final:
            return CancelOutcome.ENDED
        if delivery.told.members:
            return self._cancel_group(delivery, at, reason)
        if delivery.state is not DeliveryState.QUEUED or delivery.owner is not None:
            return CancelOutcome.ON_ITS_WAY
        self._end(delivery, DeliveryState.CANCELLED, 1000, at, reason)
        return CancelOutcome.CANCELLED

    def _end(
        self, delivery: _Delivery, state: DeliveryState, code: int, at: Instant, reason: str
    ) -> None:
        delivery.state, delivery.code, delivery.reason = state, code, reason
        delivery.due_at, delivery.event_time = None, at
        if delivery.told.part_of is None:
            self._announce(delivery, at)
        self._append(_event(delivery.key, at, state.value, reason))
        self._part_ended(delivery, at)

    def _announce(self, delivery: _Delivery, at: Instant) -> None:
        url = delivery.push.notify_url
        if url is not None:
            self._notifications[delivery.key] = _Notification(delivery, url, at, at, delivery.key)

    def _claim(
        self, delivery: _Delivery, owner: str, now: Instant, lease_until: Instant
    ) -> ClaimedDelivery:
        in_doubt = delivery.owner is not None or delivery.state is DeliveryState.IN_DOUBT
        if delivery.owner is not None:
            self._doubt(delivery, now, delivery.owner)
        delivery.state = DeliveryState.IN_FLIGHT
        delivery.owner = owner
        delivery.attempt += 1
        delivery.due_at = lease_until
        self._append(_event(delivery.key, now, "attempt", str(delivery.attempt)))
        claimed = _claimed_delivery(delivery, owner, lease_until, in_doubt=in_doubt)
        parts = self._parts_of(delivery)
        judgement = judge(parts, delivery.carried_by)
        reported = judgement.verdict if judgement else None
        return replace(claimed, carried=in_order(parts), reported=reported)

    def _settle(self, settlement: Settlement) -> bool:
        delivery = self._deliveries.get(settlement.key)
        if delivery is None or (delivery.owner, delivery.attempt) != (
            settlement.owner,
            settlement.attempt,
        ):
            return False
        before = self._parts_of(delivery)
        adopted = [
            part
            for each in settlement.carried
            if can_be_kept(each)
            and (part := self._carry(settlement, each)).verdict is not None
            and reference_of(each) not in {reference_of(known.carried) for known in before}
        ]
        delivery.carried_by = latest_attempt(settlement, delivery.carried_by)
        settlement, events = settle_reported(
            settlement, self._parts_of(delivery), adopted, delivery.carried_by
        )
        final = settlement.state.is_final
        delivery.handed_over = settlement.state is DeliveryState.HANDED_OVER
        due_at = settlement.at if settlement.due_at is None else settlement.due_at
        node = settlement.owner.partition("/")[0]
        retries = settlement.state is not DeliveryState.HANDED_OVER
        if retries and not self._may_take(node, delivery.lane, settlement.at):
            due_at = settlement.at
        delivery.state = settlement.state
        delivery.owner = None
        delivery.due_at = None if final else min(due_at, delivery.push.expires_at)
        delivery.sent_attempts += settlement.sent
        delivery.code = settlement.code if final else None
        delivery.reason = settlement.reason
        delivery.confirmed = final and settlement.confirmed
        delivery.event_time = settlement.at if final else None
        delivery.network = settlement.network or delivery.network
        delivery.bearer = settlement.bearer or delivery.bearer
        if final and settlement.notify and delivery.told.part_of is None:
            self._announce(delivery, settlement.at)
        for event in events:
            self._append(event)
        if final:
            self._part_ended(delivery, settlement.at)
        return True

    def _parts_of(self, delivery: _Delivery) -> list[Part]:
        return [part for part, _ in self._carried.values() if part.key == delivery.key]

    def _carry(self, settlement: Settlement, carried: CarriedPart) -> Part:
        """Keep a part, with the report that came before it or that it has from before."""
        reference, at = reference_of(carried), settlement.at
        part = Part(settlement.key, settlement.attempt, carried)
        standing, carried_at = self._carried.get(reference, (None, at))
        orphan = self._orphans.pop(reference, None)
        if carried_at > at:
            return part  # the reference belongs to a younger one already
        if standing is not None and standing.key == part.key:
            part.verdict, part.reported_at = standing.verdict, standing.reported_at
            part.detail = standing.detail
        elif orphan is not None and orphan.at >= at - ORPHAN_LIFE_MS:
            part.verdict, part.reported_at = orphan.verdict, orphan.at
            part.detail = orphan.detail
        self._carried[reference] = (part, at)
        return part

    def _keep_orphan(self, report: BearerReport) -> ReportResult:
        if can_be_kept(report):
            reference = reference_of(report)
            self._orphans[reference] = keep_orphan(self._orphans.get(reference), report)
        return ReportResult(known=False)

    def _forget_excess_orphans(self) -> None:
        if len(self._orphans) > MOST_ORPHANS:
            ages = sorted((each.at for each in self._orphans.values()), reverse=True)
            self._forget_orphans(Instant(ages[MOST_ORPHANS] + 1))

    def _forget_orphans(self, before: Instant) -> None:
        kept = ((name, each) for name, each in self._orphans.items() if each.at >= before)
        self._orphans = dict(kept)

    def _part_ended(self, delivery: _Delivery, at: Instant) -> None:
        if delivery.told.part_of is None:
            return
        group = self._deliveries[DeliveryKey(delivery.key.push_key, delivery.told.part_of)]
        parts = Counter(each.state for each in self._parts(group))
        if not group.state.is_final and all(state.is_final for state in parts):
            state, code, reason = verdict(parts)
            group.confirmed = state is DeliveryState.DELIVERED and group.push.confirmed
            group.owner = None
            self._end(group, state, code, at, reason)

    def _parts(self, group: _Delivery) -> list[_Delivery]:
        push = self._pushes[group.key.push_key]
        return [each for each in push.deliveries if each.told.part_of == group.told.position]

    def _cancel_group(self, group: _Delivery, at: Instant, reason: str) -> CancelOutcome:
        told = [self._cancel(each, at, reason) for each in self._parts(group)]
        all_waited = set(told) <= {CancelOutcome.CANCELLED, CancelOutcome.CANCELLED_BEFORE}
        return CancelOutcome.CANCELLED if all_waited else CancelOutcome.ON_ITS_WAY

    def _settle_notification(self, settlement: NotificationSettlement) -> bool:
        notification = self._notifications.get(settlement.key)
        if notification is None or (notification.owner, notification.attempt) != (
            settlement.owner,
            settlement.attempt,
        ):
            return False
        pending = settlement.state is NotificationState.PENDING
        due_at = settlement.at if settlement.due_at is None else settlement.due_at
        notification.state = settlement.state
        notification.owner = None
        notification.due_at = due_at if pending else None
        name = "notification_retry" if pending else f"notification_{settlement.state.value}"
        self._append(_event(settlement.key, settlement.at, name, settlement.reason))
        return True

    def _attach(self, attachment: Attachment, now: Instant) -> bool:
        key = attachment.client_id, attachment.kind
        standing = self._attachments.get(key)
        if standing and standing.until > now and not _supersedes(attachment, standing):
            return False
        self._attachments[key] = attachment
        return True

    def _detach(self, attachment: Attachment) -> bool:
        key = attachment.client_id, attachment.kind
        standing = self._attachments.get(key)
        if standing is None or (standing.node, standing.epoch) != (
            attachment.node,
            attachment.epoch,
        ):
            return False
        del self._attachments[key]
        return True

    def _latest(self, wanted: Callable[[RegistrationRecord], bool]) -> list[RegistrationRecord]:
        self._check()
        found = filter(wanted, self._registrations.values())
        return sorted(found, key=lambda each: (-each.seen_at, each.client_id, each.bearer))

    def _may_take(self, node: str, client_id: str, now: Instant) -> bool:
        live = [
            attachment.node
            for (client, _), attachment in self._attachments.items()
            if client == client_id and attachment.until > now
        ]
        return not live or node in live

    def _waiting(self, client_id: str) -> list[_Delivery]:
        return [
            delivery
            for delivery in self._deliveries.values()
            if delivery.lane == client_id
            and delivery.owner is None
            and delivery.state is not DeliveryState.HANDED_OVER
        ]

    def _is_open(self, push: _Push) -> bool:
        return any(
            delivery.due_at is not None
            or (
                (notification := self._notifications.get(delivery.key)) is not None
                and notification.due_at is not None
            )
            for delivery in push.deliveries
        )

    def _due_times(self) -> Iterable[Instant]:
        work: list[_Work] = [*self._deliveries.values(), *self._notifications.values()]
        return (each.due_at for each in work if each.due_at is not None)

    def _doubt(self, delivery: _Delivery, now: Instant, owner: str) -> None:
        detail = f"{owner} stopped during the attempt"
        self._append(_event(delivery.key, now, "in_doubt", detail))

    def _append(self, event: TimelineEvent) -> None:
        push = self._pushes.get(event.push_key)
        if push is not None:
            push.events.append(event)


def _choose(
    work: Iterable[WorkT], now: Instant, limit: int, per_lane: int, excluding: Collection[str]
) -> list[WorkT]:
    chosen: list[WorkT] = []
    taken: Counter[str] = Counter()
    due = [(each.due_at, each.key.push_key, each.key.position, each) for each in work]
    for due_at, _, _, each in sorted((d for d in due if d[0] is not None), key=lambda d: d[:3]):
        if len(chosen) >= limit or due_at is None or due_at > now:
            break
        if each.lane not in excluding and taken[each.lane] < per_lane:
            chosen.append(each)
            taken[each.lane] += 1
    return chosen


def _supersedes(fresh: Attachment, standing: Attachment) -> bool:
    renews = (fresh.epoch, fresh.node) == (standing.epoch, standing.node)
    return renews or fresh.epoch > standing.epoch


def _event(key: DeliveryKey, at: Instant, name: str, detail: str) -> TimelineEvent:
    return TimelineEvent(key.push_key, key.position, at, name, detail)


def _claimed_delivery(
    delivery: _Delivery, owner: str, lease_until: Instant, *, in_doubt: bool
) -> ClaimedDelivery:
    push = delivery.push
    return ClaimedDelivery(
        handed_over=delivery.handed_over,
        notified=push.notify_url is not None,
        key=delivery.key,
        push_id=push.push_id,
        initiator_id=push.initiator_id,
        client_id=delivery.told.client_id,
        address=delivery.told.address,
        owner=owner,
        attempt=delivery.attempt,
        sent_attempts=delivery.sent_attempts,
        in_doubt=in_doubt,
        lease_until=lease_until,
        received_at=push.received_at,
        expires_at=push.expires_at,
        confirmed=push.confirmed,
        flags=push.flags,
        message=push.message,
        control=push.control,
    )


def _claimed_notification(notification: _Notification) -> ClaimedNotification:
    delivery, push = notification.delivery, notification.delivery.push
    return ClaimedNotification(
        key=notification.key,
        owner=notification.owner or "",
        attempt=notification.attempt,
        lease_until=notification.due_at or Instant(0),
        url=notification.lane,
        initiator_id=push.initiator_id,
        push_id=push.push_id,
        pap_version=push.pap_version,
        control=push.control,
        received_at=push.received_at,
        address=delivery.told.address,
        state=delivery.state,
        code=delivery.code or 0,
        reason=delivery.reason,
        confirmed=delivery.confirmed,
        event_time=delivery.event_time or Instant(0),
        created_at=notification.created_at,
        network=delivery.network,
        bearer=delivery.bearer,
    )


def _push_record(push: _Push, *, timeline: bool) -> PushRecord:
    told = push.told
    accepted = TimelineEvent(told.push_key, None, told.received_at, "accepted")
    return PushRecord(
        push_key=told.push_key,
        push_id=told.push_id,
        initiator_id=told.initiator_id,
        pap_version=told.pap_version,
        received_at=told.received_at,
        expires_at=told.expires_at,
        confirmed=told.confirmed,
        notify_url=told.notify_url,
        control=told.control,
        deliveries=tuple(
            DeliveryRecord(
                key=d.key,
                address=d.told.address,
                client_id=d.told.client_id,
                state=d.state,
                due_at=d.due_at,
                attempt=d.attempt,
                sent_attempts=d.sent_attempts,
                code=d.code,
                reason=d.reason,
                confirmed=d.confirmed,
                event_time=d.event_time,
                recipient=d.told.recipient,
                part_of=d.told.part_of,
                network=d.network,
                bearer=d.bearer,
            )
            for d in sorted(push.deliveries, key=lambda each: each.key.position)
        ),
        timeline=(
            accepted,
            *(sorted(push.events, key=lambda event: event.at) if timeline else ()),
        ),
    )
