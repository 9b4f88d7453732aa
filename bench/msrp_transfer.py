"""A message over MSRP beside a raw TCP copy of the same octets, both ends in one process each time.

Both keep all octets and have them in one piece at the end. The loop is the daemons' own (uvloop);
the copy on asyncio's own loop stands beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import uvloop

from omapush.bearers.tcp import TcpBearer
from omapush.bearers.tcp_link import LONG_TURN
from omapush.core.instants import Instant
from omapush.ota.sip.media import MediaSessions, MediaStream
from omapush.protocols.msrp.connection import MsrpConnection
from omapush.protocols.msrp.session import (
    SMALL_CHUNK,
    BoundInd,
    Ends,
    MessageInd,
    MsrpIndication,
    MsrpSettings,
    SendMessage,
)
from omapush.protocols.msrp.uri import parse_path

SIZES = (1 << 20, 50 << 20)
ROUNDS = 5
HOST = "127.0.0.1"
LARGEST = 64 << 20
READ = LONG_TURN
RAW, RAW_SELECTOR = "raw TCP, asyncio streams on uvloop", "raw TCP, asyncio streams, asyncio's loop"
LARGE_CHUNKS, SMALL_CHUNKS = "MSRP, chunks of 256 KiB", "MSRP, chunks of 2,048 octets"

Carry = Callable[[bytes], Awaitable[bytes]]
"""Brings octets to the other end, and returns what it has."""
Way = Callable[[], contextlib.AbstractAsyncContextManager[Carry]]


@dataclass(frozen=True)
class Transfer:
    """One way to move so many octets: medians over the rounds.

    :ivar cpu: seconds of both ends, what the system does for them included: other programs on the
        machine disturb it less.
    """

    way: str
    octets: int
    seconds: float
    cpu: float


def msrp_transfers(scale: float) -> list[Transfer]:
    """Measure each way for each size, in turns; ``scale`` makes the large size smaller."""
    return [*_in_turns(SIZES[0], 10), *_in_turns(max(SIZES[0], int(SIZES[1] * scale)), 1)]


def _in_turns(size: int, repeats: int) -> list[Transfer]:
    large = MsrpSettings(LARGEST, LARGEST)
    window = large.window * large.chunk_octets // SMALL_CHUNK
    small = MsrpSettings(LARGEST, LARGEST, chunk_octets=SMALL_CHUNK, window=window)
    ways: dict[str, Way] = {
        RAW: _raw,
        LARGE_CHUNKS: lambda: _msrp(large),
        SMALL_CHUNKS: lambda: _msrp(small),
        RAW_SELECTOR: _raw,
    }
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            run = asyncio.run if name == RAW_SELECTOR else uvloop.run
            found[name].append(run(_timed(way, size, repeats)))
    return [
        Transfer(name, size, *map(statistics.median, zip(*rounds, strict=True)))
        for name, rounds in found.items()
    ]


async def _timed(way: Way, size: int, repeats: int) -> tuple[float, float]:
    """Return seconds and CPU seconds of one transfer, over a connection that stands."""
    async with way() as carry:
        body = bytes(size)
        assert await carry(body[:READ]) == body[:READ]
        begun, begun_cpu = time.perf_counter(), time.process_time()
        for _ in range(repeats):
            assert len(await carry(body)) == size
        seconds, cpu = time.perf_counter() - begun, time.process_time() - begun_cpu
    return seconds / repeats, cpu / repeats


@contextlib.asynccontextmanager
async def _raw() -> AsyncIterator[Carry]:
    ends: asyncio.Queue[asyncio.StreamReader] = asyncio.Queue()
    server = await asyncio.start_server(lambda reader, _: ends.put_nowait(reader), HOST, 0)
    _, writer = await asyncio.open_connection(HOST, server.sockets[0].getsockname()[1])
    reader = await ends.get()

    async def read(size: int) -> bytes:
        parts, got = [], 0
        while got < size:
            parts.append(await reader.read(READ))
            got += len(parts[-1])
        return b"".join(parts)

    async def carry(body: bytes) -> bytes:
        reading = asyncio.create_task(read(len(body)))
        for begin in range(0, len(body), READ):
            writer.write(body[begin : begin + READ])
            await writer.drain()
        return await reading

    yield carry
    writer.close()
    server.close()


@contextlib.asynccontextmanager
async def _msrp(settings: MsrpSettings) -> AsyncIterator[Carry]:
    numbers = itertools.count(10**15)
    here, there = (parse_path(f"msrp://{HOST}:2855/{name};tcp") for name in ("here", "there"))
    sessions = MediaSessions()
    sessions.expect(Ends(here, there))
    bound = asyncio.Event()
    came: asyncio.Queue[bytes] = asyncio.Queue()

    def told(_link: object, indication: MsrpIndication) -> None:
        if isinstance(indication, BoundInd):
            bound.set()
        elif isinstance(indication, MessageInd):
            came.put_nowait(indication.body)

    def stream(**more: Any) -> MediaStream:
        connection = MsrpConnection(settings, lambda: f"id{next(numbers)}", **more)
        return MediaStream(connection, binds="ends" in more)

    bearer = TcpBearer(lambda: Instant(time.perf_counter_ns() // 1_000_000), turn=READ)
    listener = await bearer.listen(HOST, 0, lambda _: stream(find=sessions.find), told)
    link = await bearer.connect(
        HOST, listener.port, stream(ends=Ends(there, here)), lambda _: None, lambda _: None, 5_000
    )
    await bound.wait()

    async def carry(body: bytes) -> bytes:
        link.request(SendMessage(f"message{next(numbers)}", "application/vnd.oma.push", body))
        return await came.get()

    yield carry
    link.close("measured")
    await listener.close("measured")
