"""The ledger in PostgreSQL, through SQLAlchemy and asyncpg."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

import asyncpg
import structlog
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from omapush.core.backoff import Backoff
from omapush.core.instants import SECOND_MS
from omapush.ppg.store.group_commit import DATABASE_ERRORS, TRIES, Lane, Work, as_store_error
from omapush.ppg.store.migrate import upgrade

log = structlog.get_logger(__name__)

WRITERS = 2
"""Transactions at a time that write: one gathers calls while the other commits."""
READERS = 2
_POOL = {"pool_size": WRITERS + READERS, "max_overflow": 0}
CONNECT_TIMEOUT_S = 5.0
FIRST_WAIT_MS = 100
LONGEST_WAIT_MS = 10_000
"""After the connection was lost on which wake-ups come."""
PROBE_EVERY_S = 30.0
"""A connection that brings nothing for so long is asked whether it is still there."""


class PostgresqlHome:
    """Owns a pool of connections that both lanes use."""

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql+asyncpg")
        self._engine: AsyncEngine | None = None
        self._lanes: list[Lane] = []

    @property
    def is_shared(self) -> bool:
        """Whether several gateway processes may use it at a time."""
        return True

    def __repr__(self) -> str:
        return f"PostgresqlHome({self._url.render_as_string(hide_password=True)!r})"

    async def open(self, most_waiting: int, longest_wait_s: float) -> tuple[Lane, Lane]:
        """Connect and migrate; return the lanes for writing and for reading."""
        await asyncio.to_thread(self._prepare)
        engine = self._engine = self._new_engine()

        async def transact(work: Work) -> list[list[Any]]:
            async with engine.begin() as connection:
                return await connection.run_sync(work)

        lanes = (
            Lane(transact, WRITERS, most_waiting, longest_wait_s),
            Lane(transact, READERS, most_waiting, longest_wait_s),
        )
        self._lanes += lanes
        return lanes

    async def close(self) -> None:
        """Finish what waits, and disconnect."""
        lanes, self._lanes = self._lanes, []
        for lane in lanes:
            await lane.close()
        if self._engine is not None:
            engine, self._engine = self._engine, None
            await engine.dispose()

    async def listen(self, channel: str, heard: Callable[[str], None]) -> None:
        """Call ``heard`` with what processes say in ``channel``, until cancelled.

        It has a connection of its own, and after that was lost another, with growing waits. At each
        beginning ``heard`` is called with nothing, for what may have been said before.
        """
        engine = self._new_engine({"poolclass": NullPool})
        backoff = Backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS, random.random)

        def begun() -> None:
            backoff.reset()
            heard("")

        while True:
            try:
                await _listen(engine, channel, heard, begun)
                log.info("wake_ups_lost", reason="the connection ended")
            except DATABASE_ERRORS as error:
                log.info("wake_ups_lost", reason=as_store_error(error).reason)
            await asyncio.sleep(backoff.wait_ms() / SECOND_MS)

    def _new_engine(self, pool: Mapping[str, object] = _POOL) -> AsyncEngine:
        return create_async_engine(
            self._url,
            **pool,
            connect_args={
                "timeout": CONNECT_TIMEOUT_S,
                "prepared_statement_cache_size": 500,
                # A host that is a standby now refuses writes; follow the primary.
                "target_session_attrs": "read-write",
                "server_settings": {"application_name": "omapush"},
            },
        )

    def _prepare(self) -> None:
        """Migrate, in a thread and an event loop of its own."""
        try:
            asyncio.run(self._migrate())
        except DATABASE_ERRORS as error:
            raise as_store_error(error) from error

    async def _migrate(self) -> None:
        # Two gateways that start at once both try; the one that comes second finds the tables
        # made, or fails on the catalogue's own unique keys and looks again.
        engine = self._new_engine()
        try:
            for tries_left in reversed(range(TRIES)):
                try:
                    async with engine.begin() as connection:
                        return await connection.run_sync(upgrade)
                except DBAPIError:
                    if not tries_left:
                        raise
                    await asyncio.sleep(0.05)
        finally:
            await engine.dispose()


async def _listen(
    engine: AsyncEngine, channel: str, heard: Callable[[str], None], begun: Callable[[], None]
) -> None:
    """Listen on one connection until it ends."""
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert isinstance(driver, asyncpg.Connection)  # noqa: S101 # by the URL
        ended = asyncio.Event()
        driver.add_termination_listener(lambda _: ended.set())
        await driver.add_listener(channel, lambda _driver, _pid, _channel, told: heard(told))
        begun()
        while not ended.is_set():
            try:
                async with asyncio.timeout(PROBE_EVERY_S):
                    await ended.wait()
            except TimeoutError:
                await driver.execute("SELECT 1", timeout=CONNECT_TIMEOUT_S)
