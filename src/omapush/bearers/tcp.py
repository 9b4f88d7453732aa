"""TCP: drives sessions over streams, dialled or accepted.

One :class:`TcpLink` joins one session to one transport: octets in, effects out, indications up, one
timer. Writing obeys the transport's flow control: while the peer does not read, its octets are not
read either, so that neither side of a connection can make this process hold more than the
transport's buffer and one session's own limits.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from omapush.core.instants import Instant
from omapush.ota.interface import (
    BearerUnavailable,
    CloseConnection,
    SendOctets,
    StreamLink,
    StreamSession,
)

RequestT = TypeVar("RequestT")
IndicationT = TypeVar("IndicationT")

Clock = Callable[[], Instant]


class TcpLink(asyncio.Protocol, Generic[RequestT, IndicationT]):
    """One connection with its session."""

    def __init__(
        self,
        session: StreamSession[RequestT, IndicationT],
        on_indication: Callable[[IndicationT], None],
        on_closed: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self._session = session
        self._on_indication = on_indication
        self._on_closed = on_closed
        self._clock = clock
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: Instant | None = None
        self._reason = ""
        self._pumping = False
        self._peer = "not connected"

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
        if self._transport is not None:
            self._transport.close()

    # -- called by the event loop --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the session."""
        # uvloop's transports are streams without saying so by their class.
        self._transport = cast("asyncio.Transport", transport)
        self._peer = _peer_name(self._transport)
        self._session.connected(self._clock())
        self._pump()

    def data_received(self, data: bytes) -> None:
        """Give octets to the session."""
        self._session.receive(data, self._clock())
        self._pump()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the session, then whoever waits for the end."""
        reason = self._reason or (str(exc) if exc else "the peer closed the connection")
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._session.disconnected(reason, self._clock())
        self._pump()
        self._on_closed(reason)

    def pause_writing(self) -> None:
        """Stop reading from a peer that does not read."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on reading."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

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
                    if self._transport is not None:
                        self._transport.write(octets)
                case CloseConnection(reason=reason):
                    self.close(reason)
        return bool(effects)

    def _tell(self) -> bool:
        indications = self._session.indications()
        for indication in indications:
            self._on_indication(indication)
        return bool(indications)

    def _arm(self) -> None:
        due = self._session.next_timer() if self._transport is not None else None
        if due == self._timer_at and self._timer is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = due
        if due is not None:
            delay = max(0, due - self._clock()) / 1000
            self._timer = asyncio.get_running_loop().call_later(delay, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self._session.handle_timer(self._clock())
        self._pump()


class TcpBearer:
    """Dials and listens. Implements ``ota.interface.StreamBearer``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def connect(
        self,
        host: str,
        port: int,
        session: StreamSession[RequestT, IndicationT],
        on_indication: Callable[[IndicationT], None],
        on_closed: Callable[[str], None],
        timeout_ms: int,
    ) -> StreamLink[RequestT]:
        """Dial ``host`` and start ``session`` on the connection.

        :raises BearerUnavailable: refused, unreachable, not resolvable, or too slow.
        """
        loop = asyncio.get_running_loop()
        link = TcpLink(session, on_indication, on_closed, self._clock)
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                await loop.create_connection(lambda: link, host, port)
        except TimeoutError as error:
            raise BearerUnavailable(f"no connection within {timeout_ms} ms") from error
        except OSError as error:
            raise BearerUnavailable(_reason(error)) from error
        return link

    async def listen(
        self,
        host: str,
        port: int,
        open_session: Callable[[str], StreamSession[RequestT, IndicationT]],
        on_indication: Callable[[StreamLink[RequestT], IndicationT], None],
        limits: ListenLimits | None = None,
    ) -> TcpListener:
        """Accept connections until the listener is closed.

        :param open_session: gives a session for a connection from this peer address.
        :param on_indication: is told what the session of a link indicates; must not block.
        :raises BearerUnavailable: the address cannot be listened on.
        """
        gate = _Gate(limits or ListenLimits())

        def link() -> asyncio.Protocol:
            return _AcceptedLink(gate, open_session, on_indication, self._clock)

        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(link, host, port)
        except OSError as error:
            where = f"{host}:{port}"
            raise BearerUnavailable(f"cannot listen on {where}: {_reason(error)}") from error
        return TcpListener(server, gate)


@dataclass(frozen=True, slots=True)
class ListenLimits:
    """How many connections may be open at a time, in all and from one address."""

    connections: int = 64
    per_address: int = 16


class TcpListener:
    """An open listening socket and the connections that came through it."""

    def __init__(self, server: asyncio.Server, gate: _Gate) -> None:
        self._server = server
        self._gate = gate

    @property
    def port(self) -> int:
        """The port that is listened on, which the system chose if 0 was asked for."""
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._gate.links)

    async def close(self, reason: str) -> None:
        """Stop listening and close every connection."""
        self._server.close()
        for link in list(self._gate.links):
            link.close(reason)
        await self._server.wait_closed()


class _Gate:
    """Counts open connections and turns away what is too much."""

    def __init__(self, limits: ListenLimits) -> None:
        self._limits = limits
        self._by_address: Counter[str] = Counter()
        self.links: set[TcpLink[Any, Any]] = set()

    def admits(self, address: str) -> bool:
        """Whether one more connection from ``address`` may come in."""
        return (
            len(self.links) < self._limits.connections
            and self._by_address[address] < self._limits.per_address
        )

    def enter(self, link: TcpLink[Any, Any], address: str) -> None:
        self.links.add(link)
        self._by_address[address] += 1

    def leave(self, link: TcpLink[Any, Any], address: str) -> None:
        self.links.discard(link)
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]


class _AcceptedLink(asyncio.Protocol, Generic[RequestT, IndicationT]):
    """Waits for the connection, for only then the peer's address is known; then hands over."""

    def __init__(
        self,
        gate: _Gate,
        open_session: Callable[[str], StreamSession[RequestT, IndicationT]],
        on_indication: Callable[[StreamLink[RequestT], IndicationT], None],
        clock: Clock,
    ) -> None:
        self._gate = gate
        self._open_session = open_session
        self._on_indication = on_indication
        self._clock = clock

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Judge the peer; give the transport to a link of its own, or close it."""
        stream = cast("asyncio.Transport", transport)
        address = _peer_address(stream)
        if not self._gate.admits(address):
            stream.abort()
            return
        link = TcpLink(
            self._open_session(address),
            lambda indication: self._on_indication(link, indication),
            lambda _reason: self._gate.leave(link, address),
            self._clock,
        )
        self._gate.enter(link, address)
        stream.set_protocol(link)
        link.connection_made(stream)


def _peer_address(transport: asyncio.Transport) -> str:
    name = transport.get_extra_info("peername")
    return str(name[0]) if name else ""


def _peer_name(transport: asyncio.Transport) -> str:
    name = transport.get_extra_info("peername")
    if not name:
        return "unknown"
    host, port = str(name[0]), int(name[1])
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reason(error: OSError) -> str:
    """Return what went wrong, without the address that the caller knows."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error) or type(error).__name__
