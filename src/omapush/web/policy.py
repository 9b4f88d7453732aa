"""Where we ourselves may connect to over HTTP. Pure decisions.

An initiator names the URL of its result notifications, a terminal that of its profile, and an
application that where it wants to be registered. Without these rules each could make us call
anything in the operator's network.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from omapush.core.errors import OmapushError
from omapush.core.networks import IpAddress, Network, inner_address, ip_address

DEFAULT_FORBIDDEN_TARGETS: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",  # this host, by another name
        "169.254.0.0/16",  # link-local, and the metadata service of most clouds
        "100.100.100.200/32",  # metadata service
        "192.0.0.192/32",  # metadata service
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "::/128",
        "fe80::/10",  # link-local
        "fd00:ec2::254/128",  # metadata service
        "ff00::/8",  # multicast
    )
)
"""Where we never connect to unless the settings say otherwise."""


class TargetForbiddenError(OmapushError):
    """Policy does not let us connect to there."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL to call, taken apart."""

    scheme: str
    host: str
    port: int
    url: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port (RFC 6454, 4)."""
        return self.scheme, self.host, self.port


@dataclass(frozen=True, slots=True)
class OutboundPolicy:
    """Which targets may be called; ``allowed`` are exceptions from ``forbidden``.

    :ivar hosts: names that may be called, in lower case; ``.example.net`` stands for every name
        below it. Empty: any name. The addresses of each are judged all the same.
    :ivar tls_only: whether only https may be called.
    """

    forbidden: tuple[Network, ...] = DEFAULT_FORBIDDEN_TARGETS
    allowed: tuple[Network, ...] = ()
    hosts: tuple[str, ...] = ()
    tls_only: bool = False

    def parse(self, url: str) -> Target:
        """Take ``url`` apart.

        :raises TargetForbiddenError: not an absolute http(s) URL with a host, or a forbidden one.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise TargetForbiddenError(f"not a URL: {url[:80]!r}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise TargetForbiddenError(f"not an absolute http or https URL: {url[:80]!r}")
        if parts.username or parts.password:
            raise TargetForbiddenError("a URL to be called may not hold credentials")
        default = 443 if parts.scheme == "https" else 80
        target = Target(parts.scheme, parts.hostname, port or default, url)
        literal = ip_address(target.host)
        if literal is not None:
            self.check(literal)
        if self.tls_only and target.scheme != "https":
            raise TargetForbiddenError("policy allows calls by https only")
        if self.hosts and not any(_is_below(target.host, name) for name in self.hosts):
            raise TargetForbiddenError(f"policy forbids calling {target.host[:80]}")
        return target

    def check(self, address: IpAddress) -> None:
        """Judge an address that the target resolved to. :raises TargetForbiddenError: forbidden."""
        address = inner_address(address)
        if any(address in network for network in self.allowed):
            return
        for network in self.forbidden:
            if address in network:
                raise TargetForbiddenError(f"policy forbids calling {address} ({network})")


def _is_below(host: str, name: str) -> bool:
    return host.endswith(name) if name.startswith(".") else host == name
