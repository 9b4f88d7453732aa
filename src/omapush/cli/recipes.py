"""Recipes as verbs: ``omapush push si --to +44...``, ``omapush preview si ...``.

The options of a recipe come from :data:`~omapush.content.recipes.table.RECIPES`; whoever adds a
recipe there has it here. What is secret is never an argument, which others on the machine can read:
it comes from a file, from the terminal without echo, or from the environment.

A verb that takes a recipe as its first word is registered with the class that :func:`with_recipes`
makes. Without a recipe it is what it was.
"""

from __future__ import annotations

import dataclasses
import getpass
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from omapush.cli import arguments
from omapush.cli.ending import telling
from omapush.cli.option_groups import grouped
from omapush.cli.submission import ASKED_WRONGLY, AskedWronglyError, octets_of, submit
from omapush.content.message import PushMessage
from omapush.content.recipes import RECIPES, Kind, Parameter, Recipe
from omapush.core.errors import EncodeError

TERMINAL = Path("-")
"""In the place of a file with a secret: it is asked for, or read from standard input."""

Given = Any
"""An object with the options of a recipe: one field for each of its parameters."""

Verb = Callable[..., None]


def message_from(recipe: Recipe, given: Given) -> PushMessage:
    """Return the push message for the options that were given.

    :raises AskedWronglyError: what is missing or malformed, by the name of its option; a file that
        cannot be read.
    """
    words = {
        parameter.name: values
        for parameter in recipe.parameters
        if (values := tuple(_values(parameter, getattr(given, _field_name(parameter)))))
    }
    try:
        return recipe.message(words)
    except EncodeError as error:
        options = {parameter.name: _option(parameter) for parameter in recipe.parameters}
        option = options.get(str(error.position))
        if option is None:
            raise AskedWronglyError(str(error)) from error
        colon = "" if error.reason.startswith(("is ", "wants ")) else ":"
        raise AskedWronglyError(f"{option}{colon} {error.reason}") from error


def _values(parameter: Parameter, given: Any) -> Iterator[str | bytes]:  # noqa: ANN401 - typer's
    if parameter.secret:
        secret = _secret(parameter, given)
        if secret is not None:
            yield secret
    elif parameter.kind is Kind.FLAG:
        if given:
            yield "true"
    elif given is not None:
        for value in given if parameter.many else (given,):
            yield octets_of(value) if parameter.kind is Kind.FILE else value


def _secret(parameter: Parameter, file: Path | None) -> str | None:
    """Return a secret from where it is kept, without the line end that editors put behind it."""
    if file is None:
        return os.environ.get(_variable(parameter))
    if file == TERMINAL:
        if _is_terminal():
            return getpass.getpass(f"{parameter.name}: ")
        return sys.stdin.readline().rstrip("\r\n")
    try:
        return octets_of(file).decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise AskedWronglyError(f"{file}: not text") from error


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _field_name(parameter: Parameter) -> str:
    return f"recipe_{parameter.name.replace('-', '_')}"


def _option(parameter: Parameter) -> str:
    return f"--{parameter.name}-file" if parameter.secret else f"--{parameter.name}"


def _variable(parameter: Parameter) -> str:
    return f"OMAPUSH_{parameter.name.replace('-', '_').upper()}"


def _help(parameter: Parameter) -> str:
    said = parameter.help
    if parameter.secret:
        said += f" In a file, - asks for it; or in the environment, {_variable(parameter)}."
    if parameter.many:
        said += " May be repeated."
    return f"{said} Required." if parameter.required else said


def _metavar(parameter: Parameter) -> str:
    if parameter.choices:
        return f"[{'|'.join(parameter.choices)}]"
    return "FILE" if parameter.kind is Kind.FILE or parameter.secret else "TEXT"


def options_of(recipe: Recipe) -> type[Any]:
    """Return a dataclass with an option for each parameter, as ``option_groups`` takes it."""
    return dataclasses.make_dataclass(
        f"{recipe.name.title().replace('-', '')}Options",
        [_option_field(parameter) for parameter in recipe.parameters],
        frozen=True,
    )


def _option_field(parameter: Parameter) -> tuple[str, Any, Any]:
    # Nothing is required here: the recipe says what is missing, in the same words as all else.
    shown = typer.Option(_option(parameter), help=_help(parameter), metavar=_metavar(parameter))
    kind: Any = str | None
    default: Any = None
    if parameter.kind is Kind.FLAG:
        shown = typer.Option(_option(parameter), help=_help(parameter))
        kind, default = bool, False
    elif parameter.secret or parameter.kind is Kind.FILE:
        kind = Path | None
    elif parameter.many:
        kind = list[str] | None
    return _field_name(parameter), Annotated[kind, shown], dataclasses.field(default=default)


# ---- verbs that take a recipe first --------------------------------------------------------------


def with_recipes(verb: str, make: Callable[[Recipe], Verb]) -> type[TyperCommand]:
    """Return the class of a command that is another one when its first word is a recipe.

    :param verb: its name, for examples.
    :param make: returns the function to call for a recipe; ``option_groups`` sees it.
    """
    commands: Mapping[str, Any] = {
        name: _command(verb, recipe, make(recipe)) for name, recipe in RECIPES.items()
    }

    class CommandWithRecipes(TyperCommand):
        def make_context(
            self,
            info_name: str | None,
            args: list[str],
            parent: Any = None,  # noqa: ANN401 - typer keeps its class of contexts to itself
            **extra: Any,  # noqa: ANN401 - settings of typer
        ) -> Any:  # noqa: ANN401
            if args and args[0] in commands:
                name = f"{info_name} {args[0]}"
                return commands[args[0]].make_context(name, args[1:], parent=parent, **extra)
            return super().make_context(info_name, args, parent=parent, **extra)

        def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as above
            with formatter.section("Recipes"):
                formatter.write_dl([(name, recipe.summary) for name, recipe in RECIPES.items()])
            formatter.write_paragraph()
            formatter.write_text(
                f"A recipe comes first: omapush {verb} si --text Hello --to +441234567890. "
                f"Its options: omapush {verb} si --help."
            )

    return CommandWithRecipes


def _command(name: str, recipe: Recipe, verb: Verb) -> Any:  # noqa: ANN401 - as above
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    other = "preview" if name == "push" else "push"
    purpose = "shows every octet and sends nothing" if name == "push" else "sends it"
    epilog = f"omapush {other} {recipe.name} with the same options {purpose}."
    alone.command(recipe.name, help=recipe.summary, epilog=epilog)(grouped(verb))
    return typer.main.get_command(alone)


def no_recipe_among(addresses: Iterable[str], verb: str) -> None:
    """Refuse the name of a recipe where addresses stand: it was meant to come first.

    :raises AskedWronglyError: there is one.
    """
    for address in addresses:
        if address in RECIPES:
            raise AskedWronglyError(
                f"{address} is a recipe and comes first: omapush {verb} {address} --to ...; "
                f"a user of that name is WAPPUSH={address}/TYPE=USER@ and the gateway's name"
            )


def recipients(given: Sequence[str] | None) -> Sequence[str]:
    """Return those that the push is for. :raises AskedWronglyError: nobody."""
    if not given:
        raise AskedWronglyError("--to is missing: say who gets it")
    return given


# ---- push ----------------------------------------------------------------------------------------


def push_recipe(recipe: Recipe) -> Verb:
    """Return ``omapush push RECIPE``."""

    def push(
        *,
        to: Annotated[
            list[str] | None,
            typer.Option("--to", help=f"Recipient. May be repeated. {arguments.FORMS}"),
        ] = None,
        given: Given,
        ppg: arguments.Ppg = arguments.DEFAULT_PPG,
        submission: arguments.Submission,
        access: arguments.Access,
        as_json: arguments.AsJson = False,
    ) -> None:
        with telling(as_json=as_json, asked_wrongly=ASKED_WRONGLY):
            message = message_from(recipe, given)
            initiator = access.initiator(ppg)
            submit(recipients(to), message, submission, initiator, as_json=as_json)

    # The annotation is evaluated where this function is shown to typer.
    push.__annotations__["given"] = options_of(recipe)
    return push
