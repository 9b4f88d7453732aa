"""What waits for clients comes back when they are seen, many by one call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from omapush.core.instants import Instant
from omapush.ppg import hastening as module
from omapush.ppg.hastening import Hastening
from omapush.testing.memory_store import MemoryStore
from omapush.testing.store_contract import at, claim, new_push

NEVER_MS = 3_600_000


class GatedStore(MemoryStore):
    """Notes each call of ``hasten``, and lets none through while the gate is shut."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def hasten(self, client_ids: Sequence[str], now: Instant) -> int:
        self.looks.append(list(client_ids))
        await self.gate.wait()
        return await super().hasten(client_ids, now)


class Bench:
    def __init__(self, second_look_ms: int) -> None:
        self.store = GatedStore()
        self.wakes = 0
        self.hastening = Hastening(self.store, self._wake, lambda: at(10), second_look_ms)

    def _wake(self) -> None:
        self.wakes += 1

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - it is nobody's event
                await asyncio.sleep(0)


@asynccontextmanager
async def bench(second_look_ms: int = NEVER_MS) -> AsyncIterator[Bench]:
    made = Bench(second_look_ms)
    await made.store.open()
    try:
        yield made
    finally:
        await made.hastening.close()


async def test_backlog_of_a_client_is_due_when_it_is_seen() -> None:
    async with bench() as it:
        await it.store.accept([new_push(1), new_push(2, ["other"])])
        for client_id in ("client", "other"):
            await it.store.defer(client_id, at(500), at(1), "away", "node")
        it.hastening.begin("client")
        await it.until(lambda: it.wakes == 1)
        assert [each.client_id for each in await claim(it.store, 10)] == ["client"]


async def test_clients_are_looked_after_twice_however_often_they_come() -> None:
    async with bench(second_look_ms=1) as it:
        for client_id in ("anna", "anna", "berta", "anna"):
            it.hastening.begin(client_id)
        await it.until(lambda: it.wakes == 2)
        assert it.store.looks == [["anna", "berta"]] * 2
        it.hastening.begin("anna")  # seen anew
        await it.until(lambda: it.wakes == 4)
        assert it.store.looks[2:] == [["anna"]] * 2


async def test_client_that_comes_again_before_its_second_look_waits_for_that() -> None:
    async with bench() as it:
        it.hastening.begin("anna")
        await it.until(lambda: it.wakes == 1)
        it.hastening.begin("anna")
        it.hastening.begin("berta")
        await it.until(lambda: it.wakes == 2)
        assert it.store.looks == [["anna"], ["berta"]]


async def test_clients_that_come_during_a_look_share_the_next() -> None:
    async with bench() as it:
        it.store.gate.clear()
        it.hastening.begin("first")
        await it.until(lambda: it.store.looks == [["first"]])
        clients = [f"c{number}" for number in range(5_000)]
        for client_id in clients:
            it.hastening.begin(client_id)
        it.store.gate.set()
        await it.until(lambda: it.wakes == 2)
        assert it.store.looks == [["first"], clients]


async def test_clients_beyond_the_bound_are_left_to_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_CLIENTS", 2)
    async with bench() as it:
        for client_id in ("a", "b", "c"):
            it.hastening.begin(client_id)
        await it.until(lambda: it.wakes == 1)
        it.hastening.begin("d")  # the second looks after the first two are still to come
        assert it.store.looks == [["a", "b"]]


async def test_ledger_that_is_away_is_asked_again_at_the_second_look() -> None:
    async with bench(second_look_ms=1) as it:
        it.store.unavailable = "disk full"
        it.hastening.begin("anna")
        await it.until(lambda: it.wakes >= 1)
        it.store.unavailable = None
        await it.until(lambda: it.wakes == 2)
        assert it.store.looks == [["anna"], ["anna"]]


async def test_nothing_is_brought_back_after_closing() -> None:
    async with bench() as it:
        it.store.gate.clear()
        it.hastening.begin("anna")
        await it.until(lambda: bool(it.store.looks))
        await it.hastening.close()
        assert it.wakes == 0
        await it.hastening.close()
