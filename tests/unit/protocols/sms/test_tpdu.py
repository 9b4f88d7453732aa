"""TPDUs, reading and writing: vector V14 and one of each kind."""

from __future__ import annotations

from datetime import datetime

import pytest

from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.protocols.sms import data_coding
from omapush.protocols.sms.address import Address, TypeOfNumber, encode_service_centre
from omapush.protocols.sms.data_coding import DataCoding
from omapush.protocols.sms.reading import decode, decode_with_service_centre
from omapush.protocols.sms.segmentation import segment
from omapush.protocols.sms.timestamps import EnhancedValidity, RelativeValidity, Timestamp
from omapush.protocols.sms.tpdu import (
    Direction,
    OptionalParameters,
    SmsCommand,
    SmsDeliver,
    SmsDeliverReport,
    SmsStatusReport,
    SmsSubmit,
    SmsSubmitReport,
    Tpdu,
)
from omapush.protocols.sms.user_data import UserData
from omapush.protocols.sms.user_data_header import ApplicationPorts, Concatenation

V14_TIME = Timestamp(bytes.fromhex("11112221000000"))
SEGMENTS = segment(bytes(range(158)), 2948, 9200, 0x1234)
RECIPIENT = Address.parse("+358401234567")


def test_deliver_of_v14_is_read_and_written() -> None:
    first, second = SEGMENTS
    raw = bytes.fromhex("4405812143f5000411112221000000" + "8c") + first
    message = decode(raw)
    assert message == SmsDeliver(Address("12345"), V14_TIME, UserData.of_octets(first))
    assert isinstance(message, SmsDeliver)
    header = message.user_data.header
    assert header is not None
    assert header.concatenation == Concatenation(4660, 2, 1)
    assert header.ports == ApplicationPorts(2948, 9200)
    assert message.encode() == raw
    later = SmsDeliver(Address("12345"), V14_TIME, UserData.of_octets(second))
    assert later.encode().hex() == "4405812143f5000411112221000000" + "2c" + second.hex()


def test_submit_of_v14_is_read_and_written() -> None:
    [data] = segment(bytes(82), 2948, 9200, 0)
    raw = bytes.fromhex("41000c915348103254760004" + "59") + data
    message = decode(raw, Direction.FROM_MOBILE)
    assert message == SmsSubmit(RECIPIENT, UserData.of_octets(data))
    assert message.encode() == raw


def test_deliver_as_a_modem_prints_it_gives_the_service_centre() -> None:
    raw = bytes.fromhex(
        "07911326040000f0040b911346610089f60000208062917314080cc8f71d14969741f977fd07"
    )
    centre, message = decode_with_service_centre(raw)
    assert str(centre) == "+31624000000"
    assert isinstance(message, SmsDeliver)
    assert str(message.originating_address) == "+31641600986"
    assert message.service_centre_timestamp.moment == datetime.fromisoformat(
        "2002-08-26T19:37:41+00:00"
    )
    assert message.user_data.text == "How are you?"
    assert encode_service_centre(centre) + message.encode() == raw


TEXT = UserData.of_text("hello")
MESSAGES = [
    SmsDeliver(Address("Push", TypeOfNumber.ALPHANUMERIC, 0), V14_TIME, TEXT, more_messages=True),
    SmsDeliver(
        Address("123"),
        V14_TIME,
        UserData.of_text("жук", coding=data_coding.UCS2),
        0x41,
        loop_prevention=True,
        status_report_indication=True,
        reply_path=True,
    ),
    SmsSubmit(RECIPIENT, TEXT, 5, validity_period=RelativeValidity(167)),
    SmsSubmit(RECIPIENT, TEXT, 6, validity_period=V14_TIME, reject_duplicates=True),
    SmsSubmit(RECIPIENT, TEXT, 7, validity_period=EnhancedValidity.of_seconds(30)),
    SmsSubmit(RECIPIENT, TEXT, 255, 0x7F, status_report_request=True, reply_path=True),
    SmsStatusReport(9, RECIPIENT, V14_TIME, V14_TIME, 0x00),
    SmsStatusReport(
        9,
        RECIPIENT,
        V14_TIME,
        V14_TIME,
        0x46,
        more_messages=True,
        loop_prevention=True,
        for_command=True,
        parameters=OptionalParameters(0, data_coding.OCTETS, UserData.of_octets(SEGMENTS[1])),
    ),
    SmsDeliverReport(),
    SmsDeliverReport(0xD3, OptionalParameters(0, None, TEXT)),
    SmsSubmitReport(V14_TIME),
    SmsSubmitReport(V14_TIME, 0xC0, OptionalParameters(None, DataCoding(0))),
    SmsCommand(1, 2, 3, RECIPIENT, 0x40, b"\1\2", status_report_request=True),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_tpdu_is_read_as_it_was_written(message: Tpdu) -> None:
    to_mobile = isinstance(message, SmsDeliver | SmsStatusReport | SmsSubmitReport)
    direction = Direction.TO_MOBILE if to_mobile else Direction.FROM_MOBILE
    refusal = getattr(message, "failure_cause", None) is not None
    octets = message.encode()
    assert decode(octets, direction, refusal=refusal) == message
    for length in range(len(octets)):
        if isinstance(message, SmsStatusReport) and length == 25:
            continue
        with pytest.raises(DecodeError) as caught:
            decode(octets[:length], direction, refusal=refusal)
        assert caught.value.layer == "sms"
        assert isinstance(caught.value.position, int)


def test_status_report_may_end_before_its_parameters() -> None:
    report = MESSAGES[6]
    assert len(report.encode()) == 25
    assert decode(report.encode()) == report


def test_report_skips_extended_parameter_indicators() -> None:
    assert decode(bytes.fromhex("00818000ff")[:4] + b"\x7f", Direction.FROM_MOBILE) == (
        SmsDeliverReport(None, OptionalParameters(0x7F))
    )


@pytest.mark.parametrize(
    ("octets", "direction", "refusal", "position"),
    [
        ("03", Direction.TO_MOBILE, False, 0),
        ("07", Direction.FROM_MOBILE, False, 0),
        ("04", Direction.TO_MOBILE, True, 0),
        ("007f00", Direction.FROM_MOBILE, True, 1),
        ("04018105000000000000000000" + "00" + "aa", Direction.TO_MOBILE, False, 14),
        ("0201020304018105ff", Direction.FROM_MOBILE, False, 8),
    ],
)
def test_tpdu_that_cannot_be_is_refused_with_offset(
    octets: str, direction: Direction, refusal: bool, position: int
) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(bytes.fromhex(octets), direction, refusal=refusal)
    assert caught.value.position == position


def test_tpdu_refuses_more_user_data_than_fit() -> None:
    with pytest.raises(LimitError):
        decode(bytes.fromhex("0401810500040000000000000" + "08d") + bytes(141))
    with pytest.raises(LimitError):
        decode(bytes.fromhex("0401810500000000000000000" + "0a1") + bytes(141))


@pytest.mark.parametrize(
    "message",
    [
        SmsDeliverReport(0x10),
        SmsDeliverReport(
            None, OptionalParameters(0, None, UserData.of_octets(b"", has_header=False))
        ),
        SmsSubmit(RECIPIENT, TEXT, 256),
        SmsSubmit(RECIPIENT, TEXT, 0, 256),
        SmsCommand(1, 2, 3, RECIPIENT, command_data=bytes(158)),
    ],
)
def test_tpdu_refuses_to_write_what_does_not_fit(message: Tpdu) -> None:
    with pytest.raises(EncodeError):
        message.encode()
