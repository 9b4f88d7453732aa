"""What can be set for a farm of simulated clients: its groups, in a file, and where they are."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from omapush.client.farm.clients import MAX_CLIENTS, FarmClient, FarmError, Group
from omapush.client.farm.script import ScriptError, parse_script
from omapush.content.application_id import ApplicationId
from omapush.core.errors import DecodeError
from omapush.daemon.settings_file import load_tables
from omapush.daemon.settings_table import Endpoint, Table
from omapush.ota.interface import ClientCapabilities
from omapush.pap import address
from omapush.protocols.sip.hop import Transport

DEFAULT_ID = "farm-######"


def _script(text: str) -> str:
    try:
        parse_script(text)
    except ScriptError as error:
        raise ValueError(str(error)) from error
    return text


def _application(text: str) -> str:
    if text == "*":
        return text
    try:
        return ApplicationId.parse(text).canonical
    except DecodeError as error:
        raise ValueError(str(error)) from error


class GroupTable(Table):
    """[[groups]]"""

    count: int = Field(ge=1, le=MAX_CLIENTS, description="how many clients")
    id: str = Field(
        DEFAULT_ID,
        pattern=r"^[!-~]{1,128}$",
        description="their ids; a row of # stands for the number of the client",
    )
    behaviour: Annotated[str, AfterValidator(_script)] = Field(
        "accept", description="what they do with pushes: a script"
    )
    application_ids: list[Annotated[str, AfterValidator(_application)]] = Field(
        ["*"], min_length=1, description="push application ids that they announce; *: every one"
    )
    types: list[Annotated[str, Field(pattern=r"^[!-~]+/[!-~]+$")]] = Field(
        ["*/*"], min_length=1, description="media types that they announce"
    )
    max_message_size: int = Field(
        65_536, ge=1, le=1 << 24, description="octets of the largest push that they take"
    )
    max_push_requests: int = Field(
        1, ge=1, le=64, description="unanswered pushes that each takes at a time"
    )

    def group(self) -> Group:
        """Return the group."""
        capabilities = ClientCapabilities(
            accept=tuple(self.types),
            accept_encoding=("identity", "deflate"),
            accept_app_id=tuple(self.application_ids),
            max_message_size=self.max_message_size,
            max_push_requests=self.max_push_requests,
        )
        return Group(self.count, self.id, parse_script(self.behaviour), capabilities)


class GroupsFile(Table):
    """A file of groups."""

    groups: list[GroupTable] = Field(min_length=1, description="clients that are alike")


def load_groups(path: Path) -> list[Group]:
    """Read groups of clients from a TOML file. :raises SettingsError: it has none."""
    return [table.group() for table in load_tables(GroupsFile, path).groups]


@dataclass(frozen=True, slots=True)
class SipPlan:
    """How the clients are at a SIP core.

    :ivar domain: of their addresses of record; the user is the id of a client.
    :ivar local: where all of them receive; ``None``: at a free port, where the core reaches it.
    :ivar password: of every one, if the core wants one. :ivar expires_s: of their registrations.
    """

    core: Endpoint
    domain: str
    transport: Transport = Transport.UDP
    local: Endpoint | None = None
    password: str | None = field(default=None, repr=False)
    expires_s: int = 600


@dataclass(frozen=True, slots=True)
class FarmPlan:
    """What a farm is to be.

    :ivar listen: where the first client listens for OTA-HTTP (PO-TCP), or
    :ivar connect: which gateway the clients dial (TO-TCP), or
    :ivar sip: at which SIP core they are registered; or none of these.
    :ivar udp: where the first client has its push port.
    :ivar by_port: the others differ from the first by their ports, not by their addresses.
    :ivar per_second: connections that are opened a second.
    :ivar figures_seconds: between two reports.
    :ivar for_seconds: when it ends, and ``until_pushes``: after how many pushes; ``None``: never.
    :ivar clients_file: where [[clients]] of a gateway's settings are written, for the gateway that
        calls itself ``ppg`` in addresses.
    """

    groups: tuple[Group, ...]
    listen: Endpoint | None = None
    connect: Endpoint | None = None
    udp: Endpoint | None = None
    sip: SipPlan | None = None
    by_port: bool = False
    seed: int = 1
    per_second: float = 1_000
    figures_seconds: float = 5
    for_seconds: float | None = None
    until_pushes: int | None = None
    clients_file: Path | None = None
    ppg: str = "ppg.example.net"

    @property
    def count(self) -> int:
        """How many clients there are."""
        return sum(group.count for group in self.groups)

    def check(self) -> None:
        """:raises FarmError: parts of it contradict each other."""
        ways = [one for one in (self.listen, self.connect, self.sip) if one is not None]
        if len(ways) > 1:
            raise FarmError("clients either listen, connect or are at a SIP core")
        if not ways and self.udp is None:
            raise FarmError("the clients need a way: listen, connect, sip or udp")


def spread(first: Endpoint, count: int, *, by_port: bool) -> list[Endpoint]:
    """Return where ``count`` clients are: the address or the port grows by one for each.

    :raises FarmError: there are not so many, or ``first`` names a host where addresses are counted.
    """
    if by_port:
        if not 0 < first.port <= 65_536 - count:
            raise FarmError(f"there are no {count:,} ports from {first} on")
        return [Endpoint(first.host, first.port + number) for number in range(count)]
    if not first.port:
        raise FarmError("clients that differ by address need a port")
    try:
        begin = ipaddress.ip_address(first.host)
        last = begin + (count - 1)
    except ValueError as error:
        reason = f"there are no {count:,} IP addresses from {first.host!r} on"
        raise FarmError(reason) from error
    if begin.is_loopback != last.is_loopback:
        raise FarmError(f"{count:,} addresses from {begin} on are not all in 127.0.0.0/8")
    return [Endpoint(str(begin + number), first.port) for number in range(count)]


def clients_tables(
    clients: Sequence[FarmClient],
    listen: Iterable[Endpoint] | None,
    udp: Iterable[Endpoint] | None,
    ppg: str,
    *,
    dials_in: bool = False,
    sip_domain: str | None = None,
) -> str:
    """Return ``[[clients]]`` in TOML, by which a gateway reaches the clients.

    :param dials_in: they dial it (TO-TCP), and it tells them by their terminal ids.
    :param sip_domain: they are users of this domain.
    """
    ways = [
        (key, iter(where))
        for key, where in (("ota_http", listen), ("ota_wsp_udp", udp))
        if where is not None
    ]
    lines = [f"# {len(clients):,} simulated clients, written by omapush farm."]
    for client in clients:
        # The escapes of JSON are escapes of TOML as well.
        name = json.dumps(client.client_id)
        addresses = json.dumps([address.user(client.client_id, ppg)])
        lines += ["", "[[clients]]", f"id = {name}", f"addresses = {addresses}"]
        lines += [f'{key} = "{next(where)}"' for key, where in ways]
        if dials_in:
            lines.append("ota_http_dials_in = true")
        if sip_domain is not None:
            lines.append(f"sip = {json.dumps(f'sip:{client.client_id}@{sip_domain}')}")
            continue
        lines.append(f"terminal_id = {name}")
    return "\n".join(lines) + "\n"
