"""Gateways that the terminal dials: kept, on request, in the right order, over the right network.

No sockets: hosts answer or not as the test says, and a wait is over when the test says so.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import structlog

from omapush.cai.model import BindingState, Reason
from omapush.client.binding.contact_point import ContactPoint
from omapush.client.binding.dialled import DialledConnections
from omapush.client.connections.dialling import (
    TCP_IP,
    Destination,
    DialLimits,
    DialPorts,
    Gateway,
)
from omapush.client.connections.kept_connection import (
    ConnectionState,
    ConnectionStatus,
    Purpose,
)
from omapush.client.connections.terminal_connections import (
    MOST_ASKED_FOR,
    Request,
    TerminalConnections,
)
from omapush.content.message import PushMessage
from omapush.core.instants import MINUTE_MS
from omapush.ota.http.client import (
    CAPABILITIES_CHANGED,
    LAST_PUSH,
    SILENT,
    HttpClientRequest,
    HttpTerminalSession,
    HttpTerminalSettings,
)
from omapush.ota.interface import (
    BearerUnavailable,
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PomCapabilitiesChangedReq,
    PoUnitPushInd,
    PushSource,
    SecurityFailure,
    StreamLink,
)
from omapush.testing.binding_notes import BindingNotes
from omapush.testing.virtual_clock import VirtualClock

UP, LOST, FAILED = BindingState.UP, BindingState.LOST, BindingState.FAILED
TERMINAL, PROVEN = HttpTerminalSettings("4165"), HttpTerminalSettings("4166")
FIRST, SECOND, OTHER = "192.0.2.1", "192.0.2.2", "198.51.100.7"
PORT, SECURE_PORT = 4035, 4036
LIMITS = DialLimits(
    first_wait_ms=1_000, longest_wait_ms=4_000, steady_ms=MINUTE_MS, return_ms=600_000
)


class Link:
    """An open connection; the test ends it."""

    def __init__(
        self, to: Destination, session: HttpTerminalSession, on_indication: Any, ended: Any
    ) -> None:
        self.to = to
        self.on_indication = on_indication
        self.session = session
        self.requests: list[HttpClientRequest] = []
        self.closed: str | None = None
        self._ended = ended

    @property
    def peer(self) -> str:
        return f"{self.to.contact.host}:{self.to.port}"

    def request(self, primitive: HttpClientRequest) -> None:
        self.requests.append(primitive)

    def close(self, reason: str) -> None:
        if self.closed is None:
            self.closed = reason
            asyncio.get_running_loop().call_soon(self._ended, reason)


class Agent:
    """The receiver of pushes: notes them and lets the test answer."""

    def __init__(self) -> None:
        self.links: list[StreamLink[ClientRequest]] = []

    def capabilities(self) -> ClientCapabilities:
        return ClientCapabilities(accept_app_id=("x:mine",))

    def indication(self, link: StreamLink[ClientRequest], indication: ClientIndication) -> None:
        self.links.append(link)

    def unit_push(self, indication: PoUnitPushInd) -> object:
        raise AssertionError(indication)


class Ways:
    """What is told of bearers."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def up(self, bearer: str, address: str = "", way: str = "") -> None:
        self.told.append((bearer, address))

    def down(
        self,
        bearer: str,
        reason: Reason = Reason.BEARER_LOST,
        detail: str | None = None,
        way: str = "",
    ) -> None:
        self.told.append((bearer, "down"))


class World:
    """:ivar away: hosts that do not answer. :ivar routes: the terminal's address towards a peer."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.agent = Agent()
        self.ways = Ways()
        self.away: set[str] = set()
        self.insecure: set[str] = set()
        self.faults = 0
        self.dialled: list[Destination] = []
        self.links: list[Link] = []
        self.waits: list[int] = []
        self.route: str | None = "10.0.0.1"
        self.gone: set[str] = set()
        self.names: dict[str, set[str]] = {}
        self._wakes: list[asyncio.Event] = []
        self._changed = asyncio.Event()
        self.ports = DialPorts(
            self._dial,
            self._wait,
            self.clock,
            lambda: 0.0,
            lambda _to: TERMINAL,
            self.agent,
            LIMITS,
            self._route,
        )
        self.connections = TerminalConnections(self.ports)

    def start(self, *gateways: Gateway) -> TerminalConnections:
        self.connections = TerminalConnections(
            self.ports, gateways, self.ways, lambda name: self.names.get(name, set())
        )
        self.connections.start()
        return self.connections

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0)

    async def up(self, number: int) -> Link:
        """Wait for the connection of that number, counted from 1."""
        await self.until(lambda: len(self.links) >= number)
        await asyncio.sleep(0)
        return self.links[number - 1]

    async def waiting(self, times: int) -> None:
        await self.until(lambda: len(self.waits) >= times)

    def wake(self) -> None:
        """End every wait."""
        for event in self._wakes:
            event.set()

    def status(self) -> ConnectionStatus:
        [one] = self.connections.statuses()
        return one

    def hosts(self) -> list[str]:
        return [one.contact.host for one in self.dialled]

    async def _dial(
        self,
        to: Destination,
        session: Callable[[str], HttpTerminalSession],
        on_indication: Callable[[ClientIndication], None],
        on_closed: Callable[[str], None],
    ) -> Link:
        self.dialled.append(to)
        made = session(to.contact.host)
        await asyncio.sleep(0)
        if self.faults:
            self.faults -= 1
            raise RuntimeError("a bug")
        if to.contact.host in self.insecure:
            raise SecurityFailure("TLS: certificate has expired")
        if to.contact.host in self.away:
            raise BearerUnavailable("Connection refused")
        self.links.append(Link(to, made, on_indication, on_closed))
        return self.links[-1]

    async def _wait(self, milliseconds: int) -> None:
        self.waits.append(milliseconds)
        event = asyncio.Event()
        self._wakes.append(event)
        await event.wait()

    def _route(self, peer: str, local: str | None) -> str | None:
        if local is None:
            return self.route
        return None if local in self.gone else local


def place(
    host: str, port: int = PORT, *, name: str | None = None, gateway: str = "home"
) -> Destination:
    contact = ContactPoint(host, port, port == SECURE_PORT)
    return Destination(contact, port, gateway=gateway, server_name=name)


def gateway(
    *hosts: str, always: bool = True, port: int = PORT, name: str = "home", **more: Any
) -> Gateway:
    places = tuple(place(host, port, gateway=name) for host in hosts or (FIRST,))
    return Gateway(name, places, PROVEN, LIMITS, always=always, **more)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.connections.close()


# -- contact points and waits --


async def test_terminal_keeps_a_connection_to_each_gateway_of_the_settings(world: World) -> None:
    world.start(gateway(FIRST), gateway(OTHER, name="away"))
    await world.up(2)
    assert sorted(world.hosts()) == [FIRST, OTHER]
    assert [one.session._settings for one in world.links] == [PROVEN, PROVEN]
    assert world.ways.told[-1] == (TCP_IP, f"{FIRST}:4035, {OTHER}:4035")
    one, two = world.connections.statuses()
    assert (one.name, one.state, one.purpose) == (
        "home",
        ConnectionState.CONNECTED,
        Purpose.SETTINGS,
    )
    assert (two.peer, two.since, two.secure) == (f"{OTHER}:4035", world.clock(), False)


async def test_terminal_dials_next_contact_point_when_the_first_is_dead(world: World) -> None:
    world.away = {FIRST}
    world.start(gateway(FIRST, SECOND))
    await world.up(1)
    assert world.hosts() == [FIRST, SECOND]
    assert world.waits == [LIMITS.return_ms]  # for the first one to come back, not for the second


async def test_terminal_returns_to_first_contact_point_when_it_answers_again(world: World) -> None:
    world.away = {FIRST}
    world.start(gateway(FIRST, SECOND))
    second = await world.up(1)
    await world.waiting(1)
    world.wake()
    await world.waiting(2)
    assert second.closed is None  # the first was tried, and did not answer
    world.away.clear()
    world.wake()
    first = await world.up(2)
    assert world.hosts() == [FIRST, SECOND, FIRST, FIRST]
    assert (first.closed, second.closed) == (None, "the first contact point is back")
    assert world.status().peer == f"{FIRST}:4035"


async def test_terminal_stays_at_second_contact_point_that_ends_meanwhile(world: World) -> None:
    world.away = {FIRST}
    world.start(gateway(FIRST, SECOND))
    second = await world.up(1)
    await world.waiting(1)
    second.close("the peer closed the connection")
    await world.waiting(2)
    assert world.waits[-1] == 1_000
    assert world.status().state is ConnectionState.WAITING


async def test_gateway_that_is_away_is_tried_again_after_growing_waits(world: World) -> None:
    world.away = {FIRST}
    world.start(gateway())
    for number in range(1, 5):
        await world.waiting(number)
        world.wake()
    await world.waiting(5)
    assert world.waits == [1_000, 2_000, 4_000, 4_000, 4_000]
    assert world.ways.told[-1] == (TCP_IP, "down")
    status = world.status()
    assert (status.state, status.ended, status.failures) == (
        ConnectionState.WAITING,
        "Connection refused",
        5,
    )
    assert status.next_try == world.clock() + 4_000
    world.away.clear()
    world.wake()
    await world.up(1)
    assert (world.status().failures, world.status().next_try) == (0, None)


async def test_terminals_that_lost_one_gateway_do_not_come_back_in_step() -> None:
    waits = set()
    for number in range(50):
        world = World()
        world.away = {FIRST}
        world.ports = DialPorts(
            world._dial,
            world._wait,
            world.clock,
            lambda number=number: number / 50,  # type: ignore[misc]
            lambda _to: TERMINAL,
            world.agent,
            LIMITS,
        )
        world.start(gateway())
        await world.waiting(1)
        waits.update(world.waits)
        await world.connections.close()
    assert len(waits) == 50
    assert (min(waits), max(waits)) == (510, 1_000)


async def test_certificate_that_is_not_believed_is_told(world: World) -> None:
    world.insecure = {FIRST}
    world.start(gateway(port=SECURE_PORT))
    await world.waiting(1)
    assert world.status().ended == "TLS: certificate has expired"


async def test_fault_of_our_own_does_not_keep_a_gateway_from_being_dialled_again(
    world: World,
) -> None:
    world.faults = 1
    with structlog.testing.capture_logs() as logs:
        world.start(gateway())
        await world.waiting(1)
    assert "contact_point_fault" in [one["event"] for one in logs]
    world.wake()
    await world.up(1)


async def test_identity_differs_where_passwords_are_safe(world: World) -> None:
    by_tls = HttpTerminalSettings("4167")
    world.start(
        gateway(terminal_by_tls=by_tls),
        gateway(OTHER, name="other", port=SECURE_PORT, terminal_by_tls=by_tls),
    )
    await world.up(2)
    found = {one.to.contact.host: one.session for one in world.links}
    assert found[FIRST]._settings is PROVEN
    assert found[OTHER]._settings is by_tls
    assert found[OTHER]._source == PushSource("OTA-HTTP", TCP_IP, OTHER, OTHER)


# -- why connections end --


@pytest.mark.parametrize("reason", [CAPABILITIES_CHANGED, SILENT])
async def test_connection_that_the_terminal_ends_itself_comes_back_at_once(
    world: World, reason: str
) -> None:
    world.start(gateway())
    first = await world.up(1)
    first.close(reason)
    await world.up(2)
    assert world.waits == []
    assert (TCP_IP, "down") not in world.ways.told
    assert world.status().ended == reason


async def test_connection_that_the_gateway_ends_comes_back_after_a_wait(world: World) -> None:
    world.start(gateway())
    first = await world.up(1)
    world.clock.advance(MINUTE_MS)
    first.close("the peer closed the connection")
    await world.waiting(1)
    assert world.ways.told[-1] == (TCP_IP, "down")
    world.wake()
    await world.up(2)


@pytest.mark.parametrize("reason", [LAST_PUSH, SILENT, "the peer closed the connection"])
async def test_connection_on_request_is_not_dialled_again_when_it_has_ended(
    world: World, reason: str
) -> None:
    connections = world.start(gateway(always=False))
    assert world.ways.told == [(TCP_IP, "on request")]
    assert world.status().state is ConnectionState.ON_REQUEST
    assert connections.asked_for(Request(FIRST, PORT))
    link = await world.up(1)
    link.close(reason)
    await world.until(lambda: world.status().state is ConnectionState.ON_REQUEST)
    await asyncio.sleep(0)
    assert (len(world.dialled), world.waits) == (1, [])
    assert world.status().ended == reason
    assert connections.asked_for(Request(FIRST, PORT))
    await world.up(2)


async def test_changed_capabilities_are_told_on_request_too(world: World) -> None:
    connections = world.start(gateway(always=False))
    connections.asked_for(Request(FIRST, PORT))
    link = await world.up(1)
    connections.announce()
    assert link.requests == [PomCapabilitiesChangedReq()]
    link.close(CAPABILITIES_CHANGED)
    await world.up(2)


async def test_gateway_that_asked_and_is_away_is_tried_some_times_only(world: World) -> None:
    world.away = {FIRST}
    connections = world.start(gateway(always=False))
    connections.asked_for(Request(FIRST, PORT))
    for number in range(1, LIMITS.rounds_on_request):
        await world.waiting(number)
        world.wake()
    await world.until(lambda: world.status().state is ConnectionState.ON_REQUEST)
    assert len(world.dialled) == LIMITS.rounds_on_request
    assert world.status().failures == LIMITS.rounds_on_request


# -- gateways that ask --


async def test_gateway_is_told_that_the_tag_of_its_request_still_holds(world: World) -> None:
    connections = world.start(gateway(always=False))
    connections.asked_for(Request(FIRST, PORT, cpi_tag="5lEsUg=="))
    link = await world.up(1)
    assert link.session._sir_cpi_tag == "5lEsUg=="
    link.close(CAPABILITIES_CHANGED)
    assert (await world.up(2)).session._sir_cpi_tag is None


async def test_contact_point_that_is_asked_for_is_dialled_first(world: World) -> None:
    connections = world.start(gateway(FIRST, SECOND, always=False))
    connections.asked_for(Request(SECOND, PORT))
    await world.up(1)
    assert world.hosts() == [SECOND]
    assert world.waits == []  # and it stays there


async def test_gateway_that_asks_is_not_made_to_wait(world: World) -> None:
    world.away = {FIRST}
    connections = world.start(gateway())
    await world.waiting(1)
    world.away.clear()
    connections.asked_for(Request(FIRST, PORT, cpi_tag="5lEsUg=="))
    assert (await world.up(1)).session._sir_cpi_tag == "5lEsUg=="


async def test_connection_that_the_gateway_has_lost_gives_way_to_another(world: World) -> None:
    connections = world.start(gateway())
    young = await world.up(1)
    assert connections.asked_for(Request(FIRST, PORT))
    await asyncio.sleep(0)
    assert (young.closed, connections.is_connected(FIRST, PORT)) == (None, True)
    world.clock.advance(MINUTE_MS)
    assert connections.asked_for(Request(FIRST, PORT, cpi_tag="5lEsUg=="))
    assert (await world.up(2)).session._sir_cpi_tag == "5lEsUg=="
    assert young.closed == "the gateway asks for a new connection"
    assert world.waits == []


async def test_gateway_of_the_settings_that_asks_for_another_port_has_its_credentials(
    world: World,
) -> None:
    connections = world.start(gateway())
    await world.up(1)
    assert connections.asked_for(Request(FIRST, 4040))
    link = await world.up(2)
    assert (link.to.port, link.to.gateway, link.session._settings) == (4040, "home", PROVEN)
    assert [one.purpose for one in connections.statuses()] == [Purpose.SETTINGS, Purpose.REQUEST]
    link.close(LAST_PUSH)
    await world.until(lambda: len(connections.statuses()) == 1)


@pytest.mark.parametrize(("port", "secure"), [(PORT, False), (SECURE_PORT, True)])
async def test_gateway_that_is_dialled_by_tls_cannot_ask_for_less(
    world: World, port: int, *, secure: bool
) -> None:
    world.names = {"ppg.example.com": {OTHER}}
    strict = Gateway(
        "strict",
        (Destination(ContactPoint("ppg.example.com", 4043, tls=True), 4043, gateway="strict"),),
        PROVEN,
        LIMITS,
        always=False,
    )
    connections = world.start(strict)
    assert connections.knows(OTHER)
    assert connections.asked_for(Request(OTHER, port, secure))
    link = await world.up(1)
    assert (link.to.contact, link.to.identity) == (
        ContactPoint(OTHER, port, tls=True),
        "ppg.example.com",
    )


async def test_gateway_that_is_not_in_the_settings_is_dialled_without_credentials(
    world: World,
) -> None:
    connections = world.start(gateway())
    await world.up(1)
    assert not connections.knows(OTHER)
    assert connections.asked_for(Request(OTHER, PORT, hides_applications=True))
    link = await world.up(2)
    assert link.session._settings is TERMINAL
    assert link.session._capabilities().accept_app_id == ("*",)
    assert (TCP_IP, f"{FIRST}:4035, {OTHER}:4035") == world.ways.told[-1]
    assert connections.asked_for(Request(OTHER, PORT))  # it is the same one
    await asyncio.sleep(0)
    assert len(world.dialled) == 2


@pytest.mark.parametrize(
    ("named", "chosen"),
    [
        (b"http://op.example.com/prov", "home"),
        (hashlib.sha1(b"http://op.example.com/prov").digest()[:2], "home"),
        (b"http://other.example.com/", "work"),
        (hashlib.sha1(b"http://other.example.com/").digest()[:4], "work"),
        (b"http://nobody.example.com/", ""),
        (b"", ""),
    ],
)
async def test_gateway_that_asks_names_the_provisioning_context(
    world: World, named: bytes, chosen: str
) -> None:
    """WAP-235 8.4"""
    connections = world.start(
        gateway(FIRST, always=False, prov_url="http://op.example.com/prov"),
        gateway(SECOND, always=False, name="work", prov_url="http://other.example.com/"),
    )
    assert connections.asked_for(Request(OTHER, PORT, provisioning_url=named))
    assert (await world.up(1)).to.gateway == chosen


async def test_connections_that_gateways_ask_for_are_bounded(world: World) -> None:
    connections = world.start()
    for number in range(MOST_ASKED_FOR):
        assert connections.asked_for(Request(f"198.51.100.{number}", PORT))
    with structlog.testing.capture_logs() as logs:
        assert not connections.asked_for(Request("203.0.113.1", PORT))
    assert logs[0]["reason"] == "too many connections"
    await world.up(MOST_ASKED_FOR)


# -- registrations --


async def test_profile_of_a_gateway_of_the_settings_shares_its_connection(world: World) -> None:
    connections = world.start(gateway(FIRST, SECOND))
    await world.up(1)
    notes = BindingNotes()
    bindings = DialledConnections(connections)
    to = Destination(ContactPoint(SECOND, PORT, tls=False), PORT)
    hold = bindings.begin(to, notes, "")
    assert (await notes.until(UP)).address == f"{FIRST}:4035"
    assert (notes.trusted, len(world.dialled)) == ([FIRST], 1)
    await hold.close()
    await asyncio.sleep(0)
    assert world.links[0].closed is None


async def test_profile_of_a_gateway_on_request_connects_it_for_as_long_as_it_is_held(
    world: World,
) -> None:
    connections = world.start(gateway(always=False))
    notes = BindingNotes()
    bindings = DialledConnections(connections)
    hold = bindings.begin(Destination(ContactPoint(FIRST, PORT, tls=False), PORT), notes, "")
    await notes.until(UP)
    bindings.announce()
    world.links[0].close(LAST_PUSH)
    await world.up(2)
    assert notes.states == [UP]
    await hold.close()
    await world.until(lambda: world.links[1].closed is not None)
    assert world.status().state is ConnectionState.ON_REQUEST


# -- the network --


def push(reference: str) -> PoConfirmedPushInd:
    return PoConfirmedPushInd(reference, PushMessage((), b""), PushSource("OTA-HTTP", "", FIRST))


async def test_connection_from_an_address_that_is_gone_is_dialled_anew_at_once(
    world: World,
) -> None:
    connections = world.start(gateway())
    first = await world.up(1)
    first.on_indication(push("1"))
    connections.look()
    await asyncio.sleep(0)
    assert first.closed is None
    world.route, world.gone = "10.9.9.9", {"10.0.0.1"}
    connections.look()
    await world.up(2)
    assert (first.closed, world.waits) == ("the network has changed", [])
    assert (TCP_IP, "down") not in world.ways.told


async def test_connection_moves_to_a_better_network_when_no_push_waits(world: World) -> None:
    connections = world.start(gateway())
    first = await world.up(1)
    first.on_indication(push("1"))
    world.route = "10.9.9.9"
    connections.look()
    await asyncio.sleep(0)
    assert first.closed is None
    [link] = world.agent.links
    link.request(PoConfirmedPushRes("1"))
    assert first.requests == [PoConfirmedPushRes("1")]
    connections.look()
    await world.up(2)


async def test_terminal_that_waits_dials_at_once_when_there_is_a_network_again(
    world: World,
) -> None:
    world.away, world.route = {FIRST}, None
    connections = world.start(gateway())
    await world.waiting(1)
    connections.look()
    world.away, world.route = set(), "10.9.9.9"
    connections.look()
    await world.up(1)
    assert world.waits == [1_000]
    await connections.close()


async def test_connection_over_a_bearer_stays_on_it(world: World) -> None:
    to = Destination(ContactPoint(FIRST, PORT, tls=False), PORT, "GPRS", "10.5.5.5", gateway="g")
    connections = world.start(Gateway("g", (to,), PROVEN, LIMITS))
    link = await world.up(1)
    world.route = "10.9.9.9"  # the default route is of no concern
    connections.look()
    await asyncio.sleep(0)
    assert link.closed is None
    world.gone = {"10.5.5.5"}
    connections.look()
    await world.up(2)
    assert world.ways.told[-1][0] == "GPRS"
