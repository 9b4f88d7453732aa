"""Event handlers that are HTTP servers: real ones, on loopback and on Unix sockets."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from omapush.cai.model import Accept, Answer, PushEvent, Reject, RejectReason
from omapush.cai.wire import MAX_INLINE, event_members
from omapush.client.handlers.address import LoopbackAddress, SocketAddress
from omapush.client.handlers.post import Poster
from omapush.core.instants import Instant
from omapush.daemon.serving import HttpServer

ME = os.getuid()
EVENT = PushEvent(
    event_id="r1.e1",
    registration_id="r1",
    push_application_id="x-wap-application:wml.ua",
    content=bytes(range(256)),
    content_type="text/plain",
    headers=(("Content-Type", "text/plain"), ("X-Other", "a"), ("X-Other", "b")),
    protocol="OTA-HTTP",
    bearer="TCP/IP",
    source="192.0.2.10",
    received=Instant(0),
    deadline=Instant(20_000),
)
Serve = Callable[[socket.socket, "Application"], Awaitable[None]]


class Application:
    """An application that notes its requests and answers each with the same status."""

    def __init__(self, status: int = 204, headers: dict[str, str] | None = None) -> None:
        self.requests: list[tuple[str, str | None, bytes]] = []
        self._status = status
        self._headers = headers
        self.asgi = Starlette(routes=[Route("/{path:path}", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        url = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        content_type = request.headers.get("content-type")
        self.requests.append((url, content_type, await request.body()))
        return Response(status_code=self._status, headers=self._headers)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Return a function that serves an application on a listening socket till the test ends."""
    async with AsyncExitStack() as stack:

        async def start(listening: socket.socket, application: Application) -> None:
            server = HttpServer(application.asgi, [listening])
            serving = asyncio.create_task(server.run_until_stopped())

            async def stop() -> None:
                server.stop()
                await serving
                listening.close()

            stack.push_async_callback(stop)

        yield start


def unix_listener(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen(8)
    return listening


def loopback_listener() -> tuple[socket.socket, LoopbackAddress]:
    listening = socket.create_server(("127.0.0.1", 0))
    return listening, LoopbackAddress("127.0.0.1", listening.getsockname()[1], "/push?a=1")


async def posted(
    address: SocketAddress | LoopbackAddress,
    uid: int | None = ME,
    *,
    event: PushEvent = EVENT,
    seconds: float = 20,
) -> Answer | None:
    return await Poster(seconds).handler(address, uid)(event)


async def test_event_is_posted_to_a_server_on_loopback(serve: Serve) -> None:
    application = Application()
    listening, address = loopback_listener()
    await serve(listening, application)
    assert await posted(address) == Accept()
    (request,) = application.requests
    assert request[:2] == ("/push?a=1", "application/json")
    assert json.loads(request[2]) == json.loads(json.dumps(event_members(EVENT)))


async def test_event_is_posted_to_a_unix_socket_of_the_user_who_registered(
    serve: Serve, tmp_path: Path
) -> None:
    application, path = Application(), tmp_path / "app.sock"
    await serve(unix_listener(path), application)
    assert await posted(SocketAddress(str(path), "/push")) == Accept()
    assert await posted(SocketAddress(str(path)), uid=None) == Accept()
    assert [url for url, _, _ in application.requests] == ["/push", "/"]


async def test_event_does_not_go_to_another_users_process(serve: Serve, tmp_path: Path) -> None:
    application, path = Application(), tmp_path / "app.sock"
    await serve(unix_listener(path), application)
    answer = await posted(SocketAddress(str(path)), uid=ME + 1)
    assert answer == Reject(RejectReason.TRY_LATER, "the application is away")
    assert application.requests == []


async def test_long_content_goes_along_whole(serve: Serve, tmp_path: Path) -> None:
    application, path = Application(), tmp_path / "app.sock"
    await serve(unix_listener(path), application)
    content = os.urandom(MAX_INLINE + 1)
    await posted(SocketAddress(str(path)), event=replace(EVENT, content=content))
    assert base64.b64decode(json.loads(application.requests[0][2])["content_b64"]) == content


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (200, None),
        (202, None),
        (302, RejectReason.REFUSED),
        (400, RejectReason.REFUSED),
        (404, RejectReason.REFUSED),
        (415, RejectReason.UNSUPPORTED_TYPE),
        (429, RejectReason.BUSY),
        (500, RejectReason.TRY_LATER),
        (503, RejectReason.TRY_LATER),
    ],
)
async def test_application_answers_by_the_status(
    serve: Serve, status: int, reason: RejectReason | None
) -> None:
    listening, address = loopback_listener()
    elsewhere, other_address = loopback_listener()
    application, other = Application(status, {"Location": other_address.url}), Application()
    await serve(listening, application)
    await serve(elsewhere, other)
    answer = await posted(address)
    if reason is None:
        assert answer == Accept()
    else:
        assert answer == Reject(reason, f"the event handler answered {status}")
    assert other.requests == []  # redirections are not followed


async def test_server_that_is_down_is_an_application_that_is_away(tmp_path: Path) -> None:
    away = Reject(RejectReason.TRY_LATER, "the application is away")
    listening, address = loopback_listener()
    listening.close()
    assert await posted(address) == away
    assert await posted(SocketAddress(str(tmp_path / "none.sock"))) == away
    unix_listener(tmp_path / "dead.sock").close()
    assert await posted(SocketAddress(str(tmp_path / "dead.sock"))) == away
    assert await posted(SocketAddress(str(tmp_path / "dead.sock")), uid=None) == away


async def test_application_that_comes_back_gets_the_next_event(
    serve: Serve, tmp_path: Path
) -> None:
    path = tmp_path / "app.sock"
    handler = Poster().handler(SocketAddress(str(path)), ME)
    assert await handler(EVENT) != Accept()
    await serve(unix_listener(path), Application())
    assert await handler(EVENT) == Accept()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0\0\0\0\r\n\r\n",
        b"HTTP/1.1 999999 what\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1_000_000 + b"\r\n\r\n",
    ],
    ids=["nothing", "noise", "status", "long"],
)
async def test_server_that_does_not_speak_http_is_an_application_that_is_away(
    tmp_path: Path, answer: bytes
) -> None:
    async def misbehave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_unix_server(misbehave, tmp_path / "app.sock")
    async with server:
        answered = await posted(SocketAddress(str(tmp_path / "app.sock")))
    assert answered == Reject(RejectReason.TRY_LATER, "the application is away")


async def test_endless_body_of_an_answer_is_not_read(tmp_path: Path) -> None:
    async def chatter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
        try:
            while True:
                writer.write(bytes(65_536))
                await writer.drain()
        except ConnectionError:
            writer.close()

    server = await asyncio.start_unix_server(chatter, tmp_path / "app.sock")
    async with server:
        assert await posted(SocketAddress(str(tmp_path / "app.sock"))) == Accept()


async def test_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the client hangs up
        writer.close()
        gone.set()

    server = await asyncio.start_unix_server(silent, tmp_path / "app.sock")
    async with server:
        answer = await posted(SocketAddress(str(tmp_path / "app.sock")), seconds=0.2)
        assert answer == Reject(RejectReason.TRY_LATER, "the event handler did not answer in time")
        await gone.wait()


async def test_request_ends_when_the_push_is_called_off(tmp_path: Path) -> None:
    come, gone = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        come.set()
        await reader.read()
        writer.close()
        gone.set()

    server = await asyncio.start_unix_server(silent, tmp_path / "app.sock")
    async with server:
        running = asyncio.create_task(posted(SocketAddress(str(tmp_path / "app.sock"))))
        await come.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await gone.wait()
