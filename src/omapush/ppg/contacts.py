"""Where a client can be reached, and over which network and bearer (WDP appendix C).

Each kind of contact says which Push-OTA variant it belongs to and whether a push over it can be
confirmed by the client; how it is used is the business of the ``reach`` of that kind.
"""

from __future__ import annotations

from dataclasses import dataclass

from omapush.core.networks import Network, host_and_port
from omapush.ota.http.ports import PUSH_PORT as HTTP_PUSH_PORT
from omapush.ota.wsp.unit_push import PUSH_PORT


@dataclass(frozen=True, slots=True)
class HttpContact:
    """How a terminal is reached by OTA-HTTP (WAP-235 7.2.4).

    :ivar host: where it listens for the gateway (PO-TCP); ``None``: nowhere.
    :ivar secure: TLS is spoken there.
    :ivar dials_in: it connects to the gateway (TO-TCP), by itself or when it is asked to.
    :ivar dials_in_from: the networks from which it does; none: it may be anywhere.
    """

    host: str | None = None
    port: int = HTTP_PUSH_PORT
    secure: bool = False
    dials_in: bool = False
    dials_in_from: tuple[Network, ...] = ()

    @property
    def way(self) -> str:
        """What the timeline says of it."""
        methods = ["TO-TCP"] if self.dials_in else []
        if self.host is not None:
            by_tls = " by TLS" if self.secure else ""
            methods.append(f"PO-TCP to {host_and_port(self.host, self.port)}{by_tls}")
        return f"OTA-HTTP, {' or '.join(methods)}"

    def __str__(self) -> str:
        return "" if self.host is None else host_and_port(self.host, self.port)


@dataclass(frozen=True, slots=True)
class UdpContact:
    """Where a client listens for connectionless pushes over UDP (WAP-235 6.3)."""

    host: str
    port: int = PUSH_PORT

    @property
    def way(self) -> str:
        """What the timeline says of it."""
        return f"OTA-WSP, connectionless by UDP to {self}"

    def __str__(self) -> str:
        return host_and_port(self.host, self.port)


@dataclass(frozen=True, slots=True)
class SmsContact:
    """The number to which connectionless pushes go as short messages (WAP-235 6.3).

    :ivar number: in international form with its ``+``, or a short code without.
    """

    number: str
    port: int = PUSH_PORT

    @property
    def way(self) -> str:
        """What the timeline says of it."""
        return f"OTA-WSP, connectionless by SMS to {self}"

    def __str__(self) -> str:
        return self.number


@dataclass(frozen=True, slots=True)
class SessionContact:
    """The client opens push sessions from this address (OTA-WSP, WAP-235 6.2).

    :ivar host: the IP address that sessions come from.
    """

    host: str

    @property
    def way(self) -> str:
        """What the timeline says of it."""
        return f"OTA-WSP, push session of {self.host}"

    def __str__(self) -> str:
        return self.host


@dataclass(frozen=True, slots=True)
class SipContact:
    """The user that a SIP/IP core leads to (OTA-SIP).

    :ivar address_of_record: ``sip:user@domain``, without parameters. Which of the user's devices a
        push is for says the initiator, by a GRUU (RFC 5627).
    """

    address_of_record: str

    @property
    def way(self) -> str:
        """What the timeline says of it."""
        return f"OTA-SIP, {self}"

    def __str__(self) -> str:
        return self.address_of_record


Where = HttpContact | UdpContact | SmsContact | SessionContact | SipContact
Connectionless = UdpContact | SmsContact


@dataclass(frozen=True, slots=True)
class Contact:
    """A way to reach a client: where, and over which network and bearer (WDP appendix C)."""

    where: Where
    network: str | None = None
    bearer: str | None = None

    @property
    def variant(self) -> str:
        """The Push-OTA variant, as the standard calls it."""
        match self.where:
            case HttpContact():
                return "OTA-HTTP"
            case SipContact():
                return "OTA-SIP"
            case _:
                return "OTA-WSP"

    @property
    def confirms(self) -> bool:
        """Whether the client's application can confirm what comes this way (PAP 8.2.2)."""
        return isinstance(self.where, HttpContact | SessionContact | SipContact)
