"""The connections of a SIP user agent: those that came, and those that are dialled when they are
needed (RFC 3261 18).

A dialled connection is used for whatever goes to the same transport, host and port, until it ends
or nothing goes over it. Each has a number, by which a response finds the connection of its request.

On failure: what cannot be sent is told to ``on_unreachable``, and so is a connection that ends, for
each hop that it was used for. A stream that is no SIP is refused and closed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Protocol

from omapush.bearers.driving import Clock, OnTrace
from omapush.bearers.sip_connection import (
    ConnectionIndication,
    ConnectionRequest,
    KeepAlive,
    LastMessage,
    SipConnection,
)
from omapush.bearers.sip_local import plain_host
from omapush.bearers.sip_settings import Listen, TransportSettings
from omapush.bearers.tcp import TcpBearer, TcpListener
from omapush.bearers.tcp_link import TcpLink
from omapush.core.networks import host_of
from omapush.core.peer_certificate import PeerCertificate
from omapush.ota.interface import BearerUnavailable, ConnectionLink
from omapush.ota.sip.core import FlowListener
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.responses import completed_response, plain_response
from omapush.protocols.sip.stream import SipStreamLost
from omapush.protocols.sip.writing import encode_message

MAX_UNWRITTEN = 4 * 1_048_576
"""Octets that may wait for a peer that does not read, or that is being dialled."""
UNREAD = "the peer does not read"
CROWDED = "too much waits for the connection"
ENDED = "the connection has ended"
FULL = "too many connections are open"

Link = ConnectionLink[ConnectionRequest]
OnMessage = Callable[[bytes, Hop], None]
"""Is given a whole message, and where it came from."""


class OnUnreachable(Protocol):
    """Is told that nothing can be sent to a hop."""

    def __call__(self, hop: Hop, reason: str, *, after_sending: bool) -> None:
        """Take note.

        :param after_sending: messages had been sent there before; they may have arrived.
        """


class Connection:
    """One connection, while it is being dialled or is open.

    :ivar hop: the other end, with the number of the connection.
    :ivar is_core: it was dialled to the core itself.
    :ivar certificate: what the other end's verified certificate says.
    :ivar used: hops that something was sent to by it.
    :ivar listener: hears when it ends, if it is kept alive.
    :ivar failure: why it could not be opened.
    """

    def __init__(self, hop: Hop, *, is_core: bool = False) -> None:
        self.hop = hop
        self.is_core = is_core
        self.link: Link | None = None
        self.certificate: PeerCertificate | None = None
        self.used: set[Hop] = set()
        self.listener: FlowListener | None = None
        self.failure: BearerUnavailable | None = None
        self._waiting: list[bytes] = []
        self._waiting_octets = 0

    @property
    def local(self) -> tuple[str, int] | None:
        """Address and port of our own end, while it is open."""
        return self.link.local if isinstance(self.link, TcpLink) else None

    def send(self, octets: bytes) -> bool:
        """Send, now or when it is open; return whether there was room."""
        if self.link is None:
            self._waiting_octets += len(octets)
            if self._waiting_octets <= MAX_UNWRITTEN:
                self._waiting.append(octets)
            return self._waiting_octets <= MAX_UNWRITTEN
        if isinstance(self.link, TcpLink) and self.link.unwritten > MAX_UNWRITTEN:
            return False
        self.link.request(octets)
        return True

    def opened(self, link: Link) -> None:
        """Send what waited."""
        self.link = link
        self.certificate = link.peer_certificate
        waiting, self._waiting = self._waiting, []
        for octets in waiting:
            link.request(octets)

    def keep(self, listener: FlowListener, keep_alive: KeepAlive) -> None:
        """Have it kept alive from now on."""
        self.listener = listener
        if self.link is not None:
            self.link.request(keep_alive)

    def close(self, reason: str) -> None:
        """Close it, if it is open."""
        if self.link is not None:
            self.link.close(reason)


class SipConnections:
    """All connections of one end, accepted and dialled.

    :param is_trusted: says whether a hop is an element of the core.
    """

    def __init__(
        self,
        settings: TransportSettings,
        on_message: OnMessage,
        on_unreachable: OnUnreachable,
        is_trusted: Callable[[Hop], bool],
        clock: Clock,
        on_trace: OnTrace,
    ) -> None:
        self._settings = settings
        self._on_message = on_message
        self._on_unreachable = on_unreachable
        self._is_trusted = is_trusted
        self._tcp = TcpBearer(clock, on_trace)
        self._numbers = count(1)
        self._open: dict[int, Connection] = {}
        self._accepted: dict[Link, Connection] = {}
        self._dialled: dict[Hop, Connection] = {}
        self._dialling: dict[Hop, asyncio.Task[None]] = {}
        self._is_closed = False

    def __len__(self) -> int:
        """Return how many connections are open or being dialled."""
        return len(self._open)

    def of(self, hop: Hop) -> Connection | None:
        """Return the connection that a hop names by its number."""
        return None if hop.connection is None else self._open.get(hop.connection)

    def dialled(self, hop: Hop) -> Connection | None:
        """Return the connection that was dialled there."""
        return self._dialled.get(hop)

    async def close(self, reason: str) -> None:
        """Close those that were dialled; dial no more."""
        self._is_closed = True
        dialling = list(self._dialling.values())
        for task in dialling:
            task.cancel()
        await asyncio.gather(*dialling, return_exceptions=True)
        for connection in list(self._open.values()):
            if connection.link is None:
                self._lose(connection, reason, after_sending=False)
            connection.close(reason)

    # -- opening --

    async def listen(self, listen: Listen) -> TcpListener:
        """Accept connections.

        :raises BearerUnavailable: the address cannot be listened on.
        """
        tls = self._settings.listening_tls if listen.transport is Transport.TLS else None
        if listen.transport is Transport.TLS and tls is None:
            raise BearerUnavailable("no certificate to listen with")

        def came(link: Link, indication: ConnectionIndication) -> None:
            self._came(self._accepted.get(link) or self._accept(link, listen), indication)

        return await self._tcp.listen(
            listen.host,
            listen.port,
            lambda _: self._session(dialled=False),
            came,
            self._settings.listen_limits,
            self._closed,
            tls,
            knows=lambda address: self._is_trusted(Hop(listen.transport, plain_host(address), 0)),
        )

    async def connected(self, hop: Hop) -> Connection:
        """Return an open connection to ``hop``; it is dialled if there is none.

        :raises BearerUnavailable: it cannot be reached, or not safely.
        """
        connection = self._dialled.get(hop)
        if connection is None:
            if not self._may_dial():
                raise BearerUnavailable(FULL)
            connection = self._dial(hop)
        task = self._dialling.get(hop)
        if task is not None:
            await asyncio.wait([task])
        if connection.failure is not None:
            raise type(connection.failure)(connection.failure.reason)
        if connection.link is None:
            raise BearerUnavailable(ENDED)
        return connection

    async def flow(self, listener: FlowListener) -> None:
        """Open the connection to the core, or take the one that is open, and keep it alive.

        :raises BearerUnavailable: it cannot be reached.
        """
        connection = await self.connected(self._settings.core)
        connection.keep(listener, self._keep_alive(self._settings.flow_seconds))

    def flow_timer(self, seconds: int) -> None:
        """Ask as often on the connection to the core as the core wants (RFC 5626 5.4)."""
        connection = self._dialled.get(self._settings.core)
        if connection is not None and connection.listener is not None and seconds > 0:
            connection.keep(connection.listener, self._keep_alive(seconds))

    # -- sending --

    def send(self, octets: bytes, hop: Hop) -> None:
        """Send by the connection to ``hop``; it is dialled if there is none."""
        connection = self._dialled.get(hop)
        if connection is None and self._may_dial():
            connection = self._dial(hop)
        if connection is None:
            self._on_unreachable(hop, FULL, after_sending=False)
        else:
            self.send_by(connection, octets, hop)

    def send_by(self, connection: Connection, octets: bytes, hop: Hop) -> None:
        """Send by a connection; one whose peer does not read is closed, for it is of no use."""
        connection.used.add(hop)
        if connection.send(octets):
            return
        if connection.link is None:
            self._leave_off(connection)
        else:
            connection.close(UNREAD)

    # -- within --

    def _may_dial(self) -> bool:
        return not self._is_closed and len(self._dialled) < self._settings.max_dialled

    def _session(self, *, dialled: bool) -> SipConnection:
        return SipConnection(self._settings.stream_limits, self._settings.idle_ms, dialled=dialled)

    def _accept(self, link: Link, listen: Listen) -> Connection:
        """Number an accepted connection, when its first message has come."""
        host, port = plain_host(host_of(link.peer)), int(link.peer.rpartition(":")[2])
        connection = Connection(Hop(listen.transport, host, port, next(self._numbers)))
        connection.opened(link)
        self._accepted[link] = connection
        self._add(connection)
        if self._is_trusted(connection.hop):
            link.identified()
        return connection

    def _dial(self, hop: Hop) -> Connection:
        core = self._settings.core
        is_core = (hop.transport, hop.host, hop.port) == (core.transport, core.host, core.port)
        connection = Connection(replace(hop, connection=next(self._numbers)), is_core=is_core)
        self._dialled[hop] = connection
        self._add(connection)
        loop = asyncio.get_running_loop()
        self._dialling[hop] = loop.create_task(self._connect(connection, hop))
        return connection

    def _leave_off(self, connection: Connection) -> None:
        """Dial no longer: all that waits for it fails at once, and nothing of it has been sent."""
        for hop, one in self._dialled.items():
            if one is connection and hop in self._dialling:
                self._dialling[hop].cancel()
        connection.failure = BearerUnavailable(CROWDED)
        self._lose(connection, CROWDED, after_sending=False)

    async def _connect(self, connection: Connection, hop: Hop) -> None:
        """Have a connection opened; what waits for it is sent, or fails."""
        try:
            link = await self._link(connection, hop)
        except BearerUnavailable as error:
            connection.failure = error
            self._lose(connection, error.reason, after_sending=False)
        else:
            connection.opened(link)
        finally:
            if self._dialling.get(hop) is asyncio.current_task():
                del self._dialling[hop]  # else it is dialled anew already

    async def _link(self, connection: Connection, hop: Hop) -> Link:
        """Return the open connection. :raises BearerUnavailable: there is none."""
        tls = self._settings.dialling_tls if hop.transport is Transport.TLS else None
        if hop.transport is Transport.TLS and tls is None:
            raise BearerUnavailable("nothing is set to verify a certificate with")

        def opened(address: str) -> SipConnection:
            connection.hop = replace(connection.hop, host=plain_host(address))
            return self._session(dialled=True)

        return await self._tcp.dial(
            hop.host,
            hop.port,
            opened,
            lambda indication: self._came(connection, indication),
            lambda reason: self._lose(connection, reason, after_sending=True),
            self._settings.connect_ms,
            tls,
            server_name=self._settings.core_name if connection.is_core else None,
        )

    def _add(self, connection: Connection) -> None:
        if connection.hop.connection is not None:
            self._open[connection.hop.connection] = connection

    def _came(self, connection: Connection, indication: ConnectionIndication) -> None:
        if isinstance(indication, bytes):
            self._on_message(indication, connection.hop)
        elif connection.link is not None:
            self._refuse(connection.link, indication)

    def _refuse(self, link: Link, lost: SipStreamLost) -> None:
        """Answer what can be answered, then close: nobody knows where the next message begins."""
        octets = b""
        if lost.readable is not None and lost.readable.method != "ACK":
            refusal = plain_response(lost.status, reason=lost.reason)
            answer = completed_response(refusal, lost.readable, f"{random.getrandbits(64):x}")
            octets = encode_message(answer)
        link.request(LastMessage(octets, lost.reason))

    def _closed(self, link: Link, reason: str) -> None:
        connection = self._accepted.pop(link, None)
        if connection is not None:
            self._lose(connection, reason, after_sending=True)

    def _lose(self, connection: Connection, reason: str, *, after_sending: bool) -> None:
        if connection.hop.connection is not None:
            self._open.pop(connection.hop.connection, None)
        self._dialled = {hop: one for hop, one in self._dialled.items() if one is not connection}
        connection.link = None
        listener, connection.listener = connection.listener, None
        for hop in connection.used:
            self._on_unreachable(hop, reason, after_sending=after_sending)
        if listener is not None and not self._is_closed:
            listener.lost(reason)

    def _keep_alive(self, seconds: float) -> KeepAlive:
        """Return the questions for one who waits so long: up to a fifth sooner (RFC 5626 4.4.1)."""
        early = random.uniform(0.8, 1.0)  # noqa: S311 - spreads load, guards nothing
        return KeepAlive(round(seconds * 1000 * early), self._settings.pong_ms)
