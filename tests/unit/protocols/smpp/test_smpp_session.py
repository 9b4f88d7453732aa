"""Each end of an SMPP session against a scripted peer: binds, windows, timers, bad input, ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from omapush.core.errors import EncodeError
from omapush.core.instants import Instant
from omapush.protocols.smpp import pdu
from omapush.protocols.smpp.codec import MAX_SEQUENCE_NUMBER, answer_to, decode_pdu, encode_pdu
from omapush.protocols.smpp.commands import CommandId
from omapush.protocols.smpp.esme import EsmeSession
from omapush.protocols.smpp.pdu import DeliverSm, GenericNack, Pdu, SubmitSm, SubmitSmResp
from omapush.protocols.smpp.primitives import (
    AlertNotificationInd,
    BindInd,
    BindReq,
    BindRes,
    BindType,
    BoundInd,
    CloseConnection,
    DeliverSmRes,
    EsmeSettings,
    LateResponseInd,
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
from omapush.protocols.smpp.smsc import SmscSession
from omapush.protocols.smpp.states import TRANSITIONS, Event, Role, State, may_send
from omapush.protocols.smpp.status import CommandStatus, StatusClass
from omapush.protocols.smpp.stream import PduBuffer
from omapush.protocols.smpp.template import SubmitTemplate
from omapush.protocols.smpp.tlvs import Tag, tlv

START = Instant(1_000_000)
SETTINGS = SessionSettings(
    window=2,
    max_waiting=3,
    max_unanswered=2,
    session_init_timeout_ms=5_000,
    response_timeout_ms=10_000,
    answer_timeout_ms=20_000,
    enquire_link_ms=30_000,
)
VERSION_5 = (tlv(Tag.SC_INTERFACE_VERSION, 0x50),)


class End:
    """A session, its clock, and a peer that the test plays."""

    def __init__(self, session: EsmeSession | SmscSession) -> None:
        self.session: Any = session
        self.now = START
        self.closed: str | None = None
        session.connected(self.now)

    def request(self, primitive: object) -> None:
        self.session.request(primitive, self.now)

    def peer(self, *pdus: Pdu | bytes) -> None:
        octets = b"".join(p if isinstance(p, bytes) else encode_pdu(p) for p in pdus)
        self.session.receive(octets, self.now)

    def later(self, milliseconds: int) -> None:
        until = Instant(self.now + milliseconds)
        while (due := self.session.next_timer()) is not None and due <= until:
            self.now = max(self.now, due)
            self.session.handle_timer(self.now)
        self.now = until

    def sent(self) -> list[Pdu]:
        buffer, found = PduBuffer(), []
        for effect in self.session.effects():
            match effect:
                case SendOctets(octets=octets):
                    buffer.append(octets)
                    while (one := buffer.take()) is not None:
                        found.append(decode_pdu(one))
                case CloseConnection(reason=reason):
                    self.closed = reason
        return found

    def told(self) -> list[Any]:
        return list(self.session.indications())


def esme(**settings: Any) -> End:
    return End(EsmeSession(EsmeSettings("omapush", "secret", session=SETTINGS, **settings)))


def bound_esme(tlvs: tuple[Any, ...] = (), session: SessionSettings = SETTINGS) -> End:
    end = End(EsmeSession(EsmeSettings("omapush", session=session, interface_version=0x50)))
    end.peer(pdu.BindTransceiverResp(system_id="smsc", sequence_number=1, tlvs=tlvs))
    end.sent()
    assert isinstance(end.told()[0], BoundInd)
    return end


def bound_smsc(bind: type[pdu.Bind] = pdu.BindTransceiver) -> End:
    end = End(SmscSession(SmscSettings("smsc", session=SETTINGS)))
    end.peer(bind(system_id="esme", sequence_number=1))
    end.request(BindRes())
    end.sent()
    end.told()
    return end


def cnfs(end: End) -> list[tuple[object, SendKind, StatusClass]]:
    return [(i.reference, i.kind, i.status_class) for i in end.told() if isinstance(i, SendCnf)]


MESSAGE = SubmitSm(destination_addr="358401234567", short_message=b"hello")
DELIVERY = DeliverSm(sequence_number=70, short_message=b"hello")
LINK = StatusClass.LINK
UNKNOWN = StatusClass.UNKNOWN

# -- binding --


@pytest.mark.parametrize(
    ("bind_type", "command"),
    [
        (BindType.TRANSMITTER, pdu.BindTransmitter),
        (BindType.RECEIVER, pdu.BindReceiver),
        (BindType.TRANSCEIVER, pdu.BindTransceiver),
    ],
)
def test_esme_binds_as_it_is_told(bind_type: BindType, command: type[pdu.Bind]) -> None:
    end = esme(bind_type=bind_type, system_type="push", address_range="^1", addr_ton=1)
    assert end.sent() == [
        command(
            sequence_number=1,
            system_id="omapush",
            password="secret",
            system_type="push",
            address_range="^1",
            addr_ton=1,
        )
    ]
    assert end.session.state is State.BINDING
    end.peer(answer_to(command(sequence_number=1), system_id="smsc", tlvs=VERSION_5))
    assert end.told() == [BoundInd(bind_type, "smsc", 0x34)]
    assert end.session.state.is_bound


def test_esme_whose_smsc_gives_no_version_says_so() -> None:
    end = esme()
    end.peer(pdu.BindTransceiverResp(sequence_number=1, system_id="smsc"))
    assert end.told() == [BoundInd(BindType.TRANSCEIVER, "smsc", None)]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (pdu.BindTransceiverResp(sequence_number=1, command_status=0x0E), 0x0E),
        (GenericNack(sequence_number=1, command_status=3), 3),
        (GenericNack(sequence_number=1), 0),
    ],
)
def test_esme_that_is_refused_ends_and_sends_nothing(answer: Pdu, status: int) -> None:
    end = esme()
    end.request(SendReq("a", MESSAGE))
    end.peer(answer)
    confirmed, ended = end.told()
    assert (confirmed.kind, confirmed.status_class) == (SendKind.NOT_SENT, LINK)
    assert isinstance(ended, SessionEndedInd)
    assert ended.command_status == status
    assert [type(sent) for sent in end.sent()] == [pdu.BindTransceiver]
    assert end.closed is not None


def test_esme_that_is_not_answered_ends() -> None:
    end = esme()
    end.later(4_999)
    assert not end.told()
    end.later(1)
    assert isinstance(end.told()[0], SessionEndedInd)
    assert end.session.next_timer() is None


def test_esme_ignores_answers_to_other_binds() -> None:
    end = esme()
    end.peer(pdu.BindTransceiverResp(sequence_number=2), pdu.BindReceiverResp(sequence_number=1))
    assert end.session.state is State.BINDING


def test_esme_waits_for_outbind_and_lets_it_be_judged() -> None:
    end = esme(waits_for_outbind=True)
    assert not end.sent()
    end.peer(pdu.Outbind(system_id="smsc", password="word", sequence_number=1))
    assert end.told() == [OutbindInd("smsc", "word")]
    assert end.session.state is State.OUTBOUND
    end.request(BindReq())
    assert [type(sent) for sent in end.sent()] == [pdu.BindTransceiver]
    end.request(BindReq())
    assert not end.sent()


def test_esme_refuses_outbind_that_it_did_not_wait_for() -> None:
    end = bound_esme()
    end.peer(pdu.Outbind(sequence_number=9))
    assert end.sent() == [GenericNack(sequence_number=9, command_status=4)]


def test_esme_is_not_made_of_settings_that_do_not_fit() -> None:
    with pytest.raises(EncodeError):
        EsmeSession(EsmeSettings("x" * 16))
    with pytest.raises(EncodeError):
        SmscSession(SmscSettings("x" * 16))


def test_smsc_lets_a_bind_be_judged_and_accepts_it_with_its_version() -> None:
    end = End(SmscSession(SmscSettings("smsc", session=SETTINGS)))
    bind = pdu.BindReceiver(sequence_number=5, system_id="esme", password="x")
    end.peer(bind)
    assert end.told() == [BindInd(bind)]
    assert not end.sent()
    end.request(BindRes())
    assert end.sent() == [pdu.BindReceiverResp(sequence_number=5, system_id="smsc", tlvs=VERSION_5)]
    assert end.told() == [BoundInd(BindType.RECEIVER, "esme", 0x34)]
    assert end.session.state is State.BOUND_RX


def test_smsc_sends_no_tlv_to_an_esme_of_3_3() -> None:
    end = End(SmscSession(SmscSettings("smsc")))
    end.peer(pdu.BindTransmitter(sequence_number=5, interface_version=0x33))
    end.request(BindRes())
    assert end.sent() == [pdu.BindTransmitterResp(sequence_number=5, system_id="smsc")]


def test_smsc_that_refuses_a_bind_says_why_and_closes() -> None:
    end = End(SmscSession(SmscSettings("smsc")))
    end.peer(pdu.BindReceiver(sequence_number=5))
    end.request(BindRes(CommandStatus.ESME_RINVPASWD))
    assert end.sent() == [pdu.BindReceiverResp(sequence_number=5, command_status=0x0E)]
    assert end.closed is not None
    assert end.told()[-1].command_status == 0x0E
    end.request(BindRes())
    assert not end.sent()


def test_smsc_refuses_a_second_bind() -> None:
    end = bound_smsc()
    end.peer(pdu.BindReceiver(sequence_number=6))
    assert end.sent() == [pdu.BindReceiverResp(sequence_number=6, command_status=5)]
    assert end.session.state is State.BOUND_TRX


def test_smsc_asks_for_a_bind_by_outbind() -> None:
    end = End(SmscSession(SmscSettings("smsc", session=SETTINGS)))
    end.request(OutbindReq("smsc", "word"))
    assert end.sent() == [pdu.Outbind(sequence_number=1, system_id="smsc", password="word")]
    assert end.session.state is State.OUTBOUND
    end.request(OutbindReq("smsc"))
    assert not end.sent()
    end.peer(pdu.BindReceiver(sequence_number=1))
    assert isinstance(end.told()[0], BindInd)


def test_smsc_to_which_nobody_binds_ends() -> None:
    end = End(SmscSession(SmscSettings("smsc", session=SETTINGS)))
    end.later(5_000)
    end.sent()
    assert end.closed is not None


# -- requests of ours --


def test_requests_that_wait_for_the_bind_are_sent_after_it() -> None:
    end = esme()
    end.request(SendReq("a", MESSAGE))
    end.sent()
    end.peer(pdu.BindTransceiverResp(sequence_number=1))
    assert end.sent() == [replace(MESSAGE, sequence_number=2)]


def test_requests_that_the_bind_does_not_carry_end_unsent() -> None:
    end = esme(bind_type=BindType.RECEIVER)
    end.request(SendReq("a", MESSAGE))
    end.peer(pdu.BindReceiverResp(sequence_number=1))
    end.request(SendReq("b", MESSAGE))
    assert cnfs(end) == [("a", SendKind.NOT_SENT, LINK), ("b", SendKind.NOT_SENT, LINK)]


def test_window_lets_so_many_out_and_queues_so_many_and_refuses_the_rest() -> None:
    end = bound_esme()
    for name in "abcdef":
        end.request(SendReq(name, MESSAGE))
    assert [sent.sequence_number for sent in end.sent()] == [2, 3]
    assert cnfs(end) == [("f", SendKind.NOT_SENT, StatusClass.THROTTLED)]
    end.peer(SubmitSmResp(sequence_number=3, message_id="x3"))
    assert [sent.sequence_number for sent in end.sent()] == [4]
    (confirmed,) = end.told()
    assert confirmed == SendCnf(
        "b",
        SendKind.ANSWERED,
        StatusClass.SUCCESS,
        SubmitSmResp(sequence_number=3, message_id="x3"),
    )


def test_requests_from_a_template_are_sent() -> None:
    end = bound_esme()
    prepared = SubmitTemplate(SubmitSm(source_addr="1234")).prepare(b"358401234567", b"hello")
    end.request(SendReq("a", prepared))
    assert end.sent() == [replace(MESSAGE, source_addr="1234", sequence_number=2)]


@pytest.mark.parametrize(
    ("answer", "status_class"),
    [
        (SubmitSmResp(command_status=0x58), StatusClass.THROTTLED),
        (SubmitSmResp(command_status=0x0B), StatusClass.PERMANENT),
        (SubmitSmResp(command_status=0x08), StatusClass.TEMPORARY),
        (SubmitSmResp(command_status=0x04), LINK),
        (SubmitSmResp(command_status=0x455), UNKNOWN),
        (GenericNack(command_status=3), StatusClass.PERMANENT),
        (GenericNack(), UNKNOWN),
    ],
)
def test_refusals_are_classified(answer: Pdu, status_class: StatusClass) -> None:
    end = bound_esme()
    end.request(SendReq("a", MESSAGE))
    end.peer(replace(answer, sequence_number=2))
    assert cnfs(end) == [("a", SendKind.ANSWERED, status_class)]


def test_failed_delivery_is_classified_by_its_reason() -> None:
    end = bound_esme()
    end.request(SendReq("a", pdu.DataSm()))
    invalid = (tlv(Tag.DELIVERY_FAILURE_REASON, 1),)
    end.peer(pdu.DataSmResp(sequence_number=2, command_status=0xFE, tlvs=invalid))
    assert cnfs(end) == [("a", SendKind.ANSWERED, StatusClass.PERMANENT)]


@pytest.mark.parametrize(
    ("command", "kind", "status_class"),
    [
        (SubmitSm(service_type="too long"), SendKind.NOT_SENT, StatusClass.PERMANENT),
        (DeliverSm(), SendKind.NOT_SENT, StatusClass.PERMANENT),
        (pdu.Unbind(), SendKind.NOT_SENT, StatusClass.PERMANENT),
        (SubmitSmResp(), SendKind.NOT_SENT, StatusClass.PERMANENT),
    ],
)
def test_requests_that_cannot_be_sent_end_at_once(
    command: Pdu, kind: SendKind, status_class: StatusClass
) -> None:
    end = bound_esme()
    end.request(SendReq(1, command))
    assert cnfs(end) == [(1, kind, status_class)]
    assert not end.sent()


@pytest.mark.parametrize(("version", "sent"), [(0x34, 0), (0x50, 1)])
def test_broadcast_goes_to_an_smsc_of_5_0_only(version: int, sent: int) -> None:
    end = bound_esme((tlv(Tag.SC_INTERFACE_VERSION, version),))
    end.request(SendReq("a", pdu.BroadcastSm()))
    assert len(end.sent()) == sent
    assert len(cnfs(end)) == 1 - sent


def test_response_that_is_overdue_leaves_its_request_in_doubt_and_frees_its_place() -> None:
    end = bound_esme()
    for name in "abc":
        end.request(SendReq(name, MESSAGE))
    end.sent()
    end.later(10_000)
    in_doubt = SendKind.IN_DOUBT
    assert cnfs(end) == [("a", in_doubt, UNKNOWN), ("b", in_doubt, UNKNOWN)]
    assert [sent.sequence_number for sent in end.sent()] == [4]
    late = SubmitSmResp(sequence_number=2, message_id="x")
    end.peer(late, late)
    assert end.told() == [LateResponseInd("a", late)]


def test_response_that_cannot_be_read_leaves_its_request_in_doubt() -> None:
    end = bound_esme()
    end.request(SendReq("a", pdu.QuerySm(message_id="1")))
    end.request(SendReq("b", pdu.QuerySm(message_id="1")))
    header = b"\0\0\0\x12\x80\0\0\x03"
    end.peer(header + b"\0\0\0\0\0\0\0\2x\0", header + b"\0\0\0\x67\0\0\0\3x\0")
    first, second = end.told()
    assert (first.kind, first.response) == (SendKind.IN_DOUBT, None)
    assert (second.kind, second.status_class) == (SendKind.ANSWERED, StatusClass.TEMPORARY)


def test_response_of_another_kind_is_no_answer() -> None:
    end = bound_esme()
    end.request(SendReq("a", MESSAGE))
    end.peer(pdu.QuerySmResp(sequence_number=2), SubmitSmResp(sequence_number=99), GenericNack())
    assert not end.told()
    end.peer(SubmitSmResp(sequence_number=2))
    assert cnfs(end) == [("a", SendKind.ANSWERED, StatusClass.SUCCESS)]


def test_sequence_numbers_wrap_past_those_outstanding() -> None:
    end = bound_esme(session=replace(SETTINGS, window=4))
    end.session._window._last_number = MAX_SEQUENCE_NUMBER - 1
    end.request(SendReq("a", MESSAGE))
    end.request(SendReq("b", MESSAGE))
    end.session._window._last_number = MAX_SEQUENCE_NUMBER - 1
    end.request(SendReq("c", MESSAGE))
    assert [sent.sequence_number for sent in end.sent()] == [MAX_SEQUENCE_NUMBER, 1, 2]


def test_loss_of_the_connection_tells_sent_from_unsent() -> None:
    end = bound_esme()
    for name in "abc":
        end.request(SendReq(name, MESSAGE))
    end.session.disconnected("reset", end.now)
    *_, ended = told = end.told()
    assert [known.kind for known in told[:-1]] == [
        SendKind.IN_DOUBT,
        SendKind.IN_DOUBT,
        SendKind.NOT_SENT,
    ]
    assert ended == SessionEndedInd("reset")
    assert not end.sent()
    end.session.disconnected("again", end.now)
    end.request(SendReq("d", MESSAGE))
    assert cnfs(end) == [("d", SendKind.NOT_SENT, LINK)]


def test_alert_notification_is_sent_without_waiting_for_an_answer() -> None:
    end = bound_smsc()
    end.request(SendReq("a", pdu.AlertNotification(source_addr="1")))
    assert cnfs(end) == [("a", SendKind.SENT, StatusClass.SUCCESS)]
    assert [type(sent) for sent in end.sent()] == [pdu.AlertNotification]
    early = End(SmscSession(SmscSettings("smsc")))
    early.request(SendReq("a", pdu.AlertNotification()))
    assert cnfs(early) == [("a", SendKind.NOT_SENT, LINK)]


# -- requests of the peer --


def test_delivery_is_answered_when_above_says_so() -> None:
    end = bound_esme()
    end.peer(DELIVERY)
    assert end.told() == [RequestInd(DELIVERY)]
    assert not end.sent()
    end.request(DeliverSmRes(70))
    end.request(DeliverSmRes(70))
    assert end.sent() == [pdu.DeliverSmResp(sequence_number=70)]


def test_submission_is_answered_with_what_above_made() -> None:
    end = bound_smsc(pdu.BindTransmitter)
    end.peer(replace(MESSAGE, sequence_number=9))
    (told,) = end.told()
    end.request(ResponseRes(pdu.QuerySmResp(sequence_number=9)))
    with pytest.raises(EncodeError):
        end.request(ResponseRes(answer_to(told.pdu, message_id="x" * 65)))
    end.request(ResponseRes(answer_to(told.pdu, message_id="17")))
    assert end.sent() == [SubmitSmResp(sequence_number=9, message_id="17")]


def test_delivery_that_is_repeated_while_it_waits_is_told_once() -> None:
    end = bound_esme()
    end.peer(DELIVERY, DELIVERY, replace(DELIVERY, short_message=b"other"))
    assert end.told() == [RequestInd(DELIVERY)]
    assert end.sent() == [pdu.DeliverSmResp(sequence_number=70, command_status=8)]


def test_deliveries_beyond_the_limit_are_throttled() -> None:
    end = bound_esme()
    end.peer(*(replace(DELIVERY, sequence_number=number) for number in (1, 2, 3)))
    assert len(end.told()) == 2
    assert end.sent() == [pdu.DeliverSmResp(sequence_number=3, command_status=0x58)]


def test_delivery_that_above_does_not_answer_is_put_off() -> None:
    end = bound_esme()
    end.peer(DELIVERY)
    end.later(20_000)
    assert end.sent() == [pdu.DeliverSmResp(sequence_number=70, command_status=0x64)]
    end.request(DeliverSmRes(70))
    assert not end.sent()


def test_alert_notification_is_told() -> None:
    end = bound_esme()
    alert = pdu.AlertNotification(sequence_number=3, source_addr="358401234567")
    end.peer(alert)
    assert end.told() == [AlertNotificationInd(alert)]
    assert not end.sent()


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (pdu.EnquireLink(sequence_number=8), pdu.EnquireLinkResp(sequence_number=8)),
        (SubmitSm(sequence_number=8), SubmitSmResp(sequence_number=8, command_status=3)),
        (
            pdu.BindReceiver(sequence_number=8),
            pdu.BindReceiverResp(sequence_number=8, command_status=4),
        ),
        (
            b"\0\0\0\x10\0\0\x0f\x0f\0\0\0\0\0\0\0\x08",
            GenericNack(sequence_number=8, command_status=3),
        ),
        (
            b"\0\0\0\x10\0\0\0\x05\0\0\0\0\0\0\0\x08",
            pdu.DeliverSmResp(sequence_number=8, command_status=0x15),
        ),
        (
            b"\0\0\0\x10\0\0\x01\x02\0\0\0\0\0\0\0\x08",
            GenericNack(sequence_number=8, command_status=0x48),
        ),
    ],
)
def test_esme_answers_what_it_need_not_tell(request_: Pdu | bytes, answer: Pdu) -> None:
    end = bound_esme()
    end.peer(request_)
    assert end.sent() == [answer]
    assert not end.told()
    assert end.session.state is State.BOUND_TRX


def test_smsc_refuses_operations_that_the_bind_does_not_carry() -> None:
    end = bound_smsc(pdu.BindReceiver)
    end.peer(replace(MESSAGE, sequence_number=9))
    assert end.sent() == [SubmitSmResp(sequence_number=9, command_status=4)]
    unbound = End(SmscSession(SmscSettings("smsc")))
    unbound.peer(replace(MESSAGE, sequence_number=9))
    assert unbound.sent() == [SubmitSmResp(sequence_number=9, command_status=4)]


@pytest.mark.parametrize("length", [b"\0\0\0\x0f", b"\xff\xff\xff\xff", b"HTTP"])
def test_session_ends_when_lengths_cannot_be_true(length: bytes) -> None:
    end = bound_esme()
    end.request(SendReq("a", MESSAGE))
    end.sent()
    end.peer(DELIVERY, length, DELIVERY)
    request, confirmed, ended = end.told()
    assert request == RequestInd(DELIVERY)
    assert confirmed.kind is SendKind.IN_DOUBT
    assert isinstance(ended, SessionEndedInd)
    assert end.sent() == [GenericNack(command_status=2)]
    assert end.closed is not None
    end.peer(DELIVERY)
    end.request(DeliverSmRes(70))
    assert not end.sent()


# -- time and the end --


def test_silent_peer_is_asked_and_given_up() -> None:
    end = bound_esme()
    end.later(30_000)
    assert end.sent() == [pdu.EnquireLink(sequence_number=2)]
    end.peer(pdu.EnquireLinkResp(sequence_number=2))
    end.later(30_000)
    assert len(end.sent()) == 1
    end.later(9_999)
    assert not end.told()
    end.later(1)
    assert end.told() == [SessionEndedInd("the peer does not answer enquire_link")]


def test_peer_that_sends_anything_is_alive() -> None:
    end = bound_esme()
    end.later(30_000)
    end.peer(DELIVERY)
    end.later(15_000)
    assert end.session.state is State.BOUND_TRX


def test_session_without_operations_unbinds_when_so_set() -> None:
    settings = replace(SETTINGS, inactivity_timeout_ms=50_000, enquire_link_ms=None)
    end = bound_esme(session=settings)
    end.later(40_000)
    end.peer(pdu.EnquireLink(sequence_number=1), DELIVERY)
    end.request(DeliverSmRes(70))
    end.later(49_999)
    assert [type(sent) for sent in end.sent()] == [pdu.EnquireLinkResp, pdu.DeliverSmResp]
    end.later(1)
    assert [type(sent) for sent in end.sent()] == [pdu.Unbind]


def test_session_without_keep_alive_has_no_timer() -> None:
    end = bound_esme(session=replace(SETTINGS, enquire_link_ms=None))
    assert end.session.next_timer() is None


def test_unbind_waits_for_answers_and_takes_no_more() -> None:
    end = bound_esme()
    for name in "abc":
        end.request(SendReq(name, MESSAGE))
    end.sent()
    end.request(UnbindReq())
    end.request(SendReq("d", MESSAGE))
    assert cnfs(end) == [("c", SendKind.NOT_SENT, LINK), ("d", SendKind.NOT_SENT, LINK)]
    end.peer(SubmitSmResp(sequence_number=2), DELIVERY)
    assert end.sent() == [pdu.DeliverSmResp(sequence_number=70, command_status=4)]
    end.later(10_000)
    assert end.sent() == [pdu.Unbind(sequence_number=4)]
    assert [kind for _, kind, _ in cnfs(end)] == [SendKind.ANSWERED, SendKind.IN_DOUBT]
    end.peer(pdu.UnbindResp(sequence_number=4))
    assert end.told() == [SessionEndedInd("unbound", orderly=True)]
    end.sent()
    assert end.closed == "unbound"


def test_unbind_waits_for_what_above_has_still_to_answer() -> None:
    end = bound_esme()
    end.peer(DELIVERY)
    end.request(UnbindReq())
    assert not end.sent()
    end.request(DeliverSmRes(70))
    assert [type(sent) for sent in end.sent()] == [pdu.DeliverSmResp, pdu.Unbind]


def test_unbind_that_is_not_answered_ends_the_session() -> None:
    end = bound_esme()
    end.request(UnbindReq())
    end.peer(SubmitSmResp(sequence_number=2))
    end.later(10_000)
    assert end.told() == [SessionEndedInd("no answer to unbind in time")]


def test_unbind_before_the_bind_closes() -> None:
    end = esme()
    end.request(UnbindReq())
    end.request(UnbindReq())
    assert end.told() == [SessionEndedInd("unbound before being bound", orderly=True)]


@pytest.mark.parametrize("unbinding", [False, True])
def test_peer_that_unbinds_is_answered(unbinding: bool) -> None:
    end = bound_esme()
    if unbinding:
        end.request(UnbindReq())
        end.sent()
    end.peer(pdu.Unbind(sequence_number=5))
    assert end.sent() == [pdu.UnbindResp(sequence_number=5)]
    assert end.told() == [SessionEndedInd("the peer unbound", orderly=True)]


def test_connection_that_closes_instead_of_unbind_resp_is_in_good_order() -> None:
    end = bound_esme()
    end.request(UnbindReq())
    end.session.disconnected("closed", end.now)
    assert end.told() == [SessionEndedInd("closed", orderly=True)]


def test_table_of_states_is_complete_and_ends() -> None:
    assert set(TRANSITIONS) == set(State)
    for state, moves in TRANSITIONS.items():
        assert (Event.DISCONNECTED in moves) is (state is not State.CLOSED)
        assert (Event.END in moves) is not state.has_ended


@pytest.mark.parametrize(
    ("role", "state", "command", "allowed"),
    [
        (Role.ESME, State.BOUND_TX, CommandId.SUBMIT_SM, True),
        (Role.ESME, State.BOUND_RX, CommandId.SUBMIT_SM, False),
        (Role.ESME, State.BOUND_TRX, CommandId.DATA_SM, True),
        (Role.ESME, State.BOUND_TRX, CommandId.DELIVER_SM, False),
        (Role.SMSC, State.BOUND_RX, CommandId.DELIVER_SM, True),
        (Role.SMSC, State.BOUND_TX, CommandId.DATA_SM, False),
        (Role.SMSC, State.UNBINDING, CommandId.DELIVER_SM, False),
    ],
)
def test_binds_carry_what_the_specification_lets_them(
    role: Role, state: State, command: CommandId, allowed: bool
) -> None:
    assert may_send(role, state, command) is allowed
