"""The one way to a terminal: its own connection, or dialling it, or asking it to come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.core.instants import HOUR_MS, SECOND_MS, Instant
from omapush.core.peer_certificate import PeerCertificate
from omapush.ota.http.ppg import HttpPpgRequest, HttpPpgSettings
from omapush.ota.interface import (
    BearerUnavailable,
    ClientCapabilities,
    OutcomeKind,
    PoConfirmedPushReq,
    PomRegisterReq,
    PpgRequest,
    PushOutcome,
    PushStatus,
    RegistrationInd,
    SessionFailedInd,
)
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact, HttpContact
from omapush.ppg.lane import Lane, LaneSettings
from omapush.ppg.lifecycle import RetryPolicy
from omapush.ppg.reach import Passage, RegistrationFailedError
from omapush.ppg.store.contract import (
    ClaimedDelivery,
    DeliveryState,
    NewDelivery,
    NewPush,
    RegistrationRecord,
)
from omapush.ppg.terminal.accounts import Accounts, Secrets
from omapush.ppg.terminal.connection import Method, TerminalConnection
from omapush.ppg.terminal.dialling import Dialling, Terminals
from omapush.ppg.terminal.live import LiveTerminals
from omapush.ppg.terminal.reach import (
    MAX_OUTSTANDING,
    TerminalPassage,
    TerminalReach,
    TerminalReachSettings,
)
from omapush.ppg.transform import Unfit
from omapush.ppg.ways import Ways
from omapush.testing.memory_store import MemoryStore
from omapush.testing.virtual_clock import START, VirtualClock

HOST = "192.0.2.1"
TAG = "5lEsUg=="
TAKES = ClientCapabilities(("*/*",), max_message_size=1_000, max_push_requests=4)
TOLD = RegistrationInd("4155", "00", TAG, TAKES, (("X-Wap-Push-Accept", "*/*"),))
MESSAGE = PushMessage((("Content-Type", "text/plain"), ("X-Wap-Application-Id", "2")), b"hello")
RETRY = RetryPolicy(first_ms=1_000, longest_ms=8_000)
DIALS_IN = HttpContact(dials_in=True)
LISTENS = HttpContact(HOST)
BOTH = HttpContact(HOST, dials_in=True)


class Link:
    """A connection to a scripted terminal."""

    peer = f"{HOST}:50000"

    def __init__(self, world: World, tell: Callable[[Any], None]) -> None:
        self._world = world
        self.tell = tell
        self.close_reason: str | None = None
        self.peer_certificate = world.certificate

    def identified(self) -> None:
        raise AssertionError

    def request(self, primitive: HttpPpgRequest) -> None:
        if isinstance(primitive, PomRegisterReq):
            self._world.asked_again += 1
            self.tell(self._world.told)
            return
        self._world.sent.append(primitive)
        self._world.when_sent(self.tell)
        self.tell(PushOutcome(primitive.delivery_id, OutcomeKind.DONE, "400"))

    def close(self, reason: str) -> None:
        self.close_reason = reason


class World:
    """A client with one OTA-HTTP contact, and a gateway that has one lane's worth of it."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.clock = VirtualClock()
        self.live = LiveTerminals()
        self.told: RegistrationInd | SessionFailedInd = TOLD
        self.sent: list[PpgRequest] = []
        self.links: list[Link] = []
        self.dialled = 0
        self.asked_again = 0
        self.away = False
        self.while_dialling: Callable[[], object] = lambda: None
        self.when_sent: Callable[[Callable[[Any], None]], object] = lambda _tell: None
        self.requests: list[tuple[ApplicationId, bytes | None]] = []
        self.other = Other()
        self.accounts = Accounts("ppg")
        self.proof_required = False
        self.certificate: PeerCertificate | None = None
        self.client = Client("anna", (), (), "4155")

    # the bearer
    async def connect(
        self,
        host: str,
        port: int,
        session: object,
        on_indication: Callable[[Any], None],
        on_closed: Callable[[str], None],
        timeout_ms: int,
    ) -> Any:
        self.dialled += 1
        self.while_dialling()
        if self.away:
            raise BearerUnavailable(f"nobody at {host}")
        self.links.append(Link(self, on_indication))
        on_indication(self.told)
        return self.links[-1]

    def terminals(self) -> Terminals:
        dialling = Dialling(
            self,
            HttpPpgSettings(),
            lambda: "nonce",
            accounts=self.accounts,
            proofs=self.accounts,
            proof_required=self.proof_required,
        )
        return Terminals(dialling, self.clock)

    def settings(self) -> TerminalReachSettings:
        return TerminalReachSettings(RETRY, request=self._request)

    def reach(self, where: HttpContact, *, asks: bool = True) -> TerminalReach:
        settings = self.settings() if asks else replace(self.settings(), request=None)
        return TerminalReach(
            self.client,
            where,
            self.store,
            self.terminals(),
            self.live,
            self.other,
            self.clock,
            settings,
        )

    def _request(self, application_id: ApplicationId, tag: bytes | None) -> PushMessage:
        self.requests.append((application_id, tag))
        return PushMessage((("Content-Type", "application/vnd.wap.sia"),), b"SIR")

    def arrive(self) -> TerminalConnection:
        """Let the terminal connect by itself."""
        link = Link(self, print)
        connection = TerminalConnection(Method.TO_TCP, "there", Instant(0), link)
        link.tell = connection.indication
        self.links.append(link)
        connection.registered_at = self.clock()
        connection.indication(self.told)
        self.live.add("anna", connection)
        return connection

    async def claim(self) -> ClaimedDelivery:
        """Store a push and claim it."""
        now = self.clock()
        push = NewPush(
            push_key=f"{len(self.sent):032x}",
            push_id=f"{len(self.sent)}@pi",
            initiator_id="weather",
            pap_version="2.0",
            received_at=now,
            expires_at=Instant(now + HOUR_MS),
            content_digest="",
            confirmed=True,
            flags=0,
            notify_url=None,
            control={},
            message=MESSAGE,
            deliveries=(NewDelivery(0, "address", "anna", now, "anna"),),
        )
        await self.store.accept([push])
        [claimed] = await self.store.claim("ppg-1/a", now, 300_000, 1, 1)
        return claimed

    async def events(self) -> list[tuple[str, str]]:
        record = await self.store.push("0@pi")
        assert record is not None
        lines = [(line.event, line.detail) for line in record.timeline]
        return [each for each in lines if each[0] not in ("accepted", "attempt")]

    async def tell_ledger(self, tag: str) -> None:
        told = RegistrationRecord("anna", "00", START, "4155", tag, {tag: ()})
        await self.store.remember_registrations([told])


class Other:
    """A connectionless way to the same client."""

    not_before = Instant(0)
    is_open = False
    worth_keeping = False
    outstanding_limit = 1

    def __init__(self) -> None:
        self.asked: list[ClaimedDelivery] = []
        self.when_asked: Callable[[], object] = lambda: None

    async def passage(self, claimed: ClaimedDelivery, message: PushMessage) -> Passage | Unfit:
        self.asked.append(claimed)
        return self

    async def push(self) -> PushOutcome:
        self.when_asked()
        return PushOutcome("", OutcomeKind.DONE, "sent")

    async def ask(self, claimed: ClaimedDelivery, message: PushMessage) -> None:
        raise AssertionError

    def retire(self, reason: str) -> None:
        raise AssertionError(reason)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World(MemoryStore())
    await made.store.open()
    yield made
    await made.store.close()


async def passage_of(reach: TerminalReach, claimed: ClaimedDelivery) -> TerminalPassage:
    passage = await reach.passage(claimed, MESSAGE)
    assert isinstance(passage, TerminalPassage)
    return passage


async def test_terminal_that_has_connected_is_not_dialled(world: World) -> None:
    world.arrive()
    passage = await passage_of(world.reach(BOTH), await world.claim())
    assert (await passage.push()).kind is OutcomeKind.DONE
    assert world.dialled == 0
    [(event, detail)] = await world.events()
    assert event == "registered"
    assert "TO-TCP from there" in detail


async def test_connection_of_a_client_that_does_not_dial_in_is_not_used(world: World) -> None:
    world.arrive()
    passage = await passage_of(world.reach(LISTENS), await world.claim())
    assert passage.connection.how == f"PO-TCP to {HOST}:4035"


async def test_terminal_without_a_connection_is_dialled_once(world: World) -> None:
    reach = world.reach(BOTH)
    assert not reach.is_open
    claimed = await world.claim()
    for _ in range(2):
        await (await passage_of(reach, claimed)).push()
    assert (world.dialled, len(world.sent)) == (1, 2)
    assert reach.is_open
    assert reach.worth_keeping
    [known] = await world.store.registrations("anna")
    assert (known.cpi_tag, known.address) == (TAG, f"{HOST}:4035")
    world.arrive()
    assert (await passage_of(reach, claimed)).connection.how == "TO-TCP from there"


async def test_terminal_that_is_not_there_is_not_dialled_again_at_once(world: World) -> None:
    reach = world.reach(LISTENS)
    claimed = await world.claim()
    world.away = True
    for _ in range(2):
        with pytest.raises(BearerUnavailable, match="nobody at"):
            await reach.passage(claimed, MESSAGE)
    assert world.dialled == 1
    assert reach.not_before > world.clock()
    world.away = False
    world.clock.advance(2 * SECOND_MS)
    await passage_of(reach, claimed)
    assert reach.not_before == 0


async def test_terminal_that_connects_while_it_is_dialled_in_vain_is_reached(world: World) -> None:
    reach = world.reach(BOTH)
    world.away = True
    world.while_dialling = world.arrive
    passage = await passage_of(reach, await world.claim())
    assert passage.connection.how == "TO-TCP from there"
    assert [event for event, _ in await world.events()] == ["registered"]


async def test_another_terminal_at_the_address_gets_nothing(world: World) -> None:
    world.told = replace(TOLD, terminal_id="4999")
    with pytest.raises(RegistrationFailedError, match="'4999' answered, '4155' was expected"):
        await world.reach(LISTENS).passage(await world.claim(), MESSAGE)
    assert world.links[0].close_reason is not None
    assert world.sent == []


@pytest.mark.parametrize("secrets", [Secrets("theirs"), Secrets(certificates=("anna.x.net",))])
async def test_terminal_that_is_dialled_proves_who_it_is_where_it_has_to(
    world: World, secrets: Secrets
) -> None:
    world.accounts = Accounts("ppg", {"4155": secrets})
    claimed = await world.claim()
    with pytest.raises(RegistrationFailedError, match="'4155' has not proved who it is"):
        await world.reach(LISTENS).passage(claimed, MESSAGE)
    if secrets.terminal is None:
        world.certificate = PeerCertificate("0" * 64, ("anna.x.net",))
    else:
        world.told = replace(TOLD, authenticated=True)
    await passage_of(world.reach(LISTENS), claimed)


@pytest.mark.parametrize("terminal_id", ["4155", None])
async def test_every_terminal_that_is_dialled_proves_who_it_is_where_all_have_to(
    world: World, terminal_id: str | None
) -> None:
    world.client = replace(world.client, terminal_id=terminal_id)
    world.proof_required = True
    claimed = await world.claim()
    with pytest.raises(RegistrationFailedError, match="'4155' has not proved who it is"):
        await world.reach(LISTENS).passage(claimed, MESSAGE)
    world.told = replace(TOLD, authenticated=True)
    await passage_of(world.reach(LISTENS), claimed)


async def test_terminal_that_nobody_can_dial_is_asked_with_its_tag(world: World) -> None:
    await world.tell_ledger(TAG)
    reach, claimed = world.reach(DIALS_IN), await world.claim()
    with pytest.raises(BearerUnavailable, match="not connected"):
        await reach.passage(claimed, MESSAGE)
    assert await reach.ask(claimed, MESSAGE) == "asked for a connection"
    [(application_id, tag)] = world.requests
    assert application_id.registered_code == 2
    assert tag == bytes.fromhex("e6512c52")
    assert await world.events() == [("session_requested", "SIR: sent")]
    with pytest.raises(BearerUnavailable, match="asked for a connection"):
        await reach.passage(claimed, MESSAGE)
    assert await reach.ask(claimed, MESSAGE) is None
    assert reach.not_before == START + 30 * SECOND_MS
    assert reach.worth_keeping
    world.arrive()
    await passage_of(reach, claimed)
    assert reach.not_before == 0
    assert not reach.worth_keeping


@pytest.mark.parametrize("tag", [None, "not a tag of any kind"])
async def test_tag_that_no_request_can_hold_is_left_out(world: World, tag: str | None) -> None:
    if tag is not None:
        await world.tell_ledger(tag)
    await world.reach(DIALS_IN).ask(await world.claim(), MESSAGE)
    assert [octets for _, octets in world.requests] == [None]


@pytest.mark.parametrize("where", [LISTENS, DIALS_IN, BOTH])
async def test_only_who_dials_in_and_is_not_connected_is_asked(
    world: World, where: HttpContact
) -> None:
    reach = world.reach(where)
    world.arrive()
    assert await reach.ask(await world.claim(), MESSAGE) is None
    assert world.requests == []


async def test_gateway_without_a_contact_point_asks_nobody_and_waits(world: World) -> None:
    reach = world.reach(DIALS_IN, asks=False)
    assert await reach.ask(await world.claim(), MESSAGE) is None
    assert world.other.asked == []
    assert reach.not_before == START + 30 * SECOND_MS


async def test_old_registration_is_renewed_before_a_push(world: World) -> None:
    world.arrive()
    reach, claimed = world.reach(DIALS_IN), await world.claim()
    world.clock.advance(HOUR_MS - 1)
    await passage_of(reach, claimed)
    assert world.asked_again == 0
    world.clock.advance(1)
    await passage_of(reach, claimed)
    assert world.asked_again == 1


async def test_refusal_by_capabilities_counts_when_they_are_fresh(world: World) -> None:
    world.told = replace(TOLD, capabilities=replace(TAKES, accept=("image/png",)))
    world.arrive()
    reach, claimed = world.reach(DIALS_IN), await world.claim()
    world.clock.advance(1)
    assert isinstance(await reach.passage(claimed, MESSAGE), Unfit)
    assert world.asked_again == 1
    world.told = TOLD
    world.clock.advance(1)
    await passage_of(reach, claimed)
    assert world.asked_again == 2


async def test_fresh_registration_is_not_asked_for_again(world: World) -> None:
    world.told = replace(TOLD, capabilities=replace(TAKES, accept=("image/png",)))
    reach = world.reach(LISTENS)
    assert isinstance(await reach.passage(await world.claim(), MESSAGE), Unfit)
    assert (world.dialled, world.asked_again) == (1, 0)


@pytest.mark.parametrize(("allowed", "limit"), [(0, 1), (4, 4), (10_000, MAX_OUTSTANDING)])
async def test_as_many_pushes_are_under_way_as_the_terminal_allows(
    world: World, allowed: int, limit: int
) -> None:
    reach = world.reach(DIALS_IN)
    assert reach.outstanding_limit == 1
    world.told = replace(TOLD, capabilities=replace(TAKES, max_push_requests=allowed))
    world.arrive()
    assert reach.outstanding_limit == limit


async def test_only_what_was_dialled_is_closed_with_the_lane(world: World) -> None:
    connection = world.arrive()
    reach = world.reach(LISTENS)
    await passage_of(reach, await world.claim())
    reach.retire("no more pushes for now")
    reach.retire("no more pushes for now")
    assert [link.close_reason for link in world.links] == [None, "no more pushes for now"]
    assert connection.usable
    assert not reach.is_open


async def test_what_a_dialled_terminal_tells_by_the_way_is_kept(world: World) -> None:
    reach = world.reach(LISTENS)
    passage = await passage_of(reach, await world.claim())
    world.when_sent = lambda tell: tell(replace(TOLD, cpi_tag="bmV3"))
    await passage.push()
    [known] = await world.store.registrations("anna")
    assert known.cpi_tag == "bmV3"


async def test_ledger_that_is_away_neither_stops_a_push_nor_loses_its_outcome(
    world: World,
) -> None:
    world.arrive()
    reach, claimed = world.reach(DIALS_IN), await world.claim()
    world.store.unavailable = "away"
    passage = await passage_of(reach, claimed)
    assert (await passage.push()).kind is OutcomeKind.DONE
    reach = world.reach(LISTENS)
    passage = await passage_of(reach, claimed)
    world.when_sent = lambda tell: tell(replace(TOLD, cpi_tag="bmV3"))
    assert (await passage.push()).kind is OutcomeKind.DONE


async def test_version_that_the_terminal_refuses_is_told(world: World) -> None:
    world.told = SessionFailedInd("600", may_retry=False, status=PushStatus.VERSION)
    reach = world.reach(LISTENS)
    with pytest.raises(RegistrationFailedError) as caught:
        await reach.passage(await world.claim(), MESSAGE)
    assert (caught.value.may_retry, caught.value.status) == (False, PushStatus.VERSION)
    assert reach.not_before == 0


def lane_of(world: World, *wheres: HttpContact) -> Lane:
    """Return a lane of the client, whose ways note what is done."""
    world.client = replace(world.client, contacts=tuple(map(Contact, wheres)))
    ways = Ways(world.store, world.terminals(), world.clock, world.settings(), live=world.live)
    lane = Lane("anna", world.client, world.store, ways, print, world.clock, LaneSettings(RETRY))
    lane._reaches.update({Contact(each): world.reach(each) for each in wheres})
    return lane


@pytest.mark.parametrize("meanwhile", ["while_dialling", "when_asked"])
async def test_push_goes_at_once_to_a_terminal_that_came_while_others_were_tried(
    world: World, meanwhile: str
) -> None:
    world.away = True
    claimed = await world.claim()
    if meanwhile == "while_dialling":
        world.while_dialling = world.arrive
        lane = lane_of(world, DIALS_IN, LISTENS)
    else:
        world.other.when_asked = world.arrive
        lane = lane_of(world, DIALS_IN)
    settlement = await lane.attempt(claimed)
    assert settlement is not None
    assert settlement.state is DeliveryState.DELIVERED
    assert [request.delivery_id for request in world.sent] == [str(claimed.key)]
    assert isinstance(world.sent[0], PoConfirmedPushReq)


@pytest.mark.parametrize(
    ("life_ms", "lease_ms", "state"),
    [
        (10_000, 300_000, DeliveryState.EXPIRED),
        (HOUR_MS, 65_000, DeliveryState.QUEUED),
    ],
)
async def test_nothing_is_sent_when_reaching_the_terminal_took_too_long(
    world: World, life_ms: int, lease_ms: int, state: DeliveryState
) -> None:
    world.while_dialling = lambda: world.clock.advance(70_000)
    claimed = replace(
        await world.claim(),
        expires_at=Instant(START + life_ms),
        lease_until=Instant(START + lease_ms),
    )
    settlement = await lane_of(world, LISTENS).attempt(claimed)
    assert settlement is not None
    assert (settlement.state, settlement.sent) == (state, False)
    assert world.sent == []
