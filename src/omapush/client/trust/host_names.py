"""Which addresses the host names of whitelists have: looked up ahead of a judgement, remembered.

What a stranger sends makes the client look names up, so that is bounded: each name once at a time,
an answer for an hour and a failure for a minute, few at the same time, and nobody waits long.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

import structlog

from omapush.client.trust.source_addresses import IpAddress, KnownAddresses
from omapush.core.instants import HOUR_MS, MINUTE_MS, Instant, later

log = structlog.get_logger(__name__)

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""Returns the IP addresses of a name, none where there is no such name. Raises :class:`OSError`
when that cannot be known now."""

KEPT_MS = HOUR_MS
"""How long an answer is believed at most."""
FAILURE_KEPT_MS = MINUTE_MS
"""How long a name is left alone that has no address, or could not be looked up."""
MAX_NAMES = 256
"""Names that are remembered; more than that are not looked up."""
MAX_AT_A_TIME = 4
MAX_ADDRESSES = 32
"""Addresses of one name."""
PATIENCE_SECONDS = 3.0
"""How long a judgement waits for names."""


@dataclass(frozen=True, slots=True)
class _Answer:
    addresses: frozenset[IpAddress]
    until: Instant
    failed: bool = False


class HostNames:
    """The addresses of host names, as far as they are known.

    :param resolve: looks one name up.
    """

    def __init__(self, clock: Callable[[], Instant], resolve: Resolve | None = None) -> None:
        self._clock = clock
        self._resolve = resolve or look_up
        self._answers: dict[str, _Answer] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(MAX_AT_A_TIME)

    def known(self) -> KnownAddresses:
        """Return what is known now."""
        now = self._clock()
        return {name: one.addresses for name, one in self._answers.items() if now < one.until}

    async def learn(self, names: Iterable[str]) -> bool:
        """Look up what is not known of ``names``.

        :return: whether all is known now: some name may not have been answered in time.
        """
        wanted = list(names)
        waiting = {task for name in wanted if (task := self._looking_up(name)) is not None}
        if waiting:
            await asyncio.wait(waiting, timeout=PATIENCE_SECONDS)
        return all(self._is_known(name) for name in wanted)

    async def close(self) -> None:
        """Stop looking up."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _is_known(self, name: str) -> bool:
        answer = self._answers.get(name)
        return answer is not None and not answer.failed and self._clock() < answer.until

    def _looking_up(self, name: str) -> asyncio.Task[None] | None:
        """Return the task that looks ``name`` up, or ``None`` if that is not to be done now."""
        answer = self._answers.get(name)
        if answer is not None and self._clock() < answer.until:
            return None
        running = self._running.get(name)
        if running is None:
            self._forget_old()
            if len(self._answers.keys() | self._running.keys()) >= MAX_NAMES:
                return None
            running = asyncio.create_task(self._look_up(name))
            self._running[name] = running
            running.add_done_callback(lambda _done: self._running.pop(name, None))
        return running

    def _forget_old(self) -> None:
        now = self._clock()
        for name in [name for name, one in self._answers.items() if one.until <= now]:
            del self._answers[name]

    async def _look_up(self, name: str) -> None:
        async with self._places:
            try:
                texts = await self._resolve(name)
                # An address may come with the zone of an interface.
                addresses = frozenset(
                    ipaddress.ip_address(text.partition("%")[0]) for text in texts[:MAX_ADDRESSES]
                )
            except (OSError, ValueError) as error:
                log.warning("host_name_not_looked_up", name=name, reason=str(error))
                until = later(self._clock(), FAILURE_KEPT_MS)
                self._answers[name] = _Answer(frozenset(), until, failed=True)
                return
        kept_ms = KEPT_MS if addresses else FAILURE_KEPT_MS
        self._answers[name] = _Answer(addresses, later(self._clock(), kept_ms))


async def look_up(name: str) -> Sequence[str]:
    """Ask the system's resolver. See :data:`Resolve`."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None)):
            return ()
        raise
    return [str(address[0]) for *_, address in found]
