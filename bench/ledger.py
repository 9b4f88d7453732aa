"""The cost of durability alone: raw SQLite, WAL and synchronous=FULL, rows grouped in commits."""

from __future__ import annotations

import resource
import sqlite3
import tempfile
import time
from pathlib import Path


def group_commit(rows: int) -> dict[int, tuple[float, float]]:
    """Return, by rows a commit, rows per second and CPU microseconds a row."""
    return {size: _one(rows if size > 1 else rows // 4, size) for size in (1, 8, 32, 64)}


def _one(rows: int, size: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "raw.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE push (id TEXT PRIMARY KEY, body BLOB) WITHOUT ROWID")
        body = b"x" * 1_000
        started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        for first in range(0, rows, size):
            batch = [(f"push-{number:09d}", body) for number in range(first, first + size)]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO push VALUES (?, ?)", batch)
            connection.execute("COMMIT")
        seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
        connection.close()
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return rows / seconds, cpu / rows * 1e6
