"""One session on one TCP connection, whoever dialled it.

A :class:`TcpLink` joins a session to a transport: octets in, effects out, indications up, one
timer. Writing obeys the transport's flow control: a peer that does not read and still makes the
session write more is not read from until it reads, so that no peer can make this process hold more
than the transport's buffer and the session's own limits. A connection that is being closed and
whose peer does not take the last octets is cut after :data:`CLOSE_TIMEOUT_SECONDS`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from omapush.core.instants import Instant
from omapush.core.trace import TraceRecord
from omapush.ota.interface import CloseConnection, SendOctets, StreamSession

RequestT = TypeVar("RequestT")
IndicationT = TypeVar("IndicationT")

Clock = Callable[[], Instant]
OnTrace = Callable[[TraceRecord], None]

TURN = 16_384
"""Octets that are read at a time: a peer that sends without end must leave the others their turn,
and a quarter of a megabyte, as event loops read it, may hold ten thousand requests."""
CLOSE_TIMEOUT_SECONDS = 5.0
"""How long the last octets of a connection may take."""


def no_trace(record: TraceRecord) -> None:
    """Keep nothing."""


class TcpLink(asyncio.BufferedProtocol, Generic[RequestT, IndicationT]):
    """One connection with its session.

    :param incoming: where octets are read to, by one connection at a time: the loop hands them over
        before it reads again. Links of one event loop may share it.
    """

    def __init__(
        self,
        session: StreamSession[RequestT, IndicationT],
        on_indication: Callable[[IndicationT], None],
        on_closed: Callable[[str], None],
        clock: Clock,
        on_trace: OnTrace = no_trace,
        incoming: bytearray | None = None,
    ) -> None:
        self._session = session
        self._on_indication = on_indication
        self._on_closed = on_closed
        self._clock = clock
        self._on_trace = on_trace
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: Instant | None = None
        self._cut: asyncio.TimerHandle | None = None
        self._reason = ""
        self._congested = False
        self._deaf = False
        self._pumping = False
        self._peer = "not connected"
        self._incoming = bytearray(TURN) if incoming is None else incoming

    @property
    def peer(self) -> str:
        """The peer's address, for people."""
        return self._peer

    def request(self, primitive: RequestT) -> None:
        """Hand a primitive to the session and carry out what follows."""
        self._session.request(primitive, self._clock())
        self._pump()

    def close(self, reason: str) -> None:
        """Write what is still to be written, then close."""
        self._reason = self._reason or reason
        if self._transport is not None and self._cut is None:
            loop = asyncio.get_running_loop()
            self._cut = loop.call_later(CLOSE_TIMEOUT_SECONDS, self._transport.abort)
            self._transport.close()

    # -- called by the event loop --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the session."""
        # uvloop's transports are streams without saying so by their class.
        self._transport = cast("asyncio.Transport", transport)
        self._peer = peer_name(self._transport)
        self._trace("connected")
        self._session.connected(self._clock())
        self._pump()

    def get_buffer(self, sizehint: int) -> bytearray:
        """Return where the next octets go."""
        return self._incoming

    def buffer_updated(self, nbytes: int) -> None:
        """Give octets to the session."""
        if self._cut is None:
            self._session.receive(bytes(self._incoming[:nbytes]), self._clock())
            self._pump()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the session, then whoever waits for the end."""
        reason = self._reason or (str(exc) if exc else "the peer closed the connection")
        self._transport = None
        for handle in (self._timer, self._cut):
            if handle is not None:
                handle.cancel()
        self._timer = None
        try:
            self._session.disconnected(reason, self._clock())
            self._pump()
        finally:
            self._trace("closed", reason)
            self._on_closed(reason)

    def pause_writing(self) -> None:
        """Note that the peer does not read. Its answers may still come: it is read from for now."""
        self._congested = True

    def resume_writing(self) -> None:
        """Go on reading."""
        self._congested = False
        if self._deaf and self._transport is not None and not self._transport.is_closing():
            self._deaf = False
            self._transport.resume_reading()

    def _write(self, octets: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._congested and not self._deaf:
            self._deaf = True
            self._transport.pause_reading()
        self._transport.write(octets)

    # -- the session's wishes --

    def _pump(self) -> None:
        """Carry out effects and tell indications until there are no more."""
        if self._pumping:
            return  # an indication's receiver made a request; the outer call goes on
        self._pumping = True
        try:
            while self._carry_out() | self._tell():
                pass
        finally:
            self._pumping = False
        self._arm()

    def _carry_out(self) -> bool:
        effects = self._session.effects()
        for effect in effects:
            match effect:
                case SendOctets(octets=octets):
                    self._write(octets)
                case CloseConnection(reason=reason):
                    self.close(reason)
        return bool(effects)

    def _tell(self) -> bool:
        indications = self._session.indications()
        for indication in indications:
            self._on_indication(indication)
        return bool(indications)

    def _arm(self) -> None:
        """Have the session woken in time; a timer that is due too early is left to find out."""
        due = self._session.next_timer() if self._transport is not None else None
        if due is None:
            return
        if self._timer is not None:
            if self._timer_at is not None and self._timer_at <= due:
                return
            self._timer.cancel()
        self._timer_at = due
        delay = max(0, due - self._clock()) / 1000
        self._timer = asyncio.get_running_loop().call_later(delay, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = self._clock()
        due = self._session.next_timer()
        if due is not None and due <= now:
            self._session.handle_timer(now)
        self._pump()

    def _trace(self, event: str, reason: str | None = None) -> None:
        detail: dict[str, str | int | bool | None] = {"peer": self._peer}
        if reason is not None:
            detail["reason"] = reason
        self._on_trace(TraceRecord(self._clock(), "tcp", event, detail))


def peer_name(transport: asyncio.Transport) -> str:
    """Return the address and port of the other end, for people."""
    name = transport.get_extra_info("peername")
    if not name:
        return "unknown"
    host, port = str(name[0]), int(name[1])
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
