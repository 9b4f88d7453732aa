"""Parts of a daemon live and end together."""

from __future__ import annotations

import asyncio

import pytest

from omapush.daemon.clock import SystemClock
from omapush.daemon.serving import ListenError, listening_socket
from omapush.daemon.settings_table import Endpoint
from omapush.daemon.supervise import PartFailedError, supervise


class Part:
    """A part that runs until it is told to fail or is cancelled."""

    def __init__(self) -> None:
        self.failing = asyncio.Event()
        self.ended = ""

    async def run(self) -> None:
        try:
            await self.failing.wait()
            raise ValueError("broke")
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise


async def test_parts_end_when_asked_after_the_work_had_its_chance() -> None:
    first, second, stopping = Part(), Part(), asyncio.Event()
    order: list[str] = []

    async def stop() -> None:
        order.append(f"stop, first {first.ended or 'running'}")

    stopping.set()
    await supervise({"first": first.run(), "second": second.run()}, stop, stopping)
    assert order == ["stop, first running"]
    assert first.ended == second.ended == "cancelled"


async def test_part_that_breaks_ends_the_others_and_is_named() -> None:
    first, second = Part(), Part()
    first.failing.set()
    stopped = []

    async def stop() -> None:
        stopped.append(True)

    with pytest.raises(PartFailedError, match="first ended: broke") as failed:
        await supervise({"first": first.run(), "second": second.run()}, stop, asyncio.Event())
    assert isinstance(failed.value.__cause__, ValueError)
    assert stopped == [True]
    assert second.ended == "cancelled"


async def test_part_that_just_returns_has_failed_too() -> None:
    async def returns() -> None:
        return

    async def stop() -> None:
        return

    with pytest.raises(PartFailedError, match="loop ended: without an error"):
        await supervise({"loop": returns()}, stop, asyncio.Event())


def test_clock_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([5_000_000, 9_000_000, 2_000_000, 10_000_000])
    monkeypatch.setattr("time.time_ns", lambda: next(readings))
    clock = SystemClock()
    assert [clock() for _ in range(4)] == [5, 9, 9, 10]


def test_address_that_is_taken_is_said() -> None:
    with listening_socket(Endpoint("127.0.0.1", 0)) as held:
        taken = Endpoint("127.0.0.1", held.getsockname()[1])
        with pytest.raises(ListenError, match=f"cannot listen on {taken}"):
            listening_socket(taken)
