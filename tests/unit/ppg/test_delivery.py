"""From a due row to its end: the delivery loop, one client's lane, and its connection."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from omapush.content.message import Header, PushMessage
from omapush.content.uaprof import PushCharacteristics, profile_of, write_profile
from omapush.core.instants import HOUR_MS, later
from omapush.ota.http.ppg import HttpPpgRequest, HttpPpgSettings
from omapush.ota.interface import (
    BearerUnavailable,
    CarriedPart,
    ClientCapabilities,
    OutcomeKind,
    PoConfirmedPushReq,
    PomRegisterReq,
    PoPushReq,
    PpgRequest,
    PushOutcome,
    PushStatus,
    RegistrationInd,
    SessionFailedInd,
    StreamLink,
)
from omapush.pap import address
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact, HttpContact
from omapush.ppg.delivery import DeliveryLoop, DeliverySettings
from omapush.ppg.lane import LaneSettings
from omapush.ppg.lifecycle import InDoubtPolicy, RetryPolicy
from omapush.ppg.metrics import Metrics
from omapush.ppg.profiles import Profiles, ProfileSettings
from omapush.ppg.recipients import Recipients
from omapush.ppg.store.contract import (
    BearerReport,
    DeliveryRecord,
    DeliveryState,
    NewDelivery,
    NewPush,
    PushRecord,
    ReportVerdict,
)
from omapush.ppg.terminal.dialling import Dialling, Terminals
from omapush.ppg.terminal.metrics import TerminalMetrics
from omapush.ppg.terminal.reach import TerminalReachSettings
from omapush.ppg.ways import Ways
from omapush.testing.memory_store import MemoryStore
from omapush.testing.virtual_clock import VirtualClock
from omapush.web.policy import OutboundPolicy

ANNA, BERTA = "192.0.2.1", "192.0.2.2"
OWNER = "ppg-1/a"
TAKES = ClientCapabilities(("*/*",), max_message_size=1_000, max_push_requests=4)
DONE = (OutcomeKind.DONE, None, "400 accepted")
MESSAGE = PushMessage(
    (("Content-Type", "text/plain"), ("X-Wap-Application-Id", "x-wap-application:wml.ua")), b"hello"
)
RETRY = RetryPolicy(first_ms=1_000, longest_ms=60_000, max_sent_attempts=3)
Answer = tuple[OutcomeKind, int | None, str]


@dataclass
class Terminal:
    """What one terminal does; ``answers`` are used up one by one, then each push is taken.

    ``None`` among them: that push is never answered.
    """

    registration: RegistrationInd
    answers: list[Answer | None]
    refusal: SessionFailedInd | None = None
    away: bool = False
    dialled: int = 0
    asked_again: int = 0
    report_by_ms: int | None = None
    carried: tuple[CarriedPart, ...] = ()


class Link:
    """An open connection to a scripted terminal."""

    peer = "192.0.2.1:4035"

    def __init__(
        self,
        terminal: Terminal,
        sent: list[PpgRequest],
        tell: Callable[[Any], None],
        closed: Callable[[str], None],
    ) -> None:
        self._terminal = terminal
        self._sent = sent
        self._tell = tell
        self.closed = closed
        self.close_reason: str | None = None

    def request(self, primitive: HttpPpgRequest) -> None:
        if isinstance(primitive, PomRegisterReq):
            self._terminal.asked_again += 1
            self._tell(self._terminal.registration)
            return
        self._sent.append(primitive)
        answer = self._terminal.answers.pop(0) if self._terminal.answers else DONE
        if answer is not None:
            kind, status, reason = answer
            told = PushOutcome(primitive.delivery_id, kind, reason, status)
            terminal = self._terminal
            self._tell(replace(told, report_by_ms=terminal.report_by_ms, carried=terminal.carried))

    def close(self, reason: str) -> None:
        self.close_reason = reason
        self.closed(reason)


class Bearer:
    """Dials scripted terminals."""

    def __init__(self) -> None:
        told = RegistrationInd("6000", "00", "dGFn", TAKES, (("X-Wap-Push-Accept", "*/*"),))
        self.terminals = {host: Terminal(told, []) for host in (ANNA, BERTA)}
        self.sent: list[PpgRequest] = []
        self.links: list[Link] = []

    async def connect(
        self,
        host: str,
        port: int,
        session: object,
        on_indication: Callable[[Any], None],
        on_closed: Callable[[str], None],
        timeout_ms: int,
    ) -> StreamLink[Any]:
        terminal = self.terminals[host]
        terminal.dialled += 1
        if terminal.away:
            raise BearerUnavailable(f"nobody at {host}")
        link = Link(terminal, self.sent, on_indication, on_closed)
        self.links.append(link)
        on_indication(terminal.refusal or terminal.registration)
        return link

    @property
    def sent_bodies(self) -> list[bytes]:
        return [request.message.body for request in self.sent]


class Gateway:
    """A delivery loop on a ledger in memory, with time that the test moves."""

    def __init__(self, store: MemoryStore, recipients: Recipients) -> None:
        self.store = store
        self.clock = VirtualClock()
        self.bearer = Bearer()
        self.metrics = Metrics()
        self.notified = 0
        self._recipients = recipients
        self._push_keys = (f"{number:032x}" for number in itertools.count(1))
        self._task: asyncio.Task[None] | None = None

    def start(self, settings: DeliverySettings, profiles: Profiles | None = None) -> None:
        dialling = Dialling(self.bearer, HttpPpgSettings(), lambda: "nonce", 1_000)
        metrics = TerminalMetrics(self.metrics.registry)
        terminals = self.terminals = Terminals(dialling, self.clock, profiles, metrics)
        self.loop = DeliveryLoop(
            self.store,
            self._recipients,
            Ways(self.store, terminals, self.clock),
            self.metrics,
            self._ended,
            self.clock,
            OWNER,
            settings,
        )
        self._task = asyncio.create_task(self.loop.run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def counted(self, what: str, **labels: str) -> float | None:
        name = f"omapush_terminal_{what}_total"
        return self.metrics.registry.get_sample_value(name, labels)

    def _ended(self) -> None:
        self.notified += 1

    async def accept(
        self,
        push_id: str,
        *clients: str,
        message: PushMessage = MESSAGE,
        confirmed: bool = True,
        life_ms: int = HOUR_MS,
    ) -> None:
        now = self.clock()
        deliveries = tuple(
            NewDelivery(position, f"address of {client}", client, now, client)
            for position, client in enumerate(clients or ("anna",))
        )
        push = NewPush(
            push_key=next(self._push_keys),
            push_id=push_id,
            initiator_id="weather",
            pap_version="2.0",
            received_at=now,
            expires_at=later(now, life_ms),
            content_digest="",
            confirmed=confirmed,
            flags=0,
            notify_url="http://pi.example.net/",
            control={},
            message=message,
            deliveries=deliveries,
        )
        await self.store.accept([push])

    async def rest(self) -> None:
        """Let everything run that can without time passing."""
        self.loop.wake()
        for _ in range(60):
            await asyncio.sleep(0)

    async def pass_time(self, milliseconds: int) -> None:
        self.clock.advance(milliseconds)
        await self.rest()

    async def push(self, push_id: str) -> PushRecord:
        record = await self.store.push(push_id)
        assert record is not None
        return record

    async def delivery(self, push_id: str) -> DeliveryRecord:
        return (await self.push(push_id)).deliveries[0]

    async def events(self, push_id: str) -> list[str]:
        return [line.event for line in (await self.push(push_id)).timeline]


@pytest.fixture
async def gateway(store: MemoryStore, recipients: Recipients) -> AsyncIterator[Gateway]:
    made = Gateway(store, recipients)
    made.start(DeliverySettings(LaneSettings(RETRY)))
    yield made
    await made.close()


@pytest.fixture
def anna(gateway: Gateway) -> Terminal:
    return gateway.bearer.terminals[ANNA]


async def test_due_push_is_sent_settled_and_reported(gateway: Gateway) -> None:
    await gateway.accept("a@pi")
    await gateway.rest()
    delivery = await gateway.delivery("a@pi")
    assert (delivery.state, delivery.code) == (DeliveryState.DELIVERED, 1000)
    assert delivery.confirmed
    assert await gateway.events("a@pi") == ["accepted", "attempt", "registered", "delivered"]
    assert gateway.notified == 1
    (request,) = gateway.bearer.sent
    assert isinstance(request, PoConfirmedPushReq)
    assert request.delivery_id == str(delivery.key)
    assert request.message.get("X-Wap-Application-Id") == "2"  # PPG 5.1.2.1.2
    assert b'state="delivered"} 1.0' in gateway.metrics.exposition(None)


async def test_unconfirmed_push_is_sent_as_such_and_reported_as_such(gateway: Gateway) -> None:
    await gateway.accept("a@pi", confirmed=False)
    await gateway.rest()
    assert isinstance(gateway.bearer.sent[0], PoPushReq)
    delivery = await gateway.delivery("a@pi")
    assert (delivery.state, delivery.confirmed) == (DeliveryState.DELIVERED, False)


async def test_pushes_to_one_terminal_share_a_connection_and_their_order(gateway: Gateway) -> None:
    for number in range(20):
        body = replace(MESSAGE, body=str(number).encode())
        await gateway.accept(f"{number}@pi", message=body)
    await gateway.rest()
    assert gateway.bearer.sent_bodies == [str(number).encode() for number in range(20)]
    assert gateway.bearer.terminals[ANNA].dialled == 1


async def test_refusal_for_good_ends_with_the_clients_code(
    gateway: Gateway, anna: Terminal
) -> None:
    anna.answers = [(OutcomeKind.NEVER, PushStatus.USERRFS, "235 no thanks")]
    await gateway.accept("a@pi")
    await gateway.rest()
    delivery = await gateway.delivery("a@pi")
    assert (delivery.state, delivery.code) == (DeliveryState.ABORTED, 5235)
    assert delivery.reason.startswith("235 no thanks; OTA-HTTP")


async def test_handed_over_push_is_not_sent_again_and_ends_unknown_without_a_report(
    gateway: Gateway, anna: Terminal
) -> None:
    anna.answers = [(OutcomeKind.HANDED_OVER, None, "taken")]
    await gateway.accept("a@pi")
    await gateway.rest()
    delivery = await gateway.delivery("a@pi")
    assert (delivery.state, delivery.sent_attempts) == (DeliveryState.HANDED_OVER, 1)
    assert b'omapush_deliveries{state="handed_over"} 1.0' in gateway.metrics.exposition(
        await gateway.store.counts()
    )
    await gateway.store.recover("ppg-1", "another", gateway.clock())
    await gateway.pass_time(HOUR_MS)
    delivery = await gateway.delivery("a@pi")
    assert (delivery.state, delivery.code) == (DeliveryState.UNKNOWN, 4000)
    assert "no report came" in delivery.reason
    assert len(gateway.bearer.sent) == 1


async def test_report_that_is_quicker_than_the_settlement_wakes_the_notifications(
    gateway: Gateway, anna: Terminal
) -> None:
    anna.answers = [(OutcomeKind.HANDED_OVER, None, "taken")]
    anna.carried = (CarriedPart("smsc:main", "4711"),)
    early = BearerReport("smsc:main", "4711", gateway.clock(), ReportVerdict.DELIVERED)
    await gateway.store.report([early])
    await gateway.accept("a@pi")
    await gateway.rest()
    assert (await gateway.delivery("a@pi")).state is DeliveryState.DELIVERED
    assert gateway.notified == 1


async def test_handed_over_push_that_is_claimed_early_is_left_with_its_bearer(
    gateway: Gateway, anna: Terminal
) -> None:
    anna.answers = [(OutcomeKind.HANDED_OVER, None, "taken")]
    anna.report_by_ms = 5_000
    await gateway.accept("a@pi")
    await gateway.rest()
    await gateway.pass_time(5_000)
    delivery = await gateway.delivery("a@pi")
    assert (delivery.state, delivery.attempt) == (DeliveryState.HANDED_OVER, 2)
    assert delivery.due_at == (await gateway.push("a@pi")).expires_at
    assert len(gateway.bearer.sent) == 1
    assert await gateway.events("a@pi") == [
        "accepted", "attempt", "registered", "handed_over", "attempt", "handed_over",
    ]  # fmt: skip


async def test_refusal_for_now_is_tried_again_when_its_wait_is_over(
    gateway: Gateway, anna: Terminal
) -> None:
    anna.answers = [(OutcomeKind.LATER, PushStatus.USERREQ, "234 busy")]
    await gateway.accept("a@pi")
    await gateway.rest()
    delivery = await gateway.delivery("a@pi")
    assert (delivery.state, delivery.sent_attempts) == (DeliveryState.QUEUED, 1)
    await gateway.pass_time(500)
    assert len(gateway.bearer.sent) == 1
    await gateway.pass_time(1_000)
    assert (await gateway.delivery("a@pi")).state is DeliveryState.DELIVERED
    assert len(gateway.bearer.sent) == 2


async def test_terminal_that_refuses_too_often_ends_the_delivery(
    gateway: Gateway, anna: Terminal
) -> None:
    anna.answers = [(OutcomeKind.LATER, PushStatus.USERDCR, "237 full")] * 5
    await gateway.accept("a@pi")
    for _ in range(5):
        await gateway.pass_time(10_000)
    delivery = await gateway.delivery("a@pi")
    assert (delivery.state, delivery.code) == (DeliveryState.ABORTED, 5237)
    assert len(gateway.bearer.sent) == RETRY.max_sent_attempts


async def test_connection_lost_after_sending_is_told_and_ends_as_timeout(
    gateway: Gateway, anna: Terminal
) -> None:
    anna.answers = [None] * 3
    await gateway.accept("a@pi")
    for attempt in range(1, 4):
        await gateway.rest()
        assert len(gateway.bearer.sent) == attempt
        gateway.bearer.links[-1].closed("reset by peer")
        await gateway.rest()
        await gateway.pass_time(10_000)
    delivery = await gateway.delivery("a@pi")
    assert (delivery.state, delivery.code) == (DeliveryState.TIMEOUT, 4000)
    assert delivery.reason.startswith("reset by peer")
    assert gateway.counted("connections_ended", method="PO-TCP") == 3
    assert gateway.counted("pushes", method="PO-TCP", outcome="in_doubt") == 3
    assert gateway.terminals.dialled.connections() == 0


async def test_terminal_that_is_away_costs_one_dial_for_its_whole_backlog(
    gateway: Gateway, anna: Terminal
) -> None:
    anna.away = True
    for number in range(30):
        await gateway.accept(f"{number}@pi")
    await gateway.rest()
    assert anna.dialled == 1
    for number in (0, 29):
        delivery = await gateway.delivery(f"{number}@pi")
        assert delivery.state is DeliveryState.QUEUED
        assert delivery.sent_attempts == 0
        assert delivery.due_at is not None
        assert delivery.due_at > gateway.clock()
        assert "nobody at 192.0.2.1" in delivery.reason
    anna.away = False
    await gateway.pass_time(2_000)
    assert anna.dialled == 2
    assert len(gateway.bearer.sent) == 30  # all at once, not one by one as their waits end


async def test_slow_terminal_does_not_delay_another(gateway: Gateway, anna: Terminal) -> None:
    anna.answers = [None] * 50
    for number in range(50):
        await gateway.accept(f"slow-{number}@pi", "anna")
    await gateway.accept("b@pi", "berta")
    await gateway.rest()
    assert (await gateway.delivery("b@pi")).state is DeliveryState.DELIVERED
    slow = [request for request in gateway.bearer.sent if request.message is not None][:-1]
    assert len(slow) <= TAKES.max_push_requests  # what it allows, however much waits
    counts = await gateway.store.counts()
    assert counts.deliveries[DeliveryState.IN_FLIGHT] <= DeliverySettings().per_client


async def test_each_recipient_of_a_push_has_its_own_end(gateway: Gateway, anna: Terminal) -> None:
    anna.answers = [(OutcomeKind.NEVER, PushStatus.USERDCU, "238 cannot read it")]
    await gateway.accept("a@pi", "anna", "berta")
    await gateway.rest()
    ends = [each.state for each in (await gateway.push("a@pi")).deliveries]
    assert ends == [DeliveryState.ABORTED, DeliveryState.DELIVERED]
    assert gateway.notified == 2


@pytest.mark.parametrize(
    ("takes", "why"),
    [
        (replace(TAKES, accept=("text/vnd.wap.si",)), "does not take text/plain"),
        (replace(TAKES, accept_app_id=("x-wap-application:mms.ua",)), "no application"),
        (replace(TAKES, max_message_size=20), "and the client takes 20"),
    ],
)
async def test_content_that_the_client_cannot_take_is_not_sent(
    gateway: Gateway, anna: Terminal, takes: ClientCapabilities, why: str
) -> None:
    anna.registration = replace(anna.registration, capabilities=takes)
    await gateway.accept("a@pi")
    await gateway.rest()
    delivery = await gateway.delivery("a@pi")
    assert (delivery.state, delivery.code) == (DeliveryState.UNDELIVERABLE, 2006)
    assert why in delivery.reason
    assert not delivery.confirmed
    assert gateway.bearer.sent == []


async def test_capabilities_from_before_the_push_are_asked_for_again_before_it_is_given_up(
    gateway: Gateway, anna: Terminal
) -> None:
    narrow = replace(anna.registration, capabilities=replace(TAKES, accept=("text/vnd.wap.si",)))
    wide, anna.registration = anna.registration, narrow
    await gateway.accept("first@pi")
    await gateway.rest()
    assert (await gateway.delivery("first@pi")).state is DeliveryState.UNDELIVERABLE
    anna.registration = wide  # an application was added on the terminal meanwhile
    await gateway.pass_time(1_000)
    await gateway.accept("second@pi")
    await gateway.rest()
    assert (await gateway.delivery("second@pi")).state is DeliveryState.DELIVERED
    assert (anna.dialled, anna.asked_again) == (1, 1)


async def test_registration_is_renewed_when_it_has_grown_old(
    gateway: Gateway, anna: Terminal
) -> None:
    await gateway.accept("a@pi")
    await gateway.rest()
    await gateway.pass_time(TerminalReachSettings().registration_age_ms)
    await gateway.accept("b@pi")
    await gateway.rest()
    assert (anna.dialled, anna.asked_again) == (1, 1)
    (known,) = await gateway.store.registrations("anna")
    assert known.terminal_id == "6000"
    assert known.cpi == {"dGFn": (("X-Wap-Push-Accept", "*/*"),)}


@pytest.mark.parametrize(
    ("refusal", "state", "code"),
    [
        (SessionFailedInd("600", may_retry=False, status=600), DeliveryState.ABORTED, 5600),
        (SessionFailedInd("302", may_retry=False, status=302), DeliveryState.UNDELIVERABLE, 4000),
        (SessionFailedInd("garbage", may_retry=True), DeliveryState.QUEUED, None),
    ],
)
async def test_registration_that_fails_ends_the_delivery_or_is_tried_again(
    gateway: Gateway,
    anna: Terminal,
    refusal: SessionFailedInd,
    state: DeliveryState,
    code: int | None,
) -> None:
    anna.refusal = refusal
    await gateway.accept("a@pi")
    await gateway.rest()
    delivery = await gateway.delivery("a@pi")
    assert (delivery.state, delivery.code) == (state, code)
    assert refusal.reason in delivery.reason


async def test_second_contact_is_tried_when_the_first_leads_nowhere(store: MemoryStore) -> None:
    further = (Contact(HttpContact(BERTA, 4035), "GSM", "GPRS"),)
    anna = _client("anna", ANNA)
    gateway = Gateway(store, Recipients([replace(anna, contacts=(*anna.contacts, *further))]))
    gateway.bearer.terminals[ANNA].away = True
    gateway.start(DeliverySettings(LaneSettings(RETRY)))
    await gateway.accept("a@pi")
    await gateway.rest()
    delivery = await gateway.delivery("a@pi")
    assert delivery.state is DeliveryState.DELIVERED
    assert (delivery.network, delivery.bearer) == ("GSM", "GPRS")  # what is told to the initiator
    assert "192.0.2.2:4035 (GSM/GPRS)" in delivery.reason
    assert gateway.counted("dials", result="unreachable") == 1
    assert gateway.counted("dials", result="connected") == 1
    assert gateway.counted("registrations", method="PO-TCP", authenticated="no") == 1
    assert gateway.terminals.dialled.connections() == 1
    await gateway.accept("b@pi")
    await gateway.rest()
    assert gateway.bearer.terminals[ANNA].dialled == 1  # not again before its wait is over
    await gateway.close()


async def test_only_when_every_contact_fails_the_backlog_is_put_off(store: MemoryStore) -> None:
    further = (Contact(HttpContact(BERTA, 4035)),)
    anna = _client("anna", ANNA)
    gateway = Gateway(store, Recipients([replace(anna, contacts=(*anna.contacts, *further))]))
    for terminal in gateway.bearer.terminals.values():
        terminal.away = True
    gateway.start(DeliverySettings(LaneSettings(RETRY)))
    for number in range(20):
        await gateway.accept(f"{number}@pi")
    await gateway.rest()
    assert [each.dialled for each in gateway.bearer.terminals.values()] == [1, 1]
    reason = (await gateway.delivery("19@pi")).reason
    assert "192.0.2.1" in reason
    assert "192.0.2.2" in reason
    gateway.bearer.terminals[BERTA].away = False
    await gateway.pass_time(2_000)
    assert len(gateway.bearer.sent) == 20
    await gateway.close()


async def test_another_terminal_at_the_address_gets_nothing(store: MemoryStore) -> None:
    known = Recipients([replace(_client("anna", ANNA), terminal_id="4155")])
    gateway = Gateway(store, known)
    gateway.start(DeliverySettings(LaneSettings(RETRY)))
    await gateway.accept("a@pi")
    await gateway.rest()
    delivery = await gateway.delivery("a@pi")
    assert delivery.state is DeliveryState.QUEUED
    assert "terminal '6000' answered, '4155' was expected" in delivery.reason
    assert gateway.counted("refusals", method="PO-TCP", reason="another_terminal") == 1
    assert gateway.terminals.dialled.connections() == 0
    assert gateway.bearer.sent == []
    await gateway.close()


async def test_client_that_the_settings_no_longer_name_is_out_of_reach(gateway: Gateway) -> None:
    await gateway.accept("a@pi", "gone")
    await gateway.rest()
    delivery = await gateway.delivery("a@pi")
    assert (delivery.state, delivery.code) == (DeliveryState.UNDELIVERABLE, 4000)


async def test_nothing_is_sent_after_the_deadline(gateway: Gateway, anna: Terminal) -> None:
    anna.away = True
    await gateway.accept("a@pi", life_ms=30_000)
    await gateway.rest()
    anna.away = False
    await gateway.pass_time(30_000)
    delivery = await gateway.delivery("a@pi")
    assert delivery.state is DeliveryState.EXPIRED
    assert gateway.bearer.sent == []


@pytest.mark.parametrize(
    ("policy", "state", "sent"),
    [
        (InDoubtPolicy.SEND_AGAIN, DeliveryState.DELIVERED, 1),
        (InDoubtPolicy.GIVE_UP, DeliveryState.UNKNOWN, 0),
    ],
)
async def test_delivery_that_a_crash_left_in_doubt_goes_by_policy(
    store: MemoryStore,
    recipients: Recipients,
    policy: InDoubtPolicy,
    state: DeliveryState,
    sent: int,
) -> None:
    gateway = Gateway(store, recipients)
    await gateway.accept("a@pi")
    await store.claim("ppg-1/crashed", gateway.clock(), 1_000, 10, 10)
    await store.recover("ppg-1", "a", gateway.clock())
    gateway.start(DeliverySettings(LaneSettings(replace(RETRY, in_doubt=policy))))
    await gateway.rest()
    assert (await gateway.delivery("a@pi")).state is state
    assert len(gateway.bearer.sent) == sent
    assert "in_doubt" in await gateway.events("a@pi")
    await gateway.close()


async def test_ledger_that_is_away_for_a_while_is_asked_again(gateway: Gateway) -> None:
    await gateway.accept("a@pi")
    gateway.store.unavailable = "disk full"
    await gateway.rest()
    assert gateway.bearer.sent == []
    gateway.store.unavailable = None
    await gateway.rest()
    assert (await gateway.delivery("a@pi")).state is DeliveryState.DELIVERED


async def test_lease_that_was_lost_meanwhile_is_not_settled_and_not_reported(
    gateway: Gateway, anna: Terminal
) -> None:
    anna.answers = [None]
    await gateway.accept("a@pi")
    await gateway.rest()
    later_on = later(gateway.clock(), DeliverySettings().lease_ms)
    (taken,) = await gateway.store.claim("ppg-2/b", later_on, 600_000, 1, 1)
    assert taken.in_doubt
    gateway.bearer.links[0].closed("gone")  # the first owner learns its end too late
    await gateway.rest()
    assert (await gateway.delivery("a@pi")).state is DeliveryState.IN_FLIGHT
    assert gateway.notified == 0


async def test_fault_of_ours_in_one_delivery_leaves_the_others_alone(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(message: PushMessage) -> PushMessage:
        if message.body == b"bad":
            raise RuntimeError("a fault of ours")
        return message

    monkeypatch.setattr("omapush.ppg.lane.for_the_air", broken)
    await gateway.accept("bad@pi", message=replace(MESSAGE, body=b"bad"))
    await gateway.accept("good@pi")
    await gateway.rest()
    assert (await gateway.delivery("good@pi")).state is DeliveryState.DELIVERED
    # Kept by its lease, and looked at again in doubt when that ends.
    assert (await gateway.delivery("bad@pi")).state is DeliveryState.IN_FLIGHT


async def test_stopping_lets_what_is_under_way_end_and_queues_the_rest(
    gateway: Gateway, anna: Terminal
) -> None:
    anna.answers = [None] * 8
    for number in range(8):
        await gateway.accept(f"{number}@pi")
    await gateway.rest()
    under_way = list(gateway.bearer.sent)
    stopping = asyncio.create_task(gateway.loop.stop(patience_ms=60_000))
    await gateway.rest()
    for request in under_way:
        gateway.bearer.links[0]._tell(PushOutcome(request.delivery_id, OutcomeKind.DONE, "400"))
    await gateway.rest()
    await asyncio.wait_for(stopping, 10)
    states = [(await gateway.delivery(f"{number}@pi")).state for number in range(8)]
    assert states.count(DeliveryState.DELIVERED) == len(under_way)
    assert states.count(DeliveryState.QUEUED) == 8 - len(under_way)
    await gateway.accept("late@pi")
    await gateway.rest()
    assert (await gateway.delivery("late@pi")).state is DeliveryState.QUEUED


def _client(client_id: str, host: str) -> Client:
    only = (address.parse(f"WAPPUSH={client_id}/TYPE=USER@ppg.example.net"),)
    return Client(client_id, only, (Contact(HttpContact(host, 4035)),))


def in_difference(characteristics: PushCharacteristics) -> tuple[Header, ...]:
    """Return CPI headers that say so in a difference, for which nothing needs to be fetched."""
    document = write_profile(profile_of(characteristics))
    digest = base64.b64encode(hashlib.md5(document, usedforsecurity=False).digest()).decode()
    return (
        ("x-wap-profile", f'"1-{digest}"'),
        ("x-wap-profile-diff", f"1;{document.decode()}"),
    )


@pytest.mark.parametrize(
    ("size", "state"), [(20_000, DeliveryState.DELIVERED), (1_000, DeliveryState.UNDELIVERABLE)]
)
async def test_what_fits_is_judged_by_the_profile_where_headers_are_silent(
    store: MemoryStore, recipients: Recipients, size: int, state: DeliveryState
) -> None:
    gateway = Gateway(store, recipients)
    told = in_difference(PushCharacteristics(accept=("text/plain",), msg_size=size))
    silent = RegistrationInd("6000", "00", "dGFn", ClientCapabilities(), told)
    gateway.bearer.terminals[ANNA].registration = silent
    profiles = Profiles(OutboundPolicy(), ProfileSettings(), gateway.clock)
    gateway.start(DeliverySettings(LaneSettings(RETRY)), profiles)
    await gateway.accept("a@pi", message=replace(MESSAGE, body=b"x" * 5_000))
    await gateway.rest()
    delivery = await gateway.delivery("a@pi")
    assert delivery.state is state
    registered = next(
        line for line in (await gateway.push("a@pi")).timeline if line.event == "registered"
    )
    assert f"up to {size} octets" in registered.detail
    await gateway.close()
    await profiles.close()


async def test_profile_that_cannot_be_had_fails_no_push(
    store: MemoryStore, recipients: Recipients
) -> None:
    gateway = Gateway(store, recipients)
    named = (("X-Wap-Push-Accept", "*/*"), ("x-wap-profile", '"http://169.254.169.254/p"'))
    gateway.bearer.terminals[ANNA].registration = RegistrationInd("6000", "00", "t", TAKES, named)
    profiles = Profiles(OutboundPolicy(), ProfileSettings(), gateway.clock)
    gateway.start(DeliverySettings(LaneSettings(RETRY)), profiles)
    await gateway.accept("a@pi")
    await gateway.rest()
    assert (await gateway.delivery("a@pi")).state is DeliveryState.DELIVERED
    await gateway.close()
    await profiles.close()
