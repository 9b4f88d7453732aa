"""The ledger in PostgreSQL, through SQLAlchemy and asyncpg."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from omapush.core.errors import OmapushError
from omapush.ppg.store.contract import StoreUnavailable
from omapush.ppg.store.group_commit import (
    ITEMS_TOGETHER,
    TRIES,
    Call,
    Lane,
    as_store_error,
    run_together,
)
from omapush.ppg.store.migrate import upgrade

WRITERS = 2
"""Transactions at a time that write: one gathers calls while the other commits."""
READERS = 2
CONNECT_TIMEOUT_S = 5.0


class PostgresqlHome:
    """Owns a pool of connections and the tasks that use it."""

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql+asyncpg")
        self._engine: AsyncEngine | None = None
        self._workers: list[_Workers] = []

    def __repr__(self) -> str:
        return f"PostgresqlHome({self._url.render_as_string(hide_password=True)!r})"

    async def open(self, most_waiting: int, longest_wait_s: float) -> tuple[Lane, Lane]:
        """Connect and migrate; return the lanes for writing and for reading."""
        engine = self._engine = create_async_engine(
            self._url,
            pool_size=WRITERS + READERS,
            max_overflow=0,
            connect_args={
                "timeout": CONNECT_TIMEOUT_S,
                "prepared_statement_cache_size": 500,
                # A host that is a standby now refuses writes; follow the primary.
                "target_session_attrs": "read-write",
                "server_settings": {"application_name": "omapush"},
            },
        )
        try:
            await self._migrate(engine)
        except (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            await engine.dispose()
            raise _unavailable(error) from error
        except BaseException:
            await engine.dispose()
            raise
        lanes = []
        for count in (WRITERS, READERS):
            workers = _Workers(engine)
            self._workers.append(workers)
            lane = Lane(workers, most_waiting, longest_wait_s)
            workers.start(lane, count)
            lanes.append(lane)
        return lanes[0], lanes[1]

    async def close(self) -> None:
        """Let the tasks finish what was handed over, and disconnect."""
        workers, self._workers = self._workers, []
        for each in workers:
            await each.stop()
        if self._engine is not None:
            engine, self._engine = self._engine, None
            await engine.dispose()

    async def _migrate(self, engine: AsyncEngine) -> None:
        # Two gateways that start at once both try; the one that comes second finds the tables
        # made, or fails on the catalogue's own unique keys and looks again.
        for tries_left in reversed(range(TRIES)):
            try:
                async with engine.begin() as connection:
                    return await connection.run_sync(upgrade)
            except DBAPIError:
                if not tries_left:
                    raise
                await asyncio.sleep(0.05)
        return None


class _Workers:
    """Tasks that run what waits, together, each on a connection of its own."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        # Bounded by the lane, which lets only so many calls wait.
        self._waiting: deque[Call] = deque()
        self._stopping = False
        self._arrived = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._lane: Lane

    def start(self, lane: Lane, count: int) -> None:
        self._lane = lane
        self._tasks = [asyncio.create_task(self._work()) for _ in range(count)]

    def hand_over(self, call: Call) -> None:
        self._waiting.append(call)
        self._arrived.set()

    async def stop(self) -> None:
        self._stopping = True
        self._arrived.set()
        await asyncio.gather(*self._tasks)

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                if self._stopping:
                    return
                self._arrived.clear()
                await self._arrived.wait()
            await self._run(self._take_what_waits())

    async def _run(self, calls: list[Call]) -> None:
        try:
            async with self._engine.connect() as connection:
                outcomes = await connection.run_sync(
                    lambda sync: run_together(lambda: _transaction(sync), calls)
                )
        except Exception as error:  # noqa: BLE001 # whoever waits is told, and the task goes on
            self._lane.finish([(call, _unavailable(error)) for call in calls])
        else:
            self._lane.finish(outcomes)

    def _take_what_waits(self) -> list[Call]:
        calls: list[Call] = []
        items = 0
        while self._waiting and items < ITEMS_TOGETHER:
            call = self._waiting.popleft()
            calls.append(call)
            items += len(call.items)
        return calls


@contextmanager
def _transaction(connection: Connection) -> Iterator[Connection]:
    with connection.begin():
        yield connection


def _unavailable(error: Exception) -> OmapushError:
    if isinstance(error, DBAPIError | OSError):
        converted = as_store_error(error)
    else:
        converted = StoreUnavailable(f"the store does not answer: {error}")
    converted.__cause__ = error
    return converted
