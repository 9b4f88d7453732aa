"""TCP: opens connections, dialled or accepted, and puts sessions on them.

Each connection is a :class:`~omapush.bearers.tcp_link.TcpLink`. Which destinations may be dialled
is the gateway's policy, not the bearer's; whom a listener takes is limited in number only.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from omapush.bearers.driving import Clock, OnTrace, no_trace
from omapush.bearers.tcp_link import TURN, TcpLink
from omapush.core.trace import TraceRecord
from omapush.ota.interface import (
    BearerUnavailable,
    SecurityFailure,
    StreamLink,
    StreamSession,
)

RequestT = TypeVar("RequestT")
IndicationT = TypeVar("IndicationT")

MAX_ADDRESSES = 8
"""Addresses of one name that are dialled: each may take its whole time to fail."""
BACKLOG = 4_096
"""Connections that may wait to be accepted, if the system allows as many. Whom the system turns
away here thinks it is connected and waits in silence, for that is what a terminal has to do."""


class TcpBearer:
    """Dials and listens, in one event loop. Implements ``ota.interface.StreamBearer``.

    :param on_trace: is told when connections open, close and are turned away; never content.
    """

    def __init__(self, clock: Clock, on_trace: OnTrace | None = None) -> None:
        self._clock = clock
        self._on_trace = on_trace or no_trace
        # One for all connections: with ten thousand of them, most of the memory would be buffers.
        self._incoming = bytearray(TURN)

    async def connect(
        self,
        host: str,
        port: int,
        session: StreamSession[RequestT, IndicationT],
        on_indication: Callable[[IndicationT], None],
        on_closed: Callable[[str], None],
        timeout_ms: int,
        tls: ssl.SSLContext | None = None,
        *,
        server_name: str | None = None,
        local_address: str | None = None,
    ) -> StreamLink[RequestT]:
        """Dial ``host`` and start ``session`` on the connection.

        :param tls: connect by TLS, with the certificate verified as the context says.
        :param server_name: of whom the certificate has to be, where ``host`` does not say it.
        :param local_address: where to dial from; default: as the system chooses.
        :raises BearerUnavailable: refused, unreachable, not resolvable, too slow, or the local
            address is not there. :raises SecurityFailure: TLS failed.
        """
        if not 0 < port < 65_536:  # uvloop would dial what is left after division
            raise BearerUnavailable(f"not a port: {port}")
        loop = asyncio.get_running_loop()
        link = TcpLink(
            session, on_indication, on_closed, self._clock, self._on_trace, self._incoming
        )
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                await loop.create_connection(
                    lambda: link,
                    host,
                    port,
                    ssl=tls,
                    server_hostname=server_name if tls is not None else None,
                    local_addr=None if local_address is None else (local_address, 0),
                )
        except TimeoutError as error:
            raise BearerUnavailable(f"no connection within {timeout_ms} ms") from error
        except ssl.SSLError as error:
            raise SecurityFailure(_reason(error)) from error
        except OSError as error:
            raise BearerUnavailable(_reason(error)) from error
        except ValueError as error:  # the resolver on names that cannot be encoded
            raise BearerUnavailable(f"not a host: {host[:80]!r}") from error
        return link

    async def dial(
        self,
        host: str,
        port: int,
        open_session: Callable[[str], StreamSession[RequestT, IndicationT]],
        on_indication: Callable[[IndicationT], None],
        on_closed: Callable[[str], None],
        timeout_ms: int,
        tls: ssl.SSLContext | None = None,
        local_address: str | None = None,
    ) -> StreamLink[RequestT]:
        """Dial the addresses of ``host`` one after the other, until one answers.

        :param open_session: gives a session for a connection to this address.
        :param timeout_ms: for finding the addresses, and again for each of them.
        :raises BearerUnavailable: why the last of them did not answer, or there is none.
        :raises SecurityFailure: TLS failed with the last of them.
        """
        failure = BearerUnavailable(f"{host[:80]} has no address")
        for address in await _addresses(host, port, timeout_ms):
            try:
                return await self.connect(
                    address,
                    port,
                    open_session(address),
                    on_indication,
                    on_closed,
                    timeout_ms,
                    tls,
                    server_name=host,
                    local_address=local_address,
                )
            except BearerUnavailable as error:
                failure = error
        raise failure

    async def listen(
        self,
        host: str,
        port: int,
        open_session: Callable[[str], StreamSession[RequestT, IndicationT]],
        on_indication: Callable[[StreamLink[RequestT], IndicationT], None],
        limits: ListenLimits | None = None,
        on_closed: Callable[[StreamLink[RequestT], str], None] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> TcpListener:
        """Accept connections until the listener is closed; by TLS if ``tls`` says how.

        :param open_session: gives a session for a connection from this peer address.
        :param on_indication: is told what the session of a link indicates; must not block.
        :param on_closed: is told once for each link, after its last indication, why it ended.
        :raises BearerUnavailable: the address cannot be listened on.
        """
        gate = _Gate(limits or ListenLimits())
        entrance = _Entrance(gate, open_session, on_indication, on_closed, self._incoming)

        def link() -> asyncio.Protocol:
            return _AcceptedLink(entrance, self._clock, self._on_trace)

        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(link, host, port, ssl=tls, backlog=BACKLOG)
        except (OSError, ValueError, OverflowError) as error:
            why = _reason(error) if isinstance(error, OSError) else "not an address"
            raise BearerUnavailable(f"cannot listen on {host[:80]}:{port}: {why}") from error
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

    def request_all(self, primitive: Any) -> None:  # noqa: ANN401 - as its sessions take it
        """Hand a primitive to the session of every connection."""
        for link in list(self._gate.links):
            link.request(primitive)

    async def close(self, reason: str) -> None:
        """Stop listening and close every connection; returns when the last one has ended.

        That is at the latest when those are cut whose peers do not read, see ``tcp_link``.
        """
        self._server.close()
        for link in list(self._gate.links):
            link.close(reason)
        await self._gate.emptied()
        await self._server.wait_closed()


class _Gate:
    """Counts open connections and turns away what is too much."""

    def __init__(self, limits: ListenLimits) -> None:
        self._limits = limits
        self._by_address: Counter[str] = Counter()
        self.links: set[TcpLink[Any, Any]] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    async def emptied(self) -> None:
        """Wait until no connection is open."""
        await self._empty.wait()

    def admits(self, address: str) -> bool:
        """Whether one more connection from ``address`` may come in."""
        return (
            len(self.links) < self._limits.connections
            and self._by_address[address] < self._limits.per_address
        )

    def enter(self, link: TcpLink[Any, Any], address: str) -> None:
        self.links.add(link)
        self._empty.clear()
        self._by_address[address] += 1

    def leave(self, link: TcpLink[Any, Any], address: str) -> None:
        self.links.discard(link)
        if not self.links:
            self._empty.set()
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]


@dataclass(frozen=True, slots=True)
class _Entrance(Generic[RequestT, IndicationT]):
    """What a listener does with a connection."""

    gate: _Gate
    open_session: Callable[[str], StreamSession[RequestT, IndicationT]]
    on_indication: Callable[[StreamLink[RequestT], IndicationT], None]
    on_closed: Callable[[StreamLink[RequestT], str], None] | None
    incoming: bytearray

    def link(self, address: str, clock: Clock, on_trace: OnTrace) -> TcpLink[RequestT, IndicationT]:
        """Return a link for a peer that was admitted."""

        def closed(reason: str) -> None:
            self.gate.leave(link, address)
            if self.on_closed is not None:
                self.on_closed(link, reason)

        link: TcpLink[RequestT, IndicationT] = TcpLink(
            self.open_session(address),
            lambda indication: self.on_indication(link, indication),
            closed,
            clock,
            on_trace,
            self.incoming,
        )
        self.gate.enter(link, address)
        return link


class _AcceptedLink(asyncio.Protocol, Generic[RequestT, IndicationT]):
    """Waits for the connection, for only then the peer's address is known; then hands over."""

    def __init__(
        self, entrance: _Entrance[RequestT, IndicationT], clock: Clock, on_trace: OnTrace
    ) -> None:
        self._entrance = entrance
        self._clock = clock
        self._on_trace = on_trace

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Judge the peer; give the transport to a link of its own, or close it."""
        stream = cast("asyncio.Transport", transport)
        address = _peer_address(stream)
        if not self._entrance.gate.admits(address):
            detail = {"peer": address}
            self._on_trace(TraceRecord(self._clock(), "tcp", "turned_away", detail))
            stream.abort()
            return
        link = self._entrance.link(address, self._clock, self._on_trace)
        stream.set_protocol(link)
        link.connection_made(transport)


def _peer_address(transport: asyncio.Transport) -> str:
    name = transport.get_extra_info("peername")
    return str(name[0]) if name else ""


async def _addresses(host: str, port: int, timeout_ms: int) -> list[str]:
    """Return the addresses of ``host``. :raises BearerUnavailable: not resolvable, or too slow."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError as error:
        reason = f"{host[:80]} is not resolved within {timeout_ms} ms"
        raise BearerUnavailable(reason) from error
    except (OSError, ValueError, OverflowError) as error:
        raise BearerUnavailable(f"{host[:80]} cannot be resolved") from error
    return list(dict.fromkeys(str(each[4][0]) for each in found))[:MAX_ADDRESSES]


def _reason(error: OSError) -> str:
    """Return what went wrong, without the address that the caller knows."""
    if isinstance(error, ssl.SSLError):
        said = getattr(error, "verify_message", None) or error.reason or "no handshake"
        return f"TLS: {said}"
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error) or type(error).__name__
