"""OTA-WSP: bearers that all share, and ports of an application's own, over real UDP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from omapush.bearers.udp import UdpBearer
from omapush.cai.model import (
    Binding,
    BindingState,
    ConnectionProfile,
    Reason,
    RegistrationRejected,
    RegistrationRequest,
)
from omapush.client.binding.binder import SHARED, BearerOffer
from omapush.client.binding.own_ports import OwnPorts
from omapush.client.binding.shared_binder import SharedBearers
from omapush.client.binding.wsp_binder import OtaWspBinder
from omapush.content.message import PushMessage
from omapush.ota.datagrams import Peer
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    PoUnitPushInd,
    PushFlag,
    PushSource,
    StreamLink,
)
from omapush.ota.wsp.unit_push import encode_unit_push
from omapush.testing.binding_notes import BindingNotes, registration_of
from omapush.testing.daemons import free_udp_port
from omapush.testing.virtual_clock import VirtualClock

LOOPBACK = "127.0.0.1"
REQUEST = RegistrationRequest("x-wap-application:wml.ua")
UP, FAILED = BindingState.UP, BindingState.FAILED
TEXT = PushMessage((("Content-Type", "text/plain"),), b"hello")


class Receiver:
    """The agent's place."""

    def __init__(self) -> None:
        self.pushes: asyncio.Queue[PoUnitPushInd] = asyncio.Queue()

    def capabilities(self) -> ClientCapabilities:
        return ClientCapabilities()

    def indication(self, link: StreamLink[ClientRequest], indication: ClientIndication) -> None:
        raise AssertionError(indication)

    def unit_push(self, indication: PoUnitPushInd) -> object:
        self.pushes.put_nowait(indication)
        return None


class World:
    def __init__(self) -> None:
        self.bearer = UdpBearer(VirtualClock())
        self.receiver = Receiver()
        self.shared = SharedBearers("OTA-WSP", ["UDP", "SMS", "WSP session"])
        self.ports = OwnPorts(self.bearer, LOOPBACK, self.receiver)
        self.binder = OtaWspBinder(self.shared, 2948, self.ports)

    async def push_to(self, port: int) -> PoUnitPushInd:
        """Send a push there; return what the receiver gets."""
        sender = await self.bearer.open(LOOPBACK, 0, lambda octets, peer: None)
        sender.send(b"\x01\x06\xff", Peer(LOOPBACK, port))  # no push: logged and dropped
        sender.send(encode_unit_push(TEXT, PushFlag.NONE, 7), Peer(LOOPBACK, port))
        async with asyncio.timeout(20):
            push = await self.receiver.pushes.get()
        sender.close()
        return push


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.ports.close()


def profile(bearer: str | None = None, port: int | None = None) -> ConnectionProfile:
    return ConnectionProfile("OTA-WSP", bearer, port)


@pytest.mark.parametrize(
    ("given", "bearers"),
    [
        (ConnectionProfile(), "UDP, SMS, WSP session"),
        (profile("any"), "UDP, SMS, WSP session"),
        (profile("udp"), "UDP"),
        (profile("SMS"), "SMS"),
        (profile("wsp SESSION"), "WSP session"),
        (profile(None, 2948), "UDP, SMS"),
        (profile("UDP", 2948), "UDP"),
        (profile("SMS", 2948), "SMS"),
    ],
)
async def test_profile_without_own_port_is_bound_to_what_all_share(
    world: World, given: ConnectionProfile, bearers: str
) -> None:
    assert world.binder.scope(REQUEST, given, "profiles[0]") == SHARED
    notes = BindingNotes()
    world.binder.begin(registration_of(), given, notes, "")
    for name in ("UDP", "SMS", "WSP session"):
        world.shared.up(name)
    assert notes.told[-1] == Binding("OTA-WSP", bearers)


@pytest.mark.parametrize("bearer", [None, "any", "UDP"])
async def test_application_gets_port_that_it_asks_for_and_its_pushes_say_so(
    world: World, bearer: str | None
) -> None:
    """T-18, CAI-23"""
    port = free_udp_port()
    given = profile(bearer, port)
    scope = world.binder.scope(REQUEST, given, "profiles[0]")
    assert scope == f"OTA-WSP port {port}"
    notes = BindingNotes()
    hold = world.binder.begin(registration_of(), given, notes, "")
    assert await notes.until(UP) == Binding("OTA-WSP", "UDP", f"{LOOPBACK}:{port}")
    push = await world.push_to(port)
    assert push.source == PushSource("OTA-WSP", "UDP", LOOPBACK, binding=scope)
    assert push.message.body == b"hello"
    hold.refresh(registration_of())
    world.binder.announce()
    await hold.close()


async def test_ports_of_two_applications_are_told_apart(world: World) -> None:
    """T-30"""
    ports = [free_udp_port(), free_udp_port()]
    scopes = [world.binder.scope(REQUEST, profile(None, port), "profiles[0]") for port in ports]
    assert scopes[0] != scopes[1]
    for port in ports:
        notes = BindingNotes()
        world.binder.begin(registration_of(), profile(None, port), notes, "")
        await notes.until(UP)
    assert (await world.push_to(ports[1])).source.binding == scopes[1]
    assert (await world.push_to(ports[0])).source.binding == scopes[0]


async def test_port_is_open_as_long_as_somebody_asks_for_it(world: World) -> None:
    port = free_udp_port()
    first, second = BindingNotes(), BindingNotes()
    holds = [
        world.binder.begin(registration_of(), profile(None, port), notes, "")
        for notes in (first, second)
    ]
    await first.until(UP)
    await second.until(UP)
    third = BindingNotes()
    holds.append(world.binder.begin(registration_of(), profile(None, port), third, ""))
    assert third.states == [UP]
    await holds[0].close()
    await holds[2].close()
    assert (await world.push_to(port)).source.binding
    await holds[1].close()
    again = BindingNotes()  # at once: the port is free again
    world.binder.begin(registration_of(), profile(None, port), again, "")
    await again.until(UP)
    assert world.ports._ports.keys() == {(port, f"OTA-WSP port {port}")}


async def test_binding_that_is_left_while_its_port_opens_leaves_nothing(world: World) -> None:
    port = free_udp_port()
    notes = BindingNotes()
    hold = world.binder.begin(registration_of(), profile(None, port), notes, "")
    await hold.close()
    await asyncio.sleep(0)
    other = await world.bearer.open(LOOPBACK, port, lambda octets, peer: None)
    other.close()
    assert (notes.told, world.ports._ports) == ([], {})


async def test_port_that_another_process_has_fails_the_binding(world: World) -> None:
    """T-19"""
    other = await world.bearer.open(LOOPBACK, 0, lambda octets, peer: None)
    notes, again = BindingNotes(), BindingNotes()
    world.binder.begin(registration_of(), profile(None, other.port), notes, "")
    assert (await notes.until(FAILED)).reason is Reason.ADDRESS_IN_USE
    port = other.port
    other.close()
    world.binder.begin(registration_of(), profile(None, port), again, "")
    await again.until(UP)


async def test_port_at_an_address_that_is_not_here_fails_the_binding(world: World) -> None:
    ports = OwnPorts(world.bearer, "203.0.113.77", world.receiver)
    notes = BindingNotes()
    ports.begin(2950, "OTA-WSP port 2950", notes)
    assert (await notes.until(FAILED)).reason is Reason.UNAVAILABLE


async def test_port_of_another_scope_is_in_use(world: World) -> None:
    port = free_udp_port()
    mine, other = BindingNotes(), BindingNotes()
    world.binder.begin_in_scope(profile(None, port), mine, "service 1")
    await mine.until(UP)
    world.binder.begin_in_scope(profile(None, port), other, "service 2")
    assert (await other.until(FAILED)).reason is Reason.ADDRESS_IN_USE
    assert (await world.push_to(port)).source.binding == "service 1"


@pytest.mark.parametrize(
    ("given", "cause", "parameter"),
    [
        (profile("SMS", 2950), Reason.UNSUPPORTED_OPTION, "port"),
        (profile("WSP session", 2950), Reason.UNSUPPORTED_OPTION, "port"),
        (profile(None, 0), Reason.INVALID_PARAMETER, "port"),
        (profile(None, 65_536), Reason.INVALID_PARAMETER, "port"),
        (profile("GPRS"), Reason.UNSUPPORTED_OPTION, "bearer_type"),
        (
            ConnectionProfile("OTA-WSP", bcast_access_info="NT", port=2950),
            Reason.UNSUPPORTED_OPTION,
            "bcast_access_info",
        ),
    ],
)
async def test_profile_that_cannot_be_had_is_refused_by_name(
    world: World, given: ConnectionProfile, cause: Reason, parameter: str
) -> None:
    """CAI-26"""
    with pytest.raises(RegistrationRejected) as rejected:
        world.binder.scope(REQUEST, given, "profiles[0]")
    assert (rejected.value.cause, rejected.value.parameter) == (cause, f"profiles[0].{parameter}")


async def test_shared_bearer_that_is_down_is_unavailable(world: World) -> None:
    """T-16"""
    world.shared.down("UDP")
    with pytest.raises(RegistrationRejected) as rejected:
        world.binder.scope(REQUEST, profile("UDP", 2948), "profiles[0]")
    assert rejected.value.cause is Reason.UNAVAILABLE


async def test_client_without_udp_has_no_ports_for_applications(world: World) -> None:
    binder = OtaWspBinder(SharedBearers("OTA-WSP", ["SMS"]), None, None)
    with pytest.raises(RegistrationRejected) as rejected:
        binder.scope(REQUEST, profile(None, 2950), "profiles[0]")
    assert rejected.value.cause is Reason.UNSUPPORTED_OPTION
    assert rejected.value.parameter == "profiles[0].port"
    notes = BindingNotes()  # as after a restart with other settings
    binder.begin(registration_of(), profile(None, 2950), notes, "was up")
    assert notes.states == [FAILED]
    await binder.withdraw("")


async def test_client_with_own_ports_alone_offers_udp_but_is_no_default(world: World) -> None:
    binder = OtaWspBinder(SharedBearers("OTA-WSP", []), None, world.ports)
    assert binder.offers() == (BearerOffer("UDP", True),)
    assert not binder.is_default()
    assert binder.scope(REQUEST, profile("UDP", 2950), "profiles[0]") == "OTA-WSP port 2950"
    with pytest.raises(RegistrationRejected):
        binder.scope(REQUEST, profile("UDP"), "profiles[0]")
    assert world.binder.offers()[0] == BearerOffer("UDP", False)
    assert world.binder.is_default()
