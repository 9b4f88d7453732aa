"""CAI 1.0 at the service access point: one answer, its own names, no headers (T-34)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.unit.client.test_bindings import NotingBinder

from omapush.cai.model import Binding, BindingState, Reason
from omapush.client.agent import ClientLimits, PushClient
from omapush.client.binding.binder import BindingFailed
from omapush.client.service_point.point import ServicePoint
from omapush.ota.interface import PoConfirmedPushRes
from omapush.testing.virtual_clock import VirtualClock

REGISTRATIONS = "/cai/1.0/registrations"
REQUEST: dict[str, Any] = {
    "pushApplicationID": "x-wap-application:wml.ua",
    "applicationID": "no URI at all",
    "Accept": ["text/plain"],
    "whitelist": [{"addr": "192.0.2.10", "contentTypes": ["text/plain"]}],
    "connectionProfile": {"protocol": "OTA-HTTP"},
}


def connected(path: Path) -> httpx2.AsyncClient:
    transport = httpx2.AsyncHTTPTransport(uds=str(path))
    return httpx2.AsyncClient(transport=transport, base_url="http://client", trust_env=False)


@pytest.fixture
async def http(socket_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with connected(socket_path) as client:
        yield client


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


async def test_application_of_version_1_0_registers_takes_a_push_and_deregisters(
    http: httpx2.AsyncClient, link: Any, client: PushClient
) -> None:
    """T-34, T-04; CAI-28, CAI-58, CAI-59 and not CAI-60"""
    answer = await http.post(REGISTRATIONS, json=REQUEST)
    assert answer.status_code == 200
    registration = answer.json()
    http.headers["authorization"] = f"Bearer {registration.pop('token')}"
    assert registration == {
        **REQUEST,
        "connectionProfile": [{"protocol": "OTA-HTTP"}],
        "id": registration["id"],
        "state": "registered",
        "reason": None,
        "detail": "",
    }
    assert answer.headers["location"] == f"{REGISTRATIONS}/{registration['id']}"
    assert (await http.get(answer.headers["location"])).json() == registration
    assert (await http.get(REGISTRATIONS)).json() == [registration]

    push = link.push(headers=(("X-Extra", "1"),))
    query = {"registration": registration["id"], "wait": "30"}
    (event,) = (await http.get("/cai/1.0/events", params=query)).json()
    assert event["contentType"] == "text/plain"
    assert event["content_b64"] == "aGVsbG8="
    assert "headers" not in event
    content = await http.get(f"/cai/1.0/events/{event['id']}/content")
    assert content.content == b"hello"
    assert (await http.post(f"/cai/1.0/events/{event['id']}/accept")).status_code == 204
    assert await push == PoConfirmedPushRes("1")

    ended = await http.delete(REGISTRATIONS, params={"pushApplicationID": "2"})
    assert (ended.status_code, ended.json()["state"]) == (200, "deregistered")
    again = await http.delete(REGISTRATIONS, params={"pushApplicationID": "2"})
    assert (again.status_code, again.json()["parameter"]) == (404, "pushApplicationID")
    assert client.live_registrations() == []


@pytest.mark.parametrize(
    ("change", "status", "error", "parameter"),
    [
        ({"pushApplicationID": "vnd.acme.test:x"}, 400, "unregistered_id", "pushApplicationID"),
        ({"pushApplicationID": ""}, 400, "invalid_parameter", "pushApplicationID"),
        ({"pushServiceRegistrationURI": "http://x"}, 422, "unsupported_option", None),
        ({"registration_uri": "http://x"}, 422, "unsupported_option", None),
        ({"push_application_id": "2"}, 400, "invalid_parameter", None),
        ({"accept": []}, 400, "invalid_parameter", None),
        ({"Accept": ["x"]}, 400, "invalid_parameter", "Accept[0]"),
        (
            {"connectionProfile": {"contactPoint": "192.0.2.1"}},
            422,
            "unsupported_option",
            "connectionProfile.contactPoint",
        ),
        (
            {"connectionProfile": {"bearerType": 7}},
            400,
            "invalid_parameter",
            "connectionProfile.bearerType",
        ),
        (
            {"connectionProfile": [{}, {"protocol": "OTA-PTM"}]},
            422,
            "unsupported_option",
            "connectionProfile[1].protocol",
        ),
        (
            {"connectionProfile": {"protocol": "OTA-PTM"}},
            422,
            "unsupported_option",
            "connectionProfile.protocol",
        ),
        ({"connectionProfile": "x"}, 400, "invalid_parameter", "connectionProfile"),
        ({"whitelist": [7]}, 400, "invalid_parameter", "whitelist[0]"),
        (
            {"whitelist": [{"addr": "192.0.2.1", "contentTypes": "x"}]},
            400,
            "invalid_parameter",
            "whitelist[0].contentTypes",
        ),
    ],
)
async def test_version_1_0_refuses_by_its_own_names(
    http: httpx2.AsyncClient,
    client: PushClient,
    change: dict[str, Any],
    status: int,
    error: str,
    parameter: str | None,
) -> None:
    """T-03 and the differences of both versions."""
    answer = await http.post(REGISTRATIONS, json=REQUEST | change)
    fault = answer.json()
    assert (answer.status_code, fault["error"]) == (status, error)
    assert fault["parameter"] == (parameter or next(iter(change)))
    assert fault["parameter"] in fault["detail"] or error == "unsupported_option"
    assert client.live_registrations() == []


async def test_one_answer_comes_when_the_server_side_is_done(
    new_client: Any, clock: VirtualClock, tmp_path: Path, serve_point: Any
) -> None:
    """T-34, CAI-36"""
    binder = NotingBinder("OTA-HTTP")
    client = await new_client(binders=[binder])
    path = tmp_path / "cai.sock"
    async with (
        serve_point(ServicePoint(client, client._store, clock), path),
        connected(path) as http,
    ):
        asking = asyncio.ensure_future(http.post(REGISTRATIONS, json=REQUEST))
        await until(lambda: binder.listeners and len(client.status))
        assert not asking.done()
        binder.listeners[0].changed(Binding("OTA-HTTP", "B"))
        assert (await asking).json()["state"] == "registered"


@pytest.mark.parametrize(
    ("reason", "status"), [(Reason.REFUSED_BY_SERVER, 502), (Reason.ADDRESS_IN_USE, 409)]
)
async def test_failure_is_the_one_answer(
    new_client: Any,
    clock: VirtualClock,
    tmp_path: Path,
    serve_point: Any,
    reason: Reason,
    status: int,
) -> None:
    """CAI-41"""
    binder = NotingBinder("OTA-HTTP")
    client = await new_client(binders=[binder])
    path = tmp_path / "cai.sock"
    async with (
        serve_point(ServicePoint(client, client._store, clock), path),
        connected(path) as http,
    ):
        asking = asyncio.ensure_future(http.post(REGISTRATIONS, json=REQUEST))
        await until(lambda: binder.listeners)
        failed = Binding("OTA-HTTP", "B", "", BindingState.FAILED, reason, "so it was")
        binder.listeners[0].changed(failed)
        answer = await asking
        assert answer.status_code == status
        assert (answer.json()["error"], answer.json()["detail"]) == (reason.value, "so it was")


async def test_registration_that_does_not_come_to_its_end_is_answered_in_time(
    new_client: Any, clock: VirtualClock, tmp_path: Path, serve_point: Any
) -> None:
    """T-39 in version 1.0; and when the service access point stops before."""
    client = await new_client(
        ClientLimits(registration_timeout_ms=30), binders=[NotingBinder("OTA-HTTP")]
    )
    path = tmp_path / "cai.sock"
    point = ServicePoint(client, client._store, clock)
    async with serve_point(point, path), connected(path) as http:
        answer = await http.post(REGISTRATIONS, json=REQUEST)
        assert (answer.status_code, answer.json()["error"]) == (504, "timeout")
    client.limits = ClientLimits()
    point = ServicePoint(client, client._store, clock)
    async with serve_point(point, path), connected(path) as http:
        asking = asyncio.ensure_future(http.post(REGISTRATIONS, json=REQUEST))
        await until(lambda: len(client.status))
        point.stop()
        assert (await asking).status_code == 504
        assert client.live_registrations() == []


async def test_deregistration_that_fails_is_answered_with_its_reason(
    new_client: Any, clock: VirtualClock, tmp_path: Path, serve_point: Any
) -> None:
    """CAI-56"""

    class Server(NotingBinder):
        def begin(self, registration: Any, profile: Any, listener: Any, server_data: str) -> Any:
            listener.keep("tag")
            listener.changed(Binding("OTA-HTTP", "B"))
            return super().begin(registration, profile, listener, server_data)

        async def withdraw(self, server_data: str) -> None:
            raise BindingFailed(Reason.SERVER_ERROR, "500")

    client = await new_client(binders=[Server("OTA-HTTP")])
    path = tmp_path / "cai.sock"
    async with (
        serve_point(ServicePoint(client, client._store, clock), path),
        connected(path) as http,
    ):
        registration = (await http.post(REGISTRATIONS, json=REQUEST)).json()
        http.headers["authorization"] = f"Bearer {registration['token']}"
        own = f"{REGISTRATIONS}/{registration['id']}"
        answer = await http.delete(own)
        assert (answer.status_code, answer.json()["error"]) == (502, "server_error")
        forced = await http.delete(own, params={"force": "1"})
        assert (forced.status_code, forced.json()["state"]) == (200, "deregistered")


async def test_both_versions_know_the_same_applications(http: httpx2.AsyncClient) -> None:
    """The same token in both; what was registered by 1.0 stays so."""
    registration = (await http.post(REGISTRATIONS, json=REQUEST)).json()
    http.headers["authorization"] = f"Bearer {registration['token']}"
    own = f"/v1/registrations/{registration['id']}"
    assert (await http.get(own)).json()["cai_version"] == "1.0"
    changed = await http.patch(own, json={"accept": ["image/png"]})
    assert (changed.json()["accept"], changed.json()["cai_version"]) == (["image/png"], "1.0")
    assert (await http.post("/v1/registrations", json={"push_application_id": "4"})).is_success
    assert len((await http.get(REGISTRATIONS)).json()) == 2
    http.headers["authorization"] = "Bearer wrong"
    assert (await http.get(REGISTRATIONS)).status_code == 401
