"""The inbox of service indications on disk, so that a restart loses none.

A :mod:`~omapush.client.sqlite_file` of its own. An inbox is small and a value:
:meth:`InboxStore.save` writes how it differs from what was saved before, and when it returns that
is on disk.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Protocol

from omapush.client.built_in.inbox import MAX_INDICATIONS, Entry, Inbox, State
from omapush.client.sqlite_file import Schema, SqliteFile, transact
from omapush.content.indication import ServiceIndication
from omapush.core.errors import DecodeError, EncodeError, OmapushError
from omapush.core.instants import Instant

TABLES = """
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


class InboxStoreError(OmapushError):
    """The file of the inbox cannot be used."""


SCHEMA = Schema("the file of the inbox", 1, TABLES, InboxStoreError, (EncodeError,))


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
        self._file = SqliteFile(path, SCHEMA)
        self._capacity = capacity
        self._saved: dict[int, Entry] = {}

    async def open(self) -> None:
        """Open or make the file. :raises InboxStoreError: it cannot be, or is not ours."""
        await self._file.open()

    async def close(self) -> None:
        """Close the file. Safe to call twice."""
        await self._file.close()

    async def load(self) -> Inbox:
        """Return what was saved last. :raises InboxStoreError: the file cannot be read."""
        return await self._file.run(self._load)

    async def save(self, inbox: Inbox) -> None:
        """Write how ``inbox`` differs from what was loaded or saved before.

        :raises InboxStoreError: it cannot be written; what was saved before is still there.
        """
        await self._file.run(lambda connection: self._save(connection, inbox))

    def _load(self, connection: sqlite3.Connection) -> Inbox:
        (next_number,) = connection.execute("SELECT next_number FROM counter").fetchone()
        rows = connection.execute("SELECT * FROM entry ORDER BY number DESC").fetchall()
        try:
            stored = [_entry(*row) for row in reversed(rows)]
        except (DecodeError, ValueError, TypeError) as error:
            reason = f"{self._file.path}: an indication in it cannot be read: {error}"
            raise InboxStoreError(reason) from error
        self._saved = {entry.number: entry for entry in stored}
        kept = tuple(stored[-self._capacity :]) if self._capacity else ()
        return Inbox(kept, next_number, self._capacity)

    def _save(self, connection: sqlite3.Connection, inbox: Inbox) -> None:
        entries = {entry.number: entry for entry in inbox.entries}
        gone = [(number,) for number in self._saved.keys() - entries.keys()]
        changed = [
            _row(entry) for number, entry in entries.items() if self._saved.get(number) != entry
        ]

        def write(to: sqlite3.Connection) -> None:
            to.executemany("DELETE FROM entry WHERE number = ?", gone)
            to.executemany("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?)", changed)
            to.execute("UPDATE counter SET next_number = ?", (inbox.next_number,))

        transact(connection, write)
        self._saved = entries


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
