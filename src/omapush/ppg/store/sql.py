"""The ledger in SQL: the contract's methods as transactions on two lanes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

from omapush.core.instants import Instant
from omapush.ota.bearer_reports import BearerReport
from omapush.ppg.large_work import LARGE_NUMBER, LargeWork
from omapush.ppg.store import (
    acceptance,
    cancellation,
    deliveries,
    expansion,
    notifications,
    records,
    reports,
    routing,
    service_registrations,
    wake_ups,
)
from omapush.ppg.store.contract import (
    PLACED_AT_ONCE,
    Accepted,
    Attachment,
    Cancellation,
    CancelledDelivery,
    ClaimedDelivery,
    ClaimedNotification,
    DuplicatePushId,
    NewPush,
    NothingToReplace,
    NotificationSettlement,
    PushRecord,
    RegistrationRecord,
    ReportResult,
    Settlement,
    StoreCounts,
    StoreUnavailable,
    TimelineEvent,
)
from omapush.ppg.store.due import LaneCursor
from omapush.ppg.store.group_commit import Lane
from omapush.ppg.store.service_registration_contract import (
    ServiceRegistrationBounds,
    ServiceRegistrationOutcome,
    ServiceRegistrationRecord,
)

T = TypeVar("T")

MOST_WAITING = 4096
LONGEST_WAIT_S = 15.0


class Home(Protocol):
    """A database: SQLite or PostgreSQL."""

    async def open(self, most_waiting: int, longest_wait_s: float) -> tuple[Lane, Lane]:
        """Connect and migrate; return the lanes for writing and for reading."""

    async def close(self) -> None:
        """Finish what was begun and disconnect."""

    @property
    def is_shared(self) -> bool:
        """Whether several gateway processes may use it at a time."""

    async def listen(self, channel: str, heard: Callable[[str], None]) -> None:
        """Call ``heard`` with what processes say, until cancelled; where there are others."""


class _Bounded(Protocol):
    def __call__(self, connection: Connection, most: int) -> int: ...


class SqlStore:
    """The ledger in a database, see :class:`~omapush.ppg.store.contract.Store`.

    Belongs to the event loop in which it is opened.

    :param most_waiting: calls beyond this many at a time are refused with ``StoreUnavailable``.
    :param longest_wait_s: seconds after which a call is given up with ``StoreUnavailable``; it may
        still take effect then.
    """

    def __init__(
        self, home: Home, most_waiting: int = MOST_WAITING, longest_wait_s: float = LONGEST_WAIT_S
    ) -> None:
        self._home = home
        self._most_waiting = most_waiting
        self._longest_wait_s = longest_wait_s
        self._lanes: tuple[Lane, Lane] | None = None
        self._deliveries_cursor = LaneCursor()
        self._notifications_cursor = LaneCursor()
        self._large = LargeWork()
        self._caller: wake_ups.Caller | None = None

    def __repr__(self) -> str:
        return f"SqlStore({self._home!r})"

    @property
    def is_shared(self) -> bool:
        return self._home.is_shared

    @asynccontextmanager
    async def wake_ups(self, node: str, on_wake: Callable[[], None]) -> AsyncIterator[None]:
        if not self.is_shared:
            yield
            return

        async def call(client_ids: Sequence[str], now: Instant) -> None:
            await self._read(
                partial(wake_ups.call, node=node, client_ids=client_ids, now=now)
                if client_ids
                else wake_ups.call_everybody
            )

        def heard(told: str) -> None:
            if told in (wake_ups.EVERYBODY, node):
                on_wake()

        caller = self._caller = wake_ups.Caller(call)
        listening = asyncio.create_task(self._home.listen(wake_ups.CHANNEL, heard))
        try:
            yield
        finally:
            self._caller = None
            await caller.close()
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def open(self) -> None:
        self._lanes = await self._home.open(self._most_waiting, self._longest_wait_s)

    async def close(self) -> None:
        self._lanes = None
        await self._home.close()

    async def accept(
        self, pushes: Sequence[NewPush]
    ) -> list[Accepted | DuplicatePushId | NothingToReplace]:
        prepared = [
            await self._large.run(
                partial(expansion.prepare, push), large=len(push.deliveries) > LARGE_NUMBER
            )
            for push in pushes
        ]
        rows = sum(1 + len(each.at_once) + len(each.in_bulk) for each in prepared)
        answers = await self._write(acceptance.accept, prepared, rows)
        for push, answer in zip(pushes, answers, strict=True):
            if isinstance(answer, Accepted):
                self._tell_of(push)
        return answers

    async def expand(self) -> int:
        placed = await self._write_one(expansion.expand, PLACED_AT_ONCE)
        if placed and self._caller is not None:
            self._caller.tell_everybody()
        return placed

    async def cancel(self, wish: Cancellation) -> list[CancelledDelivery] | None:
        push_key = await self._read(
            lambda connection: cancellation.find(connection, wish.push_id, wish.initiator_id)
        )
        if push_key is None:
            return None
        while await self._write_one(partial(expansion.expand_push, push_key=push_key)):
            pass  # every recipient has a row before any is cancelled
        told: list[CancelledDelivery] = []
        after: int | None = -1
        while after is not None:
            more, after = await self._write_one(
                partial(cancellation.cancel_page, push_key=push_key, wish=wish, after=after)
            )
            told += more
        return told

    async def recover(self, node: str, incarnation: str, now: Instant) -> int:
        def run(connection: Connection) -> int:
            routing.detach_node(connection, node)
            ended = deliveries.recover(connection, node, incarnation, now)
            return ended + notifications.recover_notifications(connection, node, incarnation, now)

        return await self._write_one(run)

    async def claim(
        self,
        owner: str,
        now: Instant,
        lease_ms: int,
        limit: int,
        per_client: int,
        excluding: Collection[str] = (),
    ) -> list[ClaimedDelivery]:
        passed_over = frozenset(excluding)
        return await self._write_one(
            lambda connection: deliveries.claim(
                connection,
                self._deliveries_cursor,
                owner,
                now,
                lease_ms,
                limit,
                per_client,
                passed_over,
            )
        )

    async def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        return await self._write(deliveries.settle, settlements)

    async def report(self, told: Sequence[BearerReport]) -> list[ReportResult]:
        return await self._write(reports.report, told)

    async def defer(
        self, client_id: str, until: Instant, now: Instant, reason: str, node: str
    ) -> int:
        return await self._repeat(
            lambda connection, most: deliveries.defer(
                connection, client_id, until, now, reason, node, most
            ),
            deliveries.MOVED_TOGETHER,
        )

    async def hasten(self, client_ids: Sequence[str], now: Instant) -> int:
        moved = 0
        for some in _parts(client_ids, deliveries.HASTENED_TOGETHER):
            moved += await self._repeat(
                partial(_hasten, client_ids=some, now=now), deliveries.MOVED_TOGETHER
            )
        if moved and self._caller is not None:
            self._caller.tell(client_ids, now)
        return moved

    async def attach(self, attachments: Sequence[Attachment], now: Instant) -> list[bool]:
        attached: list[bool] = []
        for some in _parts(attachments, routing.ATTACHED_TOGETHER):
            attached += await self._write(routing.attach, [(each, now) for each in some])
        return attached

    async def detach(self, attachments: Sequence[Attachment]) -> list[bool]:
        detached: list[bool] = []
        for some in _parts(attachments, routing.ATTACHED_TOGETHER):
            detached += await self._write(routing.detach, some)
        return detached

    async def attachments(self, client_id: str, now: Instant) -> list[Attachment]:
        return await self._read(lambda connection: routing.attachments(connection, client_id, now))

    async def record(self, events: Sequence[TimelineEvent]) -> None:
        await self._write(records.record, events)

    async def push(self, push_id: str, *, timeline: bool = True) -> PushRecord | None:
        return await self._read(
            lambda connection: records.push(connection, push_id, timeline=timeline)
        )

    async def claim_notifications(
        self,
        owner: str,
        now: Instant,
        lease_ms: int,
        limit: int,
        per_url: int,
        excluding: Collection[str] = (),
    ) -> list[ClaimedNotification]:
        passed_over = frozenset(excluding)
        return await self._write_one(
            lambda connection: notifications.claim_notifications(
                connection,
                self._notifications_cursor,
                owner,
                now,
                lease_ms,
                limit,
                per_url,
                passed_over,
            )
        )

    async def settle_notifications(
        self, settlements: Sequence[NotificationSettlement]
    ) -> list[bool]:
        return await self._write(notifications.settle_notifications, settlements)

    async def remember_registrations(self, registrations: Sequence[RegistrationRecord]) -> None:
        for some in _parts(registrations, records.REMEMBERED_TOGETHER):
            await self._write(records.remember_registrations, some)

    async def registrations(self, client_id: str) -> list[RegistrationRecord]:
        return await self._read(lambda connection: records.registrations(connection, client_id))

    async def registrations_of_terminal(self, terminal_id: str) -> list[RegistrationRecord]:
        return await self._read(
            lambda connection: records.registrations_of_terminal(connection, terminal_id)
        )

    async def registrations_at(self, host: str) -> list[RegistrationRecord]:
        return await self._read(lambda connection: records.registrations_at(connection, host))

    async def next_due(self, now: Instant) -> Instant | None:
        return await self._read(lambda connection: records.next_due(connection, now))

    async def counts(self) -> StoreCounts:
        return await self._read(records.counts)

    async def purge(self, received_before: Instant, limit: int) -> int:
        return await self._repeat(
            lambda connection, most: records.purge(connection, received_before, most),
            records.PURGED_TOGETHER,
            limit,
        )

    async def keep_service_registration(
        self, record: ServiceRegistrationRecord, bounds: ServiceRegistrationBounds
    ) -> ServiceRegistrationOutcome:
        return (await self._write(service_registrations.keep, ((record, bounds),)))[0]

    async def refresh_service_registration(self, record: ServiceRegistrationRecord) -> bool:
        return (await self._write(service_registrations.refresh, (record,)))[0]

    async def end_service_registration(
        self, registration_id: str, owner: str, now: Instant
    ) -> ServiceRegistrationRecord | None:
        return await self._write_one(
            lambda connection: service_registrations.end(connection, registration_id, owner, now)
        )

    async def service_registration(self, registration_id: str) -> ServiceRegistrationRecord | None:
        return await self._read(
            lambda connection: service_registrations.one(connection, registration_id)
        )

    async def service_registrations(
        self, now: Instant, after: str = "", limit: int = 100, client_id: str | None = None
    ) -> list[ServiceRegistrationRecord]:
        return await self._read(
            lambda connection: service_registrations.several(
                connection, now, after, limit, client_id
            )
        )

    async def forget_service_registrations(self, expired_before: Instant, limit: int) -> int:
        return await self._repeat(
            lambda connection, most: service_registrations.forget(connection, expired_before, most),
            service_registrations.FORGOTTEN_TOGETHER,
            limit,
        )

    def _tell_of(self, push: NewPush) -> None:
        if self._caller is None:
            return
        if len(push.deliveries) > wake_ups.MOST_NAMED:
            self._caller.tell_everybody()
        else:
            clients = [delivery.client_id for delivery in push.deliveries]
            self._caller.tell(clients, push.received_at)

    async def _write(
        self,
        transaction: Callable[[Connection, list[Any]], list[T]],
        items: Sequence[Any],
        rows: int | None = None,
    ) -> list[T]:
        """Run a transaction that calls with other items may join."""
        return await self._open_lanes()[0].call(transaction, items, rows) if items else []

    async def _write_one(self, run: Callable[[Connection], T], rows: int = 1) -> T:
        return await _one(self._open_lanes()[0], run, rows)

    async def _repeat(self, run: _Bounded, together: int, limit: int | None = None) -> int:
        """Change many rows, a few in each transaction, so that others need not wait for all."""
        done = 0
        most = together
        while limit is None or done < limit:
            if limit is not None:
                most = min(together, limit - done)
            changed = await self._write_one(partial(run, most=most))
            done += changed
            if changed < most:
                break
        return done

    async def _read(self, run: Callable[[Connection], T]) -> T:
        return await _one(self._open_lanes()[1], run)

    def _open_lanes(self) -> tuple[Lane, Lane]:
        if self._lanes is None:
            raise StoreUnavailable("the store is not open")
        return self._lanes


def _hasten(connection: Connection, most: int, client_ids: Sequence[str], now: Instant) -> int:
    return deliveries.hasten(connection, client_ids, now, most)


def _parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


async def _one(lane: Lane, run: Callable[[Connection], T], rows: int = 1) -> T:
    answers: list[T] = await lane.call(lambda connection, _items: [run(connection)], (None,), rows)
    return answers[0]
