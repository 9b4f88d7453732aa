"""Registrations at the service access point, and the start of a client that has many."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvloop
from client_ends import Asking, Registered, by_unix, deregister, register
from gateway import OMAPUSH, ROOT
from processes import free_ports
from push_client import client_settings

CALLERS = (1, 8)
OURS, BARE = "omapush", "bare Starlette"
NOW = b"GET /v1/events?registration=%s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n"
EVERY = b"GET /v1/applications HTTP/1.1\r\nHost: a\r\n\r\n"
REGISTER, ASK, DEREGISTER = "registered", "asked for events, none there", "deregistered"

Rates = dict[tuple[str, int], float]
"""Requests a second, by what is done and the number of callers."""


@dataclass(frozen=True)
class Registering:
    """Medians over the rounds.

    :ivar rates: by server. :ivar starts: seconds from the start of the client until it answers that
        all are registered, by how many registrations are on disk.
    """

    count: int
    rates: dict[str, Rates]
    starts: dict[int, float]


def registrations(count: int, rounds: int) -> Registering:
    """Measure ``count`` of each request, and starts with one registration and with ``count``."""
    found: dict[str, list[Rates]] = {}
    starts: dict[int, list[float]] = {}
    for _ in range(rounds):
        for name in (OURS, BARE):
            with tempfile.TemporaryDirectory() as text, _server(name, Path(text)) as socket:
                found.setdefault(name, []).append(uvloop.run(_rates(socket, count)))
        for kept in (1, count):
            with tempfile.TemporaryDirectory() as text:
                starts.setdefault(kept, []).append(_start(Path(text), kept))
    return Registering(
        count,
        {
            name: {case: statistics.median(run[case] for run in runs) for case in runs[0]}
            for name, runs in found.items()
        },
        {kept: statistics.median(times) for kept, times in starts.items()},
    )


@contextlib.contextmanager
def _server(name: str, folder: Path) -> Iterator[Path]:
    """Run a server; return its socket."""
    socket = folder / "cai.sock"
    if name == OURS:
        settings = client_settings(folder, free_ports(1)[0])
        command = [OMAPUSH, "client", "--config", str(settings)]
    else:
        command = [
            sys.executable, str(ROOT / "bench/bare_service_point.py"), str(socket),
            str(folder / "kept.db"),
        ]  # fmt: skip
    log = (folder / "server.log").open("ab")
    with log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield socket
        finally:
            process.terminate()


async def _rates(socket: Path, count: int) -> Rates:
    found: Rates = {}
    for callers in CALLERS:
        askings = [await by_unix(socket) for _ in range(callers)]
        registered: list[Registered] = []

        async def one_more(
            asking: Asking, number: int, kept: list[Registered] = registered
        ) -> None:
            kept.append(await register(asking, number))

        async def ask(asking: Asking, number: int, kept: list[Registered] = registered) -> None:
            one = kept[number]
            head, body = await asking.ask(NOW % (one.registration_id, one.token))
            if body != b"[]":
                sys.exit(f"asked for events: {head!r} {body!r}")

        async def end(asking: Asking, number: int, kept: list[Registered] = registered) -> None:
            await deregister(asking, kept[number])

        for what, work in ((REGISTER, one_more), (ASK, ask), (DEREGISTER, end)):
            found[what, callers] = await _per_second(askings, count, work)
        for asking in askings:
            asking.transport.close()
    return found


async def _per_second(
    askings: list[Asking], count: int, work: Callable[[Asking, int], Awaitable[None]]
) -> float:
    numbers = itertools.count()

    async def caller(asking: Asking) -> None:
        while (number := next(numbers)) < count:
            await work(asking, number)

    begun = time.perf_counter()
    await asyncio.gather(*map(caller, askings))
    return count / (time.perf_counter() - begun)


def _start(folder: Path, count: int) -> float:
    """Register ``count`` applications; return how long the next start takes."""
    with _server(OURS, folder) as socket:
        uvloop.run(_registered(socket, count))
    begun = time.perf_counter()
    with _server(OURS, folder) as socket:
        uvloop.run(_all_registered(socket, count))
        return time.perf_counter() - begun


async def _registered(socket: Path, count: int) -> None:
    asking = await by_unix(socket)
    token: bytes | None = None
    for number in range(count):
        token = (await register(asking, number, token)).token


async def _all_registered(socket: Path, count: int) -> None:
    asking = await by_unix(socket)
    while (await asking.ask(EVERY))[1].count(b'"registered"') < count:
        pass  # the answer takes its time
