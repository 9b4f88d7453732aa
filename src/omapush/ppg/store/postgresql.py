"""The ledger in PostgreSQL, through SQLAlchemy and asyncpg."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from omapush.ppg.store.group_commit import DATABASE_ERRORS, TRIES, Lane, Work, as_store_error
from omapush.ppg.store.migrate import upgrade

WRITERS = 2
"""Transactions at a time that write: one gathers calls while the other commits."""
READERS = 2
CONNECT_TIMEOUT_S = 5.0


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

    def _new_engine(self) -> AsyncEngine:
        return create_async_engine(
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
