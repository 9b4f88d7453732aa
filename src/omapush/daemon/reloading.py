"""Reads registrations from files again when the process is told to (SIGHUP)."""

from __future__ import annotations

import asyncio
import signal

from omapush.client.static_registrations import StaticRegistrations


async def reload_on_hangup(static: StaticRegistrations) -> None:
    """Load again at each SIGHUP, until cancelled; several during one load are one."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, asked.set)
    try:
        while True:
            await asked.wait()
            asked.clear()
            await static.load()
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
