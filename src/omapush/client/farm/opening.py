"""Opens the ways of many clients: paced, with growing waits, and again when they are lost.

Thousands of connects at once would overrun the other end's backlog, and thousands of clients that
all lost their gateway in the same instant would come back in the same instant. So only a few are
opened at a time and so many a second, and every wait has a part that is drawn (jitter).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from omapush.client.farm.clients import FarmClient, Wait
from omapush.client.farm.script import Chance
from omapush.core.instants import MINUTE_MS, SECOND_MS, Instant
from omapush.ota.interface import BearerUnavailable

BREATH_SECONDS = 0.02
"""The shortest pause: event loops cannot tell shorter ones apart, so a few clients go together."""


@dataclass(frozen=True, slots=True)
class OpeningLimits:
    """How ways are opened.

    :ivar per_second: at most so many.
    :ivar at_a_time: tries that may be under way.
    :ivar first_wait_ms: after the first failure; it doubles up to ``longest_wait_ms``. Of each wait
        at least half is waited, and of the other half a part that is drawn.
    :ivar steady_ms: a way that lasted so long ends the row of failures.
    """

    per_second: float = 1_000
    at_a_time: int = 64
    first_wait_ms: int = SECOND_MS
    longest_wait_ms: int = MINUTE_MS
    steady_ms: int = 10 * SECOND_MS


class Opening:
    """Opens the way of each client that is wanted, and keeps trying.

    :param open_way: opens it. :raises BearerUnavailable: there is none now.
    :param failures: counts the reasons.
    :param pause: waits for so many seconds between two clients, or two handfuls of them.
    """

    def __init__(
        self,
        open_way: Callable[[FarmClient], Awaitable[None]],
        failures: Counter[str],
        clock: Callable[[], Instant],
        wait: Wait,
        chance: Chance,
        limits: OpeningLimits | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._open_way = open_way
        self._reasons = failures
        self._clock = clock
        self._wait = wait
        self._chance = chance
        self._limits = limits or OpeningLimits()
        self._pause = pause
        # Bounded by the number of clients: none is in it twice.
        self._due: asyncio.Queue[FarmClient] = asyncio.Queue()
        self._row: dict[FarmClient, int] = {}
        """How often a client failed in a row."""

    def begin(self, clients: Iterable[FarmClient]) -> None:
        """Have the ways of ``clients`` opened as soon as it is their turn."""
        for client in clients:
            self._due.put_nowait(client)

    def lost(self, client: FarmClient, opened_at: Instant) -> None:
        """The way of ``client`` has ended; have it opened again after a wait."""
        if self._clock() - opened_at >= self._limits.steady_ms:
            self._row.pop(client, None)
        self._again(client)

    def after(self, client: FarmClient, milliseconds: int) -> None:
        """Have the way of ``client`` opened after this time."""
        self._wait(milliseconds, lambda: self._due.put_nowait(client))

    async def run(self) -> None:
        """Open ways until it is cancelled."""
        free, owed = asyncio.Semaphore(self._limits.at_a_time), 0.0
        async with asyncio.TaskGroup() as under_way:
            while True:
                client = await self._due.get()
                await free.acquire()
                task = under_way.create_task(self._open(client))
                task.add_done_callback(lambda _done: free.release())
                owed += 1 / self._limits.per_second
                if owed >= BREATH_SECONDS:
                    await self._pause(owed)
                    owed = 0.0

    async def _open(self, client: FarmClient) -> None:
        try:
            await self._open_way(client)
        except BearerUnavailable as error:
            self._reasons[error.reason] += 1
            self._again(client)

    def _again(self, client: FarmClient) -> None:
        failures = self._row.get(client, 0)
        self._row[client] = failures + 1
        limits = self._limits
        longest = min(limits.first_wait_ms << min(failures, 20), limits.longest_wait_ms)
        drawn = self._chance(client.client_id, failures, "wait")
        self.after(client, round(longest * (1 + drawn) / 2))
