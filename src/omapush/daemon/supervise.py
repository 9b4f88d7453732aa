"""Runs the parts of a daemon together and stops them together."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping

from omapush.core.errors import OmapushError

Part = Coroutine[object, object, None]


class PartFailedError(OmapushError):
    """A part of the daemon ended although nobody had asked it to."""


async def supervise(
    parts: Mapping[str, Part],
    stop: Callable[[], Awaitable[None]],
    stopping: asyncio.Event,
) -> None:
    """Run ``parts`` until ``stopping`` is set or one of them ends by itself.

    ``stop`` is then given the chance to let work end in good order; after it what still runs is
    cancelled.

    :raises PartFailedError: a part ended by itself; its own error is the cause.
    """
    tasks = {name: asyncio.create_task(part, name=name) for name, part in parts.items()}
    stop_wait = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait([*tasks.values(), stop_wait], return_when=asyncio.FIRST_COMPLETED)
        failed = {name: task for name, task in tasks.items() if task.done()}
        await stop()
    finally:
        stop_wait.cancel()
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
    for name, task in failed.items():
        if stopping.is_set():
            break
        cause = None if task.cancelled() else task.exception()
        raise PartFailedError(f"{name} ended: {cause or 'without an error'}") from cause


def stop_on_signals(stopping: asyncio.Event) -> None:
    """Set ``stopping`` when the process is asked to end (SIGTERM, SIGINT)."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
