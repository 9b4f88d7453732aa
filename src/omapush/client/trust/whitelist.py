"""Whose pushes are taken (CAI-9, CAI-43, Architecture 6.2). Pure.

Lists in force for a push: the device's own, and that of the registration that it is for. With no
list at all everybody may push; with any, the source must be on at least one. An application's list
counts for that application alone.

An entry names a source in one of the ways of ``source_addresses``, and may hold for some
applications only, and for some content types. ``trust`` brings the lists together.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable
from dataclasses import dataclass

from omapush.cai.model import (
    Reason,
    RegistrationRejected,
    RegistrationRequest,
    WhitelistEntry,
)
from omapush.client.trust.source_addresses import (
    NOTHING_KNOWN,
    HostName,
    KnownAddresses,
    Party,
    Uri,
    derived_kind,
    read_party,
)
from omapush.content.application_id import ANY_APPLICATION, REGISTRY, ApplicationId
from omapush.ota.interface import AddressKind, PushSource

EVERY_APPLICATION = REGISTRY[ANY_APPLICATION]

_CONTACT_KINDS = ("IPV4", "IPV6", "FQDN", "URI", "CBS")


@dataclass(frozen=True, slots=True)
class AllowedApplication:
    """An application that a source may push to, and with what; no types: with any."""

    application: ApplicationId
    content_types: tuple[str, ...] = ()

    def covers(self, application: ApplicationId, media_type: str) -> bool:
        """Whether a push of ``media_type`` to ``application`` is allowed."""
        # A push to every application is not one to this application.
        named = self.application.canonical == EVERY_APPLICATION or (
            application.canonical != EVERY_APPLICATION
            and self.application.same_application(application)
        )
        return named and _takes(self.content_types, media_type)


@dataclass(frozen=True, slots=True)
class Source:
    """One entry, ready to be compared.

    :ivar content_types: only these; empty: any.
    :ivar applications: only these; empty: any.
    """

    party: Party
    content_types: tuple[str, ...] = ()
    applications: tuple[AllowedApplication, ...] = ()

    @property
    def host_name(self) -> str | None:
        """The name whose addresses have to be known for a comparison."""
        party = self.party.host if isinstance(self.party, Uri) else self.party
        return party.name if isinstance(party, HostName) else None

    def allows(self, media_type: str, application: ApplicationId | None = None) -> bool:
        """Whether it is about such a push at all, whoever sent it.

        :param application: whom the push is for; not known: only entries for any are about it.
        """
        if not _takes(self.content_types, media_type):
            return False
        return not self.applications or (
            application is not None
            and any(one.covers(application, media_type) for one in self.applications)
        )

    def matches(
        self,
        source: PushSource,
        media_type: str,
        application: ApplicationId | None = None,
        known: KnownAddresses = NOTHING_KNOWN,
    ) -> bool:
        """Whether a push of ``media_type`` from ``source`` to ``application`` is meant."""
        return self.allows(media_type, application) and self.party.is_of(source, known)


def read_entries(
    entries: Iterable[WhitelistEntry], country_code: str | None = None
) -> tuple[Source, ...]:
    """Read a whitelist.

    :param country_code: the device's, for numbers in their national form.
    :raises RegistrationRejected: a kind of address that no push can be compared by, or none.
    """
    return tuple(
        Source(
            read_party(entry.addr, entry.type, f"whitelist[{number}]", country_code)[1],
            entry.content_types,
        )
        for number, entry in enumerate(entries)
    )


@functools.lru_cache(maxsize=512)
def sources_of(request: RegistrationRequest) -> tuple[Source, ...]:
    """Return the whitelist of a registration, read once.

    :raises RegistrationRejected: see :func:`read_entries`.
    """
    return read_entries(request.whitelist)


@functools.lru_cache(maxsize=512)
def contact_points_of(request: RegistrationRequest) -> tuple[Source, ...]:
    """Return whom the registration expects its pushes from (CAI-15).

    They narrow what the whitelists let through; none means that any is expected.

    :raises RegistrationRejected: a contact point that is no IP address, host name or URI.
    """
    return tuple(
        contact_point(profile.contact_point, f"profiles[{number}].contact_point")
        for number, profile in enumerate(request.profiles)
        if profile.contact_point is not None
    )


def contact_point(text: str, where: str) -> Source:
    """Return the gateway that a contact point names: an IP address, a host name or a URI.

    :raises RegistrationRejected: it is none of these.
    """
    if derived_kind(text.strip()) in _CONTACT_KINDS:
        with contextlib.suppress(RegistrationRejected):
            return Source(read_party(text, None, where)[1])
    detail = f"{text[:60]!r} is no IP address, host name or URI"
    raise RegistrationRejected(Reason.INVALID_PARAMETER, detail, where)


def admits(
    device: tuple[Source, ...] | None,
    own: tuple[Source, ...],
    source: PushSource,
    media_type: str,
    application: ApplicationId | None = None,
    known: KnownAddresses = NOTHING_KNOWN,
) -> bool:
    """Whether a push may pass.

    :param device: the device's list; ``None``: it has none. An empty one trusts nobody.
    :param own: the list of the registration that the push is for.
    :param application: whom the push is for; ``None``: entries for some applications do not count.
    :param known: the addresses that host names are known to have.
    """
    if device is None and not own:
        return True
    return any(
        entry.matches(source, media_type, application, known) for entry in (*(device or ()), *own)
    )


def names_to_know(
    entries: Iterable[Source],
    source: PushSource,
    media_type: str,
    application: ApplicationId | None = None,
) -> tuple[str, ...]:
    """Return the host names whose addresses may decide over a push, each once, in order."""
    if source.kind is not AddressKind.IP:
        return ()
    names = (
        entry.host_name
        for entry in entries
        if entry.host_name is not None and entry.allows(media_type, application)
    )
    return tuple(dict.fromkeys(names))


def type_matches(accepted: str, media_type: str) -> bool:
    """Whether ``media_type`` is of the type or range ``accepted``; parameters play no part."""
    wanted = accepted.partition(";")[0].strip().lower()
    return wanted in ("*/*", "*", f"{media_type.partition('/')[0]}/*", media_type)


def _takes(content_types: tuple[str, ...], media_type: str) -> bool:
    return not content_types or any(type_matches(one, media_type) for one in content_types)
