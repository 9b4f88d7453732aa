"""Deliveries of one push, from the submission to rows: at once, or in pages.

A page is inserted and its record deleted in one transaction: repeating is harmless, and any process
may do the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, bindparam, delete, select

from omapush.core.instants import Instant
from omapush.ppg.store import schema
from omapush.ppg.store.contract import (
    PLACED_AT_ONCE,
    DeliveryKey,
    DeliveryState,
    NewDelivery,
    NewPush,
    Rejection,
    TimelineEvent,
)
from omapush.ppg.store.notifications import announce
from omapush.ppg.store.statements import Insert, Statement
from omapush.ppg.store.values import array_from, event_row, json_text, readable

_P, _X = schema.push.c, schema.expansion.c

_insert_delivery = Insert(schema.delivery)
_insert_expansion = Insert(schema.expansion)
_insert_event = Insert(schema.event)
_next = Statement(
    select(_X.push_key, _X.first, _X.deliveries, _P.received_at, _P.expires_at)
    .join_from(schema.expansion, schema.push, _X.push_key == _P.push_key)
    .order_by(_X.push_key, _X.first)
    .limit(1)
    .with_for_update(skip_locked=True, of=schema.expansion)
)
_next_of = Statement(
    select(_X.push_key, _X.first, _X.deliveries, _P.received_at, _P.expires_at)
    .join_from(schema.expansion, schema.push, _X.push_key == _P.push_key)
    .where(_X.push_key == bindparam("key"))
    .order_by(_X.first)
    .limit(1)
    .with_for_update(of=schema.expansion)
)
_forget = Statement(
    delete(schema.expansion).where(
        _X.push_key == bindparam("key"), _X.first == bindparam("start", type_=BigInteger)
    )
)
_bulk = Statement(select(_X.deliveries).where(_X.push_key == bindparam("key")).order_by(_X.first))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A new push, its deliveries divided into those that get a row at once and those that wait.

    :ivar in_bulk: rows of table ``expansion``.
    """

    push: NewPush
    at_once: Sequence[NewDelivery]
    in_bulk: Sequence[tuple[Any, ...]] = ()


def prepare(push: NewPush) -> Prepared:
    """Do what can be done before the transaction, in which others would wait for it. Pure."""
    if len(push.deliveries) <= PLACED_AT_ONCE:
        return Prepared(push, push.deliveries)
    pages = [
        push.deliveries[start : start + PLACED_AT_ONCE]
        for start in range(0, len(push.deliveries), PLACED_AT_ONCE)
    ]
    return Prepared(
        push,
        pages[0],
        [
            (push.push_key, page[0].position, json_text([_to_array(each) for each in page]))
            for page in pages[1:]
        ],
    )


def place(connection: Connection, pushes: Sequence[Prepared]) -> None:
    """Store the deliveries of new pushes: as rows, and what is too much for that in bulk."""
    _place(
        connection,
        [
            (each.push.push_key, each.push.received_at, each.push.expires_at, told)
            for each in pushes
            for told in each.at_once
        ],
    )
    _insert_expansion.run(connection, [row for each in pushes for row in each.in_bulk])


def expand(connection: Connection) -> int:
    """Put a page of some push in its place; return how many deliveries that were."""
    return _expand(connection, _next.run(connection).one_or_none())


def expand_push(connection: Connection, push_key: str) -> int:
    """Put the next page of one push in its place; return how many deliveries that were."""
    return _expand(connection, _next_of.run(connection, key=push_key).one_or_none())


def in_bulk(connection: Connection, push_key: str) -> list[NewDelivery]:
    """Return the deliveries of a push that have no row yet."""
    rows = _bulk.run(connection, key=push_key).all()
    return [_from_array(array) for row in rows for array in array_from(row.deliveries)]


def _expand(connection: Connection, page: Row[Any] | None) -> int:
    if page is None:
        return 0
    told = [_from_array(array) for array in array_from(page.deliveries)]
    _place(
        connection,
        [
            (page.push_key, Instant(page.received_at), Instant(page.expires_at), each)
            for each in told
        ],
    )
    _forget.run(connection, key=page.push_key, start=page.first)
    return len(told)


_Placed = tuple[str, Instant, Instant, NewDelivery]


def _place(connection: Connection, deliveries: Sequence[_Placed]) -> None:
    """Insert rows; one that is rejected has ended, and is notified like any other."""
    _insert_delivery.run(connection, [_row(*each) for each in deliveries])
    rejected = [
        (DeliveryKey(push_key, told.position), received_at, told.rejection.reason)
        for push_key, received_at, _, told in deliveries
        if told.rejection is not None
    ]
    if not rejected:
        return
    announce(connection, [(key, at) for key, at, _ in rejected])
    state = DeliveryState.REJECTED.value
    events = [TimelineEvent(k.push_key, k.position, at, state, why) for k, at, why in rejected]
    _insert_event.run(connection, [event_row(event) for event in events])


def _row(
    push_key: str, received_at: Instant, expires_at: Instant, told: NewDelivery
) -> tuple[Any, ...]:
    rejection = told.rejection
    rejected = rejection is not None
    return (
        push_key,
        told.position,
        told.client_id,
        told.address,
        told.recipient,
        DeliveryState.REJECTED.value if rejected else DeliveryState.QUEUED.value,
        None if rejected else told.due_at,
        told.due_at,
        expires_at,
        None,
        0,
        0,
        rejection.code if rejection else None,
        readable(rejection.reason) if rejection else "",
        False,
        received_at if rejected else None,
        told.members or None,
        told.part_of,
        None,
        None,
        None,
        None,
    )


def _to_array(told: NewDelivery) -> list[object]:
    rejection = told.rejection
    return [
        told.position,
        told.address,
        told.client_id,
        told.due_at,
        told.recipient,
        [rejection.code, rejection.reason] if rejection else None,
        told.members,
        told.part_of,
    ]


def _from_array(array: Sequence[Any]) -> NewDelivery:
    position, address, client_id, due_at, recipient, rejection, members, part_of = array
    return NewDelivery(
        position,
        address,
        client_id,
        Instant(due_at),
        recipient,
        Rejection(*rejection) if rejection else None,
        members,
        part_of,
    )
