"""Keeping what SIP users' devices said that they take, for whoever asks for capabilities (PAP 5.5).

Nobody who serves a request waits for the ledger: what was told is gathered, and written in batches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice

import structlog

from omapush.core.errors import OmapushError
from omapush.core.instants import Instant
from omapush.ota.http import cpi
from omapush.ota.interface import ClientCapabilities
from omapush.ppg.store.contract import RegistrationRecord, Store

log = structlog.get_logger(__name__)

BY_SIP = "SIP"
"""What stands in the place of a bearer of the registrations that the ledger keeps."""
AT_ONCE = 500
MOST_WAITING = 100_000
"""What so many clients told may wait; what others tell meanwhile is not kept."""


class Learning:
    """Writes what devices told into the ledger.

    :param client_of: the client that a SIP user is; ``None``: none that this gateway serves.
    """

    def __init__(
        self,
        store: Store,
        client_of: Callable[[str], str | None],
        clock: Callable[[], Instant],
    ) -> None:
        self._store = store
        self._client_of = client_of
        self._clock = clock
        self._waiting: dict[str, RegistrationRecord] = {}
        self._work: asyncio.Task[None] | None = None

    def changed(self, user: str, capabilities: ClientCapabilities) -> None:
        """Take note of what a device of a user takes; the latest counts."""
        client_id = self._client_of(user)
        if client_id is None:
            return
        if len(self._waiting) >= MOST_WAITING and client_id not in self._waiting:
            log.warning("capabilities_not_kept", client=client_id)
            return
        self._waiting[client_id] = record_of(client_id, user, capabilities, self._clock())
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._write())

    async def close(self) -> None:
        """Write what is left."""
        if self._work is not None:
            await asyncio.gather(self._work, return_exceptions=True)

    async def _write(self) -> None:
        while self._waiting:
            batch = dict(islice(self._waiting.items(), AT_ONCE))
            for client_id in batch:
                del self._waiting[client_id]
            try:
                await self._store.remember_registrations(list(batch.values()))
            except OmapushError as error:
                # It will be told again; pushes go by what is in memory.
                log.warning("ledger_unavailable", clients=len(batch), reason=error.reason)


def record_of(
    client_id: str, user: str, capabilities: ClientCapabilities, now: Instant
) -> RegistrationRecord:
    """Return what is kept: the capabilities in the form in which those of OTA-HTTP are."""
    headers = cpi.to_headers(capabilities)
    tag = cpi.tag(headers)
    return RegistrationRecord(
        client_id,
        BY_SIP,
        now,
        terminal_id=None,
        cpi_tag=tag,
        cpi={tag: headers},
        authenticated=True,  # by the core, which is trusted
        address=user,
    )
