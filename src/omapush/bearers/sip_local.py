"""The addresses of this end, as they stand in Via and Contact."""

from __future__ import annotations

import functools
import ipaddress
import socket

from omapush.core.networks import host_and_port, ip_address


def plain_host(host: str) -> str:
    """Return an address as settings and people write it: without zone, IPv4 not within IPv6."""
    address = ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return host.partition("%")[0]


def written_local(host: str, port: int, advertised: str | None, near: str) -> str:
    """Return ``host:port`` of a socket, as others reach it.

    :param host: where it is bound; if that is every address, it is the one that the route to
        ``near`` begins with.
    :param advertised: the host to be named instead.
    """
    if advertised is not None:
        return host_and_port(advertised, port)
    return host_and_port(_bound(host) or _towards(near), port)


@functools.lru_cache(maxsize=256)
def is_address(host: str) -> bool:
    """Whether ``host`` is an IP address, and no name."""
    return ip_address(host) is not None


@functools.lru_cache(maxsize=256)
def _bound(host: str) -> str | None:
    """Return the address that a socket is bound to; ``None``: to every one."""
    address = ip_address(host)
    if not host or (address is not None and address.is_unspecified):
        return None
    return plain_host(host)


def _towards(near: str) -> str:
    """Return our address on the way to an IP address; nothing is sent."""
    address = ip_address(near)
    if address is None:
        return "127.0.0.1"
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((near, 9))
        except OSError:  # no route now
            return "::1" if family == socket.AF_INET6 else "127.0.0.1"
        return plain_host(str(probe.getsockname()[0]))
