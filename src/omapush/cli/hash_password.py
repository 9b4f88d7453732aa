"""``omapush hash-password``: what the settings keep instead of a password."""

from __future__ import annotations

import sys

import typer

from omapush.cli.ending import ASKED_WRONGLY
from omapush.ppg.passwords import hash_password as argon2_hash


def hash_password() -> None:
    """Read a password, twice from a terminal or one line of standard input, and print its hash.

    The hash is for `password_hash` of an initiator in a gateway's settings.
    """
    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        typer.echo("omapush: no password on standard input", err=True)
        raise typer.Exit(ASKED_WRONGLY)
    typer.echo(argon2_hash(password))
