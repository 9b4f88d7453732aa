"""The client's transaction machines: INVITE and others (RFC 3261 17.1, RFC 6026 7.2).

They are given what arrives for them and ``now``, and say through :class:`ClientOutlet` what is to
happen. After each call whoever owns them looks at ``due`` and ``is_over``.
"""

from __future__ import annotations

from typing import Protocol

from omapush.core.instants import Instant
from omapush.protocols.sip.ack_and_cancel import ack_of_refusal
from omapush.protocols.sip.hop import Hop
from omapush.protocols.sip.message import SipRequest, SipResponse
from omapush.protocols.sip.timers import SipTimers, Timer
from omapush.protocols.sip.transaction import State, Transaction
from omapush.protocols.sip.writing import encode_message

MAGIC_COOKIE = "z9hG4bK"
"""How branches begin that name a transaction by themselves (RFC 3261 8.1.1.7)."""

InviteKey = tuple[str, int, str]
"""Call-ID, CSeq number and From tag: what an INVITE and the ACK of its 2xx have in common."""


class ClientOutlet(Protocol):
    """What a client transaction asks for."""

    def transmit(self, octets: bytes, hop: Hop) -> None:
        """Send a message."""

    def answered(self, transaction: ClientTransaction, response: SipResponse, now: Instant) -> None:
        """The first final response is there."""

    def succeeded_again(
        self, transaction: InviteClient, response: SipResponse, now: Instant
    ) -> None:
        """A 2xx to INVITE is there after the final response, or after the failure."""

    def timed_out(self, transaction: ClientTransaction) -> None:
        """No final response came."""

    def cancel(self, invite: InviteClient, now: Instant) -> None:
        """Send the CANCEL of an INVITE."""


class ClientTransaction(Transaction):
    """What both have: a request that goes to a hop.

    :ivar request: as it is sent, with its Via.
    :ivar original: as the user gave it and the hop that he named, while that may be tried after
        this one.
    """

    __slots__ = ("_octets", "_outlet", "hop", "is_quiet", "original", "request")

    def __init__(
        self, key: str, state: State, hop: Hop, timers: SipTimers, outlet: ClientOutlet
    ) -> None:
        super().__init__(key, state, timers, is_reliable=hop.transport.is_reliable)
        self.hop = hop
        self.request: SipRequest | None = None
        self.original: tuple[SipRequest, Hop] | None = None
        self.is_quiet = False
        self._octets = b""
        self._outlet = outlet

    def start(self, request: SipRequest, octets: bytes, hop: Hop, now: Instant) -> None:
        """Send the request, or send it anew by another way."""
        self.request, self._octets, self.hop = request, octets, hop
        self.is_reliable = hop.transport.is_reliable
        self._begin(now)
        self._outlet.transmit(octets, hop)

    @property
    def is_unanswered(self) -> bool:
        """Whether the user waits for its end."""
        return self.state in (State.CALLING, State.TRYING, State.PROCEEDING)

    def fail(self) -> None:
        """End it without another message: nobody can be reached."""
        self._forget()
        self._terminate()

    def receive(self, response: SipResponse, now: Instant) -> None:
        """Take a response that is for it."""
        raise NotImplementedError

    def _begin(self, now: Instant) -> None:
        raise NotImplementedError

    def _forget(self) -> None:
        """Let go of what is large."""
        self._octets, self.request, self.original = b"", None, None

    def _transmit(self) -> None:
        self._outlet.transmit(self._octets, self.hop)


class NonInviteClient(ClientTransaction):
    """A request other than INVITE and ACK (RFC 3261 17.1.2)."""

    __slots__ = ()

    def __init__(self, key: str, hop: Hop, timers: SipTimers, outlet: ClientOutlet) -> None:
        super().__init__(key, State.TRYING, hop, timers, outlet)

    def receive(self, response: SipResponse, now: Instant) -> None:
        """Take a response that is for it."""
        if not self.is_unanswered:
            return
        if not response.is_final:
            self.state = State.PROCEEDING
            self.original = None
            return
        self._forget()
        self._enter(State.COMPLETED, now, Timer.K)
        self._outlet.answered(self, response, now)

    def _begin(self, now: Instant) -> None:
        self._enter(State.TRYING, now, Timer.F, Timer.E)

    def _repeat(self, now: Instant) -> None:
        self._transmit()
        longest_ms = self._timers.t2_ms
        doubled_ms = min(2 * self._interval_ms, longest_ms)
        self._repeat_in(now, longest_ms if self.state is State.PROCEEDING else doubled_ms)

    def _ended(self, now: Instant) -> None:
        if self.is_unanswered:
            self._outlet.timed_out(self)
        self.fail()


class InviteClient(ClientTransaction):
    """An INVITE (RFC 3261 17.1.1 with RFC 6026's Accepted state).

    :ivar invite_key: by which the ACK of its 2xx is known; its user sets it.
    :ivar wanted_tag: the To tag of the 2xx that the user was given.
    :ivar acks: the ACK of each 2xx, by its To tag, and where it goes.
    :ivar is_cancelled: the user wants no 2xx any more.
    """

    __slots__ = ("_ack", "_cancel_sent", "acks", "invite_key", "is_cancelled", "wanted_tag")

    def __init__(self, key: str, hop: Hop, timers: SipTimers, outlet: ClientOutlet) -> None:
        super().__init__(key, State.CALLING, hop, timers, outlet)
        self.invite_key: InviteKey | None = None
        self.wanted_tag: str | None = None
        self.acks: dict[str, tuple[bytes, Hop]] = {}
        self.is_cancelled = False
        self._cancel_sent = False
        self._ack = b""

    def receive(self, response: SipResponse, now: Instant) -> None:
        """Take a response that is for it."""
        if response.is_success:
            self._succeed(response, now)
        elif response.is_final:
            self._refuse(response, now)
        elif self.state is State.CALLING:
            self._octets, self.original = b"", None
            self._enter(State.PROCEEDING, now, Timer.C)
            if self.is_cancelled:
                self._send_cancel(now)

    def cancel(self, now: Instant) -> None:
        """Have it cancelled, but not before a provisional response (RFC 3261 9.1)."""
        if self.is_unanswered and not self.is_cancelled:
            self.is_cancelled = True
            if self.state is State.PROCEEDING:
                self._send_cancel(now)

    def _begin(self, now: Instant) -> None:
        self._enter(State.CALLING, now, Timer.B, Timer.A)

    def _succeed(self, response: SipResponse, now: Instant) -> None:
        if self.is_unanswered:
            self._octets, self.original = b"", None
            self._enter(State.ACCEPTED, now, Timer.M)
            self._outlet.answered(self, response, now)
        elif self.state in (State.ACCEPTED, State.GIVEN_UP):
            self._outlet.succeeded_again(self, response, now)

    def _refuse(self, response: SipResponse, now: Instant) -> None:
        if self.state is State.COMPLETED:
            self._outlet.transmit(self._ack, self.hop)
        elif self.state is not State.ACCEPTED and self.request is not None:
            is_unanswered = self.is_unanswered
            self._ack = encode_message(ack_of_refusal(self.request, response))
            self._outlet.transmit(self._ack, self.hop)
            self._forget()
            self._enter(State.COMPLETED, now, Timer.D)
            if is_unanswered:
                self._outlet.answered(self, response, now)

    def _send_cancel(self, now: Instant) -> None:
        self._cancel_sent = True
        # 9.1: after 64*T1 without final response there will be none.
        self._enter(State.PROCEEDING, now, Timer.B)
        self._outlet.cancel(self, now)

    def _repeat(self, now: Instant) -> None:
        self._transmit()
        self._repeat_in(now, 2 * self._interval_ms)

    def _ended(self, now: Instant) -> None:
        if self.state is State.PROCEEDING and not self._cancel_sent:
            self._send_cancel(now)
        elif self.is_unanswered:
            self._octets, self.original = b"", None
            self._enter(State.GIVEN_UP, now, Timer.M)
            self._outlet.timed_out(self)
        else:
            self.fail()
