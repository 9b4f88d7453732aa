"""curl, which knows nothing of us, as an application on the service access point (IF-T1)."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from omapush.cai.model import Binding
from omapush.client.agent import PushClient
from omapush.client.peer_credentials import PeerCredentialsProtocol
from omapush.client.service_point import ServicePoint
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


@pytest.fixture
def curl() -> str:
    found = shutil.which("curl")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("curl is missing")
        pytest.skip("curl is missing")
    return found


class NotingLink:
    """Notes the one answer."""

    peer = "192.0.2.1:1"

    def __init__(self) -> None:
        self.answer: asyncio.Future[ClientRequest] = asyncio.get_running_loop().create_future()

    def request(self, primitive: ClientRequest) -> None:
        self.answer.set_result(primitive)

    def close(self, reason: str) -> None:
        raise AssertionError(reason)


async def test_curl_registers_takes_a_push_and_deregisters(curl: str, tmp_path: Path) -> None:
    clock = VirtualClock()
    store = ClientStore(tmp_path / "client.db")
    client = PushClient(store, clock)
    await client.start()
    client.bearers.binding_up(Binding("OTA-HTTP", "TCP/IP", "127.0.0.1:4035"))
    path = tmp_path / "cai.sock"
    application = ServicePoint(client, store, clock).application
    server = HttpServer(application, [unix_socket(path)], http=PeerCredentialsProtocol)
    serving = asyncio.create_task(server.run_until_stopped())
    token = ""

    async def ask(method: str, target: str, *more: str) -> tuple[int, Any]:
        arguments = ["--silent", "--max-time", "20", "--unix-socket", str(path), "-X", method]
        if token:
            arguments += ["-H", f"Authorization: Bearer {token}"]
        arguments += ["--write-out", "\n%{http_code}", *more, f"http://client{target}"]
        child = await asyncio.create_subprocess_exec(
            curl, *arguments, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await child.communicate()
        body, _, status = out.rpartition(b"\n")
        return int(status), json.loads(body) if body else None

    try:
        asked = json.dumps({"push_application_id": "x-wap-application:mms.ua"})
        status, registration = await ask("POST", "/v1/registrations", "--data", asked)
        assert (status, registration["state"]) == (202, "pending")
        token = registration["token"]
        own = f"/v1/registrations/{registration['id']}"
        assert (await ask("GET", f"{own}?wait=20"))[1]["state"] == "registered"

        link = NotingLink()
        message = PushMessage(
            (("X-Wap-Application-Id", "4"), ("Content-Type", "text/plain")), b"\0\1"
        )
        source = PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1")
        client.indication(link, PoConfirmedPushInd("1", message, source))
        query = f"registration={registration['id']}&wait=20"
        status, (event,) = await ask("GET", f"/v1/events?{query}")
        assert (status, event["content_b64"]) == (200, "AAE=")
        assert not link.answer.done()
        assert (await ask("POST", f"/v1/events/{event['id']}/accept"))[0] == 204
        assert await link.answer == PoConfirmedPushRes("1")

        status, ended = await ask("DELETE", own)
        assert (status, ended["state"]) == (202, "deregistered")
    finally:
        server.stop()
        await serving
        await client.close()
