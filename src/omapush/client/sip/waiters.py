"""Those who wait until the core knows what it is to know."""

from __future__ import annotations

import asyncio

from omapush.client.binding.binder import BindingFailed


class Waiters:
    """Told together: it is so, or it has failed."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    async def wait(self) -> None:
        """Wait. :raises BindingFailed: it has failed."""
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(told)
        try:
            await told
        finally:
            self._waiting.discard(told)

    def settled(self) -> None:
        """It is so."""
        for one in self._taken():
            one.set_result(None)

    def failed(self, failure: BindingFailed) -> None:
        """It has failed."""
        for one in self._taken():
            one.set_exception(failure)

    def _taken(self) -> list[asyncio.Future[None]]:
        waiting, self._waiting = self._waiting, set()
        return [one for one in waiting if not one.done()]
