"""The event stream of the service access point: pushes and changes of state as they happen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from omapush.cai.model import Binding, RegistrationState, StatusChange
from omapush.client.agent import PushClient
from omapush.client.service_client import (
    AGAIN_SECONDS,
    ATTEMPTS,
    ServiceClient,
    ServicePointAwayError,
    ServicePointError,
)
from omapush.client.service_messages import PushMessage, StatusMessage
from omapush.client.service_point.event_stream import MAX_STREAMS_PER_USER
from omapush.client.service_point.point import ServicePoint
from omapush.client.status import MAX_STATUS_CHANGES
from omapush.ota.interface import PoConfirmedPushRes
from omapush.testing.virtual_clock import VirtualClock

WML = "x-wap-application:wml.ua"
MMS = "x-wap-application:mms.ua"
REQUEST: dict[str, Any] = {"push_application_id": WML}
BINDING = Binding("OTA-HTTP", "TCP/IP", "127.0.0.1:4035")


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


@asynccontextmanager
async def raw_stream(
    path: Path, token: str | None, headers: dict[str, str] | None = None, query: str = ""
) -> AsyncIterator[AsyncIterator[str]]:
    """Open a stream with a client that knows nothing of the interface; yield its lines."""
    transport = httpx2.AsyncHTTPTransport(uds=str(path))
    async with (
        httpx2.AsyncClient(transport=transport, base_url="http://client", trust_env=False) as http,
        http.stream(
            "GET",
            f"/v1/stream{query}",
            headers={"Authorization": f"Bearer {token}", **(headers or {})},
        ) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield answer.aiter_lines()


async def message_of(lines: AsyncIterator[str]) -> dict[str, str]:
    """Return the fields of the next message that is no comment."""
    fields: dict[str, str] = {}
    async with asyncio.timeout(10):
        async for line in lines:
            if not line and fields:
                return fields
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value
    raise AssertionError("the stream ended")


async def test_stream_tells_pushes_and_changes_of_every_registration(
    application: ServiceClient, client: PushClient, link: Any
) -> None:
    first = await application.register(REQUEST)
    async with aclosing(application.stream()) as messages:
        standing = await anext(messages)
        assert isinstance(standing, StatusMessage)
        assert (standing.registration["id"], standing.old, standing.new) == (
            first["id"],
            None,
            "registered",
        )
        push = link.push(body=b"one")
        message = await anext(messages)
        assert isinstance(message, PushMessage)
        assert await application.content(message.event) == b"one"
        await application.accept(message.event["id"])
        assert await push == PoConfirmedPushRes("1")

        second = await application.register({"push_application_id": MMS})
        change = await anext(messages)
        assert isinstance(change, StatusMessage)
        assert (change.registration["id"], change.old, change.new) == (
            second["id"],
            "pending",
            "registered",
        )
        answer = link.push(MMS)
        message = await anext(messages)
        assert isinstance(message, PushMessage)
        assert message.event["registration"] == second["id"]
        await application.accept(message.event["id"])
        assert await answer == PoConfirmedPushRes("2")


async def test_stream_of_one_registration_ends_with_it(application: ServiceClient) -> None:
    first = await application.register(REQUEST)
    await application.register({"push_application_id": MMS})
    told = []
    async with asyncio.timeout(10):
        async for message in application.stream(first["id"]):
            assert isinstance(message, StatusMessage)
            told.append((message.registration["id"], message.new))
            if message.old is None:
                await application.deregister(first["id"])
    assert told == [
        (first["id"], state) for state in ("registered", "deregistering", "deregistered")
    ]


async def test_reader_that_was_away_hears_what_it_missed(
    application: ServiceClient, socket_path: Path, client: PushClient
) -> None:
    """Last-Event-ID"""
    await application.register(REQUEST)
    async with raw_stream(socket_path, application.token) as lines:
        last = (await message_of(lines))["id"]
    client.bearers.binding_down("OTA-HTTP", "TCP/IP")
    client.bearers.binding_up(BINDING)
    resumed = {"Last-Event-ID": last}
    async with raw_stream(socket_path, application.token, resumed) as lines:
        missed = [await message_of(lines) for _ in range(2)]
    assert ['"new": "lost"' in one["data"] for one in missed] == [True, False]
    assert '"old": "lost"' in missed[1]["data"]
    for unknown in ("nonsense", "0-1", last.partition("-")[0] + "-99999"):
        resumed = {"Last-Event-ID": unknown}
        async with raw_stream(socket_path, application.token, resumed) as lines:
            assert '"old": null' in (await message_of(lines))["data"]


async def test_reader_that_missed_too_much_hears_how_things_stand(
    application: ServiceClient, socket_path: Path, client: PushClient
) -> None:
    await application.register(REQUEST)
    async with raw_stream(socket_path, application.token) as lines:
        last = (await message_of(lines))["id"]
    (registration,) = client.live_registrations()
    state = RegistrationState.REGISTERED
    for _ in range(MAX_STATUS_CHANGES + 1):
        client.status.tell(StatusChange(registration, state, state))
    resumed = {"Last-Event-ID": last}
    async with raw_stream(socket_path, application.token, resumed) as lines:
        assert '"old": null' in (await message_of(lines))["data"]


async def test_two_streams_get_one_event_once(
    application: ServiceClient, socket_path: Path, client: PushClient, link: Any
) -> None:
    """IF-T4"""
    registration = await application.register(REQUEST)
    async with (
        raw_stream(socket_path, application.token) as one,
        raw_stream(socket_path, application.token) as other,
    ):
        for lines in (one, other):
            await message_of(lines)
        entry = client._registry.get(registration["id"])
        await until(lambda: entry.mailbox.readers == 2)
        push = link.push()
        reading = [asyncio.ensure_future(message_of(lines)) for lines in (one, other)]
        done, waiting = await asyncio.wait(reading, return_when=asyncio.FIRST_COMPLETED)
        assert (len(done), len(waiting)) == (1, 1)
        (event_id,) = entry.mailbox._by_id
        await application.accept(event_id)
        assert await push == PoConfirmedPushRes("1")
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_event_that_was_not_written_goes_to_next_reader(
    application: ServiceClient, socket_path: Path, client: PushClient, link: Any
) -> None:
    registration = await application.register(REQUEST | {"max_outstanding": 16})
    entry = client._registry.get(registration["id"])
    # This reader never reads: what fits into the socket is written, and the rest waits.
    reader, writer = await asyncio.open_unix_connection(socket_path)
    writer.write(
        b"GET /v1/stream HTTP/1.1\r\nHost: client\r\nAuthorization: Bearer %s\r\n\r\n"
        % (application.token or "").encode()
    )
    reader._transport.pause_reading()
    await until(lambda: entry.mailbox.readers)
    for number in range(16):
        link.push(body=bytes([number]) * 65_000)
    await until(lambda: len(entry.mailbox._by_id) == 16)
    before = -1
    while before != entry.mailbox.outstanding:
        before = entry.mailbox.outstanding
        await application.info()
        await asyncio.sleep(0.02)
    assert 0 < entry.mailbox.outstanding < 16
    writer.close()
    await until(lambda: not entry.mailbox.readers and entry.mailbox.outstanding < before)
    written = entry.mailbox.outstanding
    events = await application.next_events(registration["id"], 16, 10)
    assert len(events) == 16 - written


async def test_streams_of_a_user_are_limited(
    application: ServiceClient, socket_path: Path, point: ServicePoint
) -> None:
    registration = await application.register(REQUEST)
    async with raw_stream(socket_path, application.token) as lines:
        await message_of(lines)
        (uid,) = point.streams._open
        point.streams._open[uid] = MAX_STREAMS_PER_USER
        with pytest.raises(ServicePointError) as caught:
            await anext(application.stream(registration["id"]))
        assert (caught.value.status, caught.value.cause) == (429, "limit_exceeded")
        point.streams._open[uid] = 1
    await until(lambda: not point.streams._open[uid])


async def test_silent_stream_is_kept_alive_by_comments(
    application: ServiceClient, socket_path: Path, point: ServicePoint
) -> None:
    await application.register(REQUEST)
    point.streams.keep_alive_seconds = 0.01
    async with raw_stream(socket_path, application.token) as lines:
        await message_of(lines)
        async with asyncio.timeout(10):
            async for line in lines:
                if line.startswith(":"):
                    break


async def test_stream_for_registration_of_another_is_refused(application: ServiceClient) -> None:
    await application.register(REQUEST)
    with pytest.raises(ServicePointError) as caught:
        await anext(application.stream("unknown"))
    assert caught.value.cause == "not_registered"


async def test_streams_and_waiting_requests_end_when_service_point_stops(
    application: ServiceClient, socket_path: Path, point: ServicePoint, client: PushClient
) -> None:
    registration = await application.register(REQUEST)
    waiting = asyncio.ensure_future(application.next_event(registration["id"]))
    entry = client._registry.get(registration["id"])
    await until(lambda: entry.mailbox.readers)
    async with raw_stream(socket_path, application.token) as lines:
        await message_of(lines)
        point.stop()
        async with asyncio.timeout(10):
            assert [line async for line in lines if line] == []
            assert await waiting is None


async def test_reader_goes_on_when_the_client_is_started_anew(
    client: PushClient, clock: VirtualClock, link: Any, tmp_path: Path, serve_point: Any
) -> None:
    path = tmp_path / "cai.sock"
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            await stack.enter()

    class Service:
        def __init__(self) -> None:
            self.current: Any = None

        async def enter(self) -> None:
            self.current = serve_point(ServicePoint(client, client._store, clock), path)
            await self.current.__aenter__()

        async def leave(self) -> None:
            await self.current.__aexit__(None, None, None)

    stack = Service()
    await stack.enter()
    async with ServiceClient(path, sleep=sleep) as application:
        registration = await application.register(REQUEST)
        async with aclosing(application.stream(registration["id"])) as messages:
            await anext(messages)
            await stack.leave()
            standing = await anext(messages)
            assert isinstance(standing, StatusMessage)
            assert standing.old is None
            link.push()
            message = await anext(messages)
            assert isinstance(message, PushMessage)
            await application.accept(message.event["id"])
        events = application.events(registration["id"])
        await stack.leave()
        del slept[:]
        link.push(body=b"second")
        event = await anext(events)
        assert await application.content(event) == b"second"
        await application.accept(event["id"])
        await events.aclose()
    assert slept == list(AGAIN_SECONDS[:3])
    await stack.leave()


async def test_reader_gives_up_on_a_client_that_stays_away(tmp_path: Path) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with ServiceClient(tmp_path / "nobody.sock", "token", sleep) as application:
        with pytest.raises(ServicePointAwayError):
            await anext(application.events("x"))
        assert len(slept) == ATTEMPTS
        assert set(slept[len(AGAIN_SECONDS) :]) == {AGAIN_SECONDS[-1]}
        with pytest.raises(ServicePointAwayError):
            await anext(application.stream("x"))
