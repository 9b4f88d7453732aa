"""In which order the pushes of one client have their turn."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from omapush.content.message import PushMessage
from omapush.core.instants import HOUR_MS, later
from omapush.ppg.lane import Lane, LaneSettings
from omapush.ppg.priority import HEAD_START_MS
from omapush.ppg.store.contract import ClaimedDelivery, DeliveryKey, Settlement
from omapush.testing.memory_store import MemoryStore
from omapush.testing.virtual_clock import VirtualClock


class NotingLane(Lane):
    """Notes whose turn it is; each ends when the test says so."""

    begun: list[str]
    going: asyncio.Queue[None]

    async def attempt(self, claimed: ClaimedDelivery) -> Settlement | None:
        self.begun.append(claimed.push_id)
        await self.going.get()
        return None


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def lane(store: MemoryStore, clock: VirtualClock) -> NotingLane:
    ways: Any = None  # no attempt leaves this lane
    made = NotingLane("anna", None, store, ways, lambda _: None, clock, LaneSettings())
    made.begun, made.going = [], asyncio.Queue()
    return made


def put(lane: Lane, clock: VirtualClock, push_id: str, priority: str | None = None) -> None:
    now = clock()
    lane.put(
        ClaimedDelivery(
            DeliveryKey("0" * 32, 0), push_id, "pi", "anna", "anna", "ppg-1/a", 1, 0,
            in_doubt=False,
            lease_until=later(now, HOUR_MS),
            received_at=now,
            expires_at=later(now, HOUR_MS),
            confirmed=True,
            flags=0,
            message=PushMessage((), b""),
            control={} if priority is None else {"qos": {"priority": priority}},
        )
    )  # fmt: skip


async def order_of(lane: NotingLane, count: int) -> list[str]:
    """Let each push end at once; return the order."""
    for _ in range(count):
        lane.going.put_nowait(None)
    async with asyncio.timeout(30):
        await lane.run()
    return lane.begun


async def test_urgent_push_overtakes_those_that_wait(lane: NotingLane, clock: VirtualClock) -> None:
    """PAP 8.2.2, REQ14; also those that were there when the lane began to look."""
    for name, priority in (("1", None), ("2", "low"), ("3", "medium"), ("4", "high")):
        put(lane, clock, name, priority)
    assert await order_of(lane, 4) == ["4", "1", "2", "3"]


async def test_urgent_push_that_comes_late_is_next(lane: NotingLane, clock: VirtualClock) -> None:
    """One is under way, and the next was not chosen yet."""
    running = asyncio.create_task(lane.run())
    put(lane, clock, "1")
    put(lane, clock, "2")
    for _ in range(5):  # the first is under way, and the lane waits for its end
        await asyncio.sleep(0)
    assert lane.begun == ["1"]
    put(lane, clock, "3", "high")
    for _ in range(3):
        lane.going.put_nowait(None)
    async with asyncio.timeout(30):
        await running
    assert lane.begun == ["1", "3", "2"]


async def test_no_push_waits_for_ever_behind_urgent_ones(
    lane: NotingLane, clock: VirtualClock
) -> None:
    put(lane, clock, "waits")
    clock.advance(HEAD_START_MS + 1)
    put(lane, clock, "urgent", "high")
    assert await order_of(lane, 2) == ["waits", "urgent"]
