"""Guessing is made slow: a source that fails too often is not listened to for a while."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from omapush.core.instants import MINUTE_MS, Instant, later
from omapush.core.networks import source_key


@dataclass(frozen=True, slots=True)
class LockoutSettings:
    """When a source is locked out.

    :ivar failures: so many in a row, within ``window_ms``, lock it out for ``locked_ms``.
    :ivar capacity: sources remembered at a time; beyond that the one that failed least lately is
        forgotten.
    """

    failures: int = 10
    window_ms: int = MINUTE_MS
    locked_ms: int = MINUTE_MS
    capacity: int = 10_000


DEFAULT_LOCKOUT = LockoutSettings()


@dataclass(slots=True)
class _Record:
    first: Instant
    failures: int = 0
    locked_until: Instant = Instant(0)


class Lockout:
    """Failures by source address."""

    def __init__(self, settings: LockoutSettings) -> None:
        self._settings = settings
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def remaining_ms(self, source: str, now: Instant) -> int:
        """Return for how long ``source`` is still locked out; 0 if it is not."""
        if not self._records:
            return 0
        record = self._records.get(source_key(source))
        return max(0, record.locked_until - now) if record else 0

    def failed(self, source: str, now: Instant) -> bool:
        """Note a failure; return whether it was the one that has locked the source out."""
        key = source_key(source)
        record = self._records.get(key)
        if record is None or now - record.first >= self._settings.window_ms:
            record = self._records[key] = _Record(now)
        self._records.move_to_end(key)
        record.failures += 1
        locks = record.failures >= self._settings.failures
        if locks:
            record.locked_until = later(now, self._settings.locked_ms)
            # The next row is counted from the end of the lock.
            record.first, record.failures = record.locked_until, 0
        if len(self._records) > self._settings.capacity:
            self._records.popitem(last=False)
        return locks

    def succeeded(self, source: str) -> None:
        """End a row of failures."""
        if self._records:
            self._records.pop(source_key(source), None)
