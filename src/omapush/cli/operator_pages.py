"""Asking a gateway that runs, at its operator's address, for a page that lists something."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import httpx2
import typer
from rich.console import Console
from rich.table import Table

from omapush.core.errors import OmapushError
from omapush.daemon.settings import PpgSettings
from omapush.daemon.settings_file import load_settings
from omapush.daemon.settings_table import Endpoint, SettingsError, parse_endpoint

PAGE = 1_000
PATIENCE_SECONDS = 15
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where it listens, and we call

Members = dict[str, Any]

AdminAddress = Annotated[
    str | None,
    typer.Option(help="host:port of the gateway's [admin], instead of the settings' one."),
]
GatewaySettings = Annotated[
    Path | None, typer.Option(help="Settings of the gateway; only [admin] is needed.")
]


class GatewayAwayError(OmapushError):
    """No gateway answers there, or not as one does."""


def admin_address(admin: str | None, config: Path | None) -> Endpoint:
    """Return where the operator's pages are. :raises SettingsError: that cannot be told."""
    if admin is None:
        return load_settings(PpgSettings, config).admin.listen
    try:
        return parse_endpoint(admin.removeprefix("http://").rstrip("/"))
    except ValueError as error:
        raise SettingsError(f"--admin: {error}") from error


class ListingPage:
    """One page of the gateway whose operator's pages are at ``address``.

    :param path: of the page; ``member``: what it calls its list.
    :param nobody: how its answer begins that knows nobody of a name.
    """

    def __init__(self, address: Endpoint, path: str, member: str, nobody: str) -> None:
        called = Endpoint(_EVERYWHERE.get(address.host, address.host), address.port)
        self._origin = f"http://{called}"
        self._path = path
        self._member = member
        self._nobody = nobody
        self._next: str | None = None

    def ask(self, **query: str | int) -> tuple[str, list[Members]]:
        """Return the gateway's name and what is listed.

        :raises GatewayAwayError: there is no answer.
        """
        url = f"{self._origin}{self._path}"
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
        """Yield the gateway's name and what it tells, one after the other."""
        node, found = self.ask(limit=at_once)
        while True:
            for each in found:
                yield node, each
            if self._next is None:
                return
            node, found = self.ask(limit=at_once, after=self._next)

    def _read(self, answer: httpx2.Response) -> tuple[str, list[Members]]:
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        if answer.status_code == 404 and answer.text.startswith(self._nobody):
            raise GatewayAwayError(answer.text.strip())
        try:
            told = answer.json() if answer.is_success and is_json else {}
            self._next = told["next"]
            return str(told["node"]), list(told[self._member])
        except (ValueError, KeyError, TypeError) as error:
            raise GatewayAwayError(
                f"what answers at {self._origin} is no [admin] of a gateway that lists this: "
                f"HTTP {answer.status_code}"
            ) from error


def print_some(
    page: ListingPage, limit: int, table: Callable[[list[Members]], Table], nothing: str
) -> None:
    """Print for people as many as they asked for.

    :param table: makes the table of them. :param nothing: is printed if there are none.
    """
    shown = [each for _, each in islice(page.listed(min(limit + 1, PAGE)), limit + 1)]
    if not shown:
        typer.echo(nothing)
        return
    Console().print(table(shown[:limit]))
    if len(shown) > limit:
        typer.echo("and others; --limit N shows more, --json all")


def print_json(node: str, told: Members) -> None:
    """Print one line for programs."""
    typer.echo(json.dumps({"node": node, **told}))


def shown_time(text: str) -> str:
    """Return an instant as people read it, in UTC."""
    return text[:19].replace("T", " ")
