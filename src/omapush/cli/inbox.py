"""``omapush client inbox``: the service indications that a client has taken (WAP-167).

A client that runs is asked at its service access point; otherwise its file is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import json
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from omapush.cli import arguments
from omapush.cli.ending import telling
from omapush.cli.printable_text import printable
from omapush.client.built_in.inbox_store import InboxStoreError
from omapush.client.built_in.indications import Indications, entry_members
from omapush.client.service_client import ServiceClient, ServicePointError
from omapush.core.errors import OmapushError
from omapush.daemon.built_in import opened_inbox
from omapush.daemon.clock import SystemClock
from omapush.daemon.settings import ClientSettings
from omapush.daemon.settings_file import load_settings
from omapush.daemon.settings_table import SettingsError

Members = dict[str, Any]


class NotInInboxError(OmapushError):
    """There is no such indication, or no inbox that can be looked into."""


class Action(enum.StrEnum):
    """What to do with the inbox."""

    LIST = "list"
    SHOW = "show"
    DELETE = "delete"


class Reading(Protocol):
    """An inbox, wherever it is; entries as JSON-able members."""

    async def listed(self) -> list[Members]:
        """Return all entries in the order of presentation."""

    async def shown(self, number: int) -> Members:
        """Return an entry, which is then noted as shown. :raises NotInInboxError:"""

    async def delete(self, number: int) -> None:
        """Drop an entry. :raises NotInInboxError:"""


def inbox(
    context: typer.Context,
    action: Annotated[Action, typer.Argument(help="What to do.")] = Action.LIST,
    number: Annotated[
        int | None, typer.Argument(min=1, help="Which indication to show or delete.")
    ] = None,
    *,
    config: Annotated[
        Path | None, typer.Option(help="Settings of the client; only [cai] and [inbox] are needed.")
    ] = None,
    as_json: arguments.AsJson = False,
) -> None:
    """List the service indications that a client has taken, show one, or delete one."""
    if (number is None) is not (action is Action.LIST):
        needs = "takes no number" if action is Action.LIST else "needs a number"
        raise typer.BadParameter(f"{action} {needs}", param_hint="NUMBER")
    with telling(as_json=as_json, asked_wrongly=(SettingsError,)):
        settings = load_settings(ClientSettings, config or context.obj)
        told = asyncio.run(_done(settings, action, number or 0))
    if as_json:
        for members in told:
            typer.echo(json.dumps(members))
    elif action is Action.LIST:
        _show_list(told)
    elif action is Action.SHOW:
        _show_one(told[0])
    else:
        typer.echo(f"indication {number} is deleted")


async def _done(settings: ClientSettings, action: Action, number: int) -> list[Members]:
    """Do what was asked; return what to print."""
    async with _reading(settings) as reading:
        match action:
            case Action.LIST:
                return await reading.listed()
            case Action.SHOW:
                return [await reading.shown(number)]
            case Action.DELETE:
                await reading.delete(number)
                return [{"number": number, "deleted": True}]


# ---- where the inbox is -------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _reading(settings: ClientSettings) -> AsyncIterator[Reading]:
    path = settings.cai.socket
    if path is not None and _answers(path):
        async with ServiceClient(path) as client:
            yield _OfRunningClient(client)
    elif not settings.inbox.path.exists():
        raise SettingsError(f"there is no inbox at {settings.inbox.path}")
    else:
        async with contextlib.AsyncExitStack() as stack:
            try:
                opened = opened_inbox(settings, SystemClock())
                indications = await stack.enter_async_context(opened)
            except InboxStoreError as error:
                advice = "a client that runs has to have a [cai] socket to be asked at"
                raise NotInInboxError(f"{error}; {advice}") from error
            yield _OnDisk(indications)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


class _OfRunningClient:
    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def listed(self) -> list[Members]:
        with _instead("the client that runs takes no service indications: see [built_in]"):
            return await self._client.inbox()

    async def shown(self, number: int) -> Members:
        with _instead(_no_such(number)):
            return await self._client.mark_shown(number)

    async def delete(self, number: int) -> None:
        with _instead(_no_such(number)):
            await self._client.delete_indication(number)


@contextlib.contextmanager
def _instead(message: str) -> Iterator[None]:
    """Say ``message`` where the client says that there is no such thing."""
    try:
        yield
    except ServicePointError as error:
        if error.status == 404:
            raise NotInInboxError(message) from error
        raise


class _OnDisk:
    def __init__(self, indications: Indications) -> None:
        self._indications = indications

    async def listed(self) -> list[Members]:
        return [entry_members(entry) for entry in await self._indications.listed()]

    async def shown(self, number: int) -> Members:
        entry = await self._indications.mark_shown(number)
        if entry is None:
            raise NotInInboxError(_no_such(number))
        return entry_members(entry)

    async def delete(self, number: int) -> None:
        if not await self._indications.delete(number):
            raise NotInInboxError(_no_such(number))


def _no_such(number: int) -> str:
    return f"there is no indication {number} in the inbox"


# ---- for people ---------------------------------------------------------------------------------


def _show_list(entries: list[Members]) -> None:
    if not entries:
        typer.echo("the inbox is empty")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("no.", "state", "action", "created (UTC)", "expires (UTC)", "from"):
        table.add_column(name, no_wrap=True)
    table.add_column("text and address", ratio=1, overflow="fold")
    for entry in entries:
        what = "\n".join(printable(part) for part in (entry["text"], entry["href"]) if part)
        cells = (entry["state"], entry["action"], _time(entry["created"]), _time(entry["expires"]))
        table.add_row(
            str(entry["number"]),
            *cells,
            # Whoever pushed wrote these: no markup is read in them.
            Text(printable(entry["source"])),
            Text(what),
        )
    Console().print(table)


def _show_one(entry: Members) -> None:
    lines = {
        "text": entry["text"],
        "address": entry["href"],
        "action": entry["action"],
        "si-id": entry["si_id"],
        "created": entry["created"],
        "expires": entry["expires"],
        "received": entry["received"],
        "from": entry["source"],
    }
    typer.echo(f"indication {entry['number']}, {entry['state']}")
    for name, value in lines.items():
        if value:
            typer.echo(f"  {name}: {printable(value)}")
    for item in entry["info"]:
        typer.echo(f"  info {printable(item['class'])}: {printable(item['text'])}")


def _time(text: str | None) -> str:
    return "" if text is None else text[:16].replace("T", " ")
