"""Acceptance tests of the CAI: how registrations are bound, and what gateways are told (CAI 5.1).

Each test runs by every way in. Its name begins with its number.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from omapush.cai.model import (
    BindingState,
    ConnectionProfile,
    Reason,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
    StatusChange,
)
from omapush.client.agent import ClientLimits, ClientRules, PushClient
from omapush.content.message import PushMessage
from omapush.daemon.service_registration import registering_at_services
from omapush.daemon.service_registration_settings import ServiceRegistrationTable
from omapush.ota.interface import OutcomeKind, PushFlag, PushStatus
from omapush.ota.service_registration import RegisteredProfile, ServiceRegistration
from omapush.ota.wsp.unit_push import encode_unit_push
from omapush.testing.authority import Authority
from omapush.testing.daemons import free_port, free_udp_port
from omapush.testing.dialled_gateway import DialledGateway
from omapush.testing.registration_server import RegistrationServer, running_registration_server
from omapush.testing.scripted_binder import Failed, Nothing, Scopes, ScriptedBinder, Up
from omapush.testing.virtual_clock import VirtualClock

WML = "x-wap-application:wml.ua"
MMS = "x-wap-application:mms.ua"
LOOPBACK = "127.0.0.1"
NewTerminal = Callable[..., Any]
OTA_HTTP = ConnectionProfile(protocol="OTA-HTTP")
OTA_SIP = ConnectionProfile(protocol="OTA-SIP")
MESSAGE = PushMessage((("Content-Type", "text/plain"), ("X-Wap-Application-Id", WML)), b"hello")


def on_port(port: int) -> RegistrationRequest:
    """Return a registration for a UDP port of the application's own."""
    return RegistrationRequest(WML, profiles=(ConnectionProfile("OTA-WSP", "UDP", port),))


def send(port: int, body: bytes) -> None:
    """Push without connection to a UDP port of this machine."""
    octets = encode_unit_push(PushMessage(MESSAGE.headers, body), PushFlag.NONE, 7)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(octets, (LOOPBACK, port))


def dialled(port: int, bearer: str | None = None, contact: str = LOOPBACK) -> RegistrationRequest:
    """Return a registration for a gateway that the terminal dials."""
    profile = ConnectionProfile("OTA-HTTP", bearer, port, contact_point=contact)
    return RegistrationRequest(WML, profiles=(profile,))


async def changes_of(client: PushClient, number: int) -> list[StatusChange]:
    """Return the next changes of state."""
    changes = client.status_changes()
    try:
        async with asyncio.timeout(20):
            return [await anext(changes) for _ in range(number)]
    finally:
        await changes.aclose()


@pytest.fixture
async def server() -> AsyncIterator[RegistrationServer]:
    """A push service that clients register with."""
    async with running_registration_server() as running:
        yield running


@pytest.fixture
async def registering(
    new_terminal: NewTerminal, clock: VirtualClock
) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Return a function that starts a terminal which can register with push services.

    It takes the pre-configured address, if there is one.
    """
    async with contextlib.AsyncExitStack() as stack:

        async def start(uri: str | None = None) -> Any:
            http = ScriptedBinder("OTA-HTTP", ["TCP/IP", "GPRS"])
            table = ServiceRegistrationTable(uri=uri, forbid=[])
            capabilities = ClientLimits().capabilities
            binder = await stack.enter_async_context(
                registering_at_services(table, "60000000000000", capabilities, [http], clock)
            )
            terminal = await new_terminal([http], registrar=binder)
            terminal.http = http
            return terminal

        yield start


async def test_t10_procedure_brings_the_profile_that_is_bound(
    registering: Callable[..., Awaitable[Any]], server: RegistrationServer
) -> None:
    """An OTA-HTTP of the kit's stands for the bearer that the answer names."""
    profile = RegisteredProfile("OTA-HTTP", "GPRS", 4035, "192.0.2.10", priority=1)
    server.answer = ServiceRegistration(expires_seconds=3_600, profiles=(profile,))
    terminal = await registering()
    request = RegistrationRequest(WML, registration_uri=server.url, accept=("text/plain",))
    held = await terminal.registered("P", request)
    (asked,) = server.requests
    assert asked.capabilities.accept_app_id == (WML,)
    assert asked.capabilities.accept == ("text/plain",)
    assert terminal.http.begun[0].profile == ConnectionProfile(
        "OTA-HTTP", "GPRS", 4035, "192.0.2.10"
    )
    # CAI-49: with the last of it goes the registration at the server.
    await held[0].deregister(held[1])
    await terminal.until(lambda: server.ended)
    assert server.registrations == {}


@pytest.mark.parametrize("is_there", [True, False])
async def test_t11_refusal_and_absence_of_server_are_told(
    registering: Callable[..., Awaitable[Any]], server: RegistrationServer, is_there: bool
) -> None:
    terminal = await registering()
    server.status = 403
    uri = server.url if is_there else f"http://{LOOPBACK}:{free_port()}/register"
    reason = Reason.REFUSED_BY_SERVER if is_there else Reason.NETWORK_ERROR
    await _fails(terminal, RegistrationRequest(WML, registration_uri=uri), reason)


async def test_t12_procedure_runs_with_pre_configured_address(
    registering: Callable[..., Awaitable[Any]], server: RegistrationServer
) -> None:
    terminal = await registering(server.url)
    await terminal.registered("P", WML)
    assert [one.capabilities.accept_app_id for one in server.requests] == [(WML,)]


async def test_t31_different_push_services_share_an_id(
    registering: Callable[..., Awaitable[Any]], server: RegistrationServer
) -> None:
    terminal = await registering()
    async with running_registration_server() as another:
        held = {
            name: await terminal.registered(name, RegistrationRequest(WML, registration_uri=uri))
            for name, uri in (("P", server.url), ("Q", another.url))
        }
        assert len(server.registrations) == len(another.registrations) == 1
        same = RegistrationRequest(WML, registration_uri=server.url)
        with pytest.raises(RegistrationRejected) as caught:
            await terminal.application("R").register(same)
        assert caught.value.cause is Reason.ALREADY_REGISTERED
        for application, registration_id in held.values():
            await application.deregister(registration_id)
        await terminal.until(lambda: server.ended and another.ended)


async def test_t13_registered_when_one_of_two_profiles_is_up(new_terminal: NewTerminal) -> None:
    """Scripted binders stand for the variants; OTA-SIP itself is still to come."""
    http = ScriptedBinder("OTA-HTTP", ["TCP/IP"], answers=[Nothing()])
    sip = ScriptedBinder("OTA-SIP", answers=[Nothing()])
    terminal = await new_terminal([http, sip])
    application = terminal.application("P")
    request = RegistrationRequest(WML, profiles=(OTA_HTTP, OTA_SIP))
    first = await application.register(request)
    waiting = asyncio.ensure_future(application.settled(first.registration_id))
    await terminal.until(lambda: http.begun and sip.begun)
    sip.begun[0].failed(Reason.REFUSED_BY_SERVER, "403")
    assert not waiting.done()
    http.begun[0].up()
    settled = await waiting
    assert settled.state is RegistrationState.REGISTERED
    assert [(one.protocol, one.state, one.reason) for one in settled.bindings] == [
        ("OTA-HTTP", BindingState.UP, None),
        ("OTA-SIP", BindingState.FAILED, Reason.REFUSED_BY_SERVER),
    ]


async def test_t14_registration_by_id_alone_uses_default_profile(
    connected_terminal: NewTerminal, clock: VirtualClock
) -> None:
    """The device is provisioned with a gateway to dial (CAI-33)."""
    async with DialledGateway(clock).listening() as gateway:
        profile = ConnectionProfile("OTA-HTTP", port=gateway.port, contact_point=LOOPBACK)
        rules = ClientRules(default_profiles=lambda _: (profile,))
        terminal = await connected_terminal(rules)
        held = await terminal.registered("P", WML)
        assert (await gateway.registered()).capabilities.accept_app_id == (WML,)
        pushed = asyncio.ensure_future(gateway.push(MESSAGE))
        event = await held[0].next_event(held[1])
        await held[0].accept(event.event_id)
        assert (await pushed).kind is OutcomeKind.DONE


async def test_t14_without_any_profile_what_is_there_is_used(connected_terminal: Any) -> None:
    """Default protocol, bearer and port: those that the client listens at."""
    terminal = await connected_terminal()
    application, registration_id = await terminal.registered("P", WML)
    registration = await terminal.registration(application, registration_id)
    assert [(one.protocol, one.bearer, one.address) for one in registration.bindings] == [
        ("OTA-HTTP", "TCP/IP", str(terminal.settings.ota_http.listen))
    ]


async def test_t18_application_gets_udp_port_of_its_own(connected_terminal: NewTerminal) -> None:
    terminal = await connected_terminal(ota_wsp={"own_ports_at": LOOPBACK})
    port = free_udp_port()
    application, registration_id = await terminal.registered("P", on_port(port))
    send(port, b"at 2950")
    event = await application.next_event(registration_id)
    assert (event.content, event.protocol, event.confirmed) == (b"at 2950", "OTA-WSP", False)
    await application.accept(event.event_id)


async def test_t19_port_of_another_process_cannot_be_had(connected_terminal: NewTerminal) -> None:
    terminal = await connected_terminal(ota_wsp={"own_ports_at": LOOPBACK})
    application = terminal.application("P")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((LOOPBACK, 0))
        first = await application.register(on_port(taken.getsockname()[1]))
        assert first.state is RegistrationState.PENDING
        failed = await application.settled(first.registration_id)
    assert (failed.state, failed.reason) == (RegistrationState.FAILED, Reason.ADDRESS_IN_USE)


async def test_t21_cell_broadcast_page_of_its_channel_is_delivered(
    new_terminal: NewTerminal,
) -> None:
    """A scripted binder stands for the variant and its source, which come with OTA-PTM."""
    ptm = ScriptedBinder("OTA-PTM", ["CBS"], scopes=Scopes.BROADCAST)
    terminal = await new_terminal([ptm])
    profile = ConnectionProfile("OTA-PTM", "CBS", cb_message_id="41120")
    held = await terminal.registered("P", RegistrationRequest(WML, profiles=(profile,)))
    source = ptm.begun[0].source()
    assert await terminal.is_delivered(*held, terminal.link.push(source=source))
    refused = terminal.link.push(source=replace(source, binding="CBS 41121"))
    assert not await terminal.is_delivered(*held, refused)
    assert (await refused).status is PushStatus.USERPND


@pytest.mark.parametrize(
    ("bearer", "option"),
    [
        ("MBMS", {"mbms_user_service_description": "<u serviceId='urn:example:s1'/>"}),
        ("BCAST", {"bcast_access_info": "NT"}),
    ],
)
async def test_t22_and_t23_broadcast_service_is_joined_and_delivers(
    new_terminal: NewTerminal, bearer: str, option: dict[str, str]
) -> None:
    """A scripted binder stands for the variant and its senders, which come with OTA-PTM."""
    ptm = ScriptedBinder("OTA-PTM", [bearer], scopes=Scopes.BROADCAST)
    terminal = await new_terminal([ptm])
    profile = ConnectionProfile("OTA-PTM", bearer, **option)
    held = await terminal.registered("P", RegistrationRequest(WML, profiles=(profile,)))
    assert ptm.begun[0].profile == profile
    push = terminal.link.push(source=ptm.begun[0].source())
    assert await terminal.is_delivered(*held, push)


async def test_t25_gateway_that_asks_is_told_the_types(
    connected_terminal: NewTerminal, clock: VirtualClock
) -> None:
    """By OTA-HTTP; that a SIP gateway is told comes with OTA-SIP.

    The binary form of a type is taken as well, for the client converts it.
    """
    terminal = await connected_terminal()
    await terminal.registered("P", RegistrationRequest(WML, accept=("text/vnd.wap.si",)))
    gateway = DialledGateway(clock)
    await gateway.dial(LOOPBACK, terminal.settings.ota_http.listen.port)
    told = (await gateway.registered()).capabilities
    gateway.drop()
    assert told.accept == ("application/vnd.wap.sic", "text/vnd.wap.si")
    assert told.accept_app_id == (WML,)


async def test_t30_each_port_brings_pushes_to_its_own_application(
    connected_terminal: NewTerminal,
) -> None:
    terminal = await connected_terminal(ota_wsp={"own_ports_at": LOOPBACK})
    ports = {"P": free_udp_port(), "Q": free_udp_port()}
    held = {name: await terminal.registered(name, on_port(port)) for name, port in ports.items()}
    for name, port in ports.items():
        send(port, f"for {name}".encode())
    for name, (application, registration_id) in held.items():
        event = await application.next_event(registration_id)
        assert event.content == f"for {name}".encode()
        await application.accept(event.event_id)
        assert await application.next_event(registration_id, 0) is None


async def test_t33_port_of_another_application_is_rejected(connected_terminal: NewTerminal) -> None:
    terminal = await connected_terminal(ota_wsp={"own_ports_at": LOOPBACK})
    request = on_port(free_udp_port())
    await terminal.registered("P", request)
    with pytest.raises(RegistrationRejected) as caught:
        await terminal.application("Q").register(request)
    assert caught.value.cause is Reason.ALREADY_REGISTERED


async def test_t35_gateway_learns_of_second_application_by_changed_tag(
    connected_terminal: NewTerminal, clock: VirtualClock
) -> None:
    terminal = await connected_terminal()
    await terminal.registered("P", RegistrationRequest(WML, accept=("text/a",)))
    gateway = DialledGateway(clock)
    port = terminal.settings.ota_http.listen.port
    await gateway.dial(LOOPBACK, port)
    before = await gateway.registered()
    assert before.capabilities.accept_app_id == (WML,)
    await terminal.registered("Q", RegistrationRequest(MMS, accept=("text/b",)))
    await gateway.until(lambda: not gateway.links)  # the terminal makes it ask again
    await gateway.dial(LOOPBACK, port)
    after = await gateway.registered(2)
    gateway.drop()
    assert after.capabilities.accept_app_id == (MMS, WML)
    assert after.capabilities.accept == ("text/a", "text/b")
    assert after.cpi_tag != before.cpi_tag


async def test_t36_server_is_told_new_id_with_the_old_ones(new_terminal: NewTerminal) -> None:
    """A scripted binder stands for REGISTER and OPTIONS, which themselves come with OTA-SIP."""
    sip = ScriptedBinder("OTA-SIP", default=True)
    terminal = await new_terminal([sip])
    sip.capabilities = terminal.client.capabilities
    await terminal.registered("P", RegistrationRequest(WML, accept=("text/a",)))
    await terminal.registered("Q", RegistrationRequest(MMS, accept=("text/b",)))
    begun = [one for one in sip.announced if one.occasion == "begin"]
    assert [one.application_ids for one in begun] == [(WML,), (MMS, WML)]
    assert begun[-1].types == ("text/a", "text/b")


@pytest.mark.parametrize("ending", [False, True])
async def test_t37_and_t47_bearer_type_selects_the_way(
    connected_terminal: NewTerminal, clock: VirtualClock, ending: bool
) -> None:
    """Nothing goes over another bearer, from registration to deregistration."""
    terminal = await connected_terminal(bearers=[{"name": "GPRS", "address": "127.0.0.2"}])
    async with DialledGateway(clock).listening() as gateway:
        held = await terminal.registered("P", dialled(gateway.port, "GPRS"))
        await gateway.registered()
        if ending:
            await held[0].deregister(held[1])
            await gateway.until(lambda: not gateway.links)
        peers = {peer.rpartition(":")[0] or peer for peer in gateway.peers}
    assert peers == {"127.0.0.2"}


async def test_t38_refusal_of_server_is_told(new_terminal: NewTerminal) -> None:
    """A scripted binder stands for the REGISTER, which itself comes with OTA-SIP."""
    sip = ScriptedBinder("OTA-SIP", answers=[Failed(Reason.REFUSED_BY_SERVER, "403 Forbidden")])
    terminal = await new_terminal([sip])
    await _fails(terminal, RegistrationRequest(WML, profiles=(OTA_SIP,)), Reason.REFUSED_BY_SERVER)


async def test_t38_failure_of_security_is_told(
    connected_terminal: NewTerminal, clock: VirtualClock, tmp_path: Path
) -> None:
    """The gateway's certificate is of an authority that the terminal does not know."""
    Authority(tmp_path).sign("gateway", f"IP:{LOOPBACK}")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "gateway.pem", tmp_path / "gateway.key")
    terminal = await connected_terminal()
    async with DialledGateway(clock).listening(tls=tls) as gateway:
        contact = f"https://{LOOPBACK}:{gateway.port}"
        await _fails(terminal, dialled(gateway.port, contact=contact), Reason.SECURITY_FAILURE)


async def test_t38_name_that_does_not_resolve_is_told(connected_terminal: NewTerminal) -> None:
    terminal = await connected_terminal()
    request = dialled(4035, contact="no-such-gateway.invalid")
    await _fails(terminal, request, Reason.NETWORK_ERROR)


async def _fails(terminal: Any, request: RegistrationRequest, reason: Reason) -> None:
    """Register; it is pending first, and then fails for this reason."""
    application = terminal.application("P")
    first = await application.register(request)
    assert first.state is RegistrationState.PENDING
    failed = await application.settled(first.registration_id)
    assert (failed.state, failed.reason) == (RegistrationState.FAILED, reason)


async def test_t39_server_that_never_answers_costs_a_timeout(new_terminal: NewTerminal) -> None:
    """A scripted binder stands for the variant, which itself comes with OTA-SIP."""
    assert ClientLimits().registration_timeout_ms == 60_000
    sip = ScriptedBinder("OTA-SIP", answers=[Nothing()])
    terminal = await new_terminal([sip], limits=ClientLimits(registration_timeout_ms=50))
    await _fails(terminal, RegistrationRequest(WML, profiles=(OTA_SIP,)), Reason.TIMEOUT)
    assert terminal.client.live_registrations() == []


async def test_t58_server_that_does_not_offer_it_is_a_warning(new_terminal: NewTerminal) -> None:
    """A scripted binder stands for the answer to OPTIONS, which itself comes with OTA-SIP."""
    sip = ScriptedBinder("OTA-SIP", answers=[Nothing()])
    terminal = await new_terminal([sip])
    application = terminal.application("P")
    first = await application.register(RegistrationRequest(WML, profiles=(OTA_SIP,)))
    await terminal.until(lambda: sip.begun)
    sip.begun[0].warned(Reason.NOT_OFFERED_BY_SERVER, "the server does not list the application")
    settled = await application.settled(first.registration_id)
    assert settled.state is RegistrationState.REGISTERED
    assert settled.reason is Reason.NOT_OFFERED_BY_SERVER


@pytest.mark.parametrize("returns", [True, False])
async def test_t59_loss_and_its_end_are_events_and_no_second_answer(
    new_terminal: NewTerminal, returns: bool
) -> None:
    sip = ScriptedBinder("OTA-SIP", default=True, answers=[Up()])
    terminal = await new_terminal([sip])
    application, registration_id = await terminal.registered("P", WML)
    telling = asyncio.ensure_future(changes_of(terminal.client, 2))
    await asyncio.sleep(0)
    sip.begun[0].lost(Reason.BEARER_LOST, "out of reach")
    if returns:
        sip.begun[0].up()
    else:
        sip.begun[0].failed(Reason.NETWORK_ERROR, "gone for good")
    lost, end = await telling
    assert (lost.old, lost.new) == (RegistrationState.REGISTERED, RegistrationState.LOST)
    assert lost.registration.reason is Reason.BEARER_LOST
    expected = RegistrationState.REGISTERED if returns else RegistrationState.FAILED
    assert (end.old, end.new) == (RegistrationState.LOST, expected)
    registration = await terminal.registration(application, registration_id)
    assert registration.state is expected


async def test_t59_gateway_that_comes_back_is_found_again(
    connected_terminal: NewTerminal, clock: VirtualClock
) -> None:
    terminal = await connected_terminal()
    async with DialledGateway(clock).listening() as gateway:
        held = await terminal.registered("P", dialled(gateway.port))
        telling = asyncio.ensure_future(changes_of(terminal.client, 2))
        await gateway.registered()
        gateway.drop()
        lost, back = await telling
        assert (lost.new, back.new) == (RegistrationState.LOST, RegistrationState.REGISTERED)
        await gateway.registered(2)
        pushed = asyncio.ensure_future(gateway.push(MESSAGE))
        event = await held[0].next_event(held[1])
        await held[0].accept(event.event_id)
        assert (await pushed).kind is OutcomeKind.DONE


async def test_t19_free_port_is_had_again_after_it_was_left(
    connected_terminal: NewTerminal,
) -> None:
    terminal = await connected_terminal(ota_wsp={"own_ports_at": LOOPBACK})
    port = free_port()
    application, registration_id = await terminal.registered("P", on_port(port))
    await application.deregister(registration_id)
    await terminal.registered("Q", on_port(port))
