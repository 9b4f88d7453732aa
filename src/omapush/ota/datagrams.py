"""The port to bearers that carry datagrams as they are: WDP over UDP (WAP-259, 5.1).

In networks with IP, WDP is UDP without any header of its own; so a datagram is octets, and where it
comes from or goes to is an address and a port.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end: ``host`` is an IP address in text."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


OnDatagram = Callable[[bytes, Peer], None]
"""Takes a datagram that came; must not block and must not raise."""


class DatagramEndpoint(Protocol):
    """An open port, from which and to which datagrams go."""

    @property
    def port(self) -> int:
        """The local port, which the system chose if 0 was asked for."""

    def send(self, octets: bytes, peer: Peer) -> None:
        """Hand a datagram to the network, which may lose it.

        :raises BearerUnavailable: it cannot be sent: no route, or too long, or the network takes
            no more now.
        """

    def close(self) -> None:
        """Send and receive nothing more."""


class DatagramBearer(Protocol):
    """Opens ports: implemented by ``bearers.udp``."""

    async def open(self, host: str, port: int, on_datagram: OnDatagram) -> DatagramEndpoint:
        """Open ``port`` at the local address ``host``.

        :raises BearerUnavailable: the port cannot be had.
        """

    async def resolve(self, host: str, port: int, timeout_ms: int) -> Peer:
        """Return the IP address of ``host``, a name or an address.

        :raises BearerUnavailable: not resolvable, or not within ``timeout_ms``.
        """
