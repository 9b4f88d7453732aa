"""From [[groups]] and [[resolvers]] to a resolver that is made of them."""

from __future__ import annotations

import sqlite3
import sys
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from omapush.daemon import resolution
from omapush.daemon.resolution import GroupTable, ResolverTable, resolver_of
from omapush.pap import address as addressing
from omapush.ppg.client import Client
from omapush.ppg.recipients import Recipients
from omapush.ppg.resolution.naptr import Naptr, NaptrAnswer
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
        ({"kind": "http"}, "needs url"),
        ({"kind": "http", "url": "http://x/{address}", "zone": "e164.arpa"}, "zone is not for"),
        ({"kind": "enum", "url": "http://x/{address}"}, "url is not for"),
        ({"kind": "enum", "max_members": 5}, "max_members is not for"),
        ({"kind": "enum", "nameservers": ["ns.example.net"]}, "IP address"),
        ({"kind": "enum", "nameservers": ["192.0.2.1:0"]}, "IP address"),
        ({"kind": "enum", "nameservers": ["192.0.2.1:65536"]}, "IP address"),
        ({"kind": "enum", "nameservers": ["[2001:db8::1"]}, "IP address"),
        ({"kind": "enum", "services": []}, "services"),
        ({"kind": "enum", "services": ["sip"]}, "services"),
        ({"kind": "enum", "services": ["E2U+sip+sms"]}, "services"),
        ({"kind": "enum", "zone": "e164..arpa"}, "zone"),
        ({"kind": "enum", "max_records": 0}, "max_records"),
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


@pytest.mark.parametrize(
    "text",
    ["192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353"],
)
async def test_name_server_is_an_ip_address_with_or_without_port(text: str) -> None:
    resolver = made_of(f"[[resolvers]]\nkind = 'enum'\nnameservers = ['{text}']")
    assert await resolved(resolver, "+441") == ClientFound("anna")  # nobody needs to be asked
    await resolver.close()


def test_enum_without_its_extra_is_refused_and_the_extra_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # None: to import it fails as if it were not there
    for name in [name for name in sys.modules if name == "dns" or name.startswith("dns.")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "dns", None)
    monkeypatch.delitem(sys.modules, "omapush.ppg.resolution.name_servers", raising=False)
    with pytest.raises(ResolverMisconfigured, match=r"omapush\[dns\]"):
        made_of("[[resolvers]]\nkind = 'enum'\nnameservers = ['192.0.2.1']")
    made_of("[[resolvers]]\nkind = 'http'\nurl = 'http://x/{address}'")


async def test_address_that_dns_gives_leads_on_by_resolvers_that_stand_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Zone:
        async def naptr(self, domain: str) -> NaptrAnswer:
            number = domain.split(".", maxsplit=1)[0]
            made = f"!^.*$!tel:+44{number}{number}!"
            return NaptrAnswer((Naptr(1, 1, "u", "E2U+sms:tel", made),), 60_000)

    monkeypatch.setattr(resolution, "_name_servers", lambda *_: Zone())
    path = tmp_path / "table.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE subscribers (address TEXT, client_id TEXT)")
        connection.execute("INSERT INTO subscribers VALUES ('+4422', 'berta'), ('+4433', 'carl')")
    table = f"[[resolvers]]\nkind = 'sql'\nurl = 'sqlite:///{path}'\nquery = '{QUERY}'\n"
    enum = "[[resolvers]]\nkind = 'enum'\nservices = ['E2U+sms']\n"
    for text, two in (
        (table + enum, ClientFound("berta")),
        (enum + table, NotServed("leads by DNS to nobody who is served here")),
        (enum + enum, NotServed("leads by DNS to nobody who is served here")),
    ):
        resolver = made_of(text)
        assert await resolved(resolver, "+442") == two
        assert isinstance(await resolved(resolver, "+443"), NotServed)
        await resolver.close()
