"""A SQLite file of the client's own: one connection, in one thread.

WAL mode with ``synchronous=FULL``: what was committed is on disk. The file is readable by its owner
only, and no other process may use it while it is open: two clients with one file would both hand
out the same pushes.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from omapush.core.errors import OmapushError

BUSY_SECONDS = 1
"""How long another process may keep the file; a client keeps it as long as it lives."""

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Schema:
    """What is in the file.

    :ivar name: of the file, in errors.
    :ivar version: of the tables; a file of a later one is not touched.
    :ivar error: what is raised when the file cannot be used.
    :ivar refused: errors of a value that the file cannot hold, raised as ``error`` too.
    :ivar upgrades: what makes of the tables of an older version those of the next one, by the older
        version; each is done wholly or not at all.
    """

    name: str
    version: int
    tables: str
    error: type[OmapushError]
    refused: tuple[type[Exception], ...] = ()
    upgrades: Mapping[int, str] = field(default_factory=dict)


class SqliteFile:
    """The file. Call :meth:`open` first and :meth:`close` last."""

    def __init__(self, path: Path, schema: Schema) -> None:
        self.path = path
        self._schema = schema
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=schema.name)
        self._connection: sqlite3.Connection | None = None
        # RuntimeError: the thread has been shut down.
        self._failures: tuple[type[Exception], ...] = (
            sqlite3.Error,
            RuntimeError,
            *schema.refused,
        )

    async def open(self) -> None:
        """Open or make the file, unless it is open. :raises OmapushError: it cannot be done."""
        if self._connection is None:
            await self._in_thread(self._open)

    async def close(self) -> None:
        """Close the file. Safe to call twice."""
        if self._connection is not None:
            await self._in_thread(self._close)
        self._thread.shutdown()

    async def run(self, work: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """Return what ``work`` returns. :raises OmapushError: the file cannot be used."""
        return await self._in_thread(lambda: work(self._opened()))

    async def transaction(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Do ``work`` wholly or not at all. :raises OmapushError: the file cannot be used."""
        await self.run(lambda connection: transact(connection, work))

    async def _in_thread(self, work: Callable[[], ResultT]) -> ResultT:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except self._failures as error:
            raise self._schema.error(f"{self.path}: {error}") from error

    def _open(self) -> None:
        try:
            # What is in it is nobody else's business.
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise self._schema.error(f"{self.path}: {error.strerror or error}") from error
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=BUSY_SECONDS)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute("COMMIT")
        ours = self._schema.version
        if version > ours:
            raise self._schema.error(f"{self.path}: written by a newer omapush")
        while version < ours:
            tables = self._schema.upgrades[version] if version else self._schema.tables
            version = version + 1 if version else ours
            connection.executescript(
                f"BEGIN IMMEDIATE; {tables} PRAGMA user_version = {version}; COMMIT;"
            )

    def _close(self) -> None:
        self._opened().close()
        self._connection = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise self._schema.error(f"{self._schema.name} is not open")
        return self._connection


def transact(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], object]) -> None:
    """Do ``work`` in a transaction: on disk when this returns, undone when it raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
