"""What a session initiation request leads to, and what it must not lead to."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from omapush.cai.model import RegistrationRejected
from omapush.client.agent import ClientRules, PushClient
from omapush.client.binding.choice_of_binders import Ways
from omapush.client.binding.shared_binder import SharedBearers
from omapush.client.dispatch import Refusal
from omapush.client.sia import (
    OWN_CORE,
    Decision,
    GatewayAddress,
    SessionInitiationApplication,
    SessionInitiations,
    SessionWish,
    SiaSettings,
    Variant,
)
from omapush.client.store import ClientStore
from omapush.client.trust.judge import FixedList
from omapush.client.trust.whitelist import Source
from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.content.session_initiation import OTA_SIP, SessionInitiation, decode
from omapush.core.instants import MINUTE_MS, Instant
from omapush.ota.interface import (
    AddressKind,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PoPushAbortReq,
    PoUnitPushInd,
    PushSource,
    PushStatus,
)
from omapush.ota.wsp.unit_push import unit_push_indication
from omapush.protocols.wdp import AddressType
from omapush.testing.virtual_clock import VirtualClock

# Published requests: version 0, version 1 with both variants, OTA-HTTP only, and the second as a
# push.
VERSION_0 = bytes.fromhex("0004b284b28208c40b23f10a010203")
BOTH = bytes.fromhex("0104b284b28208c40b23f10a01020308c40b0fc30a01020401010483a20eeb01a1b2c3d4")
PROVISIONED = bytes.fromhex("83a20eeb")
HTTP_ONLY = bytes.fromhex("0102b2800008c40b0fc30a0102040100")
AS_PUSH = bytes.fromhex("050603b4af81") + BOTH

MMS, WML = "x-wap-application:mms.ua", "x-wap-application:wml.ua"
WSP_GATEWAY = GatewayAddress(Variant.OTA_WSP, "10.1.2.3", 9201)
HTTP_GATEWAY = GatewayAddress(Variant.OTA_HTTP, "10.1.2.4", 4035)
NETWORKS = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8::/32"))
SETTINGS = SiaSettings(gateways=NETWORKS)
WSP, HTTP = (Variant.OTA_WSP,), (Variant.OTA_HTTP,)
NOW = Instant(1_000_000)
ANYTHING = ApplicationId.parse("x-wap-application:*")

BOUND = Ways((SharedBearers("OTA-WSP", ["SMS"]),))


class Sessions:
    """Notes what is wished.

    :ivar opened: the gateways with which there is a session.
    """

    def __init__(self, variants: tuple[Variant, ...] = WSP) -> None:
        self.variants = variants
        self.wishes: list[SessionWish] = []
        self.opened: set[GatewayAddress] = set()

    def open(self, wish: SessionWish) -> None:
        self.wishes.append(wish)

    def is_open(self, gateway: GatewayAddress) -> bool:
        return gateway in self.opened


def deciding(
    settings: SiaSettings = SETTINGS,
    variants: tuple[Variant, ...] = WSP,
    opened: set[GatewayAddress] | None = None,
) -> SessionInitiations:
    return SessionInitiations(settings, variants, (opened or set()).__contains__)


def decided(
    decisions: SessionInitiations,
    request: SessionInitiation | bytes,
    name: str = "one",
    registered: tuple[str, ...] = (MMS,),
    now: Instant = NOW,
) -> Decision | Refusal:
    read = decode(request) if isinstance(request, bytes) else request
    return decisions.receive(read, name, registered, now)


def contacted(decision: Decision | Refusal) -> list[str]:
    assert isinstance(decision, Decision)
    return [str(wish.gateway) for wish in decision.wishes]


def asking(*hosts: str, port: int | None = 9201) -> SessionInitiation:
    points = tuple(AddressType.of_ip(host, port) for host in hosts)
    return SessionInitiation((ANYTHING,), points)


@pytest.mark.parametrize(("request_octets", "url"), [(VERSION_0, b""), (BOTH, PROVISIONED)])
def test_session_is_wished_with_the_wsp_contact_point(request_octets: bytes, url: bytes) -> None:
    decision = decided(deciding(), request_octets)
    assert decision == Decision((SessionWish(WSP_GATEWAY, (MMS,), provisioning_url=url),))


def test_connection_is_wished_where_the_client_opens_that() -> None:
    decision = decided(deciding(variants=HTTP), BOTH)
    tag = bytes.fromhex("a1b2c3d4")
    wish = SessionWish(HTTP_GATEWAY, (MMS,), True, tag, PROVISIONED)
    assert decision == Decision((wish,))
    assert contacted(decided(deciding(variants=HTTP), HTTP_ONLY)) == ["OTA-HTTP 10.1.2.4:4035"]


def test_one_variant_only_is_used_the_preferred_one() -> None:
    """WAP-235 7.4: the two kinds of contact points are alternatives (B-6)."""
    both = (Variant.OTA_HTTP, Variant.OTA_WSP)
    assert contacted(decided(deciding(variants=both), BOTH)) == ["OTA-HTTP 10.1.2.4:4035"]
    assert contacted(decided(deciding(variants=both), VERSION_0)) == ["OTA-WSP 10.1.2.3:9201"]


def by_sip(*hosts: str) -> SessionInitiation:
    points = tuple(AddressType.of_ip(host, 5060) for host in hosts)
    return SessionInitiation((ANYTHING,), contact_points=points, protocol_options=(OTA_SIP,))


def test_client_registers_with_its_own_core_whatever_contact_point_is_named() -> None:
    by_no_gateway = deciding(SiaSettings(), (Variant.OTA_SIP,))
    decision = decided(by_no_gateway, by_sip("198.51.100.1", "198.51.100.2").encode())
    assert isinstance(decision, Decision)
    assert decision.wishes == (SessionWish(OWN_CORE, (MMS,)),)
    assert contacted(decision) == ["OTA-SIP through the own core"]
    assert decision.ignored == ("OTA-SIP through the own core: contacted not long ago",)


def test_requests_to_register_in_a_row_have_the_effect_of_one() -> None:
    decisions = deciding(SiaSettings(), (Variant.OTA_SIP,))
    assert contacted(decided(decisions, by_sip("198.51.100.1"))) != []
    assert contacted(decided(decisions, by_sip("198.51.100.2"), "two")) == []
    later = Instant(NOW + 60_000)
    assert contacted(decided(decisions, by_sip("198.51.100.3"), "three", now=later)) != []


def test_client_without_sip_does_not_register() -> None:
    refusal = decided(deciding(), by_sip("10.1.2.3"))
    assert refusal == Refusal(PushStatus.USERRFS, "this client opens no OTA-SIP session")


def test_preferred_variant_that_leads_nowhere_gives_way_to_the_other() -> None:
    both = (Variant.OTA_HTTP, Variant.OTA_WSP)
    wsp_only = SiaSettings(gateways=(ipaddress.ip_network("10.1.2.3/32"),))
    assert contacted(decided(deciding(wsp_only, both), BOTH)) == ["OTA-WSP 10.1.2.3:9201"]
    refusal = decided(deciding(SiaSettings(), both), BOTH)
    assert isinstance(refusal, Refusal)
    assert "10.1.2.4" in refusal.reason


def test_nothing_is_done_where_only_another_variant_is_offered() -> None:
    refusal = decided(deciding(), HTTP_ONLY)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "this client opens no OTA-HTTP session"


@pytest.mark.parametrize(
    ("asked_for", "registered", "named"),
    [
        (("x-wap-application:*",), (MMS, WML), (MMS, WML)),
        ((), (WML,), (WML,)),
        ((MMS, WML), (WML,), (WML,)),
        (("4",), (MMS,), (MMS,)),  # by number
        (("x-mine:app",), ("x-wap-application:*",), ("x-mine:app",)),
    ],
)
def test_session_is_for_what_is_asked_for_and_registered(
    asked_for: tuple[str, ...], registered: tuple[str, ...], named: tuple[str, ...]
) -> None:
    """B-5, B-7."""
    ids = tuple(map(ApplicationId.parse, asked_for))
    request = SessionInitiation(ids, (AddressType.of_ip("10.0.0.1"),))
    decision = decided(deciding(), request, registered=registered)
    assert isinstance(decision, Decision)
    assert [wish.applications for wish in decision.wishes] == [named]
    hiding = SiaSettings(gateways=NETWORKS, hide_applications=True)
    decision = decided(deciding(hiding), request, registered=registered)
    assert isinstance(decision, Decision)
    assert [wish.applications for wish in decision.wishes] == [("*",)]


@pytest.mark.parametrize("registered", [(), (WML,)])
def test_nobody_is_contacted_for_applications_that_are_not_there(
    registered: tuple[str, ...],
) -> None:
    request = SessionInitiation((ApplicationId.parse(MMS),), (AddressType.of_ip("10.0.0.1"),))
    assert isinstance(decided(deciding(), request, registered=registered), Refusal)
    none = decided(deciding(), asking("10.0.0.1"), registered=())
    assert isinstance(none, Refusal)


@pytest.mark.parametrize(
    ("point", "why"),
    [
        (AddressType.of_ip("192.0.2.1", 9201), "none of the gateways"),
        (AddressType.of_ip("2001:db9::1", 9201), "none of the gateways"),
        (AddressType.of_ip("10.0.0.1", 9203), "WTLS"),
        (AddressType.of_msisdn("+358401234567", 9201), "no IP address"),
        (AddressType(b"\x0a\x00\x00", 0x0B, 9201), "no IP address"),
    ],
)
def test_contact_point_that_is_not_trusted_or_not_possible_is_refused(
    point: AddressType, why: str
) -> None:
    request = SessionInitiation((ANYTHING,), (point,))
    refusal = decided(deciding(), request)
    assert isinstance(refusal, Refusal)
    assert refusal.status is PushStatus.USERRFS
    assert why in refusal.reason
    # Beside one that is trusted it is passed over.
    good = AddressType.of_ip("10.0.0.9")
    beside = SessionInitiation((ANYTHING,), (point, good))
    assert contacted(decided(deciding(), beside)) == ["OTA-WSP 10.0.0.9:9201"]


def test_without_named_gateways_nobody_is_contacted() -> None:
    assert isinstance(decided(deciding(SiaSettings()), BOTH), Refusal)


def test_gateway_that_the_client_dials_anyway_may_ask_for_a_connection() -> None:
    """For OTA-HTTP only: nothing was set up with it for push sessions."""
    knowing = SiaSettings(is_known=lambda address: address == "10.1.2.4")
    assert contacted(decided(deciding(knowing, HTTP), BOTH)) == ["OTA-HTTP 10.1.2.4:4035"]
    assert isinstance(decided(deciding(knowing, WSP), asking("10.1.2.4")), Refusal)
    nobody = SiaSettings(is_known=lambda _address: False)
    assert isinstance(decided(deciding(nobody, HTTP), BOTH), Refusal)


def test_provisioning_context_that_is_named_is_passed_on() -> None:
    point = AddressType.of_ip("10.1.2.4", 4035)
    request = SessionInitiation((ANYTHING,), (), (point,), provisioning_url=b"\xa2\x0e")
    decision = decided(deciding(variants=HTTP), request)
    assert decision == Decision((SessionWish(HTTP_GATEWAY, (MMS,), provisioning_url=b"\xa2\x0e"),))


def test_each_contact_point_is_contacted_once_and_not_too_many() -> None:
    hosts = [f"10.0.0.{number}" for number in (1, 1, 2, 3, 4, 5)]
    decision = decided(deciding(), asking(*hosts, port=None))
    assert contacted(decision) == [f"OTA-WSP 10.0.0.{number}:9201" for number in (1, 2, 3, 4)]
    mapped = asking("::ffff:10.0.0.1", "2001:db8::1", port=1)
    assert contacted(decided(deciding(), mapped)) == [
        "OTA-WSP 10.0.0.1:1",
        "OTA-WSP [2001:db8::1]:1",
    ]


def test_gateway_is_locked_out_after_a_request() -> None:
    """WAP-235 7.4: requests in a row have the effect of one."""
    decisions = deciding()
    assert contacted(decided(decisions, asking("10.0.0.1"), "a")) == ["OTA-WSP 10.0.0.1:9201"]
    again = decided(decisions, asking("10.0.0.1"), "b", now=Instant(NOW + MINUTE_MS - 1))
    assert contacted(again) == []
    # Another gateway is not.
    assert contacted(decided(decisions, asking("10.0.0.2"), "c", now=Instant(NOW + 1)))
    assert contacted(decided(decisions, asking("10.0.0.1"), "d", now=Instant(NOW + MINUTE_MS)))


def test_lockout_ends_when_the_session_exists() -> None:
    opened: set[GatewayAddress] = {GatewayAddress(Variant.OTA_WSP, "10.0.0.8", 1)}
    decisions = deciding(opened=opened)
    decided(decisions, asking("10.0.0.1"), "a")
    assert contacted(decided(decisions, asking("10.0.0.1"), "b")) == []
    opened.add(GatewayAddress(Variant.OTA_WSP, "10.0.0.1", 9201))
    assert contacted(decided(decisions, asking("10.0.0.1"), "c")) == ["OTA-WSP 10.0.0.1:9201"]
    # The same request that comes again is no other request.
    assert contacted(decided(decisions, asking("10.0.0.1"), "c")) == []


def test_flood_of_requests_is_bounded() -> None:
    decisions = deciding()
    outcomes = [
        decided(decisions, asking(f"10.0.{number // 256}.{number % 256}"), str(number))
        for number in range(1_000)
    ]
    assert sum(len(one.wishes) for one in outcomes if isinstance(one, Decision)) == 64
    assert {one.status for one in outcomes if isinstance(one, Refusal)} == {PushStatus.USERDCR}


async def client_with(
    tmp_path: Path, sessions: Sessions, device_list: tuple[Source, ...] | None = None
) -> PushClient:
    clock = VirtualClock()
    store = ClientStore(tmp_path / "client.db")
    client: PushClient

    def registered() -> set[str]:
        return {one.push_application_id for one in client.live_registrations()}

    sia = SessionInitiationApplication(SETTINGS, sessions, clock, registered)
    client = PushClient(
        store, clock, None, ClientRules(judge=FixedList(device_list), own=[sia]), BOUND
    )
    await client.start()
    return client


def short_message(octets: bytes = AS_PUSH) -> PoUnitPushInd:
    source = PushSource("OTA-WSP", "SMS", "12345", kind=AddressKind.NUMBER)
    return unit_push_indication(octets, source)


async def test_request_reaches_the_client_itself_before_any_application(tmp_path: Path) -> None:
    """B-4: also before one that takes every push; and nobody else can have its id."""
    sessions = Sessions()
    client = await client_with(tmp_path, sessions)
    try:
        await client.register_application("x-wap-application:*")
        outcome = await client.unit_push(short_message())
        assert isinstance(outcome, PoConfirmedPushRes)
        assert [wish.gateway for wish in sessions.wishes] == [WSP_GATEWAY]
        with pytest.raises(RegistrationRejected, match="the client itself is"):
            await client.register_application("x-wap-application:push.sia")
        with pytest.raises(RegistrationRejected, match="the client itself is"):
            await client.register_application("1")
        capabilities = client.capabilities()
        assert "x-wap-application:push.sia" in capabilities.accept_app_id
    finally:
        await client.close()


async def test_request_of_a_stranger_has_no_effect(tmp_path: Path) -> None:
    sessions = Sessions()
    client = await client_with(tmp_path, sessions, device_list=())
    try:
        await client.register_application(MMS)
        outcome = await client.unit_push(short_message())
        assert isinstance(outcome, PoPushAbortReq)
        assert "whitelist" in outcome.reason
        assert sessions.wishes == []
    finally:
        await client.close()


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/plain", BOTH, PushStatus.USERDCU),
        ("application/vnd.wap.sia", b"\x01\x09", PushStatus.USERRFS),
        ("application/vnd.wap.sia", b"", PushStatus.USERRFS),
    ],
)
async def test_request_that_is_none_is_refused(
    content_type: str, body: bytes, status: PushStatus
) -> None:
    sessions = Sessions()
    sia = SessionInitiationApplication(SETTINGS, sessions, VirtualClock(), lambda: {MMS})
    headers = (("Content-Type", content_type), ("X-Wap-Application-Id", "1"))
    source = PushSource("OTA-HTTP", "TCP/IP", "10.0.0.1")
    refusal = sia.push(PoConfirmedPushInd("1", PushMessage(headers, body), source))
    assert refusal is not None
    assert refusal.status is status
    assert sessions.wishes == []


def test_application_that_could_do_nothing_is_not_announced() -> None:
    def announced(settings: SiaSettings, variants: tuple[Variant, ...]) -> bool:
        sessions = Sessions(variants)
        return SessionInitiationApplication(settings, sessions, VirtualClock(), set).announced

    assert announced(SETTINGS, WSP)
    assert not announced(SiaSettings(), WSP)
    assert not announced(SETTINGS, ())
