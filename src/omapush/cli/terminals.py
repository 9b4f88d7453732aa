"""``omapush terminals [CLIENT]``: which terminals are connected, and where one client's is.

Asks the gateway that runs, at its operator's address: connections are in its memory alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import httpx2
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from omapush.cli import arguments
from omapush.cli.ending import telling
from omapush.cli.printable_text import printable
from omapush.core.errors import OmapushError
from omapush.daemon.settings import PpgSettings
from omapush.daemon.settings_file import load_settings
from omapush.daemon.settings_table import Endpoint, SettingsError, parse_endpoint

PATH = "/terminals"
SHOWN = 50
PAGE = 1_000
PATIENCE_SECONDS = 15
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where it listens, and we call

Members = dict[str, Any]


class GatewayAwayError(OmapushError):
    """No gateway answers there, or not as one does."""


def terminals(
    client: Annotated[
        str | None,
        typer.Argument(help="Id of a client in the settings, or its Terminal-ID; default: all."),
    ] = None,
    *,
    admin: Annotated[
        str | None,
        typer.Option(help="host:port of the gateway's [admin], instead of the settings' one."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Settings of the gateway; only [admin] is needed.")
    ] = None,
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
        gateway = _Gateway(_address(admin, config))
        if client is not None:
            node, [found] = gateway.ask(client=client)
            print_json(node, found) if as_json else show_client(node, found)
        elif as_json:
            for node, each in gateway.listed():
                print_json(node, each)
        else:
            _show_some(gateway, limit)


def _address(admin: str | None, config: Path | None) -> Endpoint:
    if admin is None:
        return load_settings(PpgSettings, config).admin.listen
    try:
        return parse_endpoint(admin.removeprefix("http://").rstrip("/"))
    except ValueError as error:
        raise SettingsError(f"--admin: {error}") from error


class _Gateway:
    """The gateway whose operator's pages are at ``address``."""

    def __init__(self, address: Endpoint) -> None:
        called = Endpoint(_EVERYWHERE.get(address.host, address.host), address.port)
        self._origin = f"http://{called}"
        self._next: str | None = None

    def ask(self, **query: str | int) -> tuple[str, list[Members]]:
        """Return the gateway's name and one page. :raises GatewayAwayError: there is no answer."""
        url = f"{self._origin}{PATH}"
        try:
            # The environment may name a proxy, which would not lead to this machine.
            with httpx2.Client(trust_env=False, timeout=PATIENCE_SECONDS) as http:
                answer = http.get(url, params=query)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise GatewayAwayError(
                f"no gateway answers at {self._origin}: {str(error) or type(error).__name__}; "
                "does it run, and is that its [admin] listen? Give --config or --admin"
            ) from error
        return self._read(answer)

    def listed(self, at_once: int = PAGE) -> Iterator[tuple[str, Members]]:
        """Yield the gateway's name and what it tells, terminal by terminal."""
        node, found = self.ask(limit=at_once)
        while True:
            for each in found:
                yield node, each
            if self._next is None:
                return
            node, found = self.ask(limit=at_once, after=self._next)

    def _read(self, answer: httpx2.Response) -> tuple[str, list[Members]]:
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        if answer.status_code == 404 and answer.text.startswith("no client"):
            raise GatewayAwayError(answer.text.strip())
        try:
            told = answer.json() if answer.is_success and is_json else {}
            self._next = told["next"]
            return str(told["node"]), list(told["terminals"])
        except (ValueError, KeyError, TypeError) as error:
            raise GatewayAwayError(
                f"what answers at {self._origin} is no [admin] of a gateway, or of an older one: "
                f"HTTP {answer.status_code}"
            ) from error


def print_json(node: str, told: Members) -> None:
    """Print one line for programs."""
    typer.echo(json.dumps({"node": node, **told}))


# ---- for people ---------------------------------------------------------------------------------


def _show_some(gateway: _Gateway, limit: int) -> None:
    shown = [each for _, each in islice(gateway.listed(min(limit + 1, PAGE)), limit + 1)]
    if not shown:
        typer.echo("no terminal is connected; omapush terminals CLIENT tells when one was seen")
        return
    Console().print(_table(shown[:limit]))
    if len(shown) > limit:
        typer.echo("and others; --limit N shows more, --json all")


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
                _time(each["since"]),
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
            f"  {state} to {node}: {_how(each)}, since {_time(each['since'])}, as {_who(each)}, "
            f"registered {_time(each['registered'])}; pushes under way: {each['under_way']}; "
            f"takes {_takes(each)}"
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
        f"since {_time(attachment['since'])}"
    )


def _seen_line(record: Members) -> str:
    at = f" at {record['address']}" if record["address"] else ""
    terminal = f", as {_who(record)}" if record["terminal_id"] else ""
    tag = f", CPITag {record['cpi_tag']}" if record["cpi_tag"] else ""
    return f"  registered last {_time(record['seen'])}{at} ({record['bearer']}){terminal}{tag}"


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


def _time(text: str) -> str:
    return text[:19].replace("T", " ")
