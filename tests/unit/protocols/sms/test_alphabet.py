"""GSM 7 bit default alphabet (3GPP 23.038)."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError, EncodeError
from omapush.protocols.sms import alphabet


def test_default_alphabet_has_128_different_characters() -> None:
    assert len(set(alphabet.DEFAULT)) == 128
    assert alphabet.DEFAULT[0x41] == "A"
    assert alphabet.DEFAULT[0x7A] == "z"
    assert alphabet.DEFAULT[0x24] == "¤"
    assert alphabet.DEFAULT[0x5B:0x61] == "ÄÖÑÜ§¿"


def test_alphabet_packs_known_text() -> None:
    assert alphabet.pack(alphabet.encode_septets("hellohello")).hex() == "e8329bfd4697d9ec37"
    assert alphabet.unpack(bytes.fromhex("e8329bfd4697d9ec37"), 10) == b"hellohello"


def test_alphabet_encodes_euro_and_brackets_as_two_septets() -> None:
    septets = alphabet.encode_septets("€[x]")
    assert septets.hex() == "1b651b3c781b3e"
    assert alphabet.decode_septets(septets) == "€[x]"


def test_alphabet_reads_unknown_extension_as_default_character() -> None:
    assert alphabet.decode_septets(b"\x1bA\x1b\x1bB\x1b") == "A B "


def test_alphabet_refuses_characters_it_lacks_with_their_index() -> None:
    with pytest.raises(EncodeError) as caught:
        alphabet.encode_septets("abж")
    assert caught.value.position == 2
    assert alphabet.encode_septets("abж", "?") == b"ab?"


def test_alphabet_refuses_octets_that_are_no_septets() -> None:
    with pytest.raises(DecodeError) as caught:
        alphabet.decode_septets(b"ab\x80")
    assert (caught.value.position, caught.value.layer) == (2, "sms")
    with pytest.raises(EncodeError):
        alphabet.pack(b"\xff")


def test_alphabet_refuses_more_septets_than_octets_hold() -> None:
    assert alphabet.unpack(b"\0" * 7, 8) == b"\0" * 8
    with pytest.raises(DecodeError):
        alphabet.unpack(b"\0" * 7, 9)


@pytest.mark.parametrize("fill_bits", range(7))
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 153, 160])
def test_alphabet_unpacks_what_it_packed_after_fill_bits(fill_bits: int, count: int) -> None:
    septets = bytes((37 * index + 5) % 128 for index in range(count))
    packed = alphabet.pack(septets, fill_bits)
    assert len(packed) == (alphabet.packed_length(count, fill_bits) if count else 0)
    assert alphabet.unpack(packed, count, fill_bits) == septets
