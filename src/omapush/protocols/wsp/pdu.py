"""The PDUs of WSP, connection-mode and connectionless (WSP 8.2); ``pdu_codec`` has their octets.

Headers of a PDU are text: pairs of name and value, as HTTP would have them, with Content-Type first
where the PDU has one. What cannot be said in text stands in ``raw_headers``, when a decoder was
asked to be tolerant; otherwise it is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from omapush.protocols.wsp.address import Address
from omapush.protocols.wsp.capabilities import Capabilities
from omapush.protocols.wsp.headers import Header, RawHeader

VERSION_1_0 = 0x10
"""WSP's version: major in the high, minor in the low four bits."""

GET = 0x40
POST = 0x60

PERMANENT_REDIRECT = 0x80
REUSE_SECURITY_SESSION = 0x40


@dataclass(frozen=True, slots=True)
class Connect:
    """A client wants a session (WSP 8.2.2.1)."""

    capabilities: Capabilities = Capabilities()
    headers: tuple[Header, ...] = ()
    version: int = VERSION_1_0
    raw_headers: tuple[RawHeader, ...] = ()


@dataclass(frozen=True, slots=True)
class ConnectReply:
    """The server grants it (WSP 8.2.2.2)."""

    session_id: int
    capabilities: Capabilities = Capabilities()
    headers: tuple[Header, ...] = ()
    raw_headers: tuple[RawHeader, ...] = ()


@dataclass(frozen=True, slots=True)
class Redirect:
    """The server wants the session elsewhere (WSP 8.2.2.3)."""

    flags: int
    addresses: tuple[Address, ...]

    @property
    def permanent(self) -> bool:
        """Whether the client should use the new addresses from now on."""
        return bool(self.flags & PERMANENT_REDIRECT)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to a method, to Resume, or a refusal of Connect (WSP 8.2.3.3).

    ``status`` is HTTP's number, 200 and not 0x20.
    """

    status: int
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    raw_headers: tuple[RawHeader, ...] = ()


@dataclass(frozen=True, slots=True)
class Disconnect:
    """The session is over (WSP 8.2.2.4)."""

    session_id: int


@dataclass(frozen=True, slots=True)
class Push:
    """Unconfirmed content from the server (WSP 8.2.4.1)."""

    headers: tuple[Header, ...] = ()
    body: bytes = b""
    raw_headers: tuple[RawHeader, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfirmedPush:
    """Content from the server that the client answers for (WSP 8.2.4.1)."""

    headers: tuple[Header, ...] = ()
    body: bytes = b""
    raw_headers: tuple[RawHeader, ...] = ()


@dataclass(frozen=True, slots=True)
class Suspend:
    """The session rests (WSP 8.2.5.1)."""

    session_id: int


@dataclass(frozen=True, slots=True)
class Resume:
    """The session goes on, perhaps from another address (WSP 8.2.5.2)."""

    session_id: int
    headers: tuple[Header, ...] = ()
    capabilities: Capabilities = Capabilities()
    raw_headers: tuple[RawHeader, ...] = ()


@dataclass(frozen=True, slots=True)
class Get:
    """A method without body; ``method`` is its PDU type, 0x40 to 0x5F (WSP 8.2.3.1)."""

    uri: str
    headers: tuple[Header, ...] = ()
    method: int = GET
    raw_headers: tuple[RawHeader, ...] = ()


@dataclass(frozen=True, slots=True)
class Post:
    """A method with body; ``method`` is its PDU type, 0x60 to 0x7F (WSP 8.2.3.2)."""

    uri: str
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    method: int = POST
    raw_headers: tuple[RawHeader, ...] = ()


@dataclass(frozen=True, slots=True)
class DataFragment:
    """The last part of a large message, with the headers known only then (WSP 8.2.6)."""

    headers: tuple[Header, ...] = ()
    body: bytes = b""
    raw_headers: tuple[RawHeader, ...] = ()


Pdu = (
    Connect
    | ConnectReply
    | Redirect
    | Reply
    | Disconnect
    | Push
    | ConfirmedPush
    | Suspend
    | Resume
    | Get
    | Post
    | DataFragment
)

UNIT_PDUS = (Push, Reply, Get, Post)
"""PDUs that exist without a session (WSP 8.2.1)."""
