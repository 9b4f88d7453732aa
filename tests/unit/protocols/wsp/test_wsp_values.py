"""Basic WSP values: the printed examples, both ways, and what is taken although it is sloppy."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.core.octets import OctetReader
from omapush.protocols.wsp import values
from omapush.protocols.wsp.address import Address, encode_addresses, read_addresses


def reader(octets: str) -> OctetReader:
    return OctetReader(bytes.fromhex(octets), "wsp")


@pytest.mark.parametrize(
    ("number", "octets"), [(0x87A5, "828f25"), (0, "00"), (127, "7f"), (0xFFFFFFFF, "8fffffff7f")]
)
def test_uintvar_has_the_shortest_form(number: int, octets: str) -> None:
    assert values.uintvar(number).hex() == octets
    assert reader(octets).uintvar() == number


@pytest.mark.parametrize(
    ("number", "octets"),
    [(0, "80"), (127, "ff"), (128, "0180"), (0x9010, "029010"), (0x353F4511, "04353f4511")],
)
def test_integer_is_short_where_it_fits(number: int, octets: str) -> None:
    assert values.integer(number).hex() == octets
    assert values.read_integer(reader(octets)) == number


def test_reader_takes_long_integer_with_leading_zeros() -> None:
    assert values.read_integer(reader("03000001")) == 1


@pytest.mark.parametrize(("octets", "error"), [("20", DecodeError), ("00", DecodeError)])
def test_reader_refuses_what_is_no_integer(octets: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        values.read_integer(reader(octets))


def test_writer_refuses_integers_beyond_thirty_octets() -> None:
    with pytest.raises(EncodeError):
        values.long_integer(1 << 240)
    with pytest.raises(EncodeError):
        values.short_integer(128)


@pytest.mark.parametrize(
    ("quality", "octets"),
    [("0", "01"), ("0.1", "0b"), ("0.7", "47"), ("0.99", "64"), ("0.333", "8331")],
)
def test_quality_has_the_printed_octets(quality: str, octets: str) -> None:
    written = values.quality(quality)
    assert written is not None
    assert written.hex() == octets
    assert values.read_quality(reader(octets)) == quality


@pytest.mark.parametrize("quality", ["1", "1.0", "1.000"])
def test_quality_of_one_is_never_sent(quality: str) -> None:
    assert values.quality(quality) is None


@pytest.mark.parametrize("octets", ["00", "88 4c"])
def test_reader_refuses_quality_out_of_range(octets: str) -> None:
    with pytest.raises(DecodeError):
        values.read_quality(reader(octets))


@pytest.mark.parametrize(("text", "octets"), [("1.4", "94"), ("1.2", "92"), ("1", "9f")])
def test_version_has_one_octet(text: str, octets: str) -> None:
    assert values.version(text).hex() == octets
    assert values.read_version(reader(octets)) == text


def test_version_that_does_not_fit_is_text() -> None:
    assert values.version("1.15") == b"1.15\0"
    assert values.read_version(OctetReader(b"1.15\0")) == "1.15"


def test_text_is_quoted_only_where_its_first_octet_looks_like_a_number() -> None:
    assert values.text_string("abc") == b"abc\0"
    assert values.text_string("\u00e9t\u00e9") == b"\x7f\xc3\xa9t\xc3\xa9\0"
    assert values.read_text(OctetReader(b"\x7f\xc3\xa9t\xc3\xa9\0")) == "\u00e9t\u00e9"
    assert values.read_text(OctetReader(b"\x7fabc\0")) == "abc"


def test_text_that_is_not_utf_8_is_latin_1() -> None:
    assert values.read_text(OctetReader(b"caf\xe9\0")) == "caf\u00e9"


@pytest.mark.parametrize("octets", [b"a\r\nX: y\0", b"a\nb\0", b"a\x1bb\0", b"a\x7fb\0"])
def test_reader_refuses_control_characters_with_their_place(octets: bytes) -> None:
    with pytest.raises(DecodeError) as raised:
        values.read_text(OctetReader(octets, "wsp"))
    assert (raised.value.layer, raised.value.position) == ("wsp", 0)


@pytest.mark.parametrize("text", ["a\r\nb", "a\0b", "\tb"])
def test_writer_refuses_control_characters(text: str) -> None:
    with pytest.raises(EncodeError):
        values.text_string(text)


@pytest.mark.parametrize("octets", ['"a\\"b', '"a\\"b"'])
def test_quoted_string_is_read_with_or_without_closing_mark(octets: str) -> None:
    assert values.unquoted(octets) == 'a"b'
    assert values.quoted_string('a"b') == b'"a\\"b\0'


def test_value_length_takes_one_octet_up_to_thirty() -> None:
    assert values.with_length(b"x" * 30)[:1].hex() == "1e"
    assert values.with_length(b"x" * 31)[:2].hex() == "1f1f"


def test_date_has_the_printed_octets() -> None:
    text = "Thu, 23 Apr 1998 13:41:37 GMT"
    assert values.date(text).hex() == "04353f4511"
    assert values.read_date(reader("04353f4511")) == text


@pytest.mark.parametrize("text", ["", "tomorrow", "Thu, 23 Apr 1968 13:41:37 GMT"])
def test_writer_refuses_what_is_no_date(text: str) -> None:
    with pytest.raises(EncodeError):
        values.date(text)


def test_reader_refuses_dates_after_the_year_9999() -> None:
    with pytest.raises(DecodeError):
        values.read_date(reader("06ffffffffffff"))


def test_uintvar_of_six_octets_is_refused() -> None:
    with pytest.raises(LimitError):
        reader("8f8f8f8f8f01").uintvar()


def test_addresses_have_flags_bearer_port_address() -> None:
    octets = bytes.fromhex("c40b23f10a0102038400c000020a00")
    addresses = (
        Address(bytes((10, 1, 2, 3)), 0x0B, 9201),
        Address(bytes((192, 0, 2, 10)), 0),
        Address(b""),
    )
    assert read_addresses(OctetReader(octets, "wsp")) == addresses
    assert encode_addresses(addresses) == octets


def test_writer_refuses_addresses_beyond_six_bits_of_length() -> None:
    with pytest.raises(EncodeError):
        Address(bytes(64)).encoded()
    with pytest.raises(EncodeError):
        Address(b"", port=70_000).encoded()
