"""Reading, counting and forgetting; timelines and what registration told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Row,
    Text,
    bindparam,
    delete,
    exists,
    func,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import insert

from omapush.core.instants import Instant
from omapush.ppg.store import schema
from omapush.ppg.store.contract import (
    MOST_FOUND,
    DeliveryKey,
    DeliveryRecord,
    DeliveryState,
    NewDelivery,
    NotificationState,
    PushRecord,
    RegistrationRecord,
    StoreCounts,
    TimelineEvent,
)
from omapush.ppg.store.expansion import in_bulk as bulk
from omapush.ppg.store.reports import forget_orphans
from omapush.ppg.store.statements import Statement, Upsert
from omapush.ppg.store.values import (
    control_from,
    cpi_from,
    event_row,
    instant_or_none,
    json_text,
    readable,
)

_P, _D, _N, _E, _R, _X = (
    table.c
    for table in (
        schema.push,
        schema.delivery,
        schema.notification,
        schema.event,
        schema.registration,
        schema.expansion,
    )
)
PURGE_PAGE = 256
PURGED_TOGETHER = 100
"""So many pushes a transaction forgets; the caller repeats."""
REMEMBERED_TOGETHER = 500
"""So many registrations a transaction keeps."""

_push = Statement(
    select(*(column for column in _P if column.name not in ("headers", "body"))).where(
        _P.push_id == bindparam("wanted")
    )
)
_deliveries = Statement(
    select(schema.delivery).where(_D.push_key == bindparam("key")).order_by(_D.position)
)
_timeline = Statement(
    select(schema.event).where(_E.push_key == bindparam("key")).order_by(_E.at, _E.ordinal)
)
# Only for a push that is there: an event that comes after the purge would never be purged.
_record = Statement(
    insert(schema.event)
    .from_select(
        _E.keys(),
        select(
            _P.push_key,
            bindparam("at", type_=BigInteger),
            bindparam("ordinal", type_=BigInteger),
            bindparam("place", type_=Integer),
            bindparam("name", type_=Text),
            bindparam("detail", type_=Text),
        ).where(_P.push_key == bindparam("key")),
    )
    .on_conflict_do_nothing()
)
_remember = Upsert(
    schema.registration,
    lambda fresh: (
        {name: each for name, each in fresh.items() if not _R[name].primary_key},
        true(),
    ),
    (_R.client_id,),
)
_latest_first = (_R.seen_at.desc(), _R.client_id, _R.bearer)
_registrations = Statement(
    select(schema.registration).where(_R.client_id == bindparam("client")).order_by(*_latest_first)
)
_of_terminal, _at_host = (
    Statement(
        select(schema.registration)
        .where(column == bindparam("wanted", type_=Text))
        .order_by(*_latest_first)
        .limit(MOST_FOUND)
    )
    for column in (_R.terminal_id, _R.host)
)
_next_due = [
    Statement(select(func.min(c.due_at)).where(c.due_at > bindparam("now", type_=BigInteger)))
    for c in (_D, _N)
]
_earliest_due = Statement(select(func.min(_D.due_at)).where(_D.due_at.is_not(None)))
_count_deliveries = Statement(
    select(_D.state, func.count().label("number")).where(_D.due_at.is_not(None)).group_by(_D.state)
)
_count_notifications = Statement(
    select(_N.state, func.count().label("number")).where(_N.due_at.is_not(None)).group_by(_N.state)
)
_old_pushes = Statement(
    select(
        _P.push_key,
        _P.received_at,
        (
            exists().where(_D.push_key == _P.push_key, _D.due_at.is_not(None))
            | exists().where(_N.push_key == _P.push_key, _N.due_at.is_not(None))
            | exists().where(_X.push_key == _P.push_key)
        ).label("open"),
    )
    .where(_P.push_key > bindparam("after"))
    .order_by(_P.push_key)
    .limit(bindparam("page", type_=BigInteger))
    .with_for_update(skip_locked=True, of=schema.push)
)
# The delivery first: who is just taking a report of it, and adds to the others, has locked it.
_forget = [
    Statement(delete(table).where(table.c.push_key == bindparam("key")))
    for table in (
        schema.delivery,
        schema.carried_part,
        schema.notification,
        schema.event,
        schema.push,
    )
]


def record(connection: Connection, events: Sequence[TimelineEvent]) -> list[None]:
    """Append lines to timelines; see ``Store.record``."""
    names = ("key", "at", "ordinal", "place", "name", "detail")
    _record.run_many(
        connection, [dict(zip(names, event_row(event), strict=True)) for event in events]
    )
    return [None] * len(events)


def push(connection: Connection, push_id: str, *, timeline: bool = True) -> PushRecord | None:
    """Return what is known of a push; see ``Store.push``."""
    row = _push.run(connection, wanted=push_id).one_or_none()
    if row is None:
        return None
    received_at = Instant(row.received_at)
    # The first event is the row itself: it costs the acceptance nothing.
    accepted = TimelineEvent(row.push_key, None, received_at, "accepted")
    placed = [_delivery_record(each) for each in _deliveries.run(connection, key=row.push_key)]
    in_bulk = [_waiting_record(row.push_key, each) for each in bulk(connection, row.push_key)]
    events = _timeline.run(connection, key=row.push_key) if timeline else ()
    return PushRecord(
        push_key=row.push_key,
        push_id=row.push_id,
        initiator_id=row.initiator_id,
        pap_version=row.pap_version,
        received_at=received_at,
        expires_at=Instant(row.expires_at),
        confirmed=bool(row.confirmed),
        notify_url=row.notify_url,
        control=control_from(row.control),
        deliveries=(*placed, *in_bulk),
        timeline=(
            accepted,
            *(
                TimelineEvent(row.push_key, e.position, Instant(e.at), e.event, e.detail)
                for e in events
            ),
        ),
    )


def remember_registrations(
    connection: Connection, registrations: Sequence[RegistrationRecord]
) -> list[None]:
    """Keep what registrations told; see ``Store.remember_registrations``."""
    # The last of each, in the order of the keys: two processes never wait for each other crosswise.
    last = {(told.client_id, told.bearer): told for told in registrations}
    list(_remember.run(connection, [_registration_row(last[key]) for key in sorted(last)]))
    return [None] * len(registrations)


def registrations(connection: Connection, client_id: str) -> list[RegistrationRecord]:
    """Return what is kept about a client; see ``Store.registrations``."""
    return [_registration(row) for row in _registrations.run(connection, client=client_id)]


def registrations_of_terminal(connection: Connection, terminal_id: str) -> list[RegistrationRecord]:
    """Return what is kept of a terminal; see ``Store.registrations_of_terminal``."""
    return [_registration(row) for row in _of_terminal.run(connection, wanted=terminal_id)]


def registrations_at(connection: Connection, host: str) -> list[RegistrationRecord]:
    """Return who was last seen at an address; see ``Store.registrations_at``."""
    return [_registration(row) for row in _at_host.run(connection, wanted=host)]


def next_due(connection: Connection, now: Instant) -> Instant | None:
    """Return the first due time after ``now``; see ``Store.next_due``."""
    found = [statement.run(connection, now=now).scalar_one() for statement in _next_due]
    return min((Instant(due_at) for due_at in found if due_at is not None), default=None)


def counts(connection: Connection) -> StoreCounts:
    """Count by state what has not ended; see ``Store.counts``."""
    return StoreCounts(
        deliveries={
            DeliveryState(row.state): row.number for row in _count_deliveries.run(connection)
        },
        notifications={
            NotificationState(row.state): row.number for row in _count_notifications.run(connection)
        },
        oldest_due_at=instant_or_none(_earliest_due.run(connection).scalar_one()),
    )


def purge(connection: Connection, received_before: Instant, limit: int) -> int:
    """Forget old pushes that have ended; see ``Store.purge``.

    Push keys ascend with time, so the oldest are found without an index of their own; the search
    ends with the first page whose last push is too young.
    """
    old: list[str] = []
    after = ""
    while len(old) < limit:
        page: Sequence[Any] = _old_pushes.run(connection, after=after, page=PURGE_PAGE).all()
        old += [row.push_key for row in page if row.received_at < received_before and not row.open]
        if len(page) < PURGE_PAGE or page[-1].received_at >= received_before:
            break
        after = page[-1].push_key
    del old[limit:]
    forget_orphans(connection, received_before)
    for statement in _forget:
        statement.run_many(connection, [{"key": push_key} for push_key in old])
    return len(old)


def _registration_row(told: RegistrationRecord) -> tuple[Any, ...]:
    return (
        told.client_id,
        told.bearer,
        told.seen_at,
        told.terminal_id,
        told.cpi_tag,
        json_text(told.cpi),
        told.authenticated,
        readable(told.address),
        told.host or None,
    )


def _registration(row: Row[Any]) -> RegistrationRecord:
    return RegistrationRecord(
        client_id=row.client_id,
        bearer=row.bearer,
        seen_at=Instant(row.seen_at),
        terminal_id=row.terminal_id,
        cpi_tag=row.cpi_tag,
        cpi=cpi_from(row.cpi),
        authenticated=bool(row.authenticated),
        address=row.address,
        host=row.host or "",
    )


def _delivery_record(row: Row[Any]) -> DeliveryRecord:
    return DeliveryRecord(
        key=DeliveryKey(row.push_key, row.position),
        address=row.address,
        client_id=row.client_id,
        state=DeliveryState(row.state),
        due_at=instant_or_none(row.due_at),
        attempt=row.attempt,
        sent_attempts=row.sent_attempts,
        code=row.code,
        reason=row.reason,
        confirmed=bool(row.confirmed),
        event_time=instant_or_none(row.event_time),
        recipient=row.recipient,
        part_of=row.part_of,
        network=row.network,
        bearer=row.bearer,
    )


def _waiting_record(push_key: str, told: NewDelivery) -> DeliveryRecord:
    rejection = told.rejection
    return DeliveryRecord(
        key=DeliveryKey(push_key, told.position),
        address=told.address,
        client_id=told.client_id,
        state=DeliveryState.REJECTED if rejection else DeliveryState.QUEUED,
        due_at=None if rejection else told.due_at,
        attempt=0,
        sent_attempts=0,
        code=rejection.code if rejection else None,
        reason=rejection.reason if rejection else "",
        confirmed=False,
        event_time=None,
        recipient=told.recipient,
        part_of=told.part_of,
    )
