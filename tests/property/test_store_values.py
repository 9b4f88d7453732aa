"""What a ledger was given comes back octet for octet and character for character."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.ota.interface import CarriedPart
from omapush.ppg.store.contract import Accepted, BearerReport, DeliveryState, ReportVerdict, Store
from omapush.ppg.store.opening import open_store
from omapush.testing.store_contract import at, new_push, settled

ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
HEADERS = st.lists(st.tuples(ANYTHING, ANYTHING), max_size=4).map(tuple)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | ANYTHING,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANYTHING, inner, max_size=3),
    max_leaves=6,
)
# Where XML put a text, it cannot hold a NUL.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


async def _round_trip(
    store: Store,
    number: int,
    message: PushMessage,
    control: dict[str, object],
    address: str,
    reason: str,
) -> None:
    push = replace(new_push(number), message=message, control=control)
    push = replace(push, deliveries=(replace(push.deliveries[0], address=address),))
    assert await store.accept([push]) == [Accepted(push.push_key)]
    [claimed] = await store.claim("n/1", push.received_at, 10, 10, 10)
    assert (claimed.message, claimed.address) == (message, address)
    settlement = replace(settled(claimed, number, DeliveryState.ABORTED), reason=reason)
    assert await store.settle([settlement]) == [True]
    record = await store.push(push.push_id)
    assert record is not None
    assert record.control == control
    assert record.deliveries[0].reason == reason.replace("\0", "\ufffd")
    [notification] = await store.claim_notifications("n/1", at(number), 1 << 40, 10, 10)
    assert notification.control == control


@pytest.mark.parametrize("home", ["sqlite", "postgresql"])
def test_ledger_gives_back_what_it_was_given(
    home: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if home == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('ledger')}/ledger.db"
    else:
        url = request.getfixturevalue("new_database")()
    numbers = count(1)
    store = open_store(url)

    with asyncio.Runner() as runner:
        runner.run(store.open())

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        @given(HEADERS, st.binary(max_size=5_000), st.dictionaries(ANYTHING, JSON), TEXT, ANYTHING)
        def check(
            headers: tuple[tuple[str, str], ...],
            body: bytes,
            control: dict[str, object],
            address: str,
            reason: str,
        ) -> None:
            message = PushMessage(headers, body)
            runner.run(_round_trip(store, next(numbers), message, control, address, reason))

        check()
        runner.run(store.close())


# Also what no database holds: NUL, and lone surrogates.
BROKEN = st.text(st.characters(), max_size=300)
REPORTS = st.lists(
    st.tuples(BROKEN, BROKEN, st.sampled_from(ReportVerdict), st.integers(0, 10**14)), max_size=5
)


async def _reported(store: Store, number: int, reports: list[BearerReport], *, early: bool) -> None:
    await store.accept([new_push(number)])
    [claimed] = await store.claim("n/1", at(number), 10, 10, 10)
    parts = tuple(
        CarriedPart(each.bearer, each.reference, part) for part, each in enumerate(reports, start=1)
    )
    if early:
        assert len(await store.report(reports)) == len(reports)
    settlement = settled(claimed, number, DeliveryState.HANDED_OVER, due=10**9)
    assert await store.settle([replace(settlement, carried=parts)]) == [True]
    assert len(await store.report(reports)) == len(reports)


@pytest.mark.parametrize("home", ["sqlite", "postgresql"])
def test_ledger_takes_whatever_a_bearer_names_and_reports(
    home: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if home == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('ledger')}/ledger.db"
    else:
        url = request.getfixturevalue("new_database")()
    numbers = count(1)
    store = open_store(url)

    with asyncio.Runner() as runner:
        runner.run(store.open())

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        @given(REPORTS, st.booleans())
        def check(told: list[tuple[str, str, ReportVerdict, int]], early: bool) -> None:
            reports = [
                BearerReport("smsc", reference, Instant(when), verdict, detail)
                for reference, detail, verdict, when in told
            ]
            runner.run(_reported(store, next(numbers), reports, early=early))

        check()
        runner.run(store.close())
