"""``omapush listen``: receive result notifications and show them (PAP 5.2)."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from omapush.cli import arguments
from omapush.cli.ending import telling
from omapush.cli.submission import AskedWronglyError, listening, show_notification
from omapush.initiator.listener import serve
from omapush.initiator.notifications import NotificationReceiver


def listen(
    where: Annotated[
        str, typer.Argument(help="host:port; give its URL to gateways as --notify-to.")
    ] = "127.0.0.1:8090",
    count: Annotated[
        int | None, typer.Option(min=1, help="End after so many; default: never.")
    ] = None,
    as_json: arguments.AsJson = False,
) -> None:
    """Answer result notifications and print each, until interrupted."""
    with telling(as_json=as_json, asked_wrongly=(AskedWronglyError,)):
        endpoint = listening(where)

        async def run() -> None:
            receiver = NotificationReceiver()
            async with serve(receiver, endpoint.host, endpoint.port) as url:
                typer.echo(f"listening on {url}", err=True)
                seen = 0
                async for notification in receiver.notifications():
                    show_notification(notification, as_json=as_json)
                    seen += 1
                    if seen == count:
                        return

        try:
            asyncio.run(run())
        except KeyboardInterrupt:
            return
