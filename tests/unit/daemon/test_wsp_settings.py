"""Settings of OTA-WSP, and the ports that are opened because of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from omapush.bearers.udp import UdpBearer
from omapush.cai.model import BindingState, RegistrationRequest
from omapush.client.agent import PushClient
from omapush.client.binding.choice_of_binders import Ways
from omapush.client.binding.push_sessions import SessionLimits
from omapush.client.binding.shared_binder import SharedBearers
from omapush.client.store import ClientStore
from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.content.session_initiation import decode
from omapush.core.instants import Instant
from omapush.daemon.client_sessions import holding_sessions
from omapush.daemon.client_settings import ClientTable, SubscribersTable
from omapush.daemon.clock import SystemClock
from omapush.daemon.push_sessions import PushSessionsTable, push_sessions, session_request
from omapush.daemon.settings import ClientSettings, PpgSettings
from omapush.daemon.settings_table import Endpoint
from omapush.daemon.wsp_bearers import datagrams
from omapush.daemon.wsp_client import listening_for_datagrams, take_unit_push
from omapush.daemon.wsp_settings import HeaderProfileTable
from omapush.ota.datagrams import Peer
from omapush.ota.interface import BearerUnavailable, PushFlag, PushSource
from omapush.ota.wsp.unit_push import encode_unit_push
from omapush.pap import address as addressing
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact, SessionContact, SmsContact, UdpContact
from omapush.ppg.datagram_reach import Datagrams
from omapush.ppg.recipients import Recipients
from omapush.ppg.subscribers import Subscribers
from omapush.testing.daemons import free_port
from omapush.testing.memory_store import MemoryStore

LOOPBACK = "127.0.0.1"
WML = "x-wap-application:wml.ua"
TEXT = PushMessage((("Content-Type", "text/plain"), ("X-Wap-Application-Id", "2")), b"hello")
NAMED: dict[str, Any] = {"id": "anna", "addresses": ["+1555"]}


def ppg_settings(**tables: Any) -> PpgSettings:
    return PpgSettings.model_validate(tables)


def client_settings(**ota_wsp: Any) -> ClientSettings:
    return ClientSettings.model_validate({"ota_wsp": ota_wsp})


def test_every_way_of_a_client_stands_in_its_order() -> None:
    table = ClientTable.model_validate(
        NAMED
        | {
            "ota_wsp_udp": "10.1.2.3:2948",
            "ota_wsp_sms": "+1555",
            "ota_wsp_session": "2001:DB8:0::1",
            "network": "GSM",
            "contacts": [{"ota_wsp_sms": "12345", "bearer": "USSD"}],
        }
    )
    assert table.ways() == (
        Contact(UdpContact("10.1.2.3", 2948), "GSM", None),
        Contact(SmsContact("+1555"), "GSM", "SMS"),
        Contact(SessionContact("2001:db8::1"), "GSM", None),
        Contact(SmsContact("12345"), "GSM", "USSD"),
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"ota_wsp_sms": "+12"},
        {"ota_wsp_sms": "0x12"},
        {"ota_wsp_sms": "+1555 123"},
        {"ota_wsp_session": "anna.example.net"},
        {"id": "two words", "ota_wsp_sms": "+1555"},
        {"contacts": [{}]},
        {"contacts": [{"ota_wsp_sms": "+1555", "ota_wsp_session": "10.0.0.1"}]},
    ],
)
def test_way_that_leads_nowhere_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ClientTable.model_validate(NAMED | wrong)


def test_subscribers_are_numbers_or_networks() -> None:
    by_sms = SubscribersTable(numbers=["+358*"]).range()
    assert (by_sms.network, by_sms.bearer, by_sms.sessions) == ("GSM", "SMS", False)
    by_ip = SubscribersTable(networks=["10.0.0.0/8"], sessions=True).range()
    assert (by_ip.network, by_ip.bearer, by_ip.sessions) == (None, None, True)
    for wrong in (
        {},
        {"numbers": ["+1*"], "networks": ["10.0.0.0/8"]},
        {"numbers": ["+1*"], "sessions": True},
        {"numbers": ["+1 555"]},
    ):
        with pytest.raises(ValidationError):
            SubscribersTable.model_validate(wrong)


@pytest.mark.parametrize(
    ("table", "contact"),
    [
        ({}, None),
        ({"listen": "10.0.0.1:9201"}, Endpoint("10.0.0.1", 9201)),
        ({"listen": "0.0.0.0:9201"}, None),
        ({"listen": "ppg.example.net:9201"}, None),
        (
            {"listen": "0.0.0.0:9201", "contact_point": "192.0.2.1:9201"},
            Endpoint("192.0.2.1", 9201),
        ),
    ],
)
def test_clients_are_told_an_address_that_they_can_use_or_not_asked(
    table: dict[str, Any], contact: Endpoint | None
) -> None:
    assert PushSessionsTable.model_validate(table).contact() == contact


@pytest.mark.parametrize(
    "wrong",
    [
        {"contact_point": "192.0.2.1:9201"},
        {"listen": "0.0.0.0:9201", "contact_point": "ppg.example.net:9201"},
        {"listen": "0.0.0.0:9201", "ask_again_seconds": 0},
        {"max_sessions": 0},
    ],
)
def test_push_sessions_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PushSessionsTable.model_validate(wrong)


def test_session_request_fits_one_short_message_and_names_gateway_and_application() -> None:
    push = session_request(Endpoint("192.0.2.1", 9201), ApplicationId.parse("4"))
    assert push.media_type == "application/vnd.wap.sia"
    request = decode(push.body)
    assert [str(each) for each in request.application_ids] == ["x-wap-application:mms.ua"]
    [point] = request.wsp_contact_points
    assert (point.text, point.port) == ("192.0.2.1", 9201)
    assert len(encode_unit_push(push, PushFlag.NONE, 1)) <= 133


async def test_port_for_connectionless_pushes_is_opened_when_somebody_is_reached_by_it() -> None:
    clock, port = SystemClock(), {"udp_from": f"{LOOPBACK}:0"}
    for tables in (
        {"clients": [NAMED | {"ota_wsp_udp": "10.1.2.3:2948"}]},
        {"subscribers": [{"networks": ["10.0.0.0/8"]}]},
    ):
        async with datagrams(ppg_settings(ota_wsp=port, **tables), clock) as opened:
            assert isinstance(opened, Datagrams)
            assert opened.endpoint.port > 0
    for tables in ({}, {"clients": [NAMED | {"ota_wsp_sms": "+1555"}]}):
        async with datagrams(ppg_settings(ota_wsp=port, **tables), clock) as opened:
            assert opened is None


async def test_port_for_sessions_that_is_taken_stops_the_start() -> None:
    clock = SystemClock()
    taken = await UdpBearer(clock).open(LOOPBACK, 0, lambda octets, peer: None)
    table = PushSessionsTable.model_validate({"listen": f"{LOOPBACK}:{taken.port}"})
    opening = push_sessions(table, Recipients([]), MemoryStore(), None, lambda: None, clock)
    with pytest.raises(BearerUnavailable, match="cannot open UDP port"):
        async with opening:
            pass
    taken.close()
    async with push_sessions(
        PushSessionsTable(), Recipients([]), MemoryStore(), None, lambda: None, clock
    ) as sessions:
        assert sessions is None


class CountingStore(MemoryStore):
    """Counts how often a client's backlog was brought back."""

    def __init__(self) -> None:
        super().__init__()
        self.hastened: list[str] = []

    async def hasten(self, client_ids: Sequence[str], now: Instant) -> int:
        self.hastened += client_ids
        return await super().hasten(client_ids, now)


@pytest.fixture
async def agent(tmp_path: Path) -> Any:
    bearers = SharedBearers("OTA-WSP", ["UDP", "WSP session"])
    store = ClientStore(tmp_path / "client.db")
    made = PushClient(store, SystemClock(), ways=Ways((bearers,)))
    made.bearers = bearers
    await made.start()
    yield made
    await made.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


async def test_connectionless_push_that_comes_to_the_port_reaches_the_application(
    agent: PushClient,
) -> None:
    clock = SystemClock()
    registration = await agent.register("P", RegistrationRequest(WML))
    port = free_port()
    async with listening_for_datagrams(
        client_settings(udp_listen=f"{LOOPBACK}:{port}"), clock, agent, agent.bearers
    ):
        (binding,) = agent.registrations("P")[0].bindings
        assert (binding.bearer, binding.address) == ("UDP", f"{LOOPBACK}:{port}")
        sender = await UdpBearer(clock).open(LOOPBACK, 0, lambda octets, peer: None)
        sender.send(b"\x01\x06\xff", Peer(LOOPBACK, port))  # no push: logged and dropped
        sender.send(encode_unit_push(TEXT, PushFlag.NONE, 7), Peer(LOOPBACK, port))
        event = await agent.next_event("P", registration.registration_id, 20_000)
        assert event is not None
        sender.close()
    (binding,) = agent.registrations("P")[0].bindings
    assert binding.state is BindingState.LOST


async def test_client_without_port_for_pushes_opens_none(agent: PushClient) -> None:
    async with listening_for_datagrams(client_settings(), SystemClock(), agent, agent.bearers):
        assert not any(offer.available for offer in agent.bearers.offers())


async def test_what_is_no_push_raises_nothing(agent: PushClient) -> None:
    for octets in (b"", b"\x01", b"\x01\x05\x03", bytes(200)):
        take_unit_push(agent, octets, PushSource("OTA-WSP", "UDP", "192.0.2.1"))


async def test_client_and_gateway_hold_a_session_over_real_ports(agent: PushClient) -> None:
    clock, store = SystemClock(), CountingStore()
    await store.open()
    anna = Client("anna", (addressing.parse("+1555"),), (Contact(SessionContact(LOOPBACK)),))
    table = PushSessionsTable.model_validate({"listen": f"{LOOPBACK}:{free_port()}"})
    woken = asyncio.Event()
    async with push_sessions(table, Recipients([anna]), store, None, woken.set, clock) as gateway:
        assert gateway is not None
        settings = client_settings(session_from=LOOPBACK, session_with=[str(table.listen)])
        async with holding_sessions(settings, clock, agent, agent.bearers) as held:
            await until(lambda: bool(held.gateways))
            async with asyncio.timeout(20):
                await woken.wait()
            assert gateway.sessions.session_of("anna") is not None
            assert store.hastened[0] == "anna"
            offered = {offer.name: offer.available for offer in agent.bearers.offers()}
            assert offered == {"UDP": False, "WSP session": True}
        await until(lambda: gateway.sessions.count == 0)
        assert not any(offer.available for offer in agent.bearers.offers())


async def test_client_comes_back_to_a_gateway_that_was_started_anew(agent: PushClient) -> None:
    clock, store = SystemClock(), MemoryStore()
    await store.open()
    anna = Client("anna", (addressing.parse("+1555"),), (Contact(SessionContact(LOOPBACK)),))
    table = PushSessionsTable.model_validate({"listen": f"{LOOPBACK}:{free_port()}"})
    settings = client_settings(session_from=LOOPBACK, session_with=[str(table.listen)])
    async with holding_sessions(settings, clock, agent, agent.bearers) as held:
        held._limits = SessionLimits(first_wait_ms=1, longest_wait_ms=20)
        for _ in range(2):
            async with push_sessions(
                table, Recipients([anna]), store, None, lambda: None, clock
            ) as gateway:
                assert gateway is not None
                await until(lambda: bool(held.gateways))
                assert gateway.sessions.count == 1
            await until(lambda: not held.gateways)  # it was told


async def test_session_from_an_address_of_nobody_is_refused(agent: PushClient) -> None:
    clock = SystemClock()
    table = PushSessionsTable.model_validate({"listen": f"{LOOPBACK}:{free_port()}"})
    nobody = Recipients([], Subscribers())
    async with push_sessions(table, nobody, MemoryStore(), None, lambda: None, clock) as gateway:
        assert gateway is not None
        settings = client_settings(session_from=LOOPBACK)
        async with holding_sessions(settings, clock, agent, agent.bearers) as held:
            assert table.listen is not None
            assert held.open(Peer(*table.listen))
            await until(lambda: not held._tasks)
        assert gateway.sessions.count == 0


def test_header_profiles_are_rules_for_clients_and_initiators() -> None:
    table = HeaderProfileTable(
        clients=["nokia-*"], encoding_version="1.4", content_type_codes=False
    )
    rule = table.rule()
    assert (rule.clients, rule.initiators) == (("nokia-*",), ("*",))
    assert rule.profile.encoding_version == (1, 4)
    assert not rule.profile.content_type_codes
    assert rule.profile.unknown_headers
