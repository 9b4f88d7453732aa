"""Running farms on the loopback interface, with sessions of a gateway in the same process."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from omapush.bearers.tcp import ListenLimits, TcpBearer, TcpListener
from omapush.bearers.udp import UdpBearer
from omapush.client.farm.clients import FarmError, FarmFigures, Fates, Group
from omapush.client.farm.script import parse_script
from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.daemon.clock import SystemClock
from omapush.daemon.farm import SPARE_FILES, FarmStart, allow_open_files, run_farm
from omapush.daemon.farm_settings import FarmPlan
from omapush.daemon.settings_table import Endpoint
from omapush.ota.datagrams import Peer
from omapush.ota.http.ppg import HttpPpgSession, HttpPpgSettings
from omapush.ota.interface import (
    BearerUnavailable,
    ClientCapabilities,
    OutcomeKind,
    PoConfirmedPushReq,
    PpgIndication,
    PpgRequest,
    PushFlag,
    PushOutcome,
    RegistrationInd,
    StreamLink,
)
from omapush.ota.wsp.unit_push import encode_unit_push
from omapush.testing.daemons import free_port, free_udp_port

PATIENCE_SECONDS = 30
MESSAGE = PushMessage((("Content-Type", "text/plain"),), b"hi")


def groups(count: int, script: str) -> tuple[Group, ...]:
    return (Group(count, "c#", parse_script(script), ClientCapabilities(accept=("*/*",))),)


class Observer:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.start: asyncio.Future[FarmStart] = asyncio.get_running_loop().create_future()
        self.shown = asyncio.Event()
        self.last = FarmFigures()

    def started(self, start: FarmStart, now: Instant) -> None:
        self.start.set_result(start)

    def figures(self, figures: FarmFigures, now: Instant) -> None:
        self.last = figures
        self.shown.set()

    def ended(self, figures: FarmFigures, now: Instant) -> None:
        self.last = figures


class Gateway:
    """Pushes once to each terminal that registers."""

    def __init__(self) -> None:
        self.terminals: Counter[str | None] = Counter()
        self.outcomes: Counter[OutcomeKind] = Counter()
        self.closed = asyncio.Event()
        self.bearer = TcpBearer(SystemClock())
        self._count = 0

    async def listen(self, port: int) -> TcpListener:
        return await self.bearer.listen(
            "127.0.0.1", port, lambda _: self.session(), self.indication, ListenLimits(99, 99)
        )

    def session(self) -> HttpPpgSession:
        return HttpPpgSession(HttpPpgSettings())

    def indication(self, link: StreamLink[PpgRequest], indication: PpgIndication) -> None:
        match indication:
            case RegistrationInd(terminal_id=terminal_id):
                self.terminals[terminal_id] += 1
                self._count += 1
                link.request(PoConfirmedPushReq(f"d{self._count}", MESSAGE))
            case PushOutcome(kind=kind):
                self.outcomes[kind] += 1

    async def dial(self, where: Endpoint) -> None:
        """Dial a client; :attr:`closed` is set when the connection ends."""
        self.closed.clear()
        link: list[StreamLink[PpgRequest]] = []
        told: list[PpgIndication] = []

        def indicated(indication: PpgIndication) -> None:
            if link:
                self.indication(link[0], indication)
            else:
                told.append(indication)

        link.append(
            await self.bearer.connect(
                *where, self.session(), indicated, lambda _: self.closed.set(), 5_000
            )
        )
        for indication in told:
            self.indication(link[0], indication)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - many things may make it true
            await asyncio.sleep(0.01)


async def test_clients_dial_the_gateway_and_answer_its_pushes() -> None:
    gateway, observer = Gateway(), Observer()
    listener = await gateway.listen(0)
    plan = FarmPlan(
        groups(20, "accept"), connect=Endpoint("127.0.0.1", listener.port),
        per_second=10_000, until_pushes=20,
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE_SECONDS):
        await run_farm(plan, observer)
    await until(lambda: gateway.outcomes.total() == 20)
    assert gateway.terminals == Counter(f"c{number:01}" for number in range(1, 21))
    assert gateway.outcomes == {OutcomeKind.DONE: 20}
    assert observer.last.by_behaviour == {"accept": Fates(received=20, accepted=20)}
    assert observer.last.connected == 0
    await listener.close("the test ends")


async def test_client_that_vanished_dials_again() -> None:
    gateway, observer = Gateway(), Observer()
    listener = await gateway.listen(0)
    plan = FarmPlan(
        groups(2, "vanish(20ms)"), connect=Endpoint("127.0.0.1", listener.port),
        per_second=10_000, until_pushes=10,
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE_SECONDS):
        await run_farm(plan, observer)
    assert min(gateway.terminals["c1"], gateway.terminals["c2"]) > 1
    fates = observer.last.by_behaviour["vanish(20ms)"]
    assert fates.void == fates.received >= 10
    await listener.close("the test ends")


async def test_push_that_waits_when_the_farm_ends_is_void() -> None:
    gateway, observer = Gateway(), Observer()
    listener = await gateway.listen(0)
    plan = FarmPlan(
        groups(3, "delay(10m)"), connect=Endpoint("127.0.0.1", listener.port),
        figures_seconds=0.01, for_seconds=600,
    )  # fmt: skip
    running = asyncio.create_task(run_farm(plan, observer))
    await until(lambda: observer.last.pushes.waiting == 3)
    assert observer.last.connected == 3
    signal_the_end()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await running
    assert observer.last.by_behaviour == {"delay(10m)": Fates(received=3, void=3)}
    await listener.close("the test ends")


def signal_the_end() -> None:
    """Ask this process to end, as a service manager does; the farm has a handler for it."""
    os.kill(os.getpid(), signal.SIGTERM)


async def test_gateway_that_is_not_there_is_counted_and_tried_again() -> None:
    observer = Observer()
    port = free_port()
    plan = FarmPlan(
        groups(3, "accept"), connect=Endpoint("127.0.0.1", port), figures_seconds=0.01,
        until_pushes=3,
    )  # fmt: skip
    running = asyncio.create_task(run_farm(plan, observer))
    await until(lambda: observer.last.failures.total() >= 3)
    assert set(observer.last.failures) == {"Connection refused"}
    gateway = Gateway()
    listener = await gateway.listen(port)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await running
    assert len(gateway.terminals) == 3
    await listener.close("the test ends")


async def test_clients_listen_each_at_an_endpoint_of_its_own() -> None:
    gateway, observer = Gateway(), Observer()
    port = free_port()
    plan = FarmPlan(groups(3, "refuse"), listen=Endpoint("127.1.0.1", port), until_pushes=3)
    running = asyncio.create_task(run_farm(plan, observer))
    start = await observer.start
    assert start.listen == (Endpoint("127.1.0.1", port), Endpoint("127.1.0.3", port))
    for host in ("127.1.0.1", "127.1.0.2", "127.1.0.3"):
        await gateway.dial(Endpoint(host, port))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await running
    assert gateway.terminals == {"c1": 1, "c2": 1, "c3": 1}
    assert observer.last.by_behaviour == {"refuse": Fates(received=3, refused=3)}


async def test_listening_client_that_vanishes_cannot_be_dialled_for_a_time() -> None:
    gateway, observer = Gateway(), Observer()
    where = Endpoint("127.1.0.1", free_port())
    plan = FarmPlan(groups(1, "vanish(200ms)"), listen=where, until_pushes=2)
    running = asyncio.create_task(run_farm(plan, observer))
    await observer.start
    await gateway.dial(where)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await gateway.closed.wait()
    with pytest.raises(BearerUnavailable, match="refused"):
        await gateway.dial(where)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not running.done():
            try:
                await gateway.dial(where)
            except BearerUnavailable:
                await asyncio.sleep(0.02)
            else:
                await gateway.closed.wait()
                break
        await running
    assert observer.last.by_behaviour == {"vanish(200ms)": Fates(received=2, void=2)}


async def test_datagrams_are_counted_at_each_push_port() -> None:
    observer, bearer = Observer(), UdpBearer(SystemClock())
    port = free_udp_port()
    plan = FarmPlan(groups(2, "accept"), udp=Endpoint("127.1.0.1", port), until_pushes=2)
    running = asyncio.create_task(run_farm(plan, observer))
    await observer.start
    sender = await bearer.open("127.0.0.1", 0, lambda _octets, _peer: None)
    sender.send(b"\x01\x07nonsense", Peer("127.1.0.1", port))
    for host in ("127.1.0.1", "127.1.0.2"):
        sender.send(encode_unit_push(MESSAGE, PushFlag.NONE, 1), Peer(host, port))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await running
    assert (observer.last.unconfirmed, observer.last.malformed) == (2, 1)
    sender.close()


async def test_address_that_cannot_be_had_ends_the_start() -> None:
    with socket.create_server(("127.1.0.2", 0)) as taken:
        port = taken.getsockname()[1]
        plan = FarmPlan(groups(3, "accept"), listen=Endpoint("127.1.0.1", port))
        with pytest.raises(BearerUnavailable, match=rf"127\.1\.0\.2:{port}"):
            await run_farm(plan, Observer())


class Limits:
    """The limits of open files, without the system."""

    def __init__(self, soft: int, hard: int) -> None:
        self.now = (soft, hard)

    def get(self, _which: int) -> tuple[int, int]:
        return self.now

    def set(self, _which: int, limits: tuple[int, int]) -> None:
        self.now = limits


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Limits:
    limits = Limits(1_024, 4_096)
    monkeypatch.setattr(resource, "getrlimit", limits.get)
    monkeypatch.setattr(resource, "setrlimit", limits.set)
    return limits


def test_soft_limit_of_open_files_is_raised_as_far_as_needed(limits: Limits) -> None:
    plan = FarmPlan(groups(1_000, "accept"), listen=Endpoint("127.1.0.1", 4035))
    allow_open_files(plan)
    assert limits.now == (2_000 + SPARE_FILES, 4_096)
    allow_open_files(replace(plan, groups=groups(10, "accept")))
    assert limits.now == (2_000 + SPARE_FILES, 4_096)


def test_hard_limit_of_open_files_is_told_with_what_is_needed(limits: Limits) -> None:
    plan = FarmPlan(
        groups(2_000, "accept"), connect=Endpoint("127.0.0.1", 1), udp=Endpoint("127.1.0.1", 2948)
    )
    allow_open_files(replace(plan, udp=None))
    limits.now = (1_024, 4_000)
    with pytest.raises(FarmError, match=r"need 4,064 open files, .* hard limit is 4,000"):
        allow_open_files(plan)
    limits.now = (1_024, resource.RLIM_INFINITY)
    allow_open_files(plan)
    assert limits.now == (4_064, resource.RLIM_INFINITY)
