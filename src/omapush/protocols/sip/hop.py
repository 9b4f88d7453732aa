"""Where SIP messages come from and go to (RFC 3261 18)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from omapush.core.networks import host_and_port


class Transport(enum.Enum):
    """What carries messages; the value is the token of the Via header."""

    UDP = "UDP"
    TCP = "TCP"
    TLS = "TLS"

    @property
    def is_reliable(self) -> bool:
        """Whether it repeats what is lost, so that transactions need not."""
        return self is not Transport.UDP

    @property
    def default_port(self) -> int:
        """5060, or 5061 with TLS (RFC 3261 19.1.2)."""
        return 5061 if self is Transport.TLS else 5060


@dataclass(frozen=True, slots=True)
class Hop:
    """The next element on the way of a message, or the one that it came from.

    :ivar host: an IP address or a name.
    :ivar connection: the bearer's number of an open connection that is to be used, or that the
        message came by; ``None``: any to that address, or none with UDP.
    """

    transport: Transport
    host: str
    port: int
    connection: int | None = None

    def __str__(self) -> str:
        return f"{self.transport.value} {host_and_port(self.host, self.port)}"
