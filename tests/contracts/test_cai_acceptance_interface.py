"""Acceptance tests of this client's own form of the CAI: leases, restarts, storage.

Each test runs by every way in, where there is more than one. Its name begins with its number.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from omapush.cai.model import (
    Delivery,
    EventGone,
    PushEvent,
    RegistrationRequest,
    RegistrationState,
    Reject,
)
from omapush.client.agent import ClientLimits, ClientRules
from omapush.client.handlers.activation import Activation, ActivationSettings
from omapush.client.static_registrations import StaticRegistrations
from omapush.content.message import PushMessage
from omapush.ota.interface import (
    PoConfirmedPushRes,
    PoPushAbortReq,
    PoUnitPushInd,
    PushSource,
    PushStatus,
)
from omapush.testing.cai_applications import Application
from omapush.testing.virtual_clock import VirtualClock

WML = "x-wap-application:wml.ua"
NewTerminal = Callable[..., Any]
MESSAGE = PushMessage((("Content-Type", "text/plain"), ("X-Wap-Application-Id", WML)), b"hello")


async def event_of(application: Application, registration_id: str) -> PushEvent:
    """Return the next push of an application."""
    event = await application.next_event(registration_id)
    assert event is not None
    return event


def send_unit_push(terminal: Any, body: bytes = b"hello", push_id: str | None = None) -> Any:
    """Let a push arrive that nobody waits for; return what becomes of it."""
    source = PushSource("OTA-WSP", "UDP", "192.0.2.10")
    message = PushMessage(MESSAGE.headers, body)
    return terminal.client.unit_push(PoUnitPushInd(message, source, push_id=push_id))


@pytest.mark.parametrize("way_in", ["socket"], indirect=True)
async def test_if_t1_plain_http_is_answered_as_listed(
    http: httpx2.AsyncClient, terminal: Any
) -> None:
    created = await http.post("/v1/registrations", json={"push_application_id": "2"})
    assert created.status_code == 202
    registration = created.json()
    own = f"/v1/registrations/{registration['id']}"
    assert (created.headers["location"], registration["state"]) == (own, "pending")
    http.headers["authorization"] = f"Bearer {registration['token']}"
    assert (await http.get(own, params={"wait": "30"})).json()["state"] == "registered"
    again = await http.post("/v1/registrations", json={"push_application_id": WML})
    assert (again.status_code, again.json()["id"]) == (200, registration["id"])
    assert [one["id"] for one in (await http.get("/v1/registrations")).json()] == [
        registration["id"]
    ]
    for accepted in (True, False):
        push = terminal.link.push(body=b"\0\xff")
        asked = {"registration": registration["id"], "wait": "30"}
        (event,) = (await http.get("/v1/events", params=asked)).json()
        content = await http.get(f"/v1/events/{event['id']}/content")
        assert (event["content_b64"], content.content) == ("AP8=", b"\0\xff")
        address = f"/v1/events/{event['id']}/{'accept' if accepted else 'reject'}"
        answer = None if accepted else {"reason": "busy"}
        assert (await http.post(address, json=answer)).status_code == 204
        assert isinstance(await push, PoConfirmedPushRes) is accepted
        assert (await http.post(address, json=answer)).status_code == 410
    changed = await http.patch(own, json={"accept": ["text/plain"]})
    assert (changed.status_code, changed.json()["accept"]) == (200, ["text/plain"])
    ended = await http.delete("/v1/registrations", params={"push_application_id": "2"})
    assert (ended.status_code, ended.json()["state"]) == (202, "deregistered")
    info = (await http.get("/v1/info")).json()
    assert (info["versions"]["api"], info["versions"]["cai"]) == (["v1"], ["1.0", "1.1"])


@pytest.mark.parametrize("way_in", ["socket"], indirect=True)
@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error", "parameter"),
    [
        ("POST", "/v1/registrations", {}, 400, "invalid_parameter", "push_application_id"),
        (
            "POST",
            "/v1/registrations",
            {"push_application_id": "2", "profiles": [{"port": 0}]},
            400,
            "invalid_parameter",
            "profiles[0].port",
        ),
        (
            "POST",
            "/v1/registrations",
            {"push_application_id": "2", "profiles": [{"protocol": "OTA-SIP"}]},
            422,
            "unsupported_option",
            "profiles[0].protocol",
        ),
        ("POST", "/v1/registrations", {"push_application_id": WML}, 409, "already_registered", ...),
        ("GET", "/v1/registrations", None, 401, "permission_denied", None),
        ("POST", "/v1/events/nobody.knows/accept", None, 401, "permission_denied", None),
        ("DELETE", "/v1/registrations/unknown", None, 401, "permission_denied", None),
    ],
)
async def test_if_t1_errors_have_one_form(
    http: httpx2.AsyncClient,
    terminal: Any,
    method: str,
    path: str,
    body: object,
    status: int,
    error: str,
    parameter: object,
) -> None:
    await terminal.registered("P", WML)
    answer = await http.request(method, path, json=body)
    members = answer.json()
    assert (answer.status_code, members["error"]) == (status, error)
    assert set(members) == {"error", "parameter", "detail", "retryable"}
    assert members["retryable"] is False
    if parameter is not ...:
        assert members["parameter"] == parameter


async def test_if_t3_lease_that_is_not_settled_ends_with_its_deadline(
    new_terminal: NewTerminal,
) -> None:
    terminal = await new_terminal(limits=ClientLimits(acceptance_ms=200))
    application, registration_id = await terminal.registered("P", WML)
    mailbox = terminal.client.mailbox_of(registration_id)
    reading = asyncio.ensure_future(event_of(application, registration_id))
    await terminal.until(lambda: mailbox.readers)
    push = terminal.link.push()
    event = await reading
    assert (await push).status is PushStatus.USERREQ
    for answer in (
        application.accept(event.event_id),
        application.reject(event.event_id, Reject()),
    ):
        with pytest.raises(EventGone) as caught:
            await answer
        assert not caught.value.settled


async def test_if_t4_one_of_two_readers_gets_the_event(terminal: Any) -> None:
    application, registration_id = await terminal.registered("P", WML)
    readers = [asyncio.ensure_future(application.next_event(registration_id, 20)) for _ in range(2)]
    mailbox = terminal.client.mailbox_of(registration_id)
    await terminal.until(lambda: mailbox.readers == len(readers))
    push = terminal.link.push()
    done, waiting = await asyncio.wait(readers, return_when=asyncio.FIRST_COMPLETED)
    (event,) = (one.result() for one in done)
    assert event is not None
    await application.accept(event.event_id)
    assert isinstance(await push, PoConfirmedPushRes)
    # The other one gets what comes next.
    push = terminal.link.push(body=b"next")
    (other,) = waiting
    second = await other
    assert second is not None
    assert second.content == b"next"
    await application.accept(second.event_id)
    assert isinstance(await push, PoConfirmedPushRes)


async def test_if_t5_acceptance_that_was_kept_outlives_the_client(
    new_terminal: NewTerminal,
) -> None:
    """The gateway did not hear of it, and sends again."""
    terminal = await new_terminal()
    application, registration_id = await terminal.registered("P", WML)
    terminal.link.push(push_id="d-1")
    event = await event_of(application, registration_id)
    await application.accept(event.event_id)
    await terminal.close()

    terminal = await new_terminal()
    application = terminal.application("P")
    repeated = terminal.link.push(push_id="d-1")
    assert isinstance(await repeated, PoConfirmedPushRes)
    assert await application.next_event(registration_id, 0) is None


async def test_if_t6_event_without_acceptance_is_void_after_restart(
    new_terminal: NewTerminal,
) -> None:
    terminal = await new_terminal()
    application, registration_id = await terminal.registered("P", WML)
    unanswered = terminal.link.push(push_id="d-1")
    event = await event_of(application, registration_id)
    await terminal.close()
    assert not unanswered.done()

    terminal = await new_terminal()
    application = terminal.application("P")
    with pytest.raises(EventGone):
        await application.accept(event.event_id)
    assert await application.next_event(registration_id, 0) is None
    repeated = terminal.link.push(push_id="d-1")
    assert await terminal.is_delivered(application, registration_id, repeated)


async def test_if_t7_storage_takes_responsibility_where_it_was_delegated(
    new_terminal: NewTerminal, clock: VirtualClock
) -> None:
    terminal = await new_terminal()
    request = RegistrationRequest(WML, delegated_storage=True)
    _, registration_id = await terminal.registered("P", request)
    clock.advance(ClientLimits().presence_ms)  # the application is not there any more
    confirmed = await terminal.link.push(push_id="d-1")
    assert isinstance(confirmed, PoConfirmedPushRes)
    await terminal.close()

    terminal = await new_terminal()
    application = terminal.application("P")
    # The gateway, had it not heard of it, would get the same answer, and nothing comes twice.
    assert isinstance(await terminal.link.push(push_id="d-1"), PoConfirmedPushRes)
    event = await event_of(application, registration_id)
    assert (event.content, event.push_id) == (b"hello", "d-1")
    await application.accept(event.event_id)
    assert await application.next_event(registration_id, 0) is None
    await terminal.close()
    terminal = await new_terminal()
    assert await terminal.application("P").next_event(registration_id, 0) is None


async def test_if_t7_unconfirmed_push_waits_for_its_application(
    new_terminal: NewTerminal, clock: VirtualClock
) -> None:
    """The same storage; here nobody asked for responsibility (5.6, case 3)."""
    terminal = await new_terminal()
    _, registration_id = await terminal.registered("P", WML)
    clock.advance(ClientLimits().presence_ms)
    await send_unit_push(terminal)
    await terminal.close()

    terminal = await new_terminal()
    application = terminal.application("P")
    first = await event_of(application, registration_id)
    assert (first.confirmed, first.delivery_attempt) == (False, 1)
    await terminal.close()  # before it was answered

    terminal = await new_terminal()
    second = await event_of(application, registration_id)
    assert (second.event_id, second.content) == (first.event_id, first.content)
    await application.accept(second.event_id)
    await terminal.until(lambda: terminal.client.waiting(registration_id) == 0)


async def test_if_t7_push_that_may_come_once_is_handed_over_once(
    new_terminal: NewTerminal,
) -> None:
    terminal = await new_terminal()
    request = RegistrationRequest(WML, delivery=Delivery.AT_MOST_ONCE)
    application, registration_id = await terminal.registered("P", request)
    await send_unit_push(terminal)
    await event_of(application, registration_id)
    await terminal.close()  # before it was answered

    terminal = await new_terminal()
    assert await terminal.application("P").next_event(registration_id, 0) is None


def exec_handler(script: str) -> str:
    """Return an event handler: a shell script that is started for each push."""
    return f"exec:{json.dumps(['/bin/sh', '-c', script])}"


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ('test "$(cat)" = hello', None),
        ("exit 1", PushStatus.USERRFS),
        ("exec sleep 600", PushStatus.USERREQ),
    ],
)
async def test_if_t8_program_accepts_refuses_or_hangs(
    new_terminal: NewTerminal, script: str, status: PushStatus | None
) -> None:
    """IF-T8, and T-60 for what stands for a callback in another process."""
    uid = os.getuid()
    activation = Activation(ActivationSettings(frozenset(("exec",))), uid)
    terminal = await new_terminal(
        limits=ClientLimits(acceptance_ms=1_000 if status is PushStatus.USERREQ else 20_000),
        rules=ClientRules(activation=activation),
    )
    application = terminal.application("P", uid)
    request = RegistrationRequest(WML, event_handler=exec_handler(script))
    first = await application.register(request)
    await application.settled(first.registration_id)
    answer = await terminal.link.push(body=b"hello")
    assert (answer.status if isinstance(answer, PoPushAbortReq) else None) is status


@pytest.mark.parametrize("way_in", ["in-process"], indirect=True)
async def test_if_t9_file_that_is_added_changed_and_removed(
    new_terminal: NewTerminal, tmp_path: Path
) -> None:
    """There is one way in: the file."""
    activation = Activation(ActivationSettings(frozenset(("unix",))), os.getuid())
    terminal = await new_terminal(rules=ClientRules(activation=activation))
    folder = tmp_path / "registrations"
    folder.mkdir()
    static = StaticRegistrations(terminal.client, folder)

    def registered() -> list[tuple[str, tuple[str, ...], RegistrationState]]:
        live = terminal.client.live_registrations()
        return [(one.push_application_id, one.request.accept, one.state) for one in live]

    file = folder / "weather.toml"
    text = 'push_application_id = "2"\nevent_handler = "unix:/run/weather.sock"\n'
    file.write_text(text)
    await static.load()
    await terminal.until(lambda: registered() == [(WML, (), RegistrationState.REGISTERED)])
    (before,) = terminal.client.live_registrations()
    file.write_text(text + 'accept = ["text/plain"]\n')
    await static.load()
    (after,) = terminal.client.live_registrations()
    assert registered() == [(WML, ("text/plain",), RegistrationState.REGISTERED)]
    assert (after.registration_id, after.owner) == (before.registration_id, before.owner)
    file.unlink()
    await static.load()
    assert registered() == []
