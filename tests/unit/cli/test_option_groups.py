"""Options that are written once as the fields of a dataclass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from omapush.cli.option_groups import grouped


@dataclass(frozen=True, slots=True)
class Colours:
    paper: Annotated[str, typer.Option(help="Behind.")]
    ink: Annotated[str, typer.Option("--ink", "-i", envvar="INK")] = "black"
    shades: Annotated[list[str] | None, typer.Option("--shade")] = None


@dataclass(frozen=True, slots=True)
class Size:
    width: Annotated[int, typer.Option(min=1)] = 10


def draw(
    what: Annotated[str, typer.Argument()],
    *,
    twice: Annotated[bool, typer.Option("--twice")] = False,
    colours: Colours,
    size: Size,
) -> None:
    """Draw it."""
    typer.echo(f"{what} {twice} {colours} {size}")


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    application = typer.Typer()
    application.command()(grouped(draw))
    shown = CliRunner().invoke(application, arguments, env=environment)
    return shown.exit_code, shown.output


def test_verb_gets_an_object_for_each_group() -> None:
    status, out = run("cat", "--paper", "red", "--shade", "x", "--shade", "y", "--width", "3")
    groups = f"{Colours('red', 'black', ['x', 'y'])} {Size(3)}"
    assert (status, out) == (0, f"cat False {groups}\n")
    status, out = run("cat", "--twice", "--paper", "red", INK="blue")
    assert (status, out) == (0, f"cat True {Colours('red', 'blue')} {Size()}\n")


def test_fields_are_options_like_any_other() -> None:
    assert run("cat")[0] == 2  # --paper has no default
    assert run("cat", "--paper", "red", "--width", "0")[0] == 2
    status, out = run("--help")
    assert status == 0
    for shown in ("Draw it.", "Behind.", "--ink", "--width", "--twice"):
        assert shown in out


def test_verb_itself_can_still_be_called() -> None:
    draw("cat", colours=Colours("red"), size=Size())
    assert grouped(draw).__doc__ == draw.__doc__
