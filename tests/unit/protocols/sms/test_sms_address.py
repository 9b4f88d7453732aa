"""Addresses of short messages (3GPP 23.040, 9.1.2)."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.core.octets import OctetReader
from omapush.protocols.sms.address import (
    Address,
    NumberingPlan,
    TypeOfNumber,
    encode_service_centre,
    read_address,
    read_number,
    read_service_centre,
)


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("05812143f5", "12345"),
        ("0c91534810325476", "+358401234567"),
        ("0b915348103254f6", "+35840123456"),
        ("0aa11032547698", "0123456789"),
        ("048121ba", "12*#"),
        ("0080", ""),
        ("12d0c8329bfd4697d9ec37", "Hellohello"),
    ],
)
def test_address_is_read_and_written_as_it_came(octets: str, text: str) -> None:
    raw = bytes.fromhex(octets)
    reader = OctetReader(raw, "sms")
    address = read_address(reader)
    assert reader.remaining == 0
    assert str(address) == text
    assert address.encode() == raw


@pytest.mark.parametrize("name", ["A", "Operator", "Push123", "hello world", "ABCDEFG", "a@"])
def test_address_keeps_alphanumeric_names(name: str) -> None:
    address = Address.parse(name)
    assert address.type_of_number is TypeOfNumber.ALPHANUMERIC
    assert read_address(OctetReader(address.encode(), "sms")) == address


def test_address_parses_what_people_write() -> None:
    assert Address.parse("+358401") == Address("358401", TypeOfNumber.INTERNATIONAL)
    assert Address.parse("12345") == Address("12345")
    assert Address.parse("Abc").numbering_plan == NumberingPlan.UNKNOWN
    for text in ("+" + "1" * 21, "name too long for it", "жук"):
        with pytest.raises(EncodeError):
            Address.parse(text)
    with pytest.raises(EncodeError):
        Address("12x4").encode()
    with pytest.raises(EncodeError):
        Address("1", numbering_plan=16).encode()


def test_address_takes_a_counted_fill() -> None:
    assert read_address(OctetReader(bytes.fromhex("06812143f5"), "sms")).value == "12345"


@pytest.mark.parametrize(
    ("octets", "position"), [("", 0), ("05", 1), ("058121", 2), ("0481f143", 2), ("048121ff", 3)]
)
def test_address_refuses_malformed_octets_with_offset(octets: str, position: int) -> None:
    with pytest.raises(DecodeError) as caught:
        read_address(OctetReader(bytes.fromhex(octets), "sms"))
    assert caught.value.position == position


def test_address_refuses_more_digits_than_allowed() -> None:
    with pytest.raises(LimitError):
        read_address(OctetReader(b"\x15\x81" + bytes(11), "sms"))
    with pytest.raises(LimitError):
        read_number(OctetReader(b"\x91" + bytes(11), "sms"))


def test_service_centre_is_counted_in_octets() -> None:
    raw = bytes.fromhex("0791534850020200")
    address = read_service_centre(OctetReader(raw, "sms"))
    assert str(address) == "+358405202000"
    assert encode_service_centre(address) == raw
    assert read_service_centre(OctetReader(b"\0", "sms")) is None
    assert encode_service_centre(None) == b"\0"
