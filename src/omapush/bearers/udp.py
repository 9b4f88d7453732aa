"""UDP: open ports that datagrams go from and come to. Implements ``ota.datagrams``.

Whom to send to, and whose datagrams to heed, is the business of those above. A datagram that the
system reports undeliverable later (port unreachable) is traced and otherwise forgotten: UDP
promises nothing, and who sent the report is not known for sure.

A port at ``::`` serves both versions of IP. Inside it an IPv4 address has a form of IPv6 (RFC 4291,
2.5.5.2), outside everybody sees the address that settings and people use.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
from typing import cast

from omapush.bearers.driving import Clock, OnTrace, no_trace
from omapush.core.trace import TraceRecord
from omapush.ota.datagrams import OnDatagram, Peer
from omapush.ota.interface import AddressInUse, BearerUnavailable

MAX_DATAGRAM = 65_507
"""Octets that one UDP datagram over IPv4 can hold."""

_MAPPED = "::ffff:"


class UdpBearer:
    """Opens ports."""

    def __init__(self, clock: Clock, on_trace: OnTrace | None = None) -> None:
        self._clock = clock
        self._on_trace = on_trace or no_trace

    async def open(self, host: str, port: int, on_datagram: OnDatagram) -> UdpEndpoint:
        """Open ``port`` at the local address ``host``; 0: a free one.

        :raises BearerUnavailable: the port cannot be had.
        :raises AddressInUse: because it is taken.
        """
        endpoint = UdpEndpoint(on_datagram, self._clock, self._on_trace)
        loop = asyncio.get_running_loop()
        try:
            own = await _bound(host, port)
            await loop.create_datagram_endpoint(lambda: endpoint, sock=own)
        except (OSError, ValueError, OverflowError) as error:
            why = _reason(error) if isinstance(error, OSError) else "not an address"
            reason = f"cannot open UDP port {host[:80]}:{port}: {why}"
            taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            raise (AddressInUse if taken else BearerUnavailable)(reason) from error
        return endpoint

    async def resolve(self, host: str, port: int, timeout_ms: int) -> Peer:
        """Return the first IP address of ``host``.

        :raises BearerUnavailable: not resolvable, or not within ``timeout_ms``.
        """
        try:
            return Peer(str(ipaddress.ip_address(host)), port)
        except ValueError:
            pass
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        except TimeoutError as error:
            reason = f"{host[:80]} is not resolved within {timeout_ms} ms"
            raise BearerUnavailable(reason) from error
        except (OSError, ValueError) as error:
            raise BearerUnavailable(f"{host[:80]} cannot be resolved") from error
        if not found:
            raise BearerUnavailable(f"{host[:80]} has no address")
        return Peer(str(found[0][4][0]), port)


class UdpEndpoint(asyncio.DatagramProtocol):
    """One open port."""

    def __init__(self, on_datagram: OnDatagram, clock: Clock, on_trace: OnTrace) -> None:
        self._on_datagram = on_datagram
        self._clock = clock
        self._on_trace = on_trace
        self._transport: asyncio.DatagramTransport | None = None
        self._full = False
        self._is_ipv6 = False
        self._sending = False
        self._refused: Exception | None = None

    @property
    def port(self) -> int:
        """The local port. :raises BearerUnavailable: it is closed."""
        return int(self._open().get_extra_info("sockname")[1])

    def send(self, octets: bytes, peer: Peer) -> None:
        """Hand a datagram to the system.

        :raises BearerUnavailable: closed, too long, no route, or the system takes no more now.
        """
        transport = self._open()
        if len(octets) > MAX_DATAGRAM:
            reason = f"{len(octets)} octets do not fit a datagram of at most {MAX_DATAGRAM}"
            raise BearerUnavailable(reason)
        if self._full:
            raise BearerUnavailable("the network takes no more datagrams now")
        try:
            self._hand_over(transport, octets, peer)
        except (OSError, ValueError, OverflowError) as error:
            why = _reason(error) if isinstance(error, OSError) else "not an address"
            raise BearerUnavailable(f"cannot send to {peer}: {why}") from error

    def _hand_over(self, transport: asyncio.DatagramTransport, octets: bytes, peer: Peer) -> None:
        """:raises OSError: the system refuses it."""
        mapped = self._is_ipv6 and ":" not in peer.host
        self._sending, self._refused = True, None
        try:
            transport.sendto(octets, (f"{_MAPPED}{peer.host}" if mapped else peer.host, peer.port))
        finally:
            self._sending = False
        if self._refused is not None:
            raise self._refused

    def close(self) -> None:
        """Close the port; what is sent later is refused."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The port is open."""
        self._transport = cast("asyncio.DatagramTransport", transport)
        own = transport.get_extra_info("socket")
        self._is_ipv6 = own is not None and own.family == socket.AF_INET6

    def pause_writing(self) -> None:
        """What the system does not take at once waits, and that is enough now."""
        self._full = True

    def resume_writing(self) -> None:
        """What waited has gone."""
        self._full = False

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A datagram came."""
        # A link-local IPv6 address comes with its zone, which says nothing of who sent it.
        host = str(addr[0]).partition("%")[0]
        if host.startswith(_MAPPED) and "." in host:
            host = host.removeprefix(_MAPPED)
        self._on_datagram(data, Peer(host, int(addr[1])))

    def error_received(self, exc: Exception) -> None:
        """The system could not send, or was told that an earlier datagram did not arrive."""
        if self._sending:
            self._refused = exc  # of this very datagram: no route, or of the other IP version
            return
        reason = _reason(exc) if isinstance(exc, OSError) else type(exc).__name__
        self._on_trace(TraceRecord(self._clock(), "udp", "not_sent", {"reason": reason}))

    def connection_lost(self, exc: Exception | None) -> None:
        """The port is closed."""
        self._transport = None

    def _open(self) -> asyncio.DatagramTransport:
        if self._transport is None:
            raise BearerUnavailable("the port is closed")
        return self._transport


async def _bound(host: str, port: int) -> socket.socket:
    """Return a socket on a local port. Event loops that bind do not all say why they could not.

    :raises OSError: the port cannot be had. :raises ValueError: ``host`` is no host.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    family, kind, protocol, _, address = found[0]
    own = socket.socket(family, kind, protocol)
    try:
        own.settimeout(0)
        own.bind(address)
    except BaseException:
        own.close()
        raise
    return own


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
