"""``omapush listen``: receive result notifications and show them (PAP 5.2)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from omapush.cli import arguments
from omapush.cli.ending import telling
from omapush.cli.submission import ASKED_WRONGLY, AskedWronglyError, listening, show_notification
from omapush.initiator.listener import serve
from omapush.initiator.notifications import NotificationReceiver, NotNowError
from omapush.pap.model import ResultNotificationMessage

PASSWORD_VARIABLE = "OMAPUSH_LISTEN_PASSWORD"  # noqa: S105 - the variable's name


def listen(
    where: Annotated[
        str, typer.Argument(help="host:port; give its URL to gateways as --notify-to.")
    ] = "127.0.0.1:8090",
    count: Annotated[
        int | None, typer.Option(min=1, help="End after so many; default: never.")
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="PEM: this host's certificate; listen with TLS.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="PEM: its private key, if that is a file of its own.")
    ] = None,
    username: Annotated[
        str | None, typer.Option(help="Demand this user name by HTTP Basic.")
    ] = None,
    password: Annotated[
        str | None,
        typer.Option(envvar=PASSWORD_VARIABLE, help="And this; better in the environment."),
    ] = None,
    as_json: arguments.AsJson = False,
) -> None:
    """Print each result notification, and answer it then, until interrupted."""
    with telling(as_json=as_json, asked_wrongly=ASKED_WRONGLY):
        endpoint = listening(where)
        if username is not None and password is None:
            raise AskedWronglyError("--username needs a password")
        shown = 0
        enough = asyncio.Event()

        async def show(notification: ResultNotificationMessage) -> None:
            nonlocal shown
            if enough.is_set():
                raise NotNowError("no more notifications are shown")
            show_notification(notification, as_json=as_json)
            shown += 1
            if shown == count:
                enough.set()

        async def run() -> None:
            receiver = NotificationReceiver(
                show, username=username, password=password if username is not None else None
            )
            async with serve(
                receiver, endpoint.host, endpoint.port, certificate=certificate, key=key
            ) as url:
                typer.echo(f"listening on {url}", err=True)
                await enough.wait()

        try:
            asyncio.run(run())
        except KeyboardInterrupt:
            return
