"""User data header (3GPP 23.040, 9.2.3.24)."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError, EncodeError
from omapush.protocols.sms import user_data_header as udh
from omapush.protocols.sms.user_data_header import (
    ApplicationPorts,
    Concatenation,
    InformationElement,
    UserDataHeader,
)


def of(text: str) -> UserDataHeader:
    header, payload = udh.split(bytes.fromhex(text))
    assert payload == b""
    return header


@pytest.mark.parametrize(
    ("octets", "elements"),
    [
        (
            "0c08041234020105040b8423f0",
            (Concatenation(0x1234, 2, 1, 16), ApplicationPorts(2948, 9200, 16)),
        ),
        (
            "0b00037f020205040b8423f0",
            (Concatenation(0x7F, 2, 2, 8), ApplicationPorts(2948, 9200, 16)),
        ),
        ("0404020afb", (ApplicationPorts(10, 251, 8),)),
        ("06700201022400", (InformationElement(0x70, b"\1\2"), InformationElement(0x24, b""))),
        ("00", ()),
    ],
)
def test_header_keeps_every_element(octets: str, elements: tuple[udh.Element, ...]) -> None:
    header = of(octets)
    assert header.elements == elements
    assert header.encode().hex() == octets


def test_header_of_wcmp_gives_the_message() -> None:
    header = of("0c090ab2000001000270696e67")
    assert header.wcmp == bytes.fromhex("b2000001000270696e67")
    assert of("00").wcmp is None


def test_header_lets_the_last_of_exclusive_elements_win() -> None:
    header = of("0f" + "05040b8423f0" + "04020102" + "0003010201")
    assert header.ports == ApplicationPorts(1, 2, 8)
    header = of("0b" + "0003010201" + "080400020302")
    assert header.concatenation == Concatenation(2, 3, 2, 16)


@pytest.mark.parametrize("numbers", ["0001", "0200", "0203"])
def test_header_ignores_impossible_concatenation(numbers: str) -> None:
    assert of("05000301" + numbers).concatenation is None
    earlier = of("0a" + "0003070201" + "000301" + numbers)
    assert earlier.concatenation == Concatenation(7, 2, 1, 8)


@pytest.mark.parametrize(
    ("octets", "position"),
    [
        ("", 0),
        ("05", 1),
        ("0605040b8423", 1),
        ("0100", 2),
        ("0305040b8423f0", 3),
        ("04000201ff", 1),
        ("0705030b842300ff", 1),
        ("0401000502aa", 5),
    ],
)
def test_header_refuses_lengths_that_lie_with_offset(octets: str, position: int) -> None:
    with pytest.raises(DecodeError) as caught:
        udh.split(bytes.fromhex(octets))
    assert (caught.value.position, caught.value.layer) == (position, "sms")


def test_header_refuses_to_write_what_does_not_fit() -> None:
    with pytest.raises(EncodeError):
        UserDataHeader((ApplicationPorts(2948, 9200, 8),)).encode()
    with pytest.raises(EncodeError):
        UserDataHeader((Concatenation(256, 2, 1, 8),)).encode()
    with pytest.raises(EncodeError):
        UserDataHeader((InformationElement(0x70, bytes(254)),)).encode()
