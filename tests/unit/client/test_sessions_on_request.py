"""Push sessions that somebody asks for: once, for what it is for, and in place of a lost one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from omapush.client.agent import PushClient
from omapush.client.binding.push_sessions import ClientPushSessions, SessionLimits
from omapush.client.sia import GatewayAddress, SessionWish, Variant
from omapush.core.instants import MINUTE_MS
from omapush.daemon.session_initiation import WspSessionOpener
from omapush.ota.datagrams import DatagramMachine, Peer
from omapush.ota.wsp.client import (
    PomConnectCnf,
    PomConnectReq,
    PomDisconnectReq,
    WspClientIndication,
    WspClientRequest,
)
from omapush.testing.virtual_clock import VirtualClock

GATEWAY = Peer("192.0.2.10", 9201)
WISH = SessionWish(GatewayAddress(Variant.OTA_WSP, GATEWAY.host, GATEWAY.port), ("x:mine",))


class Port:
    """A port with a machine on it; the test plays the gateway."""

    def __init__(self, on_indication: Callable[[WspClientIndication], None]) -> None:
        self.requests: list[WspClientRequest] = []
        self.tell = on_indication
        self.closed = False

    def request(self, primitive: WspClientRequest) -> None:
        self.requests.append(primitive)

    def close(self) -> None:
        self.closed = True


class Ports:
    """Opens ports."""

    def __init__(self) -> None:
        self.opened: list[Port] = []
        self._changed = asyncio.Condition()

    async def open(
        self,
        machine: DatagramMachine[WspClientRequest, WspClientIndication],
        on_indication: Callable[[WspClientIndication], None],
    ) -> Port:
        self.opened.append(Port(on_indication))
        async with self._changed:
            self._changed.notify_all()
        return self.opened[-1]

    async def connected(self, number: int) -> Port:
        """Wait for the session of that number and let the gateway accept it."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: len(self.opened) >= number)
        await asyncio.sleep(0)
        port = self.opened[number - 1]
        port.tell(PomConnectCnf(number))
        return port


@pytest.fixture
def ports() -> Ports:
    return Ports()


@pytest.fixture
async def sessions(
    new_client: Callable[..., Awaitable[PushClient]], clock: VirtualClock, ports: Ports
) -> AsyncIterator[ClientPushSessions]:
    limits = SessionLimits(steady_ms=MINUTE_MS)
    client = await new_client()
    sessions = ClientPushSessions(
        client, client.bearers, ports.open, None, lambda: 1, clock, limits
    )
    yield sessions
    await sessions.close()


@pytest.fixture
def opener(sessions: ClientPushSessions) -> WspSessionOpener:
    opener = WspSessionOpener()
    opener.sessions = sessions
    return opener


async def test_session_is_for_the_applications_that_were_asked_for(
    opener: WspSessionOpener, ports: Ports
) -> None:
    assert not opener.is_open(WISH.gateway)
    opener.open(WISH)
    port = await ports.connected(1)
    assert isinstance(port.requests[0], PomConnectReq)
    assert port.requests[0].takes.accept_app_id == ("x:mine",)
    assert opener.is_open(WISH.gateway)


async def test_session_that_is_new_is_not_opened_twice(
    opener: WspSessionOpener, ports: Ports, clock: VirtualClock
) -> None:
    opener.open(WISH)
    opener.open(WISH)
    port = await ports.connected(1)
    clock.advance(MINUTE_MS - 1)
    opener.open(WISH)
    await asyncio.sleep(0)
    assert len(ports.opened) == 1
    assert not port.closed


async def test_session_that_the_gateway_has_lost_gives_way_to_another(
    opener: WspSessionOpener, ports: Ports, clock: VirtualClock
) -> None:
    opener.open(WISH)
    lost = await ports.connected(1)
    clock.advance(MINUTE_MS)
    opener.open(WISH)
    await ports.connected(2)
    assert isinstance(lost.requests[-1], PomDisconnectReq)
    assert lost.closed
    assert opener.is_open(WISH.gateway)


async def test_nothing_is_opened_before_the_client_runs() -> None:
    opener = WspSessionOpener()
    opener.open(WISH)
    assert not opener.is_open(WISH.gateway)
