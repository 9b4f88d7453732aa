"""Telling gateways that what the client takes has changed, once for many registrations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence


class Announcement:
    """Calls ``tell`` soon after it was asked to, once for everything that was asked till then.

    :ivar tell: each tells the gateways of the connections that it knows.
    """

    def __init__(self, tell: Sequence[Callable[[], None]] = ()) -> None:
        self.tell = list(tell)
        self._due = False

    def soon(self) -> None:
        """Announce in the event loop's next turn, when registrations are as they are to be."""
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._now)

    def _now(self) -> None:
        self._due = False
        for tell in self.tell:
            tell()
