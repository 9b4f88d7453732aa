"""A machine on a port: what it wants is sent, what it tells arrives in order, its timer fires."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import AsyncIterator, Callable

import pytest

from omapush.bearers.udp import UdpBearer
from omapush.bearers.udp_machine import UdpMachine
from omapush.core.instants import Instant, later
from omapush.core.trace import TraceRecord
from omapush.ota.datagrams import Peer, SendDatagram
from omapush.ota.interface import BearerUnavailable
from omapush.testing.virtual_clock import VirtualClock

LOOPBACK = "127.0.0.1"


class Machine:
    """Does as it is told, and notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[object] = []
        self.to_send: list[SendDatagram] = []
        self.to_tell: list[object] = []
        self.due: Instant | None = None
        self.fired: list[Instant] = []

    def request(self, primitive: object, now: Instant) -> None:
        self.heard.append(primitive)
        if callable(primitive):
            primitive()

    def receive(self, octets: bytes, peer: Peer, now: Instant) -> None:
        self.to_tell.append((octets, peer))

    def next_timer(self) -> Instant | None:
        return self.due

    def handle_timer(self, now: Instant) -> None:
        self.fired.append(now)
        self.due = None
        self.to_tell.append("fired")

    def effects(self) -> list[SendDatagram]:
        wanted, self.to_send = self.to_send, []
        return wanted

    def indications(self) -> list[object]:
        told, self.to_tell = self.to_tell, []
        return told


class World:
    """A machine on a free port of this host, and a port to talk with it."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.machine = Machine()
        self.told: asyncio.Queue[object] = asyncio.Queue()
        self.traces: list[TraceRecord] = []
        self.on_indication: Callable[[object], None] = self.told.put_nowait
        self.host: UdpMachine[object] = UdpMachine(
            self.machine, self._tell, self.clock, self.traces.append
        )

    def _tell(self, indication: object) -> None:
        self.on_indication(indication)

    async def next_told(self) -> object:
        async with asyncio.timeout(10):
            return await self.told.get()

    def ask(self, work: Callable[[], None]) -> None:
        self.host.request(work)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    await made.host.open(LOOPBACK, 0)
    yield made
    made.host.close()
    await asyncio.sleep(0)


async def test_effects_go_out_and_datagrams_come_in(world: World) -> None:
    came: asyncio.Queue[tuple[bytes, Peer]] = asyncio.Queue()
    other = await UdpBearer(world.clock).open(
        LOOPBACK, 0, lambda octets, peer: came.put_nowait((octets, peer))
    )
    here, there = Peer(LOOPBACK, world.host.port), Peer(LOOPBACK, other.port)
    world.ask(lambda: world.machine.to_send.append(SendDatagram(there, b"hello")))
    async with asyncio.timeout(10):
        assert await came.get() == (b"hello", here)
    other.send(b"answer", here)
    assert await world.next_told() == (b"answer", there)
    other.close()


async def test_request_out_of_an_indication_is_carried_out_after_those_before_it(
    world: World,
) -> None:
    order: list[object] = []

    def tell(each: object) -> None:
        order.append(each)
        if each == "first":
            world.ask(lambda: world.machine.to_tell.append("third"))

    world.on_indication = tell
    world.ask(lambda: world.machine.to_tell.extend(("first", "second")))
    assert order == ["first", "second", "third"]


async def test_receiver_that_fails_leaves_the_timer_armed_and_the_machine_usable(
    world: World,
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("a fault of ours")

    def work() -> None:
        world.machine.to_tell.append("x")
        world.machine.due = world.clock()

    world.on_indication = fail
    with pytest.raises(RuntimeError):
        world.ask(work)
    world.on_indication = world.told.put_nowait
    assert await world.next_told() == "fired"


async def test_timer_that_is_due_fires_and_tells(world: World) -> None:
    def set_timer() -> None:
        world.machine.due = world.clock()

    world.ask(set_timer)
    assert await world.next_told() == "fired"
    assert world.machine.fired == [world.clock()]


async def test_earlier_timer_takes_the_place_of_a_later_one(world: World) -> None:
    loop = asyncio.get_running_loop()
    armed: list[float] = []
    call_later = loop.call_later

    def noting(delay: float, *rest: object) -> asyncio.TimerHandle:
        armed.append(delay)
        return call_later(delay, *rest)  # type: ignore[arg-type]  # handed through as it came

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "call_later", noting)
        for due in (60_000, 90_000, 20_000, None, 20_000):
            instant = None if due is None else later(world.clock(), due)
            world.ask(functools.partial(setattr, world.machine, "due", instant))
    assert armed == [60.0, 20.0]  # a later one is found out about when the earlier has fired


async def test_timer_that_fires_before_its_time_is_armed_again(world: World) -> None:
    world.machine.due = later(world.clock(), 60_000)
    world.host._fire()  # the loop's clock ran ahead of ours
    assert world.machine.fired == []
    world.clock.advance(60_000)
    world.host._fire()
    assert world.machine.fired == [world.clock()]


async def test_datagram_that_cannot_be_sent_is_traced_and_the_next_one_goes(world: World) -> None:
    came: asyncio.Queue[bytes] = asyncio.Queue()
    other = await UdpBearer(world.clock).open(
        LOOPBACK, 0, lambda octets, peer: came.put_nowait(octets)
    )
    wanted = [
        SendDatagram(Peer("not an address", 1), b"lost"),
        SendDatagram(Peer(LOOPBACK, other.port), b"sent"),
    ]
    world.ask(lambda: world.machine.to_send.extend(wanted))
    async with asyncio.timeout(10):
        assert await came.get() == b"sent"
    [trace] = world.traces
    assert (trace.event, trace.detail["peer"]) == ("not_sent", "not an address:1")
    other.close()


async def test_closed_port_hears_sends_and_wakes_nothing(world: World) -> None:
    world.machine.due = later(world.clock(), 60_000)
    world.ask(lambda: None)
    world.host.close()
    world.host.close()
    assert world.host._timer is None
    world.ask(lambda: world.machine.to_send.append(SendDatagram(Peer(LOOPBACK, 9), b"x")))
    assert world.host._timer is None
    with pytest.raises(BearerUnavailable, match="closed"):
        _ = world.host.port


async def test_work_that_leads_to_more_is_carried_on_until_all_is_quiet(world: World) -> None:
    steps = itertools.count()
    order: list[object] = []

    def tell(each: object) -> None:
        order.append(each)
        if (step := next(steps)) < 50:
            world.ask(lambda: world.machine.to_tell.append(step))

    world.on_indication = tell
    world.ask(lambda: world.machine.to_tell.append("begin"))
    assert order == ["begin", *range(50)]
