"""Times as SMPP writes them: ``YYMMDDhhmmsstnnp`` (SMPP 3.4, 7.1.1; SMPP 5.0, 4.7.23)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from omapush.core.errors import DecodeError, EncodeError
from omapush.core.instants import DAY_MS, SECOND_MS, Instant, from_datetime, later, to_datetime
from omapush.protocols.smpp.errors import LAYER

_TIME = re.compile(
    r"([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9])([0-9]{2})"
    r"([+\-R])",
    re.ASCII,
)
_QUARTER = timedelta(minutes=15)
MAX_RELATIVE_DAYS = 99
"""Two digits of days; years and months, whose lengths differ, are not used by us."""


def format_absolute(instant: Instant) -> str:
    """Write ``instant`` in UTC, cut to tenths. :raises EncodeError: not between 2000 and 2099."""
    moment = to_datetime(instant)
    if not 2000 <= moment.year <= 2099:
        raise EncodeError(f"the year {moment.year} has not two digits of this century", layer=LAYER)
    return f"{moment:%y%m%d%H%M%S}{moment.microsecond // 100_000}00+"


def format_relative(milliseconds: int) -> str:
    """Write a duration, rounded up to seconds. :raises EncodeError: negative, over 99 days."""
    seconds = -(-milliseconds // SECOND_MS)
    days, rest = divmod(seconds, DAY_MS // SECOND_MS)
    if milliseconds < 0 or days > MAX_RELATIVE_DAYS:
        raise EncodeError(f"{milliseconds} ms cannot be written as a relative time", layer=LAYER)
    return f"0000{days:02}{rest // 3600:02}{rest // 60 % 60:02}{rest % 60:02}000R"


def parse_time(text: str, now: Instant) -> Instant:
    """Read an absolute time, or one relative to ``now`` (months of 30 days, years of 365).

    :raises DecodeError: not of that form, or a date that does not exist.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        raise DecodeError(f"not a time of the form YYMMDDhhmmsstnnp: {text[:20]!r}", layer=LAYER)
    year, month, day, hour, minute, second, tenth, quarters = map(int, found.groups()[:-1])
    if found[9] == "R":
        days = year * 365 + month * 30 + day
        span = timedelta(days=days, hours=hour, minutes=minute, seconds=second)
        return later(now, span // timedelta(milliseconds=1))
    offset = quarters * _QUARTER * (1 if found[9] == "+" else -1)
    try:
        zone = timezone(offset) if offset else UTC
        moment = datetime(2000 + year, month, day, hour, minute, second, tenth * 100_000, zone)
    except ValueError as error:
        raise DecodeError(f"no such date or time: {text[:20]!r}", layer=LAYER) from error
    return from_datetime(moment)
