"""Whose pushes are taken (CAI-9, CAI-43, Architecture 6.2). Pure.

Lists in force for a push: the device's own, and that of the registration that it is for. With no
list at all everybody may push; with any, the source must be on at least one. An application's list
counts for that application alone.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from omapush.cai.model import Reason, RegistrationRejected, WhitelistEntry

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_KINDS = (None, "IPV4", "IPV6")


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
    """Read the whitelist of a registration.

    :raises RegistrationRejected: a kind of address that OTA-HTTP cannot be compared by, or none.
    """
    return tuple(_source(number, entry) for number, entry in enumerate(entries))


def _source(number: int, entry: WhitelistEntry) -> Source:
    kind = entry.type.upper() if entry.type is not None else None
    if kind not in _KINDS:
        where = f"whitelist[{number}].type"
        raise RegistrationRejected(
            Reason.UNSUPPORTED_OPTION, f"whitelist entries of type {entry.type} are not supported",
            where,
        )  # fmt: skip
    try:
        network = ipaddress.ip_network(entry.addr, strict=False)
    except ValueError as error:
        where = f"whitelist[{number}].addr"
        detail = f"{entry.addr[:60]!r} is no IP address or network, and others are not supported"
        raise RegistrationRejected(Reason.UNSUPPORTED_OPTION, detail, where) from error
    return Source(network, entry.content_types)


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
