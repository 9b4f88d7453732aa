"""What the client must not forget: registrations, application tokens, pushes already accepted.

SQLite in WAL mode with ``synchronous=FULL``; one connection in one thread. A call that returns has
its effect on disk.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from omapush.cai.model import Reason, Registration, RegistrationRejected, RegistrationState
from omapush.cai.wire import registration_request, request_members
from omapush.core.errors import OmapushError
from omapush.core.instants import DAY_MS, Instant

SCHEMA_VERSION = 1
BUSY_SECONDS = 1
"""How long another process may keep the file; a client keeps it as long as it lives."""
SCHEMA = """
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

ResultT = TypeVar("ResultT")


class ClientStoreError(OmapushError):
    """The client's file cannot be used."""


class ClientStore:
    """The client's file. Call :meth:`open` first and :meth:`close` last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="client-store")
        self._connection: sqlite3.Connection | None = None
        self._committing = asyncio.Lock()
        self._together: tuple[list[tuple[str, Instant]], asyncio.Task[None]] | None = None

    async def open(self) -> None:
        """Open or make the file. :raises ClientStoreError: it cannot be, or is not ours."""
        await self._run(self._open)

    async def close(self) -> None:
        """Close the file. Safe to call twice."""
        async with self._committing:
            if self._connection is not None:
                await self._run(self._close)
        self._thread.shutdown()

    async def registrations(self) -> list[Registration]:
        """Return every registration that is kept."""
        try:
            return await self._run(lambda: [_registration(row) for row in self._rows()])
        except (ValueError, RegistrationRejected) as error:
            detail = f"{self._path}: a registration in it cannot be read: {error}"
            raise ClientStoreError(detail) from error

    async def keep(self, registration: Registration) -> None:
        """Store a registration, replacing what was stored under its id."""
        values = (
            registration.registration_id,
            registration.owner,
            registration.push_application_id,
            json.dumps(request_members(registration.request)),
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

        await self._transaction(keep)

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

            await self._transaction(mark)

    async def _transaction(self, work: Callable[[sqlite3.Connection], None]) -> None:
        def transaction() -> None:
            connection = self._open_connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

        await self._run(transaction)

    async def _execute(self, statement: str, values: tuple[object, ...]) -> None:
        await self._run(lambda: self._open_connection().execute(statement, values).close())

    async def _one(self, statement: str, values: tuple[object, ...]) -> object:
        return await self._run(
            lambda: self._open_connection().execute(statement, values).fetchone()
        )

    async def _run(self, work: Callable[[], ResultT]) -> ResultT:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, RuntimeError) as error:
            # RuntimeError: the thread has been shut down.
            raise ClientStoreError(f"{self._path}: {error}") from error

    def _open(self) -> None:
        try:
            # Tokens and addresses are in it: nobody else reads it.
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise ClientStoreError(f"{self._path}: {error.strerror or error}") from error
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=BUSY_SECONDS)
        try:
            _prepare(connection, self._path)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _close(self) -> None:
        self._open_connection().close()
        self._connection = None

    def _rows(self) -> list[tuple[object, ...]]:
        statement = "SELECT * FROM registration ORDER BY created, registration_id"
        return self._open_connection().execute(statement).fetchall()

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise ClientStoreError("the client's file is not open")
        return self._connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    # Two clients with one file would both hand out the same pushes.
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("BEGIN IMMEDIATE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute("COMMIT")
    if version > SCHEMA_VERSION:
        raise ClientStoreError(f"{path}: written by a newer omapush")
    if version == 0:
        connection.executescript(
            f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )


def _registration(row: tuple[object, ...]) -> Registration:
    registration_id, owner, push_application_id, request, state, reason, detail, *times = row
    created, updated = (Instant(int(str(time))) for time in times)
    return Registration(
        registration_id=str(registration_id),
        owner=str(owner),
        push_application_id=str(push_application_id),
        request=registration_request(json.loads(str(request))),
        state=RegistrationState(str(state)),
        created=created,
        updated=updated,
        reason=Reason(str(reason)) if reason is not None else None,
        detail=str(detail),
    )
