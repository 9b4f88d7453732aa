"""Which reach a route gets, and whom a push that was handed over is asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from omapush.bearers.tcp import TcpBearer
from omapush.content.message import PushMessage
from omapush.core.instants import HOUR_MS, MINUTE_MS, Instant
from omapush.ota.bearer_reports import BearerReport, ReportVerdict
from omapush.ota.datagrams import Peer
from omapush.ota.http.ppg import HttpPpgSettings
from omapush.ota.interface import (
    BearerUnavailable,
    CarriedPart,
    PoConfirmedPushReq,
    PoPushReq,
    PushFlag,
)
from omapush.ppg.client import Client
from omapush.ppg.contacts import (
    Contact,
    HttpContact,
    SessionContact,
    SmsContact,
    UdpContact,
    Where,
)
from omapush.ppg.datagram_reach import DatagramReach, Datagrams, DatagramSettings
from omapush.ppg.lifecycle import RetryPolicy
from omapush.ppg.metrics import Metrics
from omapush.ppg.push_sessions import PushSessions
from omapush.ppg.reach import BackOff, ClosedReach, RegistrationFailedError, request_of
from omapush.ppg.reports import Reports
from omapush.ppg.routing import Route
from omapush.ppg.session_reach import SessionReach, SessionSettings
from omapush.ppg.short_message_reach import ShortMessageReach, ShortMessageSettings
from omapush.ppg.store.contract import ClaimedDelivery, DeliveryKey, ReportedPart
from omapush.ppg.terminal.dialling import Dialling, Terminals
from omapush.ppg.terminal.reach import TerminalReach
from omapush.ppg.ways import Sessions, ShortMessages, Ways
from omapush.testing.memory_store import MemoryStore
from omapush.testing.scripted_short_messages import SMSC, ScriptedShortMessages
from omapush.testing.virtual_clock import START, VirtualClock

MESSAGE = PushMessage((("Content-Type", "application/vnd.wap.sia"),), b"x")
HTTP, UDP = HttpContact("192.0.2.1", 4035), UdpContact("192.0.2.1")
SMS, SESSION = SmsContact("+1555"), SessionContact("192.0.2.1")
CLAIMED = ClaimedDelivery(
    key=DeliveryKey("0" * 32, 3),
    push_id="a@pi",
    initiator_id="weather",
    client_id="anna",
    address="anna",
    owner="ppg-1/a",
    attempt=1,
    sent_attempts=1,
    in_doubt=False,
    lease_until=Instant(START + 300_000),
    received_at=START,
    expires_at=Instant(START + 3_600_000),
    confirmed=False,
    flags=3,
    message=MESSAGE,
    handed_over=True,
    carried=(ReportedPart(CarriedPart(SMSC, "7")),),
)


class Port:
    """A port for datagrams that notes what is sent."""

    port = 9200

    def __init__(self) -> None:
        self.sent: list[Peer] = []

    async def open(self, *_: object) -> Port:
        raise AssertionError

    async def resolve(self, host: str, port: int, timeout_ms: int) -> Peer:
        return Peer(host, port)

    def send(self, octets: bytes, peer: Peer) -> None:
        self.sent.append(peer)

    def close(self) -> None:
        raise AssertionError


class World:
    """A gateway that has the bearers that are named."""

    def __init__(self, *bearers: str) -> None:
        self.store = MemoryStore()
        self.store.unavailable = None
        self.clock = VirtualClock()
        self.smsc = ScriptedShortMessages()
        self.port = Port()
        self.reports = Reports(self.store, Metrics(), lambda: None)
        sms = ShortMessages(self.smsc, ShortMessageSettings(report_within_ms=7), self.reports)
        sessions = PushSessions(lambda _: None, lambda _: None, self.clock)
        datagrams = Datagrams(self.port, self.port, DatagramSettings())
        self.ways = Ways(
            self.store,
            Terminals(Dialling(TcpBearer(self.clock), HttpPpgSettings(), str), self.clock),
            self.clock,
            None,
            datagrams if "udp" in bearers else None,
            sms if "sms" in bearers else None,
            Sessions(sessions, SessionSettings(lambda _: MESSAGE))
            if "sessions" in bearers
            else None,
        )

    def reach(self, where: Where, *others: Where) -> object:
        contacts = tuple(Contact(each) for each in (where, *others))
        return self.ways.reach(Client("anna", (), contacts), Route(contacts[0], "because"))


def phones(*numbers: str) -> Client:
    return Client("anna", (), tuple(Contact(SmsContact(number)) for number in numbers))


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        (HTTP, TerminalReach),
        (UDP, DatagramReach),
        (SMS, ShortMessageReach),
        (SESSION, SessionReach),
    ],
)
def test_each_kind_of_contact_has_its_reach(where: Where, kind: type) -> None:
    assert isinstance(World("udp", "sms", "sessions").reach(where), kind)


@pytest.mark.parametrize("where", [UDP, SMS, SESSION])
async def test_contact_without_bearer_waits_for_one(where: Where) -> None:
    reach = World().reach(where)
    assert isinstance(reach, ClosedReach)
    assert (reach.worth_keeping, reach.not_before, reach.outstanding_limit) == (False, 0, 1)
    with pytest.raises(BearerUnavailable, match="no bearer is configured for OTA-WSP"):
        await reach.passage(CLAIMED, MESSAGE)
    reach.retire("no more pushes for now")


@pytest.mark.parametrize(
    ("bearers", "contacts", "by_udp", "by_sms"),
    [
        (("udp", "sms"), (UDP, SMS), 1, 0),
        (("udp", "sms"), (SMS, UDP), 0, 1),
        (("sms",), (UDP, SMS), 0, 1),  # nothing would ever leave by UDP
        (("udp", "sms"), (HTTP, SMS), 0, 1),
    ],
)
async def test_session_is_asked_for_over_the_first_contact_that_has_a_bearer(
    bearers: tuple[str, ...], contacts: tuple[Where, ...], by_udp: int, by_sms: int
) -> None:
    world = World(*bearers, "sessions")
    await world.store.open()
    reach = world.reach(SESSION, *contacts)
    assert isinstance(reach, SessionReach)
    with pytest.raises(BearerUnavailable, match="has no push session open"):
        await reach.passage(CLAIMED, MESSAGE)
    told = await reach.ask(CLAIMED, MESSAGE)
    assert told is not None
    assert "asked for a push session" in told
    assert (len(world.port.sent), len(world.smsc.calls)) == (by_udp, by_sms)


async def test_client_with_a_session_only_is_not_asked() -> None:
    reach = World("udp", "sms", "sessions").reach(SESSION, HTTP)
    assert isinstance(reach, SessionReach)
    with pytest.raises(BearerUnavailable, match="has no push session open"):
        await reach.passage(CLAIMED, MESSAGE)
    assert await reach.ask(CLAIMED, MESSAGE) is None


async def test_what_the_smsc_tells_goes_into_the_ledger() -> None:
    world = World("sms")
    await world.store.open()
    world.smsc.reports["7"] = BearerReport(SMSC, "7", START, ReportVerdict.EN_ROUTE)
    told = await world.ways.inquire(phones("+1555"), CLAIMED)
    assert told == ("the SMSC was asked, and says: en_route", 7)
    assert world.smsc.queried == [("7", "+1555")]


async def test_smsc_that_tells_nothing_is_asked_for_each_number_of_the_client() -> None:
    world = World("sms")
    told = await world.ways.inquire(phones("+1555", "+1556"), CLAIMED)
    assert told == ("no report has come, and the SMSC does not tell either", 7)
    assert world.smsc.queried == [("7", "+1555"), ("7", "+1556")]


@pytest.mark.parametrize(
    ("bearer", "client"),
    [("sms", None), ("sms", Client("anna", (), (Contact(UDP),))), ("udp", phones("+1555"))],
)
async def test_push_whose_bearer_or_number_is_gone_is_left_until_it_expires(
    bearer: str, client: Client | None
) -> None:
    world = World(bearer)
    told = await world.ways.inquire(client, CLAIMED)
    assert told == ("no report has come, and no bearer is left to be asked", HOUR_MS)
    assert world.smsc.queried == []


@pytest.mark.parametrize(
    ("where", "way", "text", "variant", "confirms"),
    [
        (HTTP, "OTA-HTTP, PO-TCP to 192.0.2.1:4035", "192.0.2.1:4035", "OTA-HTTP", True),
        (
            UdpContact("2001:db8::1"),
            "OTA-WSP, connectionless by UDP to [2001:db8::1]:2948",
            "[2001:db8::1]:2948",
            "OTA-WSP",
            False,
        ),
        (SMS, "OTA-WSP, connectionless by SMS to +1555", "+1555", "OTA-WSP", False),
        (SESSION, "OTA-WSP, push session of 192.0.2.1", "192.0.2.1", "OTA-WSP", True),
    ],
)
def test_contact_tells_its_variant_and_whether_it_confirms(
    where: Where, way: str, text: str, variant: str, *, confirms: bool
) -> None:
    contact = Contact(where)
    assert (where.way, str(where)) == (way, text)
    assert (contact.variant, contact.confirms) == (variant, confirms)


@pytest.mark.parametrize("confirmed", [True, False])
def test_request_is_confirmed_as_the_delivery_is(*, confirmed: bool) -> None:
    request = request_of(replace(CLAIMED, confirmed=confirmed), MESSAGE)
    assert isinstance(request, PoConfirmedPushReq if confirmed else PoPushReq)
    assert request.delivery_id == str(CLAIMED.key)
    assert request.flags == PushFlag.INITIATOR_AUTHENTICATED | PushFlag.CONTENT_TRUSTED


def test_back_off_grows_and_ends() -> None:
    clock = VirtualClock()
    back_off = BackOff(RetryPolicy(first_ms=1_000, longest_ms=4_000), clock, "anna")
    back_off.check(clock())
    waits = [back_off.failed(f"failure {number}") for number in range(5)]
    assert waits == sorted(waits)
    assert waits[0] >= 1_000
    assert 4_000 <= waits[-1] <= 4_400
    with pytest.raises(BearerUnavailable, match="failure 4"):
        back_off.check(clock())
    clock.advance(waits[-1])
    back_off.check(clock())
    assert back_off.failed("again", at_least_ms=MINUTE_MS) == MINUTE_MS
    back_off.succeeded()
    assert back_off.not_before == 0
    assert back_off.failed("first again") == waits[0]


def test_registration_that_failed_tells_whether_to_try_again() -> None:
    error = RegistrationFailedError("600", may_retry=False, status=600)
    assert (error.reason, error.may_retry, error.status) == ("600", False, 600)
