"""From what a bearer reports to the ledger, the metrics and the notification loop."""

from __future__ import annotations

from dataclasses import replace

import pytest

from omapush.ota.interface import CarriedPart
from omapush.ppg.metrics import Metrics
from omapush.ppg.reports import Reports
from omapush.ppg.store.contract import (
    DeliveryKey,
    DeliveryState,
    ReportVerdict,
    StoreUnavailable,
)
from omapush.ppg.store.reported import Part, in_order, judge
from omapush.testing.memory_store import MemoryStore
from omapush.testing.report_contract import SMSC, handed, reported

KEY = DeliveryKey("0" * 32, 0)


class Desk:
    """Reports over a ledger in memory, counting how often the notification loop is woken."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.metrics = Metrics()
        self.woken = 0
        self.reports = Reports(store, self.metrics, self._wake)

    def _wake(self) -> None:
        self.woken += 1

    def counted(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
async def desk() -> Desk:
    store = MemoryStore()
    await store.open()
    return Desk(store)


async def test_report_that_ends_a_delivery_is_counted_and_wakes_the_notifications(
    desk: Desk,
) -> None:
    claimed = await handed(desk.store, 1, "a")
    (result,) = await desk.reports.take([reported("a", 7)])
    assert (result.key, result.ended) == (claimed.key, DeliveryState.DELIVERED)
    assert desk.woken == 1
    total = "omapush_bearer_reports_total"
    assert desk.counted(total, bearer=SMSC, verdict="delivered", known="yes") == 1
    assert desk.counted("omapush_deliveries_reported_total", state="delivered") == 1


async def test_report_that_ends_nothing_is_counted_and_wakes_nobody(desk: Desk) -> None:
    await handed(desk.store, 1, "a")
    await desk.reports.take([reported("a", 7, ReportVerdict.EN_ROUTE), reported("b", 7)])
    assert desk.woken == 0
    total = "omapush_bearer_reports_total"
    assert desk.counted(total, bearer=SMSC, verdict="en_route", known="yes") == 1
    assert desk.counted(total, bearer=SMSC, verdict="delivered", known="no") == 1
    assert await desk.reports.take([]) == []


async def test_reports_that_cannot_be_stored_are_not_counted_and_may_be_given_again(
    desk: Desk,
) -> None:
    await handed(desk.store, 1, "a")
    desk.store.unavailable = "away"
    with pytest.raises(StoreUnavailable):
        await desk.reports.take([reported("a", 7)])
    desk.store.unavailable = None
    assert desk.counted("omapush_deliveries_reported_total", state="delivered") is None
    (result,) = await desk.reports.take([reported("a", 7)])
    assert result.ended is DeliveryState.DELIVERED


def part(number: int, of: int, verdict: ReportVerdict | None = None, *, attempt: int = 1) -> Part:
    carried = CarriedPart(SMSC, f"{attempt}-{number}", number, of)
    return Part(KEY, attempt, carried, verdict)


DELIVERED, FAILED = ReportVerdict.DELIVERED, ReportVerdict.FAILED


def test_parts_of_two_attempts_do_not_make_one_whole() -> None:
    parts = [part(1, 2, DELIVERED), part(2, 2, DELIVERED, attempt=2)]
    assert judge(parts, 2) is None
    judgement = judge([*parts, part(1, 2, DELIVERED, attempt=2)], 2)
    assert judgement is not None
    assert judgement.verdict is DELIVERED


def test_whole_that_arrived_in_an_earlier_attempt_outweighs_a_later_failure() -> None:
    judgement = judge([part(1, 1, DELIVERED), part(1, 1, FAILED, attempt=2)], 2)
    assert judgement is not None
    assert judgement.verdict is DELIVERED


def test_failure_counts_only_in_the_latest_attempt() -> None:
    assert judge([part(1, 2, FAILED)], 2) is None
    assert judge([part(1, 2, FAILED)], None) is None
    judgement = judge([part(1, 2, FAILED)], 1)
    assert judgement is not None
    assert judgement.reason == "smsc:main 1-1 part 1 of 2: failed"


def test_no_parts_tell_nothing() -> None:
    assert judge([], 1) is None
    assert in_order([]) == ()


def test_same_part_carried_twice_counts_once() -> None:
    again = replace(part(1, 2, DELIVERED), carried=CarriedPart(SMSC, "other", 1, 2))
    assert judge([part(1, 2, DELIVERED), again], 1) is None


def test_first_final_report_of_a_part_stands() -> None:
    taken = part(1, 1)
    assert taken.take(reported("1-1", 1, ReportVerdict.ACCEPTED))
    assert taken.take(reported("1-1", 2, FAILED, detail="first"))
    assert taken.take(reported("1-1", 3, DELIVERED))
    assert not taken.take(reported("1-1", 4, FAILED))
    assert (taken.verdict, taken.detail) == (FAILED, "first")
