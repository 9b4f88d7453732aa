"""A SQLite file of the client's own."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from omapush.client import sqlite_file
from omapush.client.sqlite_file import Schema, SqliteFile
from omapush.core.errors import OmapushError

FIRST = "CREATE TABLE a (x INTEGER);"
SECOND = "CREATE TABLE b (y INTEGER);"
V1 = Schema("a file", 1, FIRST, OmapushError)
V2 = Schema("a file", 2, FIRST + SECOND, OmapushError, upgrades={1: SECOND})


def tables(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM sqlite_master ORDER BY name").fetchall()
    return [name for (name,) in rows]


def add(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO a VALUES (1)")


async def test_file_is_made_with_its_tables_for_its_owner_only(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "f.db", V2)
    await file.open()
    assert await file.run(tables) == ["a", "b"]
    await file.close()
    await file.close()
    assert stat.S_IMODE((tmp_path / "f.db").stat().st_mode) == 0o600


async def test_older_file_is_brought_up_with_what_is_in_it(tmp_path: Path) -> None:
    old = SqliteFile(tmp_path / "f.db", V1)
    await old.open()
    await old.transaction(add)
    await old.close()
    new = SqliteFile(tmp_path / "f.db", V2)
    await new.open()
    assert await new.run(tables) == ["a", "b"]
    assert await new.run(lambda connection: connection.execute("SELECT x FROM a").fetchall()) == [
        (1,)
    ]
    await new.close()
    again = SqliteFile(tmp_path / "f.db", V2)
    await again.open()
    await again.close()


async def test_newer_file_is_not_touched(tmp_path: Path) -> None:
    new = SqliteFile(tmp_path / "f.db", V2)
    await new.open()
    await new.close()
    with pytest.raises(OmapushError, match="newer omapush"):
        await SqliteFile(tmp_path / "f.db", V1).open()


async def test_transaction_is_wholly_done_or_not_at_all(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "f.db", V1)
    await file.open()

    def half(connection: sqlite3.Connection) -> None:
        add(connection)
        connection.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(OmapushError, match="nowhere"):
        await file.transaction(half)
    assert await file.run(lambda one: one.execute("SELECT count(*) FROM a").fetchone()) == (0,)
    await file.close()


async def test_second_process_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY_SECONDS", 0)
    file = SqliteFile(tmp_path / "f.db", V1)
    await file.open()
    with pytest.raises(OmapushError, match="locked"):
        await SqliteFile(tmp_path / "f.db", V1).open()
    await file.close()


async def test_closed_file_and_impossible_path_are_told(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "f.db", V1)
    with pytest.raises(OmapushError, match="not open"):
        await file.run(tables)
    with pytest.raises(OmapushError):
        await SqliteFile(tmp_path / "none" / "f.db", V1).open()
