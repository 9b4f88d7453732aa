"""The push client under measurement: from a gateway's socket to applications and back."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvloop
from client_ends import Applications, Passage, push
from gateway import OMAPUSH, ROOT
from processes import Measured, free_ports, running

APPLICATIONS = (1, 10, 1_000)
CONNECTIONS = (1, 8, 32)
WARMING = 200
ASK, STREAM, CALLED, EMBEDDED = "asks and accepts", "stream", "is called", "same process"
BARE, DURABLE = "bare httptools", "bare, one commit each"
CASES: dict[str, tuple[int, ...]] = {
    ASK: APPLICATIONS, STREAM: APPLICATIONS, CALLED: (10,), EMBEDDED: APPLICATIONS,
}  # fmt: skip


@dataclass(frozen=True)
class Confirmed:
    """Pushes of one case: medians over the rounds, times in milliseconds.

    :ivar slowest, fastest: confirmed pushes a second in the worst and the best round.
    :ivar handed: from the gateway to the application: median, and what 99 of 100 are below.
    :ivar confirmed: and until the gateway has the confirmation.
    """

    per_second: float
    slowest: float
    fastest: float
    cpu_per_1000: float
    handed: tuple[float, float]
    confirmed: tuple[float, float]


@dataclass(frozen=True)
class _Run:
    per_second: float
    cpu_per_1000: float
    handed: tuple[float, float]
    confirmed: tuple[float, float]


Found = dict[tuple[str, int, int], Confirmed]
"""By way, applications and connections; the references have no applications."""


def confirmed_pushes(total: int, rounds: int) -> Found:
    """Measure every case, the clients taking turns."""
    found: dict[tuple[str, int, int], list[_Run]] = {}
    for _ in range(rounds):
        for name, path in ((BARE, None), (DURABLE, "kept.db")):
            for connections, run in _reference(path, total):
                found.setdefault((name, 0, connections), []).append(run)
        for way, numbers in CASES.items():
            for applications in numbers:
                for connections, run in _client(way, applications, total):
                    found.setdefault((way, applications, connections), []).append(run)
    return {case: _median(runs) for case, runs in found.items()}


def _reference(path: str | None, total: int) -> list[tuple[int, _Run]]:
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as text:
        command = [sys.executable, str(ROOT / "bench/bare_terminal.py"), str(port)]
        if path is not None:
            command.append(str(Path(text) / path))
        with running("server", [command], port, Path(text)) as server:
            return [
                (
                    connections,
                    # It is so fast that few would be over before the clock of the system ticks.
                    uvloop.run(_measured(server, port, connections, total * 5, 1, "r", None)),
                )
                for connections in CONNECTIONS
            ]


def _client(way: str, applications: int, total: int) -> list[tuple[int, _Run]]:
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        if way == EMBEDDED:
            return _embedded(folder, port, applications, total)
        command = [OMAPUSH, "client", "--config", str(client_settings(folder, port))]
        with running("client", [command], port, folder) as server:
            return uvloop.run(_with_applications(way, applications, server, folder, port, total))


async def _with_applications(
    way: str, count: int, server: Measured, folder: Path, port: int, total: int
) -> list[tuple[int, _Run]]:
    applications = Applications(folder / "cai.sock")
    ways = {ASK: applications.ask, STREAM: applications.read_stream, CALLED: applications.be_called}
    await ways[way](count)
    found = await _at_each(server, port, total, count, applications)
    await applications.close()
    return found


def _embedded(folder: Path, port: int, applications: int, total: int) -> list[tuple[int, _Run]]:
    command = [
        sys.executable, str(ROOT / "bench/embedded_client.py"), str(port),
        str(folder / "client.db"), str(applications),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            server = Measured("client", [process])
            return uvloop.run(_at_each(server, port, total, applications, None))
        finally:
            process.terminate()


async def _at_each(
    server: Measured, port: int, total: int, count: int, applications: Applications | None
) -> list[tuple[int, _Run]]:
    await push(port, 8, WARMING, count, "warm", Passage())
    return [
        (
            connections,
            await _measured(
                server, port, connections, total, count, f"c{connections}", applications
            ),
        )
        for connections in CONNECTIONS
    ]


async def _measured(
    server: Measured, port: int, connections: int, total: int, count: int, run: str,
    applications: Applications | None,
) -> _Run:  # fmt: skip
    passage = Passage()
    if applications is not None:
        applications.passage = passage
    before = server.cpu_seconds()
    await push(port, connections, total, count, run, passage)
    used = server.cpu_seconds() - before
    return _Run(
        passage.per_second,
        used / total * 1_000,
        _quantiles(passage.to_application),
        _quantiles(passage.to_confirmation),
    )


def _quantiles(waits: list[float]) -> tuple[float, float]:
    """Return the median, and what 99 of 100 are below, in milliseconds; zeros without any."""
    if not waits:
        return 0.0, 0.0
    return waits[len(waits) // 2] * 1_000, waits[len(waits) * 99 // 100] * 1_000


def _median(runs: list[_Run]) -> Confirmed:
    def middle(what: Callable[[_Run], float]) -> float:
        return statistics.median(what(run) for run in runs)

    return Confirmed(
        middle(lambda run: run.per_second),
        min(run.per_second for run in runs),
        max(run.per_second for run in runs),
        middle(lambda run: run.cpu_per_1000),
        (middle(lambda run: run.handed[0]), middle(lambda run: run.handed[1])),
        (middle(lambda run: run.confirmed[0]), middle(lambda run: run.confirmed[1])),
    )


def client_settings(folder: Path, port: int) -> Path:
    """Write the settings of a client that takes many registrations."""
    path = folder / "client.toml"
    path.write_text(
        f'[terminal]\nid = "bench"\n[ota_http]\nlisten = "127.0.0.1:{port}"\n'
        f'[store]\npath = "{folder / "client.db"}"\n'
        f'[cai]\nsocket = "{folder / "cai.sock"}"\n'
        "max_registrations = 4096\nmax_registrations_per_user = 4096\n"
    )
    return path
