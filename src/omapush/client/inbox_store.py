"""The inbox of service indications on disk, so that a restart loses none.

Its own SQLite file, in WAL mode with ``synchronous=FULL``; one connection in one thread. An inbox
is small and a value: :meth:`InboxStore.save` writes how it differs from what was saved before, and
when it returns that is on disk.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

from omapush.client.inbox import MAX_INDICATIONS, Entry, Inbox, State
from omapush.content.indication import ServiceIndication
from omapush.core.errors import DecodeError, EncodeError, OmapushError
from omapush.core.instants import Instant

SCHEMA_VERSION = 1
BUSY_SECONDS = 1
"""How long another process may keep the file."""
SCHEMA = """
CREATE TABLE entry (
    number INTEGER PRIMARY KEY,
    indication BLOB NOT NULL,
    state TEXT NOT NULL,
    received INTEGER,
    source TEXT NOT NULL
);
CREATE TABLE counter (
    next_number INTEGER NOT NULL
);
INSERT INTO counter VALUES (1);
"""

ResultT = TypeVar("ResultT")


class InboxStoreError(OmapushError):
    """The file of the inbox cannot be used."""


class InboxStorage(Protocol):
    """Where an inbox outlives the process."""

    async def load(self) -> Inbox:
        """Return what was saved last; at first an empty inbox."""

    async def save(self, inbox: Inbox) -> None:
        """Make ``inbox`` what is loaded next time."""


class InboxStore:
    """An inbox in a SQLite file. Call :meth:`open` first and :meth:`close` last.

    :param capacity: of the inbox; of a file with more the newest are kept.
    """

    def __init__(self, path: Path, *, capacity: int = MAX_INDICATIONS) -> None:
        self._path = path
        self._capacity = capacity
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inbox-store")
        self._connection: sqlite3.Connection | None = None
        self._saved: dict[int, Entry] = {}

    async def open(self) -> None:
        """Open or make the file. :raises InboxStoreError: it cannot be, or is not ours."""
        await self._run(self._open)

    async def close(self) -> None:
        """Close the file. Safe to call twice."""
        if self._connection is not None:
            await self._run(self._close)
        self._thread.shutdown()

    async def load(self) -> Inbox:
        """Return what was saved last. :raises InboxStoreError: the file cannot be read."""
        return await self._run(self._load)

    async def save(self, inbox: Inbox) -> None:
        """Write how ``inbox`` differs from what was loaded or saved before.

        :raises InboxStoreError: it cannot be written; what was saved before is still there.
        """
        await self._run(lambda: self._save(inbox))

    async def _run(self, work: Callable[[], ResultT]) -> ResultT:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, RuntimeError, EncodeError) as error:
            # RuntimeError: the thread has been shut down.
            raise InboxStoreError(f"{self._path}: {error}") from error

    def _open(self) -> None:
        try:
            # What somebody was told is nobody else's business.
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise InboxStoreError(f"{self._path}: {error.strerror or error}") from error
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=BUSY_SECONDS)
        try:
            _prepare(connection, self._path)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _close(self) -> None:
        self._opened().close()
        self._connection = None

    def _load(self) -> Inbox:
        connection = self._opened()
        (next_number,) = connection.execute("SELECT next_number FROM counter").fetchone()
        rows = connection.execute("SELECT * FROM entry ORDER BY number DESC").fetchall()
        try:
            stored = [_entry(*row) for row in reversed(rows)]
        except (DecodeError, ValueError, TypeError) as error:
            reason = f"{self._path}: an indication in it cannot be read: {error}"
            raise InboxStoreError(reason) from error
        self._saved = {entry.number: entry for entry in stored}
        kept = tuple(stored[-self._capacity :]) if self._capacity else ()
        return Inbox(kept, next_number, self._capacity)

    def _save(self, inbox: Inbox) -> None:
        entries = {entry.number: entry for entry in inbox.entries}
        gone = [(number,) for number in self._saved.keys() - entries.keys()]
        changed = [
            _row(entry) for number, entry in entries.items() if self._saved.get(number) != entry
        ]
        connection = self._opened()
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany("DELETE FROM entry WHERE number = ?", gone)
            connection.executemany("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?)", changed)
            connection.execute("UPDATE counter SET next_number = ?", (inbox.next_number,))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self._saved = entries

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise InboxStoreError("the file of the inbox is not open")
        return self._connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    # Two clients with one file would overwrite each other's numbers.
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("BEGIN IMMEDIATE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute("COMMIT")
    if version > SCHEMA_VERSION:
        raise InboxStoreError(f"{path}: written by a newer omapush")
    if version == 0:
        connection.executescript(
            f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )


def _row(entry: Entry) -> tuple[int, bytes, str, int | None, str]:
    indication = entry.indication.to_wbxml()
    return entry.number, indication, entry.state.value, entry.received, entry.source


def _entry(number: int, indication: bytes, state: str, received: int | None, source: str) -> Entry:
    return Entry(
        number,
        ServiceIndication.from_wbxml(indication),
        State(state),
        None if received is None else Instant(received),
        source,
    )
