"""User data and data coding schemes."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.core.octets import OctetReader
from omapush.protocols.sms import data_coding
from omapush.protocols.sms.data_coding import Alphabet, DataCoding
from omapush.protocols.sms.user_data import UserData, read_user_data
from omapush.protocols.sms.user_data_header import (
    ApplicationPorts,
    Concatenation,
    InformationElement,
    UserDataHeader,
)


@pytest.mark.parametrize("value", [0x04, 0x14, 0x15, 0x16, 0x17, 0x44, 0xF4, 0xF5, 0xF6, 0xF7])
def test_data_coding_knows_8_bit_data(value: int) -> None:
    coding = DataCoding(value)
    assert coding.alphabet is Alphabet.OCTETS
    assert coding.message_class == (None if value in (0x04, 0x44) else value & 3)
    assert not coding.counts_septets


@pytest.mark.parametrize(
    ("value", "alphabet", "words"),
    [
        (0x00, Alphabet.GSM_7_BIT, "GSM 7 bit default alphabet"),
        (0x08, Alphabet.UCS2, "UCS2"),
        (0x0C, Alphabet.GSM_7_BIT, "GSM 7 bit default alphabet"),
        (0x11, Alphabet.GSM_7_BIT, "GSM 7 bit default alphabet, class 1"),
        (0x24, Alphabet.OCTETS, "compressed 8 bit data"),
        (0x84, Alphabet.GSM_7_BIT, "GSM 7 bit default alphabet"),
        (0xC8, Alphabet.GSM_7_BIT, "GSM 7 bit default alphabet"),
        (0xD8, Alphabet.GSM_7_BIT, "GSM 7 bit default alphabet"),
        (0xE0, Alphabet.UCS2, "UCS2"),
        (0xF2, Alphabet.GSM_7_BIT, "GSM 7 bit default alphabet, class 2"),
    ],
)
def test_data_coding_names_its_alphabet(value: int, alphabet: Alphabet, words: str) -> None:
    assert DataCoding(value).alphabet is alphabet
    assert str(DataCoding(value)) == words


def test_compressed_text_is_counted_in_octets() -> None:
    assert not DataCoding(0x20).counts_septets
    assert UserData(b"\1\2", 2, DataCoding(0x20)).text is None


HEADERS = [
    None,
    UserDataHeader((Concatenation(1, 2, 1, 8),)),
    UserDataHeader((Concatenation(1, 2, 1, 16),)),
    UserDataHeader((Concatenation(1, 2, 1), ApplicationPorts(2948, 9200))),
    UserDataHeader((InformationElement(0x70, b""),)),
]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("text", ["", "A", "hello 1", "price: 5 €, ok", "x" * 100])
def test_user_data_of_text_reads_back(header: UserDataHeader | None, text: str) -> None:
    for coding in (data_coding.GSM_7_BIT, data_coding.UCS2):
        if coding is data_coding.UCS2 and len(text) > 60:
            continue
        written = UserData.of_text(text, header, coding)
        assert (written.text, written.header) == (text, header)
        reader = OctetReader(written.octets, "sms")
        read = read_user_data(reader, written.length, coding, has_header=header is not None)
        assert read == written
        assert reader.remaining == 0


def test_user_data_starts_text_at_a_septet_boundary_after_a_header() -> None:
    written = UserData.of_text("AB", UserDataHeader((Concatenation(0xCC, 2, 1, 8),)))
    assert (written.length, written.octets.hex()) == (9, "050003cc02018242")


def test_user_data_of_octets_gives_payload_and_no_text() -> None:
    data = UserData.of_octets(bytes.fromhex("0605040b8423f00106"))
    assert data.header == UserDataHeader((ApplicationPorts(2948, 9200),))
    assert (data.payload, data.text, data.length) == (b"\1\6", None, 9)


def test_user_data_takes_140_octets_and_no_more() -> None:
    assert UserData.of_text("x" * 160).length == 160
    assert UserData.of_octets(bytes(140), has_header=False).length == 140
    for refused in (
        lambda: UserData.of_text("x" * 161),
        lambda: UserData.of_text("€" * 81),
        lambda: UserData.of_text("x" * 71, coding=data_coding.UCS2),
        lambda: UserData.of_octets(bytes(141)),
        lambda: UserData.of_octets(b"", data_coding.GSM_7_BIT),
        lambda: UserData.of_text("x", coding=data_coding.OCTETS),
        lambda: UserData.of_text("\ud800", coding=data_coding.UCS2),
    ):
        with pytest.raises(EncodeError):
            refused()


def test_user_data_refuses_lengths_that_lie() -> None:
    def read(octets: str, length: int, coding: DataCoding = data_coding.OCTETS) -> UserData:
        reader = OctetReader(bytes.fromhex(octets), "sms")
        return read_user_data(reader, length, coding, has_header=True)

    for octets, length in (("0605040b8423f0", 8), ("0605040b8423f0", 6), ("", 0), ("01", 1)):
        with pytest.raises(DecodeError):
            read(octets, length)
    with pytest.raises(LimitError):
        read("00" * 200, 141)
    with pytest.raises(LimitError):
        read("00" * 200, 161, data_coding.GSM_7_BIT)
    with pytest.raises(DecodeError, match="longer than the user data"):
        read("0605040b8423f0", 7, data_coding.GSM_7_BIT)
