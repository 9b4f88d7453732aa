"""The ledger in a SQLite file.

WAL with ``synchronous=FULL``: a commit is on the disk when it returns, and readers never wait for
the writer. Another process may have the file open too (``omapush status``); the database's own
locks keep them apart.

The statements of a writing transaction run in the event loop's own thread; only the commit, which
waits for the disk, runs in another. A statement costs microseconds, but the driver gives up the
interpreter lock at every row, and a second thread would have to win it back each time from a busy
event loop: up to 5 ms a row.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, RootTransaction, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from omapush.ppg.store.contract import StoreUnavailable
from omapush.ppg.store.group_commit import Lane, Work, as_store_error
from omapush.ppg.store.migrate import upgrade

BUSY_TIMEOUT_MS = 5_000
"""How long to wait for another process that has the write lock."""
BUSY_PAUSE_S = 0.005

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA cache_size=-32768",  # 32 MiB: the index of push ids is hit at random
    "PRAGMA temp_store=MEMORY",
    "PRAGMA wal_autocheckpoint=4000",  # 16 MiB of log between two checkpoints
    "PRAGMA journal_size_limit=67108864",
)


class SqliteHome:
    """Owns the file, a connection that writes and one that reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lanes: list[Lane] = []
        self._connections: list[_Connection] = []

    @property
    def is_shared(self) -> bool:
        """Whether several gateway processes may use it at a time."""
        return False

    def __repr__(self) -> str:
        return f"SqliteHome({str(self.path)!r})"

    async def open(self, most_waiting: int, longest_wait_s: float) -> tuple[Lane, Lane]:
        """Make or migrate the file; return the lanes for writing and for reading."""
        await asyncio.to_thread(self._prepare)
        writer = _Writer(engine_for(self.path, "BEGIN IMMEDIATE", busy_timeout_ms=0))
        reader = _Reader(engine_for(self.path, "BEGIN"))
        self._connections = [writer, reader]
        lanes = (
            Lane(writer.transact, 1, most_waiting, longest_wait_s),
            Lane(reader.transact, 1, most_waiting, longest_wait_s),
        )
        self._lanes += lanes
        return lanes

    async def listen(self, channel: str, heard: Callable[[str], None]) -> None:
        """Nobody else is there who could say anything."""

    async def close(self) -> None:
        """Finish what waits, and close the file."""
        lanes, self._lanes = self._lanes, []
        for lane in lanes:
            await lane.close()
        connections, self._connections = self._connections, []
        for connection in connections:
            connection.close()

    def _prepare(self) -> None:
        try:
            make_private_file(self.path)
            engine = engine_for(self.path, "BEGIN IMMEDIATE")
            try:
                with engine.begin() as connection:
                    upgrade(connection)
            finally:
                engine.dispose()
        except (OSError, DBAPIError) as error:
            reason = error.strerror if isinstance(error, OSError) else as_store_error(error).reason
            raise StoreUnavailable(f"cannot open the store {self.path}: {reason}") from error


def make_private_file(path: Path) -> None:
    """Create file and directory if missing, for the owner alone: it holds message content."""
    if not path.parent.is_dir():
        path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)


def engine_for(path: Path, begin: str, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Engine:
    """Return an engine on ``path`` whose transactions start with the statement ``begin``."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        for pragma in (f"PRAGMA busy_timeout={busy_timeout_ms}", *_PRAGMAS):
            connection.execute(pragma)
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

    # The driver is told to leave transactions alone; they begin here as we want them.
    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


class _Connection:
    """A connection with a thread for what may wait for the disk."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection = engine.connect()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="omapush-store")
        self._in_thread = asyncio.get_running_loop().run_in_executor

    def close(self) -> None:
        self._thread.shutdown()
        self._connection.close()
        self._engine.dispose()


class _Writer(_Connection):
    """Runs statements where it is called, and only the commit in its thread."""

    async def transact(self, work: Work) -> list[list[Any]]:
        transaction = await self._begin()
        try:
            answers = work(self._connection)
        except BaseException:
            transaction.rollback()
            raise
        await self._in_thread(self._thread, _commit, transaction)
        return answers

    async def _begin(self) -> RootTransaction:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + BUSY_TIMEOUT_MS / 1000
        while True:
            try:
                return self._connection.begin()
            except OperationalError as error:
                if not _is_busy(error) or loop.time() > give_up_at:
                    raise
            await asyncio.sleep(BUSY_PAUSE_S)


class _Reader(_Connection):
    """Runs everything in its thread: nothing bounds how much a reader has to look at."""

    async def transact(self, work: Work) -> list[list[Any]]:
        return await self._in_thread(self._thread, self._run, work)

    def _run(self, work: Work) -> list[list[Any]]:
        with self._connection.begin():
            return work(self._connection)


def _commit(transaction: RootTransaction) -> None:
    with transaction:  # rolls back when the commit fails
        pass


def _is_busy(error: OperationalError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_BUSY
