"""``omapush client quarantine``: pushes that a client has refused, and why."""

from __future__ import annotations

import base64
import enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from omapush.cli import arguments
from omapush.cli.client_access import (
    Access,
    CannotBeDoneError,
    asked,
    asking,
    connected,
    print_json,
)
from omapush.cli.printable_text import printable
from omapush.cli.push_display import content_lines
from omapush.client.service_messages import Refused


class Action(enum.StrEnum):
    """What to do with the refused pushes."""

    LIST = "list"
    SHOW = "show"
    CLEAR = "clear"


def quarantine(
    context: typer.Context,
    access: Access,
    action: Annotated[Action, typer.Argument(help="What to do.")] = Action.LIST,
    number: Annotated[int | None, typer.Argument(min=1, help="Which one to show.")] = None,
    *,
    as_json: arguments.AsJson = False,
) -> None:
    """List the pushes that were refused, show one, or forget them all."""
    if (number is None) is (action is Action.SHOW):
        needs = "needs a number" if action is Action.SHOW else "takes no number"
        raise typer.BadParameter(f"{action} {needs}", param_hint="NUMBER")
    with asking(as_json=as_json):
        found = asked(_done(access.socket_path(context), action, number))
    if as_json:
        for one in found:
            print_json(one)
        if action is Action.CLEAR:
            print_json({"cleared": True})
    elif action is Action.CLEAR:
        typer.echo("the quarantine is empty now")
    elif action is Action.SHOW:
        _show_one(found[0])
    else:
        _show_list(found)


async def _done(path: Path, action: Action, number: int | None) -> list[Refused]:
    async with connected(path) as cai:
        if action is Action.CLEAR:
            await cai.clear_quarantine()
            return []
        found = await cai.quarantine()
    if action is Action.LIST:
        return found
    named = [one for one in found if one["number"] == number]
    if not named:
        raise CannotBeDoneError(f"there is no refused push {number} in the quarantine")
    return named


def _show_list(found: list[Refused]) -> None:
    if not found:
        typer.echo("no push was refused")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("no.", "refused (UTC)"):
        table.add_column(name, no_wrap=True)
    for name in ("from", "application", "type", "reason"):
        table.add_column(name, overflow="fold")
    table.add_column("status", no_wrap=True)
    for one in found:
        cells = (
            str(one["number"]),
            one["refused"][:19].replace("T", " "),
            one["source"],
            one["application"] or "none",
            one["content_type"] or "none",
            one["reason"],
            _status(one),
        )
        # Whoever pushed wrote much of it: no markup is read in it.
        table.add_row(*(Text(printable(cell)) for cell in cells))
    Console().print(table)


def _show_one(one: Refused) -> None:
    said = {
        "refused": one["refused"],
        "reason": one["reason"],
        "status": _status(one),
        "from": one["source"],
        "over": f"{one['protocol']}, {one['bearer']}",
        "application": one["application"],
        "type": one["content_type"],
        "push-id": one["push_id"] or "",
    }
    typer.echo(f"refused push {one['number']}")
    for name, value in said.items():
        if value:
            typer.echo(f"  {name}: {printable(value)}")
    content = base64.b64decode(one["content_b64"])
    kept = f", of which {len(content)} are kept" if len(content) < one["octets"] else ""
    typer.echo(f"  content: {one['octets']} octets{kept}")
    whole = not kept
    for line in content_lines(one["content_type"] if whole else "", content):
        typer.echo(f"    {line}")


def _status(one: Refused) -> str:
    """Return what the gateway was told; nothing, where none waited any more."""
    return "" if one["status"] is None else str(one["status"])
