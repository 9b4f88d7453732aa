"""``omapush client``: run a Push Client, or ask one that runs.

The verbs, a module each: ``client_apps``, ``client_register`` (with deregister), ``client_listen``,
``inbox``, ``client_whitelist``, ``client_mo``, ``client_quarantine``, ``client_gateways``,
``client_sip``, ``client_doctor``. What they share: ``client_access`` finds the client's socket,
``client_tokens`` keeps what makes an application of the command line the owner of its registration,
``client_registering`` registers it, ``client_answering`` answers its pushes, ``push_display`` shows
what they contain.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from omapush.cli.client_apps import apps
from omapush.cli.client_doctor import doctor
from omapush.cli.client_gateways import gateways
from omapush.cli.client_listen import listen
from omapush.cli.client_mo import mo
from omapush.cli.client_quarantine import quarantine
from omapush.cli.client_register import deregister, register
from omapush.cli.client_sip import sip
from omapush.cli.client_whitelist import whitelist
from omapush.cli.ending import telling
from omapush.cli.inbox import inbox
from omapush.cli.option_groups import grouped
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
    """Run a Push Client until it gets SIGTERM or SIGINT; or, with a command, ask one that runs."""
    if context.invoked_subcommand is not None:
        context.obj = config
        return
    # What only the daemon needs; the commands that ask it are to answer at once.
    import uvloop  # noqa: PLC0415 - see above

    from omapush.daemon.client import run_client  # noqa: PLC0415
    from omapush.daemon.logs import configure_logs  # noqa: PLC0415

    with telling(asked_wrongly=(SettingsError,)):
        settings = load_settings(ClientSettings, config)
        configure_logs(settings.log.level, settings.log.format)
        uvloop.run(run_client(settings))


_VERBS: dict[str, Callable[..., None]] = {
    "apps": apps,
    "register": register,
    "deregister": deregister,
    "listen": listen,
    "whitelist": whitelist,
    "quarantine": quarantine,
    "gateways": gateways,
    "sip": sip,
    "doctor": doctor,
}
for _name, _verb in _VERBS.items():
    client.command(_name)(grouped(_verb))
client.command("inbox")(inbox)
client.add_typer(mo, name="mo")
