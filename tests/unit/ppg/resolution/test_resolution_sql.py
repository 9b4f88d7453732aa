"""Looking addresses up in tables: SQLite files and PostgreSQL, read only, in bounded time."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

from omapush.pap import address as addressing
from omapush.ppg.resolution.bounded import LookUpLimits
from omapush.ppg.resolution.port import (
    NOBODY,
    ClientFound,
    GroupFound,
    NotServed,
    ResolverMisconfigured,
    ResolverUnavailable,
)
from omapush.ppg.resolution.sql import Queries, SqlResolver

CLIENT = "SELECT client_id FROM subscribers WHERE address = :address AND type = :type"
MEMBERS = "SELECT member FROM memberships WHERE name = :address ORDER BY member"
TABLES = (
    "CREATE TABLE subscribers (address TEXT, type TEXT, client_id TEXT)",
    "CREATE TABLE memberships (name TEXT, member TEXT)",
    """INSERT INTO subscribers VALUES
    ('+441', 'PLMN', 'anna'), ('berta@x', 'USER', 'berta'), ('twins', 'USER', 'a'),
    ('twins', 'USER', 'b'), ('same', 'USER', 'a'), ('same', 'USER', 'a'), ('null', 'USER', NULL)""",
    "INSERT INTO memberships VALUES ('north', '+441'), ('north', '/bad/'), ('big', '+1')",
    "INSERT INTO memberships VALUES ('big', '+2'), ('big', '+3'), ('big', '+4')",
)
ENDLESS = {
    "sqlite": """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
    SELECT max(i) FROM n WHERE :address <> ''""",
    "postgresql": "SELECT pg_sleep(600) WHERE CAST(:address AS TEXT) <> ''",
}


async def fill(url: str) -> None:
    engine = create_async_engine(sqlalchemy.make_url(url).set(drivername="postgresql+asyncpg"))
    async with engine.begin() as connection:
        for statement in TABLES:
            await connection.exec_driver_sql(statement)
    await engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        with closing(sqlite3.connect(tmp_path / "table.db")) as connection, connection:
            for statement in TABLES:
                connection.execute(statement)
        return f"sqlite:///{tmp_path}/table.db"
    database: str = request.getfixturevalue("new_database")()
    await fill(database)
    return database


@pytest.fixture
async def resolver_of(
    url: str,
) -> AsyncIterator[Callable[..., SqlResolver]]:
    made: list[SqlResolver] = []

    def make(
        client: str = CLIENT, members: str | None = MEMBERS, timeout_ms: int = 30_000
    ) -> SqlResolver:
        limits = LookUpLimits(timeout_ms=timeout_ms, at_a_time=2, max_members=3)
        made.append(SqlResolver(url, Queries(client, members), limits))
        return made[-1]

    yield make
    for resolver in made:
        await resolver.close()


def address(text: str) -> addressing.Address:
    return addressing.parse(text)


async def test_table_leads_addresses_to_clients_and_groups_in_order(
    resolver_of: Callable[..., SqlResolver],
) -> None:
    wanted = ["+44-1", "WAPPUSH=berta%40x/TYPE=USER@p", "+442", "WAPPUSH=north/TYPE=USER@p"]
    found = await resolver_of().resolve([address(text) for text in wanted])
    assert found[:3] == [ClientFound("anna"), ClientFound("berta"), NOBODY]
    group = found[3]
    assert isinstance(group, GroupFound)
    assert group.name == "north"
    # In the order that the query gives, which depends on the database's collation.
    assert {type(member) for member in group.members} == {addressing.Address, NotServed}
    assert address("+441") in group.members


async def test_many_addresses_share_few_connections(
    resolver_of: Callable[..., SqlResolver],
) -> None:
    found = await resolver_of().resolve([address("+441"), address("+442")] * 50)
    assert found == [ClientFound("anna"), NOBODY] * 50


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("twins/TYPE=USER", "more than one client"),
        ("null/TYPE=USER", "not served"),
        ("%00/TYPE=USER", "not served"),
        ("big/TYPE=USER", "more than 3 members"),
        ("x'%20OR%201%3D1--/TYPE=USER".replace("'", "%27"), "not served"),
    ],
)
async def test_what_names_no_single_client_is_not_served(
    resolver_of: Callable[..., SqlResolver], text: str, reason: str
) -> None:
    (found,) = await resolver_of().resolve([address(text)])
    assert isinstance(found, NotServed)
    assert reason in found.reason


async def test_same_client_twice_is_one_client(resolver_of: Callable[..., SqlResolver]) -> None:
    assert await resolver_of().resolve([address("same/TYPE=USER")]) == [ClientFound("a")]


async def test_query_with_qualifiers_gets_them(resolver_of: Callable[..., SqlResolver]) -> None:
    query = "SELECT CAST(:qualifiers AS TEXT) WHERE CAST(:address AS TEXT) <> ''"
    (found,) = await resolver_of(query).resolve([address("+441/PORT=9000/AREA=7/TYPE=PLMN")])
    assert found == ClientFound("PORT=9000/AREA=7")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (
            "INSERT INTO subscribers VALUES (:address, 'USER', 'x') RETURNING client_id",
            "read-?only",
        ),
        ("DELETE FROM subscribers WHERE address = :address RETURNING client_id", "read-?only"),
        ("SELECT this FROM nowhere WHERE address = :address", "nowhere"),
        ("nonsense :address", "nonsense"),
    ],
)
async def test_query_that_writes_or_fails_changes_nothing_and_makes_the_resolver_unavailable(
    resolver_of: Callable[..., SqlResolver], query: str, reason: str
) -> None:
    with pytest.raises(ResolverUnavailable, match=f"cannot be read: .*{reason}"):
        await resolver_of(query).resolve([address("+441")])
    assert await resolver_of().resolve([address("+441")]) == [ClientFound("anna")]


async def test_query_that_does_not_end_is_ended_and_the_next_is_answered(
    resolver_of: Callable[..., SqlResolver], url: str
) -> None:
    slow = resolver_of(ENDLESS[url.partition(":")[0]], timeout_ms=200)
    for _ in range(3):  # more than there are connections: each is given back
        with pytest.raises(ResolverUnavailable, match="in time"):
            await slow.resolve([address("+441")])
    await slow.close()  # waits for threads: would hang if the query went on
    assert await resolver_of().resolve([address("+441")]) == [ClientFound("anna")]


async def test_caller_that_gives_up_leaves_the_connections_to_others(
    resolver_of: Callable[..., SqlResolver],
) -> None:
    resolver = resolver_of()
    for _ in range(5):
        call = asyncio.create_task(resolver.resolve([address("+441")] * 20))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert await resolver.resolve([address("+441")]) == [ClientFound("anna")]


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/at/all.db", "postgresql://user:secret@127.0.0.1:1/name"]
)
async def test_database_that_is_away_is_unavailable_and_keeps_its_password(url: str) -> None:
    resolver = SqlResolver(url, Queries(CLIENT), LookUpLimits())
    with pytest.raises(ResolverUnavailable) as caught:
        await resolver.resolve([address("+441")])
    assert "secret" not in str(caught.value) + repr(resolver)
    await resolver.close()
    with pytest.raises(ResolverUnavailable, match="closed"):
        await resolver.resolve([address("+441")])


@pytest.mark.parametrize(
    ("url", "query", "reason"),
    [
        ("mysql://user:secret@host/name", CLIENT, "known"),
        ("sqlite://", CLIENT, "known"),
        ("nonsense", CLIENT, "known"),
        ("sqlite:////x.db", "SELECT 1 WHERE a = :adress", ":adress"),
        ("sqlite:////x.db", "SELECT 1", "must name :address"),
    ],
)
def test_url_or_query_of_no_known_form_is_refused(url: str, query: str, reason: str) -> None:
    with pytest.raises(ResolverMisconfigured, match=reason) as caught:
        SqlResolver(url, Queries(query), LookUpLimits())
    assert "secret" not in str(caught.value)
