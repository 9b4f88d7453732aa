"""The transport layer of a SIP user agent (RFC 3261 18): UDP ports, listeners and connections.

Octets go up as whole messages with the hop that they came from, and down to a hop. A response goes
back on the connection of its request; if that is gone, by a new one, but only to elements of the
core: nobody else makes this end dial.

On failure: what cannot be sent is told to ``on_unreachable``. Whoever is not trusted and sends more
than he may is not heard.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace

from omapush.bearers.driving import Clock, OnTrace, no_trace
from omapush.bearers.sip_connections import ENDED, OnMessage, OnUnreachable, SipConnections
from omapush.bearers.sip_local import is_address, written_local
from omapush.bearers.sip_settings import Listen, TransportSettings
from omapush.bearers.sip_trust import SourceRates
from omapush.bearers.tcp_listener import TcpListener
from omapush.bearers.udp import UdpBearer, UdpEndpoint
from omapush.core.peer_certificate import PeerCertificate
from omapush.core.trace import TraceRecord
from omapush.ota.datagrams import Peer
from omapush.ota.interface import BearerUnavailable
from omapush.ota.sip.core import FlowListener
from omapush.protocols.sip.hop import Hop, Transport

PORT_TRIES = 8
"""Ports of UDP that are tried until one is free for TCP as well."""
_KEEP_ALIVE = b"\r\n\0"


class SipTransports:
    """All sockets of one end.

    :param on_message: is given each whole message, and where it came from.
    """

    def __init__(
        self,
        settings: TransportSettings,
        on_message: OnMessage,
        on_unreachable: OnUnreachable,
        clock: Clock,
        on_trace: OnTrace | None = None,
    ) -> None:
        self._settings = settings
        self._on_message = on_message
        self._on_unreachable = on_unreachable
        self._clock = clock
        self._on_trace = on_trace or no_trace
        self._udp = UdpBearer(clock, on_trace)
        self._rates = SourceRates(settings.messages_per_second)
        self._ports: list[tuple[Listen, UdpEndpoint]] = []
        self._listeners: list[tuple[Listen, TcpListener]] = []
        self._core_address = settings.core.host
        self._connections = SipConnections(
            settings, self._heard, on_unreachable, self.is_trusted, clock, self._on_trace
        )

    async def open(self) -> None:
        """Open what is to be received at, and find the core's address, to know it by.

        It is no failure if the core cannot be found yet.

        :raises BearerUnavailable: one of them cannot be had; none is open then.
        """
        try:
            for listen in self._settings.listen:
                await self._listen(listen)
            if self._settings.core.transport is Transport.UDP and not self._ports:
                await self._listen_anywhere()
            with contextlib.suppress(BearerUnavailable):
                await self._find_core()
        except BearerUnavailable:
            await self.close("another address cannot be listened on")
            raise

    async def close(self, reason: str) -> None:
        """Close all sockets; returns when they are closed."""
        await self._connections.close(reason)
        for _, listener in self._listeners:
            await listener.close(reason)
        for _, port in self._ports:
            port.close()
        self._ports.clear()
        self._listeners.clear()

    # -- what is known of the ends --

    def contact(self, transport: Transport) -> str:
        """Return ``host:port`` where this end receives by ``transport``."""
        return self.local(replace(self._settings.core, transport=transport))

    def local(self, hop: Hop) -> str:
        """Return ``host:port`` of this end in a message to ``hop``."""
        connection = self._connections.of(hop) or self._connections.dialled(hop)
        transport = hop.transport
        # A user agent takes connections where it takes datagrams (RFC 3261 18.1.1).
        is_ipv6 = ":" in hop.host
        host, port = (
            self._own_port(transport, is_ipv6=is_ipv6)
            or (None if connection is None else connection.local)
            or self._own_port(Transport.UDP, is_ipv6=is_ipv6)
            or ("", transport.default_port)
        )
        return written_local(host, port, self._settings.advertised_host, self._core_address)

    def port(self, transport: Transport) -> int | None:
        """Return the port that is received at by ``transport``, if there is one."""
        own = self._own_port(transport)
        return None if own is None else own[1]

    def certificate(self, hop: Hop) -> PeerCertificate | None:
        """Return what the verified certificate at the other end of a connection says."""
        connection = self._connections.of(hop)
        return None if connection is None else connection.certificate

    def is_trusted(self, hop: Hop) -> bool:
        """Whether a message from there is one of an element of the core.

        That is who is at the core's address, or dialled there; with TLS only who has been verified.
        Beside that it is who the settings trust.
        """
        connection = self._connections.of(hop)
        if connection is not None and connection.is_core:
            return True
        core, certificate = self._settings.core, self.certificate(hop)
        if core.transport is not Transport.TLS and hop.host == self._core_address:
            return True
        name = self._settings.core_name or core.host
        if core.transport is Transport.TLS and certificate is not None and certificate.is_of(name):
            return True
        return self._settings.trust.includes(hop.host, certificate)

    # -- sending --

    async def locate(self, hop: Hop) -> Hop:
        """Return ``hop`` so that it can be sent to: with UDP an address instead of a name, else
        there is a connection.

        :raises BearerUnavailable: the name leads nowhere, or nobody answers there.
        """
        if hop.transport is not Transport.UDP:
            if hop.connection is None:
                await self._connections.connected(hop)
            return hop
        if is_address(hop.host):
            return hop
        if hop.host == self._settings.core.host:
            await self._find_core()
            return replace(hop, host=self._core_address)
        peer = await self._udp.resolve(hop.host, hop.port, self._settings.connect_ms)
        return replace(hop, host=peer.host)

    def located(self, hop: Hop) -> Hop:
        """Return the same without asking anybody: the core's address that was found last."""
        is_core_by_udp = hop == self._settings.core and hop.transport is Transport.UDP
        return replace(hop, host=self._core_address) if is_core_by_udp else hop

    def send(self, octets: bytes, hop: Hop, fallback: Hop | None = None) -> None:
        """Send one message; failure is told to ``on_unreachable``."""
        if hop.transport is Transport.UDP:
            self._send_datagram(octets, hop)
        elif hop.connection is not None:
            self._send_back(octets, hop, fallback)
        else:
            self._connections.send(octets, hop)

    async def flow(self, listener: FlowListener) -> None:
        """Open the connection to the core and keep it alive; with UDP there is none.

        :raises BearerUnavailable: it cannot be reached.
        """
        if self._settings.core.transport is not Transport.UDP:
            await self._connections.flow(listener)

    def flow_timer(self, seconds: int) -> None:
        """Ask as often on the connection to the core as the core wants (RFC 5626 5.4)."""
        self._connections.flow_timer(seconds)

    # -- within --

    async def _listen(self, listen: Listen) -> None:
        """:raises BearerUnavailable: the address cannot be had."""
        if listen.transport is Transport.UDP:
            port = await self._udp.open(listen.host, listen.port, self._datagram)
            self._ports.append((replace(listen, port=port.port), port))
        else:
            listener = await self._connections.listen(listen)
            self._listeners.append((replace(listen, port=listener.port), listener))

    async def _listen_anywhere(self) -> None:
        """Open some port, for datagrams and for requests that are too long for them: the core dials
        the same port for those (RFC 3261 18.1.1).
        """
        host = "::" if ":" in self._settings.core.host else "0.0.0.0"  # noqa: S104 - see is_trusted
        for tries_left in reversed(range(PORT_TRIES)):
            port = await self._udp.open(host, 0, self._datagram)
            both = Listen(Transport.TCP, host, port.port)
            try:
                self._listeners.append((both, await self._connections.listen(both)))
            except BearerUnavailable:
                port.close()  # TCP has given it to somebody else
                if not tries_left:
                    raise
            else:
                self._ports.append((replace(both, transport=Transport.UDP), port))
                return

    async def _find_core(self) -> None:
        """Ask for the core's address. :raises BearerUnavailable: its name leads nowhere."""
        core = self._settings.core
        found = await self._udp.resolve(core.host, core.port, self._settings.connect_ms)
        self._core_address = found.host

    def _datagram(self, octets: bytes, peer: Peer) -> None:
        if octets.strip(_KEEP_ALIVE):
            self._heard(octets, Hop(Transport.UDP, peer.host, peer.port))

    def _heard(self, octets: bytes, source: Hop) -> None:
        if not self.is_trusted(source) and not self._rates.takes(source.host, self._clock()):
            self._trace("too_fast", source)
            return
        self._on_message(octets, source)

    def _send_datagram(self, octets: bytes, hop: Hop) -> None:
        """Send from the port that is of the same version of IP, if there is one."""
        reason = "no UDP port is open"
        is_ipv6 = ":" in hop.host
        for _, port in sorted(self._ports, key=lambda one: (":" in one[0].host) != is_ipv6):
            try:
                port.send(octets, Peer(hop.host, hop.port))
            except BearerUnavailable as error:
                reason = error.reason
            else:
                return
        self._trace("not_sent", hop, reason=reason)
        self._on_unreachable(hop, reason, after_sending=False)

    def _send_back(self, octets: bytes, hop: Hop, fallback: Hop | None) -> None:
        """Send a response by the connection of its request (RFC 3261 18.2.2)."""
        connection = self._connections.of(hop)
        if connection is not None:
            self._connections.send_by(connection, octets, hop)
        elif fallback is not None and self.is_trusted(fallback):
            self._connections.send(octets, fallback)
        else:
            self._on_unreachable(hop, ENDED, after_sending=False)

    def _own_port(self, transport: Transport, *, is_ipv6: bool = False) -> tuple[str, int] | None:
        """Return where ``transport`` is received at, by this version of IP if there is a choice."""
        own = [one for one, _ in (*self._ports, *self._listeners) if one.transport is transport]
        fitting = next((one for one in own if (":" in one.host) is is_ipv6), None)
        found = fitting or next(iter(own), None)
        return None if found is None else (found.host, found.port)

    def _trace(self, event: str, hop: Hop, **more: str) -> None:
        self._on_trace(TraceRecord(self._clock(), "sip", event, {"peer": str(hop), **more}))
