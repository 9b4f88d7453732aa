"""Making pushes durable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, select

from omapush.core.instants import Instant
from omapush.ppg.store import schema
from omapush.ppg.store.contract import (
    Accepted,
    DeliveryState,
    DuplicatePushId,
    NewPush,
)
from omapush.ppg.store.group_commit import RepeatTransactionError
from omapush.ppg.store.statements import Insert, Lookup
from omapush.ppg.store.values import json_text

_insert_push = Insert(schema.push, returning=schema.push.c.push_key)
_insert_delivery = Insert(schema.delivery)
_standing = Lookup(
    (schema.push.c.push_id,),
    lambda those: select(
        schema.push.c.push_key,
        schema.push.c.push_id,
        schema.push.c.initiator_id,
        schema.push.c.content_digest,
        schema.push.c.received_at,
    ).where(those),
)


def accept(connection: Connection, pushes: Sequence[NewPush]) -> list[Accepted | DuplicatePushId]:
    """Store each push whose id is free, in order; see ``Store.accept``."""
    # The database decides which of two equal push ids comes first, also between processes.
    fresh = set(_insert_push.run(connection, [_push_row(push) for push in pushes]))
    standing: dict[str, Any] = {}
    if len(fresh) < len(pushes):
        taken = {push.push_id for push in pushes if push.push_key not in fresh}
        standing = {row.push_id: row for row in _standing.run(connection, ((i,) for i in taken))}
    _insert_delivery.run(
        connection, [row for push in pushes if push.push_key in fresh for row in _rows(push)]
    )
    return [_answer(push, fresh, standing) for push in pushes]


def _answer(push: NewPush, fresh: set[str], standing: dict[str, Any]) -> Accepted | DuplicatePushId:
    if push.push_key in fresh:
        return Accepted(push.push_key)
    row = standing.get(push.push_id)
    if row is None:
        # Purged by another process between the two statements.
        raise RepeatTransactionError("the earlier push of this push-id has just been purged")
    if row.push_key == push.push_key:
        return Accepted(push.push_key)
    return DuplicatePushId(
        push_id=row.push_id,
        initiator_id=row.initiator_id,
        content_digest=row.content_digest,
        received_at=Instant(row.received_at),
    )


def _push_row(push: NewPush) -> tuple[Any, ...]:
    return (
        push.push_key,
        push.push_id,
        push.initiator_id,
        push.pap_version,
        push.received_at,
        push.expires_at,
        push.content_digest,
        push.confirmed,
        push.flags,
        push.notify_url,
        json_text(push.control),
        json_text(push.message.headers),
        push.message.body,
    )


def _rows(push: NewPush) -> Iterable[tuple[Any, ...]]:
    for delivery in push.deliveries:
        yield (
            push.push_key,
            delivery.position,
            delivery.client_id,
            delivery.address,
            DeliveryState.QUEUED.value,
            delivery.due_at,
            delivery.due_at,
            push.expires_at,
            None,
            0,
            0,
            None,
            "",
            False,
            None,
        )
