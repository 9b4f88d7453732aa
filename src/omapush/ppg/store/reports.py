"""What bearers took and what they report of it: the transactions.

A delivery's row is locked before its parts are read or changed, so that two processes which take
reports of two parts of it do not both miss the last. Deliveries are locked before references, each
in the order of their keys.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Row,
    Text,
    and_,
    bindparam,
    case,
    delete,
    literal_column,
    null,
    or_,
    select,
    update,
)

from omapush.core.instants import Instant
from omapush.ota.bearer_reports import BearerReport, ReportVerdict
from omapush.ota.interface import CarriedPart
from omapush.ppg.store import schema
from omapush.ppg.store.contract import (
    MOST_ORPHANS,
    ORPHAN_LIFE_MS,
    DeliveryKey,
    DeliveryState,
    ReportResult,
    Settlement,
)
from omapush.ppg.store.group_commit import RepeatTransactionError
from omapush.ppg.store.groups import END, parts_ended
from omapush.ppg.store.notifications import announce
from omapush.ppg.store.reported import (
    Ended,
    Part,
    Reference,
    Reporting,
    Standing,
    can_be_kept,
    keep_orphan,
    reference_of,
)
from omapush.ppg.store.statements import Insert, Lookup, Statement, Upsert
from omapush.ppg.store.values import event_row, instant_or_none, readable

_D = schema.delivery.c
_C = schema.carried_part.c

_named = Lookup((_C.bearer, _C.reference), lambda those: select(schema.carried_part).where(those))
_parts = Lookup((_C.push_key, _C.position), lambda those: select(schema.carried_part).where(those))
_deliveries = Lookup(
    (_D.push_key, _D.position),
    lambda those: (
        select(_D.push_key, _D.position, _D.state, _D.owner, _D.part_of, _D.carried_by)
        .where(those)
        .order_by(_D.push_key, _D.position)
        .with_for_update()
    ),
)


def _take_over(new: Mapping[str, Any]) -> tuple[dict[str, ColumnElement[Any]], ColumnElement[bool]]:
    """Give a reference to the youngest that names it; keep a report only if it is about that."""
    waited = and_(
        _C.push_key.is_(None),
        _C.reported_at >= new["carried_at"] - literal_column(str(ORPHAN_LIFE_MS)),
    )
    same = and_(_C.push_key == new["push_key"], _C.position == new["position"])
    its_own = or_(waited, same)
    owner = ("push_key", "position", "attempt", "part", "parts", "carried_at")
    values: dict[str, ColumnElement[Any]] = {name: new[name] for name in owner}
    for name in ("verdict", "reported_at"):
        values[name] = case((its_own, _C[name]), else_=null())
    values["detail"] = case((its_own, _C.detail), else_=new["detail"])
    return values, or_(_C.push_key.is_(None), _C.carried_at <= new["carried_at"])


_carry = Upsert(schema.carried_part, _take_over, tuple(_C))
_keep = Upsert(
    schema.carried_part,
    lambda new: (
        {name: new[name] for name in ("verdict", "reported_at", "detail")},
        _C.push_key.is_(None),
    ),
    (_C.bearer, _C.reference),
)
_note = Statement(
    update(schema.carried_part)
    .where(
        _C.bearer == bindparam("by_bearer"),
        _C.reference == bindparam("as_reference"),
        _C.push_key == bindparam("key"),
    )
    .values(
        verdict=bindparam("new_verdict", type_=Text),
        reported_at=bindparam("new_reported_at", type_=BigInteger),
        detail=bindparam("new_detail", type_=Text),
    )
)
_oldest_kept = Statement(
    select(_C.reported_at)
    .where(_C.push_key.is_(None))
    .order_by(_C.reported_at.desc())
    .limit(literal_column("1"))
    .offset(bindparam("most", type_=Integer))
)
_forget_orphans = Statement(
    delete(schema.carried_part).where(
        _C.push_key.is_(None), _C.reported_at < bindparam("before", type_=BigInteger)
    )
)
_insert_event = Insert(schema.event)


def report(connection: Connection, reports: Sequence[BearerReport]) -> list[ReportResult]:
    """Take what bearers report; see ``Store.report``."""
    references = dict.fromkeys(reference_of(each) for each in reports if can_be_kept(each))
    found = {(row.bearer, row.reference): row for row in _named.run(connection, references)}
    keys = {
        reference: DeliveryKey(row.push_key, row.position)
        for reference, row in found.items()
        if row.push_key is not None
    }
    rows = _lock(connection, set(keys.values()))
    parts = [part for listed in parts_of(connection, rows).values() for part in listed]
    if keys.keys() - {reference_of(part.carried) for part in parts}:
        raise RepeatTransactionError("a reference went over to a younger delivery just now")
    reporting = Reporting(parts, {key: _standing(row) for key, row in rows.items()})
    orphans = {reference: _orphan(row) for reference, row in found.items() if row.push_key is None}
    kept: dict[Reference, BearerReport] = {}
    results = []
    for each in reports:
        result = reporting.take(each)
        if result is None and can_be_kept(each):
            reference = reference_of(each)
            orphans[reference] = kept[reference] = keep_orphan(orphans.get(reference), each)
        results.append(result or ReportResult(known=False))
    _keep_orphans(connection, kept)
    _write(connection, reporting, rows)
    return results


def carry(
    connection: Connection,
    settlements: Iterable[Settlement],
    known: dict[DeliveryKey, list[Part]],
) -> dict[DeliveryKey, list[Part]]:
    """Keep the parts that settlements name, and add them to ``known``, the parts known before.

    Return those of which a report had come before.
    """
    rows = {
        reference_of(each): _row(settlement, each)
        for settlement in settlements
        for each in settlement.carried
        if can_be_kept(each)
    }
    adopted: dict[DeliveryKey, list[Part]] = defaultdict(list)
    # In the order of the keys, so that two processes never wait for each other crosswise.
    for row in _carry.run(connection, [rows[reference] for reference in sorted(rows)]):
        part = _part(row)
        named = reference_of(part.carried)
        before = known.setdefault(part.key, [])
        standing = next((each for each in before if reference_of(each.carried) == named), None)
        if standing is not None:
            before.remove(standing)
        elif part.verdict is not None:
            adopted[part.key].append(part)
        before.append(part)
    return adopted


def parts_of(
    connection: Connection, keys: Collection[DeliveryKey]
) -> dict[DeliveryKey, list[Part]]:
    """Return the parts of each of these deliveries that has any."""
    found: dict[DeliveryKey, list[Part]] = defaultdict(list)
    for row in _parts.run(connection, ((key.push_key, key.position) for key in keys)):
        part = _part(row)
        found[part.key].append(part)
    return found


def forget_orphans(connection: Connection, before: Instant) -> None:
    """Forget the reports without a delivery that came before then."""
    _forget_orphans.run(connection, before=before)


def _lock(connection: Connection, keys: Collection[DeliveryKey]) -> dict[DeliveryKey, Row[Any]]:
    wanted = sorted((key.push_key, key.position) for key in keys)
    return {
        DeliveryKey(row.push_key, row.position): row for row in _deliveries.run(connection, wanted)
    }


def _keep_orphans(connection: Connection, kept: Mapping[Reference, BearerReport]) -> None:
    if not kept:
        return
    rows = [_orphan_row(kept[reference]) for reference in sorted(kept)]
    if len(list(_keep.run(connection, rows))) < len(rows):
        raise RepeatTransactionError("a part was settled just now")
    oldest = _oldest_kept.run(connection, most=MOST_ORPHANS).scalar_one_or_none()
    if oldest is not None:
        forget_orphans(connection, Instant(oldest + 1))


def _write(
    connection: Connection, reporting: Reporting, rows: Mapping[DeliveryKey, Row[Any]]
) -> None:
    _note.run_many(
        connection,
        [
            {
                "by_bearer": bearer,
                "as_reference": reference,
                "key": part.key.push_key,
                "new_verdict": part.verdict.value if part.verdict else None,
                "new_reported_at": part.reported_at,
                "new_detail": readable(part.detail),
            }
            for (bearer, reference), part in sorted(reporting.changed.items(), key=lambda e: e[0])
        ],
    )
    ended = [(each, rows[each.key].part_of) for each in reporting.ended]
    END.run_many(connection, [_ended_row(each) for each, _ in ended])
    announce(connection, [(each.key, each.at) for each, part_of in ended if part_of is None])
    _insert_event.run(connection, [event_row(event) for event in reporting.events])
    for each, part_of in ended:
        if part_of is not None:
            parts_ended(connection, [DeliveryKey(each.key.push_key, part_of)], each.at)


def _ended_row(ended: Ended) -> dict[str, Any]:
    return {
        "key": ended.key.push_key,
        "place": ended.key.position,
        "new_state": ended.state.value,
        "new_code": int(ended.code),
        "new_reason": readable(ended.reason),
        "really_confirmed": False,
        "ended_at": ended.at,
    }


def _standing(row: Row[Any]) -> Standing:
    return Standing(DeliveryState(row.state), row.owner is not None, row.carried_by)


def _part(row: Row[Any]) -> Part:
    return Part(
        DeliveryKey(row.push_key, row.position),
        row.attempt,
        CarriedPart(row.bearer, row.reference, row.part, row.parts),
        None if row.verdict is None else ReportVerdict(row.verdict),
        instant_or_none(row.reported_at),
        row.detail,
    )


def _orphan(row: Row[Any]) -> BearerReport:
    return BearerReport(
        row.bearer,
        row.reference,
        Instant(row.reported_at),
        ReportVerdict(row.verdict),
        row.detail,
    )


def _row(settlement: Settlement, part: CarriedPart) -> tuple[Any, ...]:
    return (
        part.bearer,
        part.reference,
        settlement.key.push_key,
        settlement.key.position,
        settlement.attempt,
        part.part,
        part.parts,
        settlement.at,
        None,
        None,
        "",
    )


def _orphan_row(kept: BearerReport) -> tuple[Any, ...]:
    nothing = (None, None, None, None, None, None)
    return (
        kept.bearer,
        kept.reference,
        *nothing,
        kept.verdict.value,
        kept.at,
        readable(kept.detail),
    )
