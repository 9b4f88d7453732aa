"""Calls that wait together share a commit, and fail alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from omapush.ppg.store.contract import Accepted, StoreRefused, StoreUnavailable
from omapush.ppg.store.group_commit import ROWS_TOGETHER, Lane, Work
from omapush.ppg.store.opening import open_store
from omapush.ppg.store.sql import SqlStore
from omapush.testing.store_contract import new_push


class Database:
    """Runs each transaction when it is let, and counts them."""

    def __init__(self) -> None:
        self.transactions: list[list[list[Any]]] = []
        self.let = asyncio.Event()
        self.let.set()

    async def transact(self, work: Work) -> list[list[Any]]:
        await self.let.wait()
        answers = work(None)  # type: ignore[arg-type] # the transactions below need no database
        self.transactions.append(answers)
        return answers


def doubled(connection: object, items: list[Any]) -> list[Any]:
    if "spoiled" in items:
        raise OverflowError("too large")
    return [item * 2 for item in items]


@pytest.fixture
async def database() -> Database:
    return Database()


@pytest.fixture
async def lane(database: Database) -> AsyncIterator[Lane]:
    lane = Lane(database.transact, 1, most_waiting=10, longest_wait_s=5)
    yield lane
    database.let.set()
    await lane.close()


async def test_calls_that_wait_share_a_transaction_and_get_their_own_answers(
    lane: Lane, database: Database
) -> None:
    answers = await asyncio.gather(*(lane.call(doubled, [n, n + 1]) for n in range(5)))
    assert answers == [[2 * n, 2 * n + 2] for n in range(5)]
    assert len(database.transactions) == 1


async def test_calls_that_write_many_rows_share_transactions_only_until_these_are_large(
    lane: Lane, database: Database
) -> None:
    database.let.clear()
    calls = [
        asyncio.create_task(lane.call(doubled, [n], rows=ROWS_TOGETHER // 2)) for n in range(5)
    ]
    await asyncio.sleep(0)
    database.let.set()
    assert await asyncio.gather(*calls) == [[2 * n] for n in range(5)]
    assert [len(each) for each in database.transactions] == [2, 2, 1]


async def test_call_that_cannot_be_done_fails_alone(lane: Lane) -> None:
    calls = [lane.call(doubled, items) for items in ([1], ["spoiled"], [2])]
    one, spoiled, two = await asyncio.gather(*calls, return_exceptions=True)
    assert (one, two) == ([2], [4])
    assert isinstance(spoiled, StoreRefused)


async def test_call_beyond_the_limit_is_refused_at_once(lane: Lane, database: Database) -> None:
    database.let.clear()
    waiting = [asyncio.create_task(lane.call(doubled, [n])) for n in range(10)]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="10 calls are waiting"):
        await lane.call(doubled, [11])
    database.let.set()
    assert await asyncio.gather(*waiting) == [[2 * n] for n in range(10)]
    assert await lane.call(doubled, [11]) == [22]


async def test_call_that_waits_too_long_is_given_up(database: Database) -> None:
    lane = Lane(database.transact, 1, most_waiting=10, longest_wait_s=0.01)
    database.let.clear()
    with pytest.raises(StoreUnavailable, match="did not answer within"):
        await lane.call(doubled, [1])
    database.let.set()
    await lane.close()


async def test_call_that_nobody_waits_for_any_more_is_not_begun(
    lane: Lane, database: Database
) -> None:
    database.let.clear()
    first = asyncio.create_task(lane.call(doubled, [1]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second = asyncio.create_task(lane.call(doubled, [2]))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.sleep(0)
    database.let.set()
    assert await first == [2]
    assert await lane.call(doubled, [3]) == [6]
    assert database.transactions == [[[2]], [[6]]]


async def test_push_that_the_store_cannot_hold_does_not_hinder_its_neighbours(
    tmp_path: Path,
) -> None:
    store = open_store(f"sqlite:///{tmp_path}/ledger.db")
    await store.open()
    pushes = [new_push(1), replace(new_push(2), push_id="\ud800"), new_push(3)]
    pushes[2:2] = [replace(new_push(4), flags=1 << 70)]
    answers = await asyncio.gather(*(store.accept([p]) for p in pushes), return_exceptions=True)
    assert isinstance(answers[1], StoreRefused)
    assert isinstance(answers[2], StoreRefused)
    assert answers[0] == [Accepted(pushes[0].push_key)]
    assert answers[3] == [Accepted(pushes[3].push_key)]
    assert len(await store.claim("n/1", pushes[0].expires_at, 10, 10, 10)) == 2
    await store.close()


def test_sql_store_shows_where_it_is() -> None:
    assert isinstance(store := open_store("sqlite:///x.db"), SqlStore)
    assert "x.db" in repr(store)
