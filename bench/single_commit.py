"""What one durable write costs: a row in a SQLite file, in a transaction of its own."""

from __future__ import annotations

import sqlite3


class SingleCommit:
    """A file with one table."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE kept (key TEXT PRIMARY KEY) WITHOUT ROWID")

    def keep(self, key: str) -> None:
        """Write a row; it is on disk when this returns."""
        self._connection.execute("INSERT OR REPLACE INTO kept VALUES (?)", (key,))
