"""What can be set for finding recipients, and from there to a resolver.

``[[clients]]`` and ``[[groups]]`` are asked first, then each of ``[[resolvers]]`` in order. What
DNS says of a number is an address, which leads on by the settings and by the resolvers that stand
before and are not of DNS themselves.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from omapush.core.instants import Instant
from omapush.daemon.settings_table import NetworkSetting
from omapush.daemon.settings_table import Table as _Table
from omapush.pap import address as addressing
from omapush.pap.address import Address, AddressError
from omapush.ppg.recipients import Recipients
from omapush.ppg.resolution.bounded import LookUpLimits
from omapush.ppg.resolution.cache import CacheLimits, CachingResolver
from omapush.ppg.resolution.chain import ChainResolver
from omapush.ppg.resolution.enum_dns import EnumResolver, EnumRules
from omapush.ppg.resolution.http import HttpResolver, Service
from omapush.ppg.resolution.known import KnownClientsResolver
from omapush.ppg.resolution.naptr import NaptrSource, enumservices
from omapush.ppg.resolution.port import (
    ClientFound,
    Member,
    Resolver,
    ResolverMisconfigured,
    Source,
)
from omapush.ppg.resolution.static import Group, StaticResolver
from omapush.web.policy import DEFAULT_FORBIDDEN_TARGETS, OutboundPolicy

_DNS_PORT = 53
_ZONE = r"^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*$"
_SERVICE = r"^[Ee]2[Uu]\+[A-Za-z0-9-]{1,32}(:[A-Za-z0-9-]{1,32})*$"

_KEYS = {
    "sql": frozenset({"url", "query", "members_query", "max_members"}),
    "http": frozenset({"url", "token", "token_file", "forbid", "allow", "max_members"}),
    "enum": frozenset({"zone", "nameservers", "services", "max_records"}),
}
"""Keys that are not for every kind of resolver."""


def _name_server(text: str) -> tuple[str, int]:
    """Return address and port of a name server. :raises ValueError: it is not of the form."""
    host, port = text, str(_DNS_PORT)
    if text.startswith("[") or text.count(":") == 1:
        host, _, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        address = ""
    if not address or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ValueError("write a name server as IP address, or with its port: 192.0.2.1:5353")
    return address, int(port)


def _checked_name_server(text: str) -> str:
    _name_server(text)
    return text


NameServerSetting = Annotated[str, AfterValidator(_checked_name_server)]
ServiceSetting = Annotated[str, StringConstraints(pattern=_SERVICE)]


class GroupTable(_Table):
    """[[groups]]"""

    name: str = Field(pattern=r"^[!-~]{1,128}$", description="the operator's name for the group")
    addresses: list[str] = Field(
        [], description="addresses that lead to it; default: its name as a USER address"
    )
    clients: list[str] = Field([], description="ids of clients that are members")
    members: list[str] = Field([], description="addresses that are members, groups too")

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.clients and not self.members:
            raise ValueError("needs clients or members")
        return self


class ResolverTable(_Table):
    """[[resolvers]]"""

    kind: Literal["sql", "http", "enum"] = Field(
        description="sql: a table; http: a web service; enum: DNS, needs omapush[dns]"
    )
    url: SecretStr | None = Field(
        None,
        description="sql: sqlite:////path, postgresql://user:password@host/name; "
        "http: https://host/path/{type}/{address}",
    )
    query: str | None = Field(
        None,
        description="sql: gives the client's id; may name :address, :type and :qualifiers, e.g. "
        "SELECT client_id FROM subscribers WHERE address = :address AND type = :type",
    )
    members_query: str | None = Field(
        None, description="sql: gives the members of a group, an address in each row"
    )
    token: SecretStr | None = Field(None, description="http: bearer token, or ...")
    token_file: Path | None = Field(None, description="... a file whose first line is it")
    forbid: list[NetworkSetting] = Field(
        [str(network) for network in DEFAULT_FORBIDDEN_TARGETS],
        description="http: networks where the service may not be",
    )
    allow: list[NetworkSetting] = Field([], description="http: exceptions from forbid")
    zone: str = Field(
        "e164.arpa", max_length=200, pattern=_ZONE, description="enum: domain where numbers stand"
    )
    nameservers: list[NameServerSetting] = Field(
        [],
        max_length=8,
        description="enum: recursive name servers, 192.0.2.1 or 192.0.2.1:5353 or "
        "[2001:db8::1]:53; default: those of the system",
    )
    services: list[ServiceSetting] = Field(
        ["E2U+sip"],
        min_length=1,
        description="enum: enumservices that lead to clients, e.g. E2U+pres or E2U+sms:tel; "
        "E2U+sms stands for all its subtypes",
    )
    max_records: int = Field(
        32, ge=1, le=256, description="enum: most records of a number; with more it is not served"
    )
    timeout_seconds: float = Field(
        5, gt=0, le=60, description="patience for the look-ups of one push; then 3000"
    )
    connections: int = Field(8, ge=1, le=128, description="look-ups under way at a time")
    most_waiting: int = Field(
        1_024, ge=1, le=100_000, description="pushes whose look-ups may wait; more are 3000"
    )
    max_members: int = Field(10_000, ge=1, le=100_000, description="sql, http: largest group")
    cache_seconds: float = Field(
        60,
        ge=0,
        description="how long an answer is remembered; 0: not; enum: and no longer than DNS allows",
    )
    cache_not_served_seconds: float = Field(
        10, ge=0, description="the same for the answer that an address is not served"
    )
    cache_entries: int = Field(
        100_000, ge=1, description="answers and members of groups remembered together"
    )

    @model_validator(mode="after")
    def _keys_of_its_kind(self) -> Self:
        foreign = (self.model_fields_set & frozenset().union(*_KEYS.values())) - _KEYS[self.kind]
        if foreign:
            raise ValueError(f"{min(foreign)} is not for kind {self.kind!r}")
        if self.kind != "enum" and self.url is None:
            raise ValueError(f"kind {self.kind!r} needs url")
        if self.kind == "sql" and self.query is None:
            raise ValueError("kind 'sql' needs query")
        if self.token is not None and self.token_file is not None:
            raise ValueError("has either token or token_file")
        return self

    def secret(self) -> str | None:
        """Return the token. :raises ResolverMisconfigured: its file cannot be read or is empty."""
        if self.token is not None:
            return self.token.get_secret_value()
        if self.token_file is None:
            return None
        try:
            first_line = self.token_file.read_text().partition("\n")[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise ResolverMisconfigured(f"token_file of a resolver: {error}") from error
        if not first_line:
            raise ResolverMisconfigured("token_file of a resolver is empty")
        return first_line


def resolver_of(
    groups: Sequence[GroupTable],
    resolvers: Sequence[ResolverTable],
    recipients: Recipients,
    clock: Callable[[], Instant],
) -> Resolver:
    """Return what resolves addresses as the settings say. Nothing is connected to yet.

    :param recipients: the table ``[[clients]]``; clients that it does not name are not served.
    :param clock: what the lives of remembered answers are counted by.
    :raises ResolverMisconfigured: the settings contradict each other or cannot be used.
    """
    static = StaticResolver(recipients, [_group(table) for table in groups])
    if not resolvers:
        return static
    chain: list[Resolver] = [static]
    directory: list[Resolver] = [static]
    for table in resolvers:
        resolver = _outside(table, ChainResolver(directory), recipients, clock)
        chain.append(resolver)
        if table.kind != "enum":
            directory.append(resolver)
    return ChainResolver(chain)


def _outside(
    table: ResolverTable,
    directory: Resolver,
    recipients: Recipients,
    clock: Callable[[], Instant],
) -> Resolver:
    limits = CacheLimits(
        found_ms=round(table.cache_seconds * 1000),
        not_served_ms=round(table.cache_not_served_seconds * 1000),
        max_entries=table.cache_entries,
    )
    cached = CachingResolver(_source(table, directory), clock, limits)
    return KnownClientsResolver(cached, lambda client_id: recipients.client(client_id) is not None)


def _source(table: ResolverTable, directory: Resolver) -> Source:
    limits = LookUpLimits(
        timeout_ms=round(table.timeout_seconds * 1000),
        at_a_time=table.connections,
        most_waiting=table.most_waiting,
        max_members=table.max_members,
    )
    if table.kind == "enum":
        services = tuple(name for text in table.services for name in enumservices(text))
        rules = EnumRules(table.zone, services, table.max_records)
        return EnumResolver(_name_servers(table, limits), rules, directory, limits)
    url = table.url.get_secret_value() if table.url else ""
    if table.kind == "sql":
        # It needs SQLAlchemy, which takes long to load: a client, which shares this module by way
        # of ``settings``, never does.
        from omapush.ppg.resolution.sql import Queries, SqlResolver  # noqa: PLC0415 - see above

        return SqlResolver(url, Queries(table.query or "", table.members_query), limits)
    targets = OutboundPolicy(_networks(table.forbid), _networks(table.allow))
    return HttpResolver(Service(url, table.secret()), targets, limits)


def _name_servers(table: ResolverTable, limits: LookUpLimits) -> NaptrSource:
    try:
        # The one module that needs an extra, and so is wanted only where it is used.
        from omapush.ppg.resolution.name_servers import NameServers  # noqa: PLC0415 - see above
    except ImportError as error:
        raise ResolverMisconfigured(
            "resolvers: kind 'enum' needs dnspython 2.7 or later: pip install 'omapush[dns]'"
        ) from error
    return NameServers([_name_server(text) for text in table.nameservers], limits.timeout_ms)


def _networks(
    texts: Sequence[str],
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def _group(table: GroupTable) -> Group:
    texts = table.addresses or [addressing.user(table.name, "localhost")]
    members: list[Member] = [ClientFound(client_id) for client_id in table.clients]
    members += [_address(table.name, text) for text in table.members]
    return Group(table.name, tuple(_address(table.name, text) for text in texts), tuple(members))


def _address(group: str, text: str) -> Address:
    try:
        return addressing.parse(text, tolerant=True)
    except AddressError as error:
        raise ResolverMisconfigured(
            f"groups: address {text!r} of {group!r}: {error.reason}"
        ) from error
