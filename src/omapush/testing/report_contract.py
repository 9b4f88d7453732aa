"""The contract suite of the ledger, continued: pushes that bearers take now and report later.

Inherit :class:`ReportContract` beside :class:`~omapush.testing.store_contract.StoreContract`. Needs
pytest.
"""

# ruff: noqa: S101 # a suite asserts

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace

import pytest

from omapush.ota.bearer_reports import BearerReport, ReportVerdict
from omapush.ota.interface import CarriedPart
from omapush.ppg.store.contract import (
    LONGEST_DETAIL,
    MOST_ORPHANS,
    ORPHAN_LIFE_MS,
    CancelOutcome,
    ClaimedDelivery,
    DeliveryKey,
    DeliveryRecord,
    DeliveryState,
    ReportedPart,
    ReportResult,
    Settlement,
    Store,
)
from omapush.testing.store_contract import (
    LEASE_MS,
    OWNER,
    at,
    cancellation,
    claim,
    known,
    names,
    new_push,
    notified,
    replacing,
    settled,
    to_group,
)

SMSC = "smsc:main"
DELIVERED = ReportVerdict.DELIVERED
FAILED = ReportVerdict.FAILED
UNKNOWN_PART = ReportResult(known=False)


def parts(*references: str, bearer: str = SMSC, of: int | None = None) -> tuple[CarriedPart, ...]:
    """Return the parts that a bearer took, numbered from 1; ``of`` so many, else all."""
    total = of or len(references)
    return tuple(
        CarriedPart(bearer, reference, number, total)
        for number, reference in enumerate(references, start=1)
    )


def handed_over(
    claimed: ClaimedDelivery, when: int, *references: str, due: int = 500_000, bearer: str = SMSC
) -> Settlement:
    """Return the settlement of ``claimed`` with a bearer that took it in parts."""
    settlement = settled(claimed, when, DeliveryState.HANDED_OVER, due=due, notify=False)
    return replace(settlement, carried=parts(*references, bearer=bearer))


def reported(
    reference: str,
    when: int,
    verdict: ReportVerdict = DELIVERED,
    *,
    bearer: str = SMSC,
    detail: str = "",
) -> BearerReport:
    """Return what a bearer reports at ``when``."""
    return BearerReport(bearer, reference, at(when), verdict, detail)


async def handed(store: Store, number: int, *references: str) -> ClaimedDelivery:
    """Accept push ``number``, claim it at 5 and hand it over at 6."""
    await store.accept([new_push(number)])
    [claimed] = await claim(store, 5)
    assert await store.settle([handed_over(claimed, 6, *references)]) == [True]
    return claimed


async def only(store: Store, number: int = 1) -> DeliveryRecord:
    """Return the first delivery of push ``number``."""
    return (await known(store, number)).deliveries[0]


class HandingOverContract:
    """Rules of what is handed over and has not been reported."""

    async def test_handed_over_delivery_waits_for_its_report(self, store: Store) -> None:
        await handed(store, 1, "a")
        delivery = await only(store)
        assert (delivery.state, delivery.due_at) == (DeliveryState.HANDED_OVER, at(500_000))
        assert (delivery.sent_attempts, delivery.code) == (1, None)
        assert names(await known(store, 1)) == ["accepted", "attempt", "handed_over"]
        assert (await store.counts()).deliveries == {DeliveryState.HANDED_OVER: 1}
        assert await store.next_due(at(7)) == at(500_000)
        assert await claim(store, 499_999) == []
        assert await store.claim_notifications(OWNER, at(9), LEASE_MS, 10, 10) == []

    async def test_handed_over_delivery_is_due_at_its_expiry_at_the_latest(
        self, store: Store
    ) -> None:
        await store.accept([new_push(1, expires=400)])
        [claimed] = await claim(store, 5)
        await store.settle([handed_over(claimed, 6, "a")])
        assert (await only(store)).due_at == at(400)

    async def test_overdue_one_is_claimed_with_all_that_is_known_of_its_parts(
        self, store: Store
    ) -> None:
        await handed(store, 1, "a", "b")
        await store.report([reported("b", 7), reported("a", 8, ReportVerdict.EN_ROUTE)])
        [claimed] = await claim(store, 500_000)
        assert (claimed.handed_over, claimed.in_doubt, claimed.attempt) == (True, False, 2)
        first, second = parts("a", "b")
        assert claimed.carried == (
            ReportedPart(first, ReportVerdict.EN_ROUTE),
            ReportedPart(second, DELIVERED),
        )
        assert claimed.reported is None

    async def test_one_that_was_never_handed_over_is_claimed_without_parts(
        self, store: Store
    ) -> None:
        await store.accept([new_push(1)])
        [claimed] = await claim(store, 5)
        assert (claimed.handed_over, claimed.carried, claimed.reported) == (False, (), None)

    async def test_handed_over_again_it_waits_again(self, store: Store) -> None:
        await handed(store, 1, "a")
        [claimed] = await claim(store, 500_000)
        waiting = replace(handed_over(claimed, 500_001, due=600_000), sent=False)
        assert await store.settle([waiting]) == [True]
        delivery = await only(store)
        assert (delivery.state, delivery.sent_attempts) == (DeliveryState.HANDED_OVER, 1)
        [result] = await store.report([reported("a", 500_002)])
        assert result.ended is DeliveryState.DELIVERED

    @pytest.mark.parametrize("recovered", [True, False])
    async def test_crash_while_its_bearer_is_asked_leaves_it_handed_over(
        self, store: Store, *, recovered: bool
    ) -> None:
        await handed(store, 1, "a")
        [claimed] = await claim(store, 500_000)
        if recovered:
            await store.recover("node", "2", at(500_010))
            assert (await only(store)).state is DeliveryState.IN_DOUBT
        [again] = await claim(store, 500_000 + LEASE_MS, "node/2")
        assert (again.handed_over, again.in_doubt) == (True, True)
        assert again.carried == claimed.carried

    async def test_sent_again_it_is_no_longer_handed_over(self, store: Store) -> None:
        await handed(store, 1, "a")
        [claimed] = await claim(store, 500_000)
        await store.settle([settled(claimed, 500_001, DeliveryState.QUEUED, due=500_002)])
        [again] = await claim(store, 500_002)
        assert (again.handed_over, again.in_doubt) == (False, False)

    async def test_handed_over_delivery_is_neither_deferred_nor_hastened(
        self, store: Store
    ) -> None:
        await handed(store, 1, "a")
        assert await store.defer("client", at(600_000), at(7), "away", "node") == 0
        assert await store.hasten(["client"], at(7)) == 0
        assert (await only(store)).due_at == at(500_000)

    async def test_handed_over_delivery_cannot_be_cancelled(self, store: Store) -> None:
        await handed(store, 1, "a")
        told = await store.cancel(cancellation(1, 7))
        assert told is not None
        assert [each.outcome for each in told] == [CancelOutcome.ON_ITS_WAY]
        assert (await only(store)).state is DeliveryState.HANDED_OVER

    async def test_handed_over_delivery_is_not_replaced(self, store: Store) -> None:
        await store.accept([new_push(1, ["client", "waits"])])
        [claimed] = await claim(store, 5, limit=1)
        await store.settle([handed_over(claimed, 6, "a")])
        await store.accept([replacing(2, ["client", "waits"], pending_only=True)])
        assert [each.state for each in (await known(store, 1)).deliveries] == [
            DeliveryState.HANDED_OVER,
            DeliveryState.CANCELLED,
        ]
        assert [each.code for each in (await known(store, 2)).deliveries] == [2008, None]

    async def test_push_that_is_handed_over_is_not_purged_and_then_with_its_parts(
        self, store: Store
    ) -> None:
        await handed(store, 1, "a")
        assert await store.purge(at(9_000_000), 10) == 0
        await store.report([reported("a", 7)])
        [notification] = await store.claim_notifications(OWNER, at(8), LEASE_MS, 1, 1)
        await store.settle_notifications([notified(notification, 9)])
        assert await store.purge(at(9_000_000), 10) == 1
        assert await store.report([reported("a", 10)]) == [UNKNOWN_PART]


class ReportingContract:
    """Rules of ``report`` for what is known."""

    async def test_delivery_of_one_part_ends_with_its_report_and_is_notified(
        self, store: Store
    ) -> None:
        claimed = await handed(store, 1, "a")
        assert await store.report([reported("a", 9, detail="err:000")]) == [
            ReportResult(known=True, key=claimed.key, ended=DeliveryState.DELIVERED)
        ]
        delivery = await only(store)
        assert (delivery.state, delivery.code) == (DeliveryState.DELIVERED, 1000)
        assert (delivery.confirmed, delivery.event_time) == (False, at(9))
        assert delivery.due_at is None
        assert delivery.reason == "smsc:main reported it delivered"
        record = await known(store, 1)
        assert names(record) == ["accepted", "attempt", "handed_over", "report", "delivered"]
        assert record.timeline[3].detail == "smsc:main a: delivered; err:000"
        assert await claim(store, 500_000) == []
        [told] = await store.claim_notifications(OWNER, at(9), LEASE_MS, 10, 10)
        assert (told.state, told.code, told.created_at) == (DeliveryState.DELIVERED, 1000, at(9))
        assert told.reason == delivery.reason

    @pytest.mark.parametrize(
        ("verdict", "state"),
        [
            (ReportVerdict.FAILED, DeliveryState.UNDELIVERABLE),
            (ReportVerdict.DELETED, DeliveryState.UNDELIVERABLE),
            (ReportVerdict.REJECTED, DeliveryState.UNDELIVERABLE),
            (ReportVerdict.EXPIRED, DeliveryState.EXPIRED),
            (ReportVerdict.UNKNOWN, DeliveryState.UNKNOWN),
        ],
    )
    async def test_first_part_that_failed_ends_the_delivery(
        self, store: Store, verdict: ReportVerdict, state: DeliveryState
    ) -> None:
        await handed(store, 1, "a", "b")
        results = await store.report(
            [reported("a", 7), reported("b", 8, verdict, detail="err:00B")]
        )
        assert [each.ended for each in results] == [None, state]
        delivery = await only(store)
        assert (delivery.state, delivery.code, delivery.event_time) == (state, 4000, at(8))
        assert delivery.reason == f"smsc:main b part 2 of 2: {verdict.value}; err:00B"
        [told] = await store.claim_notifications(OWNER, at(9), LEASE_MS, 10, 10)
        assert told.state is state

    async def test_delivery_in_parts_ends_when_all_have_arrived(self, store: Store) -> None:
        await handed(store, 1, "a", "b", "c")
        for reference in ("c", "a"):
            [result] = await store.report([reported(reference, 7)])
            assert result.ended is None
            assert (await only(store)).state is DeliveryState.HANDED_OVER
        [result] = await store.report([reported("b", 9)])
        assert result.ended is DeliveryState.DELIVERED
        assert (await only(store)).reason == "smsc:main reported all 3 parts delivered"

    @pytest.mark.parametrize("verdict", [ReportVerdict.EN_ROUTE, ReportVerdict.ACCEPTED])
    async def test_report_on_the_way_only_adds_a_line(
        self, store: Store, verdict: ReportVerdict
    ) -> None:
        claimed = await handed(store, 1, "a")
        assert await store.report([reported("a", 7, verdict)]) == [
            ReportResult(known=True, key=claimed.key)
        ]
        assert names(await known(store, 1))[-2:] == ["handed_over", "report"]
        assert (await only(store)).due_at == at(500_000)

    async def test_repeated_report_is_harmless(self, store: Store) -> None:
        claimed = await handed(store, 1, "a", "b")
        once = [reported("a", 7), reported("b", 7)]
        results = await store.report([*once, *once])
        assert [each.ended for each in results] == [None, DeliveryState.DELIVERED, None, None]
        before = await known(store, 1)
        assert await store.report(once) == [ReportResult(known=True, key=claimed.key)] * 2
        assert await known(store, 1) == before
        assert len(await store.claim_notifications(OWNER, at(9), LEASE_MS, 10, 10)) == 1

    async def test_report_after_the_end_only_adds_a_line(self, store: Store) -> None:
        claimed = await handed(store, 1, "a")
        await store.report([reported("a", 7, FAILED)])
        before = await only(store)
        assert await store.report([reported("a", 8)]) == [ReportResult(known=True, key=claimed.key)]
        assert await only(store) == before
        assert names(await known(store, 1))[-3:] == ["report", "undeliverable", "report"]

    async def test_report_of_a_stranger_is_not_known_and_changes_nothing(
        self, store: Store
    ) -> None:
        await handed(store, 1, "a")
        strangers = [reported("b", 7), reported("a", 7, bearer="smsc:other"), reported("", 7)]
        bad = ["\0", "\ud800", "a" * 3_000, "a\n"]
        strangers += [reported(reference, 7) for reference in bad]
        assert await store.report(strangers) == [UNKNOWN_PART] * len(strangers)
        assert (await only(store)).state is DeliveryState.HANDED_OVER
        assert await store.report([]) == []

    async def test_same_reference_of_two_bearers_is_not_confused(self, store: Store) -> None:
        await store.accept([new_push(1), new_push(2)])
        one, two = await claim(store, 5)
        await store.settle(
            [handed_over(one, 6, "a"), handed_over(two, 6, "a", bearer="smsc:other")]
        )
        [result] = await store.report([reported("a", 7, bearer="smsc:other")])
        assert result.key == two.key
        assert (await only(store, 1)).state is DeliveryState.HANDED_OVER
        assert (await only(store, 2)).state is DeliveryState.DELIVERED

    async def test_reference_that_is_used_again_belongs_to_the_youngest(self, store: Store) -> None:
        await handed(store, 1, "a", "b")
        await store.report([reported("b", 7)])
        await store.accept([new_push(2)])
        [young] = await claim(store, 100)
        await store.settle([handed_over(young, 101, "a")])
        [result] = await store.report([reported("a", 102)])
        assert (result.key, result.ended) == (young.key, DeliveryState.DELIVERED)
        assert (await only(store, 1)).state is DeliveryState.HANDED_OVER
        # What an older settlement says late does not take it back.
        await store.accept([new_push(3)])
        [late] = await claim(store, 103)
        await store.settle([handed_over(late, 50, "a")])
        [result] = await store.report([reported("a", 104, FAILED)])
        assert result.key == young.key

    async def test_group_ends_with_the_report_of_its_last_part(self, store: Store) -> None:
        await store.accept([to_group(1, ["a", "b"])])
        one, two = await claim(store, 5)
        await store.settle([handed_over(one, 6, "x"), handed_over(two, 6, "y")])
        told = await store.cancel(cancellation(1, 7))
        assert told is not None
        assert told[0].outcome is CancelOutcome.ON_ITS_WAY
        await store.report([reported("x", 8, FAILED)])
        assert (await only(store)).state is DeliveryState.QUEUED
        await store.report([reported("y", 9)])
        record = await known(store, 1)
        group = record.deliveries[0]
        assert (group.state, group.reason) == (DeliveryState.DELIVERED, "1 of 2 delivered")
        assert names(record, 0) == ["delivered"]
        [notification] = await store.claim_notifications(OWNER, at(9), LEASE_MS, 10, 10)
        assert notification.key.position == 0

    async def test_detail_of_any_length_and_content_is_kept_short(self, store: Store) -> None:
        await handed(store, 1, "a")
        await store.report([reported("a", 7, FAILED, detail="\0\ud800" + "x" * 10_000)])
        assert (await only(store)).state is DeliveryState.UNDELIVERABLE
        assert all(len(e.detail) < LONGEST_DETAIL + 100 for e in (await known(store, 1)).timeline)

    async def test_many_reports_of_one_call_are_taken_one_by_one(self, store: Store) -> None:
        await store.accept([new_push(number) for number in range(100)])
        claimed = await claim(store, 100)
        await store.settle(
            [handed_over(each, 101, f"a{n}", f"b{n}") for n, each in enumerate(claimed)]
        )
        results = await store.report(
            [reported(f"{half}{n}", 102) for half in "ab" for n in range(99, -1, -1)]
        )
        assert [each.ended for each in results] == [None] * 100 + [DeliveryState.DELIVERED] * 100
        assert (await store.counts()).deliveries == {}


class EarlyReportContract:
    """Rules of reports that come before the settlement, while in flight, and in doubt."""

    async def test_report_that_came_before_the_settlement_is_applied_by_it(
        self, store: Store
    ) -> None:
        await store.accept([new_push(1)])
        [claimed] = await claim(store, 5)
        assert await store.report([reported("a", 6, detail="quick")]) == [UNKNOWN_PART]
        assert await store.settle([handed_over(claimed, 8, "a")]) == [True]
        delivery = await only(store)
        assert (delivery.state, delivery.code) == (DeliveryState.DELIVERED, 1000)
        assert (delivery.event_time, delivery.due_at) == (at(8), None)
        record = await known(store, 1)
        assert names(record) == ["accepted", "attempt", "report", "handed_over", "delivered"]
        assert record.timeline[2].detail == "smsc:main a: delivered; quick"
        [told] = await store.claim_notifications(OWNER, at(8), LEASE_MS, 10, 10)
        assert told.state is DeliveryState.DELIVERED

    async def test_of_early_reports_the_later_stands_but_a_final_one_first(
        self, store: Store
    ) -> None:
        await store.accept([new_push(1)])
        [claimed] = await claim(store, 5)
        for verdict in (ReportVerdict.ACCEPTED, FAILED, ReportVerdict.EN_ROUTE):
            await store.report([reported("a", 6, verdict)])
        await store.settle([handed_over(claimed, 8, "a")])
        assert (await only(store)).state is DeliveryState.UNDELIVERABLE

    async def test_part_of_the_reports_came_before_and_part_after(self, store: Store) -> None:
        await store.accept([new_push(1)])
        [claimed] = await claim(store, 5)
        await store.report([reported("b", 6)])
        await store.settle([handed_over(claimed, 8, "a", "b")])
        assert (await only(store)).state is DeliveryState.HANDED_OVER
        [result] = await store.report([reported("a", 9)])
        assert result.ended is DeliveryState.DELIVERED

    async def test_early_report_of_long_ago_is_of_another_part(self, store: Store) -> None:
        now = ORPHAN_LIFE_MS + 100
        await store.accept([new_push(1, expires=10 * now), new_push(2, expires=10 * now)])
        one, two = await claim(store, now)
        await store.report([reported("a", 99), reported("b", 100)])
        await store.settle(
            [handed_over(one, now, "a", due=now), handed_over(two, now, "b", due=now)]
        )
        assert (await only(store, 1)).state is DeliveryState.HANDED_OVER
        assert (await only(store, 2)).state is DeliveryState.DELIVERED

    async def test_early_reports_are_purged_by_age(self, store: Store) -> None:
        await store.accept([new_push(1), new_push(2)])
        one, two = await claim(store, 5)
        await store.report([reported("a", 6), reported("b", 7)])
        assert await store.purge(at(7), 10) == 0
        await store.settle([handed_over(one, 8, "a"), handed_over(two, 8, "b")])
        assert (await only(store, 1)).state is DeliveryState.HANDED_OVER
        assert (await only(store, 2)).state is DeliveryState.DELIVERED

    async def test_early_reports_are_bounded_and_the_oldest_go_first(self, store: Store) -> None:
        await store.accept([new_push(1), new_push(2)])
        one, two = await claim(store, 5)
        await store.report([reported("a", 6)])
        for start in range(0, MOST_ORPHANS, 500):
            await store.report([reported(f"x{start + n}", 7) for n in range(500)])
        await store.settle([handed_over(one, 8, "a"), handed_over(two, 8, "x0")])
        assert (await only(store, 1)).state is DeliveryState.HANDED_OVER
        assert (await only(store, 2)).state is DeliveryState.DELIVERED

    async def test_report_while_in_flight_is_applied_by_the_settlement(self, store: Store) -> None:
        await handed(store, 1, "a")
        [claimed] = await claim(store, 500_000)
        [result] = await store.report([reported("a", 500_001)])
        assert (result.known, result.ended) == (True, None)
        assert (await only(store)).state is DeliveryState.IN_FLIGHT
        waiting = replace(handed_over(claimed, 500_002, due=600_000), sent=False)
        assert await store.settle([waiting]) == [True]
        delivery = await only(store)
        assert (delivery.state, delivery.code) == (DeliveryState.DELIVERED, 1000)
        assert len(await store.claim_notifications(OWNER, at(500_002), LEASE_MS, 10, 10)) == 1

    @pytest.mark.parametrize(
        ("settled_as", "ends_as"),
        [
            (DeliveryState.UNKNOWN, DeliveryState.DELIVERED),
            (DeliveryState.EXPIRED, DeliveryState.DELIVERED),
            (DeliveryState.TIMEOUT, DeliveryState.DELIVERED),
            (DeliveryState.ABORTED, DeliveryState.ABORTED),
            (DeliveryState.UNDELIVERABLE, DeliveryState.UNDELIVERABLE),
        ],
    )
    async def test_report_while_in_flight_stands_against_a_settlement_that_does_not_know(
        self, store: Store, settled_as: DeliveryState, ends_as: DeliveryState
    ) -> None:
        await handed(store, 1, "a")
        [claimed] = await claim(store, 500_000)
        await store.report([reported("a", 500_001)])
        await store.settle([settled(claimed, 500_002, settled_as, sent=False)])
        assert (await only(store)).state is ends_as
        assert names(await known(store, 1))[-2:] == ["report", ends_as.value]
        [told] = await store.claim_notifications(OWNER, at(500_002), LEASE_MS, 10, 10)
        assert told.state is ends_as

    async def test_report_while_in_flight_is_told_to_the_next_who_claims(
        self, store: Store
    ) -> None:
        await handed(store, 1, "a")
        await claim(store, 500_000)
        await store.report([reported("a", 500_001)])
        [again] = await claim(store, 500_000 + LEASE_MS, "node/2")
        assert again.reported is DELIVERED

    @pytest.mark.parametrize("verdict", [DELIVERED, FAILED])
    async def test_report_ends_what_is_in_doubt(self, store: Store, verdict: ReportVerdict) -> None:
        await store.accept([new_push(1)])
        [claimed] = await claim(store, 5)
        doubted = settled(claimed, 6, DeliveryState.IN_DOUBT, due=100, notify=False)
        await store.settle([replace(doubted, carried=parts("a"))])
        assert (await only(store)).state is DeliveryState.IN_DOUBT
        [result] = await store.report([reported("a", 7, verdict)])
        assert result.ended is not None
        assert (await only(store)).state is result.ended
        assert await claim(store, 100) == []

    async def test_some_parts_of_an_attempt_in_doubt_do_not_make_it_delivered(
        self, store: Store
    ) -> None:
        await store.accept([new_push(1)])
        [claimed] = await claim(store, 5)
        doubted = settled(claimed, 6, DeliveryState.IN_DOUBT, due=100, notify=False)
        await store.settle([replace(doubted, carried=parts("a", "b", of=3))])
        results = await store.report([reported("a", 7), reported("b", 7)])
        assert [each.ended for each in results] == [None, None]
        [again] = await claim(store, 100)
        assert (again.in_doubt, again.handed_over) == (True, False)
        assert [each.verdict for each in again.carried] == [DELIVERED, DELIVERED]
        # The third is sent alone, and the attempt rests on the two that arrived before.
        rest = replace(handed_over(again, 101), carried=parts("a", "b", "c"))
        await store.settle([rest])
        assert (await only(store)).state is DeliveryState.HANDED_OVER
        [result] = await store.report([reported("c", 102)])
        assert result.ended is DeliveryState.DELIVERED

    async def test_failure_of_an_earlier_attempt_leaves_the_later_one_alone(
        self, store: Store
    ) -> None:
        await store.accept([new_push(1)])
        [claimed] = await claim(store, 5)
        doubted = settled(claimed, 6, DeliveryState.IN_DOUBT, due=100, notify=False)
        await store.settle([replace(doubted, carried=parts("a", of=2))])
        [again] = await claim(store, 100)
        await store.settle([handed_over(again, 101, "c", "d")])
        [result] = await store.report([reported("a", 102, FAILED)])
        assert result.ended is None
        assert (await only(store)).state is DeliveryState.HANDED_OVER
        results = await store.report([reported("c", 103), reported("d", 103)])
        assert results[-1].ended is DeliveryState.DELIVERED

    async def test_report_ends_what_was_in_doubt_and_is_queued_again(self, store: Store) -> None:
        await store.accept([new_push(1)])
        [claimed] = await claim(store, 5)
        doubted = settled(claimed, 6, DeliveryState.IN_DOUBT, due=100, notify=False)
        await store.settle([replace(doubted, carried=parts("a"))])
        [again] = await claim(store, 100)
        await store.settle([settled(again, 101, DeliveryState.QUEUED, due=200, sent=False)])
        [result] = await store.report([reported("a", 102)])
        assert result.ended is DeliveryState.DELIVERED
        assert await claim(store, 200) == []

    async def test_settlement_that_lost_its_lease_leaves_no_parts(self, store: Store) -> None:
        await store.accept([new_push(1)])
        [lost] = await claim(store, 5)
        [held] = await claim(store, 5 + LEASE_MS, "node/2")
        assert await store.settle([handed_over(lost, 2_000, "a")]) == [False]
        assert await store.report([reported("a", 2_001)]) == [UNKNOWN_PART]
        assert held.attempt == 2

    async def test_parts_with_references_that_no_report_can_name_are_settled(
        self, store: Store
    ) -> None:
        claimed = await handed(store, 1, "\0", "\ud800", "", "x" * 3_000)
        assert (await only(store)).state is DeliveryState.HANDED_OVER
        [again] = await claim(store, 500_000)
        assert (again.key, again.carried) == (claimed.key, ())

    async def test_settlements_with_and_without_parts_share_a_call(self, store: Store) -> None:
        await store.accept([new_push(1, ["a", "b", "c"])])
        one, two, three = await claim(store, 5)
        missing = replace(handed_over(two, 6, "m"), key=DeliveryKey("f" * 32, 0))
        await store.report([reported("z", 5)])
        answers = await store.settle(
            [settled(one, 6), missing, handed_over(two, 6, "y"), handed_over(three, 6, "z")]
        )
        assert answers == [True, False, True, True]
        states = [each.state for each in (await known(store, 1)).deliveries]
        assert states == [
            DeliveryState.DELIVERED,
            DeliveryState.HANDED_OVER,
            DeliveryState.DELIVERED,
        ]
        assert await store.report([reported("m", 7)]) == [UNKNOWN_PART]


class MeetingContract:
    """Rules of reports and settlements that come at the same time."""

    async def test_settlement_and_report_that_meet_always_find_each_other(
        self, store: Store
    ) -> None:
        number = 150
        await store.accept([new_push(n) for n in range(number)])
        claimed = await claim(store, number, limit=number, per_client=number)
        both: list[Coroutine[object, object, object]] = []
        for n, each in enumerate(claimed):
            both.append(store.settle([handed_over(each, 200, f"{n}a", f"{n}b")]))
            both += [store.report([reported(f"{n}{half}", 200)]) for half in "ab"]
        await asyncio.gather(*both)
        assert (await store.counts()).deliveries == {}
        states = {(await only(store, n)).state for n in range(number)}
        assert states == {DeliveryState.DELIVERED}

    async def test_reports_of_the_last_two_parts_that_meet_end_the_delivery_once(
        self, store: Store
    ) -> None:
        number = 100
        await store.accept([new_push(n) for n in range(number)])
        claimed = await claim(store, number)
        await store.settle([handed_over(c, 200, f"{n}a", f"{n}b") for n, c in enumerate(claimed)])
        answers = await asyncio.gather(
            *(store.report([reported(f"{n}{half}", 201)]) for n in range(number) for half in "ab")
        )
        ended = [result.key for (result,) in answers if result.ended is DeliveryState.DELIVERED]
        assert len(ended) == len(set(ended)) == number


class ReportContract(HandingOverContract, ReportingContract, EarlyReportContract, MeetingContract):
    """All of it."""
