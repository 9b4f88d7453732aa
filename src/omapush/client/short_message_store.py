"""The short messages that were taken and are not dealt with, on disk.

Its own SQLite file, in WAL mode with ``synchronous=FULL``; one connection in one thread. Two kinds
of rows: segments that wait for others, by the name of their group, and whole datagrams that wait
for their application. A call that returns has its effect on disk.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from omapush.client.short_messages import Arrived, Held, Originator
from omapush.core.errors import OmapushError
from omapush.core.instants import Instant
from omapush.ota.interface import AddressKind
from omapush.ota.modem import ReceivedTpdu

SCHEMA_VERSION = 1
BUSY_SECONDS = 1
"""How long another process may keep the file."""
SCHEMA = """
CREATE TABLE segment (
    group_name TEXT NOT NULL,
    number INTEGER NOT NULL,
    tpdu BLOB NOT NULL,
    service_centre TEXT,
    arrived INTEGER NOT NULL,
    PRIMARY KEY (group_name, number)
);
CREATE TABLE datagram (
    key TEXT PRIMARY KEY,
    octets BLOB NOT NULL,
    address TEXT NOT NULL,
    kind TEXT NOT NULL,
    service_centre TEXT,
    segments INTEGER NOT NULL,
    arrived INTEGER NOT NULL
);
"""

ResultT = TypeVar("ResultT")


class ShortMessageStoreError(OmapushError):
    """The file of short messages cannot be used."""


@dataclass(frozen=True, slots=True)
class KeptSegment:
    """A segment that waits, as it came."""

    message: ReceivedTpdu
    arrived: Instant


@dataclass(frozen=True, slots=True)
class KeptDatagram:
    """A datagram that waits for its application."""

    datagram: Arrived
    arrived: Instant


class ShortMessageStore:
    """The file. Call :meth:`open` first and :meth:`close` last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="short-messages")
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open or make the file. :raises ShortMessageStoreError: it cannot be, or is not ours."""
        await self._run(self._open)

    async def close(self) -> None:
        """Close the file. Safe to call twice."""
        if self._connection is not None:
            await self._run(self._close)
        self._thread.shutdown()

    async def segments(self) -> list[KeptSegment]:
        """Return the segments that wait, in the order in which they came."""
        statement = "SELECT tpdu, service_centre, arrived FROM segment ORDER BY arrived, rowid"
        rows = await self._run(lambda: self._opened().execute(statement).fetchall())
        return [
            KeptSegment(ReceivedTpdu(tpdu, centre), Instant(arrived))
            for tpdu, centre, arrived in rows
        ]

    async def datagrams(self) -> list[KeptDatagram]:
        """Return the datagrams that wait, in the order in which they came."""
        statement = (
            "SELECT octets, address, kind, service_centre, segments, arrived FROM datagram"
            " ORDER BY arrived, rowid"
        )
        rows = await self._run(lambda: self._opened().execute(statement).fetchall())
        return [_datagram(*row) for row in rows]

    async def keep_segment(self, held: Held, message: ReceivedTpdu, now: Instant) -> None:
        """Keep a segment, in place of the one of its group that has its number."""
        values = (held.group, held.number, message.tpdu, message.service_centre, now)
        await self._transaction(
            lambda to: to.execute("INSERT OR REPLACE INTO segment VALUES (?, ?, ?, ?, ?)", values)
        )

    async def keep_datagram(self, datagram: Arrived, now: Instant) -> None:
        """Keep a datagram; its segments go in the same commit. One that is kept stays as it is."""
        sender = datagram.originator
        values = (
            datagram.key,
            datagram.octets,
            sender.address,
            sender.kind.value,
            sender.service_centre,
            datagram.segments,
            now,
        )

        def keep(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM segment WHERE group_name = ?", (datagram.group,))
            connection.execute(
                "INSERT OR IGNORE INTO datagram VALUES (?, ?, ?, ?, ?, ?, ?)", values
            )

        await self._transaction(keep)

    async def forget_segments(self, groups: list[str]) -> None:
        """Remove the segments of ``groups``."""
        names = [(group,) for group in groups]
        await self._transaction(
            lambda to: to.executemany("DELETE FROM segment WHERE group_name = ?", names)
        )

    async def forget_datagram(self, key: str) -> None:
        """Remove a datagram that is dealt with."""
        await self._transaction(lambda to: to.execute("DELETE FROM datagram WHERE key = ?", (key,)))

    async def _transaction(self, work: Callable[[sqlite3.Connection], object]) -> None:
        def transaction() -> None:
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
            try:
                work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

        await self._run(transaction)

    async def _run(self, work: Callable[[], ResultT]) -> ResultT:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, RuntimeError, ValueError) as error:
            # RuntimeError: the thread has been shut down. ValueError: a text that is no UTF-8.
            raise ShortMessageStoreError(f"{self._path}: {error}") from error

    def _open(self) -> None:
        try:
            # What somebody is sent is nobody else's business.
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise ShortMessageStoreError(f"{self._path}: {error.strerror or error}") from error
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

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise ShortMessageStoreError("the file of short messages is not open")
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
        raise ShortMessageStoreError(f"{path}: written by a newer omapush")
    if version == 0:
        connection.executescript(
            f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )


def _datagram(
    octets: bytes, address: str, kind: str, centre: str | None, segments: int, arrived: int
) -> KeptDatagram:
    originator = Originator(address, AddressKind(kind), centre)
    return KeptDatagram(Arrived(originator, octets, segments), Instant(arrived))
