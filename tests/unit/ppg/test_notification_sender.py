"""Posting notifications: to the address that was judged, in bounded time and memory."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from omapush.ppg.notification_sender import (
    MAX_ANSWER_OCTETS,
    HttpNotificationSender,
    ListenerCredentials,
    NotificationFailedError,
)
from omapush.testing.daemons import free_port
from omapush.web.policy import OutboundPolicy, TargetForbiddenError

LOOPBACK = OutboundPolicy(allowed=(ipaddress.ip_network("127.0.0.0/8"),))
DOCUMENT = b"<?xml version='1.0'?><pap/>"


class Listener:
    """An HTTP server of one kind of answer that keeps what it was sent.

    :param answers: what it writes after each request, in turn; the last one repeats; ``None``:
        nothing, and it keeps the connection open.
    """

    def __init__(self, *answers: bytes | None) -> None:
        self._answers = list(answers)
        self.requests: list[bytes] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head + await reader.readexactly(len(DOCUMENT)))
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                if answer is not None:
                    writer.write(answer.replace(b"PORT", str(self.port).encode()))
                    await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def listening(*answers: bytes | None) -> AsyncIterator[Listener]:
    listener = Listener(*answers)
    server = await asyncio.start_server(listener.serve, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    async with server:
        yield listener
        for writer in listener.writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def sending(
    targets: OutboundPolicy = LOOPBACK,
    timeout_ms: int = 10_000,
    credentials: dict[str, ListenerCredentials] | None = None,
) -> AsyncIterator[HttpNotificationSender]:
    sender = HttpNotificationSender(targets, timeout_ms, credentials)
    yield sender
    await sender.close()


def reply(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def test_document_is_posted_and_the_answer_read() -> None:
    async with listening(reply("202 Accepted", b"<pap/>")) as listener, sending() as sender:
        url = f"http://localhost:{listener.port}/notify?a=b"
        answer = await sender.post(LOOPBACK.parse(url), DOCUMENT)
    assert (answer.status, answer.body) == (202, b"<pap/>")
    head, _, body = listener.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "post /notify?a=b http/1.1"
    assert f"host: localhost:{listener.port}" in lines  # the name, though dialled by address
    assert "content-type: application/xml; charset=utf-8" in lines
    assert body == DOCUMENT


async def test_connection_is_kept_for_the_next_one() -> None:
    async with listening(reply("202 Accepted")) as listener, sending() as sender:
        target = LOOPBACK.parse(f"http://127.0.0.1:{listener.port}/")
        for _ in range(3):
            assert (await sender.post(target, DOCUMENT)).status == 202
    assert len(listener.requests) == 3


async def test_name_is_judged_by_every_address_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()

    async def resolves(host: str, port: int, **_more: object) -> list[Any]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("192.0.2.1", port)), (*kind, ("169.254.169.254", port))]

    monkeypatch.setattr(loop, "getaddrinfo", resolves)
    async with sending(OutboundPolicy()) as sender:
        target = OutboundPolicy().parse("http://metadata.example.net/")
        with pytest.raises(TargetForbiddenError):
            await sender.post(target, DOCUMENT)


async def test_name_that_nobody_knows_has_not_been_written(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolves(*_asked: object, **_more: object) -> list[Any]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolves)
    async with sending() as sender:
        with pytest.raises(NotificationFailedError, match="cannot resolve") as failed:
            await sender.post(LOOPBACK.parse("http://nowhere.example.net/"), DOCUMENT)
    assert not failed.value.written


async def test_refused_connection_has_not_been_written() -> None:
    port = free_port()
    async with sending() as sender:
        with pytest.raises(NotificationFailedError) as failed:
            await sender.post(LOOPBACK.parse(f"http://127.0.0.1:{port}/"), DOCUMENT)
    assert not failed.value.written


async def test_listener_that_never_answers_may_have_taken_it() -> None:
    async with listening(None) as listener, sending(timeout_ms=100) as sender:
        with pytest.raises(NotificationFailedError, match="in time") as failed:
            await sender.post(LOOPBACK.parse(f"http://127.0.0.1:{listener.port}/"), DOCUMENT)
    assert failed.value.written


@pytest.mark.parametrize("garbage", [b"\x00\xffSSH-2.0\r\n\r\n", b"HTTP/1.1 999999 x\r\n\r\n"])
async def test_garbage_is_a_failure_like_any_other(garbage: bytes) -> None:
    async with listening(garbage) as listener, sending() as sender:
        with pytest.raises(NotificationFailedError):
            await sender.post(LOOPBACK.parse(f"http://127.0.0.1:{listener.port}/"), DOCUMENT)


async def test_endless_answer_is_cut() -> None:
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 200_000
    async with listening(endless) as listener, sending() as sender:
        answer = await sender.post(LOOPBACK.parse(f"http://127.0.0.1:{listener.port}/"), DOCUMENT)
    assert len(answer.body) == MAX_ANSWER_OCTETS


async def test_redirection_is_followed_once_on_the_same_host() -> None:
    moved = reply("307 Temporary Redirect", b"", "Location: /there")
    async with listening(moved, reply("202 Accepted")) as listener, sending() as sender:
        target = LOOPBACK.parse(f"http://127.0.0.1:{listener.port}/here")
        assert (await sender.post(target, DOCUMENT)).status == 202
    assert listener.requests[1].startswith(b"POST /there ")
    async with listening(moved) as listener, sending() as sender:
        target = LOOPBACK.parse(f"http://127.0.0.1:{listener.port}/here")
        assert (await sender.post(target, DOCUMENT)).status == 307
    assert len(listener.requests) == 2


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("http://other.example.net/", NotificationFailedError),
        ("http://127.0.0.1:1/", NotificationFailedError),
        ("http://169.254.169.254/", TargetForbiddenError),
        ("file:///etc/passwd", TargetForbiddenError),
    ],
)
async def test_redirection_to_elsewhere_is_not_followed(
    location: str, error: type[Exception]
) -> None:
    moved = reply("308 Permanent Redirect", b"", f"Location: {location}")
    async with listening(moved) as listener, sending() as sender:
        with pytest.raises(error):
            await sender.post(LOOPBACK.parse(f"http://127.0.0.1:{listener.port}/"), DOCUMENT)
    assert len(listener.requests) == 1


async def test_credentials_go_to_the_listener_of_their_initiator_only() -> None:
    weather = {"weather": ListenerCredentials("ppg", "s3cret:\u00e9")}
    moved = reply("307 Temporary Redirect", b"", "Location: /there")
    taken = reply("202 Accepted")
    async with (
        listening(moved, taken) as listener,
        sending(credentials=weather) as sender,
    ):
        target = LOOPBACK.parse(f"http://127.0.0.1:{listener.port}/here")
        await sender.post(target, DOCUMENT, "weather")
        await sender.post(target, DOCUMENT, "sports")
    pair = base64.b64encode("ppg:s3cret:\u00e9".encode())
    wanted = b"Authorization: Basic " + pair + b"\r\n"
    assert [wanted in request for request in listener.requests] == [True, True, False]
    assert b"Authorization" not in listener.requests[2]
    assert "s3cret" not in repr(weather)


async def test_credentials_do_not_follow_to_another_port() -> None:
    weather = {"weather": ListenerCredentials("ppg", "s3cret")}
    async with listening(reply("202 Accepted")) as other:
        moved = reply("308 Moved", b"", f"Location: http://127.0.0.1:{other.port}/")
        async with listening(moved) as listener, sending(credentials=weather) as sender:
            target = LOOPBACK.parse(f"http://127.0.0.1:{listener.port}/")
            with pytest.raises(NotificationFailedError) as failed:
                await sender.post(target, DOCUMENT, "weather")
    assert other.requests == []
    assert "s3cret" not in str(failed.value)
