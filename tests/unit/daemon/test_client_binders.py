"""The variants of a running client, built from its settings, with gateways on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from omapush.bearers.udp import UdpBearer
from omapush.cai.model import (
    BindingState,
    ConnectionProfile,
    Reason,
    RegistrationRejected,
    RegistrationRequest,
)
from omapush.client.binding.binder import BearerOffer
from omapush.client.binding.shared_binder import SharedBearers
from omapush.content.message import PushMessage
from omapush.daemon.client_binders import ClientBinders
from omapush.daemon.clock import SystemClock
from omapush.daemon.http_listeners import HttpListeners, has_address
from omapush.daemon.settings import ClientSettings
from omapush.daemon.settings_table import SettingsError
from omapush.ota.datagrams import Peer
from omapush.ota.interface import (
    BearerUnavailable,
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    OutcomeKind,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PoUnitPushInd,
    PushFlag,
    PushSource,
    StreamLink,
)
from omapush.ota.wsp.unit_push import encode_unit_push
from omapush.testing.authority import Authority
from omapush.testing.binding_notes import BindingNotes, registration_of
from omapush.testing.daemons import free_port
from omapush.testing.dialled_gateway import DialledGateway

LOOPBACK, OTHER = "127.0.0.1", "127.0.0.2"
WML, MMS = "x-wap-application:wml.ua", "x-wap-application:mms.ua"
REQUEST = RegistrationRequest(WML)
HELLO = PushMessage((("Content-Type", "text/plain"), ("X-Wap-Application-Id", WML)), b"hello")
UP, LOST = BindingState.UP, BindingState.LOST


class Agent:
    """In the agent's place: takes every push, and notes where from."""

    def __init__(self) -> None:
        self.takes = ClientCapabilities(accept=("*/*",), accept_app_id=(WML,))
        self.sources: list[PushSource] = []
        self.came = asyncio.Event()

    def capabilities(self) -> ClientCapabilities:
        return self.takes

    def indication(self, link: StreamLink[ClientRequest], indication: ClientIndication) -> None:
        if isinstance(indication, PoConfirmedPushInd):
            self.sources.append(indication.source)
            link.request(PoConfirmedPushRes(indication.reference))

    def unit_push(self, indication: PoUnitPushInd) -> object:
        self.sources.append(indication.source)
        self.came.set()
        return None


def settings_of(tables: dict[str, Any] | None = None) -> ClientSettings:
    return ClientSettings.model_validate(
        {"ota_http": {"listen": f"{LOOPBACK}:{free_port()}"}, **(tables or {})}
    )


GPRS = {"bearers": [{"name": "GPRS", "address": OTHER}]}


@contextlib.asynccontextmanager
async def opened(settings: ClientSettings) -> AsyncIterator[tuple[ClientBinders, Agent]]:
    binders, agent = ClientBinders(settings, SystemClock(), lambda: 0.5), Agent()
    binders.give_pushes_to(agent)
    async with binders.open():
        yield binders, agent


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


async def test_client_without_more_settings_has_ota_http_alone() -> None:
    binders = ClientBinders(settings_of(), SystemClock())
    assert binders.binders == (binders.http,)
    assert binders.http.offers() == (BearerOffer("TCP/IP", available=False),)


@pytest.mark.parametrize(
    ("tables", "offered"),
    [
        ({"ota_wsp": {"udp_listen": "127.0.0.1:2948"}}, ["UDP"]),
        ({"ota_wsp": {"own_ports_at": "127.0.0.1"}}, ["UDP"]),
        ({"ota_wsp": {"session_with": ["127.0.0.1:9201"]}}, ["WSP session"]),
        ({"sia": {"gateways": ["127.0.0.1"]}}, ["WSP session"]),
        ({"modem": {"kind": "line", "address": "127.0.0.1:9"}}, ["SMS"]),
    ],
)
async def test_bearers_of_ota_wsp_are_those_that_are_set_up(
    tables: dict[str, Any], offered: list[str]
) -> None:
    binders = ClientBinders(settings_of(tables), SystemClock())
    assert [one.name for one in binders.wsp.offers()] == offered
    assert binders.binders == (binders.http, binders.wsp)


async def test_gateway_that_dials_the_client_reaches_it_on_the_bearer_that_was_asked_for() -> None:
    """T-37"""
    settings = settings_of(GPRS)
    port = settings.ota_http.listen.port
    profile = ConnectionProfile("OTA-HTTP", "gprs")
    by_gprs, by_any = BindingNotes(), BindingNotes()
    async with opened(settings) as (binders, agent):
        binders.http.begin(registration_of(), profile, by_gprs, "")
        binders.http.begin(registration_of(), ConnectionProfile(), by_any, "")
        assert (await by_gprs.until(UP)).address == f"{OTHER}:{port}"
        gateway = DialledGateway(SystemClock())
        for host in (OTHER, LOOPBACK):
            await gateway.dial(host, port)
        await gateway.registered(2)
        for link in list(gateway.links):
            gateway.links.append(link)
            assert (await gateway.push(HELLO, link.peer)).kind is OutcomeKind.DONE
        assert sorted(source.bearer for source in agent.sources) == ["GPRS", "TCP/IP"]
        assert by_any.told[0].bearer == "TCP/IP"
    assert by_gprs.states[-1] is by_any.states[-1] is LOST


async def test_gateway_that_was_told_otherwise_has_to_ask_anew() -> None:
    """T-35"""
    settings = settings_of()
    async with opened(settings) as (binders, agent):
        hold = binders.http.begin(registration_of(), ConnectionProfile(), BindingNotes(), "")
        gateway = DialledGateway(SystemClock())
        await gateway.dial(LOOPBACK, settings.ota_http.listen.port)
        assert (await gateway.registered()).capabilities.accept_app_id == (WML,)
        binders.http.announce()  # nothing has changed
        assert (await gateway.push(HELLO)).kind is OutcomeKind.DONE
        agent.takes = ClientCapabilities(accept=("*/*",), accept_app_id=(WML, MMS))
        binders.http.announce()
        await gateway.until(lambda: not gateway.links)
        await gateway.dial(LOOPBACK, settings.ota_http.listen.port)
        assert (await gateway.registered(2)).capabilities.accept_app_id == (WML, MMS)
        agent.takes = ClientCapabilities(accept=("*/*",), accept_app_id=())
        await hold.close()
        binders.http.announce()
        await gateway.until(lambda: not gateway.links)


async def test_contact_point_is_dialled_from_the_bearer_and_proves_its_name(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    authority.sign("gateway", "DNS:localhost")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "gateway.pem", tmp_path / "gateway.key")
    http = {"listen": f"{LOOPBACK}:{free_port()}", "contact_ca": str(tmp_path / "ca.pem")}
    settings = settings_of({**GPRS, "ota_http": http})
    notes = BindingNotes()
    async with (
        DialledGateway(SystemClock()).listening(tls=server) as gateway,
        opened(settings) as (binders, agent),
    ):
        profile = ConnectionProfile(
            "OTA-HTTP", "GPRS", contact_point=f"https://localhost:{gateway.port}"
        )
        binders.http.begin_in_scope(profile, notes, "service 1")
        await notes.until(UP)
        await gateway.registered()
        assert (await gateway.push(HELLO)).kind is OutcomeKind.DONE
        assert gateway.peers == [OTHER]
        [source] = agent.sources
        assert (source.bearer, source.identity) == ("GPRS", "localhost")
        assert source.binding == "service 1"
    assert notes.states == [UP]


async def test_unusable_authorities_are_told_at_the_start(tmp_path: Path) -> None:
    http = {"contact_ca": str(tmp_path / "none.pem")}
    with pytest.raises(SettingsError, match="contact_ca"):
        ClientBinders(settings_of({"ota_http": http}), SystemClock())


async def test_bearer_whose_address_comes_and_goes_is_up_and_down_with_it() -> None:
    """T-16"""
    settings = settings_of(GPRS)
    port = settings.ota_http.listen.port
    here, waits = True, 0
    moved = asyncio.Event()

    async def wait(milliseconds: int) -> None:
        nonlocal waits
        waits += 1
        moved.clear()
        await moved.wait()

    async def waiting(times: int) -> None:
        await until(lambda: waits == times)

    agent, bearers = Agent(), SharedBearers("OTA-HTTP", ["TCP/IP", "GPRS"])
    listeners = HttpListeners(
        settings, SystemClock(), agent, lambda: 0.0, wait, lambda address: here
    )

    def state() -> tuple[bool, str]:
        with contextlib.suppress(RegistrationRejected):
            bearers.scope(REQUEST, ConnectionProfile(bearer_type="GPRS"), "profiles[0]")
            return bearers.offers()[1].available, ""
        with pytest.raises(RegistrationRejected) as rejected:
            bearers.scope(REQUEST, ConnectionProfile(bearer_type="GPRS"), "profiles[0]")
        assert rejected.value.cause is Reason.UNAVAILABLE
        return bearers.offers()[1].available, "unavailable"

    with socket.create_server((OTHER, port)):  # as if the address were not there
        async with listeners.open(bearers):
            assert bearers.offers()[0].available
            await waiting(1)
            assert state() == (False, "unavailable")
            moved.set()
            await waiting(2)
            assert state() == (False, "unavailable")
    waits = 0
    async with listeners.open(bearers):
        await waiting(1)
        assert state() == (True, "")
        moved.set()
        await waiting(2)
        assert state() == (True, "")
        here = False
        moved.set()
        await until(lambda: state() == (False, "unavailable"))
        await waiting(3)
        here = True
        moved.set()
        await waiting(4)
        assert state() == (True, "")
    assert not any(one.available for one in bearers.offers())


def test_address_is_looked_for_among_our_own() -> None:
    assert has_address(OTHER)
    assert has_address("::1")
    assert not has_address("203.0.113.77")
    assert not has_address("2001:db8::1")


async def test_port_that_applications_share_and_own_ones_are_told_apart() -> None:
    """T-18, T-30"""
    settings = settings_of({"ota_wsp": {"udp_listen": f"{LOOPBACK}:{free_port()}"}})
    assert settings.ota_wsp.udp_listen is not None
    shared, own = settings.ota_wsp.udp_listen.port, free_port()
    profile = ConnectionProfile("OTA-WSP", port=own)
    notes, of_all = BindingNotes(), BindingNotes()
    async with opened(settings) as (binders, agent):
        assert binders.wsp.scope(REQUEST, profile, "profiles[0]") == f"OTA-WSP port {own}"
        binders.wsp.begin(registration_of(), profile, notes, "")
        binders.wsp.begin(registration_of(), ConnectionProfile(), of_all, "")
        await notes.until(UP)
        assert of_all.told[0].address == f"{LOOPBACK}:{shared}"
        sender = await UdpBearer(SystemClock()).open(LOOPBACK, 0, lambda octets, peer: None)
        for port in (own, shared):
            agent.came.clear()
            sender.send(encode_unit_push(HELLO, PushFlag.NONE, 7), Peer(LOOPBACK, port))
            async with asyncio.timeout(20):
                await agent.came.wait()
        sender.close()
        assert [source.binding for source in agent.sources] == [f"OTA-WSP port {own}", ""]
    assert notes.states == [UP]
    assert of_all.states == [UP, LOST]


async def test_address_that_is_taken_ends_the_start() -> None:
    settings = settings_of()
    with (
        socket.create_server((LOOPBACK, settings.ota_http.listen.port)),
        pytest.raises(BearerUnavailable, match="cannot listen"),
    ):
        async with opened(settings):
            pass


@pytest.mark.parametrize(
    "tables",
    [
        {"bearers": [{"name": "any", "address": OTHER}]},
        {"bearers": [{"name": "tcp/ip", "address": OTHER}]},
        {
            "bearers": [
                {"name": "GPRS", "address": OTHER},
                {"name": "gprs", "address": "127.0.0.3"},
            ]
        },
        {"bearers": [{"name": "GPRS", "address": OTHER}, {"name": "CSD", "address": OTHER}]},
        {"bearers": [{"name": "GPRS", "address": LOOPBACK}]},
        {**GPRS, "ota_http": {"listen": "0.0.0.0:4035"}},
        {"bearers": [{"name": "GPRS", "address": "ppg.example.com"}]},
    ],
)
def test_bearers_that_cannot_be_told_apart_are_refused(tables: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings_of(tables)
