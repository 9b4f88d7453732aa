"""Ports, bearers, AddressType records and datagrams over SMS."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError, EncodeError
from omapush.core.octets import OctetReader
from omapush.protocols import wdp
from omapush.protocols.wdp import AddressFormat, AddressType, Port


def test_ports_know_which_need_wtls() -> None:
    assert {port.value for port in Port if port.secure} == {
        2805, 2923, 2949, 9202, 9203, 9206, 9207,
    }  # fmt: skip
    assert (Port.PUSH, Port.SESSION, Port.CONNECTIONLESS) == (2948, 9201, 9200)


def test_bearers_are_those_of_the_register() -> None:
    assert sorted(wdp.BEARERS) == list(range(0x1E))
    assert str(wdp.BEARERS[wdp.GSM_GPRS]) == "GSM GPRS"
    assert wdp.BEARERS[wdp.GSM_SMS].address_format is AddressFormat.MSISDN


@pytest.mark.parametrize(
    ("octets", "record", "text"),
    [
        ("c40b23f10a010203", AddressType.of_ip("10.1.2.3", 9201, 0x0B), "10.1.2.3"),
        ("c40b0fc30a010204", AddressType.of_ip("10.1.2.4", 4035, 0x0B), "10.1.2.4"),
        ("040a010203", AddressType.of_ip("10.1.2.3"), "10.1.2.3"),
        ("9001" + "20010db8" + "00" * 11 + "01", AddressType.of_ip("2001:db8::1", bearer=1),
         "2001:db8::1"),
        ("8703" + "91534812325476", AddressType.of_msisdn("+358421234567"), "+358421234567"),
        ("8603" + "534812325476", AddressType(bytes.fromhex("534812325476"), 3), "358421234567"),
        ("421234abcd", AddressType(b"\xab\xcd", None, 0x1234), "abcd"),
        ("82ffabcd", AddressType(b"\xab\xcd", 0xFF), "abcd"),
        ("00", AddressType(b""), ""),
        ("8003", AddressType(b"", 3), ""),
        ("820391ff", AddressType(b"\x91\xff", 3), "91ff"),
    ],
)  # fmt: skip
def test_address_type_is_read_and_written(octets: str, record: AddressType, text: str) -> None:
    raw = bytes.fromhex(octets)
    reader = OctetReader(raw, "wsp")
    assert wdp.read_address_type(reader) == record
    assert reader.remaining == 0
    assert record.encode() == raw
    assert record.text == text


@pytest.mark.parametrize("octets", ["", "c4", "c40b", "c40b23", "c40b23f10a0102", "05aa"])
def test_address_type_cut_off_is_refused(octets: str) -> None:
    with pytest.raises(DecodeError) as caught:
        wdp.read_address_type(OctetReader(bytes.fromhex(octets), "wsp"))
    assert caught.value.layer == "wsp"


def test_address_type_refuses_what_it_cannot_write() -> None:
    for refused in (
        lambda: AddressType(bytes(64)).encode(),
        lambda: AddressType(b"", 256).encode(),
        lambda: AddressType(b"", None, 65_536).encode(),
        lambda: AddressType.of_ip("mmsc.example.com"),
    ):
        with pytest.raises(EncodeError):
            refused()


def test_datagram_goes_over_short_messages_and_back() -> None:
    payload = bytes(range(256)) * 2
    messages = wdp.to_short_messages(payload, Port.PUSH, Port.CONNECTIONLESS, 7)
    assert len(messages) == 5
    datagram = wdp.of_short_messages(reversed(messages), "+358401234567")
    assert (datagram.payload, datagram.destination_port, datagram.source_port) == (
        payload, 2948, 9200,
    )  # fmt: skip
    assert datagram.source_address == "+358401234567"


def test_datagram_of_incomplete_or_several_short_messages_is_refused() -> None:
    messages = wdp.to_short_messages(bytes(300), 2948, 9200, 7)
    with pytest.raises(DecodeError, match="leave 1 incomplete"):
        wdp.of_short_messages(messages[:2])
    single = wdp.to_short_messages(b"x", 2948, 9200, 7)
    with pytest.raises(DecodeError, match="make 2 datagrams"):
        wdp.of_short_messages(single * 2)
    with pytest.raises(DecodeError):
        wdp.of_short_messages([])
