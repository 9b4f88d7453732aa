"""Pushes that were refused, for people to look at: of bounded size, the oldest go first.

A refusal costs its sender nothing, so the log must not cost the client much: refusals wait in
memory and are written together, and what does not fit there any more is only counted. A push that
is refused again for the same reason, because its gateway tries again, is noted once an hour.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import sqlite3
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import structlog

from omapush.cai.model import PushEvent
from omapush.client.sqlite_file import SqliteFile
from omapush.core.errors import OmapushError
from omapush.core.instants import HOUR_MS, Instant, format_utc
from omapush.ota.interface import PoConfirmedPushInd, PushStatus

log = structlog.get_logger(__name__)

_Same = tuple[str | None, str, str, str]

MAX_ENTRIES = 1_000
MAX_OCTETS = 1 << 20
"""Octets of all entries together."""
MAX_WAITING = 256
MAX_CONTENT = 256
"""Octets of the content that are kept to be looked at."""
MAX_TEXT = 200
MAX_REMEMBERED = 256
"""Refusals by which a repetition is told."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A push that was refused, and why.

    :ivar status: what a gateway that waited was told.
    :ivar content: its first octets. :ivar octets: how many it has.
    """

    refused: Instant
    reason: str
    status: int | None
    application: str
    content_type: str
    source: str
    protocol: str
    bearer: str
    push_id: str | None
    content: bytes
    octets: int


def refused_push(
    push: PoConfirmedPushInd, status: PushStatus, reason: str, now: Instant
) -> Refused:
    """Return the entry for a push that nobody got."""
    message, source = push.message, push.source
    return Refused(
        refused=now,
        reason=reason[:MAX_TEXT],
        status=int(status),
        application=(message.get("X-Wap-Application-Id") or "")[:MAX_TEXT],
        content_type=(message.content_type or "")[:MAX_TEXT],
        source=source.address[:MAX_TEXT],
        protocol=source.protocol,
        bearer=source.bearer,
        push_id=push.push_id[:MAX_TEXT] if push.push_id is not None else None,
        content=message.body[:MAX_CONTENT],
        octets=len(message.body),
    )


def refused_event(event: PushEvent, reason: str, now: Instant) -> Refused:
    """Return the entry for a push that was kept for its application, which did not take it."""
    return Refused(
        refused=now,
        reason=reason[:MAX_TEXT],
        status=None,
        application=event.push_application_id,
        content_type=event.content_type[:MAX_TEXT],
        source=event.source[:MAX_TEXT],
        protocol=event.protocol,
        bearer=event.bearer,
        push_id=event.push_id[:MAX_TEXT] if event.push_id is not None else None,
        content=event.content[:MAX_CONTENT],
        octets=len(event.content),
    )


def log_members(refused: Refused) -> dict[str, Any]:
    """Return what the log tells of a refusal: who pushed what to whom, and why it was refused.

    Never the content, nor headers, which may hold secrets.
    """
    return {
        "push_id": refused.push_id,
        "application": refused.application,
        "content_type": refused.content_type,
        "octets": refused.octets,
        "source": refused.source,
        "protocol": refused.protocol,
        "bearer": refused.bearer,
        "status": refused.status,
        "reason": refused.reason,
    }


class Quarantine:
    """The table ``quarantine`` of the client's file."""

    def __init__(self, file: SqliteFile, clock: Callable[[], Instant]) -> None:
        self._file = file
        self._clock = clock
        self._waiting: deque[Refused] = deque()
        self._noted: OrderedDict[_Same, Instant] = OrderedDict()
        self._uncounted = 0
        self._writing: asyncio.Task[None] | None = None

    def note(self, refused: Refused) -> None:
        """Remember a refusal, soon."""
        if self._is_repetition(refused):
            return
        if len(self._waiting) >= MAX_WAITING:
            self._uncounted += 1
            return
        self._waiting.append(refused)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    def _is_repetition(self, refused: Refused) -> bool:
        same = (refused.push_id, refused.source, refused.application, refused.reason)
        noted = self._noted.get(same) if refused.push_id is not None else None
        if noted is not None and refused.refused - noted < HOUR_MS:
            return True
        self._noted[same] = refused.refused
        self._noted.move_to_end(same)
        while len(self._noted) > MAX_REMEMBERED:
            self._noted.popitem(last=False)
        return False

    async def listed(self, limit: int = MAX_ENTRIES) -> list[dict[str, Any]]:
        """Return the newest entries, the newest first, as JSON-able members.

        :raises ClientStoreError: the file cannot be read.
        """
        await self.written()
        statement = "SELECT number, members FROM quarantine ORDER BY number DESC LIMIT ?"
        rows = await self._file.run(
            lambda connection: connection.execute(statement, (limit,)).fetchall()
        )
        return [{"number": number, **json.loads(members)} for number, members in rows]

    async def clear(self) -> None:
        """Forget everything. :raises ClientStoreError: the file cannot be written."""
        await self.written()
        await self._file.run(lambda connection: connection.execute("DELETE FROM quarantine"))

    async def written(self) -> None:
        """Wait until what was noted is on disk."""
        while self._writing is not None:
            await asyncio.wait({self._writing})

    async def _write(self) -> None:
        try:
            while self._waiting:
                noted = list(self._waiting)
                self._waiting.clear()
                if self._uncounted:
                    log.warning("refusals_not_noted", count=self._uncounted)
                    self._uncounted = 0
                await self._file.transaction(functools.partial(_add, noted))
        except OmapushError as error:
            log.error("quarantine_not_written", reason=str(error))
        finally:
            self._writing = None


def _add(noted: list[Refused], connection: sqlite3.Connection) -> None:
    for one in noted:
        members = json.dumps(_members(one))
        connection.execute(
            "INSERT INTO quarantine (refused, members, octets) VALUES (?, ?, ?)",
            (one.refused, members, len(members)),
        )
    connection.execute(
        "DELETE FROM quarantine WHERE number <= (SELECT max(number) FROM quarantine) - ?",
        (MAX_ENTRIES,),
    )
    connection.execute(
        "DELETE FROM quarantine WHERE number < (SELECT min(number) FROM"
        " (SELECT number, sum(octets) OVER (ORDER BY number DESC) AS total FROM quarantine)"
        " WHERE total <= ?)",
        (MAX_OCTETS,),
    )


def _members(refused: Refused) -> dict[str, Any]:
    members = asdict(refused)
    del members["content"]
    return {
        **members,
        "refused": format_utc(refused.refused),
        "content_b64": base64.b64encode(refused.content).decode("ascii"),
    }
