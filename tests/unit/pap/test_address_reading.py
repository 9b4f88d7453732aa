"""Addresses that only an operator can complete: bare numbers and PINs."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.pap import address as addressing
from omapush.pap.address import AddressError
from omapush.pap.address_reading import read_address
from omapush.pap.tolerance import Tolerance, UnknownSwitchError

BRITISH = Tolerance(bare_msisdn_prefix="+44")
PLUS = Tolerance(bare_msisdn_prefix="+")
PINS = Tolerance(pin_addresses=True)
BOTH = Tolerance(bare_msisdn_prefix="+", pin_addresses=True)


@pytest.mark.parametrize(
    ("text", "tolerance", "kind", "value"),
    [
        ("7700900123", BRITISH, "PLMN", "+447700900123"),
        (" 7700-900.123\n", BRITISH, "PLMN", "+447700900123"),
        ("447700900123", PLUS, "PLMN", "+447700900123"),
        ("447700900123/TYPE=PLMN", PLUS, "PLMN", "+447700900123"),
        ("WAPPUSH=447700900123/TYPE=PLMN@ppg.example.net", PLUS, "PLMN", "+447700900123"),
        ("wappush=447700900123/type=plmn", PLUS, "PLMN", "+447700900123"),
        ("WAPPUSH=447700900123@ppg.example.net", PLUS, "PLMN", "+447700900123"),
        # Not touched: it has its plus, or is something else.
        ("+33123456789", BRITISH, "PLMN", "+33123456789"),
        ("192.0.2.1", BRITISH, "IPV4", "192.0.2.1"),
        ("WAPPUSH=12345678/TYPE=MAN@ppg", BRITISH, "MAN", "12345678"),
        ("WAPPUSH=7700900123/TYPE=USER@ppg", BRITISH, "USER", "7700900123"),
        ("2100000a", PINS, "USER", "2100000A"),
        ("2100000A", BOTH, "USER", "2100000A"),
        # What may be both is a number where numbers may be bare.
        ("21000000", BOTH, "PLMN", "+21000000"),
        ("21000000", PINS, "USER", "21000000"),
    ],
)
def test_address_is_completed_and_keeps_the_initiators_spelling(
    text: str, tolerance: Tolerance, kind: str, value: str
) -> None:
    found = read_address(text, tolerance)
    assert (found.type, found.value, found.original) == (kind, value, text)


@pytest.mark.parametrize("text", ["7700900123", "WAPPUSH=7700900123/TYPE=PLMN@ppg", "2100000A"])
def test_strict_address_outweighs_every_completion(text: str) -> None:
    strict = Tolerance(strict_address=True, bare_msisdn_prefix="+44", pin_addresses=True)
    with pytest.raises(AddressError):
        read_address(text, strict)


def test_completion_does_not_make_an_address_of_digits_and_a_host() -> None:
    text = "12345@example.net"
    assert read_address(text, BRITISH) == addressing.parse(text, tolerant=True)


@pytest.mark.parametrize("prefix", ["44", "+44 ", "+4a", "++", "+" + "1" * 16, "+\u0664"])
def test_prefix_that_begins_no_phone_number_is_refused(prefix: str) -> None:
    with pytest.raises(UnknownSwitchError):
        Tolerance(bare_msisdn_prefix=prefix)


@settings(max_examples=200)
@given(st.text("0123456789aAfF.-+@/=WAPUSHTYELMN% \n", max_size=40) | st.text(max_size=40))
def test_any_text_is_an_address_or_refused_as_none(text: str) -> None:
    with contextlib.suppress(AddressError):
        assert read_address(text, BOTH).original == text


@settings(max_examples=100)
@given(st.text("0123456789aAfF.-+@/=WAPUSHTYELMN%", max_size=40))
def test_without_switches_addresses_are_read_as_ever(text: str) -> None:
    for tolerance in (Tolerance(), Tolerance(strict_address=True)):
        tolerant = not tolerance.strict_address
        try:
            expected = addressing.parse(text, tolerant=tolerant)
        except AddressError:
            with pytest.raises(AddressError):
                read_address(text, tolerance)
        else:
            assert read_address(text, tolerance) == expected
