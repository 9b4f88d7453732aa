"""The short messages that were taken and are not dealt with, on disk.

A :mod:`~omapush.client.sqlite_file` of its own. Two kinds of rows: segments that wait for others,
by the name of their group, and whole datagrams that wait for their application. A call that returns
has its effect on disk.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from omapush.client.short_messages.messages import Arrived, Held, Originator
from omapush.client.sqlite_file import Schema, SqliteFile
from omapush.core.errors import OmapushError
from omapush.core.instants import Instant
from omapush.ota.interface import AddressKind
from omapush.ota.modem import ReceivedTpdu

TABLES = """
CREATE TABLE segment (
    group_name TEXT NOT NULL,
    number INTEGER NOT NULL,
    tpdu BLOB NOT NULL,
    service_centre TEXT,
    arrived INTEGER NOT NULL,
    PRIMARY KEY (group_name, number)
);
CREATE TABLE datagram (
    key TEXT PRIMARY KEY,
    octets BLOB NOT NULL,
    address TEXT NOT NULL,
    kind TEXT NOT NULL,
    service_centre TEXT,
    segments INTEGER NOT NULL,
    arrived INTEGER NOT NULL
);
"""


class ShortMessageStoreError(OmapushError):
    """The file of short messages cannot be used."""


# ValueError: a text that is no UTF-8.
SCHEMA = Schema("the file of short messages", 1, TABLES, ShortMessageStoreError, (ValueError,))


@dataclass(frozen=True, slots=True)
class KeptSegment:
    """A segment that waits, as it came."""

    message: ReceivedTpdu
    arrived: Instant


@dataclass(frozen=True, slots=True)
class KeptDatagram:
    """A datagram that waits for its application."""

    datagram: Arrived
    arrived: Instant


class ShortMessageStore:
    """The file. Call :meth:`open` first and :meth:`close` last."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, SCHEMA)

    async def open(self) -> None:
        """Open or make the file. :raises ShortMessageStoreError: it cannot be, or is not ours."""
        await self._file.open()

    async def close(self) -> None:
        """Close the file. Safe to call twice."""
        await self._file.close()

    async def segments(self) -> list[KeptSegment]:
        """Return the segments that wait, in the order in which they came."""
        statement = "SELECT tpdu, service_centre, arrived FROM segment ORDER BY arrived, rowid"
        rows = await self._file.run(lambda connection: connection.execute(statement).fetchall())
        return [
            KeptSegment(ReceivedTpdu(tpdu, centre), Instant(arrived))
            for tpdu, centre, arrived in rows
        ]

    async def datagrams(self) -> list[KeptDatagram]:
        """Return the datagrams that wait, in the order in which they came."""
        statement = (
            "SELECT octets, address, kind, service_centre, segments, arrived FROM datagram"
            " ORDER BY arrived, rowid"
        )
        rows = await self._file.run(lambda connection: connection.execute(statement).fetchall())
        return [_datagram(*row) for row in rows]

    async def keep_segment(self, held: Held, message: ReceivedTpdu, now: Instant) -> None:
        """Keep a segment, in place of the one of its group that has its number."""
        values = (held.group, held.number, message.tpdu, message.service_centre, now)
        await self._file.transaction(
            lambda to: to.execute("INSERT OR REPLACE INTO segment VALUES (?, ?, ?, ?, ?)", values)
        )

    async def keep_datagram(self, datagram: Arrived, now: Instant) -> None:
        """Keep a datagram; its segments go in the same commit. One that is kept stays as it is."""
        sender = datagram.originator
        values = (
            datagram.key,
            datagram.octets,
            sender.address,
            sender.kind.value,
            sender.service_centre,
            datagram.segments,
            now,
        )

        def keep(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM segment WHERE group_name = ?", (datagram.group,))
            connection.execute(
                "INSERT OR IGNORE INTO datagram VALUES (?, ?, ?, ?, ?, ?, ?)", values
            )

        await self._file.transaction(keep)

    async def forget_segments(self, groups: list[str]) -> None:
        """Remove the segments of ``groups``."""
        names = [(group,) for group in groups]
        await self._file.transaction(
            lambda to: to.executemany("DELETE FROM segment WHERE group_name = ?", names)
        )

    async def forget_datagram(self, key: str) -> None:
        """Remove a datagram that is dealt with."""
        await self._file.transaction(
            lambda to: to.execute("DELETE FROM datagram WHERE key = ?", (key,))
        )


def _datagram(
    octets: bytes, address: str, kind: str, centre: str | None, segments: int, arrived: int
) -> KeptDatagram:
    originator = Originator(address, AddressKind(kind), centre)
    return KeptDatagram(Arrived(originator, octets, segments), Instant(arrived))
