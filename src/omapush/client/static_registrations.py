"""Registrations that stand in files (IF-T9): for applications that cannot register themselves.

A directory holds one ``*.toml`` file for each registration, with the members of a registration
request (``cai.wire``); ``event_handler`` is mandatory, because nobody else would ask for the
events. The owner of the file is the user who registers, and is judged like every other.

:meth:`StaticRegistrations.load` is called at the start and on each reload, and makes the client's
registrations what the files say: a new file is registered, a changed one updated, one that is gone
deregistered. A file that is not taken is logged with its reason and skipped; what was registered by
it before stays, so that a slip of the pen costs nothing.
"""

from __future__ import annotations

import asyncio
import os
import stat
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import structlog

from omapush.cai.model import CaiError, Registration, RegistrationRequest
from omapush.cai.wire import registration_request
from omapush.client.handlers.address import parse_address
from omapush.client.owner import Owner, OwnerKind, file_owner
from omapush.content.application_id import ApplicationId
from omapush.core.errors import DecodeError, OmapushError

log = structlog.get_logger(__name__)

SUFFIX = ".toml"
MAX_FILES = 256
"""Files that are read; as many registrations as the client has in all."""
MAX_OCTETS = 65_536
"""Octets of the largest file."""


class StaticRegistrationError(OmapushError):
    """The file cannot be taken, or the directory cannot be read."""


class RegistrationAgent(Protocol):
    """What is asked of the client."""

    async def register(self, owner: str, request: RegistrationRequest) -> Registration:
        """Register; see ``cai.service``."""

    async def change(
        self, owner: str, registration_id: str, request: RegistrationRequest
    ) -> Registration:
        """Replace the request of one registration."""

    async def deregister(self, owner: str, registration_id: str) -> Registration:
        """Deregister; see ``cai.service``."""

    def live_registrations(self) -> list[Registration]:
        """Return every registration that counts."""


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file that can be taken.

    :ivar application: the push application id in canonical form.
    """

    owner: str
    application: str
    request: RegistrationRequest


@dataclass(slots=True)
class Loaded:
    """What a load has done; each list holds owners, which name the files.

    :ivar skipped: reasons by path.
    :ivar again: whether what was skipped may fare better later, without any change of a file.
    """

    registered: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    deregistered: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    again: bool = False


class StaticRegistrations:
    """The registrations of one directory.

    :param directory: ``None``: there is none, and what earlier ones have registered ends.
    """

    def __init__(self, agent: RegistrationAgent, directory: Path | None) -> None:
        self._agent = agent
        self._directory = directory.absolute() if directory is not None else None
        self._loading = asyncio.Lock()

    async def load(self) -> Loaded:
        """Register what the files say; return what was done. A load waits for the one before."""
        async with self._loading:
            loaded = Loaded()
            try:
                files = await asyncio.to_thread(read_directory, self._directory)
            except StaticRegistrationError as error:
                # Nothing ends only because a disk is away.
                log.error("static_registrations_unreadable", reason=error.reason)
                loaded.skipped[str(self._directory)] = error.reason
                return loaded
            await self._end_what_is_gone(files, loaded)
            for path, file in files.items():
                reason = (
                    file.reason
                    if isinstance(file, StaticRegistrationError)
                    else await self._take(file, loaded)
                )
                if reason is not None:
                    log.error("static_registration_skipped", path=path, reason=reason)
                    loaded.skipped[path] = reason
            if self._directory is None and not loaded.deregistered:
                return loaded  # there are none, which needs no word
            log.info(
                "static_registrations_loaded",
                files=len(files),
                registered=len(loaded.registered),
                changed=len(loaded.changed),
                deregistered=len(loaded.deregistered),
                skipped=len(loaded.skipped),
            )
            return loaded

    async def _end_what_is_gone(
        self, files: dict[str, StaticFile | StaticRegistrationError], loaded: Loaded
    ) -> None:
        """Deregister before anything is registered: an id may move from one file to another."""
        for registration in self._own():
            path = registration.owner[registration.owner.index("/") :]
            file = files.get(path)
            if isinstance(file, StaticRegistrationError):
                continue
            if file is not None and _is_by(registration, file):
                continue
            try:
                await self._agent.deregister(registration.owner, registration.registration_id)
            except OmapushError as error:
                log.error("static_registration_not_ended", path=path, reason=str(error))
                continue
            loaded.deregistered.append(registration.owner)

    async def _take(self, file: StaticFile, loaded: Loaded) -> str | None:
        """Register or update what a file says; return why that is not possible."""
        known = next((one for one in self._own() if _is_by(one, file)), None)
        try:
            if known is None:
                await self._agent.register(file.owner, file.request)
                loaded.registered.append(file.owner)
            elif known.request != file.request:
                await self._agent.change(file.owner, known.registration_id, file.request)
                loaded.changed.append(file.owner)
        except CaiError as error:
            # CAI-20: the id may be another's, or the owner may not have it. Or its bearer is not
            # there yet, as after a start.
            loaded.again |= error.cause.retryable
            return str(error)
        except OmapushError as error:
            loaded.again = True
            return str(error)
        return None

    def _own(self) -> list[Registration]:
        return [
            one
            for one in self._agent.live_registrations()
            if Owner.of(one.owner).kind is OwnerKind.FILE
        ]


def read_directory(directory: Path | None) -> dict[str, StaticFile | StaticRegistrationError]:
    """Return what each file of a directory says, or why it is not taken, by path. Blocks.

    :raises StaticRegistrationError: the directory cannot be read.
    """
    if directory is None:
        return {}
    try:
        paths = sorted(path for path in directory.iterdir() if _is_meant(path.name))
    except OSError as error:
        raise StaticRegistrationError(f"{directory}: {error.strerror or error}") from error
    found: dict[str, StaticFile | StaticRegistrationError] = {}
    for path in paths[:MAX_FILES]:
        try:
            found[str(path)] = read_file(path)
        except StaticRegistrationError as error:
            found[str(path)] = error
    if len(paths) > MAX_FILES:
        reason = f"of its files only the first {MAX_FILES} are taken, in the order of their names"
        found[str(directory)] = StaticRegistrationError(reason)
    return found


def _is_meant(name: str) -> bool:
    return name.endswith(SUFFIX) and not name.startswith(".")


def read_file(path: Path) -> StaticFile:
    """Read one file. Blocks.

    :raises StaticRegistrationError: too large, of an unsafe mode, or no registration.
    """
    uid, octets = _read(path)
    try:
        request = registration_request(tomllib.loads(octets.decode("utf-8")))
        address = parse_address(request.event_handler)
    except (ValueError, RecursionError) as error:
        raise StaticRegistrationError(f"is no TOML: {str(error)[:200]}") from error
    except OmapushError as error:
        raise StaticRegistrationError(str(error)) from error
    try:
        application = ApplicationId.parse(request.push_application_id)
    except DecodeError as error:
        raise StaticRegistrationError(f"push_application_id: {error.reason}") from error
    if address is None:
        raise StaticRegistrationError("event_handler is missing: nobody would get the pushes")
    return StaticFile(file_owner(uid, str(path)), application.canonical, request)


def _read(path: Path) -> tuple[int, bytes]:
    """Return whose file it is and what is in it; both of the very same file."""
    try:
        # What is no regular file is not waited for, and links do not lead elsewhere.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise StaticRegistrationError(error.strerror or str(error)) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise StaticRegistrationError("is no regular file")
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise StaticRegistrationError("may be written by others than its owner")
        with open(descriptor, "rb", closefd=False) as file:
            octets = file.read(MAX_OCTETS + 1)
    except OSError as error:
        raise StaticRegistrationError(error.strerror or str(error)) from error
    finally:
        os.close(descriptor)
    if len(octets) > MAX_OCTETS:
        raise StaticRegistrationError(f"has more than {MAX_OCTETS} octets")
    return status.st_uid, octets


def _is_by(registration: Registration, file: StaticFile) -> bool:
    """Whether a registration is the file's, which an update leaves with its owner and its id."""
    return (registration.owner, registration.push_application_id) == (file.owner, file.application)
