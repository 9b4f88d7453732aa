"""The port to bearers that carry datagrams as they are: WDP over UDP (WAP-259, 5.1).

In networks with IP, WDP is UDP without any header of its own; so a datagram is octets, and where it
comes from or goes to is an address and a port.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from omapush.core.instants import Instant
from omapush.core.networks import host_and_port


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end: ``host`` is an IP address in text."""

    host: str
    port: int

    def __str__(self) -> str:
        return host_and_port(self.host, self.port)


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

        :raises BearerUnavailable: the port cannot be had. :raises AddressInUse: it is taken.
        """

    async def resolve(self, host: str, port: int, timeout_ms: int) -> Peer:
        """Return the IP address of ``host``, a name or an address.

        :raises BearerUnavailable: not resolvable, or not within ``timeout_ms``.
        """


@dataclass(frozen=True, slots=True)
class SendDatagram:
    """Effect: send these octets there."""

    peer: Peer
    octets: bytes


RequestT = TypeVar("RequestT", contravariant=True)
IndicationT = TypeVar("IndicationT")


class DatagramMachine(Protocol[RequestT, IndicationT]):
    """A sans-IO protocol over datagrams of one port, with one peer or many.

    A call never blocks and never raises for anything that a peer sent. After each call the driver
    drains :meth:`effects`, then :meth:`indications`, then re-arms :meth:`next_timer`.
    """

    def request(self, primitive: RequestT, now: Instant) -> None:
        """Take a primitive from above."""

    def receive(self, octets: bytes, peer: Peer, now: Instant) -> None:
        """Take a datagram from below."""

    def next_timer(self) -> Instant | None:
        """When :meth:`handle_timer` wants to be called, or ``None``."""

    def handle_timer(self, now: Instant) -> None:
        """The instant of :meth:`next_timer` has come."""

    def effects(self) -> list[SendDatagram]:
        """Hand out and forget what is to be sent."""

    def indications(self) -> list[IndicationT]:
        """Hand out and forget what is to be told above."""


class MachineHost(Protocol[RequestT]):
    """A machine on an open port, as seen from above."""

    @property
    def port(self) -> int:
        """The local port."""

    def request(self, primitive: RequestT) -> None:
        """Hand a primitive to the machine and carry out what follows from it."""

    def close(self) -> None:
        """Close the port; the machine hears nothing more."""
