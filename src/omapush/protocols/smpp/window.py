"""Requests of ours: their numbers, how many are outstanding, and which wait (SMPP 3.4, 5.1.4)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from omapush.core.instants import Instant, later
from omapush.protocols.smpp.codec import MAX_SEQUENCE_NUMBER
from omapush.protocols.smpp.primitives import Reference


@dataclass(slots=True)
class Waiting:
    """A request that is encoded and not sent."""

    reference: Reference
    command_id: int
    body: bytes


@dataclass(slots=True)
class Outstanding:
    """A request that is sent and not answered."""

    reference: Reference
    command_id: int
    deadline: Instant


class Window:
    """Bounded queue, bounded window, and a bounded memory of what was given up.

    :param size: requests that may be outstanding.
    :param max_waiting: requests that may wait.
    """

    def __init__(self, size: int, max_waiting: int, response_timeout_ms: int) -> None:
        self._size = size
        self._max_waiting = max_waiting
        self._response_timeout_ms = response_timeout_ms
        self._last_number = 0
        self._waiting: deque[Waiting] = deque()
        # Numbers in the order of sending, and so of their deadlines: the time-out is the same.
        self._outstanding: dict[int, Outstanding] = {}
        self._given_up: dict[int, Outstanding] = {}

    @property
    def outstanding(self) -> int:
        """How many requests wait for their response."""
        return len(self._outstanding)

    @property
    def is_full(self) -> bool:
        """Whether no further request can wait."""
        return len(self._waiting) >= self._max_waiting

    @property
    def next_deadline(self) -> Instant | None:
        """When the oldest response is overdue."""
        for request in self._outstanding.values():
            return request.deadline
        return None

    def next_number(self) -> int:
        """Return a sequence number that nothing of ours is outstanding under (SMPP 3.4, 5.1.4)."""
        number = self._last_number
        while True:
            number = number + 1 if number < MAX_SEQUENCE_NUMBER else 1
            if number not in self._outstanding:
                break
        self._last_number = number
        if self._given_up:
            self._given_up.pop(number, None)
        return number

    def wait(self, request: Waiting) -> None:
        """Put a request behind the others; see :attr:`is_full`."""
        self._waiting.append(request)

    def sendable(self, now: Instant) -> Iterator[tuple[int, Waiting]]:
        """Yield number and request of those whose turn has come; they are outstanding then."""
        while self._waiting and len(self._outstanding) < self._size:
            request = self._waiting.popleft()
            number = self.next_number()
            deadline = later(now, self._response_timeout_ms)
            self._outstanding[number] = Outstanding(request.reference, request.command_id, deadline)
            yield number, request

    def find(self, number: int) -> Outstanding | None:
        """Return the request that is outstanding under ``number``."""
        return self._outstanding.get(number)

    def answered(self, number: int) -> None:
        """Forget an outstanding request."""
        del self._outstanding[number]

    def find_given_up(self, number: int) -> Outstanding | None:
        """Return and forget the request that was given up under ``number``."""
        return self._given_up.pop(number, None)

    def overdue(self, now: Instant) -> Iterator[Outstanding]:
        """Yield and give up the requests whose deadline has come."""
        while self._outstanding:
            number, request = next(iter(self._outstanding.items()))
            if request.deadline > now:
                return
            del self._outstanding[number]
            self._given_up[number] = request
            if len(self._given_up) > 4 * self._size:
                del self._given_up[next(iter(self._given_up))]
            yield request

    def end(self) -> tuple[list[Outstanding], list[Waiting]]:
        """Return and forget all."""
        ended = list(self._outstanding.values()), list(self._waiting)
        self._outstanding.clear()
        self._waiting.clear()
        return ended

    def end_waiting(self) -> list[Waiting]:
        """Return and forget those that wait."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting
