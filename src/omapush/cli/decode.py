"""``omapush decode HEX|FILE``: what do these octets mean?"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated

import typer

from omapush.cli import arguments
from omapush.cli.ending import FAILED, telling
from omapush.cli.octet_input import NoSuchInputError, lines_of, octets_of
from omapush.core.errors import DecodeError, LimitError
from omapush.inspection.guessing import NothingFitsError, guess
from omapush.inspection.joining import MAX_SEGMENTS, inspect_joined
from omapush.inspection.jsonable import error_object, inspection_object
from omapush.inspection.layers import inspect
from omapush.inspection.line_mode import decode_line
from omapush.inspection.model import Inspection, Kind
from omapush.inspection.notation import LAYER, of_hexadecimal
from omapush.inspection.rendering import WARNING, printable, render, render_refusal


def decode(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="HEX|FILE...",
            help="Octets in hexadecimal digits; or a file of octets, of digits or of a dump; "
            "- is standard input.",
        ),
    ],
    *,
    kind: Annotated[
        Kind | None, typer.Option("--as", help="What the octets are; default: a guess.")
    ] = None,
    join: Annotated[
        bool, typer.Option("--join", help="The inputs are segments of one message.")
    ] = False,
    lines: Annotated[
        bool,
        typer.Option("--lines", help="Every line of the input is one; prints a JSON object each."),
    ] = False,
    layers: Annotated[
        bool | None,
        typer.Option(
            "--layers/--no-layers",
            help="With --json, every field of every layer too; default: not with --lines.",
        ),
    ] = None,
    as_json: arguments.AsJson = False,
) -> None:
    """Explain octets layer by layer: from SMPP, SIP or HTTP to what a push contains."""
    with telling(as_json=as_json, asked_wrongly=(NoSuchInputError,)):
        if lines and not join:
            done = [_decode_lines(each, kind, layers=bool(layers)) for each in inputs]
        else:
            trees = not as_json or layers is not False
            shown = _Shown(kind, as_json=as_json, trees=trees)
            done = [shown.joined(inputs, lines=lines)] if join else shown.each(inputs)
    if not all(done):
        raise typer.Exit(FAILED)


def _decode_lines(written: str, kind: Kind | None, *, layers: bool) -> bool:
    """Print one JSON object for each line as soon as it came; return if all were decoded."""
    output = typer.get_text_stream("stdout")
    done, number = True, 0
    for lines in lines_of(written):
        for line in lines:
            number += 1
            text, decoded = decode_line(line, number, kind, layers=layers)
            done = done and decoded
            output.write(text + "\n")
        output.flush()
    return done


class _Shown:
    """Shows results and refusals, one after the other."""

    def __init__(self, kind: Kind | None, *, as_json: bool, trees: bool) -> None:
        self._kind = kind
        self._as_json = as_json
        self._trees = trees

    def each(self, inputs: list[str]) -> list[bool]:
        """Show every input for itself; return which could be decoded."""
        done = []
        for number, written in enumerate(inputs, 1):
            if number > 1 and not self._as_json:
                typer.echo()
            done.append(self._one(written, number if len(inputs) > 1 else None))
        return done

    def _one(self, written: str, number: int | None) -> bool:
        octets = b""
        try:
            octets = octets_of(written)
            if self._kind is None:
                inspection = guess(octets, trees=self._trees)
            else:
                inspection = inspect(self._kind, octets, trees=self._trees)
        except DecodeError as error:
            self._refusal(error, octets, number)
            return False
        self._result(inspection)
        return True

    def joined(self, inputs: list[str], *, lines: bool) -> bool:
        """Show the one message that all inputs make; return whether they make one."""
        try:
            segments = _lines(inputs) if lines else [octets_of(each) for each in inputs]
            kind = self._kind or guess(segments[0] if segments else b"", trees=False).kind
            inspection = inspect_joined(kind, segments, trees=self._trees)
        except DecodeError as error:
            self._refusal(error)
            return False
        self._result(inspection)
        return True

    def _result(self, inspection: Inspection) -> None:
        if self._as_json:
            typer.echo(json.dumps(inspection_object(inspection, layers=self._trees)))
        else:
            _echo(render(inspection))

    def _refusal(self, error: DecodeError, octets: bytes = b"", number: int | None = None) -> None:
        if self._as_json:
            layer = LAYER if self._kind is None else self._kind.value
            typer.echo(json.dumps(error_object(error, layer, number)))
            return
        if isinstance(error, NothingFitsError):
            _echo(render_refusal(error.farthest, octets, error.fault))
        elif octets and self._kind is not None:
            _echo(render_refusal(self._kind, octets, error))
        typer.echo(f"omapush: {printable(str(error))}", err=True)


def _lines(inputs: list[str]) -> list[bytes]:
    """Return the octets of all lines of all inputs. :raises DecodeError: one is none."""
    found: list[bytes] = []
    for written in inputs:
        for lines in lines_of(written):
            for line in lines:
                if line is None or len(found) == MAX_SEGMENTS:
                    raise LimitError("a line too long, or too many of them", None, LAYER)
                found.append(of_hexadecimal(line.decode("latin-1")))
    return found


def _echo(lines: Iterable[str]) -> None:
    for line in lines:
        typer.secho(line, fg=typer.colors.YELLOW if line.startswith(WARNING) else None)
