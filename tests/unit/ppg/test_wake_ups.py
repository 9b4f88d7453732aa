"""Telling other gateway processes that there is something for them: rarely, for many at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from omapush.core.instants import Instant
from omapush.ppg.store import wake_ups
from omapush.ppg.store.contract import StoreUnavailable
from omapush.ppg.store.wake_ups import MOST_NAMED, Caller
from omapush.testing.store_contract import at

HOUR_S = 3_600.0


class Bench:
    def __init__(self, pause_s: float) -> None:
        self.calls: list[tuple[list[str], Instant]] = []
        self.away = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.caller = Caller(self._call, pause_s)

    async def _call(self, client_ids: Sequence[str], now: Instant) -> None:
        self.calls.append((list(client_ids), now))
        await self.gate.wait()
        if self.away:
            raise StoreUnavailable("disk full")

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - it is nobody's event
                await asyncio.sleep(0)


@asynccontextmanager
async def bench(pause_s: float = 0.0) -> AsyncIterator[Bench]:
    made = Bench(pause_s)
    try:
        yield made
    finally:
        await made.caller.close()


async def test_first_client_is_told_of_at_once() -> None:
    async with bench(HOUR_S) as it:
        it.caller.tell(["a"], at(1))
        await it.until(lambda: it.calls == [(["a"], at(1))])


async def test_clients_told_of_meanwhile_share_one_call() -> None:
    async with bench() as it:
        it.gate.clear()
        it.caller.tell(["a"], at(1))
        await it.until(lambda: len(it.calls) == 1)
        it.caller.tell(["b", "c"], at(5))
        it.caller.tell(["a", "b"], at(3))
        it.gate.set()
        await it.until(lambda: len(it.calls) == 2)
        assert it.calls[1] == (["a", "b", "c"], at(5))


async def test_nothing_is_called_before_the_pause_has_passed() -> None:
    async with bench(HOUR_S) as it:
        it.caller.tell(["a"], at(1))
        await it.until(lambda: len(it.calls) == 1)
        it.caller.tell(["b"], at(2))
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(it.calls) == 1


async def test_everybody_is_called_for_more_clients_than_can_be_named() -> None:
    async with bench() as it:
        for number in range(MOST_NAMED + 1):
            it.caller.tell([f"c{number}"], at(1))
        await it.until(lambda: it.calls == [([], at(1))])
        it.caller.tell_everybody()
        await it.until(lambda: len(it.calls) == 2)


async def test_nobody_is_called_for_no_clients() -> None:
    async with bench() as it:
        it.caller.tell([], at(1))
        it.caller.tell(["a"], at(2))
        await it.until(lambda: bool(it.calls))
        assert it.calls == [(["a"], at(2))]


async def test_call_that_fails_is_forgotten_and_the_next_is_made() -> None:
    async with bench() as it:
        it.away = True
        it.caller.tell(["a"], at(1))
        await it.until(lambda: len(it.calls) == 1)
        it.caller.tell(["b"], at(2))
        await it.until(lambda: len(it.calls) == 2)
        assert it.calls[1] == (["b"], at(2))


def test_calls_are_at_most_ten_a_second() -> None:
    assert wake_ups.PAUSE_S >= 0.1
