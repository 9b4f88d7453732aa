"""Who may do what, and where the gateway itself may connect to. Pure decisions.

* :class:`Initiators`: who is submitting (Architecture 6.1).
* :class:`NotificationTargets`: which addresses result notifications may go to. An initiator names
  the URL, so without this rule it could make the gateway call anything in the operator's network.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hmac
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from omapush.core.errors import OmapushError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

ANONYMOUS = "anonymous"
"""Initiator id of submissions that a setting lets in without credentials."""

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
"""What notifications may never go to unless the settings say otherwise."""


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Initiator:
    """A Push Initiator that the operator knows.

    :ivar networks: where it may submit from; empty means anywhere.
    """

    initiator_id: str
    username: str
    password: str = field(repr=False)
    networks: tuple[Network, ...] = ()
    idempotent_resubmission: bool = False


@dataclass(frozen=True, slots=True)
class Identified:
    """The submission comes from this initiator; ``authenticated`` if it proved it."""

    initiator_id: str
    authenticated: bool
    idempotent_resubmission: bool = False


@dataclass(frozen=True, slots=True)
class Unidentified:
    """No, or wrong, credentials: HTTP 401."""

    reason: str


@dataclass(frozen=True, slots=True)
class Forbidden:
    """The credentials are right but the place is not: HTTP 403."""

    reason: str


class Initiators:
    """The initiators that the settings name, and the networks that need no credentials."""

    def __init__(
        self, initiators: Iterable[Initiator], anonymous_networks: Sequence[Network] = ()
    ) -> None:
        self._by_username = {initiator.username: initiator for initiator in initiators}
        self._anonymous_networks = tuple(anonymous_networks)
        # The same few hosts ask again and again.
        self._may_be_anonymous = functools.lru_cache(maxsize=1_024)(
            lambda source: _contains(self._anonymous_networks, source)
        )

    def identify(
        self, authorization: str | None, source: str
    ) -> Identified | Unidentified | Forbidden:
        """Judge the Authorization header and the peer's IP address of a request.

        Wrong credentials are refused even where none are needed.
        """
        if authorization is None:
            if self._may_be_anonymous(source):
                return Identified(ANONYMOUS, authenticated=False)
            return Unidentified("credentials are needed")
        credentials = _basic_credentials(authorization)
        if credentials is None:
            return Unidentified("the Authorization header holds no Basic credentials")
        username, password = credentials
        initiator = self._by_username.get(username)
        # Compare in any case, so that the time does not tell which user names exist.
        expected = initiator.password if initiator else ""
        right = hmac.compare_digest(expected.encode(), password)
        if initiator is None or not right:
            return Unidentified("unknown user name or wrong password")
        if initiator.networks and not _contains(initiator.networks, source):
            return Forbidden(f"{initiator.initiator_id} may not submit from {source}")
        return Identified(
            initiator.initiator_id,
            authenticated=True,
            idempotent_resubmission=initiator.idempotent_resubmission,
        )


class TargetForbiddenError(OmapushError):
    """Policy does not let a result notification go there."""


@dataclass(frozen=True, slots=True)
class NotificationTarget:
    """A result notification URL taken apart."""

    scheme: str
    host: str
    port: int
    url: str


@dataclass(frozen=True, slots=True)
class NotificationTargets:
    """Which targets notifications may go to; ``allowed`` are exceptions from ``forbidden``."""

    forbidden: tuple[Network, ...] = DEFAULT_FORBIDDEN_TARGETS
    allowed: tuple[Network, ...] = ()

    def parse(self, url: str) -> NotificationTarget:
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
            raise TargetForbiddenError("a notification URL may not hold credentials")
        default = 443 if parts.scheme == "https" else 80
        target = NotificationTarget(parts.scheme, parts.hostname, port or default, url)
        literal = _ip_address(target.host)
        if literal is not None:
            self.check(literal)
        return target

    def check(self, address: IpAddress) -> None:
        """Judge an address that the target resolved to. :raises TargetForbiddenError: forbidden."""
        address = _inner_address(address)
        if any(address in network for network in self.allowed):
            return
        for network in self.forbidden:
            if address in network:
                raise TargetForbiddenError(f"policy forbids notifications to {address} ({network})")


def _ip_address(text: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _inner_address(address: IpAddress) -> IpAddress:
    """Return the IPv4 address that an IPv6 address merely wraps: no rule is walked around."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _contains(networks: Iterable[Network], source: str) -> bool:
    address = _ip_address(source)
    if address is None:
        return False
    return any(_inner_address(address) in network for network in networks)


def _basic_credentials(authorization: str) -> tuple[str, bytes] | None:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        username, colon, password = base64.b64decode(token.strip(), validate=True).partition(b":")
        return (username.decode(), password) if colon else None
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
