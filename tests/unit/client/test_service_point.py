"""The service access point over a real Unix socket, and its Python client (CAI 5)."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.types import Message

from omapush.cai.model import Reason, RegistrationRequest
from omapush.client.agent import PushClient
from omapush.client.service_client import (
    ServiceClient,
    ServicePointAwayError,
    ServicePointError,
)
from omapush.client.service_point.peer_credentials import SCOPE_KEY
from omapush.client.service_point.point import ServicePoint
from omapush.client.service_point.requests import MAX_BODY
from omapush.client.store import ClientStoreError
from omapush.ota.interface import PoConfirmedPushRes, PushStatus

WML = "x-wap-application:wml.ua"
MMS = "x-wap-application:mms.ua"
REQUEST = {"push_application_id": WML}
MEMBERS_OF_ERROR = {"error", "parameter", "detail", "retryable"}


def plain(path: Path) -> httpx2.AsyncClient:
    """Return an HTTP client that knows nothing of the interface."""
    transport = httpx2.AsyncHTTPTransport(uds=str(path))
    return httpx2.AsyncClient(transport=transport, base_url="http://client", trust_env=False)


async def test_every_request_is_answered_as_documented(
    socket_path: Path, client: PushClient, link: Any
) -> None:
    """IF-T1"""
    async with plain(socket_path) as http:
        created = await http.post("/v1/registrations", json=REQUEST)
        assert created.status_code == 202
        registration = created.json()
        own = f"/v1/registrations/{registration['id']}"
        assert created.headers["location"] == own
        assert (registration["push_application_id"], registration["state"]) == (WML, "pending")
        http.headers["authorization"] = f"Bearer {registration.pop('token')}"

        second = await http.get(own, params={"wait": "30"})
        assert second.json()["state"] == "registered"
        updated = await http.post("/v1/registrations", json=REQUEST | {"accept": ["text/plain"]})
        assert (updated.status_code, updated.json()["id"]) == (200, registration["id"])
        assert "token" not in updated.json()
        assert [one["id"] for one in (await http.get("/v1/registrations")).json()] == [
            registration["id"]
        ]
        assert (await http.get(own)).json() == updated.json()

        nothing = await http.get("/v1/events", params={"registration": registration["id"]})
        assert nothing.json() == []
        push = link.push(body=b"\0\xff")
        events = await http.get(
            "/v1/events", params={"registration": registration["id"], "wait": "30"}
        )
        (event,) = events.json()
        assert event["content_b64"] == "AP8="
        assert ["Content-Type", "text/plain"] in event["headers"]
        content = await http.get(f"/v1/events/{event['id']}/content")
        assert content.content == b"\0\xff"
        assert (await http.post(f"/v1/events/{event['id']}/accept")).status_code == 204
        assert await push == PoConfirmedPushRes("1")
        assert (await http.post(f"/v1/events/{event['id']}/accept")).status_code == 410
        assert (await http.post("/v1/events/unknown/accept")).status_code == 409

        info = (await http.get("/v1/info")).json()
        assert info["protocols"]["OTA-HTTP"] == {
            "default": True,
            "bearers": [{"name": "TCP/IP", "available": True}],
        }
        assert info["protocols"]["OTA-SIP"] == {"default": False, "bearers": []}
        assert info["versions"]["cai"] == ["1.0", "1.1"]

        ended = await http.delete(own)
        assert (ended.status_code, ended.json()["state"]) == (202, "deregistered")
        again = await http.delete(own)
        assert (again.status_code, again.json()["error"]) == (404, "not_registered")
        assert client.live_registrations() == []


async def test_deregistration_by_push_application_id(socket_path: Path) -> None:
    """CAI-46"""
    async with plain(socket_path) as http:
        token = (await http.post("/v1/registrations", json=REQUEST)).json()["token"]
        http.headers["authorization"] = f"Bearer {token}"
        other = await http.delete("/v1/registrations", params={"push_application_id": MMS})
        assert other.status_code == 404
        missing = await http.delete("/v1/registrations")
        assert missing.status_code == 400
        ended = await http.delete("/v1/registrations", params={"push_application_id": "2"})
        assert (ended.status_code, ended.json()["state"]) == (202, "deregistered")


REJECTED: list[tuple[bytes, int, str, str | None]] = [
    (b"", 400, "invalid_parameter", "push_application_id"),
    (b"{", 400, "invalid_parameter", None),
    (b"[]", 400, "invalid_parameter", "body"),
    (b'{"push_application_id": 7, "colour": 1}', 400, "invalid_parameter", "colour"),
    (b"[" * 100_000, 400, "invalid_parameter", None),
    (
        b'{"push_application_id": "2", "profiles": [{"port": "x"}]}',
        400,
        "invalid_parameter",
        "profiles[0].port",
    ),
    (
        b'{"push_application_id": "2", "event_handler": "dbus:x"}',
        422,
        "unsupported_option",
        "event_handler",
    ),
    (b" " * (MAX_BODY + 1), 429, "limit_exceeded", None),
]


async def test_rejection_names_reason_and_parameter(socket_path: Path) -> None:
    """IF-T1: the form of errors."""
    async with plain(socket_path) as http:
        for body, status, error, parameter in REJECTED:
            answer = await http.post("/v1/registrations", content=body)
            assert answer.status_code == status
            fault = answer.json()
            assert set(fault) == MEMBERS_OF_ERROR
            assert (fault["error"], fault["parameter"]) == (error, parameter)


async def test_unknown_request_has_error_body(socket_path: Path) -> None:
    async with plain(socket_path) as http:
        for method, path, status in (("GET", "/nothing", 404), ("PUT", "/v1/info", 405)):
            answer = await http.request(method, path)
            assert answer.status_code == status
            assert set(answer.json()) == MEMBERS_OF_ERROR


async def test_impossible_wait_is_refused(socket_path: Path) -> None:
    async with plain(socket_path) as http:
        registration = (await http.post("/v1/registrations", json=REQUEST)).json()
        http.headers["authorization"] = f"Bearer {registration['token']}"
        for wait in ("nan", "-1", "61", "soon"):
            own = f"/v1/registrations/{registration['id']}"
            answer = await http.get(own, params={"wait": wait})
            assert (answer.status_code, answer.json()["parameter"]) == (400, "wait")


async def test_without_token_nothing_is_told(application: ServiceClient) -> None:
    registration = await application.register(REQUEST)
    for token in (None, "wrong"):
        application.token = token
        for asking in (
            application.registrations(),
            application.registration(registration["id"]),
            application.deregister(registration["id"]),
            application.next_event(registration["id"], 0),
        ):
            with pytest.raises(ServicePointError) as caught:
                await asking
            assert caught.value.status == 401


async def test_other_application_neither_sees_nor_ends_registration(
    application: ServiceClient, socket_path: Path
) -> None:
    """IF-T2, T-43: another token, the same user."""
    registration = await application.register(REQUEST)
    async with ServiceClient(socket_path) as other:
        with pytest.raises(ServicePointError) as taken:
            await other.register(REQUEST)
        assert (taken.value.status, taken.value.cause) == (409, "already_registered")
        await other.register({"push_application_id": MMS})
        assert len(await other.registrations()) == 1
        with pytest.raises(ServicePointError) as caught:
            await other.deregister(registration["id"])
        assert caught.value.cause == "not_registered"
    assert [one["id"] for one in await application.registrations()] == [registration["id"]]


async def until(condition: Callable[[], object]) -> None:
    """Let the server work until something is so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


def mode_of(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def octets_and_modes(folder: Path, pattern: str) -> list[tuple[bytes, int]]:
    return [(file.read_bytes(), mode_of(file)) for file in folder.glob(pattern)]


async def call_as(point: ServicePoint, uid: int | None, method: str, path: str, token: str) -> int:
    """Call the application as if the kernel had told this user id; return the HTTP status."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {token}".encode())],
        SCOPE_KEY: uid,
    }
    await point.application(scope, receive, send)
    return int(sent[0]["status"])


async def test_token_is_worth_nothing_to_other_user(
    point: ServicePoint, application: ServiceClient
) -> None:
    """IF-T2: another user id, even with the token."""
    registration = await application.register(REQUEST)
    token = application.token or ""
    own = f"/v1/registrations/{registration['id']}"
    assert await call_as(point, os.getuid(), "GET", own, token) == 200
    assert await call_as(point, os.getuid() + 1, "GET", own, token) == 401
    assert await call_as(point, os.getuid() + 1, "DELETE", own, token) == 401
    assert await call_as(point, None, "GET", own, token) == 403
    assert len(await application.registrations()) == 1


async def test_token_is_kept_as_hash_only(application: ServiceClient, tmp_path: Path) -> None:
    await application.register(REQUEST)
    token = (application.token or "").encode()
    assert token
    files = octets_and_modes(tmp_path, "client.db*")
    assert files
    for octets, mode in files:
        assert token not in octets
        assert mode == 0o600


async def test_socket_is_for_owner_and_group(socket_path: Path) -> None:
    assert mode_of(socket_path) == 0o660


async def test_application_follows_its_events_and_refuses_one(
    application: ServiceClient, link: Any
) -> None:
    registration = await application.register(REQUEST)
    answers = [link.push(body=b"x" * 70_000), link.push(body=b"small")]
    events = application.events(registration["id"])
    large = await anext(events)
    assert "content_b64" not in large
    assert await application.content(large) == b"x" * 70_000
    await application.accept(large["id"])
    small = await anext(events)
    assert await application.content(small) == b"small"
    await application.reject(small["id"], "busy", "full up")
    with pytest.raises(ServicePointError) as caught:
        await application.reject(small["id"], "bored")
    assert caught.value.status == 400
    assert await answers[0] == PoConfirmedPushRes("1")
    assert (await answers[1]).status is PushStatus.USERDCR


async def test_event_of_reader_that_hung_up_goes_to_next_reader(
    application: ServiceClient, socket_path: Path, client: PushClient, link: Any
) -> None:
    registration = await application.register(REQUEST)
    _, writer = await asyncio.open_unix_connection(socket_path)
    request = (
        f"GET /v1/events?registration={registration['id']}&wait=30 HTTP/1.1\r\nHost: client\r\n"
        f"Authorization: Bearer {application.token}\r\n\r\n"
    )
    writer.write(request.encode())
    await writer.drain()
    entry = client._registry.get(registration["id"])
    await until(lambda: entry.mailbox.readers)
    writer.close()
    await writer.wait_closed()
    # An answer to another request says that the server has noticed the end of the connection.
    await application.info()
    push = link.push()
    event = await application.next_event(registration["id"], 10)
    assert event is not None
    await application.accept(event["id"])
    assert await push == PoConfirmedPushRes("1")


async def test_events_that_an_error_kept_from_their_reader_are_next_again(
    application: ServiceClient, client: PushClient, link: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of two cannot be handed out, so the caller hears of an error, and of no event."""
    asked = REQUEST | {"max_outstanding": 3, "delivery": "at_most_once"}
    registration = await application.register(asked)
    answers = [link.push(push_id=f"{number}", body=b"%d" % number) for number in range(3)]
    entry = client._registry.get(registration["id"])
    await until(lambda: len(entry.mailbox._waiting) == len(answers))
    mark_seen, marked = client._store.mark_seen, []

    async def full_at_second(*given: Any) -> None:
        marked.append(given)
        if len(marked) == 2:
            raise ClientStoreError("disk full")
        await mark_seen(*given)

    monkeypatch.setattr(client._store, "mark_seen", full_at_second)
    with pytest.raises(ServicePointError):
        await application.next_events(registration["id"], 3)
    assert entry.mailbox.outstanding == 0
    for answer in answers:
        event = await application.next_event(registration["id"], 10)
        assert event is not None
        await application.accept(event["id"])
        assert await answer == PoConfirmedPushRes(answer.result().reference)
        assert base64.b64decode(event["content_b64"]) == b"%d" % answers.index(answer)


async def test_two_readers_get_one_event_once(application: ServiceClient, link: Any) -> None:
    """IF-T4"""
    registration = await application.register(REQUEST)
    push = link.push()
    readers = [application.next_event(registration["id"], 0.05) for _ in range(2)]
    events = [event for event in await asyncio.gather(*readers) if event is not None]
    assert len(events) == 1
    await application.accept(events[0]["id"])
    assert await push == PoConfirmedPushRes("1")


async def test_registration_can_be_awaited(application: ServiceClient, client: PushClient) -> None:
    """T-01 over the socket."""
    client.bearers._bearers["tcp/ip"].known = False
    registration = await application.register(REQUEST, wait_seconds=0)
    assert registration["state"] == "pending"
    waiting = asyncio.ensure_future(application.registration(registration["id"], 30))
    await until(lambda: client._listeners)
    entry = client._registry.get(registration["id"])
    await client._fail(entry, Reason.TIMEOUT, "no answer in time")
    answer = await waiting
    assert (answer["state"], answer["reason"]) == ("failed", "timeout")


async def test_token_that_cannot_be_kept_leaves_no_registration(
    application: ServiceClient, client: PushClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise ClientStoreError("disk full")

    monkeypatch.setattr(client._store, "keep_token", full)
    with pytest.raises(ServicePointError) as caught:
        await application.register(REQUEST)
    assert (caught.value.status, caught.value.cause) == (500, "internal_error")
    assert "disk" not in str(caught.value)
    assert client.live_registrations() == []


async def test_application_that_gets_no_token_does_not_keep_the_id_from_others(
    application: ServiceClient, client: PushClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full: neither is the token kept, nor would a registration be forgotten."""

    async def full(*_: object) -> None:
        raise ClientStoreError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(client._store, "keep_token", full)
        patched.setattr(client._store, "forget", full)
        with pytest.raises(ServicePointError):
            await application.register(REQUEST)
    assert await client._store.registrations() == []
    await client.register("in-process", RegistrationRequest(WML))


async def test_registration_is_written_when_its_token_is(
    application: ServiceClient, client: PushClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between the two costs an unused token, and no push application id."""
    keep, tokens = client._store.keep, []

    async def noting(*given: Any) -> None:
        tokens.extend(await rows(client, "SELECT uid FROM token"))
        await keep(*given)

    monkeypatch.setattr(client._store, "keep", noting)
    await application.register(REQUEST)
    assert tokens[0] == (os.getuid(),)


async def test_rejected_registration_leaves_no_token(
    application: ServiceClient, client: PushClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise ClientStoreError("disk full")

    await client.register("in-process", RegistrationRequest(WML))
    with pytest.raises(ServicePointError) as caught:
        await application.register(REQUEST)
    assert caught.value.cause == "already_registered"
    assert await rows(client, "SELECT uid FROM token") == []
    monkeypatch.setattr(client._store, "forget_token", full)
    with pytest.raises(ServicePointError) as caught:
        await application.register(REQUEST)
    assert caught.value.cause == "already_registered"
    assert application.token is None


async def rows(client: PushClient, statement: str) -> list[Any]:
    return await client._store.file.run(lambda connection: connection.execute(statement).fetchall())


async def test_client_of_service_point_says_when_nobody_is_there(tmp_path: Path) -> None:
    async with ServiceClient(tmp_path / "nobody.sock") as application:
        with pytest.raises(ServicePointAwayError):
            await application.info()


async def test_both_ways_in_are_one_service(application: ServiceClient, client: PushClient) -> None:
    """CAI-20 holds between an application of the process and one on the socket."""
    await client.register("in-process", RegistrationRequest(WML))
    with pytest.raises(ServicePointError) as caught:
        await application.register(REQUEST)
    assert caught.value.status == 409


async def test_answers_are_json(socket_path: Path) -> None:
    async with plain(socket_path) as http:
        answer = await http.get("/v1/info")
        assert answer.headers["content-type"] == "application/json"
        assert json.loads(answer.content)["versions"]["api"] == ["v1"]


async def test_application_that_lost_its_token_comes_back_where_its_name_is_trusted(
    point: ServicePoint, socket_path: Path
) -> None:
    """CAI-21: the same user and the same Application ID."""
    named = REQUEST | {"application_id": "urn:example:app"}
    async with ServiceClient(socket_path) as first, ServiceClient(socket_path) as again:
        registration = await first.register(named)
        await first.register({"push_application_id": MMS, "application_id": "urn:example:app"})
        with pytest.raises(ServicePointError) as caught:
            await again.register(named)
        assert caught.value.cause == "already_registered"
        point.registrations._trust_application_id = True
        for refused in (REQUEST, REQUEST | {"application_id": "urn:example:other"}):
            with pytest.raises(ServicePointError) as caught:
                await again.register(refused)
            assert caught.value.cause == "already_registered"
        assert (await again.register(named))["id"] == registration["id"]
        assert len(await again.registrations()) == 2
        assert await first.registrations() == []
