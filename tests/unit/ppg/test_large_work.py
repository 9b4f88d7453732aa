"""Large work goes beside the event loop, small work does not, and large work takes turns."""

from __future__ import annotations

import asyncio
import threading

import pytest

from omapush.core.errors import DecodeError
from omapush.ppg.large_work import LargeWork


async def test_large_work_runs_small_piece_at_once_and_large_one_in_a_thread() -> None:
    large_work = LargeWork()
    assert await large_work.run(threading.get_ident, large=False) == threading.get_ident()
    assert await large_work.run(threading.get_ident, large=True) != threading.get_ident()


async def test_large_work_hands_on_the_error_of_a_piece_and_goes_on() -> None:
    def fail() -> None:
        raise DecodeError("not readable")

    large_work = LargeWork()
    for large in (False, True):
        with pytest.raises(DecodeError, match="not readable"):
            await large_work.run(fail, large=large)
    assert await large_work.run(lambda: "next", large=True) == "next"


async def test_large_work_runs_one_large_piece_at_a_time_and_small_ones_meanwhile() -> None:
    large_work, may_end, running = LargeWork(), threading.Event(), 0
    most = 0

    def piece() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        may_end.wait(5)
        running -= 1

    pieces = [asyncio.create_task(large_work.run(piece, large=True)) for _ in range(3)]
    assert await large_work.run(lambda: "small", large=False) == "small"
    assert not any(each.done() for each in pieces)
    may_end.set()
    await asyncio.gather(*pieces)
    assert most == 1
