"""The contract suite of stream bearers: what every ``ota.interface.StreamBearer`` passes.

Subclass :class:`StreamBearerContract` in a test module and give it a fixture ``bearer``; pytest
(with pytest-asyncio in automatic mode) collects the rest. The other end is a plain TCP socket on
this machine, so the suite fits every bearer that dials ``host`` and ``port``. A bearer that secures
connections gives a fixture ``peer`` of its own as well (:func:`listening_peer`)::

    class TestMyBearer(StreamBearerContract):
        @pytest.fixture
        def bearer(self):
            return MyBearer(clock)

:class:`PlainSession` is a session without a protocol, for tests of one's own.
"""

# ruff: noqa: S101 # a suite asserts

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from omapush.core.instants import Instant
from omapush.ota.interface import (
    BearerUnavailable,
    CloseConnection,
    Effect,
    SendOctets,
    StreamBearer,
    StreamLink,
)

TIMEOUT_MS = 5_000
LARGE = bytes(range(256)) * 16_384
"""4 MiB: more than sockets and transports hold."""
CLOSE = b""
"""A request for :class:`PlainSession` to close."""


class PlainSession:
    """Sends each request, indicates all octets that come, closes at :data:`CLOSE`.

    :ivar history: what the bearer did to the session, in order.
    :ivar wake_at: what :meth:`next_timer` says, until it was called.
    """

    def __init__(self) -> None:
        self.history: list[str] = []
        self.wake_at: Instant | None = None
        self.woken = asyncio.Event()
        self._effects: list[Effect] = []
        self._indications: list[bytes] = []

    def connected(self, now: Instant) -> None:
        """Note it."""
        self.history.append("connected")

    def request(self, primitive: bytes, now: Instant) -> None:
        """Send, or close."""
        effect = CloseConnection("done") if primitive == CLOSE else SendOctets(primitive)
        self._effects.append(effect)

    def receive(self, octets: bytes, now: Instant) -> None:
        """Indicate."""
        self.history.append("received")
        self._indications.append(bytes(octets))

    def disconnected(self, reason: str, now: Instant) -> None:
        """Note it, and have a last word."""
        self.history.append("disconnected")
        self._indications.append(b"<end>")

    def next_timer(self) -> Instant | None:
        """When to be woken."""
        return self.wake_at

    def handle_timer(self, now: Instant) -> None:
        """Note it, once."""
        self.wake_at = None
        self.history.append("woken")
        self.woken.set()

    def effects(self) -> list[Effect]:
        """Hand out."""
        effects, self._effects = self._effects, []
        return effects

    def indications(self) -> list[bytes]:
        """Hand out."""
        indications, self._indications = self._indications, []
        return indications


@dataclass
class Observer:
    """What a bearer tells above, in order: indications, and then why the connection ended.

    :ivar answer: is called with each indication while the bearer waits.
    """

    told: list[bytes | str] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    answer: Callable[[bytes], None] = lambda _indication: None

    def on_indication(self, indication: bytes) -> None:
        """Keep an indication."""
        self.told.append(indication)
        self.answer(indication)

    def on_closed(self, reason: str) -> None:
        """Keep the end."""
        self.told.append(reason)
        self.closed.set()

    def octets(self) -> bytes:
        """Return what came, without the session's last word."""
        return b"".join(t for t in self.told if isinstance(t, bytes) and t != b"<end>")


class Peer:
    """The other end: a listening socket and the one connection that came to it.

    :param tls: be TLS client on the connection, of a server with an address as its name.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self._tls = tls
        self._streams: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = (
            asyncio.get_running_loop().create_future()
        )

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the connection."""
        if self._tls is not None:
            reader, writer = await _tls_client(writer.transport, self._tls)
        self._streams.set_result((reader, writer))

    async def streams(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Wait for the connection."""
        return await asyncio.shield(self._streams)

    def close(self) -> None:
        """Close the connection, if there was one."""
        if self._streams.done():
            self._streams.result()[1].close()


async def _tls_client(
    transport: asyncio.WriteTransport, tls: ssl.SSLContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return streams by TLS on a connection that was accepted, where the event loop is client."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    secure = await loop.start_tls(
        transport, protocol, tls, server_side=False, server_hostname="127.0.0.1"
    )
    assert secure is not None
    protocol.connection_made(secure)
    return reader, asyncio.StreamWriter(secure, protocol, reader, loop)


@contextlib.asynccontextmanager
async def listening_peer(
    tls: ssl.SSLContext | None = None, *, tls_server: bool = True
) -> AsyncIterator[Peer]:
    """Listen on this machine for one connection.

    :param tls: by TLS, of the event loop's own making; as TLS server, or else as client.
    """
    peer = Peer(None if tls_server else tls)
    server = await asyncio.start_server(
        peer.accept, "127.0.0.1", 0, ssl=tls if tls_server else None
    )
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        peer.close()


class StreamBearerContract:
    """Each test has a session on a connection of its own."""

    @pytest.fixture
    async def peer(self) -> AsyncIterator[Peer]:
        """The other end."""
        async with listening_peer() as peer:
            yield peer

    @pytest.fixture
    def session(self) -> PlainSession:
        """The session that the bearer drives."""
        return PlainSession()

    @pytest.fixture
    def observer(self) -> Observer:
        """Whoever sits above the bearer."""
        return Observer()

    @pytest.fixture
    async def link(
        self, bearer: StreamBearer, peer: Peer, session: PlainSession, observer: Observer
    ) -> StreamLink[bytes]:
        """A connection to the peer."""
        return await bearer.connect(
            "127.0.0.1",
            peer.port,
            session,
            observer.on_indication,
            observer.on_closed,
            TIMEOUT_MS,
        )

    async def test_bearer_starts_session_once_before_anything_else(
        self, link: StreamLink[bytes], peer: Peer, session: PlainSession, observer: Observer
    ) -> None:
        assert session.history == ["connected"]
        assert link.peer == f"127.0.0.1:{peer.port}"
        assert observer.told == []

    async def test_bearer_delivers_large_writes_whole_and_in_order(
        self, link: StreamLink[bytes], peer: Peer
    ) -> None:
        reader, _ = await peer.streams()
        for start in range(0, len(LARGE), 300_000):
            link.request(LARGE[start : start + 300_000])
        assert await reader.readexactly(len(LARGE)) == LARGE

    async def test_bearer_gives_octets_of_peer_whole_and_in_order(
        self, link: StreamLink[bytes], peer: Peer, observer: Observer
    ) -> None:
        _, writer = await peer.streams()
        writer.write(LARGE)
        await writer.drain()
        writer.close()
        await observer.closed.wait()
        assert observer.octets() == LARGE

    async def test_bearer_tells_end_once_and_last_when_peer_closes(
        self, link: StreamLink[bytes], peer: Peer, session: PlainSession, observer: Observer
    ) -> None:
        _, writer = await peer.streams()
        writer.write(b"bye")
        writer.close()
        await observer.closed.wait()
        await asyncio.sleep(0)
        assert session.history[0] == "connected"
        assert session.history.count("disconnected") == 1
        assert session.history[-1] == "disconnected"
        assert [type(told) for told in observer.told[-2:]] == [bytes, str]
        assert observer.octets() == b"bye"

    async def test_bearer_writes_what_is_left_when_session_closes(
        self, link: StreamLink[bytes], peer: Peer, observer: Observer
    ) -> None:
        reader, _ = await peer.streams()
        link.request(LARGE)
        link.request(CLOSE)
        assert await reader.read(-1) == LARGE
        await observer.closed.wait()
        assert observer.told == [b"<end>", "done"]

    async def test_bearer_closes_once_when_told_twice(
        self, link: StreamLink[bytes], peer: Peer, session: PlainSession, observer: Observer
    ) -> None:
        reader, _ = await peer.streams()
        link.close("first")
        link.close("second")
        assert await reader.read(-1) == b""
        await observer.closed.wait()
        await asyncio.sleep(0)
        assert observer.told == [b"<end>", "first"]
        assert session.history == ["connected", "disconnected"]

    async def test_bearer_takes_request_out_of_indication(
        self, link: StreamLink[bytes], peer: Peer, observer: Observer
    ) -> None:
        reader, writer = await peer.streams()
        observer.answer = lambda _indication: link.request(b"pong")
        writer.write(b"ping")
        assert await reader.readexactly(4) == b"pong"

    async def test_bearer_takes_request_after_the_end_without_effect(
        self, link: StreamLink[bytes], peer: Peer, observer: Observer
    ) -> None:
        _, writer = await peer.streams()
        writer.close()
        await observer.closed.wait()
        told = list(observer.told)
        link.request(b"late")
        link.close("late")
        await asyncio.sleep(0)
        assert observer.told == told

    async def test_bearer_wakes_session_when_its_timer_is_due(
        self, link: StreamLink[bytes], session: PlainSession
    ) -> None:
        session.wake_at = Instant(1)  # long past, whatever the bearer's clock says
        link.request(b"arm")
        await asyncio.wait_for(session.woken.wait(), TIMEOUT_MS / 1000)
        assert session.history == ["connected", "woken"]

    async def test_bearer_does_not_wake_session_after_the_end(
        self, link: StreamLink[bytes], peer: Peer, session: PlainSession, observer: Observer
    ) -> None:
        link.close("over")
        await observer.closed.wait()
        session.wake_at = Instant(1)
        link.request(b"arm")
        await asyncio.sleep(0.01)
        assert "woken" not in session.history

    async def test_bearer_is_unavailable_when_nobody_listens(
        self, bearer: StreamBearer, session: PlainSession, observer: Observer
    ) -> None:
        with socket.socket() as unheard:
            unheard.bind(("127.0.0.1", 0))  # bound, so that nobody else listens there either
            port = unheard.getsockname()[1]
            await self._refused(bearer, "127.0.0.1", port, session, observer)

    async def test_bearer_is_unavailable_when_connection_takes_too_long(
        self, bearer: StreamBearer, session: PlainSession, observer: Observer
    ) -> None:
        with contextlib.ExitStack() as sockets:
            port = _port_that_never_answers(sockets)
            await self._refused(bearer, "127.0.0.1", port, session, observer, timeout_ms=100)

    @pytest.mark.parametrize(
        ("host", "port"), [("x" * 80, 4035), ("two words", 4035), ("127.0.0.1", 65_536)]
    )
    async def test_bearer_is_unavailable_when_address_is_none(
        self,
        bearer: StreamBearer,
        host: str,
        port: int,
        session: PlainSession,
        observer: Observer,
    ) -> None:
        await self._refused(bearer, host, port, session, observer)

    async def _refused(
        self,
        bearer: StreamBearer,
        host: str,
        port: int,
        session: PlainSession,
        observer: Observer,
        timeout_ms: int = TIMEOUT_MS,
    ) -> None:
        with pytest.raises(BearerUnavailable):
            await bearer.connect(
                host, port, session, observer.on_indication, observer.on_closed, timeout_ms
            )
        assert session.history == []
        assert observer.told == []


def _port_that_never_answers(sockets: contextlib.ExitStack) -> int:
    """Return a port whose queue of new connections is full, so that the next one waits."""
    full = sockets.enter_context(socket.socket())
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    port: int = full.getsockname()[1]
    for _ in range(16):
        caller = sockets.enter_context(socket.socket())
        caller.settimeout(0.05)
        try:
            caller.connect(("127.0.0.1", port))
        except TimeoutError:
            return port
    raise RuntimeError("this system's queue of connections is never full")
