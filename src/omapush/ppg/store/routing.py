"""Who holds a client's live connection: data, not calls between nodes.

Rows carry no route. The claim asks for each candidate whether a live attachment points elsewhere;
so attaching costs one row however long the client's backlog is, and an attachment that runs out
needs no one to clean up after it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Text,
    and_,
    bindparam,
    delete,
    exists,
    not_,
    or_,
)
from sqlalchemy.dialects.postgresql import insert

from omapush.core.instants import Instant
from omapush.ppg.store import schema
from omapush.ppg.store.statements import Statement

_A = schema.attachment.c


def elsewhere(client_id: Column[str]) -> ColumnElement[bool]:
    """Return whether other nodes, and not ``:node``, hold live connections of a client."""
    live = (_A.client_id == client_id, _A.until > bindparam("now", type_=BigInteger))
    here = _A.node == bindparam("node", type_=Text)
    return and_(exists().where(*live), not_(exists().where(*live, here)))


_new = insert(schema.attachment).values(
    {column.name: bindparam(f"a_{column.name}", type_=column.type) for column in _A}
)
_attach = Statement(
    _new.on_conflict_do_update(
        index_elements=[_A.client_id, _A.kind],
        set_={
            "node": _new.excluded.node,
            "epoch": _new.excluded.epoch,
            "until": _new.excluded.until,
        },
        where=or_(
            _A.epoch < _new.excluded.epoch,
            and_(_A.epoch == _new.excluded.epoch, _A.node == _new.excluded.node),
            _A.until <= bindparam("now", type_=BigInteger),
        ),
    ).returning(_A.client_id)
)
_detach = Statement(
    delete(schema.attachment)
    .where(
        _A.client_id == bindparam("a_client_id"),
        _A.kind == bindparam("a_kind"),
        _A.node == bindparam("a_node"),
        _A.epoch == bindparam("a_epoch"),
    )
    .returning(_A.client_id)
)


def attach(
    connection: Connection,
    client_id: str,
    kind: str,
    node: str,
    epoch: int,
    until: Instant,
    now: Instant,
) -> bool:
    """Record a live connection unless a newer one stands; see ``Store.attach``."""
    values: dict[str, Any] = {
        "a_client_id": client_id,
        "a_kind": kind,
        "a_node": node,
        "a_epoch": epoch,
        "a_until": until,
        "now": now,
    }
    return bool(_attach.run(connection, **values).all())


def detach(connection: Connection, client_id: str, kind: str, node: str, epoch: int) -> bool:
    """Forget a live connection; see ``Store.detach``."""
    return bool(
        _detach.run(
            connection, a_client_id=client_id, a_kind=kind, a_node=node, a_epoch=epoch
        ).all()
    )
