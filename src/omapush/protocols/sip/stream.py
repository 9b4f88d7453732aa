"""A connection's octets, cut into messages (RFC 3261 18.3) and keep-alives (RFC 5626 4.4.1)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.message import SipRequest
from omapush.protocols.sip.parsing import HEAD_LIMIT, content_length, parse_parts


class Ping(enum.Enum):
    """CRLF CRLF between messages: to be answered by CRLF."""

    PING = b"\r\n\r\n"


class Pong(enum.Enum):
    """CRLF between messages: the answer to a ping."""

    PONG = b"\r\n"


PING, PONG = Ping.PING, Pong.PONG
Received = bytes | Ping | Pong


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What one message may have at most, in octets."""

    head: int = HEAD_LIMIT
    body: int = 1_048_576


class SipStreamLost(BadSipMessage):
    """It is not known where the next message begins: the connection has to be closed.

    :ivar before: what came whole before it.
    """

    before: tuple[Received, ...] = ()


class SipStream:
    """Collects what comes by one connection. It keeps one incomplete message at most.

    :param dialled: this end opened the connection, and sends the pings: a CRLF is a pong. On the
        other end two of them are a ping, and one is nothing.
    """

    def __init__(self, limits: StreamLimits | None = None, *, dialled: bool = False) -> None:
        self._limits = limits or StreamLimits()
        self._dialled = dialled
        self._pending = bytearray()
        self._searched = 0
        self._head_ends: int | None = None
        self._body = 0
        self._half_ping = False
        self._lost: SipStreamLost | None = None

    def receive(self, octets: bytes) -> list[Received]:
        """Take octets; return the messages that are whole now, and keep-alives, in their order.

        :raises SipStreamLost: a head without an end or without a Content-Length, or a message over
            the limits (status 413); ``readable`` is the request, if it can be answered. What came
            before is in ``before``.
        """
        if self._lost is not None:
            raise SipStreamLost("the stream was lost before", self._lost.position)
        self._pending += octets
        received: list[Received] = []
        try:
            while (one := self._next()) is not None:
                received.append(one)
        except SipStreamLost as lost:
            self._lost = lost
            self._pending.clear()
            lost.before = tuple(received)
            raise
        return received

    def _next(self) -> Received | None:
        if self._head_ends is None:
            keep_alive = self._skip_empty_lines()
            if keep_alive is not None:
                return keep_alive
            self._find_head()
        if self._head_ends is None or len(self._pending) < self._head_ends + self._body:
            return None
        end = self._head_ends + self._body
        message = bytes(memoryview(self._pending)[:end])
        del self._pending[:end]
        self._head_ends, self._searched, self._half_ping = None, 0, False
        return message

    def _skip_empty_lines(self) -> Received | None:
        """Return the keep-alive that the next octets are, if they are one."""
        while self._pending.startswith(b"\r\n"):
            if self._dialled:
                del self._pending[:2]
                return PONG
            if self._half_ping or self._pending.startswith(b"\r\n\r\n"):
                del self._pending[: 2 if self._half_ping else 4]
                self._half_ping = False
                return PING
            del self._pending[:2]
            self._half_ping = True
        return None

    def _find_head(self) -> None:
        found = self._pending.find(b"\r\n\r\n", self._searched)
        if found < 0:
            self._searched = max(0, len(self._pending) - 3)
        if (len(self._pending) if found < 0 else found) > self._limits.head:
            raise SipStreamLost(f"a head of more than {self._limits.head} octets")
        if found < 0:
            return
        head = bytes(memoryview(self._pending)[:found])
        self._body = self._measure(head)
        self._head_ends = found + 4

    def _measure(self, head: bytes) -> int:
        try:
            length = content_length(head)
        except BadSipMessage as error:
            raise SipStreamLost(error.reason, readable=_readable(head)) from error
        if length is None:
            reason = "no Content-Length on a connection"
            raise SipStreamLost(reason, readable=_readable(head))
        if length > self._limits.body:
            reason = f"a body of {length} octets, {self._limits.body} are taken"
            raise SipStreamLost(reason, status=413, readable=_readable(head))
        return length


def _readable(head: bytes) -> SipRequest | None:
    """Return the request that a head is of, if it is one, without its body."""
    try:
        message = parse_parts(head, b"")
    except BadSipMessage as error:
        return error.readable
    return message if isinstance(message, SipRequest) else None
