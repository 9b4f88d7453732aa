"""Whose pushes are taken (CAI-9, CAI-43, Architecture 6.2). Pure.

Lists in force for a push: the device's own, and that of the registration that it is for. With no
list at all everybody may push; with any, the source must be on at least one. An application's list
counts for that application alone.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from omapush.cai.model import (
    Reason,
    RegistrationRejected,
    RegistrationRequest,
    WhitelistEntry,
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_VERSIONS = {None: (4, 6), "IPV4": (4,), "IPV6": (6,)}


@dataclass(frozen=True, slots=True)
class Source:
    """One entry, ready to be compared."""

    network: Network
    content_types: tuple[str, ...] = ()

    def matches(self, address: str, media_type: str) -> bool:
        """Whether a push of ``media_type`` from the IP ``address`` is meant."""
        try:
            peer = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(peer, "ipv4_mapped", None)
        if (mapped or peer) not in self.network:
            return False
        return not self.content_types or any(
            type_matches(accepted, media_type) for accepted in self.content_types
        )


def read_entries(entries: Iterable[WhitelistEntry]) -> tuple[Source, ...]:
    """Read a whitelist.

    :raises RegistrationRejected: a kind of address that OTA-HTTP cannot be compared by, or none.
    """
    return tuple(_source(entry, f"whitelist[{number}]") for number, entry in enumerate(entries))


@functools.lru_cache(maxsize=512)
def sources_of(request: RegistrationRequest) -> tuple[Source, ...]:
    """Return the whitelist of a registration, read once.

    :raises RegistrationRejected: see :func:`read_entries`.
    """
    return read_entries(request.whitelist)


@functools.lru_cache(maxsize=512)
def contact_points_of(request: RegistrationRequest) -> tuple[Source, ...]:
    """Return the addresses that the registration expects its pushes from (CAI-15).

    They narrow what the whitelists let through; none means that any is expected.

    :raises RegistrationRejected: a contact point that is no IP address.
    """
    return tuple(
        _network(profile.contact_point, f"profiles[{number}].contact_point")
        for number, profile in enumerate(request.profiles)
        if profile.contact_point is not None
    )


def _source(entry: WhitelistEntry, where: str) -> Source:
    kind = entry.type.upper() if entry.type is not None else None
    if kind not in _VERSIONS:
        raise RegistrationRejected(
            Reason.UNSUPPORTED_OPTION,
            f"whitelist entries of type {entry.type} are not supported",
            f"{where}.type",
        )
    source = _network(entry.addr, f"{where}.addr")
    if source.network.version not in _VERSIONS[kind]:
        raise RegistrationRejected(
            Reason.INVALID_PARAMETER, f"{where}.addr is no {kind}", f"{where}.addr"
        )
    return Source(source.network, entry.content_types)


def _network(text: str, where: str) -> Source:
    try:
        return Source(ipaddress.ip_network(text, strict=False))
    except ValueError as error:
        detail = f"{text[:60]!r} is no IP address or network, and others are not supported"
        raise RegistrationRejected(Reason.UNSUPPORTED_OPTION, detail, where) from error


def admits(
    device: tuple[Source, ...] | None,
    own: tuple[Source, ...],
    address: str,
    media_type: str,
) -> bool:
    """Whether a push may pass.

    :param device: the device's list; ``None``: it has none. An empty one trusts nobody.
    :param own: the list of the registration that the push is for.
    """
    if device is None and not own:
        return True
    return any(source.matches(address, media_type) for source in (*(device or ()), *own))


def type_matches(accepted: str, media_type: str) -> bool:
    """Whether ``media_type`` is of the type or range ``accepted``; parameters play no part."""
    wanted = accepted.partition(";")[0].strip().lower()
    return wanted in ("*/*", "*", f"{media_type.partition('/')[0]}/*", media_type)
