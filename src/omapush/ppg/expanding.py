"""The expansion loop: puts the deliveries of pushes to very many recipients in their places.

The ledger keeps what is left to do, so a crash costs nothing, and several gateways share the work
without knowing of each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from omapush.core.instants import SECOND_MS
from omapush.ppg.store.contract import Store, StoreUnavailable

log = structlog.get_logger(__name__)


class ExpansionLoop:
    """Runs until cancelled.

    :param placed: is told when deliveries have become due that were not before.
    """

    def __init__(
        self, store: Store, placed: Callable[[], None], poll_ms: int = 5 * SECOND_MS
    ) -> None:
        self._store = store
        self._placed = placed
        self._poll_ms = poll_ms
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look at the ledger now: a push to very many recipients was accepted."""
        self._wake.set()

    async def run(self) -> None:
        """Expand page by page; between two pages everything else has its turn."""
        while True:
            self._wake.clear()
            try:
                while await self._store.expand():
                    self._placed()
            except StoreUnavailable as error:
                log.warning("ledger_unavailable", reason=error.reason)
            try:
                async with asyncio.timeout(self._poll_ms / 1000):
                    await self._wake.wait()
            except TimeoutError:
                pass
