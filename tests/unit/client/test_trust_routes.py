"""Whitelist and Push MO at the service access point, for the user whom the client runs as."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from omapush.cai import wire
from omapush.cai.model import CaiError
from omapush.client.push_mo import ddf, tnds
from omapush.client.service_point.peer_credentials import SCOPE_KEY
from omapush.client.service_point.trust_routes import trust_routes
from omapush.client.store import ClientStore
from omapush.client.trust.lists import SourceTrust
from omapush.testing.virtual_clock import VirtualClock

Handle = Callable[[Request], Awaitable[Response]]


def guarded(handle: Handle) -> Handle:
    async def answer(request: Request) -> Response:
        try:
            return await handle(request)
        except CaiError as error:
            return JSONResponse(wire.error_members(error), 400)

    return answer


async def read_body(request: Request) -> bytes:
    return await request.body()


class AsUser:
    """The routes, as somebody with this user id sees them."""

    def __init__(self, trust: SourceTrust, uid: int | None) -> None:
        self.app = Starlette(routes=trust_routes(trust, guarded, read_body))
        self.uid = uid

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, SCOPE_KEY: self.uid}, receive, send)


@pytest.fixture
async def trust(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[SourceTrust]:
    store = ClientStore(tmp_path / "client.db")
    await store.open()
    trust = SourceTrust(store.file, clock)
    await trust.load()
    yield trust
    await trust.close()
    await store.close()


@pytest.fixture
async def http(trust: SourceTrust) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(AsUser(trust, os.getuid()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://client") as client:
        yield client


async def test_nobody_else_is_answered(trust: SourceTrust) -> None:
    for uid in (os.getuid() + 1, None):
        transport = httpx2.ASGITransport(AsUser(trust, uid))
        async with httpx2.AsyncClient(transport=transport, base_url="http://client") as client:
            for path in ("whitelist", "mo", "mo/export"):
                answer = await client.get(f"/v1/{path}")
                assert answer.json()["error"] == "permission_denied"
            await client.post("/v1/whitelist", json={"addr": "192.0.2.1"})
    assert trust.entries() == []


async def test_whitelist_is_listed_added_to_and_removed_from(http: httpx2.AsyncClient) -> None:
    assert (await http.get("/v1/whitelist")).json() == {
        "in_force": False,
        "entries": [],
        "findings": [],
    }
    added = await http.post("/v1/whitelist", json={"addr": "ppg.example.com"})
    assert (added.status_code, added.json()) == (
        201,
        {"origin": "user", "number": 1, "kind": "ppg", "addr": "ppg.example.com"},
    )
    body = {"origin": "mo", "kind": "smsc", "addr": "+358501", "content_types": ["text/*"]}
    assert (await http.post("/v1/whitelist", json=body)).status_code == 201
    listed = (await http.get("/v1/whitelist")).json()
    assert listed["in_force"]
    assert [(one["origin"], one["number"]) for one in listed["entries"]] == [("mo", 1), ("user", 1)]
    everybody = {"id": "x-wap-application:*", "content_types": ["text/*"]}
    assert listed["entries"][0]["apps"] == [everybody]
    assert (await http.delete("/v1/whitelist?number=1")).status_code == 204
    assert (await http.delete("/v1/whitelist?number=1")).status_code == 404


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({}, "addr"),
        ({"addr": "192.0.2.400"}, "addr"),
        ({"addr": "192.0.2.1", "origin": "config"}, None),
        ({"addr": "192.0.2.1", "origin": ["mo"]}, "origin"),
        ({"addr": "192.0.2.1", "kind": "mmsc"}, "kind"),
        ({"addr": "192.0.2.1", "colour": "green"}, "colour"),
        ({"addr": "192.0.2.1", "apps": [{"id": "x"}]}, "apps[0].id"),
        ({"addr": "192.0.2.1", "content_types": ["x"]}, "apps[0].content_types[0]"),
        ({"addr": "192.0.2.1", "apps": [{"id": "4"}], "content_types": ["a/b"]}, "content_types"),
    ],
)
async def test_entry_that_is_wrong_is_refused_by_name(
    http: httpx2.AsyncClient, body: dict[str, object], parameter: str | None
) -> None:
    answer = await http.post("/v1/whitelist", json=body)
    assert (answer.status_code, answer.json()["parameter"]) == (400, parameter)
    assert (await http.get("/v1/whitelist")).json()["entries"] == []
    assert (await http.delete("/v1/whitelist?number=x")).status_code == 400


async def test_tree_is_read_and_changed_by_requests(http: httpx2.AsyncClient) -> None:
    where = "./Push/PushWL/TrustedPPG/p/Addr"
    added = await http.post("/v1/mo", json={"uri": where, "value": "192.0.2.1"})
    assert (added.status_code, added.json()) == (200, {"status": 200})
    again = await http.post("/v1/mo", json={"uri": where, "value": "192.0.2.1"})
    assert (again.status_code, again.json()["status"]) == (409, 418)
    assert (await http.put("/v1/mo", json={"uri": where, "value": "192.0.2.2"})).json()[
        "status"
    ] == 200
    got = (await http.get("/v1/mo", params={"uri": where})).json()
    assert got["items"] == [
        {"uri": where, "format": "chr", "type": "text/plain", "value": "192.0.2.2"}
    ]
    document = (await http.get("/v1/mo", params={"list": "TNDS"})).json()["tnds"]
    assert "192.0.2.2" in document
    assert (await http.get("/v1/mo", params={"list": "All"})).status_code == 406
    assert (await http.delete("/v1/mo", params={"uri": "./Push"})).status_code == 405
    entry = {"uri": where.removesuffix("/Addr")}
    assert (await http.request("DELETE", "/v1/mo", params=entry)).status_code == 200
    assert (await http.get("/v1/mo", params=entry)).status_code == 404


async def test_subtree_and_atomic_are_added_by_requests(
    http: httpx2.AsyncClient, trust: SourceTrust
) -> None:
    subtree = """<MgmtTree><Node><NodeName>p</NodeName>
      <Node><NodeName>Addr</NodeName><Value>192.0.2.1</Value></Node></Node></MgmtTree>"""
    added = await http.post("/v1/mo", json={"uri": "./Push/PushWL/TrustedPPG/p", "tnds": subtree})
    assert added.status_code == 200
    commands = [
        {"command": "delete", "uri": "./Push/PushWL/TrustedPPG/p"},
        {"command": "exec", "uri": "./Push/PushWL"},
        {"command": "get", "uri": "./Push"},
    ]
    failed = await http.post("/v1/mo", json={"atomic": commands})
    assert failed.status_code == 409
    assert [one["status"] for one in failed.json()["results"]] == [216, 405, 215]
    done = await http.post("/v1/mo", json={"atomic": [commands[2], commands[0]]})
    assert (done.status_code, done.json()["results"][0]["items"][0]["value"]) == (200, "PushWL")
    assert trust.entries() == []
    wrong_ones: tuple[dict[str, Any], ...] = (
        {"atomic": []},
        {"atomic": ["x"]},
        {"atomic": [{"command": "move", "uri": "."}]},
        {"uri": 1},
        {"uri": "./Push/Ext", "colour": "green"},
    )
    for wrong in wrong_ones:
        assert (await http.post("/v1/mo", json=wrong)).status_code == 400


async def test_documents_are_imported_and_exported_by_requests(
    http: httpx2.AsyncClient, trust: SourceTrust
) -> None:
    document = b"""{"push_mo": "1.1", "colour": "green",
        "whitelist": {"ppg": [{"addr": "192.0.2.1"}, {"addr": "?"}]}}"""
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = await http.post("/v1/mo/import", content=document, headers=headers)
    assert (answer.status_code, answer.json()["origin"], answer.json()["entries"]) == (200, "mo", 1)
    assert answer.json()["findings"] == [
        {"path": "whitelist.ppg[1].addr", "reason": "'?' is no FQDN address", "kept": False},
        {"path": "colour", "reason": "not known", "kept": True},
    ]
    exported = await http.get("/v1/mo/export")
    assert exported.headers["Content-Type"] == tnds.MEDIA_TYPE
    again = await http.post(
        "/v1/mo/import?origin=user", content=exported.content, headers=exported.headers
    )
    assert again.json()["findings"][0]["path"] == "Ext"
    assert [one.origin for one in trust.entries()] == ["mo", "user"]
    described = await http.get("/v1/mo/export?form=ddf")
    assert described.content == ddf.document()
    assert (await http.get("/v1/mo/export?form=json")).json()["whitelist"]["ppg"]
    assert (await http.get("/v1/mo/export?form=yaml")).status_code == 400
    for wrong in (b"<x/>", b""):
        refused = await http.post("/v1/mo/import", content=wrong, headers=exported.headers)
        assert refused.json()["error"] == "description_invalid"
    assert (await http.post("/v1/mo/import", content=document)).status_code == 400
    assert (await http.post("/v1/mo/import?origin=x", content=document)).status_code == 400
