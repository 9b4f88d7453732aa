"""What the client must not forget: registrations, application tokens, pushes already accepted.

A :mod:`~omapush.client.sqlite_file`, which ``event_store``, ``quarantine`` and ``trust`` keep their
tables in as well. A call that returns has its effect on disk.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import replace
from pathlib import Path

from omapush.cai.model import (
    CaiVersion,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
)
from omapush.cai.wire import registration_request, request_members
from omapush.client.sqlite_file import Schema, SqliteFile
from omapush.core.errors import OmapushError
from omapush.core.instants import DAY_MS, Instant

_FIRST_TABLES = """
CREATE TABLE registration (
    registration_id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    push_application_id TEXT NOT NULL,
    request TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    detail TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE token (
    token_hash TEXT PRIMARY KEY,
    uid INTEGER NOT NULL,
    created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE seen (
    key TEXT PRIMARY KEY,
    expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX seen_expires ON seen (expires);
"""
_SECOND_TABLES = """
CREATE TABLE binding (
    registration_id TEXT NOT NULL,
    profile TEXT NOT NULL,
    protocol TEXT NOT NULL,
    server_data TEXT NOT NULL,
    trusted TEXT NOT NULL,
    PRIMARY KEY (registration_id, profile)
) WITHOUT ROWID;
CREATE TABLE event (
    event_id TEXT PRIMARY KEY,
    registration_id TEXT NOT NULL,
    members TEXT NOT NULL,
    content BLOB NOT NULL,
    attempts INTEGER NOT NULL,
    due INTEGER NOT NULL,
    expires INTEGER NOT NULL
);
CREATE INDEX event_of_registration ON event (registration_id);
CREATE TABLE trusted_source (
    origin TEXT NOT NULL,
    position INTEGER NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (origin, position)
) WITHOUT ROWID;
CREATE TABLE management_object (
    number INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    format TEXT NOT NULL,
    value TEXT NOT NULL
);
CREATE TABLE quarantine (
    number INTEGER PRIMARY KEY,
    refused INTEGER NOT NULL,
    members TEXT NOT NULL,
    octets INTEGER NOT NULL
);
"""
"""``trusted_source`` and ``management_object`` hold device lists by origin, and the Push MO, its
nodes in the order of the tree."""


class ClientStoreError(OmapushError):
    """The client's file cannot be used."""


SCHEMA = Schema(
    "the client's file",
    2,
    _FIRST_TABLES + _SECOND_TABLES,
    ClientStoreError,
    upgrades={1: _SECOND_TABLES},
)


class ClientStore:
    """The client's file. Call :meth:`open` first and :meth:`close` last."""

    def __init__(self, path: Path) -> None:
        self.file = SqliteFile(path, SCHEMA)
        self._committing = asyncio.Lock()
        self._together: tuple[list[tuple[str, Instant]], asyncio.Task[None]] | None = None

    async def open(self) -> None:
        """Open or make the file. :raises ClientStoreError: it cannot be, or is not ours."""
        await self.file.open()

    async def close(self) -> None:
        """Close the file. Safe to call twice."""
        async with self._committing:
            await self.file.close()

    async def registrations(self) -> list[Registration]:
        """Return every registration that is kept."""
        try:
            return await self.file.run(_registrations)
        except (ValueError, RegistrationRejected) as error:
            detail = f"{self.file.path}: a registration in it cannot be read: {error}"
            raise ClientStoreError(detail) from error

    async def keep(self, registration: Registration) -> None:
        """Store a registration, replacing what was stored under its id."""
        values = (
            registration.registration_id,
            registration.owner,
            registration.push_application_id,
            _request_text(registration.request),
            registration.state.value,
            registration.reason.value if registration.reason else None,
            registration.detail,
            registration.created,
            registration.updated,
        )
        await self._execute(
            "INSERT OR REPLACE INTO registration VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values
        )

    async def forget(self, registration_id: str) -> None:
        """Remove a registration."""
        await self._execute(
            "DELETE FROM registration WHERE registration_id = ?", (registration_id,)
        )

    async def keep_token(self, token_hash: str, uid: int, now: Instant) -> None:
        """Remember an application token by its hash; forget old ones that hold no registration."""

        def keep(connection: sqlite3.Connection) -> None:
            # The owner of a registration names the token, see the service access point.
            connection.execute(
                "DELETE FROM token WHERE created <= ? AND NOT EXISTS (SELECT 1 FROM registration"
                " WHERE owner = 'uid:' || token.uid || '/' || substr(token.token_hash, 1, 32))",
                (now - DAY_MS,),
            )
            values = (token_hash, uid, now)
            connection.execute("INSERT OR REPLACE INTO token VALUES (?, ?, ?)", values)

        await self.file.transaction(keep)

    async def has_token(self, token_hash: str, uid: int) -> bool:
        """Whether this token was given to an application of this user."""
        row = await self._one(
            "SELECT 1 FROM token WHERE token_hash = ? AND uid = ?", (token_hash, uid)
        )
        return row is not None

    async def has_seen(self, key: str, now: Instant) -> bool:
        """Whether a push with this key was accepted not long ago."""
        row = await self._one("SELECT 1 FROM seen WHERE key = ? AND expires > ?", (key, now))
        return row is not None

    async def mark_seen(self, key: str, until: Instant, now: Instant) -> None:
        """Remember that a push was accepted; keys whose time is over are dropped.

        Calls that wait at the same time share one commit.
        """
        if self._together is None:
            marks: list[tuple[str, Instant]] = []
            task = asyncio.create_task(self._commit_marks(marks, now))
            # Told to those who wait; if nobody does any more, there is nobody to tell.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._together = marks, task
        marks, task = self._together
        marks.append((key, until))
        await asyncio.shield(task)

    async def _commit_marks(self, marks: list[tuple[str, Instant]], now: Instant) -> None:
        async with self._committing:  # whoever comes while another commit runs joins this one
            self._together = None

            def mark(connection: sqlite3.Connection) -> None:
                connection.execute("DELETE FROM seen WHERE expires <= ?", (now,))
                connection.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?)", marks)

            await self.file.transaction(mark)

    async def _execute(self, statement: str, values: tuple[object, ...]) -> None:
        await self.file.run(lambda connection: connection.execute(statement, values).close())

    async def _one(self, statement: str, values: tuple[object, ...]) -> object:
        return await self.file.run(
            lambda connection: connection.execute(statement, values).fetchone()
        )


def _registrations(connection: sqlite3.Connection) -> list[Registration]:
    statement = "SELECT * FROM registration ORDER BY created, registration_id"
    return [_registration(row) for row in connection.execute(statement).fetchall()]


def _registration(row: tuple[object, ...]) -> Registration:
    registration_id, owner, push_application_id, request, state, reason, detail, *times = row
    created, updated = (Instant(int(str(time))) for time in times)
    return Registration(
        registration_id=str(registration_id),
        owner=str(owner),
        push_application_id=str(push_application_id),
        request=_request(str(request)),
        state=RegistrationState(str(state)),
        created=created,
        updated=updated,
        reason=Reason(str(reason)) if reason is not None else None,
        detail=str(detail),
    )


_VERSION = "cai_version"


def _request_text(request: RegistrationRequest) -> str:
    return json.dumps({**request_members(request), _VERSION: request.cai_version.value})


def _request(text: str) -> RegistrationRequest:
    members = json.loads(text)
    version = CaiVersion(members.pop(_VERSION, CaiVersion.V1_1.value))
    return replace(registration_request(members), cai_version=version)
