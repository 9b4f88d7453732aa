"""WCMP messages: the vectors of section WCMP and every type."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError, EncodeError
from omapush.protocols import wcmp
from omapush.protocols.sms.user_data_header import split
from omapush.protocols.wcmp import (
    AddressInformation,
    DestinationUnreachable,
    EchoReply,
    EchoRequest,
    Finding,
    Message,
    MessageTooBig,
    ParameterProblem,
    ReassemblyFailure,
    UnknownMessage,
)

PHONE = AddressInformation(0x03, bytes.fromhex("91534812325476"))


@pytest.mark.parametrize(
    ("user_data", "message"),
    [
        ("11090f33040b8423f0030791534812325476", DestinationUnreachable(4, 2948, 9200, PHONE)),
        ("0c090ab2000001000270696e67", EchoRequest(1, 2, b"ping")),
    ],
)
def test_wcmp_in_a_user_data_header_is_read_and_written(user_data: str, message: Message) -> None:
    raw = bytes.fromhex(user_data)
    header, payload = split(raw)
    assert (header.wcmp, payload) == (message.encode(), b"")
    assert wcmp.decode(message.encode()) == message
    assert wcmp.in_user_data(message) == raw


def test_wcmp_as_payload_of_smpp_is_read() -> None:
    assert wcmp.decode(bytes.fromhex("b2000001000270696e67")) == EchoRequest(1, 2, b"ping")


@pytest.mark.parametrize(
    ("message", "finding"),
    [
        (DestinationUnreachable(0, 1, 2, PHONE), Finding.NO_ROUTE),
        (DestinationUnreachable(1, 1, 2, PHONE), Finding.PROHIBITED),
        (DestinationUnreachable(3, 1, 2, PHONE), Finding.ADDRESS_UNREACHABLE),
        (DestinationUnreachable(4, 1, 2, PHONE), Finding.PORT_UNREACHABLE),
        (DestinationUnreachable(2, 1, 2, PHONE), None),
        (ParameterProblem(PHONE, 3, b"datagram"), Finding.NOT_UNDERSTOOD),
        (MessageTooBig(2948, 9200, PHONE, 1400), Finding.TOO_BIG),
        (ReassemblyFailure(1, 2948, 9200, PHONE), Finding.SEGMENTS_LOST),
        (ReassemblyFailure(2, 2948, 9200, PHONE), Finding.NO_BUFFER),
        (ReassemblyFailure(9, 2948, 9200, PHONE), None),
        (EchoRequest(1, 2), None),
        (EchoReply(1, 2, b"x"), None),
        (UnknownMessage(99, 1, b"\1\2"), None),
    ],
)
def test_wcmp_message_reads_back_and_states_its_finding(
    message: Message, finding: Finding | None
) -> None:
    assert wcmp.decode(message.encode()) == message
    assert wcmp.finding_of(message) is finding


def test_wcmp_echo_is_answered_with_its_values() -> None:
    assert EchoRequest(1, 2, b"ping").reply().encode().hex() == "b3000001000270696e67"


def test_wcmp_parameter_problem_quotes_at_most_64_octets() -> None:
    message = wcmp.decode(ParameterProblem(PHONE, 3, bytes(100)).encode())
    assert isinstance(message, ParameterProblem)
    assert len(message.datagram) == 64


def test_wcmp_address_is_shown_as_people_write_it() -> None:
    assert PHONE.text == "+358421234567"
    assert AddressInformation(0x0B, b"\x0a\1\2\3").text == "10.1.2.3"
    assert AddressInformation(0x0B, b"\x0a\1").text == "0a01"
    assert AddressInformation(0xEE, b"\x0a\1").text == "0a01"


@pytest.mark.parametrize(
    ("octets", "position"),
    [
        ("", 0),
        ("33", 1),
        ("33040b8423", 4),
        ("33040b8423f0030791", 8),
        ("33040b8423f00301aaff", 9),
        ("3c000b8423f00300ff", 8),
        ("b2000001ff", 4),
    ],
)
def test_wcmp_that_is_cut_off_or_too_long_is_refused(octets: str, position: int) -> None:
    with pytest.raises(DecodeError) as caught:
        wcmp.decode(bytes.fromhex(octets))
    assert (caught.value.position, caught.value.layer) == (position, "wcmp")


def test_wcmp_refuses_to_write_what_does_not_fit() -> None:
    with pytest.raises(EncodeError):
        EchoRequest(65_536, 1).encode()
    with pytest.raises(EncodeError):
        wcmp.in_user_data(EchoRequest(1, 1, bytes(132)))
    assert len(wcmp.in_user_data(EchoRequest(1, 1, bytes(131)))) == 140
