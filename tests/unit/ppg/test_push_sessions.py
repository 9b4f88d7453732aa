"""The sessions that clients hold: who may have one, which one counts, how pushes in it end."""

from __future__ import annotations

import asyncio

import pytest

from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.ota.datagrams import Peer
from omapush.ota.interface import (
    ClientCapabilities,
    OutcomeKind,
    PoConfirmedPushReq,
    PushOutcome,
    RegistrationInd,
)
from omapush.ota.wsp.ppg import (
    PeerTrouble,
    PomConnectInd,
    PomConnectRes,
    PomDisconnectInd,
    PomDisconnectReq,
    PomResumeInd,
    PomSuspendInd,
    PushIn,
    WspPpgRequest,
)
from omapush.ppg.push_sessions import PushSession, PushSessions

ANNA, STRANGER = Peer("192.0.2.7", 40_000), Peer("203.0.113.9", 40_000)
REGISTRATION = RegistrationInd(None, None, None, ClientCapabilities())
PUSH = PoConfirmedPushReq("d1", PushMessage((("Content-Type", "text/plain"),), b"x"))


class Host:
    """The machine, as a list of what it was asked for."""

    port = 9201

    def __init__(self) -> None:
        self.asked: list[WspPpgRequest] = []

    def request(self, primitive: WspPpgRequest) -> None:
        self.asked.append(primitive)

    def close(self) -> None:
        raise AssertionError


class World:
    """Sessions of one client, at 192.0.2.7."""

    def __init__(self) -> None:
        self.host = Host()
        self.opened: list[str] = []
        self.sessions = PushSessions(
            {"192.0.2.7": "anna"}.get, self.opened.append, lambda: Instant(7)
        )
        self.sessions.start(self.host)

    def connect(self, session_id: int, peer: Peer = ANNA) -> None:
        self.sessions.indication(PomConnectInd(session_id, peer, REGISTRATION))

    @property
    def session(self) -> PushSession:
        found = self.sessions.session_of("anna")
        assert found is not None
        return found

    async def begin_push(self) -> asyncio.Task[PushOutcome]:
        task = asyncio.create_task(self.sessions.push(self.session, PUSH))
        await asyncio.sleep(0)
        return task


@pytest.fixture
def world() -> World:
    return World()


def test_client_that_connects_has_its_session_and_is_told_about(world: World) -> None:
    world.connect(1)
    assert world.host.asked == [PomConnectRes(1)]
    assert world.opened == ["anna"]
    session = world.session
    assert (session.client_id, session.peer, session.opened_at) == ("anna", ANNA, 7)
    assert session.registration is REGISTRATION
    assert world.sessions.count == 1


def test_stranger_is_refused_and_nothing_is_kept(world: World) -> None:
    world.connect(1, STRANGER)
    assert world.host.asked == [PomDisconnectReq(1, 403)]
    assert (world.opened, world.sessions.count) == ([], 0)


def test_latest_session_counts_and_the_older_one_is_ended(world: World) -> None:
    world.connect(1)
    world.connect(2, Peer(ANNA.host, 40_001))
    assert world.session.session_id == 2
    assert world.host.asked[-1] == PomDisconnectReq(1)
    world.sessions.indication(PomDisconnectInd(1, "DISCONNECT"))
    assert world.session.session_id == 2
    assert world.sessions.count == 1


def test_session_that_rests_takes_no_pushes_until_it_is_resumed(world: World) -> None:
    world.connect(1)
    world.sessions.indication(PomSuspendInd(1, "SUSPEND"))
    assert world.sessions.session_of("anna") is None
    assert world.sessions.count == 1
    elsewhere = Peer("198.51.100.4", 1_234)
    world.sessions.indication(PomResumeInd(1, elsewhere))
    assert world.session.peer == elsewhere
    assert world.opened == ["anna", "anna"]


def test_session_that_ended_is_forgotten(world: World) -> None:
    world.connect(1)
    world.sessions.indication(PomDisconnectInd(1, "DISCONNECT"))
    assert world.sessions.session_of("anna") is None
    assert world.sessions.count == 0


def test_what_is_said_of_sessions_that_are_not_there_changes_nothing(world: World) -> None:
    for told in (
        PomSuspendInd(9, "SUSPEND"),
        PomResumeInd(9, ANNA),
        PomDisconnectInd(9, "DISCONNECT"),
        PushOutcome("d9", OutcomeKind.DONE, "confirmed"),
        PeerTrouble(STRANGER, "wsp", "garbage", 3),
    ):
        world.sessions.indication(told)
    assert (world.sessions.count, world.opened, world.host.asked) == (0, [], [])


async def test_push_waits_for_its_end(world: World) -> None:
    world.connect(1)
    push = await world.begin_push()
    assert world.host.asked[-1] == PushIn(1, PUSH)
    outcome = PushOutcome("d1", OutcomeKind.DONE, "confirmed by the client")
    world.sessions.indication(outcome)
    assert await push is outcome


async def test_push_whose_session_has_just_ended_is_not_sent(world: World) -> None:
    world.connect(1)
    session = world.session
    world.sessions.indication(PomDisconnectInd(1, "DISCONNECT"))
    outcome = await world.sessions.push(session, PUSH)
    assert (outcome.kind, outcome.delivery_id) == (OutcomeKind.LATER, "d1")
    assert not any(isinstance(each, PushIn) for each in world.host.asked)


async def test_push_that_is_asked_for_again_while_under_way_is_sent_once(world: World) -> None:
    # The application thinks longer than the lease lasts, and the delivery is claimed again.
    world.connect(1)
    pushes = [await world.begin_push(), await world.begin_push()]
    assert [each for each in world.host.asked if isinstance(each, PushIn)] == [PushIn(1, PUSH)]
    outcome = PushOutcome("d1", OutcomeKind.DONE, "confirmed by the client")
    world.sessions.indication(outcome)
    assert await asyncio.gather(*pushes) == [outcome, outcome]


async def test_attempt_that_is_cancelled_takes_nothing_from_another(world: World) -> None:
    world.connect(1)
    first, second = await world.begin_push(), await world.begin_push()
    first.cancel()
    await asyncio.sleep(0)
    outcome = PushOutcome("d1", OutcomeKind.LATER, "the client aborted it: USERREQ")
    world.sessions.indication(outcome)
    assert await second is outcome
    third = await world.begin_push()  # what has ended is not under way
    assert world.host.asked[-2:] == [PushIn(1, PUSH), PushIn(1, PUSH)]
    third.cancel()


def test_without_a_machine_a_client_gets_no_answer() -> None:
    sessions = PushSessions({"192.0.2.7": "anna"}.get, lambda _: None, lambda: Instant(7))
    sessions.indication(PomConnectInd(1, ANNA, REGISTRATION))
    assert sessions.count == 0
