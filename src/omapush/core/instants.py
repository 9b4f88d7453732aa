"""Points in time.

An :data:`Instant` is a whole number of milliseconds since 1970-01-01T00:00:00Z. Protocol code,
stores and decisions take ``now`` as an argument of this type and never read a clock; only the
daemon does. Durations are plain integers in milliseconds whose names end in ``_ms``.
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import NewType

from omapush.core.errors import DecodeError

Instant = NewType("Instant", int)
"""Milliseconds since the Unix epoch, UTC."""

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

LATEST = Instant(253_402_300_799_999)
"""The last instant that the written forms can show, at the end of the year 9999."""

# PAP 8.2: YYYY-MM-DDThh:mm:ssZ, 20 characters, UTC only.
_STRICT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)
# Forms seen in the field: lower-case letters, a fraction, a numeric offset.
_TOLERANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)


def later(instant: Instant, milliseconds: int) -> Instant:
    """Return the instant that lies ``milliseconds`` after ``instant`` (before, if negative)."""
    return Instant(instant + milliseconds)


def from_datetime(moment: datetime) -> Instant:
    """Return the instant of an aware ``moment``, cut to whole milliseconds.

    :raises ValueError: ``moment`` has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("an instant needs an aware datetime")
    return Instant((moment - _EPOCH) // _MILLISECOND)


def to_datetime(instant: Instant) -> datetime:
    """Return ``instant`` as an aware datetime in UTC."""
    return _EPOCH + timedelta(milliseconds=instant)


def format_utc(instant: Instant) -> str:
    """Write ``instant`` as PAP's Datetime, ``YYYY-MM-DDThh:mm:ssZ`` (PAP 8.2), cut to seconds."""
    return _format_second(instant // SECOND_MS)


@functools.lru_cache(maxsize=64)
def _format_second(seconds: int) -> str:
    # A busy gateway writes the same second thousands of times.
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_utc(text: str, *, strict: bool = False) -> Instant:
    """Read PAP's Datetime (PAP 8.2).

    :param strict: refuse everything but ``YYYY-MM-DDThh:mm:ssZ``; otherwise lower-case letters,
        fractions of a second and numeric offsets, which deployed initiators send, are converted.
    :raises DecodeError: not of that form, or a date that does not exist.
    """
    if not (_STRICT if strict else _TOLERANT).fullmatch(text):
        raise DecodeError(f"not a UTC time of the form YYYY-MM-DDThh:mm:ssZ: {text[:40]!r}")
    try:
        instant = from_datetime(datetime.fromisoformat(text.upper()))
    except (ValueError, OverflowError) as error:
        raise DecodeError(f"no such date or time: {text[:40]!r}") from error
    if not 0 <= instant <= LATEST:
        raise DecodeError(f"not between 1970 and 9999: {text[:40]!r}")
    return instant


def format_http_date(instant: Instant) -> str:
    """Write ``instant`` as HTTP's preferred date form (RFC 9110, 5.6.7)."""
    return format_datetime(to_datetime(instant), usegmt=True)
