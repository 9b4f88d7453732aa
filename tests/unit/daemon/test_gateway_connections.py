"""The connections of a running client with its gateways, over real sockets of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from omapush.cai.model import BindingState, ConnectionProfile
from omapush.client.connections.kept_connection import ConnectionState
from omapush.client.sia import GatewayAddress, SessionWish, Variant
from omapush.content.message import PushMessage
from omapush.daemon.client_binders import ClientBinders
from omapush.daemon.clock import SystemClock
from omapush.daemon.session_initiation import WspSessionOpener, session_openers
from omapush.daemon.settings import ClientSettings
from omapush.ota.http.accounts import KnownCpi
from omapush.ota.http.authentication import Login, Scheme
from omapush.ota.http.ppg import HttpPpgSettings
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

LOOPBACK = "127.0.0.1"
WML = "x-wap-application:wml.ua"
HELLO = PushMessage((("Content-Type", "text/plain"), ("X-Wap-Application-Id", WML)), b"hello")
TERMINAL, PROXY = "60000000000000", "ppg.example.com"
UP = BindingState.UP


class Agent:
    """In the agent's place: takes every push, and notes where from."""

    def __init__(self) -> None:
        self.takes = ClientCapabilities(accept=("*/*",), accept_app_id=(WML,))
        self.sources: list[PushSource] = []

    def capabilities(self) -> ClientCapabilities:
        return self.takes

    def indication(self, link: StreamLink[ClientRequest], indication: ClientIndication) -> None:
        if isinstance(indication, PoConfirmedPushInd):
            self.sources.append(indication.source)
            link.request(PoConfirmedPushRes(indication.reference))

    def unit_push(self, indication: PoUnitPushInd) -> object:
        raise AssertionError(indication)


class Accounts:
    """A gateway's: one terminal, and how the gateway proves itself to it."""

    def __init__(self, terminal_password: str = "ours", its: str = "its") -> None:
        self._terminal_password = terminal_password
        self._its = its

    def terminal_password(self, terminal_id: str) -> str | None:
        return self._terminal_password if terminal_id == TERMINAL else None

    def login_at(self, terminal_id: str | None) -> Login | None:
        return Login(PROXY, self._its)

    def known_cpi(self, terminal_id: str) -> KnownCpi | None:
        return None


def settings_of(*gateways: dict[str, Any], **tables: Any) -> ClientSettings:
    http = {"listen": f"{LOOPBACK}:{free_port()}", **tables.pop("ota_http", {})}
    return ClientSettings.model_validate({"ota_http": http, "gateways": list(gateways), **tables})


def entry(gateway: DialledGateway, **more: Any) -> dict[str, Any]:
    return {"name": "home", "contact_points": [f"{LOOPBACK}:{gateway.port}"], **more}


@contextlib.asynccontextmanager
async def opened(settings: ClientSettings) -> AsyncIterator[tuple[ClientBinders, Agent]]:
    binders, agent = ClientBinders(settings, SystemClock(), lambda: 0.5), Agent()
    binders.give_pushes_to(agent)
    async with binders.open():
        yield binders, agent


@pytest.fixture
async def gateway() -> AsyncIterator[DialledGateway]:
    async with DialledGateway(SystemClock()).listening() as listening:
        yield listening


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


# -- gateways of the settings --


async def test_two_gateways_push_to_all_applications_of_a_client_that_does_not_listen(
    gateway: DialledGateway,
) -> None:
    notes = BindingNotes()
    async with DialledGateway(SystemClock()).listening() as other:
        settings = settings_of(
            entry(gateway), entry(other, name="work"), ota_http={"po_tcp": False}
        )
        async with opened(settings) as (binders, agent):
            binders.http.begin(registration_of(), ConnectionProfile(), notes, "")
            for one in (gateway, other):
                await one.registered()
                assert (await one.push(HELLO)).kind is OutcomeKind.DONE
            assert [one.bearer for one in agent.sources] == ["TCP/IP", "TCP/IP"]
            assert notes.told[-1].state is UP
            assert binders.http.offers()[0].available


async def test_client_without_connection_and_listener_has_no_bearer(
    gateway: DialledGateway,
) -> None:
    notes = BindingNotes()
    settings = settings_of(entry(gateway), ota_http={"po_tcp": False})
    async with opened(settings) as (binders, _agent):
        binders.http.begin(registration_of(), ConnectionProfile(), notes, "")
        await gateway.registered()
        await notes.until(UP)
        gateway.drop()
        await notes.until(UP, BindingState.LOST)


async def test_gateway_that_is_back_is_dialled_again() -> None:
    port = free_port()
    table = {"name": "home", "contact_points": [f"{LOOPBACK}:{port}"],
             "reconnect_first_seconds": 0.05}  # fmt: skip
    async with opened(settings_of(table)) as (binders, _agent):
        await until(lambda: binders.connections.statuses()[0].failures > 1)
        async with DialledGateway(SystemClock()).listening(port=port) as gateway:
            await gateway.registered()
        [status] = binders.connections.statuses()
        assert status.failures == 0


async def test_first_contact_point_that_is_dead_is_passed_over(gateway: DialledGateway) -> None:
    places = [f"{LOOPBACK}:{free_port()}", f"{LOOPBACK}:{gateway.port}"]
    async with opened(settings_of(entry(gateway, contact_points=places))) as (binders, _agent):
        await gateway.registered()
        [status] = binders.connections.statuses()
        assert (status.state, status.peer) == (ConnectionState.CONNECTED, places[1])


async def test_changed_capabilities_are_told_on_a_new_connection(gateway: DialledGateway) -> None:
    async with opened(settings_of(entry(gateway))) as (binders, agent):
        await gateway.registered()
        agent.takes = ClientCapabilities(accept=("*/*",), accept_app_id=(WML, "x:other"))
        binders.http.announce()
        told = await gateway.registered(2)
        assert told.capabilities.accept_app_id == (WML, "x:other")


async def test_client_has_tcp_ask_whether_its_gateway_is_there(
    gateway: DialledGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(
        "omapush.bearers.tcp.keep_alive", lambda _transport, seconds: asked.append(seconds)
    )
    async with opened(settings_of(entry(gateway, tcp_keepalive_seconds=90))):
        await gateway.registered()
    assert asked == [90]


# -- who is who --


@pytest.mark.parametrize("challenge", [Scheme.BASIC, Scheme.DIGEST])
@pytest.mark.parametrize("scheme", ["basic", "digest"])
async def test_client_and_gateway_prove_who_they_are(challenge: Scheme, scheme: str) -> None:
    asking = HttpPpgSettings(identity=PROXY, challenge=challenge)
    async with DialledGateway(SystemClock(), asking, Accounts()).listening() as gateway:
        table = entry(
            gateway,
            terminal_password="ours",
            scheme=scheme,
            username=PROXY,
            password="its",
            clear_password=True,
        )
        async with opened(settings_of(table)) as (_binders, agent):
            registration = await gateway.registered()
            assert (registration.terminal_id, registration.authenticated) == (TERMINAL, True)
            assert (await gateway.push(HELLO)).kind is OutcomeKind.DONE
            assert agent.sources[0].identity == PROXY


async def test_gateway_with_a_wrong_password_pushes_nothing() -> None:
    accounts = Accounts(its="wrong")
    async with DialledGateway(SystemClock(), None, accounts).listening() as gateway:
        table = entry(gateway, scheme="digest", username=PROXY, password="its")
        async with opened(settings_of(table)) as (binders, agent):
            await gateway.until(lambda: bool(gateway.failures))
            assert gateway.registrations == agent.sources == []
            [status] = binders.connections.statuses()
            assert "its" not in repr(status)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path)
    made.sign("gateway", f"DNS:{PROXY}")
    made.sign("other", "DNS:other.example.com")
    made.sign("terminal", f"IP:{LOOPBACK}")
    return made


def serving(authority: Authority, name: str = "gateway", *, ask: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.folder / f"{name}.pem", authority.folder / f"{name}.key")
    if ask:
        context.load_verify_locations(authority.folder / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def test_client_shows_its_certificate_and_checks_the_name_that_is_set(
    authority: Authority,
) -> None:
    server = serving(authority, ask=True)
    files = {name: str(authority.folder / file) for name, file in {
        "ca_file": "ca.pem", "client_certificate": "terminal.pem", "client_key": "terminal.key",
    }.items()}  # fmt: skip
    async with DialledGateway(SystemClock()).listening(tls=server) as gateway:
        place = f"https://{LOOPBACK}:{gateway.port}"
        table = {"name": "home", "contact_points": [place], "server_name": PROXY, **files}
        async with opened(settings_of(table)) as (binders, agent):
            await gateway.registered()
            await gateway.push(HELLO)
            assert agent.sources[0].identity == PROXY
            assert binders.connections.statuses()[0].secure
        other = {**table, "server_name": "other.example.com"}
        async with opened(settings_of(other)) as (binders, agent):
            await until(lambda: binders.connections.statuses()[0].failures > 0)
            assert len(gateway.registrations) == 1
            assert "TLS" in binders.connections.statuses()[0].ended


# -- gateways that dial (PO-TCP) --


async def test_gateway_that_dials_names_its_provisioning_context() -> None:
    table = {"name": "home", "contact_points": ["192.0.2.1"], "connect": "on_request",
             "prov_url": "http://op.example.com/prov", "terminal_id": "02mine"}  # fmt: skip
    settings = settings_of(table)
    async with opened(settings):
        for prov_url, terminal_id in ((None, TERMINAL), ("http://op.example.com/prov", "02mine")):
            gateway = DialledGateway(SystemClock(), prov_url=prov_url)
            await gateway.dial(*settings.ota_http.listen)
            assert (await gateway.registered()).terminal_id == terminal_id
        stranger = DialledGateway(SystemClock(), prov_url="http://nobody.example.com")
        await stranger.dial(*settings.ota_http.listen)
        await stranger.until(lambda: bool(stranger.failures))


@pytest.mark.parametrize("host", [LOOPBACK, "localhost"])
async def test_gateway_that_dials_from_its_contact_point_has_to_prove_itself(host: str) -> None:
    table = {"name": "home", "contact_points": [f"{host}:{free_port()}"], "server_name": PROXY,
             "connect": "on_request", "scheme": "digest", "username": PROXY,
             "password": "its"}  # fmt: skip
    settings = settings_of(table)
    async with opened(settings) as (binders, agent):
        await until(lambda: binders.connections.knows(LOOPBACK))
        known = DialledGateway(SystemClock(), None, Accounts())
        await known.dial(*settings.ota_http.listen)
        await known.registered()
        await known.push(HELLO)
        assert agent.sources[0].identity == PROXY
        wrong = DialledGateway(SystemClock(), None, Accounts(its="wrong"))
        await wrong.dial(*settings.ota_http.listen)
        await wrong.until(lambda: bool(wrong.failures))


def secure(authority: Authority, *gateways: dict[str, Any], **more: Any) -> ClientSettings:
    ca, own = str(authority.folder / "ca.pem"), authority.folder / "terminal"
    http = {
        "po_tcp": False, "contact_ca": ca, "secure_listen": f"{LOOPBACK}:{free_port()}",
        "tls_certificate": f"{own}.pem", "tls_key": f"{own}.key", **more,
    }  # fmt: skip
    return settings_of(*gateways, ota_http=http)


KNOWN = {"name": "home", "contact_points": [f"https://{PROXY}"], "connect": "on_request",
         "terminal_id": "02mine", "prov_url": "x"}  # fmt: skip


async def test_client_is_tls_client_of_a_gateway_that_dials_it(authority: Authority) -> None:
    """WAP-235 7.2.2"""
    settings = secure(authority, KNOWN)
    at = settings.ota_http.secure_listen
    assert at is not None
    async with opened(settings) as (binders, agent):
        gateway = DialledGateway(SystemClock())
        await gateway.dial(*at, serving(authority, ask=True))
        assert (await gateway.registered()).terminal_id == "02mine"
        await gateway.push(HELLO)
        assert agent.sources == [PushSource("OTA-HTTP", "TCP/IP", LOOPBACK, PROXY)]
        assert binders.http.offers()[0].available


async def test_gateway_whose_certificate_has_an_unknown_name_is_turned_away(
    authority: Authority,
) -> None:
    settings = secure(authority, KNOWN)
    at = settings.ota_http.secure_listen
    assert at is not None
    async with opened(settings):
        gateway = DialledGateway(SystemClock())
        with contextlib.suppress(SecurityFailure):
            await gateway.dial(*at, serving(authority, "other"))
            await gateway.until(lambda: bool(gateway.failures))
        assert gateway.registrations == []


async def test_gateway_without_settings_proves_the_address_that_it_dials_from(
    authority: Authority,
) -> None:
    settings = secure(authority)
    at = settings.ota_http.secure_listen
    assert at is not None
    async with opened(settings) as (_binders, agent):
        gateway = DialledGateway(SystemClock())
        await gateway.dial(*at, serving(authority, "terminal"))  # its certificate is of 127.0.0.1
        await gateway.registered()
        await gateway.push(HELLO)
        assert agent.sources[0].identity == LOOPBACK


async def test_client_is_tls_server_where_the_settings_say_so(authority: Authority) -> None:
    settings = secure(authority, KNOWN, po_tcp_tls_roles="tcp")
    at = settings.ota_http.secure_listen
    assert at is not None
    caller = ssl.create_default_context(cafile=str(authority.folder / "ca.pem"))
    async with opened(settings) as (_binders, agent):
        gateway = DialledGateway(SystemClock())
        await gateway.dial(*at, caller, tls_server=False)
        assert (await gateway.registered()).terminal_id == TERMINAL
        await gateway.push(HELLO)
        assert agent.sources[0].identity is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tls_key": "/x"}, "need each other"),
        ({"secure_listen": "127.0.0.1:4036", "po_tcp_tls_roles": "tcp"}, "needs tls_certificate"),
    ],
)
def test_tls_settings_that_are_not_complete_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings_of(ota_http=given)


# -- gateways that ask --


async def test_session_initiation_request_leads_to_a_connection(gateway: DialledGateway) -> None:
    settings = settings_of(entry(gateway, connect="on_request"), sia={"gateways": ["127.0.0.2"]})
    async with opened(settings) as (binders, _agent):
        assert binders.connections.knows(LOOPBACK)
        openers = session_openers(settings.sia, WspSessionOpener(), binders.connections)
        assert openers.variants == (Variant.OTA_HTTP, Variant.OTA_WSP)
        asking = GatewayAddress(Variant.OTA_HTTP, LOOPBACK, gateway.port)
        assert not openers.is_open(asking)
        openers.open(SessionWish(asking, (WML,), has_cpi_tag=True, cpi_tag=b"\x01\x02\x03\x04"))
        await gateway.registered()
        assert openers.is_open(asking)
        by_wsp = GatewayAddress(Variant.OTA_WSP, LOOPBACK, 9201)
        openers.open(SessionWish(by_wsp, (WML,)))
        assert not openers.is_open(by_wsp)


async def test_gateway_by_name_is_known_at_its_address() -> None:
    table = {"name": "home", "contact_points": ["localhost"], "connect": "on_request"}
    async with opened(settings_of(table)) as (binders, _agent):
        await until(lambda: binders.connections.knows(LOOPBACK))
        assert not binders.connections.knows("127.0.0.2")


def test_one_variant_alone_may_be_heeded() -> None:
    settings = settings_of(sia={"gateways": ["127.0.0.1"], "variants": ["OTA-HTTP"]})
    binders = ClientBinders(settings, SystemClock())
    openers = session_openers(settings.sia, WspSessionOpener(), binders.connections)
    assert openers.variants == (Variant.OTA_HTTP,)
    assert [one.name for one in binders.wsp.offers()] == []
