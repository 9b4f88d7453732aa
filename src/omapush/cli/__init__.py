"""The verbs for people: one module each.

``omapush ppg`` and ``omapush client`` run daemons; ``push``, ``replace``, ``cancel``,
``capabilities`` and ``listen`` are an initiator's tools, ``status`` is an initiator's and an
operator's; ``preview`` shows what ``push`` would send, ``decode`` explains octets; ``check-config``
reads settings; ``hash-password`` makes one of their values; ``demo`` shows the whole. Each prints
for people, or with ``--json`` for programs, and ends with 0 (done), 1 (could not be done) or 2
(asked wrongly).

What verbs share: ``arguments`` has their options, some as dataclasses that ``option_groups`` shows
to typer; ``submission`` is what ``push`` and ``replace`` do; ``recipes`` lets ``push`` and
``preview`` take a recipe as their first word; ``production`` makes the octets that ``preview``
shows; ``octet_input`` reads octets; ``ending`` turns errors into messages and exit status.
"""

from __future__ import annotations

import typer

from omapush import __version__
from omapush.cli.cancel import cancel
from omapush.cli.capabilities import capabilities
from omapush.cli.check_config import check_config
from omapush.cli.client import client
from omapush.cli.decode import decode
from omapush.cli.demo import demo
from omapush.cli.hash_password import hash_password
from omapush.cli.listen import listen
from omapush.cli.option_groups import grouped
from omapush.cli.ppg import ppg
from omapush.cli.preview import preview, preview_recipe
from omapush.cli.push import push
from omapush.cli.recipes import push_recipe, with_recipes
from omapush.cli.replace import replace
from omapush.cli.status import status

application = typer.Typer(
    name="omapush",
    help="OMA Push: Push Proxy Gateway, Push Client and Push Initiator.",
    no_args_is_help=True,
    rich_markup_mode=None,  # "[store]" in a help text is a table of the settings, not markup
    add_completion=False,
    pretty_exceptions_show_locals=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"omapush {__version__}")
        raise typer.Exit


@application.callback()
def _main(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """OMA Push: Push Proxy Gateway, Push Client and Push Initiator."""


application.command("ppg")(ppg)
application.add_typer(client, name="client")
application.command("push", cls=with_recipes("push", push_recipe))(grouped(push))
application.command("preview", cls=with_recipes("preview", preview_recipe))(grouped(preview))
application.command("replace")(grouped(replace))
application.command("cancel")(grouped(cancel))
application.command("status")(grouped(status))
application.command("capabilities")(grouped(capabilities))
application.command("listen")(listen)
application.command("check-config")(check_config)
application.command("hash-password")(hash_password)
application.command("demo")(demo)
application.command("decode")(decode)


def main() -> None:
    """Run the command line."""
    application()
