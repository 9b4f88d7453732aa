"""From [[groups]] and [[resolvers]] to a resolver that is made of them."""

from __future__ import annotations

import sqlite3
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from omapush.daemon.resolution import GroupTable, ResolverTable, resolver_of
from omapush.pap import address as addressing
from omapush.ppg.client import Client
from omapush.ppg.recipients import Recipients
from omapush.ppg.resolution.port import (
    NOBODY,
    ClientFound,
    GroupFound,
    NotServed,
    Resolver,
    ResolverMisconfigured,
    ResolverUnavailable,
)
from omapush.ppg.resolution.static import StaticResolver
from omapush.testing.virtual_clock import VirtualClock

RECIPIENTS = Recipients([Client("anna", (addressing.parse("+441"),)), Client("berta", ())])
QUERY = "SELECT client_id FROM subscribers WHERE address = :address"


def made_of(text: str, clock: VirtualClock | None = None) -> Resolver:
    tables: dict[str, list[Any]] = tomllib.loads(text)
    return resolver_of(
        [GroupTable(**table) for table in tables.get("groups", [])],
        [ResolverTable(**table) for table in tables.get("resolvers", [])],
        RECIPIENTS,
        clock or VirtualClock(),
    )


async def resolved(resolver: Resolver, text: str) -> object:
    (found,) = await resolver.resolve([addressing.parse(text)])
    return found


async def test_without_tables_only_the_clients_are_served() -> None:
    resolver = made_of("")
    assert isinstance(resolver, StaticResolver)
    assert await resolved(resolver, "+441") == ClientFound("anna")
    assert await resolved(resolver, "+442") == NOBODY


async def test_group_is_called_by_its_name_unless_it_has_addresses() -> None:
    resolver = made_of(
        """
        [[groups]]
        name = "region-north"
        clients = ["berta"]
        members = ["+442"]
        [[groups]]
        name = "south"
        addresses = ["WAPPUSH=239.1.2.3/PORT=9000/TYPE=IPv4@ppg.example.net"]
        clients = ["anna"]
        """
    )
    members = (ClientFound("berta"), addressing.parse("+442"))
    north = "WAPPUSH=region-north/TYPE=USER@ppg.example.net"
    assert await resolved(resolver, north) == GroupFound("region-north", members)
    south = await resolved(resolver, "WAPPUSH=239.1.2.3/PORT=9000/TYPE=IPv4@x")
    assert south == GroupFound("south", (ClientFound("anna"),))
    assert await resolved(resolver, "WAPPUSH=south/TYPE=USER@x") == NOBODY


async def test_table_outside_is_asked_after_the_settings_and_remembered(tmp_path: Path) -> None:
    path = tmp_path / "table.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE subscribers (address TEXT, client_id TEXT)")
        connection.execute(
            "INSERT INTO subscribers VALUES ('+441', 'berta'), ('+442', 'berta'), ('+443', 'carl')"
        )
    clock = VirtualClock()
    resolver = made_of(
        f"""
        [[resolvers]]
        kind = "sql"
        url = "sqlite:///{path}"
        query = "{QUERY}"
        cache_seconds = 30
        """,
        clock,
    )
    assert await resolved(resolver, "+441") == ClientFound("anna")
    assert await resolved(resolver, "+442") == ClientFound("berta")
    stranger = await resolved(resolver, "+443")
    assert isinstance(stranger, NotServed)
    assert "'carl'" in stranger.reason
    path.rename(tmp_path / "away.db")
    with closing(sqlite3.connect(tmp_path / "away.db")) as connection, connection:
        connection.execute("DELETE FROM subscribers")
    assert await resolved(resolver, "+442") == ClientFound("berta")
    clock.advance(30_000)
    assert await resolved(resolver, "+442") == NOBODY
    await resolver.close()


async def test_service_whose_networks_are_forbidden_is_not_called() -> None:
    resolver = made_of(
        """
        [[resolvers]]
        kind = "http"
        url = "http://localhost:1/{address}"
        forbid = ["127.0.0.0/8", "::1/128"]
        """
    )
    with pytest.raises(ResolverUnavailable, match="policy forbids"):
        await resolved(resolver, "+442")
    await resolver.close()


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"kind": "sql", "url": "sqlite:////x"}, "needs query"),
        ({"kind": "sql", "url": "sqlite:////x", "query": QUERY, "token": "x"}, "token is not for"),
        ({"kind": "http", "url": "http://x/{address}", "query": QUERY}, "query is not for"),
        ({"kind": "ldap", "url": "ldap://x"}, "kind"),
        ({"kind": "http", "url": "http://x/{address}", "token": "a", "token_file": "b"}, "either"),
        ({"kind": "http", "url": "http://x/{address}", "allow": ["nonsense"]}, "allow"),
    ],
)
def test_resolver_with_keys_that_do_not_fit_is_refused(table: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        ResolverTable(**table)


def test_group_of_nobody_is_refused() -> None:
    with pytest.raises(ValidationError, match="needs clients or members"):
        GroupTable(name="empty")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[groups]]\nname='g'\nclients=['nobody']", "'nobody'"),
        ("[[groups]]\nname='g'\nmembers=['/']", "'/'"),
        ("[[groups]]\nname='g'\naddresses=['+441']\nclients=['anna']", "both client 'anna'"),
        ("[[resolvers]]\nkind='sql'\nurl='mysql://x'\nquery='SELECT :address'", "known"),
        ("[[resolvers]]\nkind='http'\nurl='http://x/'", "missing"),
        (
            "[[resolvers]]\nkind='http'\nurl='http://x/{address}'\ntoken_file='/nowhere/at/all'",
            "token_file",
        ),
    ],
)
def test_settings_that_cannot_be_used_are_refused(text: str, reason: str) -> None:
    with pytest.raises(ResolverMisconfigured, match=reason):
        made_of(text)


def test_token_comes_from_the_first_line_of_its_file_and_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret\nmore")
    table = ResolverTable.model_validate(
        {"kind": "http", "url": "http://x/{address}", "token_file": file}
    )
    assert table.secret() == "secret"
    file.write_text("\n")
    with pytest.raises(ResolverMisconfigured, match="empty"):
        table.secret()
    shown = ResolverTable.model_validate(
        {"kind": "http", "url": "http://u:secret@x/{address}", "token": "secret"}
    )
    assert "secret" not in repr(shown)
