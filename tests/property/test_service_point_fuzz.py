"""Whatever is sent to a running service access point: it answers as documented, and goes on."""

from __future__ import annotations

import asyncio
import importlib.resources
import json
import tempfile
from pathlib import Path
from typing import Any

import httpx2
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from omapush.cai.model import Binding
from omapush.client.agent import PushClient
from omapush.client.binding.choice_of_binders import Ways
from omapush.client.binding.shared_binder import SharedBearers
from omapush.client.service_client import ServiceClient
from omapush.client.service_point.peer_credentials import PeerCredentialsProtocol
from omapush.client.service_point.point import ServicePoint
from omapush.client.store import ClientStore
from omapush.content.message import PushMessage
from omapush.daemon.client import unix_socket
from omapush.daemon.serving import HttpServer
from omapush.ota.interface import (
    ClientRequest,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PushSource,
)
from omapush.testing.virtual_clock import VirtualClock

SCHEMA = json.loads(
    importlib.resources.files("omapush.cai").joinpath("schema.json").read_text("utf-8")
)
ERROR = Draft202012Validator({"$ref": "#/$defs/error", "$defs": SCHEMA["$defs"]})
DOCUMENTED = {200, 202, 204, 400, 401, 403, 404, 405, 408, 409, 410, 422, 429, 500, 502, 503, 504}
APPLICATION = "urn:example:well-behaved"

PATHS = st.sampled_from(
    [
        "/v1/registrations",
        "/v1/registrations/{id}",
        "/v1/registrations/unknown",
        "/v1/events",
        "/v1/events/{id}.0/accept",
        "/v1/events/x/reject",
        "/v1/events/x/content",
        "/v1/stream",
        "/v1/info",
        "/v1/schema",
        "/v1/quarantine",
        "/v1/applications",
        "/v1/inbox",
        "/cai/1.0/registrations",
        "/cai/1.0/registrations/{id}",
        "/cai/1.0/events",
        "/",
        "//",
        "/v1/registrations/%00%ff",
    ]
) | st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=20).map(
    lambda text: f"/{text}"
)
METHODS = st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "TRACE"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3)
    ),
    max_leaves=8,
)
MEMBERS = st.dictionaries(
    st.sampled_from(
        ["push_application_id", "pushApplicationID", "accept", "profiles", "reason", "whitelist"]
    ),
    JSON | st.sampled_from(["2", "urn:x:y", "busy"]),
    max_size=3,
)
BODIES = st.binary(max_size=60) | (JSON | MEMBERS).map(lambda value: json.dumps(value).encode())
QUERIES = st.dictionaries(
    st.sampled_from(["registration", "max", "force", "push_application_id", "instance", "other"]),
    st.sampled_from(["{id}", "1", "2", "x", "-1", "", "0"]),
    max_size=3,
)
HEADERS = st.dictionaries(
    st.sampled_from(["Authorization", "Content-Type", "Last-Event-ID", "X-Other"]),
    st.sampled_from(["Bearer {token}", "Bearer x", "Basic eDp5", "", "text/plain", "1-1"]),
    max_size=3,
)
REQUESTS = st.lists(st.tuples(METHODS, PATHS, QUERIES, HEADERS, BODIES), min_size=1, max_size=12)


class OneAnswer:
    """Notes the answer to one push."""

    peer = "192.0.2.1:1"

    def __init__(self) -> None:
        self.answer: asyncio.Future[ClientRequest] = asyncio.get_running_loop().create_future()

    def request(self, primitive: ClientRequest) -> None:
        self.answer.set_result(primitive)

    def close(self, reason: str) -> None:
        raise AssertionError(reason)


async def check_requests(requests: list[Any], folder: Path) -> None:
    clock = VirtualClock()
    store = ClientStore(folder / "client.db")
    bearers = SharedBearers("OTA-HTTP", ["TCP/IP"])
    client = PushClient(store, clock, ways=Ways((bearers,)))
    bearers.binding_up(Binding("OTA-HTTP", "TCP/IP", "127.0.0.1:4035"))
    await client.start()
    point = ServicePoint(client, store, clock)
    path = folder / "cai.sock"
    server = HttpServer(point.application, [unix_socket(path)], http=PeerCredentialsProtocol)
    serving = asyncio.create_task(server.run_until_stopped())
    try:
        async with asyncio.timeout(60):
            await send_all(requests, path)
            await behave_well(client, path)
    finally:
        point.stop()
        server.stop()
        await serving
        await client.close()


async def send_all(requests: list[Any], path: Path) -> None:
    transport = httpx2.AsyncHTTPTransport(uds=str(path))
    async with (
        ServiceClient(path) as other,
        httpx2.AsyncClient(transport=transport, trust_env=False) as http,
    ):
        registration = await other.register({"push_application_id": "urn:example:other"})
        known = {"{id}": registration["id"], "{token}": other.token or ""}

        def filled(text: str) -> str:
            for name, value in known.items():
                text = text.replace(name, value)
            return text

        for method, target, query, headers, body in requests:
            async with http.stream(
                method,
                # By itself "//x" would name a host.
                f"http://client{filled(target)}",
                params={name: filled(value) for name, value in query.items()},
                headers={name: filled(value) for name, value in headers.items()},
                content=body,
            ) as answer:
                assert answer.status_code in DOCUMENTED
                if answer.headers.get("content-type", "").startswith("text/event-stream"):
                    continue
                octets = await answer.aread()
                if answer.status_code >= 400 and method != "HEAD":
                    ERROR.validate(json.loads(octets))


async def behave_well(client: PushClient, path: Path) -> None:
    """Register, get a push and accept it."""
    async with ServiceClient(path) as application:
        registration = await application.register({"push_application_id": APPLICATION})
        assert registration["state"] == "registered"
        link = OneAnswer()
        headers = (("X-Wap-Application-Id", APPLICATION), ("Content-Type", "text/plain"))
        source = PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1")
        client.indication(link, PoConfirmedPushInd("1", PushMessage(headers, b"x"), source))
        event = await application.next_event(registration["id"])
        assert event is not None
        await application.accept(event["id"])
        assert await link.answer == PoConfirmedPushRes("1")
        ended = await application.deregister(registration["id"], 10)
        assert ended["state"] == "deregistered"


@given(REQUESTS)
@settings(max_examples=25, deadline=None)
def test_any_requests_are_answered_and_leave_the_service_access_point_well(
    requests: list[Any],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(check_requests(requests, Path(folder)))
