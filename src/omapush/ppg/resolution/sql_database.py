"""Databases that are only read: SQLite files and PostgreSQL.

Both refuse to write by themselves, whatever the query says. A query that takes too long is ended
in the database, not merely no longer waited for.
"""

from __future__ import annotations

import asyncio
import functools
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import TextClause, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import QueuePool

from omapush.ppg.resolution.bounded import LookUpLimits
from omapush.ppg.resolution.port import ResolverUnavailable
from omapush.ppg.store.group_commit import DATABASE_ERRORS

Rows = Sequence[Sequence[Any]]

STEPS_BETWEEN_LOOKS = 10_000
"""Steps of SQLite's machine after which a query looks whether it is still wanted; under 1 ms."""

_ERRORS = (*DATABASE_ERRORS, SQLAlchemyError)


class Database(Protocol):
    """Port: a database that can be read."""

    async def read(self, query: TextClause, parameters: Mapping[str, Any], most: int) -> Rows:
        """Return up to ``most`` rows.

        :raises ResolverUnavailable: the database is away, or does not understand the query.
        """

    async def close(self) -> None:
        """Disconnect."""


class PostgresqlDatabase:
    """A database in PostgreSQL; a standby will do."""

    def __init__(self, url: URL, limits: LookUpLimits) -> None:
        self._url = url.set(drivername="postgresql+asyncpg")
        self._engine = create_async_engine(
            self._url,
            pool_size=limits.at_a_time,
            max_overflow=0,
            pool_timeout=limits.timeout_ms / 1000,
            # A connection that the server or a firewall closed is noticed before it is used.
            pool_pre_ping=True,
            connect_args={
                "timeout": limits.timeout_ms / 1000,
                "server_settings": {"application_name": "omapush"},
            },
            execution_options={"postgresql_readonly": True},
        )

    def __repr__(self) -> str:
        return f"PostgresqlDatabase({self._url.render_as_string(hide_password=True)!r})"

    async def read(self, query: TextClause, parameters: Mapping[str, Any], most: int) -> Rows:
        try:
            async with (
                self._engine.connect() as connection,
                connection.stream(query, parameters) as result,
            ):
                return await result.fetchmany(most)
        except _ERRORS as error:
            raise _unavailable(error) from error

    async def close(self) -> None:
        await self._engine.dispose()


class SqliteDatabase:
    """A file of SQLite, read in threads."""

    def __init__(self, path: str, limits: LookUpLimits) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(limits.at_a_time, thread_name_prefix="omapush-resolve")
        self._engine = create_engine(
            "sqlite://",
            creator=functools.partial(_connect, path, limits.timeout_ms),
            poolclass=QueuePool,
            pool_size=limits.at_a_time,
            max_overflow=0,
            pool_timeout=limits.timeout_ms / 1000,
        )

    def __repr__(self) -> str:
        return f"SqliteDatabase({self._path!r})"

    async def read(self, query: TextClause, parameters: Mapping[str, Any], most: int) -> Rows:
        unwanted = threading.Event()
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, self._read, query, parameters, most, unwanted
            )
        except _ERRORS as error:
            raise _unavailable(error) from error
        finally:
            unwanted.set()

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)
        self._engine.dispose()

    def _read(
        self,
        query: TextClause,
        parameters: Mapping[str, Any],
        most: int,
        unwanted: threading.Event,
    ) -> Rows:
        if unwanted.is_set():
            return []
        with self._engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - what _connect returned
            driver.set_progress_handler(unwanted.is_set, STEPS_BETWEEN_LOOKS)
            with connection.execute(query, parameters) as result:
                return result.fetchmany(most)


def _connect(path: str, busy_timeout_ms: int) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False
    )
    connection.execute("PRAGMA query_only=ON")
    connection.execute(f"PRAGMA busy_timeout={busy_timeout_ms}")
    return connection


def _unavailable(error: Exception) -> ResolverUnavailable:
    cause = getattr(error, "orig", None) or error
    reason = str(cause).partition("\n")[0] or type(cause).__name__
    return ResolverUnavailable(f"the table of recipients cannot be read: {reason}")
