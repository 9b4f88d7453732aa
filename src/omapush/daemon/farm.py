"""A running farm of simulated clients, from its plan."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from omapush.client.farm.clients import Farm, FarmClient, FarmError, FarmFigures, Waiting
from omapush.client.farm.opening import Opening, OpeningLimits
from omapush.client.farm.script import seeded_chance
from omapush.core.instants import SECOND_MS, Instant
from omapush.daemon.clock import SystemClock
from omapush.daemon.farm_settings import FarmPlan, clients_tables, spread
from omapush.daemon.farm_sip import SipClients
from omapush.daemon.farm_ways import DatagramClients, DiallingClients, ListeningClients
from omapush.daemon.open_files import allow_files
from omapush.daemon.settings_table import Endpoint
from omapush.daemon.supervise import stop_on_signals, supervise

SPARE_FILES = 64
"""Open files beside those of the clients: the program's own, and connections about to close."""


@dataclass(frozen=True, slots=True)
class FarmStart:
    """What stands when a farm has started.

    :ivar listen: where the first and the last client listen; ``udp``: likewise.
    :ivar core: the SIP core at which they are to be registered.
    """

    clients: int
    seed: int
    listen: tuple[Endpoint, Endpoint] | None
    connect: Endpoint | None
    udp: tuple[Endpoint, Endpoint] | None
    core: Endpoint | None = None


class FarmObserver(Protocol):
    """Is told what goes on in a farm."""

    def started(self, start: FarmStart, now: Instant) -> None:
        """The clients can be reached, or begin to dial."""

    def figures(self, figures: FarmFigures, now: Instant) -> None:
        """Some seconds have passed."""

    def ended(self, figures: FarmFigures, now: Instant) -> None:
        """All ways are closed."""


async def run_farm(plan: FarmPlan, observer: FarmObserver) -> None:
    """Run a farm until its plan or a signal ends it.

    :raises FarmError: it cannot be as planned.
    :raises BearerUnavailable: an address cannot be had.
    """
    plan.check()
    allow_open_files(plan)
    clock, stopping = SystemClock(), asyncio.Event()
    stop_on_signals(stopping)
    running = _Running(plan, clock, stopping)
    async with running.ways() as start:
        observer.started(start, clock())
        loop = asyncio.get_running_loop()
        if plan.for_seconds is not None:
            loop.call_later(plan.for_seconds, stopping.set)

        async def report() -> None:
            while True:
                await asyncio.sleep(plan.figures_seconds)
                observer.figures(running.farm.figures, clock())

        async def stop() -> None:
            """Nothing has to end before the ways are closed."""

        parts = {"opening": running.opening.run(), "figures": report()}
        await supervise(parts, stop, stopping)
    observer.ended(running.farm.figures, clock())


def allow_open_files(plan: FarmPlan) -> None:
    """Raise the soft limit of open files to what the plan needs.

    :raises FarmError: the hard limit is lower.
    """
    # A client that listens has its listener and the gateway's connection.
    each = 2 * (plan.listen is not None) + (plan.connect is not None) + (plan.udp is not None)
    needed = each * plan.count + SPARE_FILES
    allowed = allow_files(needed)
    if allowed < needed:
        raise FarmError(
            f"{plan.count:,} clients need {needed:,} open files, and the hard limit is "
            f"{allowed:,}: raise it (ulimit -Hn, LimitNOFILE= of a service), or take fewer clients"
        )


class _Running:
    """The parts of a farm and how they hang together."""

    def __init__(self, plan: FarmPlan, clock: SystemClock, stopping: asyncio.Event) -> None:
        self._plan = plan
        self._stopping = stopping
        chance = seeded_chance(plan.seed)
        self.farm = Farm(chance, _wait, self._vanished, self._ended)
        self._clients = self.farm.clients(plan.groups)
        count, by_port = plan.count, plan.by_port
        self._listen = spread(plan.listen, count, by_port=by_port) if plan.listen else None
        self._udp = spread(plan.udp, count, by_port=by_port) if plan.udp else None
        self._datagrams = DatagramClients(clock)
        self._listening = (
            ListeningClients(dict(zip(self._clients, self._listen, strict=True)), clock)
            if self._listen
            else None
        )
        self._dialling = DiallingClients(plan.connect, clock) if plan.connect else None
        self._sip = (
            SipClients(plan.sip, self.farm, self._clients, clock, self._begin_opening)
            if plan.sip
            else None
        )
        self._pushes = 0
        limits = OpeningLimits(plan.per_second)
        failures = self.farm.figures.failures
        self.opening = Opening(self._open, failures, clock, _wait, chance, limits)

    @contextlib.asynccontextmanager
    async def ways(self) -> AsyncIterator[FarmStart]:
        """Open what must stand at once, and close everything at the end."""
        try:
            await self._begin()
            yield self._start()
        finally:
            for ways in (self._listening, self._dialling, self._sip, self._datagrams):
                if ways is not None:
                    await ways.close()

    async def _begin(self) -> None:
        for client, where in zip(self._clients, self._udp or (), strict=False):
            await self._datagrams.open(client, where)
        if self._listening is not None:
            for client in self._clients:
                await self._listening.open(client)
        if self._dialling is not None:
            self._begin_opening()
        self._write_clients()
        if self._sip is not None:
            await self._sip.start()

    def _begin_opening(self) -> None:
        self.opening.begin(self._clients)

    def _start(self) -> FarmStart:
        return FarmStart(
            len(self._clients),
            self._plan.seed,
            (self._listen[0], self._listen[-1]) if self._listen else None,
            self._plan.connect,
            (self._udp[0], self._udp[-1]) if self._udp else None,
            self._plan.sip.core if self._plan.sip else None,
        )

    def _write_clients(self) -> None:
        path = self._plan.clients_file
        if path is None:
            return
        plan = self._plan
        text = clients_tables(
            self._clients,
            self._listen,
            self._udp,
            plan.ppg,
            dials_in=plan.connect is not None,
            sip_domain=plan.sip.domain if plan.sip else None,
        )
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise FarmError(f"cannot write {path}: {error.strerror or error}") from error

    async def _open(self, client: FarmClient) -> None:
        if self._listening is not None:
            await self._listening.open(client)
        elif self._dialling is not None:
            await self._dialling.open(client, self.opening)
        elif self._sip is not None:
            await self._sip.open(client)

    def _vanished(self, client: FarmClient, milliseconds: int) -> None:
        if self._listening is not None:
            self._listening.vanish(client, milliseconds, self.opening)
        elif self._dialling is not None:
            self._dialling.vanish(client, milliseconds)
        elif self._sip is not None:
            self._sip.vanish(client, milliseconds)

    def _ended(self) -> None:
        self._pushes += 1
        if self._plan.until_pushes is not None and self._pushes >= self._plan.until_pushes:
            self._stopping.set()


def _wait(milliseconds: int, call: Callable[[], None]) -> Waiting:
    return asyncio.get_running_loop().call_later(milliseconds / SECOND_MS, call)
