"""IP networks as settings name them, whether an address lies in one, and how hosts are written."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def ip_address(text: str) -> IpAddress | None:
    """Return the address that ``text`` writes, or ``None`` if it writes none."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def written_host(host: str) -> str:
    """Return ``host`` as it stands before a port: an IPv6 address in brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def host_and_port(host: str, port: int) -> str:
    """Return both as one text, as in URLs."""
    return f"{written_host(host)}:{port}"


def host_of(host_and_port: str) -> str:
    """Return the host of what :func:`host_and_port` wrote."""
    return host_and_port.rpartition(":")[0].removeprefix("[").removesuffix("]")


def inner_address(address: IpAddress) -> IpAddress:
    """Return the IPv4 address that an IPv6 address merely wraps: no rule is walked around."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


@functools.lru_cache(maxsize=4_096)
def source_key(source: str) -> str:
    """Return what one host is counted by: its IPv4 address, or the /64 that it has of IPv6."""
    address = ip_address(source)
    if address is None:
        return source
    address = inner_address(address)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Address(int(address) >> 64 << 64))
    return str(address)


def contains(networks: Iterable[Network], source: str) -> bool:
    """Return whether ``source`` writes an address that lies in one of ``networks``."""
    address = ip_address(source)
    if address is None:
        return False
    return any(inner_address(address) in network for network in networks)
