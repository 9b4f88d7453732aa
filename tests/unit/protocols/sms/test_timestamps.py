"""Timestamps and validity periods."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from omapush.core.errors import EncodeError
from omapush.core.instants import DAY_MS, HOUR_MS, MINUTE_MS, parse_utc
from omapush.protocols.sms.timestamps import EnhancedValidity, RelativeValidity, Timestamp


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("11112221000000", "2011-11-22T12:00:00+00:00"),
        ("99309251619580", "1999-03-29T15:16:59+02:00"),
        ("6270813295058a", "2026-07-18T23:59:50-07:00"),
        ("42108061034223", "2024-01-08T16:30:24+08:00"),
    ],
)
def test_timestamp_reads_swapped_digits_and_zone(octets: str, text: str) -> None:
    timestamp = Timestamp(bytes.fromhex(octets))
    assert str(timestamp) == text
    assert timestamp.moment == datetime.fromisoformat(text)
    assert Timestamp.of(datetime.fromisoformat(text)) == timestamp


def test_timestamp_gives_an_instant_in_utc() -> None:
    timestamp = Timestamp(bytes.fromhex("99309251619580"))
    assert timestamp.instant == parse_utc("1999-03-29T13:16:59Z")


def test_timestamp_that_is_no_date_is_kept_as_it_came() -> None:
    timestamp = Timestamp(bytes.fromhex("00000000000000"))
    assert (timestamp.moment, timestamp.instant) == (None, None)
    assert str(timestamp) == "00000000000000"
    assert timestamp.encode() == bytes(7)


def test_timestamp_takes_impossible_digits_and_zones_as_zero() -> None:
    assert str(Timestamp(bytes.fromhex("111122a10000f0"))) == "2011-11-22T10:00:00+00:00"
    assert Timestamp(bytes(6) + b"\x08").quarters == 0


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 1),  # noqa: DTZ001 # it has to be refused
        datetime(1989, 1, 1, tzinfo=UTC),
        datetime(2090, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=timezone(timedelta(minutes=7))),
    ],
)
def test_timestamp_refuses_moments_it_cannot_write(moment: datetime) -> None:
    with pytest.raises(EncodeError):
        Timestamp.of(moment)


@pytest.mark.parametrize(
    ("value", "duration_ms"),
    [
        (0, 5 * MINUTE_MS),
        (143, 12 * HOUR_MS),
        (144, 12 * HOUR_MS + 30 * MINUTE_MS),
        (167, 24 * HOUR_MS),
        (168, 2 * DAY_MS),
        (196, 30 * DAY_MS),
        (197, 35 * DAY_MS),
        (255, 441 * DAY_MS),
    ],
)
def test_relative_validity_grows_in_steps(value: int, duration_ms: int) -> None:
    assert RelativeValidity(value).duration_ms == duration_ms
    assert RelativeValidity.of(duration_ms).value == value
    assert RelativeValidity.of(duration_ms + 1).value == min(value + 1, 255)


def test_enhanced_validity_reads_its_forms() -> None:
    def duration(octets: str) -> int | None:
        return EnhancedValidity(bytes.fromhex(octets)).duration_ms

    assert duration("01a7" + "00" * 5) == DAY_MS
    assert duration("021e" + "00" * 5) == 30_000
    assert duration("03" + "102030" + "00" * 3) == HOUR_MS + 2 * MINUTE_MS + 3_000
    for none in ("00", "0200", "04", "07", "82"):
        assert duration(none.ljust(14, "0")) is None


def test_enhanced_validity_is_written_in_seconds() -> None:
    validity = EnhancedValidity.of_seconds(60, single_shot=True)
    assert validity.encode().hex() == "423c0000000000"
    assert (validity.single_shot, validity.duration_ms) == (True, MINUTE_MS)
    with pytest.raises(EncodeError):
        EnhancedValidity.of_seconds(256)
    with pytest.raises(EncodeError):
        RelativeValidity(256).encode()
