"""What can be set for finding recipients, and from there to a resolver.

``[[clients]]`` and ``[[groups]]`` are asked first, then each of ``[[resolvers]]`` in order.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from omapush.core.instants import Instant
from omapush.daemon.settings_table import NetworkSetting
from omapush.daemon.settings_table import Table as _Table
from omapush.pap import address as addressing
from omapush.pap.address import Address, AddressError
from omapush.ppg.policy import DEFAULT_FORBIDDEN_TARGETS, OutboundPolicy
from omapush.ppg.recipients import Recipients
from omapush.ppg.resolution.bounded import LookUpLimits
from omapush.ppg.resolution.cache import CacheLimits, CachingResolver
from omapush.ppg.resolution.chain import ChainResolver
from omapush.ppg.resolution.http import HttpResolver, Service
from omapush.ppg.resolution.known import KnownClientsResolver
from omapush.ppg.resolution.port import ClientFound, Member, Resolver, ResolverMisconfigured
from omapush.ppg.resolution.sql import Queries, SqlResolver
from omapush.ppg.resolution.static import Group, StaticResolver


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

    kind: Literal["sql", "http"] = Field(description="sql: a table; http: a web service")
    url: SecretStr = Field(
        description="sql: sqlite:////path, postgresql://user:password@host/name; "
        "http: https://host/path/{type}/{address}"
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
    timeout_seconds: float = Field(
        5, gt=0, le=60, description="patience for the look-ups of one push; then 3000"
    )
    connections: int = Field(8, ge=1, le=128, description="look-ups under way at a time")
    most_waiting: int = Field(
        1_024, ge=1, le=100_000, description="pushes whose look-ups may wait; more are 3000"
    )
    max_members: int = Field(10_000, ge=1, le=100_000, description="largest group")
    cache_seconds: float = Field(60, ge=0, description="how long an answer is remembered; 0: not")
    cache_not_served_seconds: float = Field(
        10, ge=0, description="how long it is remembered that an address is not served; 0: not"
    )
    cache_entries: int = Field(
        100_000, ge=1, description="answers and members of groups remembered together"
    )

    @model_validator(mode="after")
    def _keys_of_its_kind(self) -> Self:
        of_sql = {"query", "members_query"}
        of_http = {"token", "token_file", "forbid", "allow"}
        foreign = self.model_fields_set & (of_http if self.kind == "sql" else of_sql)
        if foreign:
            raise ValueError(f"{min(foreign)} is not for kind {self.kind!r}")
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
    return ChainResolver(
        [static, *(_outside(table, recipients, clock) for table in resolvers)],
    )


def _outside(
    table: ResolverTable, recipients: Recipients, clock: Callable[[], Instant]
) -> Resolver:
    limits = CacheLimits(
        found_ms=round(table.cache_seconds * 1000),
        not_served_ms=round(table.cache_not_served_seconds * 1000),
        max_entries=table.cache_entries,
    )
    cached = CachingResolver(_backend(table), clock, limits)
    return KnownClientsResolver(cached, lambda client_id: recipients.client(client_id) is not None)


def _backend(table: ResolverTable) -> Resolver:
    limits = LookUpLimits(
        timeout_ms=round(table.timeout_seconds * 1000),
        at_a_time=table.connections,
        most_waiting=table.most_waiting,
        max_members=table.max_members,
    )
    url = table.url.get_secret_value()
    if table.kind == "sql":
        return SqlResolver(url, Queries(table.query or "", table.members_query), limits)
    targets = OutboundPolicy(_networks(table.forbid), _networks(table.allow))
    return HttpResolver(Service(url, table.secret()), targets, limits)


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
