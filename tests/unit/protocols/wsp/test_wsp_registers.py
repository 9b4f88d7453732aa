"""The registers hold together: names are unique, ranges are what WSP says."""

from __future__ import annotations

import pytest

from omapush.protocols.wsp import assigned_numbers, registers


@pytest.mark.parametrize(
    ("octet", "status"),
    [(0x10, 100), (0x20, 200), (0x26, 206), (0x37, 307), (0x4F, 415), (0x51, 417), (0x60, 500),
     (0x65, 505)],
)  # fmt: skip
def test_status_has_its_octet(octet: int, status: int) -> None:
    assert assigned_numbers.STATUSES[octet] == status
    assert assigned_numbers.STATUS_OCTETS[status] == octet


def test_no_status_shares_an_octet() -> None:
    assert len(assigned_numbers.STATUSES) == 2 + 7 + 8 + 18 + 6
    assert 0x52 not in assigned_numbers.STATUSES


def test_media_types_have_one_code_each() -> None:
    assert len(registers.CONTENT_TYPE_CODES) == len(registers.CONTENT_TYPES)
    assert set(registers.CONTENT_TYPES) >= registers.ASSUMED_CONTENT_TYPES


def test_languages_and_charsets_have_one_code_each() -> None:
    assert len(set(registers.LANGUAGES.values())) == len(registers.LANGUAGES)
    assert 0x80 not in registers.LANGUAGES
    assert registers.LANGUAGES[0x58] == "pl"
    assert len({name.lower() for name in registers.CHARACTER_SETS.values()}) == len(
        registers.CHARACTER_SETS
    )


def test_second_expect_moves_the_location_fields() -> None:
    assert [assigned_numbers.HEADER_FIELDS[code][0] for code in (0x48, 0x49, 0x4A)] == [
        "Expect",
        "X-Wap-Loc-Invocation",
        "X-Wap-Loc-Delivery",
    ]
