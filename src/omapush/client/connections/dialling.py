"""What is dialled, as whom, and what dialling needs from outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from omapush.client.binding.contact_point import ContactPoint
from omapush.client.binding.push_receiver import PushReceiver
from omapush.content.session_initiation import is_named
from omapush.core.instants import MINUTE_MS, SECOND_MS, Instant
from omapush.ota.http.client import HttpClientRequest, HttpTerminalSession, HttpTerminalSettings
from omapush.ota.interface import ClientIndication, StreamLink

TCP_IP = "TCP/IP"
"""The bearer of connections for which none was asked by name."""


@dataclass(frozen=True, slots=True)
class Destination:
    """What is dialled, and how.

    :ivar bearer: by name; ``local_address`` is the terminal's own on it, ``None``: any.
    :ivar scope: for ``PushSource.binding``; connections are not shared over scopes.
    :ivar gateway: the gateway of the settings by whose rules it is dialled; empty: none.
    :ivar server_name: of whom the certificate has to be, where the contact point does not say it.
    """

    contact: ContactPoint
    port: int
    bearer: str = TCP_IP
    local_address: str | None = None
    scope: str = ""
    gateway: str = ""
    server_name: str | None = None

    def __str__(self) -> str:
        return str(replace(self.contact, port=self.port))

    @property
    def identity(self) -> str | None:
        """Whom TLS proves to be there; ``None``: nobody proves anything."""
        return (self.server_name or self.contact.host) if self.contact.tls else None


Dial = Callable[
    [
        Destination,
        Callable[[str], HttpTerminalSession],
        Callable[[ClientIndication], None],
        Callable[[str], None],
    ],
    Awaitable[StreamLink[HttpClientRequest]],
]
"""Tries every address of the contact point; the session is asked for by the address that is tried.

Raises BearerUnavailable, or SecurityFailure where TLS fails.
"""

Wait = Callable[[int], Awaitable[None]]
"""Returns after so many milliseconds."""

Route = Callable[[str, str | None], str | None]
"""Returns from which address a peer would be dialled now; ``None``: it cannot be reached.

The second argument is the address that it has to be dialled from, ``None``: the system chooses.
"""


def no_route(_peer: str, _local: str | None) -> str | None:
    """Know nothing of routes."""
    return None


@dataclass(frozen=True, slots=True)
class DialLimits:
    """How connections are kept.

    :ivar first_wait_ms: after the first failure; it doubles up to ``longest_wait_ms``.
    :ivar steady_ms: a connection that lasted so long ends the row of failures; and it gives way to
        a new one when its gateway asks for one, while a younger one is what the gateway asked for.
    :ivar return_ms: after so long at another contact point the first one is tried again.
    :ivar rounds_on_request: how often all contact points are tried because of one request.
    """

    first_wait_ms: int = SECOND_MS
    longest_wait_ms: int = 5 * MINUTE_MS
    steady_ms: int = MINUTE_MS
    return_ms: int = 10 * MINUTE_MS
    rounds_on_request: int = 3


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that the terminal may dial.

    :ivar name: by which people know it, and by which dialling finds its certificates.
    :ivar destinations: its contact points, in the order in which they are tried.
    :ivar terminal: who the terminal is to it, and what it must show; ``terminal_by_tls``: the same
        where the connection is secure, if that makes a difference.
    :ivar always: whether a connection is kept all the time; else only when it asks for one.
    :ivar hides_applications: it is not told which applications there are.
    :ivar prov_url: PROVURL, by which a request may name it (WAP-235 8.4).
    """

    name: str
    destinations: tuple[Destination, ...]
    terminal: HttpTerminalSettings
    limits: DialLimits = field(default_factory=DialLimits)
    always: bool = True
    terminal_by_tls: HttpTerminalSettings | None = None
    hides_applications: bool = False
    prov_url: str = ""

    def terminal_over(self, to: Destination) -> HttpTerminalSettings:
        """Return who the terminal is on a connection to ``to``."""
        by_tls = self.terminal_by_tls if to.contact.tls else None
        return by_tls or self.terminal

    def is_named(self, provisioning_url: bytes) -> bool:
        """Whether a request names it by its PROVURL (WAP-235 8.4)."""
        return bool(self.prov_url) and is_named(self.prov_url, provisioning_url)


@dataclass(frozen=True, slots=True)
class DialPorts:
    """What dialling needs from outside.

    :ivar spread: gives a number from 0 to 1; a wait is cut by up to half of it.
    :ivar terminal_for: returns who the terminal is where no gateway of the settings is dialled.
    :ivar route: tells which way leads to a peer.
    """

    dial: Dial
    wait: Wait
    clock: Callable[[], Instant]
    spread: Callable[[], float]
    terminal_for: Callable[[Destination], HttpTerminalSettings]
    receiver: PushReceiver
    limits: DialLimits = field(default_factory=DialLimits)
    route: Route = no_route
