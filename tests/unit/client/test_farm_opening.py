"""The ways of simulated clients are opened paced, and again after waits that grow."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from omapush.client.farm.clients import Farm, FarmClient, Group
from omapush.client.farm.opening import Opening, OpeningLimits
from omapush.client.farm.script import parse_script
from omapush.core.instants import Instant, later
from omapush.ota.interface import BearerUnavailable, ClientCapabilities
from omapush.testing.virtual_clock import VirtualClock


class Ways:
    """Opens what it is told to; time is a number, and so is the pause between two."""

    def __init__(self, limits: OpeningLimits | None = None, drawn: float = 0.0) -> None:
        self.clock = VirtualClock()
        self.failures: Counter[str] = Counter()
        self.refuse = False
        self.tried: list[tuple[int, str]] = []
        self.pauses: list[float] = []
        self.under_way = self.most_under_way = 0
        self.held: asyncio.Event | None = None
        self._begun = self.clock()
        self.opening = Opening(
            self._open, self.failures, self.clock, self.wait, lambda *_: drawn, limits, self._pause
        )

    def wait(self, milliseconds: int, call: Any) -> Any:
        return self.clock.call_at(later(self.clock(), milliseconds), call)

    async def _open(self, client: FarmClient) -> None:
        self.tried.append((self.clock() - self._begun, client.client_id))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        if self.held is not None:
            await self.held.wait()
        self.under_way -= 1
        if self.refuse:
            raise BearerUnavailable("Connection refused")

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.opening.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def pass_by(self, milliseconds: int) -> None:
        self.clock.advance(milliseconds)
        await rest()


async def rest() -> None:
    """Let every task come to rest."""
    for _ in range(200):
        await asyncio.sleep(0)


def clients(count: int) -> list[FarmClient]:
    group = Group(count, "c#", parse_script("accept"), ClientCapabilities())
    farm = Farm(lambda *_: 0.0, lambda *_: None, lambda *_: None)  # type: ignore[arg-type, return-value]
    return farm.clients([group])


async def test_clients_are_opened_with_a_pause_between_them() -> None:
    ways = Ways(OpeningLimits(per_second=20))
    async with ways.running():
        ways.opening.begin(clients(5))
        await rest()
    assert [client for _, client in ways.tried] == ["c1", "c2", "c3", "c4", "c5"]
    assert ways.pauses == [0.05] * 5


async def test_quick_pace_is_kept_by_handfuls() -> None:
    ways = Ways(OpeningLimits(per_second=1_000))
    async with ways.running():
        ways.opening.begin(clients(60))
        await rest()
    assert len(ways.tried) == 60
    assert 2 <= len(ways.pauses) <= 3
    assert ways.pauses[0] == pytest.approx(0.02, abs=0.002)


async def test_few_clients_are_opened_at_a_time() -> None:
    ways = Ways(OpeningLimits(at_a_time=3))
    ways.held = asyncio.Event()
    async with ways.running():
        ways.opening.begin(clients(10))
        await rest()
        assert len(ways.tried) == 3
        ways.held.set()
        await rest()
    assert len(ways.tried) == 10
    assert ways.most_under_way == 3


async def test_wait_doubles_while_the_gateway_refuses() -> None:
    ways = Ways(OpeningLimits(first_wait_ms=1_000, longest_wait_ms=4_000))
    ways.refuse = True
    async with ways.running():
        ways.opening.begin(clients(1))
        await rest()
        for _ in range(80):
            await ways.pass_by(100)
    # Half of 1, 2, 4, 4 seconds each: nothing was drawn on top.
    assert [at for at, _ in ways.tried] == [0, 500, 1_500, 3_500, 5_500, 7_500]
    assert ways.failures == {"Connection refused": 6}


async def test_wait_has_a_part_that_is_drawn() -> None:
    ways = Ways(OpeningLimits(first_wait_ms=1_000), drawn=0.5)
    ways.refuse = True
    async with ways.running():
        ways.opening.begin(clients(1))
        await rest()
        for _ in range(8):
            await ways.pass_by(100)
    assert [at for at, _ in ways.tried] == [0, 800]  # 750, seen at the next tenth


async def test_way_that_was_steady_is_opened_again_after_the_first_wait() -> None:
    ways = Ways(OpeningLimits(first_wait_ms=1_000, steady_ms=10_000))
    (client,) = clients(1)
    begun = ways.clock()
    async with ways.running():
        for _ in range(3):  # lost at once each time: the wait grows
            ways.opening.lost(client, ways.clock())
        ways.tried.clear()
        await ways.pass_by(60_000)
        ways.tried.clear()
        lost_at = ways.clock()
        ways.opening.lost(client, Instant(lost_at - 10_000))
        await ways.pass_by(499)
        assert ways.tried == []
        await ways.pass_by(1)
    assert ways.tried == [(lost_at + 500 - begun, "c1")]


async def test_client_that_vanished_comes_back_after_its_time() -> None:
    ways = Ways()
    async with ways.running():
        ways.opening.after(clients(1)[0], 10_000)
        await ways.pass_by(9_999)
        assert ways.tried == []
        await ways.pass_by(1)
    assert ways.tried == [(10_000, "c1")]
