"""``omapush client apps``: every registration of everybody at a client that runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from omapush.cli import arguments
from omapush.cli.client_access import Access, Members, asked, asking, away, connected, print_json
from omapush.cli.printable_text import printable
from omapush.client.owner import Owner, OwnerKind
from omapush.client.service_client import ServiceClient, ServicePointAwayError
from omapush.client.service_messages import Application, Binding, Registration
from omapush.daemon.system_users import SystemUsers

WATCH_SECONDS = 1.0
"""Between two looks at a client that is watched."""


def apps(
    context: typer.Context,
    access: Access,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on, and print each change of a state.")
    ] = False,
    as_json: arguments.AsJson = False,
) -> None:
    """List every registration: whose it is, how it stands, and what waits for it."""
    with asking(as_json=as_json):
        path = access.socket_path(context)
        try:
            asked(_list(path, watch=watch, as_json=as_json))
        except KeyboardInterrupt:
            return


async def _list(path: Path, *, watch: bool, as_json: bool) -> None:
    async with connected(path) as cai:
        found = await cai.applications()
        if as_json:
            for one in found:
                print_json(one)
        else:
            show_applications(found)
        if watch:
            async for change in _changes(cai, path, found):
                _print_change(change, as_json=as_json)


# ---- watching -----------------------------------------------------------------------------------


async def _changes(
    cai: ServiceClient, path: Path, known: list[Application]
) -> AsyncIterator[Members]:
    """Yield each change of a state that can be seen; a client that goes away comes back."""
    before = {one["id"]: one for one in known}
    is_away = False
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        try:
            now = {one["id"]: one for one in await cai.applications()}
        except ServicePointAwayError:
            if not is_away:
                typer.echo(f"omapush: {away(path)}", err=True)
            is_away = True
            continue
        is_away = False
        for one in now.values():
            old = before[one["id"]]["state"] if one["id"] in before else None
            if old != one["state"]:
                yield {"registration": one, "old": old, "new": one["state"]}
        for registration_id in before.keys() - now.keys():
            gone = before[registration_id]
            yield {"registration": gone, "old": gone["state"], "new": "deregistered"}
        before = now


def _print_change(change: Members, *, as_json: bool) -> None:
    if as_json:
        print_json(change)
        return
    one = change["registration"]
    old = f"{change['old']} -> " if change["old"] is not None else ""
    why = reason_of(one) if change["new"] == one["state"] else ""
    said = f"{_time(one['updated'])}  {name_of(one)}: {old}{change['new']}{why and f', {why}'}"
    typer.echo(printable(said))


# ---- for people ---------------------------------------------------------------------------------


def show_applications(found: list[Application]) -> None:
    """Print registrations as a table."""
    if not found:
        typer.echo("no application is registered")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("application", "owner", "state", "bindings", "accepts"):
        table.add_column(name, overflow="fold")
    table.add_column("waiting", justify="right", no_wrap=True)
    table.add_column("since (UTC)", no_wrap=True)
    for one in found:
        why = reason_of(one)
        cells = (
            name_of(one),
            owner_of(one["owner"]),
            f"{one['state']}, {why}" if why else one["state"],
            "; ".join(binding_of(each) for each in one["bindings"]) or "none",
            ", ".join(one.get("accept", [])) or "any type",
            str(one["waiting"]),
            _time(one["updated"]),
        )
        # Applications and servers wrote much of it: no markup is read in it.
        table.add_row(*(Text(printable(cell)) for cell in cells))
    Console().print(table)


def name_of(one: Registration) -> str:
    """Return the application of a registration, with its instance if it has one."""
    instance = one.get("instance")
    name = one["push_application_id"]
    return f"{name} ({instance})" if instance else name


def reason_of(one: Registration) -> str:
    """Return why a registration is as it is; empty if there is nothing to say."""
    said = [part for part in (one["reason"], one["detail"]) if part]
    return ": ".join(said)


def binding_of(one: Binding) -> str:
    """Return a binding in a few words."""
    where = f" {one['address']}" if one["address"] else ""
    why = f": {one['reason']}" if one["reason"] else ""
    return f"{one['protocol']} {one['bearer']}{where} {one['state']}{why}"


def owner_of(text: str) -> str:
    """Return an owner as people say it."""
    owner = Owner.of(text)
    user = None
    if owner.uid is not None:
        user = SystemUsers().name(owner.uid) or f"user {owner.uid}"
    within = text.partition("/")[2]
    match owner.kind:
        case OwnerKind.IN_PROCESS:
            return "the client's own process"
        case OwnerKind.SOCKET:
            return user or text
        case OwnerKind.DBUS:
            return f"{user}, D-Bus {within.removeprefix('dbus:')}"
        case OwnerKind.FILE:
            return f"{user}, file /{within}"
    return text


def _time(text: str) -> str:
    return text[:16].replace("T", " ")
