"""Pushes that the client keeps for applications: a table of the client's file.

A call that returns has its effect on disk. Content is read when it is handed out, not before.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, replace
from typing import Any

from omapush.cai.model import PushEvent, Trust
from omapush.client.sqlite_file import SqliteFile
from omapush.core.instants import Instant


@dataclass(frozen=True, slots=True)
class Kept:
    """What of a push stays in memory.

    :ivar octets: of its content.
    :ivar attempts: how often it was handed over.
    :ivar due: not to be handed over again before.
    """

    event_id: str
    registration_id: str
    octets: int
    attempts: int
    due: Instant
    expires: Instant


class EventStore:
    """The table ``event``.

    Errors are those of the file: :class:`~omapush.client.store.ClientStoreError`.
    """

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def add(self, event: PushEvent, expires: Instant, seen: SeenMark | None) -> Kept:
        """Keep a push; with ``seen``, in the same commit, a repetition is recognised."""
        kept = Kept(
            event.event_id, event.registration_id, len(event.content), 0, event.received, expires
        )

        def add(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO event VALUES (?, ?, ?, ?, 0, ?, ?)",
                (
                    event.event_id,
                    event.registration_id,
                    json.dumps(_members(event)),
                    event.content,
                    kept.due,
                    expires,
                ),
            )
            if seen is not None:
                connection.execute("DELETE FROM seen WHERE expires <= ?", (event.received,))
                values = (seen.key, seen.until)
                connection.execute("INSERT OR REPLACE INTO seen VALUES (?, ?)", values)

        await self._file.transaction(add)
        return kept

    async def read(self, event_id: str) -> PushEvent | None:
        """Return a push that is kept, ``None`` if it is not any more."""

        def read(connection: sqlite3.Connection) -> PushEvent | None:
            row = connection.execute(
                "SELECT members, content FROM event WHERE event_id = ?", (event_id,)
            ).fetchone()
            return _event(row[0], row[1]) if row is not None else None

        return await self._file.run(read)

    async def all(self) -> list[Kept]:
        """Return everything that is kept, in the order of arrival."""
        statement = (
            "SELECT event_id, registration_id, length(content), attempts, due, expires"
            " FROM event ORDER BY rowid"
        )
        return await self._file.run(
            lambda connection: [
                Kept(row[0], row[1], row[2], row[3], Instant(row[4]), Instant(row[5]))
                for row in connection.execute(statement).fetchall()
            ]
        )

    async def note_attempt(self, event_id: str, attempts: int, due: Instant) -> None:
        """Remember that a push was, or is to be, handed over again."""
        await self._execute(
            "UPDATE event SET attempts = ?, due = ? WHERE event_id = ?", (attempts, due, event_id)
        )

    async def remove(self, event_id: str) -> None:
        """Forget a push."""
        await self._execute("DELETE FROM event WHERE event_id = ?", (event_id,))

    async def remove_of(self, registration_id: str) -> None:
        """Forget the pushes of a registration."""
        await self._execute("DELETE FROM event WHERE registration_id = ?", (registration_id,))

    async def _execute(self, statement: str, values: tuple[object, ...]) -> None:
        await self._file.run(lambda connection: connection.execute(statement, values).close())


@dataclass(frozen=True, slots=True)
class SeenMark:
    """By what a repetition of a push is recognised, and until when."""

    key: str
    until: Instant


_TEXTS = ("event_id", "registration_id", "push_application_id", "content_type", "protocol")
_MORE_TEXTS = ("bearer", "source", "push_id", "binding")


def _members(event: PushEvent) -> dict[str, Any]:
    return {
        **{name: getattr(event, name) for name in (*_TEXTS, *_MORE_TEXTS)},
        "headers": event.headers,
        "received": event.received,
        "trust": [
            event.trust.whitelisted,
            event.trust.authenticated,
            event.trust.trusted,
            event.trust.signed_by,
        ],
    }


def _event(members_text: str, content: bytes) -> PushEvent:
    members = json.loads(members_text)
    received = Instant(members.pop("received"))
    headers = tuple((name, value) for name, value in members.pop("headers"))
    trust = Trust(*members.pop("trust"))
    event = PushEvent(
        content=content,
        headers=headers,
        received=received,
        deadline=received,
        trust=trust,
        **members,
    )
    return replace(event, confirmed=False)
