"""A session of SIP on a connection: messages cut out of it and keep-alives (RFC 3261 18.3, RFC 5626
4.4.1 and 5.4).

Drives nothing by itself: ``bearers.tcp`` does, whoever dialled. What the messages say is the
business of the endpoint above.
"""

from __future__ import annotations

from dataclasses import dataclass

from omapush.core.instants import Instant, later
from omapush.ota.interface import CloseConnection, Effect, SendOctets
from omapush.protocols.sip.stream import PING, PONG, SipStream, SipStreamLost, StreamLimits

IDLE = "nothing came or went for too long"
NO_PONG = "its keep-alive was not answered"


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """Ask from now on whether the other end is still there.

    :ivar every_ms: between two questions. :ivar within_ms: how long an answer may take.
    """

    every_ms: int
    within_ms: int


@dataclass(frozen=True, slots=True)
class LastMessage:
    """Send this message and close. ``octets`` may be empty: then close."""

    octets: bytes
    reason: str


ConnectionRequest = bytes | KeepAlive | LastMessage
"""A message to be sent, the wish for keep-alives, or the end."""
ConnectionIndication = bytes | SipStreamLost
"""A message that came whole, or why nothing more can be read; the user has to close then."""


class SipConnection:
    """Implements ``ota.interface.StreamSession``.

    :param idle_ms: it ends when for so long no message came or went, and no keep-alive came.
    :param dialled: this end opened the connection.
    """

    def __init__(self, limits: StreamLimits, idle_ms: int, *, dialled: bool) -> None:
        self._stream = SipStream(limits, dialled=dialled)
        self._idle_ms = idle_ms
        self._idle_at: Instant | None = None
        self._keep_alive: KeepAlive | None = None
        self._ping_at: Instant | None = None
        self._pong_until: Instant | None = None
        self._is_lost = False
        self._effects: list[Effect] = []
        self._indications: list[ConnectionIndication] = []

    def connected(self, now: Instant) -> None:
        """Begin to wait."""
        self._alive(now)

    def request(self, primitive: ConnectionRequest, now: Instant) -> None:
        """Send a message, begin to ask, or end."""
        match primitive:
            case KeepAlive():
                self._keep_alive = primitive
                self._ping_at = later(now, primitive.every_ms)
            case LastMessage(octets=octets, reason=reason):
                self._effects += [SendOctets(octets), CloseConnection(reason)]
            case _:
                self._effects.append(SendOctets(primitive))
                self._alive(now)

    def receive(self, octets: bytes, now: Instant) -> None:
        """Cut octets into messages; answer a question, or take the answer to one."""
        if self._is_lost:
            return
        lost = None
        try:
            received = self._stream.receive(octets)
        except SipStreamLost as error:
            lost, received = error, list(error.before)
        for one in received:
            self._alive(now)
            if one is PING:
                self._effects.append(SendOctets(PONG.value))
            elif one is PONG:
                self._pong_until = None
            elif isinstance(one, bytes):
                self._indications.append(one)
        if lost is not None:
            self._is_lost = True
            self._indications.append(lost)

    def disconnected(self, reason: str, now: Instant) -> None:
        """Wait for nothing any more."""
        self._idle_at = self._ping_at = self._pong_until = None

    def next_timer(self) -> Instant | None:
        """When something is due."""
        due = [one for one in (self._idle_at, self._ping_at, self._pong_until) if one is not None]
        return min(due, default=None)

    def handle_timer(self, now: Instant) -> None:
        """Ask, or give up."""
        if self._pong_until is not None and self._pong_until <= now:
            self._give_up(NO_PONG)
        elif self._idle_at is not None and self._idle_at <= now and self._keep_alive is None:
            self._give_up(IDLE)
        elif self._idle_at is not None and self._idle_at <= now:
            self._idle_at = None  # whoever asks need not wait in silence
        elif self._ping_at is not None and self._ping_at <= now:
            self._ask(now)

    def effects(self) -> list[Effect]:
        """Hand out and forget what is to be done below."""
        effects, self._effects = self._effects, []
        return effects

    def indications(self) -> list[ConnectionIndication]:
        """Hand out and forget what came."""
        indications, self._indications = self._indications, []
        return indications

    def _alive(self, now: Instant) -> None:
        if self._keep_alive is None:
            self._idle_at = later(now, self._idle_ms)

    def _ask(self, now: Instant) -> None:
        if self._keep_alive is not None:
            self._effects.append(SendOctets(PING.value))
            self._ping_at = later(now, self._keep_alive.every_ms)
            if self._pong_until is None:
                self._pong_until = later(now, self._keep_alive.within_ms)

    def _give_up(self, reason: str) -> None:
        self._idle_at = self._ping_at = self._pong_until = None
        self._effects.append(CloseConnection(reason))
