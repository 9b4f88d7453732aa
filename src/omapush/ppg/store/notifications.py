"""The outbox of result notifications (PAP 6.3): claimed and settled like deliveries."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Integer, Row, Text, bindparam, func, select, update
from sqlalchemy.dialects import postgresql

from omapush.core.instants import Instant, later
from omapush.ppg.store import schema
from omapush.ppg.store.contract import (
    ClaimedNotification,
    DeliveryKey,
    DeliveryState,
    NotificationSettlement,
    NotificationState,
    TimelineEvent,
)
from omapush.ppg.store.due import DueQueue, LaneCursor
from omapush.ppg.store.statements import Insert, Lookup, Statement
from omapush.ppg.store.values import control_from, event_row, readable

_N = schema.notification.c
_D = schema.delivery.c
_P = schema.push.c
_this_row = (_N.push_key == bindparam("key"), _N.position == bindparam("place"))

_queue = DueQueue(schema.notification, _N.url, (_N.attempt, _N.created_at))
_facts = Lookup(
    (_D.push_key, _D.position),
    lambda those: (
        select(
            _D.push_key,
            _D.position,
            _D.address,
            _D.state,
            _D.code,
            _D.reason,
            _D.confirmed,
            _D.event_time,
            _D.network,
            _D.bearer,
            _P.initiator_id,
            _P.push_id,
            _P.pap_version,
            _P.control,
            _P.received_at,
        )
        .join_from(schema.delivery, schema.push, _D.push_key == _P.push_key)
        .where(those)
    ),
)
_take = Statement(
    update(schema.notification)
    .where(*_this_row)
    .values(
        owner=bindparam("new_owner", type_=Text),
        attempt=_N.attempt + 1,
        due_at=bindparam("lease_until", type_=BigInteger),
    )
)
_owned = Lookup(
    (_N.push_key, _N.position),
    lambda those: (
        select(_N.push_key, _N.position, _N.owner, _N.attempt)
        .where(those)
        .order_by(_N.push_key, _N.position)
        .with_for_update()
    ),
)
_release = Statement(
    update(schema.notification)
    .where(*_this_row)
    .values(
        state=bindparam("new_state", type_=Text),
        due_at=bindparam("new_due_at", type_=BigInteger),
        owner=None,
        reason=bindparam("new_reason", type_=Text),
    )
)
_lost = Statement(
    update(schema.notification)
    .where(
        _N.due_at.is_not(None),
        func.substr(_N.owner, 1, bindparam("length", type_=Integer)) == bindparam("prefix"),
        _N.owner != bindparam("this_owner"),
    )
    .values(owner=None, due_at=bindparam("now", type_=BigInteger))
)
_announce = Statement(
    postgresql.insert(schema.notification)
    .from_select(
        schema.notification.c.keys(),
        select(
            _P.push_key,
            bindparam("place", type_=Integer),
            _P.notify_url,
            bindparam("pending", NotificationState.PENDING.value, type_=Text),
            bindparam("created_at", type_=BigInteger),
            bindparam("no_owner", None, type_=Text),
            bindparam("no_attempt", 0, type_=Integer),
            bindparam("created_at", type_=BigInteger),
            bindparam("no_reason", "", type_=Text),
        ).where(_P.push_key == bindparam("key"), _P.notify_url.is_not(None)),
    )
    .on_conflict_do_nothing()
)
_insert_event = Insert(schema.event)


def announce(connection: Connection, ended: Iterable[tuple[DeliveryKey, Instant]]) -> None:
    """Add the notifications of deliveries that have ended, if their initiators asked for them."""
    _announce.run_many(
        connection,
        [{"key": key.push_key, "place": key.position, "created_at": at} for key, at in ended],
    )


def claim_notifications(
    connection: Connection,
    cursor: LaneCursor,
    owner: str,
    now: Instant,
    lease_ms: int,
    limit: int,
    per_url: int,
    excluding: Collection[str],
) -> list[ClaimedNotification]:
    """Take notifications that are due; see ``Store.claim_notifications``."""
    rows = _queue.find(
        connection,
        cursor,
        node=owner.partition("/")[0],
        now=now,
        limit=limit,
        per_lane=per_url,
        excluding=excluding,
    )
    facts = {
        (fact.push_key, fact.position): fact
        for fact in _facts.run(connection, ((row.push_key, row.position) for row in rows))
    }
    lease_until = later(now, lease_ms)
    _take.run_many(
        connection,
        [
            {
                "key": row.push_key,
                "place": row.position,
                "new_owner": owner,
                "lease_until": lease_until,
            }
            for row in rows
        ],
    )
    return [_claimed(row, facts[row.push_key, row.position], owner, lease_until) for row in rows]


def settle_notifications(
    connection: Connection, settlements: Sequence[NotificationSettlement]
) -> list[bool]:
    """Settle owned notifications; see ``Store.settle_notifications``."""
    wanted = dict.fromkeys((s.key.push_key, s.key.position) for s in settlements)
    owned = {(row.push_key, row.position): row for row in _owned.run(connection, sorted(wanted))}
    held = []
    answers = []
    for settlement in settlements:
        key = (settlement.key.push_key, settlement.key.position)
        row = owned.get(key)
        fits = (
            row is not None and row.owner == settlement.owner and row.attempt == settlement.attempt
        )
        if fits:
            held.append(settlement)
            del owned[key]
        answers.append(fits)
    _release.run_many(connection, [_released(settlement) for settlement in held])
    _insert_event.run(connection, [event_row(_event(settlement)) for settlement in held])
    return answers


def recover_notifications(connection: Connection, node: str, incarnation: str, now: Instant) -> int:
    """End the leases of earlier incarnations of ``node``."""
    prefix = f"{node}/"
    return _lost.run(
        connection, length=len(prefix), prefix=prefix, this_owner=prefix + incarnation, now=now
    ).rowcount


def _claimed(
    row: Row[Any], fact: Row[Any], owner: str, lease_until: Instant
) -> ClaimedNotification:
    return ClaimedNotification(
        key=DeliveryKey(row.push_key, row.position),
        owner=owner,
        attempt=row.attempt + 1,
        lease_until=lease_until,
        url=row.lane,
        initiator_id=fact.initiator_id,
        push_id=fact.push_id,
        pap_version=fact.pap_version,
        control=control_from(fact.control),
        received_at=Instant(fact.received_at),
        address=fact.address,
        state=DeliveryState(fact.state),
        code=fact.code or 0,
        reason=fact.reason,
        confirmed=bool(fact.confirmed),
        event_time=Instant(fact.event_time),
        created_at=Instant(row.created_at),
        network=fact.network,
        bearer=fact.bearer,
    )


def _released(settlement: NotificationSettlement) -> dict[str, Any]:
    due_at = None
    if settlement.state is NotificationState.PENDING:
        due_at = settlement.at if settlement.due_at is None else settlement.due_at
    return {
        "key": settlement.key.push_key,
        "place": settlement.key.position,
        "new_state": settlement.state.value,
        "new_due_at": due_at,
        "new_reason": readable(settlement.reason),
    }


def _event(settlement: NotificationSettlement) -> TimelineEvent:
    pending = settlement.state is NotificationState.PENDING
    return TimelineEvent(
        settlement.key.push_key,
        settlement.key.position,
        settlement.at,
        "notification_retry" if pending else f"notification_{settlement.state.value}",
        settlement.reason,
    )
