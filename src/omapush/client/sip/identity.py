"""Who this device is to a SIP/IP core: the instance id, made once and kept (RFC 5627, 5626)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from omapush.client.sqlite_file import SqliteFile

INSTANCE = "sip.instance"
"""Under which name the client's file keeps it."""


async def kept_instance(file: SqliteFile, new: Callable[[], str]) -> str:
    """Return the instance id that the client's file keeps; the first time it is made by ``new``.

    It is on disk before it is returned, so that no registrar ever sees two of one device.

    :param new: returns a URN, such as ``urn:uuid:...``.
    :raises OmapushError: the file cannot be used.
    """

    def keep(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT OR IGNORE INTO identity VALUES (?, ?)", (INSTANCE, new()))

    await file.transaction(keep)
    return await file.run(_kept)


def _kept(connection: sqlite3.Connection) -> str:
    statement = "SELECT value FROM identity WHERE name = ?"
    (value,) = connection.execute(statement, (INSTANCE,)).fetchone()
    return str(value)
