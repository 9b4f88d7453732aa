"""What octets are taken for when nobody says what they are."""

from __future__ import annotations

import pytest

from omapush.content.recipes import mms_notification
from omapush.core.errors import DecodeError
from omapush.inspection.guessing import NothingFitsError, guess
from omapush.inspection.model import Kind
from omapush.ota.interface import PushFlag
from omapush.ota.wsp.unit_push import encode_unit_push
from omapush.protocols.smpp.codec import encode_pdu
from omapush.protocols.smpp.pdu import EnquireLink, SubmitSm
from omapush.protocols.sms.address import Address
from omapush.protocols.sms.segmentation import segment
from omapush.protocols.sms.timestamps import Timestamp
from omapush.protocols.sms.tpdu import SmsDeliver, SmsSubmit
from omapush.protocols.sms.user_data import UserData
from omapush.protocols.wsp.pdu import Connect, Push
from omapush.protocols.wsp.pdu_codec import encode_pdu as encode_wsp
from omapush.protocols.wtp.pdu import Ack, Invoke
from omapush.protocols.wtp.pdu import encode as encode_wtp

PUSH = encode_unit_push(mms_notification("http://mmsc.example/x", 1), PushFlag.NONE, 3)
(USER_DATA,) = segment(PUSH, 2948, 9200, 1)
CARRIED = UserData.of_octets(USER_DATA)
ADDRESS = Address.parse("+441234567890")
STAMP = Timestamp(bytes.fromhex("62112121000000"))
SI = bytes.fromhex("02056a0045c60c03696d672e6769660001034869000101")


@pytest.mark.parametrize(
    ("kind", "octets"),
    [
        (Kind.WSP, PUSH),
        (Kind.WSP, encode_wsp(Push((("Content-Type", "application/vnd.wap.sic"),), SI))),
        (Kind.WSP, encode_wsp(Connect())),
        (Kind.SMS_USER_DATA, USER_DATA),
        (Kind.SMS_DELIVER, SmsDeliver(ADDRESS, STAMP, CARRIED).encode()),
        (Kind.SMS_DELIVER, b"\0" + SmsDeliver(ADDRESS, STAMP, CARRIED).encode()),
        (Kind.SMS_SUBMIT, SmsSubmit(ADDRESS, CARRIED).encode()),
        (Kind.SMS_SUBMIT, SmsSubmit(ADDRESS, UserData.of_text("hello")).encode()),
        (Kind.SMPP, encode_pdu(SubmitSm(destination_addr="44", short_message=b"hello"))),
        (Kind.SMPP, encode_pdu(EnquireLink(sequence_number=1))),
        (Kind.WTP, encode_wtp(Invoke(5, 1, encode_wsp(Connect())))),
        (Kind.WTP, encode_wtp(Ack(0x110))),
        (Kind.WBXML, SI),
        (Kind.SIR, bytes.fromhex("0102b282074423f1c000020107440fc3c00002010100")),
    ],
)
def test_guess_finds_the_kind(kind: Kind, octets: bytes) -> None:
    inspection = guess(octets)
    assert inspection.kind is kind
    assert inspection.guessed is not None
    assert kind not in inspection.guessed


def test_guess_tells_what_else_would_fit() -> None:
    inspection = guess(bytes.fromhex("180110"))
    assert inspection.kind is Kind.WTP
    assert inspection.guessed == (Kind.SMS_SUBMIT,)


@pytest.mark.parametrize(
    ("octets", "farthest"),
    [
        (SI[:-1], Kind.WBXML),
        (encode_pdu(SubmitSm(destination_addr="44"))[:20], Kind.SMPP),
        (b'<?xml version="1.0"?><html/>', Kind.PAP),
    ],
)
def test_what_no_kind_reads_is_refused_by_the_one_that_it_began_like(
    octets: bytes, farthest: Kind
) -> None:
    if farthest is Kind.SMPP:
        octets = len(octets).to_bytes(4, "big") + octets[4:]
    with pytest.raises(NothingFitsError) as refusal:
        guess(octets)
    assert refusal.value.farthest is farthest
    assert refusal.value.fault.reason in refusal.value.reason


def test_what_fits_by_chance_only_is_refused() -> None:
    with pytest.raises(NothingFitsError):
        guess(b"\xff")


def test_nothing_is_refused() -> None:
    with pytest.raises(DecodeError, match="no octets"):
        guess(b"")
