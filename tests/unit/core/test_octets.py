"""Bounds-checked reading and writing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.core.octets import MAX_UINTVAR, OctetReader, OctetWriter


@pytest.mark.parametrize(
    ("value", "octets"),
    [(0, "00"), (0x7F, "7f"), (0x80, "8100"), (0xA0, "8120"), (MAX_UINTVAR, "8fffffff7f")],
)
def test_uintvar_matches_the_vectors_both_ways(value: int, octets: str) -> None:
    # WSP 8.1.2: A0 hexadecimal is 81 20.
    assert OctetWriter().uintvar(value).getvalue().hex() == octets
    assert OctetReader(bytes.fromhex(octets)).uintvar() == value


@given(st.integers(0, MAX_UINTVAR))
def test_uintvar_round_trip(value: int) -> None:
    assert OctetReader(OctetWriter().uintvar(value).getvalue()).uintvar() == value


@pytest.mark.parametrize("octets", ["9fffffff7f", "ffffffffff01", "8080808080"])
def test_uintvar_over_32_bits_is_refused_with_its_place(octets: str) -> None:
    reader = OctetReader(b"\x00" + bytes.fromhex(octets))
    reader.uint8()
    with pytest.raises(LimitError) as caught:
        reader.uintvar()
    assert caught.value.position == 1


@given(st.binary(max_size=20), st.integers(0, 40))
def test_reader_never_gives_more_than_there_is(octets: bytes, count: int) -> None:
    reader = OctetReader(octets)
    if count > len(octets):
        with pytest.raises(DecodeError) as caught:
            reader.take(count)
        assert caught.value.position == 0
        assert reader.remaining == len(octets)
    else:
        assert reader.take(count) + reader.rest() == octets
        assert reader.position == len(octets)


def test_fixed_numbers_are_in_network_order() -> None:
    octets = OctetWriter().uint8(1).uint16(0x0203).uint32(0x04050607).getvalue()
    assert octets == bytes(range(1, 8))
    reader = OctetReader(octets)
    assert (reader.uint8(), reader.uint16(), reader.uint32()) == (1, 0x0203, 0x04050607)


def test_text_string_ends_with_nul_and_cannot_hold_one() -> None:
    assert OctetWriter().text_string(b"abc").take(b"!").getvalue() == b"abc\0!"
    reader = OctetReader(b"abc\0!")
    assert reader.text_string() == b"abc"
    with pytest.raises(DecodeError, match="no terminating NUL"):
        reader.text_string()
    with pytest.raises(EncodeError):
        OctetWriter().text_string(b"a\0b")


@pytest.mark.parametrize("value", [-1, 256])
def test_writer_refuses_what_does_not_fit(value: int) -> None:
    with pytest.raises(EncodeError):
        OctetWriter().uint8(value)
    with pytest.raises(EncodeError):
        OctetWriter().uintvar(-1)


def test_negative_count_is_refused() -> None:
    with pytest.raises(DecodeError):
        OctetReader(b"abc").take(-1)


def test_view_counts_its_positions_in_the_whole_and_ends_where_it_was_told() -> None:
    reader = OctetReader(b"\x01\x02abc\x00d\x00", "wsp")
    reader.take(2)
    part = reader.view(3)
    assert (part.position, part.remaining, part.peek()) == (2, 3, ord("a"))
    with pytest.raises(DecodeError) as caught:
        part.text_string()
    assert (caught.value.position, caught.value.layer) == (2, "wsp")
    assert part.rest() == b"abc"
    assert reader.position == 5
    assert reader.between(2, 5) == b"abc"


def test_reader_names_its_layer_in_the_error() -> None:
    with pytest.raises(DecodeError, match=r"^wsp: 1 octet wanted, 0 left \(at octet 0\)$"):
        OctetReader(b"", "wsp").uint8()
    with pytest.raises(DecodeError, match="wsp: 2 octets wanted"):
        OctetReader(b"\x00", "wsp").view(2)
