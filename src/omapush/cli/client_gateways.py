"""``omapush client gateways``: the connections that a client has dialled, and how they stand."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from omapush.cli import arguments
from omapush.cli.client_access import Access, asked, asking, connected, print_json
from omapush.cli.printable_text import printable
from omapush.client.service_messages import Gateway

_STATES = {"on_request": "waits to be asked", "waiting": "waits for the next try"}


def gateways(context: typer.Context, access: Access, *, as_json: arguments.AsJson = False) -> None:
    """List the gateways that the client dials: where, since when, and why the last try ended."""
    with asking(as_json=as_json):
        path = access.socket_path(context)

        async def listed() -> list[Gateway]:
            async with connected(path) as cai:
                return await cai.gateways()

        found = asked(listed())
    if as_json:
        for one in found:
            print_json(one)
    else:
        show_gateways(found)


def show_gateways(found: list[Gateway]) -> None:
    """Print a table."""
    if not found:
        typer.echo(
            "no gateway is dialled: the settings have no [[gateways]], and none was asked for"
        )
        return
    table = Table(box=None, pad_edge=False)
    for name in ("gateway", "why", "state", "at"):
        table.add_column(name, overflow="fold")
    for name in ("since (UTC)", "next try (UTC)"):
        table.add_column(name, no_wrap=True)
    table.add_column("the last one ended", overflow="fold")
    for one in found:
        secure = ", TLS" if one["secure"] else ""
        cells = (
            one["name"],
            one["purpose"],
            _STATES.get(one["state"], one["state"]),
            f"{one['peer']}{secure}" if one["peer"] else ", ".join(one["contact_points"]),
            _time(one["since"]),
            _time(one["next_try"]),
            ending_of(one),
        )
        # A gateway may have said some of it: no markup is read in it.
        table.add_row(*(Text(printable(cell)) for cell in cells))
    Console().print(table)


def ending_of(one: Gateway) -> str:
    """Return when and why the last connection, or try, ended."""
    if one["ended_at"] is None:
        return ""
    return f"{_time(one['ended_at'])}: {one['ended']}"


def _time(text: str | None) -> str:
    return "" if text is None else text[:19].replace("T", " ")
