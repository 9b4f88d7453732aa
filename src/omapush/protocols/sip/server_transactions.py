"""The server's transaction machines: INVITE and others (RFC 3261 17.2, RFC 6026 7.1, RFC 4320).

They are given the octets of the responses that their user makes, and repeat them when they must.
After each call whoever owns them looks at ``due`` and ``is_over``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from omapush.core.instants import Instant
from omapush.protocols.sip.hop import Hop
from omapush.protocols.sip.message import SipRequest, SipResponse
from omapush.protocols.sip.timers import SipTimers, Timer
from omapush.protocols.sip.transaction import State, Transaction


@dataclass(frozen=True, slots=True)
class ReturnPath:
    """Where responses go: back where the request came from, else to who its Via names."""

    hop: Hop
    fallback: Hop | None = None


class ServerOutlet(Protocol):
    """What a server transaction asks for."""

    def reply(self, octets: bytes, path: ReturnPath) -> None:
        """Send a response."""

    def unanswered(self, transaction: ServerTransaction, now: Instant) -> None:
        """The user is slow: 100 is to be sent."""

    def expired(self, transaction: InviteServer, now: Instant) -> None:
        """The user has not answered an INVITE for longer than anybody waits."""

    def unacknowledged(self, transaction: InviteServer) -> None:
        """No ACK of a 2xx came."""


class ServerTransaction(Transaction):
    """What both have: a request, and the response that is to be repeated.

    :ivar request: as it came, with the source in its Via; ``None`` when it is not needed any more.
    :ivar tag: this end's tag, for a To without one.
    :ivar merge_key: by which the same request is known that came another way.
    :ivar open_octets: what the request counts for as long as it is open.
    """

    __slots__ = ("_octets", "_outlet", "merge_key", "open_octets", "path", "request", "tag")

    def __init__(
        self,
        key: str,
        request: SipRequest,
        path: ReturnPath,
        timers: SipTimers,
        outlet: ServerOutlet,
    ) -> None:
        super().__init__(key, State.TRYING, timers, is_reliable=path.hop.transport.is_reliable)
        self.request: SipRequest | None = request
        self.path = path
        self.tag = ""
        self.merge_key: tuple[str, ...] | None = None
        self.open_octets = 0
        self._octets = b""
        self._outlet = outlet

    @property
    def is_unanswered(self) -> bool:
        """Whether its final response is still to come."""
        return self.state in (State.TRYING, State.PROCEEDING)

    @property
    def is_settled(self) -> bool:
        """Whether nothing can come of it but the same answer once more."""
        return self.state in (State.COMPLETED, State.CONFIRMED)

    @property
    def held_octets(self) -> int:
        """What the answer and the key of an answered request take."""
        return len(self._octets) + len(self.key)

    def forget(self) -> None:
        """End it early."""
        self._terminate()

    def repeated(self) -> None:
        """The request came again."""
        raise NotImplementedError

    def respond(self, response: SipResponse, octets: bytes, now: Instant) -> None:
        """Send a response; after the final one nothing happens."""
        raise NotImplementedError

    def _transmit(self) -> None:
        self._outlet.reply(self._octets, self.path)


class NonInviteServer(ServerTransaction):
    """A request other than INVITE and ACK (RFC 3261 17.2.2)."""

    __slots__ = ()

    def start(self, now: Instant) -> None:
        """Begin to wait for the user."""
        # Whoever asked stops waiting when F goes off there; 408 would help nobody (RFC 4320 4.2).
        self._enter(State.TRYING, now, Timer.F)
        self._repeat_in(now, self._timers.first_100_ms)

    def repeated(self) -> None:
        """The request came again."""
        if self._octets:
            self._transmit()

    def respond(self, response: SipResponse, octets: bytes, now: Instant) -> None:
        """Send a response; other provisional ones than 100 are not sent (RFC 4320 4.1)."""
        if not self.is_unanswered:
            return
        if response.is_final:
            self._octets, self.request = octets, None
            self._transmit()
            self._enter(State.COMPLETED, now, Timer.J)
        elif response.status == 100 and self.state is State.TRYING:
            self._octets, self.state = octets, State.PROCEEDING
            self._transmit()

    def _repeat(self, now: Instant) -> None:
        if self.state is State.TRYING:
            self._outlet.unanswered(self, now)

    def _ended(self, now: Instant) -> None:
        self._terminate()


class InviteServer(ServerTransaction):
    """An INVITE (RFC 3261 17.2.1 with RFC 6026's Accepted state).

    The repetition of a 2xx until its ACK, which the RFCs leave to the user (13.3.1.4), is in here.

    :ivar response: the 2xx, until its ACK comes.
    :ivar ack_key: by which the ACK of the 2xx is known.
    """

    __slots__ = ("ack_key", "response")

    def __init__(
        self,
        key: str,
        request: SipRequest,
        path: ReturnPath,
        timers: SipTimers,
        outlet: ServerOutlet,
    ) -> None:
        super().__init__(key, request, path, timers, outlet)
        self.response: SipResponse | None = None
        self.ack_key: tuple[str, ...] | None = None

    def start(self, now: Instant) -> None:
        """Begin to wait for the user."""
        self._enter(State.PROCEEDING, now, Timer.C)
        self._repeat_in(now, self._timers.trying_ms)

    def repeated(self) -> None:
        """The INVITE came again; a 2xx is repeated by its own timer only (RFC 6026 7.1)."""
        if self._octets and self.state in (State.PROCEEDING, State.COMPLETED):
            self._transmit()

    def respond(self, response: SipResponse, octets: bytes, now: Instant) -> None:
        """Send a response; after the final one nothing happens."""
        if not self.is_unanswered:
            return
        self._octets = octets
        self._transmit()
        if response.is_success:
            self.response = response
            self._enter(State.ACCEPTED, now, Timer.L)
            self._repeat_in(now, self._timers.t1_ms)
        elif response.is_final:
            self.request = None
            self._enter(State.COMPLETED, now, Timer.H, Timer.G)

    def acknowledged(self, now: Instant) -> bool:
        """Take the ACK; return whether it is the first one of a 2xx."""
        if self.state is State.COMPLETED:
            self._octets = b""
            self._enter(State.CONFIRMED, now, Timer.I)
            return False
        if self.state is not State.ACCEPTED or self.response is None:
            return False
        self._octets, self.request, self.response = b"", None, None
        self._repeat_at = None
        self._set_due()
        return True

    def _repeat(self, now: Instant) -> None:
        if self.state is State.PROCEEDING:
            if not self._octets:
                self._outlet.unanswered(self, now)
            return
        self._transmit()
        self._repeat_in(now, min(2 * self._interval_ms, self._timers.t2_ms))

    def _ended(self, now: Instant) -> None:
        if self.is_unanswered:
            self._outlet.expired(self, now)
            return
        if self.response is not None:
            self._outlet.unacknowledged(self)
        self._terminate()
