"""The sessions that a client holds: kept, opened anew, given way to others, closed."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from omapush.cai.model import RegistrationRequest, RegistrationState
from omapush.client.agent import PushClient
from omapush.client.binding.push_sessions import BEARER, MOST, ClientPushSessions, SessionLimits
from omapush.client.binding.shared_binder import SharedBearers
from omapush.content.message import PushMessage
from omapush.core.errors import EncodeError
from omapush.core.instants import MINUTE_MS
from omapush.ota.datagrams import DatagramMachine, MachineHost, Peer
from omapush.ota.interface import (
    BearerUnavailable,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PoPushAbortReq,
    PoPushVoidInd,
    PoUnitPushInd,
    PushSource,
)
from omapush.ota.wsp.client import (
    PomConnectCnf,
    PomConnectReq,
    PomDisconnectInd,
    PomDisconnectReq,
    Trouble,
    WspClientIndication,
    WspClientRequest,
)
from omapush.protocols.wsp.pdu import Reply
from omapush.testing.virtual_clock import VirtualClock

NewClient = Callable[..., Awaitable[PushClient]]
GATEWAY = Peer("192.0.2.1", 9201)
SOURCE = PushSource("OTA-WSP", "WSP session", GATEWAY.host)
WML = "x-wap-application:wml.ua"
PUSH = PoConfirmedPushInd(
    "7", PushMessage((("Content-Type", "text/plain"), ("X-Wap-Application-Id", WML)), b"x"), SOURCE
)


class Host:
    """A machine on a port, as a list of what it was asked for, and a voice."""

    port = 40_000

    def __init__(self, tell: Callable[[WspClientIndication], None]) -> None:
        self.asked: list[WspClientRequest] = []
        self.tell = tell
        self.is_closed = False

    def request(self, primitive: WspClientRequest) -> None:
        assert not self.is_closed
        self.asked.append(primitive)

    def close(self) -> None:
        self.is_closed = True


class World:
    """A client's sessions, over machines that the test plays."""

    def __init__(self, agent: PushClient, bearers: SharedBearers, clock: VirtualClock) -> None:
        self.agent = agent
        self.bearers = bearers
        self.clock = clock
        self.hosts: list[Host] = []
        self.refusal: BearerUnavailable | None = None
        numbers = itertools.count(1)
        self.sessions = ClientPushSessions(
            agent,
            bearers,
            self._open,
            "0B",
            lambda: next(numbers),
            clock,
            SessionLimits(first_wait_ms=1, longest_wait_ms=4, steady_ms=MINUTE_MS),
        )

    async def _open(
        self,
        machine: DatagramMachine[WspClientRequest, WspClientIndication],
        on_indication: Callable[[WspClientIndication], None],
    ) -> MachineHost[WspClientRequest]:
        if self.refusal is not None:
            raise self.refusal
        self.hosts.append(Host(on_indication))
        return self.hosts[-1]

    @property
    def host(self) -> Host:
        return self.hosts[-1]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.001)

    async def asked_for(self, number: int) -> Host:
        """Wait until the ``number``-th session is asked for."""
        await self.until(lambda: len(self.hosts) >= number and bool(self.host.asked))
        return self.host

    async def opened(self, number: int = 1) -> Host:
        host = await self.asked_for(number)
        host.tell(PomConnectCnf(0x1234))
        return host

    async def rest(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    @property
    def bound(self) -> list[str]:
        (bearer,) = self.bearers._bearers.values()
        return [bearer.address] if bearer.is_up else []


@pytest.fixture
async def world(new_client: NewClient, clock: VirtualClock) -> AsyncIterator[World]:
    bearers = SharedBearers("OTA-WSP", [BEARER])
    made = World(await new_client(bound=False, binders=[bearers]), bearers, clock)
    yield made
    await made.sessions.close()


async def test_session_is_asked_for_with_what_the_client_takes_and_binds(world: World) -> None:
    await world.agent.register("P", RegistrationRequest(WML))
    world.sessions.keep(GATEWAY)
    host = await world.asked_for(1)
    assert host.asked == [PomConnectReq(world.agent.capabilities(), "0B")]
    assert (world.sessions.gateways, world.bound) == (frozenset(), [])
    host.tell(PomConnectCnf(0x1234))
    assert world.sessions.gateways == {GATEWAY}
    assert world.bound == [str(GATEWAY)]
    [registration] = world.agent.registrations("P")
    assert registration.state is RegistrationState.REGISTERED


async def test_kept_session_is_opened_again_when_it_ends(world: World) -> None:
    world.sessions.keep(GATEWAY)
    (await world.opened()).tell(PomDisconnectInd("DISCONNECT"))
    await world.opened(2)
    first, second = world.hosts
    assert first.is_closed
    assert isinstance(first.asked[-1], PomDisconnectReq)
    assert not second.is_closed
    assert world.sessions.gateways == {GATEWAY}


async def test_kept_session_that_is_refused_is_asked_for_again(world: World) -> None:
    world.sessions.keep(GATEWAY)
    for number in range(1, 4):
        host = await world.asked_for(number)
        host.tell(PomDisconnectInd("refused", Reply(403, ())))
        await world.rest()
        assert world.bound == []
    await world.opened(4)


async def test_wait_grows_with_failures_and_begins_anew_after_a_steady_session(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []

    async def wait(gateway: Peer, milliseconds: int) -> None:
        waits.append(milliseconds)

    monkeypatch.setattr(world.sessions, "_wait", wait)
    world.sessions.keep(GATEWAY)
    for number in range(1, 6):
        (await world.asked_for(number)).tell(PomDisconnectInd("refused"))
    await world.opened(6)
    world.clock.advance(MINUTE_MS)
    world.host.tell(PomDisconnectInd("DISCONNECT"))
    await world.asked_for(7)
    assert waits == [1, 2, 4, 4, 4, 1]


async def test_session_that_was_asked_for_is_not_opened_again(world: World) -> None:
    assert world.sessions.open(GATEWAY)
    (await world.opened()).tell(PomDisconnectInd("DISCONNECT"))
    await world.rest()
    assert len(world.hosts) == 1
    assert (world.sessions.gateways, world.bound) == (frozenset(), [])
    assert world.sessions.open(GATEWAY)
    await world.opened(2)


async def test_session_that_was_asked_for_and_is_to_be_kept_is_kept(world: World) -> None:
    world.sessions.open(GATEWAY)
    world.sessions.keep(GATEWAY)
    world.sessions.keep(GATEWAY)
    (await world.opened()).tell(PomDisconnectInd("DISCONNECT"))
    await world.opened(2)
    assert len(world.hosts) == 2


async def test_gateway_that_asks_ends_the_wait(new_client: NewClient, clock: VirtualClock) -> None:
    bearers = SharedBearers("OTA-WSP", [BEARER])
    world = World(await new_client(bound=False, binders=[bearers]), bearers, clock)
    world.sessions._limits = SessionLimits()  # of real length: nobody waits for it here
    world.sessions.keep(GATEWAY)
    for number in (1, 2, 3):
        (await world.asked_for(number)).tell(PomDisconnectInd("refused"))
        await world.rest()
        assert world.sessions.open(GATEWAY)
    await world.asked_for(4)
    await world.sessions.close()


async def test_gateway_that_asks_for_the_session_that_is_there_gets_another(world: World) -> None:
    # It was started anew, and the client has not heard of that.
    world.sessions.keep(GATEWAY)
    await world.opened()
    assert world.sessions.open(GATEWAY)  # the very request that led to this session, once more
    await world.rest()
    assert len(world.hosts) == 1
    world.clock.advance(MINUTE_MS)
    assert world.sessions.open(GATEWAY)
    await world.opened(2)
    assert world.hosts[0].is_closed
    assert world.sessions.gateways == {GATEWAY}


async def test_only_so_many_sessions_are_opened_for_those_who_ask(world: World) -> None:
    peers = [Peer(f"192.0.2.{number}", 9201) for number in range(1, MOST + 2)]
    assert [world.sessions.open(peer) for peer in peers] == [True] * MOST + [False]
    await world.until(lambda: len(world.hosts) == MOST)
    world.hosts[3].tell(PomDisconnectInd("refused"))
    await world.until(lambda: world.sessions.open(peers[-1]))


async def test_client_without_port_tries_again(world: World) -> None:
    world.refusal = BearerUnavailable("no port")
    world.sessions.keep(GATEWAY)
    await world.rest()
    world.refusal = None
    await world.opened()


async def test_client_that_cannot_say_what_it_takes_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Host, primitive: WspClientRequest) -> None:
        if isinstance(primitive, PomConnectReq):
            raise EncodeError("cannot be said")

    with monkeypatch.context() as patch:
        patch.setattr(Host, "request", fail)
        world.sessions.keep(GATEWAY)
        await world.until(lambda: len(world.hosts) >= 2)
    await world.opened(3)
    assert world.hosts[0].is_closed


async def test_changed_capabilities_give_way_at_once_when_no_push_is_under_way(
    world: World,
) -> None:
    world.sessions.open(GATEWAY)
    await world.opened()
    await world.agent.register("P", RegistrationRequest(WML))
    host = await world.asked_for(2)
    assert world.bound == [str(GATEWAY)]  # applications notice nothing
    [connect] = host.asked
    assert isinstance(connect, PomConnectReq)
    assert WML in connect.takes.accept_app_id or "2" in connect.takes.accept_app_id
    assert world.hosts[0].is_closed


async def test_changed_capabilities_wait_for_the_push_that_is_under_way(world: World) -> None:
    world.sessions.open(GATEWAY)
    first = await world.opened()
    await world.agent.register("P", RegistrationRequest(WML))
    second = await world.opened(2)
    second.tell(PUSH)
    await world.agent.register("Q", RegistrationRequest("x-wap-application:mms.ua"))
    await world.rest()
    assert len(world.hosts) == 2  # the application has not answered yet
    [registration] = world.agent.registrations("P")
    assert await world.agent.next_event("P", registration.registration_id, 5_000) is not None
    await world.agent.deregister("P", registration.registration_id)
    await world.asked_for(3)
    answers = [each for each in second.asked if isinstance(each, PoPushAbortReq)]
    assert [each.reference for each in answers] == ["7"]
    assert first.is_closed


async def test_session_that_is_refused_after_giving_way_is_no_binding(world: World) -> None:
    world.sessions.open(GATEWAY)
    await world.opened()
    world.refusal = BearerUnavailable("no port")
    await world.agent.register("P", RegistrationRequest(WML))
    await world.until(lambda: not world.bound)
    assert world.sessions.gateways == frozenset()


async def test_void_push_holds_up_no_change(world: World) -> None:
    world.sessions.open(GATEWAY)
    host = await world.opened()
    host.tell(replace(PUSH, message=PushMessage((("Content-Type", "text/plain"),), b"x")))
    host.tell(PoPushVoidInd("7", "the gateway gave up"))
    await world.agent.register("P", RegistrationRequest(WML))
    await world.asked_for(2)


async def test_unconfirmed_push_reaches_the_application_without_an_answer(world: World) -> None:
    registration = await world.agent.register("P", RegistrationRequest(WML))
    world.sessions.keep(GATEWAY)
    host = await world.opened()
    host.tell(PoUnitPushInd(PUSH.message, SOURCE))
    event = await world.agent.next_event("P", registration.registration_id, 5_000)
    assert event is not None
    assert not any(isinstance(each, PoConfirmedPushRes) for each in host.asked)


async def test_trouble_is_logged_and_changes_nothing(world: World) -> None:
    world.sessions.keep(GATEWAY)
    host = await world.opened()
    host.tell(Trouble("wsp", "garbage"))
    assert world.sessions.gateways == {GATEWAY}


async def test_closing_ends_every_session_and_binding(world: World) -> None:
    peers = [GATEWAY, Peer("192.0.2.2", 9201)]
    for peer in peers:
        world.sessions.keep(peer)
    await world.until(lambda: len(world.hosts) == 2 and all(host.asked for host in world.hosts))
    for host in world.hosts:
        host.tell(PomConnectCnf(1))
    assert world.sessions.gateways == set(peers)
    await world.sessions.close()
    assert all(host.is_closed for host in world.hosts)
    assert all(isinstance(host.asked[-1], PomDisconnectReq) for host in world.hosts)
    assert (world.sessions.gateways, world.bound) == (frozenset(), [])
