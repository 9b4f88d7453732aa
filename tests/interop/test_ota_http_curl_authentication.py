"""curl as a gateway that has to prove itself to our terminal, as RFC 2617 has it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator

import pytest

from omapush.bearers.tcp import TcpBearer
from omapush.daemon.clock import SystemClock
from omapush.ota.http.authentication import Login, Scheme
from omapush.ota.http.client import HttpTerminalSession, HttpTerminalSettings
from omapush.ota.http.contexts import ProvisioningContext
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PushSource,
    StreamLink,
)

ID = "4165012322222"
GATEWAY = Login("ppg.example.com", "gateway secret")


@pytest.fixture
def curl() -> str:
    found = shutil.which("curl")
    if found is None:
        pytest.skip("curl is not installed")
    return found


@contextlib.asynccontextmanager
async def terminal(demand: Scheme) -> AsyncIterator[tuple[str, list[PoConfirmedPushInd]]]:
    """Our terminal, which asks the gateway for credentials and takes every push."""
    arrived: list[PoConfirmedPushInd] = []

    def on_indication(link: StreamLink[ClientRequest], indication: ClientIndication) -> None:
        assert isinstance(indication, PoConfirmedPushInd)
        arrived.append(indication)
        link.request(PoConfirmedPushRes(indication.reference))

    context = ProvisioningContext(ID, "", None, GATEWAY, demand, takes_md5=True)
    listener = await TcpBearer(SystemClock()).listen(
        "127.0.0.1",
        0,
        lambda peer: HttpTerminalSession(
            HttpTerminalSettings(ID, contexts=(context,)),
            ClientCapabilities,
            PushSource("OTA-HTTP", "TCP/IP", peer),
        ),
        on_indication,
    )
    try:
        yield f"http://127.0.0.1:{listener.port}/wappush", arrived
    finally:
        await listener.close("the test is over")


async def push(curl: str, url: str, *arguments: str) -> list[str]:
    """Push by curl; return the status lines and push statuses that it was answered with."""
    process = await asyncio.create_subprocess_exec(
        curl,
        "--silent",
        "--include",
        "--max-time",
        "20",
        "--data",
        "hello",
        "-H",
        "Content-Type: text/plain",
        *arguments,
        url,
        url,
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "NO_PROXY": "*"},
    )
    output, _ = await process.communicate()
    lines = output.decode().splitlines()
    return [line for line in lines if line.startswith(("HTTP/", "X-Wap-Push-Status"))]


ACCEPTED = ["HTTP/1.1 204 ", "X-Wap-Push-Status: 400 Accepted"]


# Not with --digest: curl then posts nothing first, to be asked. On a connection on which it has
# proved itself that is an empty push, and nobody asks.
@pytest.mark.parametrize(
    ("way", "scheme"),
    [("--anyauth", Scheme.BASIC), ("--anyauth", Scheme.DIGEST), ("--basic", Scheme.BASIC)],
)
async def test_curl_proves_who_it_is_and_pushes_twice(curl: str, way: str, scheme: Scheme) -> None:
    async with terminal(scheme) as (url, arrived):
        told = await push(curl, url, way, "--user", f"{GATEWAY.username}:{GATEWAY.password}")
    assert [line for line in told if " 401 " not in line] == ACCEPTED * 2
    assert [one.source.identity for one in arrived] == [GATEWAY.username] * 2
    assert [one.message.body for one in arrived] == [b"hello"] * 2


@pytest.mark.parametrize("scheme", [Scheme.BASIC, Scheme.DIGEST])
async def test_curl_with_another_password_delivers_nothing(curl: str, scheme: Scheme) -> None:
    async with terminal(scheme) as (url, arrived):
        told = await push(curl, url, "--anyauth", "--user", f"{GATEWAY.username}:wrong")
    assert told
    assert all(" 401 " in line or " 403 " in line or "235" in line for line in told)
    assert arrived == []
