"""What simulated clients of OTA-SIP cost (``omapush farm --sip``), registered at Kamailio.

Memory of the farm, and the load of registrations: all at once as fast as it goes, and then two rounds
of refreshes, which come as close together. sipp is the gateway that the core tells of each.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Self

from gateway import OMAPUSH
from processes import Measured

from omapush.testing.kamailio import Kamailio
from omapush.testing.sipp import Sipp

EXPIRES = 24
"""Seconds; refreshes come at half of it."""
EVERY = 0.1
PACE = 20_000
PATIENCE = 60
APPLICATION = "x-wap-application:mms.ua"


@dataclass(frozen=True)
class Round:
    """One registration, or one refresh, of every client: seconds, and CPU seconds of both sides."""

    seconds: float
    farm_cpu: float
    core_cpu: float


@dataclass(frozen=True)
class SipFarmed:
    """A farm of so many clients at a core.

    :ivar kib: resident memory of the farm for each client, after the refreshes; ``total_mib``: of
        its process.
    """

    transport: str
    clients: int
    kib: float
    total_mib: float
    registered: Round
    refreshed: Round


class Farm:
    """``omapush farm`` at a core; a context manager."""

    def __init__(
        self,
        core: Kamailio,
        clients: int,
        *words: str,
        transport: str = "udp",
        application: str = APPLICATION,
    ) -> None:
        self._command = [
            OMAPUSH, "farm", "--clients", str(clients), "--id", "u#", "--application", application,
            "--sip", f"{core.host}:{core.port}", "--sip-domain", core.domain,
            "--sip-transport", transport, "--pace", str(PACE), "--every", str(EVERY), "--json",
            *words,
        ]  # fmt: skip
        self._clients = clients

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        self.measured = Measured("farm", [self._process])  # type: ignore[list-item]
        self.wait_for("started")
        return self

    def __exit__(self, *reason: object) -> None:
        self._process.terminate()
        self._process.communicate()

    def figures(self) -> Iterator[dict[str, Any]]:
        """Yield what it says, as it says it."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            yield json.loads(line)

    def wait_for(self, event: str = "figures", **least: int) -> dict[str, Any]:
        """Wait until its figures are at least these."""
        give_up_at = time.perf_counter() + PATIENCE
        for figures in self.figures():
            if figures["event"] == event and all(figures[name] >= it for name, it in least.items()):
                return figures
            if time.perf_counter() > give_up_at:
                raise SystemExit(f"the farm does not come to {least}: {figures}")
        raise SystemExit("the farm has ended early")


@dataclass(frozen=True)
class _Process:
    pid: int


def processes_of(core: Kamailio) -> Measured:
    """Return the processes of the core, for their CPU time."""
    lines = [line.split() for line in core.ask("core.psx").splitlines()]
    found = [_Process(int(words[1])) for words in lines if words[0] == "PID:"]
    return Measured("Kamailio", found)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def told_gateway(core: Kamailio) -> AsyncIterator[None]:
    """Have sipp answer what the core tells of registrations."""
    async with Sipp(
        "as_register", core.port, port=core.ppg_port, calls=10_000_000, timeout=600, trace=False
    ):
        yield


def sip_farms(clients: int) -> list[SipFarmed]:
    """Measure by UDP and by TCP."""
    return [asyncio.run(_farmed(clients, transport)) for transport in ("udp", "tcp")]


async def _farmed(clients: int, transport: str) -> SipFarmed:
    with Kamailio() as core:
        async with told_gateway(core):
            return await asyncio.to_thread(_measured, core, clients, transport)


def _measured(core: Kamailio, clients: int, transport: str) -> SipFarmed:
    with Farm(core, 1, transport=transport) as alone:
        alone.wait_for(registrations=1)
        alone_mib = alone.measured.resident_mib()
    registrar = processes_of(core)
    before = registrar.cpu_seconds()
    with Farm(core, clients, "--sip-expires", str(EXPIRES), transport=transport) as farm:
        registered = _round(farm, registrar, clients, before)
        refreshes = []
        for number in (2, 3):
            farm.wait_for(registrations=(number - 1) * clients + 1)
            refreshes.append(_round(farm, registrar, number * clients))
        total = farm.measured.resident_mib()
    return SipFarmed(
        transport, clients, (total - alone_mib) * 1024 / max(1, clients - 1), total,
        registered, min(refreshes, key=lambda one: one.seconds),
    )  # fmt: skip


def _round(farm: Farm, registrar: Measured, until: int, before: float | None = None) -> Round:
    """Wait until so many registrations are confirmed, from the first of them."""
    begun = time.perf_counter()
    cpu = farm.measured.cpu_seconds()
    core_cpu = registrar.cpu_seconds() if before is None else before
    farm.wait_for(registrations=until)
    seconds = time.perf_counter() - begun
    return Round(seconds, farm.measured.cpu_seconds() - cpu, registrar.cpu_seconds() - core_cpu)
