"""The two ends of a push client: a gateway that pushes, and applications that take what comes.

Both run in the process that measures, so that one clock sees a push leave the gateway, reach the
application and be confirmed. They parse no more than they must, so that on two cores they leave as
much as possible to the client.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import re
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

CONTENT_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
ITS_ID = re.compile(rb'"id": ?"([^"]+)"')
TOKEN = re.compile(rb'"token": ?"([^"]+)"')
PUSH_NUMBER = re.compile(rb'"push_id": ?"[^"]*-(\d+)"')
STREAMED = re.compile(rb"event: push\ndata: ([^\n]*)\n\n")

BODY = base64.b64encode(bytes(range(256)) * 3)
"""1 KiB of text."""
ENTITY = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Wap-Application-Id: %s\r\n"
    b"Content-Length: %d\r\n\r\n%s"
)
PUSH = (
    b"POST /wappush HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Wap-Push-OTA-Version: 1.0\r\n"
    b"X-Push-Id: %s-%d\r\nContent-Type: application/http\r\nContent-Length: %d\r\n\r\n%s"
)
CONFIRMED = b"X-Wap-Push-Status: 400"
ASK = b"GET /v1/events?registration=%s&wait=30 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n"
STREAM = b"GET /v1/stream HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n"
ACCEPT = (
    b"POST /v1/events/%s/accept HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n"
    b"Content-Length: 0\r\n\r\n"
)
TAKEN = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
ACCEPTING = 8
"""Connections on which the reader of a stream accepts."""
LONGEST_START_S = 30


def application_id(number: int) -> str:
    """Return the push application id of an application."""
    return f"x-bench:application.{number}"


class Asking(asyncio.Protocol):
    """A keep-alive connection that asks one thing at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[tuple[bytes, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if not blank or self._answer is None:
            return
        length = CONTENT_LENGTH.search(head)
        if len(body) < (int(length[1]) if length is not None else 0):
            return
        self._received = b""
        if not self._answer.done():
            self._answer.set_result((head, body))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError(f"the connection was closed: {exc}"))

    async def ask(self, request: bytes) -> tuple[bytes, bytes]:
        """Return head and body of the answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer


async def by_unix(path: Path) -> Asking:
    """Connect to a Unix socket, as soon as somebody listens there."""
    give_up_at = time.perf_counter() + LONGEST_START_S
    while True:
        try:
            _, asking = await asyncio.get_running_loop().create_unix_connection(Asking, str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            if time.perf_counter() > give_up_at:
                sys.exit(f"nobody listens on {path}")
            await asyncio.sleep(0.005)
        else:
            return asking


@dataclass
class Passage:
    """When the pushes of a run passed, by number, in seconds of one clock.

    :ivar seconds: from the first sent to the last confirmed.
    """

    sent: dict[int, float] = field(default_factory=dict)
    handed: dict[int, float] = field(default_factory=dict)
    confirmed: dict[int, float] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        """Confirmed pushes a second."""
        return len(self.confirmed) / self.seconds

    @property
    def to_application(self) -> list[float]:
        """Seconds from leaving the gateway until an application has it, sorted."""
        return sorted(self.handed[one] - self.sent[one] for one in self.handed)

    @property
    def to_confirmation(self) -> list[float]:
        """Seconds from leaving the gateway to the confirmation there, sorted."""
        return sorted(self.confirmed[one] - self.sent[one] for one in self.confirmed)


async def push(
    port: int, connections: int, total: int, applications: int, run: str, passage: Passage
) -> None:
    """Push ``total`` times over keep-alive connections, to the applications in turn."""
    entities = []
    for number in range(applications):
        name = application_id(number).encode()
        entities.append(ENTITY % (name, len(BODY), BODY))
    numbers = itertools.count()

    async def gateway(asking: Asking) -> None:
        while (number := next(numbers)) < total:
            entity = entities[number % applications]
            request = PUSH % (run.encode(), number, len(entity), entity)
            passage.sent[number] = time.perf_counter()
            head, _ = await asking.ask(request)
            passage.confirmed[number] = time.perf_counter()
            if CONFIRMED not in head:
                sys.exit(f"push {number} of {run} was not confirmed: {head!r}")
        asking.transport.close()

    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(Asking, "127.0.0.1", port) for _ in range(connections)]
    begun = time.perf_counter()
    await asyncio.gather(*(gateway(asking) for _, asking in opened))
    passage.seconds = time.perf_counter() - begun


@dataclass(frozen=True)
class Registered:
    """A registration and the token of its application."""

    registration_id: bytes
    token: bytes


async def register(
    asking: Asking, number: int, token: bytes | None = None, handler: str = "none"
) -> Registered:
    """Register an application until it is registered; without a token it gets its own."""
    body = (
        f'{{"push_application_id": "{application_id(number)}", "event_handler": "{handler}"}}'
    ).encode()
    authorization = b"Authorization: Bearer %s\r\n" % token if token is not None else b""
    head, body = await asking.ask(
        b"POST /v1/registrations?wait=30 HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n%s"
        % (authorization, len(body), body)
    )
    found, given = ITS_ID.search(body), TOKEN.search(body)
    if found is None or b'"registered"' not in body:
        sys.exit(f"not registered: {head!r} {body!r}")
    return Registered(found[1], given[1] if given is not None else token or b"")


async def deregister(asking: Asking, one: Registered) -> None:
    """Deregister an application until it is deregistered."""
    head, body = await asking.ask(
        b"DELETE /v1/registrations/%s?wait=30 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n"
        % (one.registration_id, one.token)
    )
    if b'"deregistered"' not in body:
        sys.exit(f"not deregistered: {head!r} {body!r}")


class Applications:
    """Applications that take every push at once.

    :ivar passage: where they note what they get; may be replaced between runs.
    """

    def __init__(self, socket: Path) -> None:
        self.passage = Passage()
        self._socket = socket
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, count: int) -> None:
        """Register ``count`` applications, each with a connection on which it asks and accepts."""
        for number in range(count):
            asking = await by_unix(self._socket)
            one = await register(asking, number)
            self._begin(self._asks(asking, one))

    async def read_stream(self, count: int) -> None:
        """Register ``count`` times for one application, which reads one stream."""
        accepting: asyncio.Queue[Asking] = asyncio.Queue()
        for _ in range(ACCEPTING):
            accepting.put_nowait(await by_unix(self._socket))
        asking = await by_unix(self._socket)
        token: bytes | None = None
        for number in range(count):
            token = (await register(asking, number, token)).token

        def streamed(message: bytes) -> None:
            self._begin(self._accepts(accepting, message, token or b""))

        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_unix_connection(
            lambda: Streaming(streamed), str(self._socket)
        )
        transport.write(STREAM % (token or b""))

    async def be_called(self, count: int) -> None:
        """Register ``count`` applications with the event handler ``unix:``, on one server."""
        path = self._socket.with_name("application.sock")
        self._server = await asyncio.get_running_loop().create_unix_server(
            lambda: Called(self.handed), str(path)
        )
        asking = await by_unix(self._socket)
        token: bytes | None = None
        for number in range(count):
            token = (await register(asking, number, token, f"unix:{path}:/push")).token

    def handed(self, body: bytes) -> None:
        """Note that an application has a push."""
        found = PUSH_NUMBER.search(body)
        if found is not None:
            self.passage.handed[int(found[1])] = time.perf_counter()

    async def close(self) -> None:
        """Leave off."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            print(f"an application failed: {task.exception()!r}", file=sys.stderr)

    async def _asks(self, asking: Asking, one: Registered) -> None:
        request = ASK % (one.registration_id, one.token)
        while True:
            _, body = await asking.ask(request)
            event = ITS_ID.search(body)
            if event is not None:
                self.handed(body)
                _accepted(await asking.ask(ACCEPT % (event[1], one.token)))

    async def _accepts(
        self, accepting: asyncio.Queue[Asking], message: bytes, token: bytes
    ) -> None:
        self.handed(message)
        event = ITS_ID.search(message)
        asking = await accepting.get()
        _accepted(await asking.ask(ACCEPT % (event[1] if event else b"", token)))
        accepting.put_nowait(asking)


def _accepted(answer: tuple[bytes, bytes]) -> None:
    head, body = answer
    if not head.startswith(b"HTTP/1.1 204"):
        sys.exit(f"an acceptance was refused: {head!r} {body!r}")


class Streaming(asyncio.Protocol):
    """The reader of an event stream; the chunks of the transfer are passed over."""

    def __init__(self, streamed: Callable[[bytes], None]) -> None:
        self._streamed = streamed
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = 0
        for found in STREAMED.finditer(self._received):
            end = found.end()
            self._streamed(found[1])
        self._received = self._received[end:]


class Called(asyncio.Protocol):
    """An application's own HTTP server, that accepts whatever comes."""

    def __init__(self, handed: Callable[[bytes], None]) -> None:
        self._handed = handed
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        length = CONTENT_LENGTH.search(head)
        if blank and length is not None and len(body) >= int(length[1]):
            self._handed(body)
            self._transport.write(TAKEN)
            self._transport.close()
