"""Making pushes durable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from omapush.core.instants import Instant
from omapush.pap.codes import StatusCode
from omapush.ppg.store import schema
from omapush.ppg.store.cancellation import cancel_for, find
from omapush.ppg.store.contract import (
    Accepted,
    DuplicatePushId,
    NewPush,
    NothingToReplace,
    Rejection,
    Replacement,
)
from omapush.ppg.store.expansion import Prepared, place, prepare
from omapush.ppg.store.group_commit import RepeatTransactionError
from omapush.ppg.store.statements import Insert, Lookup, Statement
from omapush.ppg.store.values import json_text

_insert_push = Insert(schema.push, returning=schema.push.c.push_key)
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


_withdraw = Statement(delete(schema.push).where(schema.push.c.push_key == bindparam("key")))

Answer = Accepted | DuplicatePushId | NothingToReplace


def accept(connection: Connection, pushes: Sequence[Prepared]) -> list[Answer]:
    """Store each push whose id is free, in order; see ``Store.accept``."""
    if all(each.push.replaces is None for each in pushes):
        return _accept(connection, pushes)
    answers: list[Answer] = []
    for each in pushes:
        if each.push.replaces is None:
            answers += _accept(connection, [each])
        else:
            answers.append(_replace(connection, each.push, each.push.replaces))
    return answers


def _accept(connection: Connection, pushes: Sequence[Prepared]) -> list[Answer]:
    fresh, answers = _take_ids(connection, [each.push for each in pushes])
    place(connection, [each for each in pushes if each.push.push_key in fresh])
    return answers


def _take_ids(connection: Connection, pushes: Sequence[NewPush]) -> tuple[set[str], list[Answer]]:
    """Store the pushes themselves; return the keys of those that are new, and every answer."""
    # The database decides which of two equal push ids comes first, also between processes.
    fresh = set(_insert_push.run(connection, [_push_row(push) for push in pushes]))
    standing: dict[str, Any] = {}
    if len(fresh) < len(pushes):
        taken = {push.push_id for push in pushes if push.push_key not in fresh}
        standing = {row.push_id: row for row in _standing.run(connection, ((i,) for i in taken))}
    return fresh, [_answer(push, fresh, standing) for push in pushes]


def _replace(connection: Connection, push: NewPush, replacement: Replacement) -> Answer:
    """Cancel the earlier push for the recipients of this one, and store this one (PAP 8.2)."""
    fresh, (answer,) = _take_ids(connection, [push])
    if not fresh:
        return answer  # taken by another, which replaces nothing, or this very call repeated
    earlier = None
    if replacement.push_id != push.push_id:
        earlier = find(connection, replacement.push_id, push.initiator_id)
    cancelled: set[str] = set()
    if earlier is not None:
        wanted = {each.recipient for each in push.deliveries if each.rejection is None}
        reason = f"replaced by {push.push_id}"
        cancelled = cancel_for(connection, earlier, wanted, push.received_at, reason)
    if replacement.pending_only and not cancelled:
        _withdraw.run(connection, key=push.push_key)
        return NothingToReplace(known=earlier is not None)
    nothing = Rejection(
        StatusCode.CANCELLATION_NOT_POSSIBLE,
        f"nothing of {replacement.push_id} waited for this recipient",
    )
    # What is rejected is known only here, so what waits in bulk is prepared once more.
    deliveries = tuple(
        each
        if each.rejection or each.recipient in cancelled or not replacement.pending_only
        else replace(each, rejection=nothing)
        for each in push.deliveries
    )
    place(connection, [prepare(replace(push, deliveries=deliveries))])
    return answer


def _answer(push: NewPush, fresh: set[str], standing: dict[str, Any]) -> Answer:
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
