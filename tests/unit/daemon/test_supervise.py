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


def read_clock(monkeypatch: pytest.MonkeyPatch, *readings: tuple[int, int]) -> list[int]:
    """Return what the clock says when the system's clock, and the one that nobody sets, say this.

    :param readings: both in milliseconds.
    """
    told = iter(readings)
    with monkeypatch.context() as patched:
        now = 0

        def time_ns() -> int:
            nonlocal now
            wall, now = next(told)
            return wall * 1_000_000

        patched.setattr("time.time_ns", time_ns)
        patched.setattr("time.monotonic_ns", lambda: now * 1_000_000)
        clock = SystemClock()
        return [clock() for _ in readings]


def test_clock_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_clock(monkeypatch, (5, 0), (9, 4), (2, 5), (10, 13)) == [5, 9, 9, 10]


def test_clock_goes_on_slowly_while_the_system_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    hour = 3_600_000
    readings = [(hour, 0), (1, 1), (1_000, 1_000), (1_001, 1_001), (1_003, 1_003), (2_000, 2_000)]
    assert read_clock(monkeypatch, *readings) == [
        hour, hour, hour + 500, hour + 500, hour + 501, hour + 1_000,
    ]  # fmt: skip
    caught_up = read_clock(monkeypatch, (hour, 0), (0, 0), (hour - 1, hour - 1), (2 * hour, 7))
    assert caught_up == [hour, hour, hour + (hour - 1) // 2, 2 * hour]


def test_address_that_is_taken_is_said() -> None:
    with listening_socket(Endpoint("127.0.0.1", 0)) as held:
        taken = Endpoint("127.0.0.1", held.getsockname()[1])
        with pytest.raises(ListenError, match=f"cannot listen on {taken}"):
            listening_socket(taken)
