"""Errors say what and where."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError, LimitError, OmapushError


@pytest.mark.parametrize(
    ("position", "text"),
    [
        (None, "too short"),
        (7, "too short (at octet 7)"),
        ("pap/address", "too short (at pap/address)"),
    ],
)
def test_error_shows_reason_and_position(position: int | str | None, text: str) -> None:
    error = DecodeError("too short", position)
    assert str(error) == text
    assert (error.reason, error.position) == ("too short", position)


def test_limit_is_a_kind_of_decode_error_and_all_are_ours() -> None:
    assert issubclass(LimitError, DecodeError)
    assert issubclass(DecodeError, OmapushError)
