"""The verbs for people: one module each.

``omapush ppg`` and ``omapush client`` run daemons, and the verbs of ``client`` ask one that runs;
``push``, ``replace``, ``cancel``, ``capabilities`` and ``listen`` are an initiator's tools,
``status`` is an initiator's and an operator's, ``terminals`` and ``sip-users`` are an operator's;
``preview`` shows what ``push`` would send, ``decode`` explains octets; ``check-config`` reads
settings; ``hash-password`` makes one of their values; ``demo`` shows the whole; ``farm`` runs very
many simulated clients. Each prints for people, or with ``--json`` for programs, and ends with 0
(done), 1 (could not be done) or 2 (asked wrongly).

What verbs share: ``arguments`` has their options, some as dataclasses that ``option_groups`` shows
to typer; ``submission`` is what ``push`` and ``replace`` do; ``recipes`` lets ``push`` and
``preview`` take a recipe as their first word; ``production`` makes the octets that ``preview``
shows; ``operator_pages`` asks a gateway that runs; ``octet_input`` reads octets; ``ending`` turns
errors into messages and exit status.

A verb's module is loaded when the verb is asked for: all of them together take seconds.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable, Iterable
from typing import Any

import typer

from omapush import __version__


def _loaded(module: str) -> Any:  # noqa: ANN401 - a verb's module
    return importlib.import_module(f"omapush.cli.{module}")


def _plain(verb: str) -> Callable[[typer.Typer], None]:
    """Return what adds a verb whose function has its name."""
    name = verb.replace("-", "_")

    def add(group: typer.Typer) -> None:
        group.command(verb)(getattr(_loaded(name), name))

    return add


def _grouped(verb: str) -> Callable[[typer.Typer], None]:
    """Return what adds a verb that shares options with others."""

    def add(group: typer.Typer) -> None:
        group.command(verb)(_loaded("option_groups").grouped(getattr(_loaded(verb), verb)))

    return add


def _with_recipes(verb: str, module: str, make: str) -> Callable[[typer.Typer], None]:
    """Return what adds a verb that takes a recipe as its first word."""

    def add(group: typer.Typer) -> None:
        kind = _loaded("recipes").with_recipes(verb, getattr(_loaded(module), make))
        function = _loaded("option_groups").grouped(getattr(_loaded(verb), verb))
        group.command(verb, cls=kind)(function)

    return add


def _client(group: typer.Typer) -> None:
    group.add_typer(_loaded("client").client, name="client")


_VERBS: dict[str, Callable[[typer.Typer], None]] = {
    "ppg": _plain("ppg"),
    "client": _client,
    "push": _with_recipes("push", "recipes", "push_recipe"),
    "preview": _with_recipes("preview", "preview", "preview_recipe"),
    "replace": _grouped("replace"),
    "cancel": _grouped("cancel"),
    "status": _grouped("status"),
    "terminals": _plain("terminals"),
    "sip-users": _plain("sip-users"),
    "capabilities": _grouped("capabilities"),
    "listen": _plain("listen"),
    "check-config": _plain("check-config"),
    "hash-password": _plain("hash-password"),
    "demo": _plain("demo"),
    "decode": _plain("decode"),
    "farm": _plain("farm"),
}


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"omapush {__version__}")
        raise typer.Exit


def _main(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """OMA Push: Push Proxy Gateway, Push Client and Push Initiator."""


def application_of(verbs: Iterable[str]) -> typer.Typer:
    """Return the command line with some of its verbs, whose modules are loaded."""
    group = typer.Typer(
        name="omapush",
        help="OMA Push: Push Proxy Gateway, Push Client and Push Initiator.",
        no_args_is_help=True,
        rich_markup_mode=None,  # "[store]" in a help text is a table of the settings, not markup
        add_completion=False,
        pretty_exceptions_show_locals=False,
    )
    group.callback()(_main)
    for verb in verbs:
        _VERBS[verb](group)
    return group


def __getattr__(name: str) -> typer.Typer:
    """Return the whole command line as ``application``."""
    if name != "application":
        raise AttributeError(name)
    return application_of(_VERBS)


def main() -> None:
    """Run the command line."""
    asked = sys.argv[1:2]
    known = bool(asked) and asked[0] in _VERBS
    # What is made while modules are read stays: to look through it for garbage, again and again,
    # takes a tenth of the time to the start.
    gc.disable()
    application = application_of(asked if known else _VERBS)
    gc.freeze()
    gc.enable()
    application()
