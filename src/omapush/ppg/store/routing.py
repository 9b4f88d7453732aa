"""Who holds a client's live connection: data, not calls between nodes.

Rows carry no route. The claim asks for each candidate whether a live attachment points elsewhere;
so attaching costs one row however long the client's backlog is, and an attachment that runs out
needs no one to clean up after it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Text,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
)

from omapush.core.instants import Instant
from omapush.ppg.store import schema
from omapush.ppg.store.contract import Attachment
from omapush.ppg.store.statements import Lookup, Statement, Upsert
from omapush.ppg.store.values import readable

_A = schema.attachment.c

ATTACHED_TOGETHER = 500
"""So many attachments a transaction takes; the caller repeats until all are."""


def elsewhere(client_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Return whether other nodes, and not ``:node``, hold live connections of a client."""
    here = case(
        (_A.node == bindparam("node", type_=Text), literal_column("1")), else_=literal_column("0")
    )
    # As one number and not as EXISTS, for which PostgreSQL may read the whole table of attachments
    # into a hash first, at every claim.
    held = (
        select(func.max(here))
        .where(_A.client_id == client_id, _A.until > bindparam("now", type_=BigInteger))
        .scalar_subquery()
    )
    return func.coalesce(held, literal_column("1")) == literal_column("0")


def _newer(
    fresh: Mapping[str, Any],
) -> tuple[Mapping[str, ColumnElement[Any]], ColumnElement[bool]]:
    """Let a newer attachment take the place of one that stands, a renewal, or any of an old one."""
    values = {name: each for name, each in fresh.items() if not _A[name].primary_key}
    return values, or_(
        _A.epoch < fresh["epoch"],
        and_(_A.epoch == fresh["epoch"], _A.node == fresh["node"]),
        _A.until <= fresh["renewed_at"],
    )


_attach = Upsert(schema.attachment, _newer, (_A.client_id, _A.kind))
_standing = Lookup(
    (_A.client_id, _A.kind),
    lambda those: (
        select(_A.client_id, _A.kind, _A.node, _A.epoch)
        .where(those)
        .order_by(_A.client_id, _A.kind)
        .with_for_update()
    ),
)
_detach = Statement(
    delete(schema.attachment).where(_A.client_id == bindparam("client"), _A.kind == bindparam("of"))
)
_holders = Lookup(
    (_A.client_id,), lambda those: select(_A.client_id, _A.node, _A.until).where(those)
)
_detach_node = Statement(delete(schema.attachment).where(_A.node == bindparam("node")))
_live = Statement(
    select(schema.attachment)
    .where(
        _A.client_id == bindparam("client"),
        _A.until > bindparam("now", type_=BigInteger),
    )
    .order_by(_A.kind)
)

Renewal = tuple[Attachment, Instant]
"""An attachment, and the present instant."""
Seeker = tuple[str, str, Instant]
"""A client, a node that would have it, and the present instant."""
_Key = tuple[str, str]


def attach(connection: Connection, renewals: Sequence[Renewal]) -> list[bool]:
    """Record live connections unless newer ones stand; see ``Store.attach``."""
    answers = [False] * len(renewals)
    # In the order of the keys, so that two processes never wait for each other crosswise.
    order = sorted(range(len(renewals)), key=lambda place: _key(renewals[place][0]))
    while order:
        # The first of each key; what is told twice of one comes in the next round.
        places: dict[_Key, int] = {}
        for place in order:
            places.setdefault(_key(renewals[place][0]), place)
        rows = [_row(*renewals[place]) for place in places.values()]
        for attached in _attach.run(connection, rows):
            answers[places[attached.client_id, attached.kind]] = True
        order = [place for place in order if places[_key(renewals[place][0])] != place]
    return answers


def detach(connection: Connection, attachments: Sequence[Attachment]) -> list[bool]:
    """Forget live connections; see ``Store.detach``."""
    # In the order of the keys, as above.
    wanted = sorted({_key(each) for each in attachments})
    standing = {
        (row.client_id, row.kind): (row.node, row.epoch)
        for row in _standing.run(connection, wanted)
    }
    answers, ended = [], []
    for each in attachments:
        holds = standing.get(_key(each)) == (each.node, each.epoch)
        if holds:
            del standing[_key(each)]
            ended.append({"client": each.client_id, "of": each.kind})
        answers.append(holds)
    _detach.run_many(connection, ended)
    return answers


def held_elsewhere(connection: Connection, seekers: Collection[Seeker]) -> set[Seeker]:
    """Return those of ``seekers`` whose client is held live by other nodes only."""
    holders: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in _holders.run(connection, {(client_id,) for client_id, _, _ in seekers}):
        holders[row.client_id].append(row)
    found = set()
    for client_id, node, now in seekers:
        live = {row.node for row in holders[client_id] if row.until > now}
        if live and node not in live:
            found.add((client_id, node, now))
    return found


def detach_node(connection: Connection, node: str) -> None:
    """Forget all live connections of ``node``."""
    _detach_node.run(connection, node=node)


def attachments(connection: Connection, client_id: str, now: Instant) -> list[Attachment]:
    """Return who holds live connections of a client; see ``Store.attachments``."""
    return [
        Attachment(row.client_id, row.kind, row.node, row.epoch, Instant(row.until), row.address)
        for row in _live.run(connection, client=client_id, now=now)
    ]


def _key(attachment: Attachment) -> _Key:
    return attachment.client_id, attachment.kind


def _row(attachment: Attachment, now: Instant) -> tuple[Any, ...]:
    return (
        attachment.client_id,
        attachment.kind,
        attachment.node,
        attachment.epoch,
        attachment.until,
        now,
        readable(attachment.address),
    )
