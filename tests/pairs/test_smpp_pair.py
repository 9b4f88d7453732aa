"""Both ends of SMPP joined by a simulated link: binds, messages, receipts, unbinds, cuts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.core.instants import Instant
from omapush.ota import interface
from omapush.protocols.smpp.codec import answer_to
from omapush.protocols.smpp.esme import EsmeSession
from omapush.protocols.smpp.pdu import DeliverSm, SubmitSm
from omapush.protocols.smpp.primitives import (
    BindInd,
    BindReq,
    BindRes,
    BindType,
    BoundInd,
    CloseConnection,
    DeliverSmRes,
    EsmeSettings,
    Indication,
    OutbindInd,
    OutbindReq,
    RequestInd,
    ResponseRes,
    SendCnf,
    SendKind,
    SendOctets,
    SendReq,
    SessionEndedInd,
    SessionSettings,
    SmscSettings,
    UnbindReq,
)
from omapush.protocols.smpp.receipt import parse_receipt
from omapush.protocols.smpp.smsc import SmscSession
from omapush.protocols.smpp.states import State
from omapush.protocols.smpp.status import CommandStatus
from omapush.protocols.smpp.tlvs import Tag, tlv
from omapush.protocols.smpp.values import MessageState
from omapush.testing.pair import Link, StreamPair
from omapush.testing.virtual_clock import VirtualClock

SETTINGS = SessionSettings(window=5, response_timeout_ms=10_000, answer_timeout_ms=8_000)


class Driven:
    """A session as the pair drives it: the same effects under the pair's own names."""

    def __init__(self, session: EsmeSession | SmscSession) -> None:
        self.session: Any = session

    def connected(self, now: Instant) -> None:
        self.session.connected(now)

    def request(self, primitive: Any, now: Instant) -> None:
        self.session.request(primitive, now)

    def receive(self, octets: bytes, now: Instant) -> None:
        self.session.receive(octets, now)

    def disconnected(self, reason: str, now: Instant) -> None:
        self.session.disconnected(reason, now)

    def next_timer(self) -> Instant | None:
        return self.session.next_timer()

    def handle_timer(self, now: Instant) -> None:
        self.session.handle_timer(now)

    def effects(self) -> list[interface.Effect]:
        renamed: list[interface.Effect] = []
        for effect in self.session.effects():
            match effect:
                case SendOctets(octets=octets):
                    renamed.append(interface.SendOctets(octets))
                case CloseConnection(reason=reason):
                    renamed.append(interface.CloseConnection(reason))
        return renamed

    def indications(self) -> list[Indication]:
        return self.session.indications()


class Pair:
    """An ESME on the left, and on the right an SMSC that takes messages and sends receipts."""

    def __init__(
        self,
        link: Link | None = None,
        *,
        status: int = 0,
        mute: bool = False,
        window: int = 5,
        **settings: Any,
    ) -> None:
        self.clock = VirtualClock()
        session = replace(SETTINGS, window=window)
        self.esme = EsmeSession(EsmeSettings("omapush", "secret", session=session, **settings))
        self.smsc = SmscSession(SmscSettings("smsc", session=session))
        self.pair = StreamPair(self.clock, Driven(self.esme), Driven(self.smsc), link)
        self.left, self.right = self.pair.left, self.pair.right
        self.left.on_indication = self._told_esme
        self.right.on_indication = self._told_smsc
        self.status = status
        self.mute = mute
        self.taken: list[SubmitSm] = []
        self.receipts: dict[str, MessageState | None] = {}
        self.pair.open()

    def _told_smsc(self, indication: Any) -> None:
        match indication:
            case BindInd():
                self.right.request(BindRes(self.status))
            case RequestInd(pdu=SubmitSm() as submit) if not self.mute:
                self.taken.append(submit)
                message_id = f"{len(self.taken):08}"
                self.right.request(ResponseRes(answer_to(submit, message_id=message_id)))
                if submit.registered_delivery:
                    self.right.request(SendReq(message_id, self._receipt(message_id)))

    @staticmethod
    def _receipt(message_id: str) -> DeliverSm:
        state = (tlv(Tag.RECEIPTED_MESSAGE_ID, message_id), tlv(Tag.MESSAGE_STATE, 2))
        return DeliverSm(esm_class=4, tlvs=state)

    def _told_esme(self, indication: Any) -> None:
        match indication:
            case OutbindInd():
                self.left.request(BindReq())
            case RequestInd(pdu=DeliverSm() as delivery):
                receipt = parse_receipt(delivery)
                assert receipt is not None
                self.receipts[receipt.message_id or ""] = receipt.state
                self.left.request(DeliverSmRes(delivery.sequence_number))

    def submit(self, count: int, *, start: int = 0) -> None:
        for number in range(start, start + count):
            message = SubmitSm(
                destination_addr=f"{number:012}", short_message=b"x", registered_delivery=1
            )
            self.left.request(SendReq(number, message))

    def outcomes(self) -> dict[object, SendKind]:
        found = [i for i in self.left.take() if isinstance(i, SendCnf)]
        assert len({known.reference for known in found}) == len(found)
        return {known.reference: known.kind for known in found}


def test_esme_and_smsc_carry_many_messages_and_their_receipts_through_a_small_window() -> None:
    both = Pair(Link(latency_ms=20, segment=lambda there: min(there, 7)))
    both.submit(100)
    both.pair.settle()
    assert both.outcomes() == dict.fromkeys(range(100), SendKind.ANSWERED)
    assert [message.destination_addr for message in both.taken] == [f"{n:012}" for n in range(100)]
    assert both.receipts == {f"{n + 1:08}": MessageState.DELIVERED for n in range(100)}
    answered = [known.kind for known in both.right.take() if isinstance(known, SendCnf)]
    assert answered == [SendKind.ANSWERED] * 100


def test_esme_and_smsc_unbind_in_good_order_after_what_is_outstanding() -> None:
    both = Pair(Link(latency_ms=50), window=100)
    both.submit(3)
    both.left.request(UnbindReq())
    both.pair.settle()
    for end in (both.left, both.right):
        ended = [known for known in end.take() if isinstance(known, SessionEndedInd)]
        assert [known.orderly for known in ended] == [True]
        assert end.closed is not None
    assert both.esme.state is both.smsc.state is State.CLOSED
    assert len(both.taken) == 3


def test_smsc_unbinds_and_esme_is_told() -> None:
    both = Pair()
    both.right.request(UnbindReq())
    both.pair.settle()
    assert both.left.take()[-1] == SessionEndedInd("the peer unbound", orderly=True)


def test_esme_is_told_why_its_bind_is_refused() -> None:
    both = Pair(status=CommandStatus.ESME_RINVPASWD)
    (ended,) = both.left.take()
    assert isinstance(ended, SessionEndedInd)
    assert ended.command_status == CommandStatus.ESME_RINVPASWD
    assert both.left.closed is not None


def test_smsc_that_dials_asks_by_outbind() -> None:
    both = Pair(waits_for_outbind=True, bind_type=BindType.RECEIVER)
    both.right.request(OutbindReq("smsc", "word"))
    both.pair.settle()
    assert [type(known) for known in both.left.take()] == [OutbindInd, BoundInd]
    assert both.smsc.state is State.BOUND_RX


def test_quiet_session_stays_alive_by_enquire_link_until_the_peer_is_gone() -> None:
    both = Pair(Link(latency_ms=10))
    both.clock.advance(3_600_000)
    assert both.esme.state is both.smsc.state is State.BOUND_TRX
    both.right.ended("the process died without a word")
    both.clock.advance(3_600_000)
    assert both.left.closed is not None
    assert isinstance(both.left.take()[-1], SessionEndedInd)


def test_messages_to_a_mute_smsc_are_put_off_by_its_session() -> None:
    both = Pair(mute=True)
    both.submit(7)
    both.clock.advance(60_000)
    assert both.outcomes() == dict.fromkeys(range(7), SendKind.ANSWERED)
    assert both.esme.state is State.BOUND_TRX


@given(
    cut_to_left=st.none() | st.integers(0, 900),
    cut_to_right=st.none() | st.integers(0, 900),
    segments=st.lists(st.integers(1, 60), min_size=1, max_size=8),
    latency_ms=st.integers(0, 40),
    count=st.integers(0, 12),
)
@settings(max_examples=60, deadline=None)
def test_every_request_has_one_outcome_wherever_the_link_is_cut(
    cut_to_left: int | None,
    cut_to_right: int | None,
    segments: list[int],
    latency_ms: int,
    count: int,
) -> None:
    turn = iter(segments * 10_000)
    link = Link(latency_ms, lambda there: min(there, next(turn)), cut_to_left, cut_to_right)
    both = Pair(link)
    both.submit(count)
    both.pair.settle()
    both.submit(2, start=count)
    both.pair.settle()
    both.pair.cut()
    outcomes = both.outcomes()
    assert set(outcomes) == set(range(count + 2))
    seen = {int(message.destination_addr) for message in both.taken}
    unsent = {n for n, kind in outcomes.items() if kind is SendKind.NOT_SENT}
    answered = {n for n, kind in outcomes.items() if kind is SendKind.ANSWERED}
    assert not seen & unsent
    assert answered <= seen
