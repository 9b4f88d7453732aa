"""Points in time and validity periods of short messages (3GPP 23.040, 9.2.3.11 and 9.2.3.12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from omapush.core.errors import EncodeError
from omapush.core.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Instant, from_datetime
from omapush.protocols.sms.user_data_header import LAYER

# Two digits of the year: GSM began in 1991.
_FIRST_YEAR = 90


@dataclass(frozen=True, slots=True)
class Timestamp:
    """Seven octets of swapped digits: YY MM DD hh mm ss and the time zone in quarters of an hour.

    The octets are kept as they came, whatever they say (3GPP 23.040, 9.2.3.11).
    """

    octets: bytes

    @classmethod
    def of(cls, moment: datetime) -> Timestamp:
        """Return the aware ``moment`` in its own time zone, cut to seconds.

        :raises EncodeError: before 1990 or after 2089, no time zone, or one that is not a whole
            number of quarters of an hour.
        """
        offset = moment.utcoffset()
        if offset is None or offset % timedelta(minutes=15) or not 1990 <= moment.year <= 2089:
            raise EncodeError(f"{moment.isoformat()} cannot be a timestamp", layer=LAYER)
        quarters = offset // timedelta(minutes=15)
        digits = [moment.year % 100, moment.month, moment.day]
        digits += [moment.hour, moment.minute, moment.second, abs(quarters)]
        octets = bytearray(_swapped(value) for value in digits)
        octets[6] |= 0x08 if quarters < 0 else 0
        return cls(bytes(octets))

    @property
    def quarters(self) -> int:
        """Quarters of an hour ahead of UTC, -79 to 79; what is no digit is 0."""
        octet = self.octets[6]
        quarters = _number(octet & 0xF7)
        return -quarters if octet & 0x08 else quarters

    @property
    def moment(self) -> datetime | None:
        """The time in its own time zone; ``None``: there is no such date or time."""
        year, month, day, hour, minute, second = map(_number, self.octets[:6])
        year += 1900 if year >= _FIRST_YEAR else 2000
        zone = timezone(timedelta(minutes=15 * self.quarters))
        try:
            return datetime(year, month, day, hour, minute, second, tzinfo=zone)
        except ValueError:
            return None

    @property
    def instant(self) -> Instant | None:
        """The time; ``None``: there is no such date or time."""
        moment = self.moment
        return None if moment is None else from_datetime(moment.astimezone(UTC))

    def encode(self) -> bytes:
        """Return the octets."""
        return self.octets

    def __str__(self) -> str:
        """As in ISO 8601; digits in their order if they make no date."""
        moment = self.moment
        if moment is not None:
            return moment.isoformat()
        return "".join(f"{octet & 0xF:x}{octet >> 4:x}" for octet in self.octets)


@dataclass(frozen=True, slots=True)
class RelativeValidity:
    """One octet: steps that grow with the duration (3GPP 23.040, 9.2.3.12.1)."""

    value: int

    @classmethod
    def of(cls, duration_ms: int) -> RelativeValidity:
        """Return the shortest period of at least ``duration_ms``; the longest are 63 weeks."""
        low, high = 0, 255
        while low < high:
            middle = (low + high) // 2
            if cls(middle).duration_ms < duration_ms:
                low = middle + 1
            else:
                high = middle
        return cls(low)

    @property
    def duration_ms(self) -> int:
        """How long the message is to be kept."""
        if self.value <= 143:
            return (self.value + 1) * 5 * MINUTE_MS
        if self.value <= 167:
            return 12 * HOUR_MS + (self.value - 143) * 30 * MINUTE_MS
        if self.value <= 196:
            return (self.value - 166) * DAY_MS
        return (self.value - 192) * 7 * DAY_MS

    def encode(self) -> bytes:
        """Return the octet. :raises EncodeError: it is none."""
        if not 0 <= self.value <= 0xFF:
            raise EncodeError(f"{self.value} is no octet", layer=LAYER)
        return bytes([self.value])


@dataclass(frozen=True, slots=True)
class EnhancedValidity:
    """Seven octets: an indicator, and a period in one of several forms (9.2.3.12.3)."""

    octets: bytes

    @classmethod
    def of_seconds(cls, seconds: int, *, single_shot: bool = False) -> EnhancedValidity:
        """Return a period of 1 to 255 ``seconds``.

        :param single_shot: the service centre is to try once only.
        :raises EncodeError: another number of seconds.
        """
        if not 1 <= seconds <= 255:
            raise EncodeError(f"a validity of {seconds} seconds", layer=LAYER)
        return cls(bytes([0x42 if single_shot else 0x02, seconds]) + bytes(5))

    @property
    def single_shot(self) -> bool:
        """Whether the service centre is to try once only."""
        return bool(self.octets[0] & 0x40)

    @property
    def duration_ms(self) -> int | None:
        """How long to keep the message; ``None``: not said, or in a form that is reserved."""
        if self.octets[0] & 0x80:
            # A further indicator octet moves what follows; none is defined.
            return None
        form = self.octets[0] & 0x07
        if form == 1:
            return RelativeValidity(self.octets[1]).duration_ms
        if form == 2 and self.octets[1]:
            return self.octets[1] * SECOND_MS
        if form == 3:
            hours, minutes, seconds = map(_number, self.octets[1:4])
            return hours * HOUR_MS + minutes * MINUTE_MS + seconds * SECOND_MS
        return None

    def encode(self) -> bytes:
        """Return the octets."""
        return self.octets


ValidityPeriod = RelativeValidity | EnhancedValidity | Timestamp
"""A :class:`Timestamp` is the absolute form (3GPP 23.040, 9.2.3.12.2)."""


def _swapped(value: int) -> int:
    return value // 10 | value % 10 << 4


def _number(octet: int) -> int:
    """Return two swapped digits as a number; what is no digit is 0 (9.2.3.11)."""
    tens, units = octet & 0xF, octet >> 4
    return (tens if tens <= 9 else 0) * 10 + (units if units <= 9 else 0)
