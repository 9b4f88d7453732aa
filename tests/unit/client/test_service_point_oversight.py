"""What the service access point tells of the client, and of all applications to its own user."""

from __future__ import annotations

import os
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from starlette.types import Message

from omapush.client.service_client import ServiceClient, ServicePointError
from omapush.client.service_messages import StatusMessage
from omapush.client.service_point.peer_credentials import SCOPE_KEY
from omapush.client.service_point.point import ServicePoint
from omapush.content.message import PushMessage
from omapush.ota.interface import PoUnitPushInd, PushSource

WML = "x-wap-application:wml.ua"


async def test_own_user_sees_every_application(
    application: ServiceClient, client: Any, link: Any
) -> None:
    registration = await application.register({"push_application_id": WML})
    await client.register_application("x-wap-application:mms.ua")
    message = PushMessage((("X-Wap-Application-Id", WML), ("Content-Type", "text/plain")), b"x")
    await client.unit_push(PoUnitPushInd(message, PushSource("OTA-WSP", "SMS", "192.0.2.1")))
    application.token = None
    found = {one["push_application_id"]: one for one in await application.applications()}
    assert found[WML]["id"] == registration["id"]
    assert found[WML]["waiting"] == 1
    assert found[WML]["owner"].startswith(f"uid:{os.getuid()}/")
    assert found[WML]["last_seen"] is not None
    assert found[WML]["bindings"]
    assert found["x-wap-application:mms.ua"]["owner"] == "in-process"


async def test_own_user_ends_a_registration_whose_token_is_lost(
    application: ServiceClient, client: Any
) -> None:
    registration = await application.register({"push_application_id": WML})
    application.token = None
    ended = await application.end_application(registration["id"])
    assert (ended["state"], ended["bindings"]) == ("deregistered", [])
    assert client.live_registrations() == []
    for force in (False, True):
        with pytest.raises(ServicePointError) as caught:
            await application.end_application(registration["id"], force=force)
        assert (caught.value.status, caught.value.cause) == (404, "not_registered")


async def test_own_user_sees_refused_pushes_and_forgets_them(
    application: ServiceClient, link: Any
) -> None:
    await link.push(application="x-wap-application:nobody", body=b"lost")
    await link.push(application="x-wap-application:nobody2")
    newest, oldest = await application.quarantine()
    assert newest["number"] > oldest["number"]
    assert (oldest["application"], oldest["content_b64"]) == (
        "x-wap-application:nobody",
        "bG9zdA==",
    )
    one = await application._list("/v1/quarantine", {"max": "1"})
    assert one == [newest]
    for wrong in ("0", "1001", "x"):
        with pytest.raises(ServicePointError) as caught:
            await application._list("/v1/quarantine", {"max": wrong})
        assert caught.value.position == "max"
    await application.clear_quarantine()
    assert await application.quarantine() == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/applications"), ("GET", "/v1/quarantine"), ("DELETE", "/v1/quarantine")],
)
async def test_other_users_are_refused(point: ServicePoint, method: str, path: str) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": []}
    await point.application({**scope, SCOPE_KEY: os.getuid() + 1}, receive, send)
    assert sent[0]["status"] == 403


async def test_head_does_nothing(application: ServiceClient, client: Any, link: Any) -> None:
    registration = await application.register({"push_application_id": WML})
    push = link.push()
    with pytest.raises(ServicePointError) as caught:
        await application._answer("HEAD", "/v1/events", {"registration": registration["id"]})
    assert caught.value.status == 405
    event = await application.next_event(registration["id"], 10)
    assert event is not None
    await application.accept(event["id"])
    await push


async def test_several_events_are_leased_together(application: ServiceClient, link: Any) -> None:
    registration = await application.register({"push_application_id": WML, "max_outstanding": 3})
    pushes = [link.push(body=bytes([number])) for number in range(4)]
    first = await application.next_event(registration["id"], 10)
    assert first is not None
    events = [first, *await application.next_events(registration["id"], 16, 10)]
    assert [await application.content(one) for one in events] == [b"\0", b"\1", b"\2"]
    for event in reversed(events):
        await application.accept(event["id"])
    (last,) = await application.next_events(registration["id"], 16, 10)
    await application.accept(last["id"])
    for push in pushes:
        await push


async def test_info_tells_kinds_of_event_handlers_and_limits(
    client: Any, clock: Any, tmp_path: Any, serve_point: Any
) -> None:
    point = ServicePoint(client, client._store, clock, event_handlers=["unix", "http"])
    async with (
        serve_point(point, tmp_path / "cai.sock"),
        ServiceClient(tmp_path / "cai.sock") as application,
    ):
        info = await application.info()
    assert info["event_handlers"] == ["none", "http", "unix"]
    assert info["limits"]["registrations_per_user"] == client.limits.per_user
    assert info["schema"] == "/v1/schema"


async def test_real_answers_are_of_the_schema(application: ServiceClient, link: Any) -> None:
    """The schema is the one that the service access point gives."""
    schema = await application.schema()

    def check(name: str, value: object) -> None:
        wanted = {"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]}
        Draft202012Validator(wanted).validate(value)

    check("info", await application.info())
    registration = await application.register(
        {"push_application_id": WML, "accept": ["text/plain"], "profiles": [{}]}
    )
    check("registrations", await application.registrations())
    push = link.push(push_id="7")
    events = await application.next_events(registration["id"], 1, 10)
    check("events", events)
    check(
        "events_1_0",
        await application._list("/cai/1.0/events", {"registration": registration["id"]}),
    )
    await application.accept(events[0]["id"])
    await push
    await link.push("x-wap-application:nobody")
    check("quarantine", await application.quarantine())
    check("applications", await application.applications())
    check("registrations_1_0", await application._list("/cai/1.0/registrations"))
    async with aclosing(application.stream(registration["id"])) as messages:
        message = await anext(messages)
    assert isinstance(message, StatusMessage)
    check("status", asdict(message))
    check("registration", await application.deregister(registration["id"]))
