"""What the client must not forget: registrations, application tokens, pushes already accepted.

A :mod:`~omapush.client.sqlite_file`, which ``event_store``, ``quarantine`` and ``trust`` keep their
tables in as well. A call that returns has its effect on disk.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from omapush.cai.model import (
    CaiVersion,
    ConnectionProfile,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
)
from omapush.cai.wire import registration_request, request_members
from omapush.client.binding.bindings import WantedBinding
from omapush.client.event_store import SeenMark
from omapush.client.seen_keys import MAX_KEYS, SeenKeys
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
    number INTEGER NOT NULL,
    protocol TEXT NOT NULL,
    profile TEXT NOT NULL,
    scope TEXT NOT NULL,
    server_data TEXT NOT NULL,
    trusted TEXT NOT NULL,
    PRIMARY KEY (registration_id, number)
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
_THIRD_TABLES = """
CREATE TABLE identity (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
"""
"""``identity`` holds who the device is where it has no number: its instance id for SIP."""

MAX_FREE_TOKENS = 256
"""Tokens of one user that are kept though they hold no registration."""
# The owner of a registration names the token, see the service access point.
_DROP_FREE_TOKENS = """
DELETE FROM token WHERE token_hash IN (
    SELECT token_hash FROM (
        SELECT token_hash, uid, created,
            row_number() OVER (PARTITION BY uid ORDER BY created DESC) AS place
        FROM token
        WHERE 'uid:' || uid || '/' || substr(token_hash, 1, 32)
            NOT IN (SELECT owner FROM registration)
    )
    WHERE created <= ? OR (uid = ? AND place >= ?)
)
"""


class ClientStoreError(OmapushError):
    """The client's file cannot be used."""


SCHEMA = Schema(
    "the client's file",
    3,
    _FIRST_TABLES + _SECOND_TABLES + _THIRD_TABLES,
    ClientStoreError,
    upgrades={1: _SECOND_TABLES, 2: _THIRD_TABLES},
)


class ClientStore:
    """The client's file. Call :meth:`open` first and :meth:`close` last."""

    def __init__(self, path: Path) -> None:
        self.file = SqliteFile(path, SCHEMA)
        self._committing = asyncio.Lock()
        self._seen_keys: SeenKeys | None = None
        self._together: tuple[list[tuple[str, Instant]], asyncio.Task[None]] | None = None

    async def open(self) -> None:
        """Open or make the file. :raises ClientStoreError: it cannot be, or is not ours."""
        await self.file.open()
        if self._seen_keys is None:
            self._seen_keys = SeenKeys(await self.file.run(_newest_seen))

    async def close(self) -> None:
        """Close the file. Safe to call twice."""
        async with self._committing:
            self._seen_keys = None
            await self.file.close()

    async def registrations(self) -> list[Registration]:
        """Return every registration that is kept."""
        try:
            return await self.file.run(_registrations)
        except (ValueError, RegistrationRejected) as error:
            detail = f"{self.file.path}: a registration in it cannot be read: {error}"
            raise ClientStoreError(detail) from error

    async def keep(
        self, registration: Registration, bindings: Sequence[WantedBinding] | None = None
    ) -> None:
        """Store a registration, replacing what was stored under its id.

        :param bindings: what it is to be bound by; ``None``: as it was.
        """
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

        def keep(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO registration VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values
            )
            if bindings is not None:
                _replace_bindings(connection, registration.registration_id, bindings)

        await self.file.transaction(keep)

    async def note_state(self, registration: Registration) -> None:
        """Store the state of a registration, if it is still kept."""
        await self._execute(
            "UPDATE registration SET state = ?, updated = ? WHERE registration_id = ?",
            (registration.state.value, registration.updated, registration.registration_id),
        )

    async def bindings(self, registration_id: str) -> list[WantedBinding]:
        """Return what a registration is to be bound by."""
        statement = (
            "SELECT protocol, profile, scope, server_data, trusted FROM binding"
            " WHERE registration_id = ? ORDER BY number"
        )
        rows = await self.file.run(
            lambda connection: connection.execute(statement, (registration_id,)).fetchall()
        )
        return [
            WantedBinding(
                protocol=row[0],
                profile=ConnectionProfile(**json.loads(row[1])),
                scope=row[2],
                server_data=row[3],
                trusted=tuple(json.loads(row[4])),
            )
            for row in rows
        ]

    async def note_binding(self, registration_id: str, number: int, binding: WantedBinding) -> None:
        """Store what a server has said of a binding, if it is still kept."""
        await self._execute(
            "UPDATE binding SET server_data = ?, trusted = ?"
            " WHERE registration_id = ? AND number = ? AND protocol = ? AND scope = ?",
            (
                binding.server_data,
                json.dumps(binding.trusted),
                registration_id,
                number,
                binding.protocol,
                binding.scope,
            ),
        )

    async def forget(self, registration_id: str) -> None:
        """Remove a registration and its bindings."""

        def forget(connection: sqlite3.Connection) -> None:
            connection.execute(
                "DELETE FROM registration WHERE registration_id = ?", (registration_id,)
            )
            connection.execute("DELETE FROM binding WHERE registration_id = ?", (registration_id,))

        await self.file.transaction(forget)

    async def keep_token(self, token_hash: str, uid: int, now: Instant) -> None:
        """Remember an application token by its hash.

        Of those that hold no registration, the old ones are forgotten, and all but the user's
        newest :data:`MAX_FREE_TOKENS`, with this one.
        """

        def keep(connection: sqlite3.Connection) -> None:
            earliest = now - DAY_MS
            connection.execute(_DROP_FREE_TOKENS, (earliest, uid, MAX_FREE_TOKENS))
            values = (token_hash, uid, now)
            connection.execute("INSERT OR REPLACE INTO token VALUES (?, ?, ?)", values)

        await self.file.transaction(keep)

    async def forget_token(self, token_hash: str) -> None:
        """Forget an application token."""
        await self._execute("DELETE FROM token WHERE token_hash = ?", (token_hash,))

    async def has_token(self, token_hash: str, uid: int) -> bool:
        """Whether this token was given to an application of this user."""
        row = await self._one(
            "SELECT 1 FROM token WHERE token_hash = ? AND uid = ?", (token_hash, uid)
        )
        return row is not None

    async def has_seen(self, key: str, now: Instant) -> bool:
        """Whether a push with this key was accepted not long ago."""
        if self._seen_keys is not None and not self._seen_keys.may_have(key, now):
            return False
        row = await self._one("SELECT 1 FROM seen WHERE key = ? AND expires > ?", (key, now))
        return row is not None

    def seen_mark(self, key: str, until: Instant) -> SeenMark:
        """Return a key for :class:`~omapush.client.event_store.EventStore` to write."""
        if self._seen_keys is not None:
            self._seen_keys.note(key, until)
        return SeenMark(key, until)

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
        mark = self.seen_mark(key, until)
        marks.append((mark.key, mark.until))
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


def _newest_seen(connection: sqlite3.Connection) -> list[tuple[str, Instant]]:
    statement = "SELECT key, expires FROM seen ORDER BY expires DESC LIMIT ?"
    rows = connection.execute(statement, (MAX_KEYS + 1,)).fetchall()
    return [(str(key), Instant(expires)) for key, expires in reversed(rows)]


def _replace_bindings(
    connection: sqlite3.Connection, registration_id: str, bindings: Sequence[WantedBinding]
) -> None:
    connection.execute("DELETE FROM binding WHERE registration_id = ?", (registration_id,))
    rows = [
        (
            registration_id,
            number,
            one.protocol,
            json.dumps(asdict(one.profile)),
            one.scope,
            one.server_data,
            json.dumps(one.trusted),
        )
        for number, one in enumerate(bindings)
    ]
    connection.executemany("INSERT INTO binding VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


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
