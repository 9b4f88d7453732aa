"""Which way a profile of OTA-HTTP goes: shared listeners, or a contact point that is dialled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from omapush.cai.model import (
    BindingState,
    ConnectionProfile,
    Reason,
    RegistrationRejected,
    RegistrationRequest,
)
from omapush.client.binding.binder import SHARED, BearerOffer
from omapush.client.binding.dialled import DialledConnections
from omapush.client.binding.http_binder import HttpPlaces, OtaHttpBinder
from omapush.client.binding.shared_binder import SharedBearers
from omapush.client.connections.dialling import Destination, DialPorts
from omapush.client.connections.terminal_connections import TerminalConnections
from omapush.ota.http.client import HttpClientRequest, HttpTerminalSession, HttpTerminalSettings
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    PoUnitPushInd,
    StreamLink,
)
from omapush.testing.binding_notes import BindingNotes, registration_of
from omapush.testing.virtual_clock import VirtualClock

REQUEST = RegistrationRequest("x-wap-application:wml.ua")
UP, FAILED = BindingState.UP, BindingState.FAILED


class Nobody:
    """A receiver of nothing, and the link to a gateway that is silent."""

    peer = "192.0.2.10:4035"

    def capabilities(self) -> ClientCapabilities:
        return ClientCapabilities()

    def indication(self, link: StreamLink[ClientRequest], indication: ClientIndication) -> None:
        raise AssertionError(indication)

    def unit_push(self, indication: PoUnitPushInd) -> object:
        raise AssertionError(indication)

    def request(self, primitive: HttpClientRequest) -> None:
        """Take it."""

    def close(self, reason: str) -> None:
        """Close."""


class World:
    def __init__(self) -> None:
        self.dialled: list[Destination] = []
        self.kept = TerminalConnections(
            DialPorts(
                self._dial,
                self._wait,
                VirtualClock(),
                lambda: 0.0,
                lambda _to: HttpTerminalSettings("1"),
                Nobody(),
            )
        )
        self.shared = SharedBearers("OTA-HTTP", ["TCP/IP", "GPRS"])
        places = HttpPlaces(4035, {"GPRS": "127.0.0.2"})
        self.binder = OtaHttpBinder(self.shared, DialledConnections(self.kept), places)

    async def _dial(
        self,
        to: Destination,
        session: Callable[[str], HttpTerminalSession],
        on_indication: Callable[[ClientIndication], None],
        on_closed: Callable[[str], None],
    ) -> StreamLink[HttpClientRequest]:
        self.dialled.append(to)
        session("192.0.2.10")
        return Nobody()

    async def _wait(self, milliseconds: int) -> None:
        await asyncio.Event().wait()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.kept.close()


def profile(
    bearer: str | None = None, port: int | None = None, contact: str | None = None
) -> ConnectionProfile:
    return ConnectionProfile("OTA-HTTP", bearer, port, contact)


@pytest.mark.parametrize(
    "given",
    [
        ConnectionProfile(),
        profile("any"),
        profile("tcp/ip"),
        profile("gprs"),
        profile(port=4035),
        profile(contact="192.0.2.10"),
    ],
)
async def test_profile_without_anything_to_dial_is_bound_to_the_listeners(
    world: World, given: ConnectionProfile
) -> None:
    assert world.binder.scope(REQUEST, given, "profiles[0]") == SHARED
    notes = BindingNotes()
    world.binder.begin(registration_of(), given, notes, "")
    world.shared.up("TCP/IP", "127.0.0.1:4035")
    world.shared.up("GPRS", "127.0.0.2:4035")
    assert notes.states[-1] is UP
    wanted = given.bearer_type
    assert ("GPRS" in notes.told[-1].bearer) is (wanted in (None, "any", "gprs"))
    assert world.dialled == []


@pytest.mark.parametrize(
    ("given", "bearer", "address"),
    [
        (profile(None, 4035, "ppg.example.com"), "TCP/IP", None),
        (profile("any", None, "http://ppg.example.com:4035"), "TCP/IP", None),
        (profile("gprs", 4035, "ppg.example.com"), "GPRS", "127.0.0.2"),
    ],
)
async def test_contact_point_with_port_is_dialled_over_the_bearer_that_is_named(
    world: World, given: ConnectionProfile, bearer: str, address: str | None
) -> None:
    assert world.binder.scope(REQUEST, given, "profiles[0]") == SHARED
    notes = BindingNotes()
    world.binder.begin(registration_of(), given, notes, "")
    await notes.until(UP)
    [to] = world.dialled
    assert (to.contact.host, to.port) == ("ppg.example.com", 4035)
    assert (to.bearer, to.local_address, to.scope) == (bearer, address, SHARED)
    assert notes.trusted == ["192.0.2.10"]


@pytest.mark.parametrize(
    ("given", "cause", "parameter"),
    [
        (profile("WLAN"), Reason.UNSUPPORTED_OPTION, "bearer_type"),
        (profile("WLAN", 4035, "ppg.example.com"), Reason.UNSUPPORTED_OPTION, "bearer_type"),
        (profile(port=4040), Reason.UNSUPPORTED_OPTION, "port"),
        (profile(contact="no host"), Reason.INVALID_PARAMETER, "contact_point"),
        (
            ConnectionProfile("OTA-HTTP", cb_message_id="1"),
            Reason.UNSUPPORTED_OPTION,
            "cb_message_id",
        ),
        (ConnectionProfile("OTA-SIP"), Reason.UNSUPPORTED_OPTION, "protocol"),
    ],
)
async def test_profile_that_cannot_be_had_is_refused_by_name(
    world: World, given: ConnectionProfile, cause: Reason, parameter: str
) -> None:
    """CAI-26"""
    with pytest.raises(RegistrationRejected) as rejected:
        world.binder.scope(REQUEST, given, "profiles[0]")
    assert (rejected.value.cause, rejected.value.parameter) == (cause, f"profiles[0].{parameter}")


@pytest.mark.parametrize("given", [profile("GPRS"), profile("GPRS", 4035, "ppg.example.com")])
async def test_bearer_that_is_down_is_unavailable(world: World, given: ConnectionProfile) -> None:
    """T-16"""
    world.shared.down("GPRS")
    with pytest.raises(RegistrationRejected) as rejected:
        world.binder.scope(REQUEST, given, "profiles[0]")
    assert rejected.value.cause is Reason.UNAVAILABLE
    assert rejected.value.parameter == "profiles[0].bearer_type"
    assert world.binder.offers() == (BearerOffer("TCP/IP", False), BearerOffer("GPRS", False))


async def test_binding_of_an_own_scope_has_a_connection_of_its_own(world: World) -> None:
    """T-31"""
    shared, own, other = BindingNotes(), BindingNotes(), BindingNotes()
    given = profile(None, 4035, "ppg.example.com")
    world.binder.begin(registration_of(), given, shared, "")
    world.binder.begin_in_scope(given, own, "service 1")
    world.binder.begin_in_scope(profile(contact="ppg.example.com"), other, "service 2")
    for notes in (shared, own, other):
        await notes.until(UP)
    assert [(to.port, to.scope) for to in world.dialled] == [
        (4035, ""),
        (4035, "service 1"),
        (4035, "service 2"),
    ]


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        (profile("WLAN"), Reason.UNSUPPORTED_OPTION),
        (profile("WLAN", 4035, "ppg.example.com"), Reason.UNSUPPORTED_OPTION),
        (profile(None, 4035, "no host"), Reason.INVALID_PARAMETER),
    ],
)
async def test_binding_that_cannot_be_had_any_more_fails(
    world: World, given: ConnectionProfile, cause: Reason
) -> None:
    notes = BindingNotes()
    hold = world.binder.begin(registration_of(), given, notes, "")
    assert (notes.states, notes.told[0].reason) == ([FAILED], cause)
    hold.refresh(registration_of())
    world.binder.announce()
    await hold.close()
    await world.binder.withdraw("was up")


async def test_ota_http_is_a_default(world: World) -> None:
    assert world.binder.protocol == "OTA-HTTP"
    assert world.binder.is_default()
