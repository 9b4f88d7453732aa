"""What a short message is to the push client; nothing is written and nobody is called."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.client.short_messages.messages import (
    Arrived,
    Held,
    NoRoom,
    Reading,
    Repeated,
    ShortMessages,
    Stranger,
    WrongTpdu,
    failure_cause,
)
from omapush.core.errors import DecodeError
from omapush.core.instants import Instant
from omapush.ota.interface import AddressKind
from omapush.ota.modem import FailureCause, ReceivedPayload, ReceivedTpdu
from omapush.protocols.sms import data_coding
from omapush.protocols.sms.address import Address
from omapush.protocols.sms.reassembly import GivenUpReason, ReassemblyLimits
from omapush.protocols.sms.timestamps import Timestamp
from omapush.protocols.sms.tpdu import SmsDeliver
from omapush.protocols.sms.user_data import UserData
from omapush.protocols.wdp import to_short_messages

PUSH = bytes.fromhex("7b0603beaf848c82985431323334353637008d90")
LONG = PUSH + bytes(200)
NOW = Instant(1_000)
HEAD = bytes.fromhex("4405812143f5000411112221000000")


def tpdu(
    user_data: bytes, sender: str = "12345", coding: data_coding.DataCoding = data_coding.OCTETS
) -> ReceivedTpdu:
    data = UserData.of_octets(user_data, coding)
    return ReceivedTpdu(SmsDeliver(Address.parse(sender), Timestamp(bytes(7)), data).encode())


def segments(payload: bytes = LONG, reference: int = 7, port: int = 2948) -> list[bytes]:
    return list(to_short_messages(payload, port, 9200, reference))


def read(messages: ShortMessages, user_data: bytes, sender: str = "12345") -> Reading:
    return messages.receive(tpdu(user_data, sender), NOW)


def test_one_short_message_is_a_datagram() -> None:
    reading = read(ShortMessages(), segments(PUSH)[0])
    assert isinstance(reading, Arrived)
    assert reading.octets == PUSH
    push = reading.indication()
    assert push.message.media_type == "application/vnd.wap.mms-message"
    assert (push.source.protocol, push.source.bearer) == ("OTA-WSP", "SMS")
    assert (push.source.address, push.source.kind) == ("12345", AddressKind.NUMBER)


@pytest.mark.parametrize("bits", [8, 16])
def test_segments_come_together_in_any_order(bits: int) -> None:
    messages = ShortMessages()
    first, second = to_short_messages(LONG, 2948, 9200, 7, bits)
    held = read(messages, second)
    assert held == Held(f"12345 7/{bits} 2 9200", 2)
    assert read(messages, second) == held
    whole = read(messages, first)
    assert isinstance(whole, Arrived)
    assert (whole.octets, whole.segments, whole.group) == (LONG, 2, f"12345 7/{bits} 2 9200")
    assert read(messages, first) == Repeated()


def test_originators_do_not_mix_even_where_a_name_is_written_like_a_number() -> None:
    messages = ShortMessages()
    first, second = segments()
    read(messages, first, "+358401")
    named = SmsDeliver(
        Address("+358401", Address.parse("x").type_of_number, 0),
        Timestamp(bytes(7)),
        UserData.of_octets(second),
    )
    reading = messages.receive(ReceivedTpdu(named.encode()), NOW)
    assert isinstance(reading, Held)
    assert reading.group.startswith("name '+358401'")


@pytest.mark.parametrize(
    ("user_data", "coding", "reason"),
    [
        ("0605040b8523f0" + "00", data_coding.OCTETS, "2949"),
        ("060504000023f0" + "00", data_coding.OCTETS, "port 0"),
        ("0500037f0201" + "00", data_coding.OCTETS, "names no port"),
        ("11090f33040b8423f0030791534812325476", data_coding.OCTETS, "DestinationUnreachable"),
        ("0c090ab2000001000270696e67", data_coding.OCTETS, "EchoRequest"),
        ("03090133", data_coding.OCTETS, "cannot be read"),
        ("0605040b8423f0" + "00", data_coding.DataCoding(8), "8 bit"),
    ],
)
def test_message_that_is_no_push_is_left_to_others(
    user_data: str, coding: data_coding.DataCoding, reason: str
) -> None:
    messages = ShortMessages()
    reading = messages.receive(tpdu(bytes.fromhex(user_data), coding=coding), NOW)
    assert isinstance(reading, Stranger)
    assert reason in reading.reason
    assert messages.next_timer() is None  # nothing of it is held


@pytest.mark.parametrize(
    ("octets", "cause", "position"),
    [
        ("", FailureCause.UNSPECIFIED, 0),
        ("44", FailureCause.UNSPECIFIED, 1),
        ("4405812143f50004111122210000008c0c08", FailureCause.UNSPECIFIED, 16),
        ("4415812143f500", FailureCause.UNSPECIFIED, 1),
        # A status report is a TPDU, but brings no message.
        (
            "060105812143f5111122210000001111222100000000",
            FailureCause.TPDU_NOT_SUPPORTED,
            0,
        ),
    ],
)
def test_malformed_message_is_refused_with_its_cause(
    octets: str, cause: FailureCause, position: int
) -> None:
    with pytest.raises(DecodeError) as caught:
        ShortMessages().receive(ReceivedTpdu(bytes.fromhex(octets)), NOW)
    assert failure_cause(caught.value) is cause
    assert (caught.value.layer, caught.value.position) == ("sms", position)


def test_status_report_is_the_wrong_tpdu() -> None:
    octets = bytes.fromhex("060105812143f5111122210000001111222100000000")
    with pytest.raises(WrongTpdu):
        ShortMessages().receive(ReceivedTpdu(octets), NOW)


def test_segment_without_room_is_refused_and_costs_nobody_anything() -> None:
    messages = ShortMessages(ReassemblyLimits(datagrams=1))
    first, second = segments()
    assert isinstance(read(messages, first, "1"), Held)
    with pytest.raises(NoRoom) as caught:
        read(messages, first, "2")
    assert failure_cause(caught.value) is FailureCause.MEMORY_CAPACITY_EXCEEDED
    assert isinstance(read(messages, second, "1"), Arrived)


def test_flood_of_one_originator_pushes_out_its_own_only() -> None:
    messages = ShortMessages(ReassemblyLimits(originator_datagrams=2))
    first, second = segments()
    read(messages, first, "+1")
    for reference in range(50):
        read(messages, segments(reference=reference)[0], "+2")
    given_up = messages.handle_timer(NOW)
    assert {one.source_address for _, one in given_up} == {"+2"}
    assert {one.reason for _, one in given_up} == {GivenUpReason.OVERFLOW}
    assert given_up[0][0] == "+2 0/16 2 9200"
    assert isinstance(read(messages, second, "+1"), Arrived)


def test_datagram_that_stays_incomplete_is_given_up() -> None:
    messages = ShortMessages(ReassemblyLimits(timeout_ms=5_000))
    read(messages, segments()[0])
    assert messages.next_timer() == 6_000
    assert messages.handle_timer(Instant(5_999)) == []
    [(group, given_up)] = messages.handle_timer(Instant(6_000))
    assert group == "12345 7/16 2 9200"
    assert given_up.reason is GivenUpReason.TIMED_OUT


@given(st.binary(max_size=180) | st.binary(max_size=150).map(lambda end: HEAD + end))
@settings(max_examples=300, deadline=None)
def test_any_octets_are_read_or_refused_with_a_documented_error(octets: bytes) -> None:
    messages = ShortMessages()
    try:
        reading = messages.receive(ReceivedTpdu(octets), NOW)
    except DecodeError:
        return
    assert isinstance(reading, Held | Arrived | Stranger)
    if isinstance(reading, Arrived):
        with contextlib.suppress(DecodeError):
            reading.indication()


@pytest.mark.parametrize(
    ("sender", "kind"),
    [("+358401", AddressKind.NUMBER), ("Operator", AddressKind.NAME), ("é" * 99, AddressKind.NAME)],
)
def test_payload_that_others_put_together_is_a_datagram(sender: str, kind: AddressKind) -> None:
    reading = ShortMessages().receive(ReceivedPayload(sender, PUSH, "+358501"), NOW)
    assert isinstance(reading, Arrived)
    source = reading.indication().source
    assert (source.address, source.kind, source.service_centre) == (sender, kind, "+358501")
