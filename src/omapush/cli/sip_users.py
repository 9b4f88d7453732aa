"""``omapush sip-users [USER]``: which users of the SIP/IP core are registered, and with what.

Asks the gateway that runs, at its operator's address: what it knows of them is in its memory alone.
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
from omapush.ota.sip.push_resource_identifier import ANY

PATH = "/sip-users"
SHOWN = 50
_NOBODY = "no device of a SIP user is known yet; before a push the gateway asks"


def sip_users(
    user: Annotated[
        str | None, typer.Argument(help="A user, as in sip:bob@example.com; default: all.")
    ] = None,
    *,
    admin: AdminAddress = None,
    config: GatewaySettings = None,
    limit: Annotated[
        int, typer.Option(min=1, help="So many users are shown; --json shows all.")
    ] = SHOWN,
    as_json: arguments.AsJson = False,
) -> None:
    """List the users of the SIP/IP core of whose devices a gateway knows.

    It knows what the core or the devices have told since it was started. A user who is not listed
    may be registered all the same: before a push the gateway asks.
    """
    with telling(as_json=as_json, asked_wrongly=(SettingsError,)):
        gateway = ListingPage(admin_address(admin, config), PATH, "users", "no user")
        if user is not None:
            node, [found] = gateway.ask(user=user)
            print_json(node, found) if as_json else show_user(node, found)
        elif as_json:
            for node, each in gateway.listed():
                print_json(node, each)
        else:
            print_some(gateway, limit, _table, _NOBODY)


# ---- for people ---------------------------------------------------------------------------------


def _table(shown: list[Members]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("user", "applications", "known by"):
        table.add_column(name, overflow="fold")
    table.add_column("until (UTC)", no_wrap=True)
    for user in shown:
        for each in user["devices"]:
            cells = (
                user["user"],
                _applications(each),
                each["told_by"],
                _until(each),
            )
            # A device has said some of it: no markup is read in it.
            table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def show_user(node: str, told: Members) -> None:
    """Print what is known of one user."""
    lines = [f"{told['user']}, client {told['client']}, as {node} knows"]
    for each in told["devices"]:
        lines.append(f"  device {each['device'] or 'that tells nothing'}")
        lines.append(f"    known by {each['told_by']}, until {_until(each)}")
        if each["gruu"]:
            lines.append(f"    reached at {each['gruu']}")
        lines.append(f"    applications: {_applications(each)}")
        lines += [f"    instance: {one}" for one in each["instances"] or ()]
        lines.append(f"    takes pushes by {', '.join(each['methods'])}")
        if each["takes"] is not None:
            takes = each["takes"]
            lines.append(
                f"    takes {', '.join(takes['types'])}, up to {takes['max_message_size']} octets"
            )
    if not told["devices"]:
        lines.append("  no device is known; before a push the gateway asks")
    typer.echo("\n".join(printable(line) for line in lines))


def _applications(device: Members) -> str:
    if device["applications"] is None:
        return "not told"
    return ", ".join("any" if each == ANY else each for each in device["applications"]) or "none"


def _until(device: Members) -> str:
    return "always" if device["until"] is None else shown_time(device["until"])
