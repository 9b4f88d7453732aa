"""Reads registrations from files: at the start, and again when the process is told to (SIGHUP)."""

from __future__ import annotations

import asyncio
import contextlib
import signal

from omapush.client.static_registrations import StaticRegistrations

RETRY_SECONDS = 60
"""After this time a file is tried again whose registration was not possible just then."""


async def keep_loaded(static: StaticRegistrations, retry_seconds: float = RETRY_SECONDS) -> None:
    """Load now and at each SIGHUP, until cancelled; several during one load are one."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, asked.set)
    try:
        while True:
            loaded = await static.load()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(retry_seconds if loaded.again else None):
                    await asked.wait()
            asked.clear()
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
