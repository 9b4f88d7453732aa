"""Asks a table of the operator's, with a query of the operator's, and never writes.

The query gives the client's id in its first column and may name ``:address`` (the value, unescaped
and normalised), ``:type`` (``PLMN``, ``USER``, ...) and ``:qualifiers`` (``PORT=9000/AREA=7``). A
second query may give the members of a group in the same way, an address in each row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from omapush.pap.address import Address
from omapush.ppg.resolution.bounded import BoundedLookUps, LookUpLimits
from omapush.ppg.resolution.members import member_of
from omapush.ppg.resolution.port import (
    NOBODY,
    ClientFound,
    GroupFound,
    NotServed,
    Resolved,
    ResolverMisconfigured,
    ResolverUnavailable,
)
from omapush.ppg.resolution.sql_database import Database, PostgresqlDatabase, SqliteDatabase

KNOWN_FORMS = "sqlite:////absolute/file.db, sqlite:///relative/file.db, postgresql://user@host/name"
PARAMETERS = frozenset({"address", "type", "qualifiers"})


@dataclass(frozen=True, slots=True)
class Queries:
    """What is asked.

    :ivar client: gives the id of the client.
    :ivar members: gives the members of the group, if there is no client.
    """

    client: str
    members: str | None = None


class SqlResolver:
    """Looks addresses up in a database. Connects when it is first asked.

    :raises ResolverMisconfigured: the URL or a query is not of a known form.
    """

    def __init__(self, url: str, queries: Queries, limits: LookUpLimits) -> None:
        self._database = _database(url, limits)
        self._client = _Query(queries.client)
        self._members = _Query(queries.members) if queries.members is not None else None
        self._limits = limits
        self._look_ups = BoundedLookUps(limits)

    def __repr__(self) -> str:
        return f"SqlResolver({self._database!r})"

    async def resolve(self, addresses: Sequence[Address]) -> list[Resolved]:
        return await self._look_ups.run(self._look_up, addresses)

    async def close(self) -> None:
        self._look_ups.close()
        await self._database.close()

    async def _look_up(self, address: Address) -> Resolved:
        if "\0" in address.value:
            return NOBODY  # no text of a database holds it
        clients = await self._client.ask(self._database, address, most=2)
        if len(clients) > 1 and clients[0] != clients[1]:
            return NotServed("leads to more than one client")
        if clients:
            return ClientFound(clients[0])
        return NOBODY if self._members is None else await self._group(self._members, address)

    async def _group(self, query: _Query, address: Address) -> Resolved:
        most = self._limits.max_members
        members = await query.ask(self._database, address, most=most + 1)
        if len(members) > most:
            return NotServed(f"is a group of more than {most} members")
        if not members:
            return NOBODY
        return GroupFound(address.value, tuple(member_of(member) for member in members))


class _Query:
    """A query with the parameters that it names."""

    def __init__(self, sql: str) -> None:
        self._clause: TextClause = text(sql)
        self._names = frozenset(self._clause.compile().params)
        unknown = sorted(self._names - PARAMETERS)
        if unknown:
            raise ResolverMisconfigured(
                f"a query names :{unknown[0]}; known are :address, :type and :qualifiers"
            )
        if "address" not in self._names:
            raise ResolverMisconfigured("a query must name :address")

    async def ask(self, database: Database, address: Address, most: int) -> list[str]:
        """Return the first column of up to ``most`` rows, without NULLs."""
        rows = await database.read(self._clause, self._parameters(address), most)
        if rows and not rows[0]:
            raise ResolverUnavailable("the query gives no columns")
        return [str(row[0]) for row in rows if row[0] is not None]

    def _parameters(self, address: Address) -> Mapping[str, Any]:
        qualifiers = "/".join(f"{name}={value}" for name, value in address.qualifiers)
        values = {"address": address.value, "type": address.type, "qualifiers": qualifiers}
        return {name: values[name] for name in self._names}


def _database(url: str, limits: LookUpLimits) -> Database:
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError) as error:
        # The URL itself may hold a password and is not repeated.
        raise ResolverMisconfigured(f"not a database URL; known forms: {KNOWN_FORMS}") from error
    if parts.drivername in ("postgresql", "postgres"):
        return PostgresqlDatabase(parts, limits)
    if parts.drivername == "sqlite" and parts.database and not parts.host:
        return SqliteDatabase(parts.database, limits)
    raise ResolverMisconfigured(f"no database URL of a known form; known are: {KNOWN_FORMS}")
