"""The gateway's own HTTP calls: redirections as the caller says, secrets and TLS names apart."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from omapush.web import outbound
from omapush.web.outbound import OutboundClient, OutboundError, OutboundLimits, OutboundRequest
from omapush.web.policy import OutboundPolicy, TargetForbiddenError

POLICY = OutboundPolicy()
LIMITS = OutboundLimits(timeout_ms=10_000, max_octets=64)
OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers each path as ``answers`` says and counts connections."""

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        self.heads: list[str] = []
        self.connections = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.heads.append(head)
                writer.write(self.answers.get(head.split(" ", 2)[1], OK).encode())
                await writer.drain()
        writer.close()

    def moved(self, path: str, location: str, status: int = 302) -> None:
        self.answers[path] = (
            f"HTTP/1.1 {status} Moved\r\nContent-Length: 0\r\nLocation: {location}\r\n\r\n"
        )


@contextlib.asynccontextmanager
async def serving(context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    made = Server()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=context)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as made:
        yield made


@pytest.fixture
async def client() -> AsyncIterator[OutboundClient]:
    made = OutboundClient(POLICY, LIMITS)
    yield made
    await made.close()


def get(url: str, **headers: str) -> OutboundRequest:
    return OutboundRequest(POLICY.parse(url), headers=headers)


async def test_redirections_are_followed_only_as_often_as_the_caller_says(
    server: Server, client: OutboundClient
) -> None:
    server.moved("/a", "/b")
    server.moved("/b", "/c")
    request = get(f"http://127.0.0.1:{server.port}/a")
    for redirections, status in ((0, 302), (1, 302), (2, 200)):
        assert (await client.call(request, redirections=redirections)).status == status


async def test_authorization_does_not_follow_to_another_origin(
    server: Server, client: OutboundClient
) -> None:
    async with serving() as other:
        server.moved("/a", f"http://127.0.0.1:{other.port}/b")
        request = get(f"http://127.0.0.1:{server.port}/a", Authorization="Basic eDp5", Accept="a/b")
        with pytest.raises(OutboundError, match="another host"):
            await client.call(request, redirections=1)
        assert other.heads == []
        assert (await client.call(request, redirections=1, elsewhere=True)).status == 200
        assert "Authorization: Basic eDp5" in server.heads[-1]
        assert "Authorization" not in other.heads[0]
        assert "Accept: a/b" in other.heads[0]
    assert "eDp5" not in repr(request)


async def test_redirection_is_judged_like_the_first_address(
    server: Server, client: OutboundClient
) -> None:
    server.moved("/a", "http://169.254.169.254/latest/")
    request = get(f"http://127.0.0.1:{server.port}/a")
    with pytest.raises(TargetForbiddenError):
        await client.call(request, redirections=3, elsewhere=True)
    server.moved("/a", "http://[::1")
    with pytest.raises((TargetForbiddenError, OutboundError)):
        await client.call(request, redirections=3, elsewhere=True)


async def test_body_is_cut_and_said_to_be(server: Server, client: OutboundClient) -> None:
    for size, whole in ((64, True), (65, False), (5_000, False)):
        server.answers["/"] = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n" + "x" * size
        answer = await client.call(get(f"http://127.0.0.1:{server.port}/"))
        assert (len(answer.body), answer.whole) == (64, whole)


@pytest.mark.parametrize("value", ["s3cret\r\nX: y", "s3cret\u20ac"])
async def test_secret_that_cannot_be_written_is_not_repeated(
    server: Server, client: OutboundClient, value: str
) -> None:
    request = get(f"http://127.0.0.1:{server.port}/", Authorization=value)
    with pytest.raises(OutboundError) as caught:
        await client.call(request)
    assert "s3cret" not in str(caught.value)
    assert not caught.value.written
    assert server.heads == []


@pytest.mark.parametrize("host", ["a" * 70 + ".example", "nul\0.example", "nowhere.invalid"])
async def test_name_that_cannot_be_resolved_is_an_error_of_ours(
    client: OutboundClient, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if host == "nowhere.invalid":

        async def resolves(*_asked: object, **_more: object) -> list[Any]:
            raise OSError("Name or service not known")

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolves)
    with pytest.raises(OutboundError, match="cannot resolve"):
        await client.call(get(f"http://{host}/"))


async def test_time_that_ran_out_before_the_request_was_written_is_told_apart(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = OutboundClient(POLICY, OutboundLimits(timeout_ms=100, max_octets=64))
    request = get(f"http://127.0.0.1:{server.port}/")
    server.answers["/"] = ""  # nothing, and the connection stays open
    with pytest.raises(OutboundError, match="no answer in time") as caught:
        await client.call(request)
    assert caught.value.written

    async def never(*_asked: object, **_more: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    with pytest.raises(OutboundError, match="no connection in time") as caught:
        await client.call(request)
    assert not caught.value.written
    await client.close()


async def test_look_ups_that_nobody_waits_for_keep_their_places(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, gate, begun = asyncio.get_running_loop(), asyncio.Event(), []
    resolve = loop.getaddrinfo

    async def slow(host: str, port: int, **more: Any) -> Any:
        if host == "localhost":
            begun.append(host)
            await gate.wait()
        return await resolve(host, port, **more)

    monkeypatch.setattr(loop, "getaddrinfo", slow)
    client = OutboundClient(POLICY, OutboundLimits(10_000, 64, look_ups=2))
    target = POLICY.parse(f"http://localhost:{server.port}/")
    calls = [asyncio.create_task(client.judged_address(target)) for _ in range(5)]
    for _ in range(5):
        await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    late = asyncio.create_task(client.judged_address(target))
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(begun) == 2
    gate.set()
    assert await late in ("127.0.0.1", "::1")
    assert len(begun) == 3
    await client.close()


def certificate(directory: Path, *names: str) -> Path:
    """Make a certificate for ``names`` that vouches for itself, with its key in the same file."""
    openssl = shutil.which("openssl")
    assert openssl is not None
    file, key = directory / f"{names[0]}.pem", directory / f"{names[0]}.key"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", f"/CN={names[0]}", "-keyout", str(key), "-out", str(file),
         "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)],
        check=True, capture_output=True,
    )  # fmt: skip
    file.write_text(file.read_text() + key.read_text())
    return file


async def test_tls_connection_of_one_name_serves_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path, "a.example", "b.example")
    loop = asyncio.get_running_loop()

    async def resolves(host: str, port: int, **_more: object) -> list[Any]:
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    serving_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving_tls.load_cert_chain(file)
    believed = ssl.create_default_context(cafile=str(file))
    async with serving(serving_tls) as server:
        client = OutboundClient(POLICY, LIMITS, believed)
        with monkeypatch.context() as patch:
            patch.setattr(loop, "getaddrinfo", resolves)
            addresses = {
                name: await client.judged_address(POLICY.parse(f"https://{name}/"))
                for name in ("a.example", "b.example", "c.example")
            }
        for name in ("a.example", "b.example", "a.example", "b.example"):
            request = get(f"https://{name}:{server.port}/")
            assert (await client.call_at(addresses[name], request)).status == 200
        assert server.connections == 2  # one for each name, each used twice
        assert f"Host: a.example:{server.port}" in server.heads[2]
        with pytest.raises(OutboundError, match=r"certificate|CERTIFICATE"):
            await client.call_at(addresses["c.example"], get(f"https://c.example:{server.port}/"))
        await client.close()


async def test_connections_of_names_that_nobody_uses_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbound, "MAX_IDLE_NAMES", 2)
    client = OutboundClient(POLICY, LIMITS)
    for number in range(5):
        with pytest.raises(OutboundError):
            await client.call_at("127.0.0.1", get(f"https://{number}.example:1/"))
    assert len(client._connections._pools) == 2
    await client.close()
