"""What all four transaction machines have in common: a key, a state, and two timers."""

from __future__ import annotations

import enum

from omapush.core.instants import Instant, later
from omapush.protocols.sip.timers import SipTimers, Timed, Timer


class State(enum.Enum):
    """Where a transaction stands (RFC 3261 figures 5 to 8, RFC 6026 figures 3 and 4)."""

    CALLING = enum.auto()
    TRYING = enum.auto()
    PROCEEDING = enum.auto()
    COMPLETED = enum.auto()
    CONFIRMED = enum.auto()
    ACCEPTED = enum.auto()
    GIVEN_UP = enum.auto()
    """The user has been told that its INVITE failed; a 2xx that comes yet must be ended."""

    TERMINATED = enum.auto()


class Transaction(Timed):
    """In each state one timer may repeat something and another one ends the state.

    :ivar key: unique among the transactions of its side.
    """

    __slots__ = ("_end_at", "_interval_ms", "_repeat_at", "_timers", "is_reliable", "key", "state")

    def __init__(self, key: str, state: State, timers: SipTimers, *, is_reliable: bool) -> None:
        super().__init__()
        self.key = key
        self.state = state
        self.is_reliable = is_reliable
        self._timers = timers
        self._repeat_at: Instant | None = None
        self._interval_ms = 0
        self._end_at: Instant | None = None

    @property
    def is_over(self) -> bool:
        """Whether it may be forgotten."""
        return self.state is State.TERMINATED

    def wake(self, now: Instant) -> None:
        """Do what is due."""
        if self._end_at is not None and self._end_at <= now:
            self._end_at = None
            self._ended(now)
        elif self._repeat_at is not None and self._repeat_at <= now:
            self._repeat_at = None
            self._repeat(now)
        self._set_due()

    # -- for the machines --

    def _enter(
        self, state: State, now: Instant, ends_with: Timer, repeats_with: Timer | None = None
    ) -> None:
        """Go to a state; one that lasts no time is the end of the transaction."""
        duration_ms = self._timers.duration_ms(ends_with, is_reliable=self.is_reliable)
        if not duration_ms:
            self._terminate()
            return
        self.state = state
        self._end_at = later(now, duration_ms)
        self._repeat_at = None
        if repeats_with is not None:
            self._repeat_in(
                now, self._timers.duration_ms(repeats_with, is_reliable=self.is_reliable)
            )
        self._set_due()

    def _repeat_in(self, now: Instant, interval_ms: int | None) -> None:
        if interval_ms is not None:
            self._interval_ms = interval_ms
            self._repeat_at = later(now, interval_ms)
            self._set_due()

    def _terminate(self) -> None:
        self.state = State.TERMINATED
        self._end_at = self._repeat_at = self.due = None

    def _set_due(self) -> None:
        repeat_at, end_at = self._repeat_at, self._end_at
        self.due = end_at if repeat_at is None or (end_at or repeat_at) < repeat_at else repeat_at

    def _ended(self, now: Instant) -> None:
        """The time of the state is over."""
        raise NotImplementedError

    def _repeat(self, now: Instant) -> None:
        """It is time to repeat; the next time has to be set."""
        raise NotImplementedError
