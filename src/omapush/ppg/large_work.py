"""Work whose size an initiator decides: what is small is done at once, what is large in a thread.

Reading a push to a thousand addresses takes as long as accepting a hundred others. In a thread it
takes somewhat longer, but everything else has its turn meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LARGE_OCTETS = 65_536
"""A body of more is read in a thread; it takes about ten milliseconds."""
LARGE_NUMBER = 500
"""More recipients than this are judged and prepared in a thread."""


class LargeWork:
    """Runs one large piece at a time: threads that compute only hinder each other, and the loop."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def run(self, work: Callable[[], T], *, large: bool) -> T:
        """Return ``work()``, which must be pure, or nobody else's, if it may be ``large``."""
        if not large:
            return work()
        async with self._turn:
            return await asyncio.to_thread(work)
