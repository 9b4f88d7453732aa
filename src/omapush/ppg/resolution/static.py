"""What the settings say: the tables of clients and of groups. Never waits, never fails."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from omapush.pap.address import Address
from omapush.ppg.recipients import Recipients
from omapush.ppg.resolution.port import (
    NOBODY,
    ClientFound,
    GroupFound,
    Member,
    Resolved,
    ResolverMisconfigured,
)


@dataclass(frozen=True, slots=True)
class Group:
    """A group that the settings name.

    :ivar addresses: what initiators may call it by.
    """

    name: str
    addresses: tuple[Address, ...]
    members: tuple[Member, ...]


class StaticResolver:
    """The tables of clients and groups.

    :raises ResolverMisconfigured: two groups have the same name, an address leads to two places, a
        group has no members, names a client that does not exist, or contains itself.
    """

    def __init__(self, recipients: Recipients, groups: Iterable[Group] = ()) -> None:
        self._recipients = recipients
        self._by_recipient: dict[str, GroupFound] = {}
        names: set[str] = set()
        for group in groups:
            if group.name in names:
                raise ResolverMisconfigured(f"two groups are called {group.name!r}")
            names.add(group.name)
            self._add(group)
        self._refuse_cycles()

    async def resolve(self, addresses: Sequence[Address]) -> list[Resolved]:
        return [self._resolve(address) for address in addresses]

    async def close(self) -> None:
        pass

    def _resolve(self, address: Address) -> Resolved:
        found = self._exactly(address)
        if found is None and address.qualifiers:
            # PPG 6.1: qualifiers are for extensions; one that no table knows changes nothing.
            found = self._exactly(replace(address, qualifiers=()))
        return found or NOBODY

    def _exactly(self, address: Address) -> ClientFound | GroupFound | None:
        client = self._recipients.resolve(address)
        if client is not None:
            return ClientFound(client.client_id)
        return self._by_recipient.get(address.recipient_key)

    def _add(self, group: Group) -> None:
        if not group.members:
            raise ResolverMisconfigured(f"group {group.name!r} has no members")
        for member in group.members:
            if isinstance(member, ClientFound) and not self._recipients.client(member.client_id):
                raise ResolverMisconfigured(
                    f"group {group.name!r} names the client {member.client_id!r}, which is none"
                )
        found = GroupFound(group.name, group.members)
        for address in group.addresses:
            client = self._recipients.resolve(address)
            if client is not None:
                raise ResolverMisconfigured(
                    f"{address.original} leads to both client {client.client_id!r} "
                    f"and group {group.name!r}"
                )
            other = self._by_recipient.setdefault(address.recipient_key, found)
            if other is not found:
                raise ResolverMisconfigured(
                    f"{address.original} leads to both group {other.name!r} "
                    f"and group {group.name!r}"
                )

    def _refuse_cycles(self) -> None:
        sorter: graphlib.TopologicalSorter[str] = graphlib.TopologicalSorter()
        for group in self._by_recipient.values():
            for member in group.members:
                inner = self._resolve(member) if isinstance(member, Address) else None
                if isinstance(inner, GroupFound):
                    sorter.add(group.name, inner.name)
        try:
            sorter.prepare()
        except graphlib.CycleError as error:
            path = " in ".join(error.args[1])
            raise ResolverMisconfigured(f"a group contains itself: {path}") from error
