"""TCP: opens connections, dialled or accepted, and puts sessions on them.

Each connection is a :class:`~omapush.bearers.tcp_link.TcpLink`, by TLS with a
:class:`~omapush.bearers.tls_stream.TlsStream` below it. Which destinations may be dialled is the
gateway's policy, not the bearer's; whom a listener takes is limited in number only.

Who is TLS server does not follow from who dialled: a terminal is TLS client and a gateway TLS
server on every connection (WAP-235 7.2.2), unless they were set up otherwise.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from omapush.bearers.driving import Clock, OnTrace, no_trace
from omapush.bearers.failures import said
from omapush.bearers.keep_alive import keep_alive, keep_alive_on
from omapush.bearers.tcp_link import TURN, TcpLink
from omapush.bearers.tcp_listener import (
    NOT_ADMITTED,
    AcceptedConnection,
    EndFor,
    Entrance,
    Gate,
    ListenLimits,
    TcpListener,
)
from omapush.bearers.tls_dialling import OnCertificate, TlsDialling
from omapush.bearers.tls_engine import TlsEngine
from omapush.bearers.tls_sessions import OnSession, Server, TlsSessions
from omapush.core.peer_certificate import PeerCertificate
from omapush.ota.interface import BearerUnavailable, ConnectionLink, SecurityFailure, StreamSession

__all__ = ["MAX_ADDRESSES", "NOT_ADMITTED", "ListenLimits", "TcpBearer", "TcpListener"]

RequestT = TypeVar("RequestT")
IndicationT = TypeVar("IndicationT")

MAX_ADDRESSES = 8
"""Addresses of one name that are dialled: each may take its whole time to fail."""
BACKLOG = 4_096
"""Connections that wait to be accepted, if the system allows as many: when a gateway comes back,
its terminals do so at once. Whom the system drops may think that it is connected, and waits in
silence, as terminals have to."""


class TcpBearer:
    """Dials and listens, in one event loop. Implements ``ota.interface.StreamBearer``.

    :param on_trace: is told when connections open, close and are turned away; never content.
    :param tls_sessions: where sessions of TLS are kept that this side may resume.
    :param turn: octets that are read at a time, see ``tcp_link.TURN``; more for few connections
        with long messages.
    """

    def __init__(
        self,
        clock: Clock,
        on_trace: OnTrace | None = None,
        tls_sessions: TlsSessions | None = None,
        turn: int = TURN,
    ) -> None:
        self._clock = clock
        self._on_trace = on_trace or no_trace
        self._tls_sessions = TlsSessions() if tls_sessions is None else tls_sessions
        # One for all connections: with ten thousand of them, most of the memory would be buffers.
        self._incoming = bytearray(turn)

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
        tls_server: bool = False,
        server_name: str | None = None,
        local_address: str | None = None,
        on_certificate: OnCertificate | None = None,
        keep_alive_seconds: int = 0,
    ) -> ConnectionLink[RequestT]:
        """Dial ``host`` and start ``session`` on the connection.

        :param tls: connect by TLS, with the certificate verified as the context says.
        :param tls_server: be TLS server on the connection, though it was dialled here.
        :param server_name: of whom the server's certificate has to be, where ``host`` does not say
            it: the provisioned PROXY-PROVIDER-ID (WAP-183 5.6.1), or the name that was resolved.
        :param local_address: where to dial from; default: as the system chooses.
        :param keep_alive_seconds: see ``bearers.keep_alive``; 0: TCP does not ask.
        :raises BearerUnavailable: refused, unreachable, not resolvable, too slow, or the local
            address is not there. :raises SecurityFailure: TLS failed, or took too long.
        """
        if not 0 < port < 65_536:  # uvloop would dial what is left after division
            raise BearerUnavailable(f"not a port: {port}")
        link = TcpLink(
            session, on_indication, on_closed, self._clock, self._on_trace, self._incoming
        )
        dialling: TlsDialling | None = None
        if tls is not None:
            server = Server(tls, server_name or host, host, port)
            dialling = TlsDialling(
                link,
                lambda: self._tls_end(server, tls_server=tls_server),
                self._incoming,
                timeout_ms / 1000,
                on_certificate,
            )
        protocol = link if dialling is None else dialling.stream
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                transport, _ = await asyncio.get_running_loop().create_connection(
                    lambda: protocol,
                    host,
                    port,
                    local_addr=None if local_address is None else (local_address, 0),
                )
                keep_alive(transport, keep_alive_seconds)
                if dialling is not None:
                    await dialling.secured()
        except TimeoutError as error:
            if dialling is not None and dialling.has_begun:
                raise SecurityFailure(f"TLS: no handshake within {timeout_ms} ms") from error
            raise BearerUnavailable(f"no connection within {timeout_ms} ms") from error
        except OSError as error:
            raise BearerUnavailable(said(error)) from error
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
        *,
        tls_server: bool = False,
        server_name: str | None = None,
        on_certificate: OnCertificate | None = None,
        keep_alive_seconds: int = 0,
    ) -> ConnectionLink[RequestT]:
        """Dial the addresses of ``host`` one after the other, until one answers.

        :param open_session: gives a session for a connection to this address.
        :param timeout_ms: for finding the addresses, and again for each of them.
        :param server_name: as for :meth:`connect`; default: ``host``.
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
                    tls_server=tls_server,
                    server_name=server_name or host,
                    local_address=local_address,
                    on_certificate=on_certificate,
                    keep_alive_seconds=keep_alive_seconds,
                )
            except BearerUnavailable as error:
                failure = error
        raise failure

    async def listen(
        self,
        host: str,
        port: int,
        open_session: Callable[[str], StreamSession[RequestT, IndicationT]],
        on_indication: Callable[[ConnectionLink[RequestT], IndicationT], None],
        limits: ListenLimits | None = None,
        on_closed: Callable[[ConnectionLink[RequestT], str], None] | None = None,
        tls: ssl.SSLContext | None = None,
        *,
        tls_server: bool = True,
        server_name: str | None = None,
        admits: Callable[[str], bool] | None = None,
        knows: Callable[[str], bool] | None = None,
    ) -> TcpListener:
        """Accept connections until the listener is closed; by TLS if ``tls`` says how.

        :param open_session: gives a session for a connection from this peer address.
        :param on_indication: is told what the session of a link indicates; must not block.
        :param on_closed: is told once for each link, after its last indication, why it ended.
        :param tls_server: ``False`` to be TLS client on connections that were accepted here.
        :param server_name: of whom the certificate has to be then; default: the peer's address.
        :param admits: is asked whether somebody from this address may connect at all.
        :param knows: is asked whether who is at this address is never anonymous.
        :raises BearerUnavailable: the address cannot be listened on.
        """

        def opened(
            address: str, _certificate: PeerCertificate | None
        ) -> StreamSession[RequestT, IndicationT]:
            return open_session(address)

        return await self._listen(
            host,
            port,
            opened,
            on_indication,
            limits,
            on_closed,
            None if tls is None else self._ends(tls, server_name, tls_server=tls_server),
            admits,
            knows,
        )

    async def listen_secure(
        self,
        host: str,
        port: int,
        open_session: Callable[[str, PeerCertificate | None], StreamSession[RequestT, IndicationT]],
        on_indication: Callable[[ConnectionLink[RequestT], IndicationT], None],
        tls: ssl.SSLContext,
        limits: ListenLimits | None = None,
        on_closed: Callable[[ConnectionLink[RequestT], str], None] | None = None,
        *,
        tls_server: bool = True,
        server_name: str | None = None,
        admits: Callable[[str], bool] | None = None,
    ) -> TcpListener:
        """Accept connections by TLS, as :meth:`listen`, where sessions depend on certificates.

        :param open_session: gives a session for a connection from this peer address whose verified
            certificate says this. It may raise :class:`SecurityFailure` to turn the peer away: so
            can a TLS client that knows several servers check their names, with a context that
            does not.
        :raises BearerUnavailable: the address cannot be listened on.
        """
        return await self._listen(
            host,
            port,
            open_session,
            on_indication,
            limits,
            on_closed,
            self._ends(tls, server_name, tls_server=tls_server),
            admits,
        )

    async def _listen(
        self,
        host: str,
        port: int,
        open_session: Callable[[str, PeerCertificate | None], StreamSession[RequestT, IndicationT]],
        on_indication: Callable[[ConnectionLink[RequestT], IndicationT], None],
        limits: ListenLimits | None,
        on_closed: Callable[[ConnectionLink[RequestT], str], None] | None,
        tls_end: EndFor | None,
        admits: Callable[[str], bool] | None,
        knows: Callable[[str], bool] | None = None,
    ) -> TcpListener:
        limits = limits or ListenLimits()
        gate = Gate(limits, admits, knows)
        entrance = Entrance(
            gate,
            limits,
            open_session,
            on_indication,
            on_closed,
            tls_end,
            self._incoming,
            self._clock,
            self._on_trace,
        )
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                lambda: AcceptedConnection(entrance), host, port, backlog=BACKLOG
            )
        except (OSError, ValueError, OverflowError) as error:
            why = said(error) if isinstance(error, OSError) else "not an address"
            raise BearerUnavailable(f"cannot listen on {host[:80]}:{port}: {why}") from error
        for listening in server.sockets:
            keep_alive_on(listening, limits.keep_alive_seconds)
        return TcpListener(server, gate)

    def _ends(self, tls: ssl.SSLContext, name: str | None, *, tls_server: bool) -> EndFor:
        """Return what gives TLS to accepted connections."""
        return lambda address: self._tls_end(
            Server(tls, name or address, address), tls_server=tls_server
        )

    def _tls_end(self, peer: Server, *, tls_server: bool) -> tuple[TlsEngine, OnSession | None]:
        """Return our end of TLS: the peer's server itself, or else its client."""
        if tls_server:
            return TlsEngine(peer.context, server_side=True), None
        return self._tls_sessions.engine(peer)


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
