"""Connections that the terminal dials and keeps: over real sockets of this machine."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from omapush.bearers.tcp import TcpBearer
from omapush.cai.model import Binding, BindingState, Reason
from omapush.client.binding.contact_point import ContactPoint
from omapush.client.binding.dialled import WAS_UP, DialledConnections
from omapush.client.connections.dialling import Destination, DialLimits, DialPorts
from omapush.client.connections.terminal_connections import TerminalConnections
from omapush.content.message import PushMessage
from omapush.core.instants import MINUTE_MS
from omapush.ota.http.client import HttpClientRequest, HttpTerminalSession, HttpTerminalSettings
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    OutcomeKind,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PoUnitPushInd,
    PushSource,
    SecurityFailure,
    StreamLink,
)
from omapush.testing.authority import Authority
from omapush.testing.binding_notes import BindingNotes, registration_of
from omapush.testing.daemons import free_port
from omapush.testing.dialled_gateway import DialledGateway
from omapush.testing.virtual_clock import VirtualClock

PENDING, UP = BindingState.PENDING, BindingState.UP
LOST, FAILED = BindingState.LOST, BindingState.FAILED
WML, MMS = "x-wap-application:wml.ua", "x-wap-application:mms.ua"
HELLO = PushMessage((("Content-Type", "text/plain"), ("X-Wap-Application-Id", WML)), b"hello")


class Receiver:
    """The agent's place: takes every push at once."""

    def __init__(self) -> None:
        self.takes = ClientCapabilities(accept=("*/*",), accept_app_id=(WML,))
        self.pushes: list[PoConfirmedPushInd] = []

    def capabilities(self) -> ClientCapabilities:
        return self.takes

    def indication(self, link: StreamLink[ClientRequest], indication: ClientIndication) -> None:
        if isinstance(indication, PoConfirmedPushInd):
            self.pushes.append(indication)
            link.request(PoConfirmedPushRes(indication.reference))

    def unit_push(self, indication: PoUnitPushInd) -> object:
        raise AssertionError(indication)


class World:
    """Dialled connections; a wait is over when the test says so."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.receiver = Receiver()
        self.tls: ssl.SSLContext | None = None
        self.waits: list[int] = []
        self.dialled: list[Destination] = []
        self._wait_is_over = asyncio.Event()
        self._waiting = asyncio.Event()
        self._tcp = TcpBearer(self.clock)
        ports = DialPorts(
            self._dial,
            self._wait,
            self.clock,
            lambda: 0.5,
            lambda _to: HttpTerminalSettings("60000000000000"),
            self.receiver,
            DialLimits(first_wait_ms=1_000, longest_wait_ms=4_000, steady_ms=MINUTE_MS),
        )
        self.kept = TerminalConnections(ports)
        self.connections = DialledConnections(self.kept)

    async def _dial(
        self,
        to: Destination,
        session: Callable[[str], HttpTerminalSession],
        on_indication: Callable[[ClientIndication], None],
        on_closed: Callable[[str], None],
    ) -> StreamLink[HttpClientRequest]:
        self.dialled.append(to)
        tls = self.tls if to.contact.tls else None
        contact, address = to.contact, to.local_address
        return await self._tcp.dial(
            contact.host, to.port, session, on_indication, on_closed, 10_000, tls, address
        )

    async def _wait(self, milliseconds: int) -> None:
        self.waits.append(milliseconds)
        self._waiting.set()
        await self._wait_is_over.wait()
        self._wait_is_over.clear()

    async def next_try(self) -> None:
        """Wait until the next try is waited for, then have it."""
        async with asyncio.timeout(20):
            await self._waiting.wait()
        self._waiting.clear()
        self._wait_is_over.set()

    async def waiting(self, times: int) -> None:
        async with asyncio.timeout(20):
            while len(self.waits) < times:
                self._waiting.clear()
                await self._waiting.wait()


def to_port(
    port: int,
    host: str = "127.0.0.1",
    bearer: str = "TCP/IP",
    *,
    tls: bool = False,
    scope: str = "",
) -> Destination:
    address = "127.0.0.2" if bearer == "GPRS" else None
    return Destination(ContactPoint(host, port, tls), port, bearer, address, scope)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.kept.close()


@pytest.fixture
async def gateway(world: World) -> AsyncIterator[DialledGateway]:
    async with DialledGateway(world.clock).listening() as listening:
        yield listening


async def test_terminal_dials_contact_point_and_takes_pushes_from_it(
    world: World, gateway: DialledGateway
) -> None:
    notes = BindingNotes()
    world.connections.begin(to_port(gateway.port, scope="own"), notes, "")
    binding = await notes.until(UP)
    assert binding == Binding("OTA-HTTP", "TCP/IP", f"127.0.0.1:{gateway.port}")
    assert (notes.kept, notes.trusted) == ([WAS_UP], ["127.0.0.1"])
    registration = await gateway.registered()
    assert registration.terminal_id == "60000000000000"
    assert registration.capabilities.accept_app_id == (WML,)
    outcome = await gateway.push(HELLO)
    assert outcome.kind is OutcomeKind.DONE
    [push] = world.receiver.pushes
    assert push.source == PushSource("OTA-HTTP", "TCP/IP", "127.0.0.1", binding="own")


async def test_terminal_dials_from_the_bearer_that_was_asked_for(
    world: World, gateway: DialledGateway
) -> None:
    """T-37"""
    notes = BindingNotes()
    world.connections.begin(to_port(gateway.port, bearer="GPRS"), notes, "")
    assert (await notes.until(UP)).bearer == "GPRS"
    await gateway.registered()
    assert gateway.peers == ["127.0.0.2"]
    await gateway.push(HELLO)
    assert world.receiver.pushes[0].source.bearer == "GPRS"


async def test_registrations_share_connection_until_the_last_leaves(
    world: World, gateway: DialledGateway
) -> None:
    first, second, other = BindingNotes(), BindingNotes(), BindingNotes()
    one = world.connections.begin(to_port(gateway.port), first, "")
    await first.until(UP)
    two = world.connections.begin(to_port(gateway.port), second, "")
    assert (second.states, second.kept, second.trusted) == ([UP], [WAS_UP], ["127.0.0.1"])
    world.connections.begin(to_port(gateway.port, scope="own"), other, "")
    await other.until(UP)
    await gateway.registered(2)
    assert len(gateway.peers) == 2
    await one.close()
    assert (await gateway.push(HELLO)).kind is OutcomeKind.DONE
    assert len(gateway.links) == 2
    await two.close()
    await gateway.until(lambda: len(gateway.links) == 1)
    assert first.states == second.states == other.states == [UP]


async def test_contact_point_that_refuses_at_first_fails_the_binding(world: World) -> None:
    """T-38"""
    notes = BindingNotes()
    hold = world.connections.begin(to_port(free_port()), notes, "")
    binding = await notes.until(FAILED)
    assert (binding.reason, binding.detail) == (Reason.NETWORK_ERROR, "Connection refused")
    assert (world.waits, notes.kept, notes.trusted) == ([], [], [])
    await hold.close()
    again = BindingNotes()
    world.connections.begin(to_port(world.dialled[0].port), again, "")
    await again.until(FAILED)
    assert len(world.dialled) == 2


async def test_contact_point_whose_name_does_not_resolve_fails_the_binding(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T-38"""

    async def resolve(*_: object, **__: object) -> list[object]:
        raise OSError("unknown")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    notes = BindingNotes()
    world.connections.begin(to_port(4035, "ppg.example.com"), notes, "")
    assert (await notes.until(FAILED)).reason is Reason.NETWORK_ERROR


async def test_connection_that_the_gateway_ends_is_lost_and_comes_back(
    world: World, gateway: DialledGateway
) -> None:
    """T-59"""
    notes = BindingNotes()
    world.connections.begin(to_port(gateway.port), notes, "")
    await gateway.registered()
    gateway.drop()
    lost = await notes.until(UP, LOST)
    assert lost.reason is Reason.BEARER_LOST
    await world.next_try()
    await notes.until(UP, LOST, UP)
    await gateway.registered(2)
    assert (await gateway.push(HELLO)).kind is OutcomeKind.DONE


async def test_gateway_that_is_away_is_tried_again_after_growing_waits(world: World) -> None:
    notes, joined = BindingNotes(), BindingNotes()
    async with DialledGateway(world.clock).listening() as gateway:
        to = to_port(gateway.port)
        world.connections.begin(to, notes, "")
        await gateway.registered()
    await notes.until(UP, LOST)
    for _ in range(4):
        await world.next_try()
    await world.waiting(5)
    assert world.waits == [750, 1_500, 3_000, 3_000, 3_000]
    assert [one.reason for one in notes.told] == [None, Reason.BEARER_LOST, Reason.NETWORK_ERROR]
    world.connections.begin(to, joined, "")  # is not made to wait
    assert (await joined.until(FAILED)).reason is Reason.NETWORK_ERROR
    assert notes.states[-1] is LOST
    async with DialledGateway(world.clock).listening(port=to.port) as gateway:
        await world.next_try()
        await notes.until(UP, LOST, LOST, UP)
        world.clock.advance(MINUTE_MS)
        await gateway.registered()
    await world.waiting(len(world.waits) + 1)
    assert world.waits[-1] == 750  # it had been steady


async def test_binding_of_an_earlier_life_is_not_given_up_at_once(world: World) -> None:
    """T-40"""
    notes = BindingNotes()
    to = to_port(free_port())
    world.connections.begin(to, notes, WAS_UP)
    waiting = await notes.until(PENDING)
    assert waiting.reason is Reason.NETWORK_ERROR
    async with DialledGateway(world.clock).listening(port=to.port):
        await world.next_try()
        await notes.until(PENDING, UP)
    assert notes.kept == []


async def test_changed_capabilities_are_told_on_a_new_connection_at_once(
    world: World, gateway: DialledGateway
) -> None:
    """T-35"""
    notes = BindingNotes()
    world.connections.begin(to_port(gateway.port), notes, "")
    first = await gateway.registered()
    world.connections.announce()  # nothing has changed
    world.receiver.takes = ClientCapabilities(accept=("*/*",), accept_app_id=(WML, MMS))
    world.connections.announce()
    second = await gateway.registered(2)
    assert second.capabilities.accept_app_id == (WML, MMS)
    assert second.cpi_tag != first.cpi_tag
    assert (notes.states, world.waits, len(gateway.peers)) == ([UP], [], 2)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path)
    made.sign("gateway", "DNS:localhost")
    return made


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_contact_point_with_tls_has_to_prove_its_name(
    world: World, authority: Authority, *, is_trusted: bool
) -> None:
    """T-38"""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(authority.folder / "gateway.pem", authority.folder / "gateway.key")
    world.tls = ssl.create_default_context()
    if is_trusted:
        world.tls.load_verify_locations(authority.folder / "ca.pem")
    notes = BindingNotes()
    async with DialledGateway(world.clock).listening(tls=server) as gateway:
        world.connections.begin(to_port(gateway.port, "localhost", tls=True), notes, "")
        if is_trusted:
            await notes.until(UP)
            await gateway.registered()
            await gateway.push(HELLO)
            assert world.receiver.pushes[0].source.identity == "localhost"
        else:
            binding = await notes.until(FAILED)
            assert binding.reason is Reason.SECURITY_FAILURE
            assert notes.trusted == []


async def test_tls_that_fails_later_is_tried_again(world: World) -> None:
    notes = BindingNotes()

    async def dial(*_: object) -> StreamLink[HttpClientRequest]:
        raise SecurityFailure("TLS: certificate has expired")

    ports = DialPorts(
        dial,
        world._wait,
        world.clock,
        lambda: 0.0,
        lambda _to: HttpTerminalSettings("1"),
        world.receiver,
    )
    kept = TerminalConnections(ports)
    connections = DialledConnections(kept)
    connections.begin(to_port(4036, tls=True), notes, WAS_UP)
    assert (await notes.until(PENDING)).reason is Reason.SECURITY_FAILURE
    await world.next_try()
    await world.waiting(2)
    assert notes.states == [PENDING]
    await kept.close()


async def test_fault_of_our_own_fails_the_binding_and_is_logged(world: World) -> None:
    notes = BindingNotes()

    async def dial(*_: object) -> StreamLink[HttpClientRequest]:
        raise RuntimeError("a bug")

    ports = DialPorts(
        dial,
        world._wait,
        world.clock,
        lambda: 0.0,
        lambda _to: HttpTerminalSettings("1"),
        world.receiver,
    )
    kept = TerminalConnections(ports)
    connections = DialledConnections(kept)
    hold = connections.begin(to_port(4035), notes, WAS_UP)
    assert (await notes.until(FAILED)).reason is Reason.INTERNAL_ERROR
    hold.refresh(registration_of())
    await hold.close()
    await kept.close()
