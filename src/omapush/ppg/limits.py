"""How much an initiator may send: a rate and a daily quota. Pure; ``now`` comes in.

Both count recipients, because that is what costs. They live in this process's memory: after a
restart the day begins anew, and two gateways on one ledger count apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from omapush.core.instants import DAY_MS, Instant
from omapush.pap.codes import StatusCode
from omapush.ppg.permissions import Refusal

_PARTS = 1_000_000
"""Parts of one recipient in which a bucket counts: whole numbers, so that nothing drifts."""
_PARTS_PER_MS = _PARTS // 1_000
"""What one recipient a second comes to in a millisecond."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The answer of a limit.

    :ivar granted: the recipients may be sent, and are counted.
    :ivar wait_ms: if not, how long until they may; ``None``: never, they are too many at once.
    """

    granted: bool
    wait_ms: int | None = 0


class RateLimit:
    """A token bucket: at most ``burst`` recipients at once, ``per_second`` in the long run.

    :param per_second: at least 0.001; counted in thousandths.
    :param burst: at least 1.
    """

    def __init__(self, per_second: float, burst: int) -> None:
        self._refill = max(1, int(per_second * _PARTS_PER_MS))
        self._full = burst * _PARTS
        self._level = self._full
        self._at: Instant | None = None

    def take(self, recipients: int, now: Instant) -> Grant:
        """Ask for ``recipients``; nothing is counted unless they are granted."""
        # A clock that is set back refills nothing and costs nothing.
        elapsed = max(0, now - self._at) if self._at is not None else 0
        self._at = now
        self._level = min(self._full, self._level + elapsed * self._refill)
        wanted = recipients * _PARTS
        if wanted > self._full:
            return Grant(granted=False, wait_ms=None)
        if wanted > self._level:
            return Grant(granted=False, wait_ms=-(-(wanted - self._level) // self._refill))
        self._level -= wanted
        return Grant(granted=True)


class Quota:
    """At most ``per_day`` recipients from midnight to midnight, UTC."""

    def __init__(self, per_day: int) -> None:
        self._per_day = per_day
        self._day = 0
        self._used = 0

    def take(self, recipients: int, now: Instant) -> Grant:
        """Ask for ``recipients``; nothing is counted unless they are granted."""
        self._turn(now)
        if recipients > self._per_day:
            return Grant(granted=False, wait_ms=None)
        if self._used + recipients > self._per_day:
            return Grant(granted=False, wait_ms=DAY_MS - now % DAY_MS)
        self._used += recipients
        return Grant(granted=True)

    def give_back(self, recipients: int, now: Instant) -> None:
        """Count ``recipients`` that were granted at ``now`` no longer: they were not sent."""
        if now // DAY_MS == self._day:
            self._used = max(0, self._used - recipients)

    def _turn(self, now: Instant) -> None:
        day = now // DAY_MS
        # A clock set back over midnight does not end the day twice; a wild one is not believed.
        if day > self._day or day < self._day - 1:
            self._day, self._used = day, 0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the operator sets for one initiator; ``None``: without limit.

    :ivar per_second: recipients a second.
    :ivar burst: recipients at once; ``None``: those of one second, at least one.
    :ivar per_day: recipients a day, UTC.
    """

    per_second: float | None = None
    burst: int | None = None
    per_day: int | None = None


class Meter:
    """The rate and the quota of one initiator."""

    def __init__(self, allowance: Allowance) -> None:
        rate = allowance.per_second
        burst = allowance.burst or max(1, int(rate or 0))
        self._rate = RateLimit(rate, burst) if rate is not None else None
        self._quota = Quota(allowance.per_day) if allowance.per_day is not None else None

    def charge(self, recipients: int, now: Instant) -> Refusal | None:
        """Count ``recipients`` of one push, or say why not; then nothing is counted.

        A used-up quota and more at once than ever possible are 2001. Too fast is no fault of the
        push itself: 3000, which may be repeated, with the time to wait.
        """
        if self._quota is not None:
            grant = self._quota.take(recipients, now)
            if not grant.granted:
                desc = f"{recipients} more recipients are not allowed today (UTC)"
                return Refusal(desc, "recipients_per_day")
        if self._rate is not None:
            grant = self._rate.take(recipients, now)
            if not grant.granted:
                self.give_back(recipients, now)
                return _too_fast(recipients, grant.wait_ms)
        return None

    def give_back(self, recipients: int, now: Instant) -> None:
        """Return to the quota what was charged at ``now`` for a push that was not accepted."""
        if self._quota is not None:
            self._quota.give_back(recipients, now)


def _too_fast(recipients: int, wait_ms: int | None) -> Refusal:
    if wait_ms is None:
        return Refusal(f"{recipients} recipients at once are not allowed", "burst")
    return Refusal(
        "too many pushes in a short time, try again later",
        "pushes_per_second",
        StatusCode.INTERNAL_SERVER_ERROR,
        wait_ms,
    )
