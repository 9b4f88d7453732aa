"""Cancelling what still waits (PAP 5.3, 8.2): recipient by recipient, each in one step.

A row that a process holds, or whose last attempt is in doubt, is left alone: nobody could assure
that the client never sees it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import BigInteger, Connection, Integer, Row, Text, bindparam, select, update

from omapush.core.instants import Instant
from omapush.pap.codes import StatusCode
from omapush.ppg.store import schema
from omapush.ppg.store.contract import (
    Cancellation,
    CancelledDelivery,
    CancelOutcome,
    DeliveryKey,
    DeliveryState,
    TimelineEvent,
)
from omapush.ppg.store.expansion import expand_push
from omapush.ppg.store.groups import parts_ended
from omapush.ppg.store.notifications import announce
from omapush.ppg.store.statements import Insert, Statement
from omapush.ppg.store.values import event_row, readable

_D = schema.delivery.c
_P = schema.push.c

PAGE = 500
"""So many deliveries a transaction looks at; a larger push takes several."""

EVERY = 1 << 30

_push = Statement(
    select(_P.push_key).where(
        _P.push_id == bindparam("wanted"), _P.initiator_id == bindparam("initiator")
    )
)
_columns = (_D.position, _D.address, _D.recipient, _D.state, _D.owner, _D.open_members)
_page = Statement(
    select(*_columns)
    .where(
        _D.push_key == bindparam("key"),
        _D.position > bindparam("after", type_=Integer),
        _D.part_of.is_(None),
    )
    .order_by(_D.position)
    .limit(bindparam("page", type_=Integer))
    .with_for_update()
)
_parts = Statement(
    select(*_columns)
    .where(_D.push_key == bindparam("key"), _D.part_of == bindparam("group", type_=Integer))
    .order_by(_D.position)
    .with_for_update()
)
_cancel = Statement(
    update(schema.delivery)
    .where(_D.push_key == bindparam("key"), _D.position == bindparam("place"))
    .values(
        state=DeliveryState.CANCELLED.value,
        due_at=None,
        code=int(StatusCode.OK),
        reason=bindparam("new_reason", type_=Text),
        event_time=bindparam("ended_at", type_=BigInteger),
    )
)
_insert_event = Insert(schema.event)


def find(connection: Connection, push_id: str, initiator_id: str) -> str | None:
    """Return the key of an initiator's push, or ``None``: another's is as good as none."""
    key: str | None = _push.run(
        connection, wanted=push_id, initiator=initiator_id
    ).scalar_one_or_none()
    return key


def cancel_page(
    connection: Connection, push_key: str, wish: Cancellation, after: int
) -> tuple[list[CancelledDelivery], int | None]:
    """Cancel among the :data:`PAGE` deliveries after position ``after``.

    Return what became of each that was asked for, and where to go on, ``None`` at the end.
    """
    rows = _page.run(connection, key=push_key, after=after, page=PAGE).all()
    asked = wish.recipients
    wanted = [row for row in rows if not asked or row.recipient in asked]
    outcomes = [
        CancelledDelivery(row.address, row.recipient, outcome)
        for row, outcome in _cancel_rows(connection, push_key, wanted, wish.at, wish.reason)
    ]
    return outcomes, rows[-1].position if len(rows) == PAGE else None


def cancel_for(
    connection: Connection, push_key: str, recipients: Collection[str], at: Instant, reason: str
) -> set[str]:
    """Cancel the waiting deliveries to ``recipients`` in this transaction; return whose it were."""
    while expand_push(connection, push_key):
        pass
    rows = _page.run(connection, key=push_key, after=-1, page=EVERY)
    wanted = [row for row in rows if row.recipient in recipients]
    told = _cancel_rows(connection, push_key, wanted, at, reason)
    return {row.recipient for row, outcome in told if outcome is CancelOutcome.CANCELLED}


_Told = list[tuple[Row[Any], CancelOutcome]]


def _cancel_rows(
    connection: Connection, push_key: str, rows: Iterable[Row[Any]], at: Instant, reason: str
) -> _Told:
    """Cancel what waits among ``rows``, recipients of one push; return the outcome of each."""
    told: _Told = []
    waiting = []
    for row in rows:
        if row.open_members is not None and not DeliveryState(row.state).is_final:
            told.append((row, _cancel_group(connection, push_key, row, at, reason)))
            continue
        told.append((row, _outcome(row)))
        if told[-1][1] is CancelOutcome.CANCELLED:
            waiting.append(DeliveryKey(push_key, row.position))
    _carry_out(connection, waiting, at, reason)
    announce(connection, [(key, at) for key in waiting])
    return told


def _cancel_group(
    connection: Connection, push_key: str, group: Row[Any], at: Instant, reason: str
) -> CancelOutcome:
    """Cancel the parts of a group that wait; it is cancelled if none was sent (PAP 5.3)."""
    parts = _parts.run(connection, key=push_key, group=group.position).all()
    waiting = [DeliveryKey(push_key, row.position) for row in parts if _is_waiting(row)]
    _carry_out(connection, waiting, at, reason)
    parts_ended(connection, [DeliveryKey(push_key, group.position)] * len(waiting), at)
    cancelled = (CancelOutcome.CANCELLED, CancelOutcome.CANCELLED_BEFORE)
    all_waited = all(_outcome(row) in cancelled for row in parts)
    return CancelOutcome.CANCELLED if all_waited else CancelOutcome.ON_ITS_WAY


def _is_waiting(row: Row[Any]) -> bool:
    return row.state == DeliveryState.QUEUED.value and row.owner is None


def _outcome(row: Row[Any]) -> CancelOutcome:
    if _is_waiting(row):
        return CancelOutcome.CANCELLED
    if row.state == DeliveryState.CANCELLED.value:
        return CancelOutcome.CANCELLED_BEFORE
    ended = DeliveryState(row.state).is_final
    return CancelOutcome.ENDED if ended else CancelOutcome.ON_ITS_WAY


def _carry_out(
    connection: Connection, keys: Iterable[DeliveryKey], at: Instant, reason: str
) -> None:
    cancelled = list(keys)
    text = readable(reason)
    _cancel.run_many(
        connection,
        [
            {"key": key.push_key, "place": key.position, "new_reason": text, "ended_at": at}
            for key in cancelled
        ],
    )
    state = DeliveryState.CANCELLED.value
    events = [TimelineEvent(key.push_key, key.position, at, state, text) for key in cancelled]
    _insert_event.run(connection, [event_row(event) for event in events])
