"""MSRP URIs (RFC 4975 6): where an end of a session, or a relay, is."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from omapush.core.networks import host_and_port
from omapush.protocols.msrp.bad_frame import BadFrame

DEFAULT_PORT = 2855
"""Where a URI without a port leads (RFC 4975 15.4)."""

_URI = re.compile(
    r"(msrps?)://(?:([^@/;\s]*+)@)?(\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9.-]++)(?::([0-9]{1,5}))?"
    r"(?:/([A-Za-z0-9._~+=/-]++))?;([A-Za-z0-9]++)((?:;[^\s;]++)*+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class MsrpUri:
    """One MSRP URI.

    :ivar host: a name or an IP address, that of IPv6 without brackets.
    :ivar session_id: names the session at its end; ``None``: the URI of a relay.
    :ivar more: further parameters as they are written, with their semicolons.
    """

    host: str
    port: int = DEFAULT_PORT
    session_id: str | None = None
    secure: bool = False
    userinfo: str | None = None
    transport: str = "tcp"
    more: str = ""

    @classmethod
    def parse(cls, text: str) -> MsrpUri:
        """Read a URI. :raises BadFrame: it is none."""
        match = _URI.fullmatch(text)
        if match is None:
            raise BadFrame(f"not an MSRP URI: {text[:80]!r}")
        scheme, userinfo, host, port, session_id, transport, more = match.groups()
        number = DEFAULT_PORT if port is None else int(port)
        if not 0 < number < 65_536:
            raise BadFrame(f"no port: {number}")
        return cls(
            host.strip("[]"),
            number,
            session_id,
            scheme.lower() == "msrps",
            userinfo,
            transport.lower(),
            more,
        )

    def __str__(self) -> str:
        scheme = "msrps" if self.secure else "msrp"
        user = "" if self.userinfo is None else f"{self.userinfo}@"
        session = "" if self.session_id is None else f"/{self.session_id}"
        where = host_and_port(self.host, self.port)
        return f"{scheme}://{user}{where}{session};{self.transport}{self.more}"

    def is_same(self, other: MsrpUri) -> bool:
        """Compare as RFC 4975 6.1 says: user information and further parameters do not count."""
        return (
            self.secure == other.secure
            and self.host.lower() == other.host.lower()
            and self.port == other.port
            and self.session_id == other.session_id
            and self.transport.lower() == other.transport.lower()
        )


Path = tuple[MsrpUri, ...]
"""URIs from the next hop to the far end."""


@functools.lru_cache(maxsize=64)  # every chunk of a message has the same two
def parse_path(text: str) -> Path:
    """Read URIs with spaces between them. :raises BadFrame: none, or one is no MSRP URI."""
    path = tuple(MsrpUri.parse(each) for each in text.split())
    if not path:
        raise BadFrame("an empty path")
    return path


@functools.lru_cache(maxsize=64)
def path_text(path: Path) -> str:
    """Return what stands in To-Path, From-Path, Use-Path and ``a=path``."""
    return " ".join(str(each) for each in path)
