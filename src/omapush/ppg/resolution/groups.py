"""From a group to its clients, through groups in groups, within limits.

Level by level: the addresses of one level are resolved in one call. A group that is met on several
ways is opened once, so the walk ends even where groups contain each other; whether they do is
judged at the end.
"""

from __future__ import annotations

import graphlib
from dataclasses import dataclass, field
from functools import partial

from omapush.core.errors import OmapushError
from omapush.pap.address import Address
from omapush.ppg.large_work import LARGE_NUMBER, LargeWork
from omapush.ppg.resolution.port import ClientFound, GroupFound, NotServed, Resolver


@dataclass(frozen=True, slots=True)
class GroupLimits:
    """What a group may be.

    :ivar max_depth: groups in each other; 1 is a group without groups in it.
    :ivar max_members: entries of the group and of all groups in it together.
    """

    max_depth: int = 5
    max_members: int = 100_000


class GroupRefused(OmapushError):
    """The group is nested too deeply, has too many members, or contains itself."""


@dataclass(frozen=True, slots=True)
class GroupMember:
    """One client of a group; ``address`` is what led to it, unless the group names the client."""

    client_id: str
    address: Address | None = None


@dataclass(frozen=True, slots=True)
class Expansion:
    """A group taken apart: each client once, and what of its entries leads nowhere."""

    clients: tuple[GroupMember, ...]
    not_served: tuple[NotServed, ...]


@dataclass(slots=True)
class _Walk:
    """How far the walk has come."""

    limits: GroupLimits
    clients: dict[str, GroupMember] = field(default_factory=dict)
    not_served: list[NotServed] = field(default_factory=list)
    seen: dict[str, Address] = field(default_factory=dict)
    edges: dict[str, list[str]] = field(default_factory=dict)
    entries: int = 0

    def open(self, key: str, group: GroupFound) -> list[Address]:
        """Count the entries of the group behind ``key``; return the addresses met first here."""
        self.entries += len(group.members)
        if self.entries > self.limits.max_members:
            reason = f"group {group.name!r} has more than {self.limits.max_members} members"
            raise GroupRefused(reason)
        inside = self.edges.setdefault(key, [])
        fresh: list[Address] = []
        for member in group.members:
            match member:
                case ClientFound(client_id):
                    self.clients.setdefault(client_id, GroupMember(client_id))
                case NotServed():
                    self.not_served.append(member)
                case Address():
                    inside.append(member.recipient_key)
                    if member.recipient_key not in self.seen:
                        self.seen[member.recipient_key] = member
                        fresh.append(member)
        return fresh


async def expand(
    resolver: Resolver, address: Address, group: GroupFound, limits: GroupLimits
) -> Expansion:
    """Return the clients of ``group``, to which ``address`` leads.

    :raises GroupRefused: it does not keep to ``limits``, or contains itself.
    :raises ResolverUnavailable: a member cannot be told now.
    """
    walk = _Walk(limits, seen={address.recipient_key: address})
    # Nobody else has the walk: it may be in a thread while a large group is opened.
    large = LargeWork()
    level = await large.run(
        partial(walk.open, address.recipient_key, group), large=len(group.members) > LARGE_NUMBER
    )
    depth = 1
    while level:
        answers = await resolver.resolve(level)
        inner: list[Address] = []
        for member, answer in zip(level, answers, strict=True):
            match answer:
                case ClientFound(client_id):
                    walk.clients.setdefault(client_id, GroupMember(client_id, member))
                case NotServed():
                    walk.not_served.append(answer)
                case GroupFound():
                    if depth == limits.max_depth:
                        raise GroupRefused(
                            f"group {group.name!r} is nested more than {depth} groups deep"
                        )
                    inner += walk.open(member.recipient_key, answer)
        level = inner
        depth += 1
    _refuse_cycle(group, walk)
    return Expansion(tuple(walk.clients.values()), tuple(walk.not_served))


def _refuse_cycle(group: GroupFound, walk: _Walk) -> None:
    try:
        graphlib.TopologicalSorter(walk.edges).prepare()
    except graphlib.CycleError as error:
        path = " in ".join(walk.seen[key].original for key in error.args[1])
        raise GroupRefused(
            f"group {group.name!r} holds groups that contain themselves: {path}"
        ) from error
