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

from omapush.bearers.driving import Clock, Driver, OnTrace, no_trace
from omapush.bearers.tls_engine import TlsEngine
from omapush.core.networks import host_and_port
from omapush.core.peer_certificate import PeerCertificate
from omapush.core.trace import TraceRecord
from omapush.ota.interface import CloseConnection, Effect, SendOctets, StreamSession

RequestT = TypeVar("RequestT")
IndicationT = TypeVar("IndicationT")

TURN = 16_384
"""Octets that are read at a time: a peer that sends without end must leave the others their turn,
and a quarter of a megabyte, as event loops read it, may hold ten thousand requests."""
LONG_TURN = 65_536
"""The same where few connections carry much, as those of media do."""
CLOSE_TIMEOUT_SECONDS = 5.0
"""How long the last octets of a connection may take."""
PEER_CLOSED = "the peer closed the connection"


class TcpLink(Driver[RequestT], asyncio.BufferedProtocol, Generic[RequestT, IndicationT]):
    """One connection with its session.

    :param incoming: where octets are read to, by one connection at a time: the loop hands them over
        before it reads again. Links of one event loop may share it.
    """

    __slots__ = (
        "_congested",
        "_cut",
        "_deaf",
        "_incoming",
        "_on_closed",
        "_on_identified",
        "_on_trace",
        "_peer",
        "_reason",
        "_session",
        "_transport",
    )

    def __init__(
        self,
        session: StreamSession[RequestT, IndicationT],
        on_indication: Callable[[IndicationT], None],
        on_closed: Callable[[str], None],
        clock: Clock,
        on_trace: OnTrace = no_trace,
        incoming: bytearray | None = None,
    ) -> None:
        super().__init__(session, on_indication, clock)
        self._session = session
        self._on_closed = on_closed
        self._on_trace = on_trace
        self._transport: asyncio.Transport | None = None
        self._cut: asyncio.TimerHandle | None = None
        self._reason = ""
        self._congested = False
        self._deaf = False
        self._peer = "not connected"
        self._on_identified: Callable[[], None] | None = None
        self._incoming = bytearray(TURN) if incoming is None else incoming

    @property
    def peer(self) -> str:
        """The peer's address, for people."""
        return self._peer

    @property
    def local(self) -> tuple[str, int] | None:
        """Address and port of our own end, while the connection is open."""
        name = None if self._transport is None else self._transport.get_extra_info("sockname")
        return (str(name[0]), int(name[1])) if name else None

    @property
    def unwritten(self) -> int:
        """Octets that wait because the peer does not read."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    @property
    def is_secure(self) -> bool:
        """Whether the connection is by TLS; ``False`` when it has ended."""
        return self._engine() is not None

    @property
    def peer_certificate(self) -> PeerCertificate | None:
        """What the peer's verified certificate says, while the connection is open."""
        engine = self._engine()
        return None if engine is None else engine.peer_certificate

    def counts_until(self, on_identified: Callable[[], None]) -> None:
        """Have :meth:`identified` tell whoever counts anonymous connections."""
        self._on_identified = on_identified

    def identified(self) -> None:
        """Count the connection among the anonymous no more: who is there is known now."""
        if self._on_identified is not None:
            self._on_identified()
            self._on_identified = None

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
        engine = self._engine()
        self._trace("connected", **({} if engine is None else engine.description))
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

    def eof_received(self) -> bool:
        """Close: whoever sends no more has ended the connection (WAP-235 7.2.4)."""
        self.close(PEER_CLOSED)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the session, then whoever waits for the end."""
        reason = self._reason or (str(exc) if exc else PEER_CLOSED)
        self._transport = None
        self._forget_timer()
        if self._cut is not None:
            self._cut.cancel()
        try:
            self._session.disconnected(reason, self._clock())
            self._pump()
        finally:
            self._trace("closed", reason=reason)
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

    @property
    def _is_open(self) -> bool:
        return self._transport is not None

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case SendOctets(octets=octets):
                self._write(octets)
            case CloseConnection(reason=reason):
                self.close(reason)

    def _engine(self) -> TlsEngine | None:
        if self._transport is None:
            return None
        engine = self._transport.get_extra_info("tls_engine")
        return engine if isinstance(engine, TlsEngine) else None

    def _trace(self, event: str, **more: str | bool | None) -> None:
        self._on_trace(TraceRecord(self._clock(), "tcp", event, {"peer": self._peer, **more}))


def peer_name(transport: asyncio.Transport) -> str:
    """Return the address and port of the other end, for people."""
    name = transport.get_extra_info("peername")
    if not name:
        return "unknown"
    return host_and_port(str(name[0]), int(name[1]))
