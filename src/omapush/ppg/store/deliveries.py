"""Claiming, settling and moving deliveries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    Text,
    bindparam,
    case,
    func,
    literal,
    not_,
    select,
    union_all,
    update,
)
from sqlalchemy.sql.elements import ClauseElement

from omapush.content.message import PushMessage
from omapush.core.instants import Instant, later
from omapush.ppg.store import schema
from omapush.ppg.store.contract import (
    ClaimedDelivery,
    DeliveryKey,
    DeliveryState,
    Settlement,
    TimelineEvent,
)
from omapush.ppg.store.due import DueQueue, LaneCursor
from omapush.ppg.store.groups import parts_ended
from omapush.ppg.store.notifications import announce
from omapush.ppg.store.reported import (
    Part,
    in_order,
    judge,
    latest_attempt,
    settle_reported,
    settled_event,
)
from omapush.ppg.store.reports import carry, parts_of
from omapush.ppg.store.routing import elsewhere, held_elsewhere
from omapush.ppg.store.statements import LARGEST, Insert, Lookup, Sized, Statement, filled_up
from omapush.ppg.store.values import control_from, event_row, headers_from, readable

_D = schema.delivery.c
_P = schema.push.c

_this_row = (_D.push_key == bindparam("key"), _D.position == bindparam("place"))
_now = bindparam("now", type_=BigInteger)

_queue = DueQueue(
    schema.delivery,
    _D.client_id,
    (
        _D.address,
        _D.state,
        _D.owner,
        _D.attempt,
        _D.sent_attempts,
        _D.handed_over,
        _D.carried_by,
    ),
    elsewhere,
)
_pushes = Lookup(
    (_P.push_key,),
    lambda those: select(
        _P.push_key,
        _P.push_id,
        _P.initiator_id,
        _P.received_at,
        _P.expires_at,
        _P.confirmed,
        _P.notify_url.is_not(None).label("notified"),
        _P.flags,
        _P.control,
        _P.headers,
        _P.body,
    ).where(those),
)
_take = Statement(
    update(schema.delivery)
    .where(*_this_row)
    .values(
        state=DeliveryState.IN_FLIGHT.value,
        owner=bindparam("new_owner", type_=Text),
        attempt=_D.attempt + 1,
        due_at=bindparam("lease_until", type_=BigInteger),
    )
)
_owned = Lookup(
    (_D.push_key, _D.position),
    lambda those: (
        select(
            _D.push_key,
            _D.position,
            _D.client_id,
            _D.owner,
            _D.attempt,
            _D.sent_attempts,
            _D.expires_at,
            _D.part_of,
            _D.carried_by,
        )
        .where(those)
        .order_by(_D.push_key, _D.position)
        .with_for_update()
    ),
)
_release = Statement(
    update(schema.delivery)
    .where(*_this_row)
    .values(
        state=bindparam("new_state", type_=Text),
        due_at=bindparam("new_due_at", type_=BigInteger),
        owner=None,
        sent_attempts=bindparam("sent", type_=Integer),
        code=bindparam("new_code", type_=Integer),
        reason=bindparam("new_reason", type_=Text),
        confirmed=bindparam("really_confirmed", type_=Boolean),
        event_time=bindparam("ended_at", type_=BigInteger),
        network=func.coalesce(bindparam("over_network", type_=Text), _D.network),
        bearer=func.coalesce(bindparam("over_bearer", type_=Text), _D.bearer),
        handed_over=bindparam("now_handed_over", type_=Boolean),
        carried_by=bindparam("latest_attempt", type_=Integer),
    )
)
_insert_event = Insert(schema.event)
_lost = Statement(
    select(_D.push_key, _D.position)
    .where(
        _D.due_at.is_not(None),
        func.substr(_D.owner, 1, bindparam("length", type_=Integer)) == bindparam("prefix"),
        _D.owner != bindparam("this_owner"),
    )
    .order_by(_D.push_key, _D.position)
    .with_for_update()
)
_doubt = Statement(
    update(schema.delivery)
    .where(*_this_row)
    .values(state=DeliveryState.IN_DOUBT.value, owner=None, due_at=_now)
)
MOVED_TOGETHER = 500
"""So many rows a transaction defers or hastens; the caller repeats until fewer were moved."""
HASTENED_TOGETHER = 512
"""So many clients' rows a transaction hastens."""

_until = bindparam("until", type_=BigInteger)
_deferred_to = case((_D.expires_at < _until, _D.expires_at), else_=_until)
_hastened_to = case((_D.not_before > _now, _D.not_before), else_=_now)
# What waits and may be moved: neither ended nor in a bearer's hands.
_is_ours = _D.state.in_(
    [literal(state.value) for state in (DeliveryState.QUEUED, DeliveryState.IN_DOUBT)]
)


def _waiting(client: ColumnElement[str], *which: ColumnElement[bool]) -> Select[Any]:
    """Write the choice of a client's waiting rows, at most ``:most`` of them."""
    return (
        select(_D.push_key, _D.position, _D.attempt)
        .where(_D.client_id == client, _D.owner.is_(None), _D.due_at.is_not(None), _is_ours, *which)
        .limit(bindparam("most", type_=Integer))
    )


def _hastenable(size: int) -> ClauseElement:
    # One search of the index for each client, whatever the database believes about the table.
    each = (
        _waiting(
            bindparam(f"client_{number}", type_=Text), _D.due_at > _now, _D.due_at > _hastened_to
        ).subquery()
        for number in range(size)
    )
    return union_all(*(select(one) for one in each)).limit(bindparam("most", type_=Integer))


def _move(**values: ColumnElement[Any]) -> Statement:
    """Write the move of a row that was found waiting; nothing, if somebody was quicker."""
    found = (*_this_row, _D.attempt == bindparam("found_attempt", type_=Integer))
    return Statement(
        update(schema.delivery).where(*found, _D.owner.is_(None), _is_ours).values(**values)
    )


_client = bindparam("client", type_=schema.Key)
_find_deferrable = Statement(
    _waiting(
        _client,
        _D.due_at < _until,
        _D.due_at < _deferred_to,
        # A client that has just come to another node is there: that node brings its rows back,
        # and nobody else puts them off again.
        not_(elsewhere(_client)),
    )
)
_find_hastenable = Sized(_hastenable)
_defer = _move(due_at=_deferred_to, reason=bindparam("new_reason", type_=Text))
_hasten = _move(due_at=_hastened_to)


def claim(
    connection: Connection,
    cursor: LaneCursor,
    owner: str,
    now: Instant,
    lease_ms: int,
    limit: int,
    per_client: int,
    excluding: Collection[str],
) -> list[ClaimedDelivery]:
    """Take what is due; see ``Store.claim``."""
    rows = _queue.find(
        connection,
        cursor,
        node=owner.partition("/")[0],
        now=now,
        limit=limit,
        per_lane=per_client,
        excluding=excluding,
    )
    pushes = _read_pushes(connection, {row.push_key for row in rows})
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
    carried = parts_of(
        connection,
        [DeliveryKey(row.push_key, row.position) for row in rows if row.carried_by is not None],
    )
    events: list[TimelineEvent] = []
    claimed = []
    for row in rows:
        delivery = _claimed(row, *pushes[row.push_key], owner, lease_until)
        parts = carried.get(delivery.key)
        claimed.append(_with_parts(delivery, parts, row.carried_by) if parts else delivery)
        if row.owner is not None:
            events.append(_lost_event(row, now, row.owner))
        events.append(
            TimelineEvent(row.push_key, row.position, now, "attempt", str(row.attempt + 1))
        )
    _insert_event.run(connection, [event_row(event) for event in events])
    return claimed


def settle(connection: Connection, settlements: Sequence[Settlement]) -> list[bool]:
    """Settle owned deliveries; see ``Store.settle``."""
    wanted = dict.fromkeys((s.key.push_key, s.key.position) for s in settlements)
    # In the order of the keys, so that two processes never wait for each other crosswise.
    owned = {(row.push_key, row.position): row for row in _owned.run(connection, sorted(wanted))}
    answers = []
    held: list[tuple[Settlement, Row[Any]]] = []
    for settlement in settlements:
        key = (settlement.key.push_key, settlement.key.position)
        row = owned.get(key)
        fits = (
            row is not None and row.owner == settlement.owner and row.attempt == settlement.attempt
        )
        if fits:
            held.append((settlement, owned.pop(key)))
        answers.append(fits)
    if any(s.carried or row.carried_by is not None for s, row in held):
        held, events = _with_reports(connection, held)
    else:
        events = [settled_event(s) for s, _ in held]
    held = _at_once_elsewhere(connection, held)
    _release.run_many(connection, [_released(s, row) for s, row in held])
    ended = [(s, row.part_of) for s, row in held if s.state.is_final]
    announce(connection, [(s.key, s.at) for s, part_of in ended if s.notify and part_of is None])
    _insert_event.run(connection, [event_row(event) for event in events])
    for settlement, part_of in ended:
        if part_of is not None:
            group = DeliveryKey(settlement.key.push_key, part_of)
            parts_ended(connection, [group], settlement.at)
    return answers


_Held = list[tuple[Settlement, Row[Any]]]


def _with_reports(connection: Connection, held: _Held) -> tuple[_Held, list[TimelineEvent]]:
    """Keep what bearers took, and let what they have reported already end its delivery."""
    known = parts_of(connection, [s.key for s, row in held if row.carried_by is not None])
    adopted = carry(connection, [s for s, _ in held if s.carried], known)
    after: _Held = []
    events: list[TimelineEvent] = []
    for settlement, row in held:
        latest = latest_attempt(settlement, row.carried_by)
        parts, fresh = known.get(settlement.key, ()), adopted.get(settlement.key, ())
        reported, lines = settle_reported(settlement, parts, fresh, latest)
        after.append((reported, row))
        events += lines
    return after, events


def _at_once_elsewhere(connection: Connection, held: _Held) -> _Held:
    """Let a retry be due at once if its client has come to another node."""
    seekers = {
        (s.key, s.attempt): (row.client_id, s.owner.partition("/")[0], s.at)
        for s, row in held
        if s.state in (DeliveryState.QUEUED, DeliveryState.IN_DOUBT)
    }
    found = held_elsewhere(connection, set(seekers.values())) if seekers else set()
    if not found:
        return held
    return [
        (replace(s, due_at=None) if seekers.get((s.key, s.attempt)) in found else s, row)
        for s, row in held
    ]


def recover(connection: Connection, node: str, incarnation: str, now: Instant) -> int:
    """Put in doubt what earlier incarnations of ``node`` had in flight; see ``Store.recover``."""
    prefix = f"{node}/"
    rows = _lost.run(
        connection, length=len(prefix), prefix=prefix, this_owner=prefix + incarnation
    ).all()
    _doubt.run_many(
        connection,
        [{"key": row.push_key, "place": row.position, "now": now} for row in rows],
    )
    events = [_lost_event(row, now, node) for row in rows]
    _insert_event.run(connection, [event_row(event) for event in events])
    return len(rows)


def defer(
    connection: Connection,
    client_id: str,
    until: Instant,
    now: Instant,
    reason: str,
    node: str,
    most: int,
) -> int:
    """Move some of a client's waiting deliveries to ``until``; see ``Store.defer``."""
    found = _find_deferrable.run(
        connection, client=client_id, until=until, now=now, node=node, most=most
    )
    values = {"until": until, "new_reason": readable(reason)}
    return _move_found(connection, _defer, found.all(), values)


def hasten(connection: Connection, client_ids: Sequence[str], now: Instant, most: int) -> int:
    """Move some of these clients' waiting deliveries to now; see ``Store.hasten``."""
    moved = 0
    for start in range(0, len(client_ids), LARGEST):
        some = filled_up(client_ids[start : start + LARGEST])
        names = {f"client_{number}": client_id for number, client_id in enumerate(some)}
        find = _find_hastenable.of(len(some))
        found = find.run(connection, now=now, most=most - moved, **names)
        moved += _move_found(connection, _hasten, found.all(), {"now": now})
        if moved >= most:
            break
    return moved


def _move_found(
    connection: Connection, move: Statement, found: Sequence[Row[Any]], values: Mapping[str, Any]
) -> int:
    # In the order of the keys, so that two processes never wait for each other crosswise.
    keys = sorted({(row.push_key, row.position, row.attempt) for row in found})
    move.run_many(
        connection,
        [
            {"key": key, "place": place, "found_attempt": attempt, **values}
            for key, place, attempt in keys
        ],
    )
    return len(keys)


def _read_pushes(
    connection: Connection, push_keys: Collection[str]
) -> dict[str, tuple[Row[Any], PushMessage]]:
    return {
        row.push_key: (row, PushMessage(headers_from(row.headers), row.body))
        for row in _pushes.run(connection, ((key,) for key in push_keys))
    }


def _claimed(
    row: Row[Any], push: Row[Any], message: PushMessage, owner: str, lease_until: Instant
) -> ClaimedDelivery:
    return ClaimedDelivery(
        key=DeliveryKey(row.push_key, row.position),
        push_id=push.push_id,
        initiator_id=push.initiator_id,
        client_id=row.lane,
        address=row.address,
        owner=owner,
        attempt=row.attempt + 1,
        sent_attempts=row.sent_attempts,
        in_doubt=row.owner is not None or row.state == DeliveryState.IN_DOUBT.value,
        lease_until=lease_until,
        received_at=Instant(push.received_at),
        expires_at=Instant(push.expires_at),
        confirmed=bool(push.confirmed),
        flags=push.flags,
        message=message,
        control=control_from(push.control),
        handed_over=bool(row.handed_over),
        notified=bool(push.notified),
    )


def _with_parts(
    claimed: ClaimedDelivery, parts: Sequence[Part], latest: int | None
) -> ClaimedDelivery:
    judgement = judge(parts, latest)
    reported = judgement.verdict if judgement else None
    return replace(claimed, carried=in_order(parts), reported=reported)


def _released(settlement: Settlement, row: Row[Any]) -> dict[str, Any]:
    final = settlement.state.is_final
    due_at = None
    if not final:
        wanted = settlement.at if settlement.due_at is None else settlement.due_at
        # At its expiry the delivery is looked at in any case (PAP 8.6, expired).
        due_at = min(wanted, row.expires_at)
    return {
        "key": settlement.key.push_key,
        "place": settlement.key.position,
        "new_state": settlement.state.value,
        "new_due_at": due_at,
        "sent": row.sent_attempts + settlement.sent,
        "new_code": settlement.code if final else None,
        "new_reason": readable(settlement.reason),
        "really_confirmed": final and settlement.confirmed,
        "ended_at": settlement.at if final else None,
        "over_network": settlement.network,
        "over_bearer": settlement.bearer,
        "now_handed_over": settlement.state is DeliveryState.HANDED_OVER or None,
        "latest_attempt": latest_attempt(settlement, row.carried_by),
    }


def _lost_event(row: Row[Any], now: Instant, owner: str) -> TimelineEvent:
    return TimelineEvent(
        row.push_key, row.position, now, "in_doubt", f"{owner} stopped during the attempt"
    )
