"""The ledger in a SQLite file: one thread that writes, one that reads.

WAL with ``synchronous=FULL``: a commit is on the disk when it returns, and readers never wait for
the writer. The writing thread takes whatever waits when it comes back from a commit into the next
one. Another process may have the file open too (``omapush status``); the database's own locks keep
them apart.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from omapush.ppg.store.contract import StoreUnavailable
from omapush.ppg.store.group_commit import (
    ITEMS_TOGETHER,
    Call,
    Lane,
    as_store_error,
    run_together,
)
from omapush.ppg.store.migrate import upgrade

BUSY_TIMEOUT_MS = 5_000
"""How long to wait for another process that has the write lock."""

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA cache_size=-32768",  # 32 MiB: the index of push ids is hit at random
    "PRAGMA temp_store=MEMORY",
    "PRAGMA wal_autocheckpoint=4000",  # 16 MiB of log between two checkpoints
    "PRAGMA journal_size_limit=67108864",
)


class SqliteHome:
    """Owns the file, its two connections and their threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._workers: list[_Worker] = []

    def __repr__(self) -> str:
        return f"SqliteHome({str(self._path)!r})"

    async def open(self, most_waiting: int, longest_wait_s: float) -> tuple[Lane, Lane]:
        """Make or migrate the file; return the lanes for writing and for reading."""
        await asyncio.to_thread(self._prepare)
        lanes = []
        for name, begin in (("write", "BEGIN IMMEDIATE"), ("read", "BEGIN")):
            worker = _Worker(f"omapush-store-{name}", engine_for(self._path, begin))
            self._workers.append(worker)
            lane = Lane(worker, most_waiting, longest_wait_s)
            worker.start(lane)
            lanes.append(lane)
        return lanes[0], lanes[1]

    async def close(self) -> None:
        """Let the threads finish what was handed over, and end them."""
        workers, self._workers = self._workers, []
        for worker in workers:
            await asyncio.to_thread(worker.stop)

    def _prepare(self) -> None:
        try:
            make_private_file(self._path)
            engine = engine_for(self._path, "BEGIN IMMEDIATE")
            try:
                with engine.begin() as connection:
                    upgrade(connection)
            finally:
                engine.dispose()
        except (OSError, DBAPIError) as error:
            reason = error.strerror if isinstance(error, OSError) else as_store_error(error).reason
            raise StoreUnavailable(f"cannot open the store {self._path}: {reason}") from error


def make_private_file(path: Path) -> None:
    """Create file and directory if missing, for the owner alone: it holds message content."""
    if not path.parent.is_dir():
        path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)


def engine_for(path: Path, begin: str) -> Engine:
    """Return an engine on ``path`` whose transactions start with the statement ``begin``."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

    # The driver is told to leave transactions alone; they begin here as we want them.
    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


class _Worker:
    """A thread with a connection; runs what waits, together."""

    def __init__(self, name: str, engine: Engine) -> None:
        self._engine = engine
        # Bounded by the lane, which lets only so many calls wait.
        self._waiting: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._connection: Connection | None = None
        self._loop: asyncio.AbstractEventLoop
        self._lane: Lane

    def start(self, lane: Lane) -> None:
        self._loop = asyncio.get_running_loop()
        self._lane = lane
        self._thread.start()

    def hand_over(self, call: Call) -> None:
        self._waiting.put(call)

    def stop(self) -> None:
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        going_on = True
        while going_on:
            calls, going_on = _take_what_waits(self._waiting)
            if calls:
                outcomes = run_together(self._transaction, calls)
                self._tell(self._lane.finish, outcomes)
        if self._connection is not None:
            self._connection.close()
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        if self._connection is None or self._connection.invalidated:
            self._connection = self._engine.connect()
        with self._connection.begin():
            yield self._connection

    def _tell(self, function: Callable[..., None], *arguments: object) -> None:
        # The loop may have been closed without closing the store: then nobody waits.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)


def _take_what_waits(waiting: queue.SimpleQueue[Call | None]) -> tuple[list[Call], bool]:
    """Wait for a call and take those behind it; ``False`` beside them: it was the last time."""
    calls: list[Call] = []
    items = 0
    call = waiting.get()
    while call is not None:
        calls.append(call)
        items += len(call.items)
        if items >= ITEMS_TOGETHER:
            return calls, True
        try:
            call = waiting.get_nowait()
        except queue.Empty:
            return calls, True
    return calls, False
