"""Points in time and their written forms."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omapush.core.errors import DecodeError
from omapush.core.instants import (
    LATEST,
    Instant,
    format_http_date,
    format_utc,
    from_datetime,
    later,
    parse_utc,
    to_datetime,
)

INSTANT = from_datetime(datetime(2011, 11, 22, 9, 0, 1, tzinfo=UTC))


def test_pap_time_is_written_and_read() -> None:
    assert format_utc(INSTANT) == "2011-11-22T09:00:01Z"
    assert parse_utc("2011-11-22T09:00:01Z", strict=True) == INSTANT


@given(st.integers(0, 250_000_000_000).map(lambda seconds: Instant(seconds * 1000)))
def test_whole_seconds_survive_writing_and_reading(instant: Instant) -> None:
    assert parse_utc(format_utc(instant), strict=True) == instant
    assert from_datetime(to_datetime(instant)) == instant


@pytest.mark.parametrize(
    ("text", "offset_ms"),
    [
        ("2011-11-22T09:00:01z", 0),
        ("2011-11-22t09:00:01Z", 0),
        ("2011-11-22T10:00:01+01:00", 0),
        ("2011-11-22T09:00:01.5Z", 500),
    ],
)
def test_field_forms_are_converted_unless_strict(text: str, offset_ms: int) -> None:
    assert parse_utc(text) == later(INSTANT, offset_ms)
    with pytest.raises(DecodeError):
        parse_utc(text, strict=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2011-09-31T00:00:00Z",
        "2011-11-22T25:00:00Z",
        "2011-11-22",
        "2011-11-22T09:00:01",
        "2011-11-22 09:00:01Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-00:01",
        "1969-12-31T23:59:59Z",
        "٢٠١١-11-22T09:00:01Z",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(DecodeError):
        parse_utc(text)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(DecodeError):
        assert 0 <= parse_utc(text) <= LATEST


def test_http_date_has_the_preferred_form() -> None:
    assert format_http_date(INSTANT) == "Tue, 22 Nov 2011 09:00:01 GMT"


def test_naive_datetime_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        from_datetime(datetime(2011, 1, 1))  # noqa: DTZ001 - that is the point
