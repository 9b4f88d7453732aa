"""Groups: one recipient towards the initiator, many deliveries behind it (PPG 6).

The group's row counts the parts that have not ended. Whoever ends the last one ends the group, in
the same transaction, by what became of its parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from sqlalchemy import BigInteger, Boolean, Connection, Integer, Text, bindparam, func, select
from sqlalchemy import update as sql_update

from omapush.core.instants import Instant
from omapush.pap.codes import StatusCode
from omapush.ppg.store import schema
from omapush.ppg.store.contract import DeliveryKey, DeliveryState, TimelineEvent
from omapush.ppg.store.notifications import announce
from omapush.ppg.store.statements import Insert, Statement
from omapush.ppg.store.values import event_row

_D = schema.delivery.c
_P = schema.push.c
_this_row = (_D.push_key == bindparam("key"), _D.position == bindparam("place", type_=Integer))

_count_down = Statement(
    sql_update(schema.delivery)
    .where(*_this_row)
    .values(open_members=_D.open_members - bindparam("ended", type_=Integer))
)
_open_members = Statement(
    select(_D.open_members, _D.state, _P.confirmed)
    .join_from(schema.delivery, schema.push, _D.push_key == _P.push_key)
    .where(*_this_row)
    .with_for_update(of=schema.delivery)
)
_by_state = Statement(
    select(_D.state, func.count().label("number"))
    .where(_D.push_key == bindparam("key"), _D.part_of == bindparam("place", type_=Integer))
    .group_by(_D.state)
)
END = Statement(
    sql_update(schema.delivery)
    .where(*_this_row)
    .values(
        state=bindparam("new_state", type_=Text),
        due_at=None,
        owner=None,
        code=bindparam("new_code", type_=Integer),
        reason=bindparam("new_reason", type_=Text),
        confirmed=bindparam("really_confirmed", type_=Boolean),
        event_time=bindparam("ended_at", type_=BigInteger),
    )
)
"""Ends a delivery that nobody owns."""

_insert_event = Insert(schema.event)


def parts_ended(connection: Connection, groups: Iterable[DeliveryKey], at: Instant) -> None:
    """Count parts that have just ended, one for each key of a group; end groups without others."""
    for key, ended in sorted(Counter(groups).items(), key=lambda each: str(each[0])):
        _count_down.run(connection, key=key.push_key, place=key.position, ended=ended)
        group = _open_members.run(connection, key=key.push_key, place=key.position).one()
        if group.open_members > 0 or DeliveryState(group.state).is_final:
            continue
        _end_group(connection, key, at, confirmed=bool(group.confirmed))


def _end_group(connection: Connection, key: DeliveryKey, at: Instant, *, confirmed: bool) -> None:
    found = _by_state.run(connection, key=key.push_key, place=key.position)
    state, code, reason = verdict({DeliveryState(row.state): row.number for row in found})
    delivered = state is DeliveryState.DELIVERED
    END.run(
        connection,
        key=key.push_key,
        place=key.position,
        new_state=state.value,
        new_code=int(code),
        new_reason=reason,
        really_confirmed=delivered and confirmed,
        ended_at=at,
    )
    announce(connection, [(key, at)])
    event = TimelineEvent(key.push_key, key.position, at, state.value, reason)
    _insert_event.run(connection, [event_row(event)])


def verdict(parts: Mapping[DeliveryState, int]) -> tuple[DeliveryState, StatusCode, str]:
    """Return how a group ends, by how its parts did: one that was served is enough (PPG 6)."""
    total = sum(parts.values())
    delivered = parts.get(DeliveryState.DELIVERED, 0)
    reason = f"{delivered} of {total} delivered"
    if delivered:
        return DeliveryState.DELIVERED, StatusCode.OK, reason
    if parts.get(DeliveryState.CANCELLED, 0) == total:
        return DeliveryState.CANCELLED, StatusCode.OK, f"all {total} cancelled"
    others = ", ".join(f"{number} {state.value}" for state, number in sorted(parts.items()))
    return DeliveryState.UNDELIVERABLE, StatusCode.SERVICE_FAILURE, f"{reason}: {others}"
