"""The page on the CAI is all that one needs: its commands for curl, as they stand (IF-T1)."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from omapush.cai.model import Binding, RegistrationState
from omapush.client.agent import PushClient
from omapush.client.binding.choice_of_binders import Ways
from omapush.client.binding.shared_binder import SharedBearers
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

PAGE = (Path(__file__).resolve().parents[2] / "docs/cai.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
CONTENT = b"\0\xff not text"


@pytest.fixture
def shell() -> str:
    """Return a shell that has what the commands need."""
    missing = [name for name in ("bash", "curl", "jq", "base64") if shutil.which(name) is None]
    if missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"missing: {missing}")
        pytest.skip(f"missing: {missing}")
    return str(shutil.which("bash"))


class NotingLink:
    """Notes the one answer."""

    peer = "192.0.2.1:1"

    def __init__(self) -> None:
        self.answer: asyncio.Future[ClientRequest] = asyncio.get_running_loop().create_future()

    def request(self, primitive: ClientRequest) -> None:
        self.answer.set_result(primitive)

    def close(self, reason: str) -> None:
        raise AssertionError(reason)


async def push_when_registered(client: PushClient, link: NotingLink) -> None:
    """Let a push arrive as soon as there is an application for it."""
    async with asyncio.timeout(20):
        async for change in client.status_changes():
            if change.new is RegistrationState.REGISTERED:
                break
    headers = (
        ("X-Wap-Application-Id", "4"),
        ("Content-Type", "application/vnd.wap.mms-message"),
    )
    source = PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1")
    client.indication(link, PoConfirmedPushInd("1", PushMessage(headers, CONTENT), source))


async def test_commands_of_the_page_are_a_whole_session(shell: str, tmp_path: Path) -> None:
    """IF-T1, T-01, T-41"""
    clock = VirtualClock()
    store = ClientStore(tmp_path / "client.db")
    bearers = SharedBearers("OTA-HTTP", ["TCP/IP"])
    client = PushClient(store, clock, ways=Ways((bearers,)))
    bearers.binding_up(Binding("OTA-HTTP", "TCP/IP", "127.0.0.1:4035"))
    await client.start()
    point = ServicePoint(client, store, clock)
    listening = unix_socket(tmp_path / "cai.sock")
    server = HttpServer(point.application, [listening], http=PeerCredentialsProtocol)
    serving = asyncio.create_task(server.run_until_stopped())
    link = NotingLink()
    pushing = asyncio.create_task(push_when_registered(client, link))
    try:
        script = "set -eu\n" + "echo\n".join(COMMANDS)
        program = await asyncio.create_subprocess_exec(
            shell, "-c", script, cwd=tmp_path, stdout=PIPE, stderr=STDOUT
        )
        async with asyncio.timeout(60):
            printed, _ = await program.communicate()
            await pushing
        assert program.returncode == 0, printed.decode()
        assert (tmp_path / "content").read_bytes() == CONTENT
        assert await link.answer == PoConfirmedPushRes("1")
        told = printed.decode()
        assert told.startswith("registered\n")
        assert '"ack_timeout":60' in told
        assert '"state":"deregistered"' in told
        assert '"error"' not in told
        assert client.live_registrations() == []
    finally:
        point.stop()
        server.stop()
        await serving
        await client.close()


def test_page_shows_every_step() -> None:
    steps = " ".join(COMMANDS)
    for wanted in ("/v1/registrations?wait=30", "/v1/events?", "/accept", "PATCH", "DELETE"):
        assert wanted in steps
