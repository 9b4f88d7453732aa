"""``omapush ppg``: run a Push Proxy Gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import uvloop

from omapush.cli.ending import telling
from omapush.daemon.logs import configure_logs
from omapush.daemon.ppg import run_ppg
from omapush.daemon.settings import PpgSettings
from omapush.daemon.settings_file import load_settings
from omapush.daemon.settings_table import SettingsError


def ppg(
    config: Annotated[
        Path | None, typer.Option(help="Settings in TOML; without it the defaults hold.")
    ] = None,
) -> None:
    """Run a Push Proxy Gateway until it gets SIGTERM or SIGINT."""
    with telling(asked_wrongly=(SettingsError,)):
        settings = load_settings(PpgSettings, config)
        configure_logs(settings.log.level, settings.log.format)
        uvloop.run(run_ppg(settings))
