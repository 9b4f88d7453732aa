"""The Push Management Object as values: whom to trust, and how to connect by default."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from omapush.cai.model import ConnectionProfile, WhitelistEntry
from omapush.client.push_mo.node import Node
from omapush.client.trust.source_addresses import read_party
from omapush.client.trust.whitelist import EVERY_APPLICATION, AllowedApplication, Source
from omapush.content.application_id import ApplicationId


class TrustedKind(enum.StrEnum):
    """Which list an entry stands in."""

    PPG = "ppg"
    SMSC = "smsc"


@dataclass(frozen=True, slots=True)
class TrustedApplication:
    """An application that a source may push to; no content types: with any.

    :ivar name: of its node, which says nothing.
    """

    application_id: str
    content_types: tuple[str, ...] = ()
    name: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class TrustedSource:
    """An entry of the whitelist.

    :ivar addr_type: one of ``source_addresses.KINDS``; ``None``: what ``addr`` looks like. A
        service centre has none.
    :ivar applications: only these; empty: any.
    :ivar extensions: what is kept below its ``Ext``.
    """

    kind: TrustedKind
    addr: str
    addr_type: str | None = None
    applications: tuple[TrustedApplication, ...] = ()
    extensions: tuple[Node, ...] = ()
    name: str = field(default="", compare=False)

    @property
    def party_kind(self) -> str | None:
        """What its address is compared as."""
        return "SMSC" if self.kind is TrustedKind.SMSC else self.addr_type

    def source(self, country_code: str | None = None) -> Source:
        """Return the entry ready to be compared.

        :raises RegistrationRejected: the address is not of its kind.
        :raises DecodeError: an application id is none.
        """
        _, party = read_party(self.addr, self.party_kind, "entry", country_code)
        applications = tuple(
            AllowedApplication(ApplicationId.parse(one.application_id), one.content_types)
            for one in self.applications
        )
        return Source(party, applications=applications)

    @classmethod
    def of(cls, entry: WhitelistEntry) -> TrustedSource:
        """Return the entry of a list as the CAI has it."""
        wanted = None if entry.type is None else entry.type.strip().upper()
        types = entry.content_types
        allowed = (TrustedApplication(EVERY_APPLICATION, types),) if types else ()
        if wanted == "SMSC":
            return cls(TrustedKind.SMSC, entry.addr.strip(), None, allowed)
        return cls(TrustedKind.PPG, entry.addr.strip(), wanted, allowed)


@dataclass(frozen=True, slots=True)
class DefaultProfile:
    """How a registration connects that leaves it to the client; ``None`` is not said.

    :ivar secure: with TLS or WTLS.
    :ivar registration_uri: the Push Service Registration address used by default.
    :ivar priority: lower first; not said: last.
    :ivar applications: who uses it by default; empty: all.
    :ivar enable: not said means yes.
    """

    protocol: str | None = None
    bearer_type: str | None = None
    port: int | None = None
    contact_point: str | None = None
    method: str | None = None
    secure: bool | None = None
    cb_message_id: str | None = None
    mbms_user_service_description: str | None = None
    bcast_access_info: str | None = None
    registration_uri: str | None = None
    proxy_id: str | None = None
    auth_type: str | None = None
    auth_name: str | None = None
    auth_secret: str | None = field(default=None, repr=False)
    priority: int | None = None
    sir_lockout: int | None = None
    max_message_size: int | None = None
    max_push_requests: int | None = None
    enable: bool | None = None
    applications: tuple[str, ...] = ()
    extensions: tuple[Node, ...] = ()
    name: str = field(default="", compare=False)

    @property
    def connection_profile(self) -> ConnectionProfile:
        """What of it the CAI knows (CAI-11 to CAI-18)."""
        return ConnectionProfile(
            protocol=self.protocol,
            bearer_type=self.bearer_type,
            port=self.port,
            contact_point=self.contact_point,
            cb_message_id=self.cb_message_id,
            mbms_user_service_description=self.mbms_user_service_description,
            bcast_access_info=self.bcast_access_info,
        )

    def serves(self, application: ApplicationId | None) -> bool:
        """Whether ``application`` uses it by default; ``None``: whether anybody does."""
        if self.enable is False:
            return False
        return (
            application is None
            or not self.applications
            or any(
                ApplicationId.parse(one).same_application(application) for one in self.applications
            )
        )


@dataclass(frozen=True, slots=True)
class PushMO:
    """A Push Management Object.

    :ivar whitelist: gateways before service centres; ``None``: there is none, and an empty one
        trusts nobody.
    :ivar extensions: what is kept below ``Ext``, connection profiles aside.
    """

    whitelist: tuple[TrustedSource, ...] | None = None
    profiles: tuple[DefaultProfile, ...] = ()
    extensions: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What was not taken as it stood, where and why.

    :ivar kept: nothing is lost: it is kept below ``Ext``.
    """

    path: str
    reason: str
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """A document as far as it could be taken."""

    mo: PushMO
    findings: tuple[Finding, ...] = ()
