"""The connection to the core: opened, lost, opened again."""

from __future__ import annotations

import asyncio

import pytest

from omapush.client.sip.flow import Flow
from omapush.ota.interface import BearerUnavailable
from omapush.ota.sip.core import FlowListener
from omapush.testing.sip_link import LoopbackCore


class Breaking:
    """A core whose connection breaks while it is handed over, so many times."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.opened = 0

    async def open_flow(self, listener: FlowListener) -> None:
        self.opened += 1
        if self.opened <= self.times:
            listener.lost("connection reset")


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def told() -> list[str]:
    return []


def flow_to(core: object, told: list[str]) -> Flow:
    return Flow(
        core,  # type: ignore[arg-type]
        lambda: told.append("open"),
        lambda error: told.append(error.reason),
        lambda: 0.5,
    )


async def test_connection_that_broke_before_it_was_used_is_tried_again(told: list[str]) -> None:
    core = Breaking(1)
    flow = flow_to(core, told)
    flow.want()
    await settle()
    assert (flow.is_open, told) == (False, ["connection reset"])
    flow.hasten()
    await settle()
    assert (flow.is_open, told) == (True, ["connection reset", "open"])
    await flow.close()


async def test_connection_is_opened_once(told: list[str]) -> None:
    core = Breaking(0)
    flow = flow_to(core, told)
    flow.want()
    flow.want()
    await settle()
    flow.want()
    await settle()
    assert (core.opened, told) == (1, ["open"])
    await flow.close()


async def test_core_that_ends_each_connection_at_once_is_given_time(told: list[str]) -> None:
    core = Breaking(0)
    flow = flow_to(core, told)
    flow.want()
    for _ in range(50):
        await settle()
        flow.lost("go away")
    await settle()
    assert core.opened == 2  # at once after the first loss, and then no more
    flow.hasten()
    await settle()
    assert core.opened == 3
    assert flow.is_open
    await flow.close()


async def test_connection_that_is_wanted_no_more_stays_lost(told: list[str]) -> None:
    core = LoopbackCore()
    flow = flow_to(core.client, told)
    flow.want()
    await settle()
    await flow.close()
    core.client.lose_flow("connection reset")
    await settle()
    assert (flow.is_open, told) == (False, ["open"])


async def test_failure_is_told_with_its_reason(told: list[str]) -> None:
    core = LoopbackCore()
    core.client.is_cut_off = True
    flow = flow_to(core.client, told)
    flow.want()
    await settle()
    assert told == [BearerUnavailable("Network is unreachable").reason]
    await flow.close()
