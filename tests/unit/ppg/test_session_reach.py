"""Reaching a client in its session, and asking it for one when there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from omapush.content.application_id import ApplicationId
from omapush.content.message import Header, PushMessage
from omapush.content.session_initiation import CONTENT_TYPE
from omapush.core.instants import MINUTE_MS, SECOND_MS, Instant
from omapush.ota.datagrams import Peer
from omapush.ota.interface import (
    BearerUnavailable,
    CarriedPart,
    ClientCapabilities,
    OutcomeKind,
    PoConfirmedPushReq,
    PushOutcome,
    RegistrationInd,
)
from omapush.ota.wsp.ppg import PomConnectInd, PomDisconnectInd, PushIn, WspPpgRequest
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact, SessionContact
from omapush.ppg.lifecycle import RetryPolicy
from omapush.ppg.profiles import Profiles
from omapush.ppg.push_sessions import PushSessions
from omapush.ppg.reach import Passage
from omapush.ppg.session_reach import SessionPassage, SessionReach, SessionSettings
from omapush.ppg.store.contract import (
    ClaimedDelivery,
    DeliveryKey,
    NewDelivery,
    NewPush,
    ReportedPart,
)
from omapush.ppg.transform import Unfit
from omapush.testing.memory_store import MemoryStore
from omapush.testing.virtual_clock import START, VirtualClock

KEY = DeliveryKey("0" * 32, 0)
PEER = Peer("192.0.2.7", 40_000)
SI = (
    b'<?xml version="1.0"?><!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" '
    b'"http://www.wapforum.org/DTD/si.dtd"><si><indication href="http://www.xyz.com/">hello'
    b"</indication></si>"
)
MESSAGE = PushMessage((("Content-Type", "text/plain"), ("X-Wap-Application-Id", "4")), b"hello")
TAKES = ClientCapabilities(("*/*",), max_message_size=1_000, max_push_requests=3)
CLAIMED = ClaimedDelivery(
    key=KEY,
    push_id="a@pi",
    initiator_id="weather",
    client_id="anna",
    address="anna",
    owner="ppg-1/a",
    attempt=1,
    sent_attempts=0,
    in_doubt=True,
    lease_until=Instant(START + 300_000),
    received_at=START,
    expires_at=Instant(START + 3_600_000),
    confirmed=True,
    flags=1,
    message=MESSAGE,
    notified=True,
)
WAIT_MS = 30 * SECOND_MS


class Connectionless:
    """A way to the client that needs no session; notes what is sent over it."""

    not_before = Instant(0)
    worth_keeping = False
    outstanding_limit = 1

    def __init__(self) -> None:
        self.kind = OutcomeKind.DONE
        self.fails: BearerUnavailable | None = None
        self.unfit: Unfit | None = None
        self.asked: list[tuple[ClaimedDelivery, PushMessage]] = []
        self.when_sent = lambda: None

    async def passage(self, claimed: ClaimedDelivery, message: PushMessage) -> Passage | Unfit:
        if self.fails is not None:
            raise self.fails
        self.asked.append((claimed, message))
        return self.unfit or self

    async def push(self) -> PushOutcome:
        await asyncio.sleep(0)
        self.when_sent()
        return PushOutcome("", self.kind, f"bearer says {self.kind.value}")

    async def ask(self, claimed: ClaimedDelivery, message: PushMessage) -> None:
        raise AssertionError

    def retire(self, reason: str) -> None:
        raise AssertionError(reason)


class Host:
    """The machine of the port: grants and notes."""

    port = 9201

    def __init__(self) -> None:
        self.asked: list[WspPpgRequest] = []

    def request(self, primitive: WspPpgRequest) -> None:
        self.asked.append(primitive)

    def close(self) -> None:
        raise AssertionError


def request_for(application: ApplicationId) -> PushMessage:
    return PushMessage((("Content-Type", CONTENT_TYPE),), str(application).encode())


class TellingProfiles(Profiles):
    """Profiles that tell a size that the client did not."""

    def __init__(self) -> None:
        self.asked: list[tuple[Header, ...]] = []

    async def complete(
        self, capabilities: ClientCapabilities, cpi: Sequence[Header]
    ) -> ClientCapabilities:
        self.asked.append(tuple(cpi))
        return replace(capabilities, max_message_size=10)


class World:
    """One client and its reach."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.clock = VirtualClock()
        self.other = Connectionless()
        self.host = Host()
        self.sessions = PushSessions({PEER.host: "anna"}.get, lambda _: None, self.clock)
        self.sessions.start(self.host)
        self.reach = self.new_reach(SessionSettings(request_for, WAIT_MS))

    def new_reach(
        self, settings: SessionSettings, profiles: Profiles | None = None
    ) -> SessionReach:
        where = SessionContact(PEER.host)
        return SessionReach(
            Client("anna", (), (Contact(where),)),
            where,
            self.sessions,
            self.other,
            self.store,
            profiles,
            RetryPolicy(first_ms=SECOND_MS, longest_ms=10 * MINUTE_MS),
            settings,
            self.clock,
        )

    def connect(self, session_id: int = 1, takes: ClientCapabilities = TAKES) -> None:
        told = RegistrationInd(None, "0B", "dGFn", takes, (("X-Wap-Push-Accept", "*/*"),))
        self.sessions.indication(PomConnectInd(session_id, PEER, told))

    async def refused(self, claimed: ClaimedDelivery = CLAIMED) -> str:
        """Try in vain, and then ask, as a lane does when nothing else leads there."""
        with pytest.raises(BearerUnavailable) as caught:
            await self.reach.passage(claimed, MESSAGE)
        return await self.reach.ask(claimed, MESSAGE) or caught.value.reason

    async def timeline(self) -> list[tuple[str, str]]:
        record = await self.store.push("a@pi")
        assert record is not None
        return [(line.event, line.detail) for line in record.timeline[1:]]


@pytest.fixture
async def world(store: MemoryStore) -> World:
    delivery = NewDelivery(0, "anna", "anna", START, "anna")
    push = NewPush(
        KEY.push_key, "a@pi", "weather", "2.0", START, CLAIMED.expires_at, "", True, 0, None, {},
        MESSAGE, (delivery,),
    )  # fmt: skip
    await store.accept([push])
    return World(store)


async def test_push_goes_in_the_session_that_is_open(world: World) -> None:
    world.connect()
    passage = await world.reach.passage(CLAIMED, MESSAGE)
    assert isinstance(passage, SessionPassage)
    push = asyncio.create_task(passage.push())
    await asyncio.sleep(0)
    sent = world.host.asked[-1]
    assert isinstance(sent, PushIn)
    assert isinstance(sent.request, PoConfirmedPushReq)
    assert (sent.session_id, sent.request.delivery_id) == (1, str(KEY))
    outcome = PushOutcome(str(KEY), OutcomeKind.DONE, "confirmed by the client")
    world.sessions.indication(outcome)
    assert await push is outcome
    assert world.other.asked == []


async def test_what_the_client_said_is_remembered_once_for_each_session(world: World) -> None:
    world.connect()
    for _ in range(2):
        await world.reach.passage(CLAIMED, MESSAGE)
    assert await world.timeline() == [("session_used", f"push session of {PEER}")]
    [known] = await world.store.registrations("anna")
    assert known.cpi == {"dGFn": (("X-Wap-Push-Accept", "*/*"),)}
    world.connect(2)
    await world.reach.passage(CLAIMED, MESSAGE)
    assert len(await world.timeline()) == 2


async def test_session_takes_as_many_pushes_as_it_said(world: World) -> None:
    assert world.reach.outstanding_limit == 1
    world.connect()
    assert world.reach.outstanding_limit == 3
    world.connect(2, replace(TAKES, max_push_requests=200))
    assert world.reach.outstanding_limit == 16
    world.reach.retire("no more pushes for now")
    assert world.sessions.count == 2  # the sessions are the client's


@pytest.mark.parametrize(
    ("takes", "message", "why"),
    [
        (replace(TAKES, accept=("image/gif",)), MESSAGE, "does not take text/plain"),
        (replace(TAKES, accept_app_id=("2",)), MESSAGE, "no application"),
        (TAKES, replace(MESSAGE, body=bytes(2_000)), "the client takes 1000"),
    ],
)
async def test_push_that_the_client_cannot_take_is_unfit(
    world: World, takes: ClientCapabilities, message: PushMessage, why: str
) -> None:
    world.connect(takes=takes)
    verdict = await world.reach.passage(CLAIMED, message)
    assert isinstance(verdict, Unfit)
    assert why in verdict.reason


async def test_profile_completes_what_the_client_said(world: World) -> None:
    profiles = TellingProfiles()
    world.reach = world.new_reach(SessionSettings(None), profiles)
    world.connect()
    verdict = await world.reach.passage(CLAIMED, MESSAGE)
    assert isinstance(verdict, Unfit)
    assert "the client takes 10" in verdict.reason
    assert profiles.asked == [(("X-Wap-Push-Accept", "*/*"),)]


async def test_text_is_compiled_for_a_client_that_takes_the_binary_form_only(world: World) -> None:
    world.connect(takes=replace(TAKES, accept=("application/vnd.wap.sic",)))
    text = PushMessage((("Content-Type", "text/vnd.wap.si"),), SI)
    passage = await world.reach.passage(CLAIMED, text)
    assert isinstance(passage, SessionPassage)
    assert passage.request.message.media_type == "application/vnd.wap.sic"
    assert passage.request.message.body.startswith(b"\x02\x05\x6a\x00")


async def test_client_without_session_is_asked_for_one_and_the_push_waits(world: World) -> None:
    assert "asked for a push session" in await world.refused()
    [(claimed, message)] = world.other.asked
    assert message.body == b"x-wap-application:mms.ua"
    assert claimed.message is message
    assert (claimed.flags, claimed.notified, claimed.handed_over) == (0, False, False)
    assert await world.timeline() == [("session_requested", "SIR: bearer says done")]
    assert world.reach.not_before >= world.clock() + WAIT_MS
    assert world.reach.worth_keeping


async def test_request_has_nothing_of_the_pushs_own_short_messages(world: World) -> None:
    part = ReportedPart(CarriedPart("smsc:a", "7"))
    await world.refused(replace(CLAIMED, carried=(part,), handed_over=True))
    [(claimed, _)] = world.other.asked
    assert claimed.carried == ()


async def test_client_is_asked_again_after_the_wait_by_another_request(world: World) -> None:
    await world.refused()
    assert "asked for a push session" in await world.refused()  # of the first time
    assert len(world.other.asked) == 1
    world.clock.advance(WAIT_MS)
    await world.refused(replace(CLAIMED, attempt=2))
    first, second = (claimed.key for claimed, _ in world.other.asked)
    # With the same name the client would take it for a repetition of the bearer.
    assert first != second
    assert KEY not in (first, second)


async def test_wait_grows_while_the_client_does_not_come_and_ends_when_it_does(
    world: World,
) -> None:
    waits = []
    for attempt in range(1, 9):
        await world.refused(replace(CLAIMED, attempt=attempt))
        waits.append(world.reach.not_before - world.clock())
        world.clock.advance(waits[-1])
    assert waits[0] == WAIT_MS
    assert waits[-1] > WAIT_MS
    world.connect()
    await world.reach.passage(CLAIMED, MESSAGE)
    assert world.reach.not_before == 0
    assert not world.reach.worth_keeping


async def test_pushes_that_come_together_ask_once(world: World) -> None:
    told = await asyncio.gather(*(world.reach.ask(CLAIMED, MESSAGE) for _ in range(5)))
    assert sum(each is not None for each in told) == 1
    assert len(world.other.asked) == 1


async def test_session_that_comes_while_it_is_asked_for_ends_the_wait(world: World) -> None:
    world.other.when_sent = world.connect
    await world.refused()
    assert await world.reach.ask(CLAIMED, MESSAGE) is None
    assert isinstance(await world.reach.passage(CLAIMED, MESSAGE), SessionPassage)
    assert world.reach.not_before == 0


@pytest.mark.parametrize("kind", [OutcomeKind.HANDED_OVER, OutcomeKind.IN_DOUBT])
async def test_request_that_the_bearer_has_is_one(world: World, kind: OutcomeKind) -> None:
    world.other.kind = kind
    assert "asked for a push session" in await world.refused()
    assert (await world.timeline())[0][0] == "session_requested"


@pytest.mark.parametrize("kind", [OutcomeKind.LATER, OutcomeKind.NEVER])
async def test_request_that_fails_is_told_and_waited_after(world: World, kind: OutcomeKind) -> None:
    world.other.kind = kind
    assert f"the session request failed: bearer says {kind.value}" in await world.refused()
    assert await world.timeline() == []
    assert world.reach.not_before > world.clock()


async def test_request_that_cannot_leave_is_told(world: World) -> None:
    world.other.fails = BearerUnavailable("no route")
    assert "the session request cannot be sent: no route" in await world.refused()
    world.clock.advance(WAIT_MS)
    world.other.fails, world.other.unfit = None, Unfit("too long")
    assert "the session request is not possible: too long" in await world.refused()


async def test_gateway_that_asks_nobody_says_so(world: World) -> None:
    world.reach = world.new_reach(SessionSettings(None))
    assert await world.refused() == "192.0.2.7 has no push session open"


async def test_session_that_ended_is_asked_for_again(world: World) -> None:
    world.connect()
    await world.reach.passage(CLAIMED, MESSAGE)
    world.sessions.indication(PomDisconnectInd(1, "DISCONNECT"))
    await world.refused()
    assert len(world.other.asked) == 1
