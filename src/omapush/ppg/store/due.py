"""Finding what is due: the head of a table of work, fairly and in bounded time.

Deliveries wait in lanes, one for each client; notifications in lanes, one for each target URL. The
claim takes what is due oldest first, passes over lanes that the caller excludes, and takes only so
many from one lane. It looks in two ways:

1. In the order of due times, at most :data:`PAGES` pages. This is all there is to do unless a few
   lanes that must be passed over fill the head of the queue.
2. Then lane by lane, from where the last claim stopped, at most :data:`HOPS` lanes. A lane is
   stepped over at the same price however long it is.

Only what this process may take is locked. A row of another node that was locked even for a moment
would be missed by that node, which has just been woken for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    Table,
    Text,
    bindparam,
    func,
    literal_column,
    not_,
    select,
    tuple_,
)
from sqlalchemy.sql.elements import Tuple

from omapush.core.instants import Instant
from omapush.ppg.store.schema import Key
from omapush.ppg.store.statements import Statement

PAGES = 4
SMALLEST_PAGE = 16
HOPS = 64


@dataclass(slots=True)
class LaneCursor:
    """The lane at which the last look lane by lane stopped. Only a hint: losing it is harmless."""

    lane: str = ""


@dataclass(slots=True)
class _Picks:
    limit: int
    per_lane: int
    excluding: Collection[str]
    rows: dict[tuple[str, int], Row[Any]] = field(default_factory=dict)
    taken: Counter[str] = field(default_factory=Counter)

    def add(self, rows: Iterable[Row[Any]]) -> None:
        for row in rows:
            if self.complete:
                return
            key = (row.push_key, row.position)
            if key in self.rows or self.blocks(row.lane):
                continue
            self.rows[key] = row
            self.taken[row.lane] += 1

    def blocks(self, lane: str) -> bool:
        return lane in self.excluding or self.taken[lane] >= self.per_lane

    @property
    def complete(self) -> bool:
        return len(self.rows) >= self.limit


class DueQueue:
    """The statements over one table of work.

    :param lane: the column that names the lane.
    :param columns: what the claim wants to know of a row beside its key and lane.
    :param elsewhere: says of a lane whether only other nodes may take from it now; may bind ``now``
        and ``node``.
    """

    def __init__(
        self,
        table: Table,
        lane: Column[str],
        columns: Sequence[Column[Any]],
        elsewhere: Callable[[ColumnElement[str]], ColumnElement[bool]] | None = None,
    ) -> None:
        now = bindparam("now", type_=BigInteger)
        order = (table.c.due_at, table.c.push_key, table.c.position)
        due = (
            select(*order, lane.label("lane"))
            .where(table.c.due_at.is_not(None), table.c.due_at <= now)
            .order_by(*order)
            .limit(bindparam("limit", type_=BigInteger))
        )
        locked = due.add_columns(*columns).with_for_update(skip_locked=True, of=table)
        ahead = due.where(tuple_(*order) > _place("after"))
        page = locked.where(tuple_(*order) >= _place("first"), tuple_(*order) <= _place("last"))
        lane_page = locked.where(lane == (this_lane := bindparam("lane", type_=Key)))
        if elsewhere is not None:
            ahead = ahead.add_columns(elsewhere(lane).label("elsewhere"))
            page = page.where(not_(elsewhere(lane)))
            lane_page = lane_page.where(not_(elsewhere(this_lane)))
        else:
            ahead = ahead.add_columns(literal_column("0").label("elsewhere"))
        self._ahead, self._page, self._lane_page, self._hops = map(
            Statement, (ahead, page, lane_page, _hops(table, lane))
        )

    def find(
        self,
        connection: Connection,
        cursor: LaneCursor,
        *,
        node: str,
        now: Instant,
        limit: int,
        per_lane: int,
        excluding: Collection[str],
    ) -> list[Row[Any]]:
        """Return rows to be claimed, locked until the transaction ends, oldest first."""
        picks = _Picks(limit, per_lane, frozenset(excluding))
        if limit <= 0 or per_lane <= 0:
            return []
        if not self._by_age(connection, picks, node, now):
            self._by_lane(connection, picks, node, now, cursor)
        rows = picks.rows.values()
        return sorted(rows, key=lambda row: (row.due_at, row.push_key, row.position))

    def _by_age(self, connection: Connection, picks: _Picks, node: str, now: Instant) -> bool:
        """Pick in the order of age; return whether nothing is left to be looked for."""
        size = max(picks.limit, SMALLEST_PAGE)
        now_here: dict[str, str | int] = {"now": now, "node": node, "limit": size}
        after: dict[str, str | int] = {
            "after_due_at": -(1 << 62),
            "after_push_key": "",
            "after_position": -1,
        }
        for _ in range(PAGES):
            ahead = self._ahead.run(connection, **now_here, **after).all()
            wanted = [row for row in ahead if not row.elsewhere and not picks.blocks(row.lane)]
            if wanted:
                between = {**_named("first", wanted[0]), **_named("last", wanted[-1])}
                picks.add(self._page.run(connection, **now_here, **between).all())
            if picks.complete or len(ahead) < size:
                return True
            after = _named("after", ahead[-1])
        return False

    def _by_lane(
        self, connection: Connection, picks: _Picks, node: str, now: Instant, cursor: LaneCursor
    ) -> None:
        """Pick lane by lane, going round from where the last look stopped."""
        for hop in self._hops.run(connection, start=cursor.lane, hops=HOPS).all():
            if hop.lane is None:
                cursor.lane = ""
                return
            cursor.lane = hop.lane
            if hop.due_at > now or picks.blocks(hop.lane):
                continue
            picks.add(
                self._lane_page.run(
                    connection, now=now, node=node, lane=hop.lane, limit=picks.per_lane
                ).all()
            )
            if picks.complete:
                return


def _place(name: str) -> Tuple:
    """Return a place in the order of due times as parameters."""
    return tuple_(
        bindparam(f"{name}_due_at", type_=BigInteger),
        bindparam(f"{name}_push_key", type_=Text),
        bindparam(f"{name}_position", type_=Integer),
    )


def _named(name: str, row: Row[Any]) -> dict[str, str | int]:
    """Return the values of :func:`_place` for ``row``."""
    return {
        f"{name}_due_at": row.due_at,
        f"{name}_push_key": row.push_key,
        f"{name}_position": row.position,
    }


def _hops(table: Table, lane: Column[str]) -> Select[Any]:
    """Step from lane to lane through the index, reading one entry of each."""
    first = (
        select(func.min(lane).label("lane"), literal_column("1").label("hop"))
        .where(table.c.due_at.is_not(None), lane > bindparam("start", type_=Key))
        .cte("hops", recursive=True)
    )
    following = (
        select(func.min(lane))
        .where(table.c.due_at.is_not(None), lane > first.c.lane)
        .correlate(first)
        .scalar_subquery()
    )
    hops = first.union_all(
        select(following, first.c.hop + literal_column("1")).where(
            first.c.lane.is_not(None), first.c.hop < bindparam("hops", type_=Integer)
        )
    )
    earliest = (
        select(func.min(table.c.due_at))
        .where(lane == hops.c.lane, table.c.due_at.is_not(None))
        .correlate(hops)
        .scalar_subquery()
    )
    return select(hops.c.lane, earliest.label("due_at")).order_by(hops.c.hop)
