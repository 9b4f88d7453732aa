"""Registrations at the service access point: changed, awaited, ended with and without servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.unit.client.test_bindings import NotingBinder

from omapush.cai.model import Accept, Reason
from omapush.client.agent import ClientLimits, ClientRules, PushClient
from omapush.client.binding.binder import BindingFailed
from omapush.client.service_client import ServiceClient, ServicePointError
from omapush.client.service_point.callers import MAX_KNOWN, Callers
from omapush.client.service_point.point import ServicePoint
from omapush.ota.interface import PoConfirmedPushRes
from omapush.testing.virtual_clock import VirtualClock

WML = "x-wap-application:wml.ua"
REQUEST: dict[str, Any] = {"push_application_id": WML}


class ServerBinder(NotingBinder):
    """A variant with a server that lets go of registrations when it is allowed to."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.withdrawn: list[str] = []

    def begin(self, registration: Any, profile: Any, listener: Any, server_data: str) -> Any:
        listener.keep("tag")
        return super().begin(registration, profile, listener, server_data)

    async def withdraw(self, server_data: str) -> None:
        self.withdrawn.append(server_data)
        await self.answer


@pytest.fixture
async def server() -> ServerBinder:
    return ServerBinder()


def plain(path: Path) -> httpx2.AsyncClient:
    transport = httpx2.AsyncHTTPTransport(uds=str(path))
    return httpx2.AsyncClient(transport=transport, base_url="http://client", trust_env=False)


async def refused(asking: Any) -> ServicePointError:
    with pytest.raises(ServicePointError) as caught:
        await asking
    return caught.value


async def test_changed_registration_keeps_what_was_not_named(
    application: ServiceClient, client: PushClient
) -> None:
    """AD-3 over the socket."""
    registration = await application.register(
        REQUEST | {"accept": ["text/plain"], "ack_timeout": 5, "application_id": "urn:x:y"}
    )
    announced = client.capabilities().accept
    changed = await application.change(
        registration["id"],
        {"accept": ["image/png"], "max_outstanding": 3, "delegated_storage": True},
    )
    assert changed["accept"] == ["image/png"]
    assert (changed["ack_timeout"], changed["application_id"]) == (5, "urn:x:y")
    assert (changed["max_outstanding"], changed["delegated_storage"]) == (3, True)
    assert (changed["id"], changed["state"]) == (registration["id"], "registered")
    assert client.capabilities().accept != announced
    reset = await application.change(registration["id"], {"accept": None, "ack_timeout": None})
    assert "accept" not in reset
    assert "ack_timeout" not in reset


@pytest.mark.parametrize(
    ("change", "cause", "parameter"),
    [
        ({"push_application_id": "2"}, "invalid_parameter", "push_application_id"),
        ({"profiles": []}, "invalid_parameter", "profiles"),
        ({"colour": 1}, "invalid_parameter", "colour"),
        ({"accept": ["nonsense"]}, "invalid_parameter", "accept[0]"),
        ({"event_handler": "pigeon:x"}, "unsupported_option", "event_handler"),
    ],
)
async def test_change_that_is_refused_leaves_registration_as_it_was(
    application: ServiceClient, change: Any, cause: str, parameter: str
) -> None:
    registration = await application.register(REQUEST | {"accept": ["text/plain"]})
    error = await refused(application.change(registration["id"], change))
    assert (error.cause, error.position) == (cause, parameter)
    assert await application.registration(registration["id"]) == registration


async def test_registration_of_another_application_is_not_changed(
    application: ServiceClient, socket_path: Path
) -> None:
    registration = await application.register(REQUEST)
    async with ServiceClient(socket_path) as other:
        await other.register({"push_application_id": "4"})
        error = await refused(other.change(registration["id"], {"accept": ["image/png"]}))
    assert error.cause == "not_registered"


async def test_event_handler_that_is_taken_away_is_called_no_more(
    new_client: Any, clock: VirtualClock, new_link: Any, tmp_path: Path, serve_point: Any
) -> None:
    called: list[bytes] = []

    class OneHandler:
        def check(self, owner: str, request: Any) -> None:
            pass

        def handler_for(self, registration: Any) -> Any:
            async def take(event: Any) -> Accept:
                called.append(event.content)
                return Accept()

            return take if registration.request.event_handler == "test:x" else None

    client = await new_client(rules=ClientRules(activation=OneHandler()))
    path = tmp_path / "cai.sock"
    async with (
        serve_point(ServicePoint(client, client._store, clock), path),
        ServiceClient(path) as application,
    ):
        registration = await application.register(REQUEST | {"event_handler": "test:x"})
        link = new_link(client)
        await link.push(body=b"for the handler")
        await application.change(registration["id"], {"event_handler": None})
        push = link.push(body=b"for who asks")
        event = await application.next_event(registration["id"], 10)
        assert event is not None
        await application.accept(event["id"])
        assert await push == PoConfirmedPushRes("2")
    assert called == [b"for the handler"]


async def test_registration_is_answered_in_one_go(socket_path: Path) -> None:
    async with plain(socket_path) as http:
        answer = await http.post("/v1/registrations", params={"wait": "30"}, json=REQUEST)
        assert (answer.status_code, answer.json()["state"]) == (202, "registered")
        assert answer.json()["token"]


async def test_caller_that_hangs_up_before_it_has_its_token_leaves_no_registration(
    socket_path: Path, client: PushClient
) -> None:
    client.bearers._bearers["tcp/ip"].known = False
    _, writer = await asyncio.open_unix_connection(socket_path)
    body = b'{"push_application_id": "2"}'
    writer.write(
        b"POST /v1/registrations?wait=60 HTTP/1.1\r\nHost: client\r\nContent-Length: %d\r\n\r\n%s"
        % (len(body), body)
    )
    await until(lambda: len(client.status))
    assert len(client.live_registrations()) == 1
    writer.close()
    await until(lambda: not client.live_registrations())


async def until(condition: Callable[[], object]) -> None:
    """Let the server work until something is so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


async def test_deregistration_waits_for_the_server(
    new_client: Any, clock: VirtualClock, tmp_path: Path, serve_point: Any, server: ServerBinder
) -> None:
    """CAI-55"""
    client = await new_client(binders=[server])
    path = tmp_path / "cai.sock"
    async with (
        serve_point(ServicePoint(client, client._store, clock), path),
        ServiceClient(path) as application,
    ):
        registration = await application.register(REQUEST, wait_seconds=0)
        await until(lambda: client._registry.get(registration["id"]).wanted[0].server_data)
        first = await application.deregister(registration["id"])
        assert first["state"] == "deregistering"
        waiting = asyncio.ensure_future(application.deregister(registration["id"], 30))
        await until(lambda: len(client.status))
        server.answer.set_result(None)
        assert (await waiting)["state"] == "deregistered"
        assert server.withdrawn == ["tag"]
        assert await application.registrations() == []


async def test_deregistration_that_a_server_refuses_is_answered_and_can_be_forced(
    new_client: Any, clock: VirtualClock, tmp_path: Path, serve_point: Any, server: ServerBinder
) -> None:
    """CAI-56"""
    client = await new_client(binders=[server])
    server.answer.set_exception(BindingFailed(Reason.REFUSED_BY_SERVER, "403"))
    path = tmp_path / "cai.sock"
    async with (
        serve_point(ServicePoint(client, client._store, clock), path),
        plain(path) as http,
    ):
        registration = (await http.post("/v1/registrations", json=REQUEST)).json()
        http.headers["authorization"] = f"Bearer {registration['token']}"
        await until(lambda: client._registry.get(registration["id"]).wanted[0].server_data)
        by_id = {"push_application_id": "2"}
        answer = await http.delete("/v1/registrations", params=by_id | {"wait": "30"})
        assert answer.status_code == 202
        assert (answer.json()["state"], answer.json()["reason"]) == (
            "deregister_failed",
            "refused_by_server",
        )
        wrong = await http.delete("/v1/registrations", params=by_id | {"force": "yes"})
        assert (wrong.status_code, wrong.json()["parameter"]) == (400, "force")
        forced = await http.delete("/v1/registrations", params=by_id | {"force": "1"})
        assert forced.json()["state"] == "deregistered"


async def test_thousandth_registration_is_too_many(application: ServiceClient) -> None:
    """IF-T10: the limit is that of the user."""
    for number in range(ClientLimits().per_user):
        await application.register({"push_application_id": f"urn:x:{number}"}, wait_seconds=0)
    error = await refused(application.register({"push_application_id": "urn:x:more"}))
    assert (error.status, error.cause) == (429, "limit_exceeded")


async def test_known_token_is_looked_up_once(
    application: ServiceClient, client: PushClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []
    has_token = client._store.has_token

    async def counted(token_hash: str, uid: int) -> bool:
        looked_up.append(token_hash)
        return await has_token(token_hash, uid)

    monkeypatch.setattr(client._store, "has_token", counted)
    await application.register(REQUEST)
    for _ in range(5):
        await application.registrations()
    assert len(looked_up) == 1


async def test_known_tokens_are_limited_and_forgotten_when_a_new_one_is_given(
    client: PushClient,
) -> None:
    callers = Callers(client._store)
    for number in range(MAX_KNOWN + 10):
        callers._known[f"uid:{number}"] = None
    await callers.give(7, "secret", client._clock())
    assert callers._known == {}
    assert await callers._is_known(7, "wrong") is False
    assert callers._known == {}


async def test_what_was_deregistered_by_id_of_several_instances_needs_the_instance(
    application: ServiceClient, point: ServicePoint, client: PushClient, socket_path: Path
) -> None:
    registration = await application.register(REQUEST)
    entry = client._registry.get(registration["id"])
    found = point.registrations.named(entry.registration.owner, "2", None, "x")
    assert found.registration_id == registration["id"]
    error = await refused(
        application._answer(
            "DELETE", "/v1/registrations", {"push_application_id": "2", "instance": "other"}
        )
    )
    assert error.cause == "not_registered"
