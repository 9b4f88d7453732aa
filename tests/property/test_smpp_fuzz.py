"""Whatever octets come: PDUs are read or refused as documented; sessions keep their promises."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.core.instants import Instant
from omapush.protocols.smpp import pdu
from omapush.protocols.smpp.codec import PDU_CLASSES, decode_pdu, encode_pdu
from omapush.protocols.smpp.commands import RESPONSE
from omapush.protocols.smpp.errors import PduError
from omapush.protocols.smpp.esme import EsmeSession
from omapush.protocols.smpp.explain import explain
from omapush.protocols.smpp.pdu import DeliverSm, Pdu, SubmitSm
from omapush.protocols.smpp.primitives import (
    BindInd,
    BindReq,
    BindRes,
    DeliverSmRes,
    EsmeSettings,
    OutbindInd,
    RequestInd,
    SendCnf,
    SendReq,
    SessionEndedInd,
    SessionSettings,
    SmscSettings,
    UnbindReq,
)
from omapush.protocols.smpp.receipt import matching_keys, parse_receipt
from omapush.protocols.smpp.smsc import SmscSession
from omapush.protocols.smpp.stream import PduBuffer
from omapush.protocols.smpp.tlvs import Tag, Tlv

COMMANDS = st.sampled_from(sorted(PDU_CLASSES)) | st.integers(0, 0xFFFFFFFF)
NUMBERS = st.integers(0, 12) | st.integers(0, 0xFFFFFFFF)
STATUSES = st.sampled_from([0, 0, 0, 3, 0x58]) | st.integers(0, 0xFFFFFFFF)
BODIES = st.binary(max_size=80) | st.lists(
    st.sampled_from([b"\0", b"1234\0", b"\1\1", b"\4\x27\0\1\2", b"\0\x1e\0\2" + b"7\0"]),
    max_size=24,
).map(b"".join)


@st.composite
def framed(draw: st.DrawFn) -> bytes:
    """Return something with a true length, whose rest may be anything."""
    body = draw(BODIES)
    numbers = (16 + len(body), draw(COMMANDS), draw(STATUSES), draw(NUMBERS))
    return b"".join(n.to_bytes(4, "big") for n in numbers) + body


def check_refusal(error: PduError, size: int) -> None:
    assert error.layer == "smpp"
    assert isinstance(error.position, int)
    assert 0 <= error.position <= size
    assert error.command_status != 0


@given(framed() | st.binary(max_size=120))
@settings(max_examples=300, deadline=None)
def test_pdu_is_read_and_explained_or_refused_as_documented(octets: bytes) -> None:
    try:
        found = decode_pdu(octets)
    except PduError as error:
        check_refusal(error, len(octets))
        return
    tree = explain(octets)
    assert tree.octets == octets
    receipt = parse_receipt(found, trusts_unmarked_text=True)
    assert receipt is None or matching_keys(receipt.message_id or "")
    canonical = getattr(found, "short_message", b"")
    if not found.command_id & RESPONSE and len(canonical) < 255:
        assert encode_pdu(found) == octets


@given(
    st.text(st.characters(codec="latin-1"), max_size=250)
    | st.lists(
        st.sampled_from(
            ["id:", "stat:", "text:", "err:", "done date:", " ", "7", "DELIVRD", "=", "2401021530"]
        ),
        max_size=30,
    ).map("".join),
    st.integers(0, 255),
    st.integers(0, 255),
    st.lists(st.builds(Tlv, st.sampled_from(list(Tag)), st.binary(max_size=9)), max_size=3),
)
@settings(max_examples=200, deadline=None)
def test_receipt_of_any_text_raises_nothing(
    text: str, esm_class: int, data_coding: int, tlvs: list[Tlv]
) -> None:
    octets = text.encode("latin-1")[:255]
    delivery = DeliverSm(
        esm_class=esm_class, data_coding=data_coding, short_message=octets, tlvs=tuple(tlvs)
    )
    parse_receipt(delivery, trusts_unmarked_text=bool(esm_class & 1))


@given(st.binary(max_size=200), st.lists(st.integers(1, 30), min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_buffer_never_holds_more_than_a_pdu(octets: bytes, sizes: list[int]) -> None:
    buffer, at = PduBuffer(max_pdu=64), 0
    try:
        for size in sizes:
            buffer.append(octets[at : at + size])
            at += size
            while (found := buffer.take()) is not None:
                assert 16 <= len(found) <= 64
            assert buffer.held < 64
    except PduError:
        assert octets


SETTINGS = SessionSettings(
    window=2,
    max_waiting=3,
    max_unanswered=2,
    session_init_timeout_ms=500,
    response_timeout_ms=300,
    answer_timeout_ms=400,
    enquire_link_ms=200,
    inactivity_timeout_ms=2_000,
    max_pdu=512,
)
REPLIES = st.sampled_from([known for c, known in PDU_CLASSES.items() if c & RESPONSE])
STEPS = st.one_of(
    st.tuples(st.just("send"), st.sampled_from([SubmitSm(), DeliverSm(), pdu.DataSm()])),
    st.tuples(st.just("octets"), framed() | st.binary(max_size=30)),
    st.tuples(
        st.just("octets"),
        st.builds(
            lambda reply, number, status: encode_pdu(
                reply(sequence_number=number, command_status=status)
            ),
            REPLIES,
            st.integers(1, 8),
            STATUSES,
        ),
    ),
    st.tuples(st.just("octets"), st.just(encode_pdu(pdu.BindTransceiver(sequence_number=1)))),
    st.tuples(st.just("octets"), st.just(encode_pdu(pdu.Unbind(sequence_number=1)))),
    st.tuples(st.just("time"), st.integers(0, 700)),
    st.tuples(st.just("ask"), st.sampled_from([UnbindReq(), DeliverSmRes(1)])),
    st.tuples(st.just("cut"), st.none()),
)


class Run:
    """A session that suffers the steps, and what it told."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.now = Instant(1_000)
        self.told: list[Any] = []
        self.requested = 0
        session.connected(self.now)
        self._pump()

    def step(self, what: str, value: Any) -> None:
        match what:
            case "send":
                self.session.request(SendReq(self.requested, value), self.now)
                self.requested += 1
            case "octets":
                self.session.receive(value, self.now)
            case "time":
                self.pass_time(value)
            case "ask":
                self.session.request(value, self.now)
            case "cut":
                self.session.disconnected("cut", self.now)
        self._pump()

    def pass_time(self, milliseconds: int) -> None:
        until = Instant(self.now + milliseconds)
        for _ in range(200):
            due = self.session.next_timer()
            if due is None or due > until:
                break
            self.now = max(self.now, due)
            self.session.handle_timer(self.now)
            self._pump()
        else:
            raise AssertionError("timers never come to rest")
        self.now = until

    def _pump(self) -> None:
        self.session.effects()
        for told in self.session.indications():
            self.told.append(told)
            match told:
                case BindInd():
                    self.session.request(BindRes(), self.now)
                case OutbindInd():
                    self.session.request(BindReq(), self.now)
                case RequestInd(pdu=asked) if asked.sequence_number % 2:
                    self.session.request(DeliverSmRes(asked.sequence_number), self.now)


@given(st.booleans(), st.booleans(), st.lists(STEPS, max_size=30))
@settings(max_examples=200, deadline=None)
def test_every_request_gets_exactly_one_outcome_whatever_the_peer_does(
    is_esme: bool, outbind: bool, steps: list[tuple[str, Any]]
) -> None:
    esme = EsmeSettings("omapush", waits_for_outbind=outbind, session=SETTINGS)
    run = Run(EsmeSession(esme) if is_esme else SmscSession(SmscSettings("s", session=SETTINGS)))
    for what, value in steps:
        run.step(what, value)
    run.pass_time(1_200)
    in_time = Counter(known.reference for known in run.told if isinstance(known, SendCnf))
    assert in_time == dict.fromkeys(range(run.requested), 1)
    run.step("cut", None)
    run.step("send", SubmitSm())
    ended = Counter(known.reference for known in run.told if isinstance(known, SendCnf))
    assert ended == dict.fromkeys(range(run.requested), 1)
    assert sum(isinstance(known, SessionEndedInd) for known in run.told) == 1


PDUS = st.builds(
    lambda pdu_class, number, status: pdu_class(sequence_number=number, command_status=status),
    st.sampled_from(list(PDU_CLASSES.values())),
    NUMBERS,
    STATUSES,
)


@given(PDUS, st.lists(st.builds(Tlv, st.integers(0, 0xFFFF), st.binary(max_size=20)), max_size=4))
@settings(max_examples=100, deadline=None)
def test_pdu_that_is_written_is_read_back(written: Pdu, tlvs: list[Tlv]) -> None:
    given_ = replace(written, tlvs=tuple(tlvs))
    assert decode_pdu(encode_pdu(given_)) == given_
