"""Whether the peer is there and whether the session is of use (SMPP 3.4, 4.11 and 7.2)."""

from __future__ import annotations

from omapush.core.instants import Instant, later


class Liveness:
    """Two watches of a bound session; ``None`` as a duration switches one off.

    :param enquire_link_ms: silence of the peer after which it is asked.
    :param answer_ms: how long it then may go on being silent; any PDU counts as a sign of life.
    :param inactivity_ms: time without operations after which the session is of no use.
    """

    def __init__(
        self, enquire_link_ms: int | None, answer_ms: int, inactivity_ms: int | None
    ) -> None:
        self._enquire_link_ms = enquire_link_ms
        self._answer_ms = answer_ms
        self._inactivity_ms = inactivity_ms
        self._last_heard = Instant(0)
        self._last_operation = Instant(0)
        self._answer_deadline: Instant | None = None

    def heard(self, now: Instant) -> None:
        """A PDU came."""
        self._last_heard = now
        self._answer_deadline = None

    def operated(self, now: Instant) -> None:
        """An operation came or went."""
        self._last_operation = now

    def asked(self, now: Instant) -> None:
        """enquire_link was sent."""
        self._answer_deadline = later(now, self._answer_ms)

    @property
    def next_instant(self) -> Instant | None:
        """When one of the questions below may change its answer."""
        due = [self._answer_deadline or self._ask_at, self._inactive_at]
        return min((instant for instant in due if instant is not None), default=None)

    def is_useless(self, now: Instant) -> bool:
        """Whether there was no operation for so long that we should unbind."""
        return self._inactive_at is not None and now >= self._inactive_at

    def is_dead(self, now: Instant) -> bool:
        """Whether the peer was asked and did not answer."""
        return self._answer_deadline is not None and now >= self._answer_deadline

    def must_ask(self, now: Instant) -> bool:
        """Whether it is time for enquire_link."""
        if self._ask_at is None or self._answer_deadline is not None:
            return False
        return now >= self._ask_at

    @property
    def _ask_at(self) -> Instant | None:
        interval = self._enquire_link_ms
        return None if interval is None else later(self._last_heard, interval)

    @property
    def _inactive_at(self) -> Instant | None:
        timeout = self._inactivity_ms
        return None if timeout is None else later(self._last_operation, timeout)
