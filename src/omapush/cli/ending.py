"""How a verb ends when it cannot do what was asked."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import typer

from omapush.cli.printable_text import printable_lines
from omapush.core.errors import OmapushError
from omapush.initiator.client import CredentialsError, TlsFilesError

FAILED = 1
ASKED_WRONGLY = 2

ACCESS_ERRORS: tuple[type[OmapushError], ...] = (CredentialsError, TlsFilesError)
"""Errors of whoever gave credentials and certificates that cannot be used."""


@contextlib.contextmanager
def telling(
    *, as_json: bool = False, asked_wrongly: tuple[type[OmapushError], ...] = ()
) -> Iterator[None]:
    """Turn an error of ours into one message on standard error and an exit status.

    :param asked_wrongly: errors that are the caller's fault: status 2 instead of 1.
    """
    try:
        yield
    except OmapushError as error:
        if as_json:
            typer.echo(json.dumps({"error": str(error)}))
        else:
            typer.echo(f"omapush: {printable_lines(str(error))}", err=True)
        raise typer.Exit(ASKED_WRONGLY if isinstance(error, asked_wrongly) else FAILED) from error
