"""The connection to the core, by TCP or TLS: opened before anything is registered, and again when
it is lost (RFC 5626).

Requests come by it, so the contact that is registered is its own address. By UDP there is none, and
this is always open.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from omapush.core.backoff import Backoff
from omapush.core.instants import SECOND_MS
from omapush.ota.interface import BearerUnavailable
from omapush.ota.sip.core import SipCore

log = structlog.get_logger(__name__)

FIRST_WAIT_MS = 5 * SECOND_MS
LONGEST_WAIT_MS = 300 * SECOND_MS


class Flow:
    """Keeps the connection. Implements ``ota.sip.core.FlowListener``.

    :param opened: is called when it is there; ``failed``, with the error, when a try was in vain or
        it has ended. It is tried again by itself until it is closed.
    :param spread: from 0 to 1, so that not all clients come back at once.
    """

    def __init__(
        self,
        core: SipCore,
        opened: Callable[[], None],
        failed: Callable[[BearerUnavailable], None],
        spread: Callable[[], float],
    ) -> None:
        self._core = core
        self._opened = opened
        self._failed = failed
        self._backoff = Backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS, spread)
        self._task: asyncio.Task[None] | None = None
        self._try_now = asyncio.Event()
        self._is_wanted = False
        self._broken = ""
        self._opened_at = 0.0
        self._was_brief = False
        self.is_open = False

    def want(self) -> None:
        """Open it, unless that is done or under way."""
        self._is_wanted = True
        if not self.is_open and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._open(), name="connection to the core")

    def _want_again(self) -> None:
        """Open it anew; a core that takes connections only to end them is given time."""
        lasted_ms = (asyncio.get_running_loop().time() - self._opened_at) * SECOND_MS
        was_brief, self._was_brief = self._was_brief, lasted_ms < FIRST_WAIT_MS
        if not (was_brief and self._was_brief):
            self._backoff.reset()
            self.want()
        elif self._task is None or self._task.done():
            self._task = asyncio.create_task(self._open_later(), name="connection to the core")

    def hasten(self) -> None:
        """Try now, if it is waited for the next try: it may fare better."""
        self._try_now.set()

    def lost(self, reason: str) -> None:
        """The connection has ended, or its keep-alive was not answered."""
        if not self.is_open:
            self._broken = reason  # before anybody has used it
            return
        self.is_open = False
        log.warning("core_connection_lost", reason=reason)
        if self._is_wanted:
            self._want_again()
            self._failed(BearerUnavailable(reason))

    async def close(self) -> None:
        """Try no more; the connection itself is the bearer's to close."""
        self._is_wanted = self.is_open = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _open(self) -> None:
        while True:
            self._broken = ""
            try:
                await self._core.open_flow(self)
                if self._broken:
                    raise BearerUnavailable(self._broken)
            except BearerUnavailable as error:
                self._failed(error)
                await self._pause()
            else:
                self.is_open = True
                self._opened_at = asyncio.get_running_loop().time()
                self._opened()
                return

    async def _open_later(self) -> None:
        await self._pause()
        await self._open()

    async def _pause(self) -> None:
        """Wait before the next try, unless it is to be made now."""
        self._try_now.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._backoff.wait_ms() / SECOND_MS):
                await self._try_now.wait()
