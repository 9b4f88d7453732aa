"""Bringing back what waits for clients that have just been seen.

A session or a connection comes to be, and what was put off for its client is due now. Very many may
come at once, after a restart of the gateway or of a network: while the ledger does one look, the
next clients gather, and one call serves them all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import takewhile

import structlog

from omapush.core.errors import OmapushError
from omapush.core.instants import SECOND_MS, Instant
from omapush.ppg.store.contract import Store

log = structlog.get_logger(__name__)

SECOND_LOOK_MS = 1_000
"""After so long the pushes of a client that was seen are brought back once more."""
MOST_CLIENTS = 200_000
"""So many clients are looked after at a time. What waits for others comes back by itself, later."""


class Hastening:
    """Brings what waits for clients back to now.

    :param wake: is called when something may have become due.
    :param second_look_ms: a client may be quicker than the ledger: the push for which it was asked
        is perhaps being put off just now. So each is looked after once more, so long afterwards.
    """

    def __init__(
        self,
        store: Store,
        wake: Callable[[], None],
        clock: Callable[[], Instant],
        second_look_ms: int = SECOND_LOOK_MS,
    ) -> None:
        self._store = store
        self._wake = wake
        self._clock = clock
        self._second_look_s = second_look_ms / SECOND_MS
        # Whom nobody has looked after yet; and when to look again, in the order of these instants.
        self._begun: dict[str, None] = {}
        self._again: dict[str, float] = {}
        self._arrived = asyncio.Event()
        self._work: asyncio.Task[None] | None = None

    def begin(self, client_id: str) -> None:
        """Do it soon; one look for all connections that a client opens at about the same time."""
        if client_id in self._again:
            return
        if len(self._begun) + len(self._again) >= MOST_CLIENTS:
            log.debug("not_hastened", client=client_id)
            return
        self._begun[client_id] = None
        self._arrived.set()
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Bring nothing back any more."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def _run(self) -> None:
        """Work until there is nobody left to look after."""
        while self._begun or self._again:
            clients = self._due()
            if clients:
                await self._look(clients)
            else:
                await self._rest()

    def _due(self) -> list[str]:
        now = asyncio.get_running_loop().time()
        again = list(takewhile(lambda name: self._again[name] <= now, self._again))
        for client_id in again:
            del self._again[client_id]
        first = list(self._begun)
        self._begun.clear()
        self._again |= dict.fromkeys(first, now + self._second_look_s)
        return first + again

    async def _look(self, client_ids: Sequence[str]) -> None:
        try:
            await self._store.hasten(client_ids, self._clock())
        except OmapushError as error:
            # Their pushes come back by themselves, only later.
            log.warning("ledger_unavailable", clients=len(client_ids), reason=error.reason)
        self._wake()

    async def _rest(self) -> None:
        """Wait until the next is to be looked after again, or a new one comes."""
        self._arrived.clear()
        try:
            async with asyncio.timeout_at(next(iter(self._again.values()))):
                await self._arrived.wait()
        except TimeoutError:
            pass
