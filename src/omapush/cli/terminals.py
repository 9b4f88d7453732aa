"""``omapush terminals [CLIENT]``: which terminals are connected, and where one client's is.

Asks the gateway that runs, at its operator's address: connections are in its memory alone.
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from omapush.cli import arguments
from omapush.cli.ending import telling
from omapush.cli.operator_pages import (
    AdminAddress,
    GatewaySettings,
    ListingPage,
    Members,
    admin_address,
    print_json,
    print_some,
    shown_time,
)
from omapush.cli.printable_text import printable
from omapush.daemon.settings_table import SettingsError

PATH = "/terminals"
SHOWN = 50
_NOBODY = "no terminal is connected; omapush terminals CLIENT tells when one was seen"


def terminals(
    client: Annotated[
        str | None,
        typer.Argument(help="Id of a client in the settings, or its Terminal-ID; default: all."),
    ] = None,
    *,
    admin: AdminAddress = None,
    config: GatewaySettings = None,
    limit: Annotated[
        int, typer.Option(min=1, help="So many clients are shown; --json shows all.")
    ] = SHOWN,
    as_json: arguments.AsJson = False,
) -> None:
    """List the terminals that are connected to a gateway by OTA-HTTP.

    Of one client, connected or not, it also tells what the ledger knows: when and where its
    terminal was seen, and which gateway process holds its connection.
    """
    with telling(as_json=as_json, asked_wrongly=(SettingsError,)):
        gateway = ListingPage(admin_address(admin, config), PATH, "terminals", "no client")
        if client is not None:
            node, [found] = gateway.ask(client=client)
            print_json(node, found) if as_json else show_client(node, found)
        elif as_json:
            for node, each in gateway.listed():
                print_json(node, each)
        else:
            print_some(gateway, limit, _table, _NOBODY)


# ---- for people ---------------------------------------------------------------------------------


def _table(shown: list[Members]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("client", "terminal"):
        table.add_column(name, overflow="fold")
    for name in ("connected by", "since (UTC)", "under way"):
        table.add_column(name, no_wrap=True)
    table.add_column("takes", overflow="fold")
    for terminal in shown:
        for each in terminal["connections"]:
            cells = (
                terminal["client"],
                _who(each),
                _how(each),
                shown_time(each["since"]),
                str(each["under_way"]),
                _takes(each),
            )
            # A terminal has said some of it: no markup is read in it.
            table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def show_client(node: str, told: Members) -> None:
    """Print where one client's terminal is."""
    lines = [f"{told['client']}, terminal {told['terminal_id'] or 'of any Terminal-ID'}"]
    lines += [f"  way: {way}" for way in told["ways"]]
    for each in told["connections"]:
        state = "connected" if each["usable"] else "connected, and about to close"
        lines.append(
            f"  {state} to {node}: {_how(each)}, since {shown_time(each['since'])}, "
            f"as {_who(each)}, registered {shown_time(each['registered'])}; "
            f"pushes under way: {each['under_way']}; takes {_takes(each)}"
        )
    if not told["connections"]:
        lines.append(f"  not connected to {node}")
    if told["ledger"] is not None:
        lines.append(f"  the ledger does not answer: {told['ledger']}")
    lines += [_held_line(each) for each in told["held_by"] or () if each["node"] != node]
    lines += [_seen_line(each) for each in told["registrations"] or ()]
    if told["registrations"] == []:
        lines.append("  never seen: it has not registered yet, by whichever way")
    typer.echo("\n".join(printable(line) for line in lines))


def _held_line(attachment: Members) -> str:
    return (
        f"  connected to {attachment['node']}: {attachment['kind']} from {attachment['address']}, "
        f"since {shown_time(attachment['since'])}"
    )


def _seen_line(record: Members) -> str:
    at = f" at {record['address']}" if record["address"] else ""
    terminal = f", as {_who(record)}" if record["terminal_id"] else ""
    tag = f", CPITag {record['cpi_tag']}" if record["cpi_tag"] else ""
    seen = shown_time(record["seen"])
    return f"  registered last {seen}{at} ({record['bearer']}){terminal}{tag}"


def _who(told: Members) -> str:
    proved = " (proved)" if told["authenticated"] else ""
    return f"{told['terminal_id'] or 'without Terminal-ID'}{proved}"


def _how(connection: Members) -> str:
    towards = "from" if connection["method"] == "TO-TCP" else "to"
    secure = ", TLS" if connection["tls"] else ""
    return f"{connection['method']} {towards} {connection['peer']}{secure}"


def _takes(connection: Members) -> str:
    takes = connection["takes"]
    some = ", ".join(takes["applications"][:4])
    others = " and others" if len(takes["applications"]) > 4 else ""
    return f"{some}{others}, up to {takes['max_message_size']} octets"
