"""Connectionless pushes: the published vectors, and both ends against each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omapush.content.message import PushMessage
from omapush.core.errors import DecodeError, EncodeError
from omapush.ota.interface import PushFlag, PushSource
from omapush.ota.wsp.unit_push import (
    REMEMBERED_OCTETS,
    _remembered,
    decode_unit_push,
    encode_unit_push,
    split_flags,
    unit_push_indication,
)

# The MMS notification of a real MMSC's shape, as a push and as its datagram.
NOTIFICATION = bytes.fromhex(
    "8c82985431323334353637008d908919802b3335383430313233343536372f545950453d504c4d4e00964772656574"
    "696e67732066726f6d2074686520707573682074657374207375697465008a808e0278008805810303f48083687474"
    "703a2f2f6d6d73632e6578616d706c652e636f6d2f6d6d732f30313233343536373839616263646566303132333435"
    "363738396162636465" + "6600"
)
MMS = PushMessage(
    (("Content-Type", "application/vnd.wap.mms-message"), ("X-Wap-Application-Id", "4")),
    NOTIFICATION,
)


def test_mms_notification_is_the_published_datagram() -> None:
    datagram = encode_unit_push(MMS, PushFlag.NONE, 0x7B)
    assert datagram == bytes.fromhex("7b0603beaf84") + NOTIFICATION
    assert len(datagram) == 158


def test_published_datagram_is_read_back() -> None:
    push = decode_unit_push(bytes.fromhex("7b0603beaf84") + NOTIFICATION)
    assert push.transaction_id == 0x7B
    assert push.message.media_type == "application/vnd.wap.mms-message"
    assert push.message.get("X-Wap-Application-Id") == "4"
    assert push.message.body == NOTIFICATION
    assert push.flags == PushFlag.NONE


def test_flags_travel_in_a_header_of_their_own() -> None:
    flags = PushFlag.INITIATOR_AUTHENTICATED | PushFlag.CONTENT_TRUSTED
    datagram = encode_unit_push(MMS, flags, 1)
    assert bytes.fromhex("b483") in datagram
    push = decode_unit_push(datagram)
    assert push.flags == flags
    assert push.message.get("Push-Flag") is None


def test_content_type_comes_first_wherever_it_stood() -> None:
    message = PushMessage((("X-Wap-Application-Id", "4"), ("Content-Type", "text/plain")), b"x")
    assert encode_unit_push(message, PushFlag.NONE, 5)[:4].hex() == "05060383"


@pytest.mark.parametrize(
    ("text", "flags"),
    [("1", 1), ("0000110", 6), ("1111111", 7), ("", 0), ("11111111", 0), ("2", 0), (" 1", 0)],
)
def test_flags_are_one_to_seven_binary_digits_and_anything_else_says_nothing(
    text: str, flags: int
) -> None:
    headers = (("Content-Type", "text/plain"), ("Push-Flag", text))
    assert split_flags(headers) == ((("Content-Type", "text/plain"),), PushFlag(flags))


def test_flag_header_spelled_out_and_empty_is_taken_as_none() -> None:
    # Content-Type text/plain, then Push-Flag as text with an empty value.
    push = decode_unit_push(bytes.fromhex("01060c83") + b"Push-Flag\x00\x00" + b"body")
    assert (push.flags, push.message.body) == (PushFlag.NONE, b"body")


def test_long_push_is_not_kept_in_memory() -> None:
    long = PushMessage(MMS.headers, bytes(REMEMBERED_OCTETS + 1))
    before = _remembered.cache_info().currsize
    assert encode_unit_push(long, PushFlag.NONE, 9)[0] == 9
    assert _remembered.cache_info().currsize == before


def test_indication_tells_repetitions_by_source_and_transaction_id() -> None:
    source = PushSource("OTA-WSP", "UDP", "192.0.2.1")
    datagram = encode_unit_push(MMS, PushFlag.NONE, 0x7B)
    indication = unit_push_indication(datagram, source)
    assert indication.push_id == "192.0.2.1 7b"
    assert (indication.message.body, indication.source) == (NOTIFICATION, source)


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        ("", "octet"),
        ("0105a434", "Disconnect|connectionless"),
        ("0106ff", "uintvar|octet"),
        ("010605beaf", "octets wanted"),
    ],
)
def test_what_is_no_push_is_refused_with_layer_and_place(octets: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why) as caught:
        decode_unit_push(bytes.fromhex(octets))
    assert caught.value.layer == "wsp"
    assert caught.value.position is not None


def test_message_without_content_type_cannot_be_sent() -> None:
    with pytest.raises(EncodeError):
        encode_unit_push(PushMessage((), b"x"), PushFlag.NONE, 1)


@given(st.binary(max_size=80))
def test_any_datagram_is_a_push_or_refused(octets: bytes) -> None:
    try:
        push = decode_unit_push(octets)
    except DecodeError:
        return
    assert push.message.content_type is not None
    assert 0 <= push.transaction_id <= 255
