"""The TCP bearer: listening, limits, flow control, and what it traces."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvloop

from omapush.bearers import tcp_link
from omapush.bearers.tcp import ListenLimits, TcpBearer, TcpListener
from omapush.core.instants import Instant
from omapush.core.trace import TraceRecord
from omapush.ota.interface import BearerUnavailable, StreamLink
from omapush.testing.bearer_contract import CLOSE, LARGE, Observer, PlainSession, listening_peer

NOW = Instant(1_700_000_000_000)


class Server:
    """A listener whose sessions echo, and what it was told."""

    def __init__(self) -> None:
        self.traces: list[TraceRecord] = []
        self.bearer = TcpBearer(lambda: NOW, self.traces.append)
        self.sessions: list[PlainSession] = []
        self.peers: list[str] = []
        self.ended: list[tuple[StreamLink[bytes], str]] = []
        self.one_ended = asyncio.Event()

    def open_session(self, peer: str) -> PlainSession:
        self.peers.append(peer)
        self.sessions.append(PlainSession())
        return self.sessions[-1]

    def on_indication(self, link: StreamLink[bytes], octets: bytes) -> None:
        if octets != b"<end>":
            link.request(octets)

    def on_closed(self, link: StreamLink[bytes], reason: str) -> None:
        self.ended.append((link, reason))
        self.one_ended.set()

    @contextlib.asynccontextmanager
    async def listening(self, limits: ListenLimits | None = None) -> AsyncIterator[TcpListener]:
        listener = await self.bearer.listen(
            "127.0.0.1", 0, self.open_session, self.on_indication, limits, self.on_closed
        )
        try:
            yield listener
        finally:
            await listener.close("the test is over")


async def dial(listener: TcpListener) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", listener.port)


async def test_listener_gives_each_connection_a_session_and_its_end() -> None:
    server = Server()
    async with server.listening() as listener:
        reader, writer = await dial(listener)
        writer.write(b"ping")
        assert await reader.readexactly(4) == b"ping"
        assert (server.peers, listener.connections) == (["127.0.0.1"], 1)
        writer.close()
        await server.one_ended.wait()
        assert listener.connections == 0
        ((link, reason),) = server.ended
        assert link.peer.startswith("127.0.0.1:")
        assert reason == "the peer closed the connection"


@pytest.mark.parametrize("limits", [ListenLimits(2, 9), ListenLimits(9, 2)])
async def test_listener_turns_away_connections_beyond_its_limits(limits: ListenLimits) -> None:
    server = Server()
    async with server.listening(limits) as listener:
        open_ones = [await dial(listener) for _ in range(2)]
        for reader, writer in open_ones:
            writer.write(b"x")
            assert await reader.readexactly(1) == b"x"
        turned_away, third = await dial(listener)
        with contextlib.suppress(ConnectionResetError):
            assert await turned_away.read(1) == b""
        assert len(server.sessions) == 2
        assert [record.event for record in server.traces][-1] == "turned_away"
        third.close()
        open_ones[0][1].close()
        await server.one_ended.wait()
        reader, writer = await dial(listener)  # there is room again
        writer.write(b"y")
        assert await reader.readexactly(1) == b"y"
        writer.close()
        open_ones[1][1].close()


async def test_listener_closes_its_connections_with_itself() -> None:
    server = Server()
    async with server.listening() as listener:
        reader, writer = await dial(listener)
        writer.write(b"x")
        await reader.readexactly(1)
    assert await reader.read() == b""
    await server.one_ended.wait()
    assert server.ended[0][1] == "the test is over"
    writer.close()


async def test_connection_whose_session_cannot_be_made_takes_no_place() -> None:
    server = Server()
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))

    def open_session(_peer: str) -> PlainSession:
        raise RuntimeError("a fault of ours")

    listener = await server.bearer.listen("127.0.0.1", 0, open_session, server.on_indication)
    reader, writer = await dial(listener)
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()
    assert listener.connections == 0
    assert len(faults) == 1  # and it is not hidden
    await listener.close("the test is over")


@pytest.mark.parametrize("host", ["203.0.113.77", "x" * 80])
async def test_listener_is_unavailable_on_foreign_address(host: str) -> None:
    server = Server()
    with pytest.raises(BearerUnavailable, match="cannot listen"):
        await server.bearer.listen(host, 0, server.open_session, server.on_indication)


async def test_listener_reads_no_more_from_peer_that_does_not_read() -> None:
    server = Server()
    async with server.listening() as listener:
        reader, writer = await dial(listener)
        writer.transport.set_write_buffer_limits(high=0)
        writer.write(LARGE * 4)  # echoed, and we do not read
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(writer.drain(), 0.3)
        received = 0
        while received < len(LARGE) * 4:  # now we do
            received += len(await reader.read(1 << 20))
        writer.close()
        await server.one_ended.wait()


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run])
def test_connections_of_a_bearer_do_not_mix_their_octets(runner: Any) -> None:
    """They share the buffer that octets are read to."""

    async def echoed(listener: TcpListener, number: int) -> bool:
        reader, writer = await dial(listener)
        sent = bytes([number]) * (3 * tcp_link.TURN + number)
        writer.write(sent)
        received = await reader.readexactly(len(sent))
        writer.close()
        await writer.wait_closed()
        return received == sent

    async def run() -> list[bool]:
        async with Server().listening() as listener:
            return await asyncio.gather(*(echoed(listener, number) for number in range(16)))

    assert runner(run()) == [True] * 16


async def test_link_is_cut_when_peer_does_not_take_the_last_octets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tcp_link, "CLOSE_TIMEOUT_SECONDS", 0.05)
    observer = Observer()
    async with listening_peer() as peer:
        link = await TcpBearer(lambda: NOW).connect(
            "127.0.0.1",
            peer.port,
            PlainSession(),
            observer.on_indication,
            observer.on_closed,
            1_000,
        )
        _, writer = await peer.streams()
        writer.transport.pause_reading()  # type: ignore[attr-defined] # a stream's transport
        link.request(LARGE * 8)
        link.request(CLOSE)
        await asyncio.wait_for(observer.closed.wait(), 5)
        assert observer.told[-1] == "done"


async def test_bearer_traces_connections_without_content() -> None:
    server = Server()
    async with server.listening() as listener:
        reader, writer = await dial(listener)
        writer.write(b"secret")
        await reader.readexactly(6)
        writer.close()
        await server.one_ended.wait()
    opened, closed = server.traces
    assert (opened.layer, opened.event, closed.event) == ("tcp", "connected", "closed")
    assert closed.detail["reason"] == "the peer closed the connection"
    assert opened.detail["peer"] == closed.detail["peer"]
    assert "secret" not in f"{opened} {closed}"


def test_bearer_runs_on_uvloop() -> None:
    async def echo() -> bytes:
        server, observer = Server(), Observer()
        async with server.listening() as listener:
            link = await server.bearer.connect(
                "127.0.0.1",
                listener.port,
                PlainSession(),
                observer.on_indication,
                observer.on_closed,
                1_000,
            )
            answered = asyncio.Event()
            observer.answer = lambda _octets: answered.set()
            link.request(b"ping")
            await answered.wait()
            link.close("enough")
            await observer.closed.wait()
            await server.one_ended.wait()
        return observer.octets()

    assert uvloop.run(echo()) == b"ping"


async def test_listener_has_tcp_ask_whether_peers_are_still_there() -> None:
    server, told = Server(), list[bool]()
    for seconds in (0, 60):
        async with server.listening(ListenLimits(keep_alive_seconds=seconds)) as listener:
            reader, writer = await dial(listener)
            writer.write(b"x")
            await reader.readexactly(1)
            [place] = listener._gate.places
            found = place.transport.get_extra_info("socket")
            told.append(bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)))
            writer.close()
    assert told == [False, True]
