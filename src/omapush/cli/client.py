"""``omapush client``: run a Push Client; ``omapush client inbox``: what it has taken itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import uvloop

from omapush.cli.ending import telling
from omapush.cli.inbox import inbox
from omapush.daemon.client import run_client
from omapush.daemon.logs import configure_logs
from omapush.daemon.settings import ClientSettings
from omapush.daemon.settings_file import load_settings
from omapush.daemon.settings_table import SettingsError

client = typer.Typer(rich_markup_mode=None)


@client.callback(invoke_without_command=True)
def _run(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(help="Settings in TOML; without it the defaults hold.")
    ] = None,
) -> None:
    """Run a Push Client until it gets SIGTERM or SIGINT; or look into its inbox."""
    if context.invoked_subcommand is not None:
        context.obj = config
        return
    with telling(asked_wrongly=(SettingsError,)):
        settings = load_settings(ClientSettings, config)
        configure_logs(settings.log.level, settings.log.format)
        uvloop.run(run_client(settings))


client.command("inbox")(inbox)
