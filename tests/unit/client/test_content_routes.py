"""Inbox, services and cache at the service access point, for the user whom the client runs as."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from omapush.cai.model import Trust
from omapush.client.agent import PushClient
from omapush.client.built_in.cache import CachedObject, MemoryCache
from omapush.client.built_in.inbox import Inbox
from omapush.client.built_in.indications import Indications
from omapush.client.built_in.services import Followed, LoadingPolicy, Services
from omapush.client.service_client import ServiceClient, ServicePointError
from omapush.client.service_point.content_routes import ClientContent
from omapush.client.service_point.peer_credentials import SCOPE_KEY, PeerCredentialsProtocol
from omapush.client.service_point.point import ServicePoint
from omapush.content.indication import ServiceIndication, ServiceLoading, SignalAction
from omapush.core.instants import Instant
from omapush.daemon.client import unix_socket
from omapush.daemon.serving import HttpServer
from omapush.testing.virtual_clock import VirtualClock


class Memory:
    """An inbox that nothing keeps."""

    async def load(self) -> Inbox:
        return Inbox()

    async def save(self, inbox: Inbox) -> None:
        """Nothing to do."""


@pytest.fixture
def content(clock: VirtualClock) -> ClientContent:
    services = Services(LoadingPolicy(Followed.EVERYBODY))
    return ClientContent(Indications(Memory(), clock), services, MemoryCache())


@pytest.fixture
def point(client: PushClient, clock: VirtualClock, content: ClientContent) -> ServicePoint:
    return ServicePoint(client, client._store, clock, content=content)


@pytest.fixture
async def path(point: ServicePoint, tmp_path: Path) -> AsyncIterator[Path]:
    path = tmp_path / "cai.sock"
    listening = unix_socket(path)
    server = HttpServer(point.application, [listening], http=PeerCredentialsProtocol)
    serving = asyncio.create_task(server.run_until_stopped())
    yield path
    server.stop()
    await serving
    listening.close()


def plain(path: Path) -> httpx2.AsyncClient:
    transport = httpx2.AsyncHTTPTransport(uds=str(path))
    return httpx2.AsyncClient(transport=transport, base_url="http://client", trust_env=False)


async def test_inbox_is_listed_shown_and_deleted(path: Path, content: ClientContent) -> None:
    assert content.indications is not None
    await content.indications.receive(ServiceIndication("a", "http://a/"), "192.0.2.1")
    await content.indications.receive(ServiceIndication("b", action=SignalAction.SIGNAL_HIGH))
    async with ServiceClient(path) as client:
        assert [entry["text"] for entry in await client.inbox()] == ["b", "a"]
        shown = await client.mark_shown(2)
        assert (shown["text"], shown["state"]) == ("b", "postponed")
        assert [entry["number"] for entry in await client.inbox()] == [1, 2]
        await client.delete_indication(2)
        for request in (client.delete_indication(2), client.mark_shown(2)):
            with pytest.raises(ServicePointError) as caught:
                await request
            assert caught.value.status == 404
    async with plain(path) as http:
        assert (await http.get("/v1/inbox/1")).json()["source"] == "192.0.2.1"
        assert (await http.get("/v1/inbox/2")).status_code == 404
        for malformed in ("/v1/inbox/x", "/v1/inbox/-1", "/v1/inbox?after=x", "/v1/inbox?wait=99"):
            answer = await http.get(malformed)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_parameter")


async def test_who_waits_for_an_indication_gets_it(path: Path, content: ClientContent) -> None:
    assert content.indications is not None
    async with ServiceClient(path) as client:
        waiting = asyncio.create_task(client.inbox(after=0, wait_seconds=20))
        await client.info()
        await content.indications.receive(ServiceIndication("new"))
        async with asyncio.timeout(10):
            assert [entry["text"] for entry in await waiting] == ["new"]


async def test_service_is_taken_once(path: Path, content: ClientContent) -> None:
    assert content.services is not None
    content.services.receive(ServiceLoading("http://a/"), Trust())
    async with plain(path) as http:
        first = await http.post("/v1/services/next")
        assert first.json() == {
            "href": "http://a/",
            "action": "execute-low",
            "runs": True,
            "may_disturb": False,
        }
        assert (await http.post("/v1/services/next")).status_code == 204


async def test_cached_object_is_given_by_its_address(path: Path, content: ClientContent) -> None:
    assert content.cache is not None
    content.cache.keep(CachedObject("http://a/?x=1", b"\0", "image/png", Instant(0)))
    async with plain(path) as http:
        found = (await http.get("/v1/cache", params={"uri": "http://a/?x=1"})).json()
        assert base64.b64decode(found.pop("content_b64")) == b"\0"
        assert found == {
            "uri": "http://a/?x=1",
            "content_type": "image/png",
            "dated": "1970-01-01T00:00:00Z",
        }
        assert (await http.get("/v1/cache")).status_code == 404


@pytest.mark.parametrize(
    ("uid", "status"), [(os.getuid(), 200), (0, 200), (os.getuid() + 1, 403), (None, 403)]
)
async def test_only_the_clients_own_user_and_root_are_answered(
    point: ServicePoint, uid: int | None, status: int
) -> None:
    async def as_user(scope: Any, receive: Any, send: Any) -> None:
        await point.application({**scope, SCOPE_KEY: uid}, receive, send)

    transport = httpx2.ASGITransport(app=as_user)
    async with httpx2.AsyncClient(transport=transport, base_url="http://client") as http:
        assert (await http.get("/v1/inbox")).status_code == status


async def test_client_that_takes_nothing_itself_has_no_such_requests(
    client: PushClient, clock: VirtualClock
) -> None:
    point = ServicePoint(client, client._store, clock)
    transport = httpx2.ASGITransport(app=point.application)
    async with httpx2.AsyncClient(transport=transport, base_url="http://client") as http:
        assert (await http.get("/v1/inbox")).status_code == 404
