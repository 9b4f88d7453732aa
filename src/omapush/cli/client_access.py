"""How the verbs of ``omapush client`` reach the client that runs: its service access point."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import grp
import json
import os
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from omapush.cli.ending import telling
from omapush.client.service_client import ServiceClient, ServicePointAwayError
from omapush.core.errors import OmapushError
from omapush.daemon.settings import ClientSettings
from omapush.daemon.settings_file import load_settings
from omapush.daemon.settings_table import SettingsError

T = TypeVar("T")

Members = dict[str, Any]


class ClientAwayError(OmapushError):
    """No client answers at the socket."""


class AskedWronglyError(OmapushError):
    """Arguments that contradict each other, or are not of their form."""


class CannotBeDoneError(OmapushError):
    """What was asked is not there, or did not succeed."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where the client is: options of every verb."""

    config: Annotated[
        Path | None, typer.Option(help="Settings of the client; only [cai] socket is needed.")
    ] = None
    socket: Annotated[
        Path | None, typer.Option(help="Its service access point; instead of the settings.")
    ] = None

    def settings_path(self, context: typer.Context) -> Path | None:
        """Return the file of settings: of the verb, or of ``omapush client`` before it."""
        before: Path | None = context.obj
        return self.config or before

    def socket_path(self, context: typer.Context) -> Path:
        """Return the socket. :raises SettingsError: the settings cannot be used or name none."""
        if self.socket is not None:
            return self.socket
        settings = load_settings(ClientSettings, self.settings_path(context))
        if settings.cai.socket is None:
            raise SettingsError(
                "no socket to ask the client at: the settings have no [cai] socket; give the "
                "client's own by --config, or the socket by --socket"
            )
        return settings.cai.socket


@contextlib.contextmanager
def asking(*, as_json: bool) -> Iterator[None]:
    """Tell an error of ours, and end with its status."""
    with telling(as_json=as_json, asked_wrongly=(SettingsError, AskedWronglyError)):
        yield


@contextlib.asynccontextmanager
async def connected(path: Path) -> AsyncIterator[ServiceClient]:
    """Yield a client of the service access point.

    :raises ClientAwayError: nobody answers there; it says why, as far as that can be seen.
    """
    async with ServiceClient(path) as cai:
        try:
            yield cai
        except ServicePointAwayError as error:
            raise ClientAwayError(away(path)) from error


def away(path: Path) -> str:
    """Return the sentence that no client answers at ``path``, and why."""
    reason = obstacle(path) or "it does not answer as a client does; see omapush client doctor"
    return f"no client answers at {path}: {reason}"


def asked(work: Coroutine[Any, Any, T]) -> T:
    """Run what a verb does to its end."""
    return asyncio.run(work)


def print_json(members: object) -> None:
    """Print one line for programs."""
    typer.echo(json.dumps(members))


def obstacle(path: Path) -> str | None:
    """Return why nobody can be reached at a socket, or ``None`` if somebody listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(5)
        try:
            probe.connect(str(path))
        except OSError as error:
            return _in_words(path, error)
    return None


def _in_words(path: Path, error: OSError) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return "there is no such socket"
        case errno.EACCES | errno.EPERM:
            return f"you may not connect: {_who_may(path)}"
        case errno.ECONNREFUSED | errno.ENOTSOCK:
            if path.exists() and not path.is_socket():
                return "that is no socket"
            return "nobody listens there any more"
    return error.strerror or str(error)


def _who_may(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return "its directory is closed to you"
    try:
        group = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        group = str(status.st_gid)
    own = "you are" if status.st_gid in (os.getegid(), *os.getgroups()) else "you are not"
    return f"it is for group {group}, in which {own}"
