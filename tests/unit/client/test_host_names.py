"""Names are looked up when they are needed, not too often, not too many, and nobody waits long."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Sequence

import pytest

from omapush.client.trust import host_names
from omapush.client.trust.host_names import HostNames, look_up
from omapush.core.instants import HOUR_MS, MINUTE_MS
from omapush.testing.virtual_clock import VirtualClock


class Names:
    """A resolver that tests tell what to answer."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, Sequence[str] | OSError] = {}
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, name: str) -> Sequence[str]:
        self.asked.append(name)
        await self.gate.wait()
        answer = self.answers.get(name, ())
        if isinstance(answer, OSError):
            raise answer
        return answer


@pytest.fixture
def resolver() -> Names:
    return Names()


@pytest.fixture
async def names(clock: VirtualClock, resolver: Names) -> AsyncIterator[HostNames]:
    names = HostNames(clock, resolver)
    yield names
    await names.close()


async def test_answer_is_kept_for_an_hour(
    names: HostNames, resolver: Names, clock: VirtualClock
) -> None:
    resolver.answers["a.example"] = ["192.0.2.1", "fe80::1%eth0"]
    assert await names.learn(["a.example"])
    expected = {ipaddress.ip_address("192.0.2.1"), ipaddress.ip_address("fe80::1")}
    assert names.known() == {"a.example": expected}
    clock.advance(HOUR_MS - 1)
    assert await names.learn(["a.example"])
    assert resolver.asked == ["a.example"]
    clock.advance(1)
    assert names.known() == {}
    assert await names.learn(["a.example"])
    assert resolver.asked == ["a.example"] * 2


async def test_failure_is_not_tried_again_for_a_minute(
    names: HostNames, resolver: Names, clock: VirtualClock
) -> None:
    resolver.answers["a.example"] = OSError("no network")
    assert not await names.learn(["a.example"])
    assert not await names.learn(["a.example"])
    assert await names.learn(["gone.example"])  # there is no such name: that is known
    assert resolver.asked == ["a.example", "gone.example"]
    clock.advance(MINUTE_MS)
    resolver.answers["a.example"] = ["192.0.2.1"]
    assert await names.learn(["a.example"])


async def test_name_is_looked_up_once_for_all_who_wait(names: HostNames, resolver: Names) -> None:
    resolver.gate.clear()
    resolver.answers["a.example"] = ["192.0.2.1"]
    waiting = [asyncio.create_task(names.learn(["a.example"])) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    resolver.gate.set()
    assert await asyncio.gather(*waiting) == [True] * 5
    assert resolver.asked == ["a.example"]


async def test_nobody_waits_for_a_resolver_that_hangs(
    names: HostNames, resolver: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_names, "PATIENCE_SECONDS", 0.0)
    resolver.gate.clear()
    assert not await names.learn(f"{number}.example" for number in range(20))
    await asyncio.sleep(0)
    assert len(resolver.asked) <= host_names.MAX_AT_A_TIME
    await names.close()


async def test_names_beyond_the_bound_are_not_looked_up(
    names: HostNames, resolver: Names, clock: VirtualClock
) -> None:
    many = [f"{number}.example" for number in range(host_names.MAX_NAMES + 1)]
    resolver.answers = {name: ["192.0.2.1"] for name in many}
    assert not await names.learn(many)
    assert len(names.known()) == host_names.MAX_NAMES
    clock.advance(HOUR_MS)
    assert await names.learn(many[-1:])


async def test_system_knows_its_own_name() -> None:
    assert {"127.0.0.1", "::1"} & set(await look_up("localhost"))
