"""What can be set for UAProf documents of terminals, and from there to what fetches them."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from pydantic import Field

from omapush.content.uaprof import MAX_OCTETS
from omapush.core.instants import HOUR_MS, SECOND_MS, Instant
from omapush.daemon.settings_table import NetworkSetting, Table
from omapush.ppg.profiles import Profiles, ProfileSettings
from omapush.web.policy import DEFAULT_FORBIDDEN_TARGETS, OutboundPolicy

_PRIVATE = (
    "127.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::1/128",
    "fc00::/7",
)
"""Profiles stand with the makers of terminals; a terminal could name anything, though."""


class ProfilesTable(Table):
    """[profiles]"""

    fetch: bool = Field(
        default=False,
        description="fetch the UAProf documents that terminals name when they register",
    )
    forbid: list[NetworkSetting] = Field(
        [*(str(network) for network in DEFAULT_FORBIDDEN_TARGETS), *_PRIVATE],
        description="networks that documents are never fetched from",
    )
    allow: list[NetworkSetting] = Field([], description="exceptions from forbid")
    timeout_seconds: float = Field(
        5, gt=0, le=30, description="how long a push waits for them at most"
    )
    max_octets: int = Field(
        65_536,
        ge=1_024,
        le=MAX_OCTETS,
        description="largest document; a larger one counts as not to be had",
    )
    cache_entries: int = Field(
        1_000, ge=1, le=100_000, description="documents remembered; the longest unused go first"
    )
    cache_hours: float = Field(24, gt=0, description="how long a document is remembered")


def profiles_of(table: ProfilesTable, clock: Callable[[], Instant]) -> Profiles | None:
    """Return what fetches profiles as the settings say, or ``None``: nothing is fetched."""
    if not table.fetch:
        return None
    policy = OutboundPolicy(_networks(table.forbid), _networks(table.allow))
    settings = ProfileSettings(
        timeout_ms=max(1, round(table.timeout_seconds * SECOND_MS)),
        max_octets=table.max_octets,
        entries=table.cache_entries,
        life_ms=round(table.cache_hours * HOUR_MS),
    )
    return Profiles(policy, settings, clock)


def _networks(
    texts: list[str],
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
