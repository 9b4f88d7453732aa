"""Push sessions: both ends over links that lose, repeat and reorder."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.ota.datagrams import Peer, SendDatagram
from omapush.ota.interface import (
    ClientCapabilities,
    OutcomeKind,
    PoConfirmedPushInd,
    PoConfirmedPushReq,
    PoConfirmedPushRes,
    PoPushAbortReq,
    PoPushReq,
    PoUnitPushInd,
    PushFlag,
    PushOutcome,
    PushSource,
    PushStatus,
)
from omapush.ota.wsp.client import (
    PomConnectCnf,
    PomConnectReq,
    PomDisconnectInd,
    WspClientIndication,
    WspClientRequest,
    WspPushSession,
)
from omapush.ota.wsp.client import PomDisconnectReq as ClientDisconnectReq
from omapush.ota.wsp.ppg import (
    PomConnectInd,
    PomConnectRes,
    PomDisconnectReq,
    PushIn,
    WspPpg,
    WspPpgIndication,
    WspPpgRequest,
)
from omapush.ota.wsp.ppg import PomDisconnectInd as PpgDisconnectInd
from omapush.protocols.wsp.pdu import Reply
from omapush.protocols.wsp.sessions import WspServerSettings
from omapush.testing.datagram_link import DatagramLink, Faults
from omapush.testing.virtual_clock import START, VirtualClock

HOUR_MS = 3_600_000
LONG_AGO = Instant(START - HOUR_MS)
GATEWAY, PHONE = Peer("192.0.2.1", 9201), Peer("192.0.2.7", 40_000)
SOURCE = PushSource("OTA-WSP", "UDP", GATEWAY.host)
TAKES = ClientCapabilities(
    accept=("application/vnd.wap.sic", "text/plain"),
    accept_app_id=("4", "2"),
    max_message_size=40_000,
    max_push_requests=4,
)
MMS = PushMessage(
    (("Content-Type", "application/vnd.wap.mms-message"), ("X-Wap-Application-Id", "4")),
    bytes(range(256)) * 10,
)


class AtOnePeer:
    """One end of a push session as the link knows ends: with one peer."""

    def __init__(self, machine: WspPpg | WspPushSession, peer: Peer) -> None:
        self._machine = machine
        self._peer = peer

    def request(self, primitive: object, now: Instant) -> None:
        self._machine.request(primitive, now)  # type: ignore[arg-type]  # of its own machine

    def receive(self, datagram: bytes, now: Instant) -> None:
        self._machine.receive(datagram, self._peer, now)

    def next_timer(self) -> Instant | None:
        return self._machine.next_timer()

    def handle_timer(self, now: Instant) -> None:
        self._machine.handle_timer(now)

    def effects(self) -> list[SendDatagram]:
        return self._machine.effects()

    def indications(self) -> list[WspPpgIndication] | list[WspClientIndication]:
        return self._machine.indications()


class World:
    """A gateway that grants sessions, a client whose application answers, and their link."""

    def __init__(self, faults: Faults | None = None, seed: int = 0) -> None:
        self.clock = VirtualClock()
        ids = itertools.count(0x1234)
        ppg = WspPpg(WspServerSettings(), lambda: next(ids), LONG_AGO)
        client = WspPushSession(GATEWAY, SOURCE, LONG_AGO)
        self.link: DatagramLink[
            WspPpgRequest, WspPpgIndication, WspClientRequest, WspClientIndication
        ] = DatagramLink(
            self.clock, AtOnePeer(ppg, PHONE), AtOnePeer(client, GATEWAY), faults, seed
        )
        self.link.left.on_indication = self._at_gateway
        self.link.right.on_indication = self._at_client
        self.grants = True
        self.verdict: PushStatus | None = None
        self.session_id = 0
        self.outcomes: list[PushOutcome] = []
        self.pushes: list[PoConfirmedPushInd | PoUnitPushInd] = []

    def _at_gateway(self, told: WspPpgIndication) -> None:
        match told:
            case PomConnectInd(session_id=session_id) if self.grants:
                self.session_id = session_id
                self.link.left.request(PomConnectRes(session_id))
            case PomConnectInd(session_id=session_id):
                self.link.left.request(PomDisconnectReq(session_id, 403))
            case PushOutcome():
                self.outcomes.append(told)

    def _at_client(self, told: WspClientIndication) -> None:
        match told:
            case PoConfirmedPushInd(reference=reference):
                self.pushes.append(told)
                if self.verdict is None:
                    self.link.right.request(PoConfirmedPushRes(reference))
                else:
                    self.link.right.request(PoPushAbortReq(reference, self.verdict))
            case PoUnitPushInd():
                self.pushes.append(told)

    def connect(self) -> None:
        self.link.right.request(PomConnectReq(TAKES, "0B"))
        self.clock.advance(HOUR_MS)


def test_connect_tells_what_the_client_takes() -> None:
    world = World()
    world.connect()
    told = world.link.left.take()
    connect = next(each for each in told if isinstance(each, PomConnectInd))
    assert connect.peer == PHONE
    registration = connect.registration
    assert registration.bearer_indication == "0B"
    assert registration.capabilities == replace(
        TAKES, accept_charset=("utf-8",), accept_encoding=("identity",)
    )
    assert any(isinstance(each, PomConnectCnf) for each in world.link.right.take())


@pytest.mark.parametrize("confirmed", [True, False])
def test_push_arrives_as_it_was_sent_and_ends_once(*, confirmed: bool) -> None:
    world = World()
    world.connect()
    kind = PoConfirmedPushReq if confirmed else PoPushReq
    world.link.left.request(PushIn(world.session_id, kind("d1", MMS, PushFlag.CONTENT_TRUSTED)))
    world.clock.advance(HOUR_MS)
    [push] = world.pushes
    assert isinstance(push, PoConfirmedPushInd if confirmed else PoUnitPushInd)
    assert (push.message, push.flags, push.source) == (MMS, PushFlag.CONTENT_TRUSTED, SOURCE)
    [outcome] = world.outcomes
    assert (outcome.delivery_id, outcome.kind) == ("d1", OutcomeKind.DONE)


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [
        (PushStatus.USERREQ, OutcomeKind.LATER),
        (PushStatus.USERRFS, OutcomeKind.NEVER),
        (PushStatus.USERPND, OutcomeKind.NEVER),
        (PushStatus.USERDCR, OutcomeKind.LATER),
        (PushStatus.USERDCU, OutcomeKind.NEVER),
    ],
)
def test_verdict_of_the_application_reaches_the_gateway(
    verdict: PushStatus, kind: OutcomeKind
) -> None:
    world = World()
    world.connect()
    world.verdict = verdict
    world.link.left.request(PushIn(world.session_id, PoConfirmedPushReq("d1", MMS)))
    world.clock.advance(HOUR_MS)
    [outcome] = world.outcomes
    assert (outcome.kind, outcome.status) == (kind, verdict)
    assert verdict.name in outcome.reason


def test_client_that_is_refused_hears_the_status() -> None:
    world = World()
    world.grants = False
    world.connect()
    [ended] = [each for each in world.link.right.take() if isinstance(each, PomDisconnectInd)]
    assert isinstance(ended.answer, Reply)
    assert ended.answer.status == 403


def test_push_in_a_session_that_the_client_has_left_is_not_sent() -> None:
    world = World()
    world.connect()
    world.link.right.request(ClientDisconnectReq())
    world.clock.advance(HOUR_MS)
    assert any(isinstance(each, PpgDisconnectInd) for each in world.link.left.take())
    world.link.left.request(PushIn(world.session_id, PoConfirmedPushReq("d1", MMS)))
    [outcome] = world.outcomes
    assert (outcome.kind, outcome.status) == (OutcomeKind.LATER, None)


def test_push_that_nobody_acknowledges_is_in_doubt() -> None:
    world = World()
    world.connect()
    world.link.is_broken = True
    world.link.left.request(PushIn(world.session_id, PoConfirmedPushReq("d1", MMS)))
    world.clock.advance(HOUR_MS)
    [outcome] = world.outcomes
    assert outcome.kind is OutcomeKind.IN_DOUBT
    assert "not confirmed" in outcome.reason


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32),
    st.floats(0, 0.4),
    st.floats(0, 0.4),
    st.integers(0, 9_000),
)
def test_every_push_ends_once_and_is_taken_at_most_once(
    seed: int, loss: float, duplication: float, jitter_ms: int
) -> None:
    world = World(Faults(20, jitter_ms, loss, duplication), seed)
    world.connect()
    if not world.session_id:
        return
    for number in range(6):
        message = PushMessage(MMS.headers, bytes([number]) * (700 * number))
        world.link.left.request(PushIn(world.session_id, PoConfirmedPushReq(str(number), message)))
        world.clock.advance(1_000)
    world.clock.advance(HOUR_MS)
    ended = Counter(outcome.delivery_id for outcome in world.outcomes)
    assert ended == Counter(str(number) for number in range(6))
    taken = Counter(push.message.body[:1] for push in world.pushes if push.message.body)
    assert all(count == 1 for count in taken.values())
    for outcome in world.outcomes:
        number = int(outcome.delivery_id)
        arrived = bytes([number]) in taken or number == 0
        # What is done has arrived; what is certainly not delivered has not.
        assert outcome.kind is not OutcomeKind.DONE or arrived
        assert outcome.kind is not OutcomeKind.LATER or number == 0 or not arrived
