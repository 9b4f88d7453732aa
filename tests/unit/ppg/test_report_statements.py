"""What hand-overs and reports cost in statements: a handful for many, nothing for the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, StaticPool, create_engine, event

from omapush.ppg.store import deliveries, expansion, reports, schema
from omapush.ppg.store.acceptance import accept
from omapush.ppg.store.contract import DeliveryState, Settlement
from omapush.ppg.store.due import LaneCursor
from omapush.testing.report_contract import parts, reported
from omapush.testing.store_contract import OWNER, at, new_push, settled


class Counted:
    """A connection to a ledger in memory that counts what is executed."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.statements: list[str] = []
        event.listen(connection, "before_cursor_execute", self._count)

    def _count(self, connection: Connection, cursor: Any, statement: str, *rest: object) -> None:
        self.statements.append(statement)

    def claimed(self, number: int) -> list[Settlement]:
        """Accept and claim so many pushes; return their settlements as handed over."""
        accept(self.connection, [expansion.prepare(new_push(n)) for n in range(number)])
        claimed = deliveries.claim(
            self.connection, LaneCursor(), OWNER, at(number), 1_000, number, number, ()
        )
        self.statements.clear()
        return [
            replace(
                settled(each, 200, DeliveryState.HANDED_OVER, due=900, notify=False),
                carried=parts(f"{n}a", f"{n}b"),
            )
            for n, each in enumerate(claimed)
        ]


@pytest.fixture
def counted() -> Iterator[Counted]:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        schema.metadata.create_all(connection)
        yield Counted(connection)
    engine.dispose()


def test_settlement_without_parts_never_looks_at_parts(counted: Counted) -> None:
    plain = [
        replace(each, carried=(), state=DeliveryState.DELIVERED) for each in counted.claimed(64)
    ]
    assert deliveries.settle(counted.connection, plain) == [True] * 64
    assert not [each for each in counted.statements if "carried_part" in each]
    assert len(counted.statements) <= 5  # twice 32 rows found, released, and twice 32 events


def test_claim_of_what_nobody_carried_never_looks_at_parts(counted: Counted) -> None:
    accept(counted.connection, [expansion.prepare(new_push(1))])
    counted.statements.clear()
    deliveries.claim(counted.connection, LaneCursor(), OWNER, at(5), 1_000, 9, 9, ())
    assert not [each for each in counted.statements if "carried_part" in each]


def test_settlements_of_many_hand_overs_keep_all_parts_by_few_statements(
    counted: Counted,
) -> None:
    assert all(deliveries.settle(counted.connection, counted.claimed(64)))
    assert len([each for each in counted.statements if "carried_part" in each]) == 4


def test_many_reports_are_taken_by_a_handful_of_statements(counted: Counted) -> None:
    deliveries.settle(counted.connection, counted.claimed(64))
    counted.statements.clear()
    results = reports.report(counted.connection, [reported(f"{n}a", 300) for n in range(64)])
    assert all(result.known for result in results)
    assert len(counted.statements) <= 10
    counted.statements.clear()
    results = reports.report(counted.connection, [reported(f"{n}b", 300) for n in range(64)])
    assert all(result.ended is DeliveryState.DELIVERED for result in results)
    assert len(counted.statements) <= 16


def test_many_reports_of_strangers_are_kept_by_a_handful_of_statements(
    counted: Counted,
) -> None:
    reports.report(counted.connection, [reported(f"{n}", 300) for n in range(64)])
    assert len(counted.statements) <= 5
