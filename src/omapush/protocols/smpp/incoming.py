"""Requests of the peer that wait for an answer from above."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from omapush.core.instants import Instant, later
from omapush.protocols.smpp.commands import RESPONSE, CommandId
from omapush.protocols.smpp.pdu import Pdu
from omapush.protocols.smpp.status import CommandStatus


@dataclass(slots=True)
class _Unanswered:
    pdu: Pdu
    deadline: Instant


class Incoming:
    """A bounded table, by the peer's sequence numbers.

    :param answer_timeout_ms: how long above has for an answer.
    """

    def __init__(self, max_unanswered: int, answer_timeout_ms: int) -> None:
        self._max_unanswered = max_unanswered
        self._answer_timeout_ms = answer_timeout_ms
        # In the order of arrival, and so of their deadlines.
        self._unanswered: dict[int, _Unanswered] = {}

    @property
    def unanswered(self) -> int:
        """How many requests wait for an answer from above."""
        return len(self._unanswered)

    @property
    def next_deadline(self) -> Instant | None:
        """When the oldest answer is overdue."""
        for request in self._unanswered.values():
            return request.deadline
        return None

    def is_repeated(self, pdu: Pdu) -> bool:
        """Whether this very request waits already: one answer will do for both."""
        known = self._unanswered.get(pdu.sequence_number)
        return known is not None and known.pdu == pdu

    def take(self, pdu: Pdu, now: Instant) -> CommandStatus | None:
        """Keep a request until it is answered; return why not, if there is no room for it."""
        if pdu.sequence_number in self._unanswered:
            return CommandStatus.ESME_RSYSERR  # two requests with one number: one comes again
        if len(self._unanswered) >= self._max_unanswered:
            return CommandStatus.ESME_RTHROTTLED
        deadline = later(now, self._answer_timeout_ms)
        self._unanswered[pdu.sequence_number] = _Unanswered(pdu, deadline)
        return None

    def find(self, number: int) -> Pdu | None:
        """Return the request that waits under ``number``."""
        request = self._unanswered.get(number)
        return None if request is None else request.pdu

    def answered_by(self, response: Pdu) -> bool:
        """Forget the request that ``response`` answers; return whether there is one."""
        request = self.find(response.sequence_number)
        if request is None:
            return False
        proper = (request.command_id | RESPONSE, CommandId.GENERIC_NACK)
        if response.command_id not in proper:
            return False
        del self._unanswered[response.sequence_number]
        return True

    def overdue(self, now: Instant) -> Iterator[Pdu]:
        """Yield and forget the requests that above did not answer in time."""
        while self._unanswered:
            number, request = next(iter(self._unanswered.items()))
            if request.deadline > now:
                return
            del self._unanswered[number]
            yield request.pdu

    def end(self) -> None:
        """Forget all: an answer would reach nobody."""
        self._unanswered.clear()
