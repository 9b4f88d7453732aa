"""Segments of one message, joined in whatever order they are given."""

from __future__ import annotations

from typing import Any, cast

import pytest

from omapush.content.recipes import mms_notification
from omapush.core.errors import DecodeError, LimitError
from omapush.inspection.joining import JOINABLE, MAX_SEGMENTS, inspect_joined
from omapush.inspection.model import Inspection, Kind
from omapush.ota.interface import PushFlag
from omapush.ota.wsp.unit_push import encode_unit_push
from omapush.protocols.smpp.codec import encode_pdu
from omapush.protocols.smpp.pdu import SubmitSm
from omapush.protocols.smpp.tlvs import Tag, tlv
from omapush.protocols.smpp.values import UDHI
from omapush.protocols.sms.address import Address
from omapush.protocols.sms.segmentation import segment
from omapush.protocols.sms.timestamps import Timestamp
from omapush.protocols.sms.tpdu import SmsDeliver, SmsSubmit
from omapush.protocols.sms.user_data import UserData
from omapush.protocols.sms.user_data_header import Concatenation, UserDataHeader
from omapush.protocols.wsp.pdu import ConfirmedPush
from omapush.protocols.wsp.pdu_codec import encode_pdu as encode_wsp
from omapush.protocols.wtp.pdu import Ack, Invoke, SegmentedInvoke, encode

LOCATION = "http://mmsc.example/" + "x" * 200
PUSH = encode_unit_push(mms_notification(LOCATION, 1), PushFlag.NONE, 3)
USER_DATA = segment(PUSH, 2948, 9200, 7)
ADDRESS = Address.parse("+441234567890")
STAMP = Timestamp(bytes.fromhex("62112121000000"))
HALF = len(PUSH) // 2


def sar(number: int, payload: bytes) -> bytes:
    tlvs = (
        tlv(Tag.DESTINATION_PORT, 2948),
        tlv(Tag.SAR_MSG_REF_NUM, 5),
        tlv(Tag.SAR_TOTAL_SEGMENTS, 2),
        tlv(Tag.SAR_SEGMENT_SEQNUM, number),
    )
    return encode_pdu(SubmitSm(data_coding=4, short_message=payload, tlvs=tlvs))


SEGMENTS = {
    "sms-user-data": (Kind.SMS_USER_DATA, USER_DATA),
    "sms-deliver": (
        Kind.SMS_DELIVER,
        [SmsDeliver(ADDRESS, STAMP, UserData.of_octets(each)).encode() for each in USER_DATA],
    ),
    "sms-submit": (
        Kind.SMS_SUBMIT,
        [SmsSubmit(ADDRESS, UserData.of_octets(each)).encode() for each in USER_DATA],
    ),
    "smpp with UDH": (
        Kind.SMPP,
        [encode_pdu(SubmitSm(esm_class=UDHI, short_message=each)) for each in USER_DATA],
    ),
    "smpp with SAR": (Kind.SMPP, [sar(1, PUSH[:HALF]), sar(2, PUSH[HALF:])]),
}


def location_in(inspection: Inspection) -> object:
    (session,) = cast("list[dict[str, Any]]", inspection.decoded["carries"])
    return session["decoded"]["carries"][0]["decoded"]["content_location"]


@pytest.mark.parametrize(("kind", "segments"), SEGMENTS.values(), ids=SEGMENTS)
def test_segments_in_any_order_make_the_message(kind: Kind, segments: list[bytes]) -> None:
    for order in (segments, list(reversed(segments))):
        inspection = inspect_joined(kind, order)
        assert location_in(inspection) == LOCATION
        assert inspection.decoded["payload"] == PUSH.hex()
        said = cast("list[object]", inspection.decoded["segments"])
        assert len(said) == len(order)
        assert inspection.octets == sum(map(len, order))
        assert inspection.warnings == ()
        assert [layer.name for layer in inspection.layers][-2:] == ["wsp", "mms"]


@pytest.mark.parametrize("kind", [Kind.SMS_DELIVER, Kind.SMPP])
def test_text_in_segments_is_joined(kind: Kind) -> None:
    segments = []
    for number, text in ((2, "world"), (1, "hello ")):
        header = UserDataHeader((Concatenation(9, 2, number, 8),))
        if kind is Kind.SMPP:
            message = header.encode() + text.encode()
            segments.append(encode_pdu(SubmitSm(esm_class=UDHI, short_message=message)))
        else:
            data = UserData.of_text(text, header)
            segments.append(SmsDeliver(ADDRESS, STAMP, data).encode())
    inspection = inspect_joined(kind, segments)
    assert inspection.decoded["text"] == "hello world"
    assert "carries" not in inspection.decoded


def test_packets_of_wtp_make_the_message() -> None:
    body = ConfirmedPush((("Content-Type", "text/plain"),), b"hello" * 20)
    content = encode_wsp(body)
    first = Invoke(5, 1, content[:40], group_trailer=False, transmission_trailer=False)
    last = SegmentedInvoke(5, 1, content[40:], group_trailer=False, transmission_trailer=True)
    inspection = inspect_joined(Kind.WTP, [encode(last), encode(first)])
    assert inspection.decoded["payload"] == content.hex()
    assert [layer.name for layer in inspection.layers][-2:] == ["wsp", "text"]
    with pytest.raises(DecodeError, match="missing: 0"):
        inspect_joined(Kind.WTP, [encode(last)])
    with pytest.raises(DecodeError, match="missing: the last"):
        inspect_joined(Kind.WTP, [encode(first)])
    with pytest.raises(DecodeError, match="no packet"):
        inspect_joined(Kind.WTP, [encode(Ack(5))])


def test_missing_segments_are_named() -> None:
    assert len(USER_DATA) == 3
    with pytest.raises(DecodeError, match="of 3 segments these are missing: 1, 3"):
        inspect_joined(Kind.SMS_USER_DATA, [USER_DATA[1]])


def test_segments_of_two_messages_are_refused() -> None:
    (other,) = segment(b"\x01\x06\x01\x80", 2948, 9200, 9)
    with pytest.raises(DecodeError, match="2 whole messages"):
        inspect_joined(Kind.SMS_USER_DATA, [*USER_DATA, other])


def test_malformed_segment_is_named() -> None:
    with pytest.raises(DecodeError, match="segment 2 of those given") as refusal:
        inspect_joined(Kind.SMS_USER_DATA, [USER_DATA[0], b"\x0c\x08"])
    assert refusal.value.position == 1


def test_kind_without_segments_and_too_many_are_refused() -> None:
    assert Kind.WBXML not in JOINABLE
    with pytest.raises(DecodeError, match="no segments to join"):
        inspect_joined(Kind.WBXML, [b"\x02"])
    with pytest.raises(LimitError):
        inspect_joined(Kind.SMS_USER_DATA, [USER_DATA[0]] * (MAX_SEGMENTS + 1))
    with pytest.raises(DecodeError, match="no octets"):
        inspect_joined(Kind.SMS_USER_DATA, [])
