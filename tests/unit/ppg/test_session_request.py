"""Asking a client to come: what goes out, what comes of it, and how long nobody asks again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.content.session_initiation import SessionInitiation
from omapush.core.instants import HOUR_MS, SECOND_MS, Instant
from omapush.ota.interface import BearerUnavailable, OutcomeKind, PushOutcome
from omapush.ppg.lifecycle import RetryPolicy
from omapush.ppg.reach import Passage
from omapush.ppg.session_request import SessionRequests, request_message
from omapush.ppg.store.contract import ClaimedDelivery, NewDelivery, NewPush
from omapush.ppg.transform import Unfit
from omapush.testing.memory_store import MemoryStore
from omapush.testing.virtual_clock import START, VirtualClock

MESSAGE = PushMessage((("Content-Type", "text/plain"),), b"hello")
REQUEST = request_message(SessionInitiation((ApplicationId.parse("x-wap-application:mms.ua"),)))
WAIT_MS = 30 * SECOND_MS


class Sms:
    """A connectionless way to the client."""

    not_before = Instant(0)
    is_open = False
    worth_keeping = False
    outstanding_limit = 1

    def __init__(self) -> None:
        self.sent = 0
        self.kind = OutcomeKind.DONE
        self.failure: Exception | None = None
        self.unfit: Unfit | None = None

    async def passage(self, claimed: ClaimedDelivery, message: PushMessage) -> Passage | Unfit:
        if isinstance(self.failure, BearerUnavailable):
            raise self.failure
        return self.unfit or self

    async def push(self) -> PushOutcome:
        if self.failure is not None:
            raise self.failure
        self.sent += 1
        return PushOutcome("", self.kind, "says the bearer")

    async def ask(self, claimed: ClaimedDelivery, message: PushMessage) -> None:
        raise AssertionError

    def retire(self, reason: str) -> None:
        raise AssertionError(reason)


class World:
    """The requests to one client, and a push for which it is asked."""

    def __init__(self, store: MemoryStore, claimed: ClaimedDelivery) -> None:
        self.store = store
        self.claimed = claimed
        self.clock = VirtualClock()
        self.sms = Sms()
        self.requests = self.new(self.sms)

    def new(self, other: Sms | None) -> SessionRequests:
        retry = RetryPolicy(1_000, 60_000)
        return SessionRequests("anna", "a connection", other, self.store, retry, self.clock)

    async def ask(self, request: PushMessage | None = REQUEST) -> str | None:
        return await self.requests.ask(self.claimed, request)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    store = MemoryStore()
    await store.open()
    push = NewPush(
        push_key="0" * 32,
        push_id="a@pi",
        initiator_id="weather",
        pap_version="2.0",
        received_at=START,
        expires_at=Instant(START + HOUR_MS),
        content_digest="",
        confirmed=True,
        flags=0,
        notify_url=None,
        control={},
        message=MESSAGE,
        deliveries=(NewDelivery(0, "address", "anna", START, "anna"),),
    )
    await store.accept([push])
    [claimed] = await store.claim("ppg-1/a", START, 300_000, 1, 1)
    yield World(store, claimed)
    await store.close()


def test_request_goes_to_the_application_for_it() -> None:
    assert REQUEST.media_type == "application/vnd.wap.sia"
    assert REQUEST.get("X-Wap-Application-Id") == "1"
    assert REQUEST.body.startswith(b"\x01\x02\xb2\x84")


@pytest.mark.parametrize("kind", [OutcomeKind.DONE, OutcomeKind.IN_DOUBT, OutcomeKind.HANDED_OVER])
async def test_client_that_may_have_been_asked_is_not_asked_again(
    world: World, kind: OutcomeKind
) -> None:
    world.sms.kind = kind
    assert await world.ask() == "asked for a connection"
    assert await world.ask() is None
    assert world.requests.not_before == START + WAIT_MS
    with pytest.raises(BearerUnavailable, match="asked for a connection"):
        world.requests.check()
    world.requests.answered()
    world.requests.check()
    assert world.requests.not_before == 0


@pytest.mark.parametrize("kind", [OutcomeKind.LATER, OutcomeKind.NEVER])
async def test_request_that_failed_says_so(world: World, kind: OutcomeKind) -> None:
    world.sms.kind = kind
    assert await world.ask() == "the session request failed: says the bearer"
    assert world.requests.not_before == START + WAIT_MS


async def test_way_that_is_closed_or_not_fit_says_so(world: World) -> None:
    world.sms.failure = BearerUnavailable("no SMSC")
    assert await world.ask() == "the session request cannot be sent: no SMSC"
    world.clock.advance(WAIT_MS)
    world.sms.failure, world.sms.unfit = None, Unfit("too large")
    assert await world.ask() == "the session request is not possible: too large"
    assert world.sms.sent == 0


async def test_client_that_nobody_can_ask_is_waited_for(world: World) -> None:
    world.requests = world.new(None)
    assert await world.ask() is None
    with pytest.raises(BearerUnavailable, match="waits for a connection"):
        world.requests.check()


async def test_fault_does_not_make_the_next_push_ask_at_once(world: World) -> None:
    world.sms.failure = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await world.ask()
    assert world.requests.not_before == START + WAIT_MS
    assert await world.ask() is None


async def test_ledger_that_is_away_does_not_undo_the_request(world: World) -> None:
    world.store.unavailable = "away"
    assert await world.ask() == "asked for a connection"
    assert world.sms.sent == 1
    assert await world.ask() is None
