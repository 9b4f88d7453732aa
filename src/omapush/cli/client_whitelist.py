"""``omapush client whitelist``: the device's list of those whose pushes it takes."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from omapush.cli import arguments
from omapush.cli.client_access import Access, Members, asked, asking, connected, print_json
from omapush.cli.printable_text import printable
from omapush.client.push_mo.model import TrustedKind
from omapush.client.trust.lists import Origin
from omapush.client.trust.source_addresses import KINDS


class Action(enum.StrEnum):
    """What to do with the list."""

    LIST = "list"
    ADD = "add"
    REMOVE = "remove"


_CHANGED_BY = {
    Origin.MO: "the Push MO: whoever manages the device, or omapush client mo",
    Origin.CP: "client provisioning",
    Origin.CONFIG: "the settings' [whitelist]: changed in their file",
    Origin.USER: "people: omapush client whitelist",
}


def whitelist(
    context: typer.Context,
    access: Access,
    action: Annotated[Action, typer.Argument(help="What to do.")] = Action.LIST,
    entry: Annotated[
        str | None,
        typer.Argument(
            metavar="ADDR|NO.", help="The address to add, or the number of the entry to remove."
        ),
    ] = None,
    *,
    type_: Annotated[
        str | None,
        typer.Option(
            "--type",
            help=f"What the address is: {', '.join(sorted(KINDS))}; default: what it looks like.",
        ),
    ] = None,
    application: Annotated[
        list[str] | None,
        typer.Option("--application", "-a", help="Only for this one; may be repeated."),
    ] = None,
    content_type: Annotated[
        list[str] | None, typer.Option(help="Only with this media type; may be repeated.")
    ] = None,
    origin: Annotated[
        Origin | None, typer.Option(help="Which of the lists to change; default: user.")
    ] = None,
    as_json: arguments.AsJson = False,
) -> None:
    """List whose pushes the device takes, add an entry, or remove one."""
    _check(action, entry, [type_, application, content_type], origin)
    changed = origin or Origin.USER
    with asking(as_json=as_json):
        path = access.socket_path(context)
        if action is Action.LIST:
            found = asked(_listed(path))
            print_json(found) if as_json else _show(found)
        elif action is Action.ADD:
            members = _entry(entry or "", type_, application or [], content_type or [])
            added = asked(_add(path, {**members, "origin": changed.value}))
            print_json(added) if as_json else _tell_added(added)
        else:
            number = int(entry or 0)
            asked(_remove(path, changed, number))
            if as_json:
                print_json({"origin": changed.value, "number": number, "removed": True})
            else:
                typer.echo(f"entry {number} of {changed.value} is removed")


def _check(
    action: Action, entry: str | None, of_entry: list[object], origin: Origin | None
) -> None:
    """Check what was given for an action. :raises BadParameter: it does not go with it."""
    if (entry is None) is not (action is Action.LIST):
        needs = "takes no entry" if action is Action.LIST else "needs an address"
        needs = "needs the number of an entry" if action is Action.REMOVE else needs
        raise typer.BadParameter(f"{action} {needs}", param_hint="ADDR|NO.")
    if action is not Action.ADD and any(of_entry):
        raise typer.BadParameter("--type, --application and --content-type are for add")
    if action is Action.LIST and origin is not None:
        raise typer.BadParameter("--origin is for add and remove")
    number = entry or ""
    if action is Action.REMOVE and not (number.isascii() and number.isdecimal()):
        raise typer.BadParameter("remove needs the number of an entry", param_hint="NO.")


def _entry(
    address: str, kind: str | None, applications: list[str], content_types: list[str]
) -> Members:
    wanted = kind.upper() if kind is not None else None
    members: Members = {"addr": address}
    if wanted == "SMSC":
        members["kind"] = TrustedKind.SMSC.value
    elif wanted is not None:
        members["type"] = wanted
    if applications:
        types = {"content_types": content_types} if content_types else {}
        members["apps"] = [{"id": one, **types} for one in applications]
    elif content_types:
        members["content_types"] = content_types
    return members


async def _listed(path: Path) -> Members:
    async with connected(path) as cai:
        return await cai.whitelist()


async def _add(path: Path, members: Members) -> Members:
    async with connected(path) as cai:
        return await cai.add_to_whitelist(members)


async def _remove(path: Path, origin: Origin, number: int) -> None:
    async with connected(path) as cai:
        await cai.remove_from_whitelist(origin.value, number)


# ---- for people ---------------------------------------------------------------------------------


def consequence(listed: Members) -> str:
    """Return what follows from the list, for people."""
    if not listed["in_force"]:
        return "no list is in force: everybody may push"
    if not listed["entries"]:
        return "a list is in force and is empty: nobody may push"
    return "a list is in force: whoever is not on it may not push"


def _show(listed: Members) -> None:
    entries = listed["entries"]
    if entries:
        table = Table(box=None, pad_edge=False)
        table.add_column("origin", no_wrap=True)
        table.add_column("no.", no_wrap=True, justify="right")
        for name in ("address", "type", "applications and content types"):
            table.add_column(name, overflow="fold")
        for one in entries:
            cells = (
                one["origin"],
                str(one["number"]),
                one["addr"],
                "SMSC" if one["kind"] == TrustedKind.SMSC.value else one.get("type") or "",
                _limits(one) or "any",
            )
            # Servers wrote much of it: no markup is read in it.
            table.add_row(*(Text(printable(cell)) for cell in cells))
        Console().print(table)
        typer.echo()
        for origin in Origin:
            if any(one["origin"] == origin.value for one in entries):
                typer.echo(f"{origin.value}: {_CHANGED_BY[origin]}")
    typer.echo(consequence(listed))
    for finding in listed["findings"]:
        typer.echo(finding_line(finding))


def finding_line(finding: Members) -> str:
    """Return what of a Push MO was not taken as it stood, for people."""
    what = "kept, but not understood" if finding["kept"] else "does not count"
    return printable(f"{finding['path']}: {finding['reason']} ({what})")


def _limits(one: Members) -> str:
    return "; ".join(
        " ".join([each["id"], ", ".join(each.get("content_types", []))]).strip()
        for each in one.get("apps", [])
    )


def _tell_added(added: Members) -> None:
    typer.echo(
        printable(f"{added['addr']} is on the list: entry {added['number']} of {added['origin']}")
    )
