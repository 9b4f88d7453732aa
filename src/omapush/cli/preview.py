"""``omapush preview``: every octet of a push, from PAP to the SMSC, without sending any."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer

from omapush.cli import arguments
from omapush.cli.ending import FAILED, telling
from omapush.cli.preview_options import LAYERS, Air, Output, PreviewedContent, To
from omapush.cli.production import EXAMPLE_NUMBER, produce
from omapush.cli.recipes import Given, Verb, message_from, no_recipe_among, options_of
from omapush.cli.submission import ASKED_WRONGLY, AskedWronglyError, instant_of, message_of
from omapush.content.message import PushMessage
from omapush.content.recipes import Recipe
from omapush.daemon.clock import SystemClock
from omapush.inspection.preview import Preview, preview_of
from omapush.inspection.preview_rendering import preview_object, render_preview, summarise
from omapush.inspection.preview_warnings import Circumstances, warnings_about
from omapush.inspection.rendering import WARNING


def preview(
    address: Annotated[
        list[str] | None, typer.Argument(help="Recipients, as --to.", metavar="ADDRESS")
    ] = None,
    *,
    to: To = None,
    content: PreviewedContent,
    air: Air,
    output: Output,
    ppg: arguments.Ppg = arguments.DEFAULT_PPG,
    submission: arguments.Submission,
    access: arguments.Access,  # noqa: ARG001 - push has them too
    as_json: arguments.AsJson = False,
) -> None:
    """Show every octet of a push, from PAP to the SMSC. Nothing is sent."""
    with telling(as_json=as_json, asked_wrongly=ASKED_WRONGLY):
        addresses = [*(address or ()), *(to or ())]
        no_recipe_among(addresses, "preview")
        message = message_of(content)
        _show(addresses, message, air, output, ppg, submission, as_json=as_json)


def preview_recipe(recipe: Recipe) -> Verb:
    """Return ``omapush preview RECIPE``. Options of ``push`` that say how to talk to the gateway
    are taken too, so that the same command line does for both.
    """

    def preview(
        *,
        to: To = None,
        given: Given,
        air: Air,
        output: Output,
        ppg: arguments.Ppg = arguments.DEFAULT_PPG,
        submission: arguments.Submission,
        access: arguments.Access,  # noqa: ARG001 - push has them too
        as_json: arguments.AsJson = False,
    ) -> None:
        with telling(as_json=as_json, asked_wrongly=ASKED_WRONGLY):
            message = message_from(recipe, given)
            _show(to or (), message, air, output, ppg, submission, as_json=as_json)

    # The annotation is evaluated where this function is shown to typer.
    preview.__annotations__["given"] = options_of(recipe)
    return preview


def _show(
    addresses: Sequence[str],
    message: PushMessage,
    air: Air,
    output: Output,
    ppg: str,
    asked: arguments.Submission,
    *,
    as_json: bool,
) -> None:
    """Print a preview; status 1 if the push does not get to the end."""
    if output.hex is not None and output.hex not in LAYERS:
        raise AskedWronglyError(f"--hex: {output.hex!r} is none of {', '.join(LAYERS)}")
    now = instant_of("--at", output.at) or SystemClock()()
    to = addresses or (EXAMPLE_NUMBER,)
    produced = produce(to, message, asked, air, ppg, now)
    around = Circumstances(
        now,
        confirmed=bool(asked.confirmed),
        deliver_before=instant_of("--deliver-before", asked.deliver_before),
    )
    preview = preview_of(produced, tuple(warnings_about(produced, around)))
    if output.hex is not None:
        _show_layer(preview, output.hex)
    elif as_json:
        typer.echo(json.dumps(preview_object(preview)))
    else:
        _echo(summarise(preview) if output.summary else render_preview(preview))
    if preview.failure is not None:
        raise typer.Exit(FAILED)


def _show_layer(preview: Preview, name: str) -> None:
    layers = preview.named(name)
    for layer in layers:
        typer.echo(layer.octets.hex())
    if not layers:
        why = preview.failure or "this push has none"
        typer.echo(f"omapush: no {name}: {why}", err=True)
        raise typer.Exit(FAILED)


def _echo(lines: Iterable[str]) -> None:
    for line in lines:
        typer.secho(line, fg=typer.colors.YELLOW if line.startswith(WARNING) else None)
