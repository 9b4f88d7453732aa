"""``omapush check-config FILE``: are these settings good?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from omapush.cli.ending import telling
from omapush.cli.printable_text import printable_lines
from omapush.daemon.ppg import check_ppg_settings
from omapush.daemon.settings import ClientSettings, PpgSettings
from omapush.daemon.settings_file import kind_of, load_settings, read_toml
from omapush.daemon.settings_table import SettingsError


def check_config(
    file: Annotated[Path, typer.Argument(help="Settings of a gateway or of a client, in TOML.")],
) -> None:
    """Read settings, as `omapush ppg` or `omapush client` would, and say what is wrong."""
    with telling(asked_wrongly=(SettingsError,)):
        if kind_of(read_toml(file)) is PpgSettings:
            settings = load_settings(PpgSettings, file)
            findings = check_ppg_settings(settings)
            counted = f"{len(settings.initiators)} initiators, {len(settings.clients)} clients"
            typer.echo(f"{file}: good settings of a gateway ({counted})")
            for finding in findings:
                typer.echo(f"  ! {printable_lines(finding)}")
        else:
            load_settings(ClientSettings, file)
            typer.echo(f"{file}: good settings of a client")
