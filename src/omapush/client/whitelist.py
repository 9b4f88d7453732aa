"""Whose pushes are taken (CAI-9, CAI-43, Architecture 6.2). Pure.

Lists in force for a push: the device's own, and that of the registration that it is for. With no
list at all everybody may push; with any, the source must be on at least one. An application's list
counts for that application alone.

An entry names an IP address or network, or for pushes by short message the number of the
originator (``E164``, also short codes), its name (``ALPHA``), or the number of the service centre
(``SMSC``). Each kind is compared with its like only: a sender may call itself ``192.0.2.1``.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from omapush.cai.model import (
    Reason,
    RegistrationRejected,
    RegistrationRequest,
    WhitelistEntry,
)
from omapush.ota.interface import AddressKind, PushSource

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_WRITTEN_NUMBER = re.compile(r"(?=.*[0-9])\+?[0-9 ()./-]{1,32}")
_VERSIONS = {None: (4, 6), "IPV4": (4,), "IPV6": (6,)}


@dataclass(frozen=True, slots=True)
class Number:
    """A telephone number; its digits are what counts."""

    digits: str

    @classmethod
    def of(cls, text: str) -> Number:
        """Return the number that ``text`` writes, ``+`` and ``00`` in front being the same."""
        digits = re.sub(r"[^0-9]", "", text)
        return cls(digits.removeprefix("00"))

    def is_of(self, source: PushSource) -> bool:
        """Whether the push's originator has it; a name that looks like it does not."""
        return source.kind is AddressKind.NUMBER and Number.of(source.address) == self


@dataclass(frozen=True, slots=True)
class ServiceCentre:
    """The service centre that a push by short message came through."""

    number: Number

    def is_of(self, source: PushSource) -> bool:
        """Whether the push came through it."""
        return source.service_centre is not None and Number.of(source.service_centre) == self.number


@dataclass(frozen=True, slots=True)
class Name:
    """What an originator of short messages calls itself."""

    text: str

    def is_of(self, source: PushSource) -> bool:
        """Whether the push's originator calls itself so."""
        return source.kind is AddressKind.NAME and source.address == self.text


@dataclass(frozen=True, slots=True)
class Source:
    """One entry, ready to be compared."""

    party: Network | Number | ServiceCentre | Name
    content_types: tuple[str, ...] = ()

    def matches(self, source: PushSource, media_type: str) -> bool:
        """Whether a push of ``media_type`` from ``source`` is meant."""
        if isinstance(self.party, Number | ServiceCentre | Name):
            meant = self.party.is_of(source)
        else:
            meant = _is_in(self.party, source)
        return meant and (
            not self.content_types
            or any(type_matches(accepted, media_type) for accepted in self.content_types)
        )


def read_entries(entries: Iterable[WhitelistEntry]) -> tuple[Source, ...]:
    """Read a whitelist.

    :raises RegistrationRejected: a kind of address that no push can be compared by, or none.
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
        Source(_network(profile.contact_point, f"profiles[{number}].contact_point"))
        for number, profile in enumerate(request.profiles)
        if profile.contact_point is not None
    )


def _source(entry: WhitelistEntry, where: str) -> Source:
    kind = entry.type.upper() if entry.type is not None else None
    if kind is None and entry.addr.startswith("+"):
        kind = "E164"
    if kind in _PARTIES:
        return Source(_PARTIES[kind](entry.addr, f"{where}.addr"), entry.content_types)
    if kind not in _VERSIONS:
        raise RegistrationRejected(
            Reason.UNSUPPORTED_OPTION,
            f"whitelist entries of type {entry.type} are not supported",
            f"{where}.type",
        )
    network = _network(entry.addr, f"{where}.addr")
    if network.version not in _VERSIONS[kind]:
        raise RegistrationRejected(
            Reason.INVALID_PARAMETER, f"{where}.addr is no {kind}", f"{where}.addr"
        )
    return Source(network, entry.content_types)


def _network(text: str, where: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        detail = f"{text[:60]!r} is no IP address or network, and others are not supported"
        raise RegistrationRejected(Reason.UNSUPPORTED_OPTION, detail, where) from error


def _number(text: str, where: str) -> Number:
    if not _WRITTEN_NUMBER.fullmatch(text):
        detail = f"{text[:60]!r} is no telephone number"
        raise RegistrationRejected(Reason.INVALID_PARAMETER, detail, where)
    return Number.of(text)


def _name(text: str, where: str) -> Name:
    if not text:
        raise RegistrationRejected(Reason.INVALID_PARAMETER, "an empty name", where)
    return Name(text)


_PARTIES: dict[str | None, Callable[[str, str], Number | ServiceCentre | Name]] = {
    "E164": _number,
    "SMSC": lambda text, where: ServiceCentre(_number(text, where)),
    "ALPHA": _name,
}


def _is_in(network: Network, source: PushSource) -> bool:
    if source.kind is not AddressKind.IP:
        return False
    try:
        peer = ipaddress.ip_address(source.address)
    except ValueError:
        return False
    return (getattr(peer, "ipv4_mapped", None) or peer) in network


def admits(
    device: tuple[Source, ...] | None,
    own: tuple[Source, ...],
    source: PushSource,
    media_type: str,
) -> bool:
    """Whether a push may pass.

    :param device: the device's list; ``None``: it has none. An empty one trusts nobody.
    :param own: the list of the registration that the push is for.
    """
    if device is None and not own:
        return True
    return any(entry.matches(source, media_type) for entry in (*(device or ()), *own))


def type_matches(accepted: str, media_type: str) -> bool:
    """Whether ``media_type`` is of the type or range ``accepted``; parameters play no part."""
    wanted = accepted.partition(";")[0].strip().lower()
    return wanted in ("*/*", "*", f"{media_type.partition('/')[0]}/*", media_type)
