"""The queue in front of an SMSC: whose turn it is, on which bind.

A message waits until its deadline at most, and was then certainly not sent. All that wait are given
back at once, for another SMSC or for later, when the last bind that can send is lost, or when the
windows are full and no answer comes: whoever waits for an SMSC that is stuck keeps others from
being served.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from omapush.bearers.driving import Clock
from omapush.bearers.smsc_account import Pace
from omapush.bearers.smsc_link import SmscLink
from omapush.bearers.smsc_rate import Throttle, TokenBucket
from omapush.core.instants import Instant
from omapush.protocols.smpp.codec import PreparedPdu
from omapush.protocols.smpp.pdu import Pdu
from omapush.protocols.smpp.primitives import SendCnf, SendKind
from omapush.protocols.smpp.status import StatusClass


@dataclass(slots=True, eq=False)
class _Request:
    """A request of ours on its way through the queue."""

    pdu: Pdu | PreparedPdu
    confirmed: asyncio.Future[SendCnf]
    is_sent: bool = False


class SmscQueue:
    """Requests that wait for a bind with room.

    :param links: the binds that can send.
    """

    def __init__(
        self, links: Sequence[SmscLink], pace: Pace, throttle: Throttle, clock: Clock
    ) -> None:
        self._answers_nothing = False
        self._links = links
        self._pace = pace
        self._throttle = throttle
        self._clock = clock
        self._bucket = TokenBucket(pace.per_second)
        self._queue: deque[_Request] = deque()
        self._turn: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._answers = 0

    @property
    def is_bound(self) -> bool:
        """Whether a bind is there that can send."""
        return any(link.is_bound for link in self._links)

    @property
    def is_stuck(self) -> bool:
        """Whether the windows are full and no answer comes.

        When answers are overdue the windows have room, and it is tried again.
        """
        return self._answers_nothing and self._free_link() is None

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return sum(not request.confirmed.done() for request in self._queue)

    async def send(self, pdu: Pdu | PreparedPdu, deadline: Instant) -> SendCnf:
        """Wait for a turn, send, and wait for the answer."""
        refusal = self._refusal(deadline)
        if refusal is not None:
            return _not_sent(refusal)
        loop = asyncio.get_running_loop()
        request = _Request(pdu, loop.create_future())
        self._queue.append(request)
        self.go_on()
        if request.is_sent:
            return await request.confirmed
        patience = max(0, deadline - self._clock()) / 1000
        timer = loop.call_later(patience, self._expire, request)
        try:
            return await request.confirmed
        finally:
            timer.cancel()

    def _refusal(self, deadline: Instant) -> str | None:
        """Why a request cannot even wait."""
        if not self.is_bound:
            return self._why_unbound()
        if self.is_stuck:
            return "it does not answer"
        if len(self._queue) >= self._pace.max_waiting:
            return "too many messages wait"
        return "no time is left for it" if self._clock() >= deadline else None

    def go_on(self) -> None:
        """Send what may be sent now; see that this is called again when more may be."""
        if not self.is_bound:
            self.give_back(self._why_unbound())
            return
        self._drop_done()
        while self._queue:
            link = self._free_link()
            if link is None:  # an answer, or a new bind, brings us here again
                self._watch_answers()
                return
            now = self._clock()
            pause = self._throttle.wait_ms(now) or self._bucket.wait_ms(now)
            if pause:
                self._go_on_after(pause)
                return
            self._bucket.take(now)
            request = self._queue.popleft()
            request.is_sent = True
            link.send(request.pdu, request.confirmed)
            self._drop_done()

    def answered(self) -> None:
        """Note that the SMSC answers."""
        self._answers += 1
        self._answers_nothing = False

    def give_back(self, reason: str) -> None:
        """End all that wait: they were not sent."""
        waiting, self._queue = self._queue, deque()
        for request in waiting:
            if not request.confirmed.done():
                request.confirmed.set_result(_not_sent(reason))

    def _free_link(self) -> SmscLink | None:
        free = [link for link in self._links if link.has_room]
        return min(free, key=lambda link: link.outstanding) if free else None

    def _go_on_after(self, milliseconds: float) -> None:
        if self._turn is None:
            loop = asyncio.get_running_loop()
            self._turn = loop.call_later(milliseconds / 1000, self._woken)

    def _woken(self) -> None:
        self._turn = None
        self.go_on()

    def _watch_answers(self) -> None:
        """Look again later whether the SMSC has answered anything since."""
        if self._watch is None:
            loop = asyncio.get_running_loop()
            seconds = self._pace.stuck_ms / 1000
            self._watch = loop.call_later(seconds, self._watched, self._answers)

    def _watched(self, answers: int) -> None:
        self._watch = None
        self._drop_done()
        if not self._queue or self._free_link() is not None:
            return
        if self._answers == answers:
            self._answers_nothing = True
            self.give_back("it does not answer")
        else:
            self._watch_answers()

    def _expire(self, request: _Request) -> None:
        if not request.is_sent and not request.confirmed.done():
            request.confirmed.set_result(_not_sent("no turn came in time"))
        self._drop_done()

    def _drop_done(self) -> None:
        """Forget those at the head for whom nobody waits any more."""
        while self._queue and self._queue[0].confirmed.done():
            self._queue.popleft()

    def _why_unbound(self) -> str:
        return f"not bound: {self._links[0].failure or 'connecting'}"


def _not_sent(reason: str) -> SendCnf:
    return SendCnf(0, SendKind.NOT_SENT, StatusClass.LINK, None, reason)
