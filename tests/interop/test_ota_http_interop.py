"""OTA-HTTP against ends that are not ours: the standard library's server, a handset, curl."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import os
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from omapush.bearers.tcp import TcpBearer
from omapush.content.message import PushMessage
from omapush.daemon.clock import SystemClock
from omapush.ota.http.client import HttpTerminalSession, HttpTerminalSettings
from omapush.ota.http.ppg import HttpPpgSession, HttpPpgSettings
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    OutcomeKind,
    PoConfirmedPushInd,
    PoConfirmedPushReq,
    PoConfirmedPushRes,
    PoPushAbortReq,
    PpgIndication,
    PpgRequest,
    PushOutcome,
    PushSource,
    PushStatus,
    RegistrationInd,
    StreamLink,
)

MESSAGE = PushMessage((("Content-Type", "text/plain"), ("X-Wap-Application-Id", "2")), b"hello")


class Gateway:
    """Our gateway's end on a connection to a terminal that is not ours."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[PpgIndication] = asyncio.Queue()
        self.closed = asyncio.Event()
        self.link: StreamLink[PpgRequest] | None = None

    async def connect(self, port: int, session: HttpPpgSession) -> RegistrationInd:
        self.link = await TcpBearer(SystemClock()).connect(
            "127.0.0.1",
            port,
            session,
            self.told.put_nowait,
            lambda _reason: self.closed.set(),
            5_000,
        )
        registration = await self.next()
        assert isinstance(registration, RegistrationInd)
        return registration

    async def next(self) -> PpgIndication:
        return await asyncio.wait_for(self.told.get(), 10)

    async def push(self, delivery_id: str) -> PushOutcome:
        assert self.link is not None
        self.link.request(PoConfirmedPushReq(delivery_id, MESSAGE))
        while not isinstance(indication := await self.next(), PushOutcome):
            pass
        assert indication.delivery_id == delivery_id
        return indication

    async def close(self) -> None:
        assert self.link is not None
        self.link.close("the test is over")
        await asyncio.wait_for(self.closed.wait(), 10)


# -- the standard library's HTTP server as a terminal --


class LibraryTerminal(http.server.BaseHTTPRequestHandler):
    """A terminal that registers and takes what is not the word "refuse"."""

    protocol_version = "HTTP/1.1"
    bodies: ClassVar[list[bytes]] = []

    def do_OPTIONS(self) -> None:
        assert (self.path, self.headers["Host"]) == ("/wappush", "")
        self.send_response(204)
        self.send_header("X-Wap-Push-Status", "501 Registered")
        self.send_header("X-Wap-Terminal-ID", "6127000000001")
        self.send_header("X-Wap-Bearer-Indication", "00")
        self.send_header("X-Wap-CPITag", "AAAAAA==")
        self.send_header("X-Wap-Push-MaxMsgSize", "3000")
        self.send_header("X-Wap-Push-OTA-Version", self.headers["X-Wap-Push-OTA-Version"])
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.bodies.append(body)
        assert self.headers["X-Wap-CPITag"] == "AAAAAA=="
        refused = self.headers["X-Push-Id"] == "refuse"
        self.send_response(204)
        self.send_header("X-Wap-Push-Status", "236 no such application" if refused else "400 OK")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # its name there
        pass


@pytest.fixture
def library_terminal() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), LibraryTerminal)
    LibraryTerminal.bodies.clear()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


async def test_gateway_pushes_to_terminal_made_of_the_standard_library(
    library_terminal: int,
) -> None:
    gateway = Gateway()
    registration = await gateway.connect(library_terminal, HttpPpgSession(HttpPpgSettings()))
    assert registration.terminal_id == "6127000000001"
    assert registration.capabilities == ClientCapabilities(max_message_size=3000)
    assert (await gateway.push("take")).kind is OutcomeKind.DONE
    refused = await gateway.push("refuse")
    assert (refused.kind, refused.status) == (OutcomeKind.NEVER, PushStatus.USERPND)
    assert (await gateway.push("again")).kind is OutcomeKind.DONE
    entity = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Wap-Application-Id: 2\r\n"
        b"Content-Length: 5\r\n\r\nhello"
    )
    assert LibraryTerminal.bodies == [entity] * 3
    await gateway.close()


# -- a handset that is strict about tags --


class StrictHandset:
    """Behaves as a shipped handset did: 204 to everything, 256 to a tag absent or different.

    Its tag is hexadecimal, not base64, and changes when it is told to.
    """

    def __init__(self) -> None:
        self.tag = "1f2e3d"
        self.options = 0
        self.accepted: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lines = head.split("\r\n")
                headers = dict(line.split(": ", 1) for line in lines[1:-2])
                body = await reader.readexactly(int(headers.get("Content-Length", "0")))
                answer = self.answer(lines[0].split(" ")[0], headers.get("X-Wap-CPITag"), body)
                common = [
                    "Cache-Control: no-cache",
                    "Server: handset",
                    "X-Wap-Push-OTA-Version: 1.0",
                ]
                writer.write(
                    "\r\n".join(["HTTP/1.1 204 No Content", *answer, *common, "", ""]).encode()
                )
        writer.close()

    def answer(self, method: str, tag: str | None, body: bytes) -> list[str]:
        if method == "OPTIONS":
            self.options += 1
            identity = ["X-Wap-Terminal-Id: 4165012322222", "X-Wap-Bearer-Indication: 00"]
            if tag == self.tag:
                return ["X-Wap-Push-Status: 500", *identity]
            return [
                "X-Wap-Push-Status: 501",
                *identity,
                f"X-Wap-CPITag: {self.tag}",
                "X-Wap-Push-Accept-AppID: *",
                "X-Wap-Push-MsgSize: 1400",
                "X-Wap-Push-Accept-MaxPushReq: 1",
                "X-Wap-Push-User-Agent: handset",
            ]
        if tag != self.tag:
            return ["X-Wap-Push-Status: 256", f"X-Wap-CPITag: {self.tag}"]
        self.accepted.append(body)
        return ["X-Wap-Push-Status: 400"]


@contextlib.asynccontextmanager
async def listening(handset: StrictHandset) -> AsyncIterator[int]:
    server = await asyncio.start_server(handset.serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_gateway_pushes_to_handset_that_is_strict_about_tags() -> None:
    handset, gateway = StrictHandset(), Gateway()
    async with listening(handset) as port:
        registration = await gateway.connect(port, HttpPpgSession(HttpPpgSettings()))
        assert registration.cpi_tag == "1f2e3d"
        assert (await gateway.push("a")).kind is OutcomeKind.DONE
        handset.tag = "abcdef01"  # somebody changed a setting
        assert (await gateway.push("b")).kind is OutcomeKind.DONE
        handset.tag = "1f2e3d"  # and changed it back
        assert (await gateway.push("c")).kind is OutcomeKind.DONE
        assert (handset.options, len(handset.accepted)) == (2, 3)
        await gateway.close()


async def test_gateway_that_remembers_handset_is_recognised_by_its_tag() -> None:
    handset, gateway = StrictHandset(), Gateway()
    cpi = (("X-Wap-Push-MsgSize", "1400"),)
    async with listening(handset) as port:
        session = HttpPpgSession(
            HttpPpgSettings(), assumed_cpi_tag="1f2e3d", known_cpi={"1f2e3d": cpi}
        )
        registration = await gateway.connect(port, session)
        assert (registration.cpi_tag, registration.cpi) == ("1f2e3d", cpi)
        assert (await gateway.push("a")).kind is OutcomeKind.DONE
        await gateway.close()


# -- curl as a gateway --


@pytest.fixture
def curl() -> str:
    found = shutil.which("curl")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("curl is not installed")
        pytest.skip("curl is not installed")
    return found


@contextlib.asynccontextmanager
async def terminal() -> AsyncIterator[tuple[str, list[PoConfirmedPushInd]]]:
    """Our terminal's end, whose application refuses the word "refuse"."""
    arrived: list[PoConfirmedPushInd] = []

    def on_indication(link: StreamLink[ClientRequest], indication: ClientIndication) -> None:
        assert isinstance(indication, PoConfirmedPushInd)
        arrived.append(indication)
        if indication.message.body == b"refuse":
            link.request(PoPushAbortReq(indication.reference, PushStatus.USERDCU, "no"))
        else:
            link.request(PoConfirmedPushRes(indication.reference, b"thank you", "text/plain"))

    capabilities = ClientCapabilities(accept=("*/*",), max_message_size=20_000)
    listener = await TcpBearer(SystemClock()).listen(
        "127.0.0.1",
        0,
        lambda peer: HttpTerminalSession(
            HttpTerminalSettings("4165012322222"),
            lambda: capabilities,
            PushSource("OTA-HTTP", "TCP/IP", peer),
        ),
        on_indication,
    )
    try:
        yield f"http://127.0.0.1:{listener.port}", arrived
    finally:
        await listener.close("the test is over")


async def run(curl: str, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        curl,
        "--silent",
        "--show-error",
        "--include",
        "--max-time",
        "20",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "NO_PROXY": "*"},
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def test_curl_registers_terminal(curl: str) -> None:
    async with terminal() as (url, _):
        answer = await run(
            curl,
            "-X",
            "OPTIONS",
            "-H",
            "Host;",
            "-H",
            "X-Wap-Push-OTA-Version: 1.0",
            f"{url}/wappush",
        )
        lines = answer.split("\r\n")
        assert lines[0].startswith("HTTP/1.1 204")
        assert {
            "X-Wap-Push-Status: 501 Accepted, CPI included",
            "X-Wap-Push-OTA-Version: 1.0",
            "X-Wap-Terminal-Id: 4165012322222",
            "X-Wap-Push-MaxMsgSize: 20000",
        } <= set(lines)
        tag = next(line for line in lines if line.startswith("X-Wap-CPITag: "))
        again = await run(curl, "-X", "OPTIONS", "-H", tag, "--request-target", "*", url)
        assert "X-Wap-Push-Status: 500 Accepted" in again
        assert "X-Wap-Push-Accept" not in again


@pytest.mark.parametrize("transfer", ["length", "chunked", "http1.0", "continue"])
async def test_curl_pushes_to_terminal(curl: str, tmp_path: Path, transfer: str) -> None:
    content = os.urandom(10_000)
    entity = tmp_path / "entity"
    entity.write_bytes(b"HTTP/1.1 200 OK\r\nContent-Type: image/wbmp\r\n\r\n" + content)
    how = {
        "length": ["-H", "Expect:"],
        "chunked": ["-H", "Transfer-Encoding: chunked", "-H", "Expect:"],
        "http1.0": ["--http1.0"],
        "continue": ["-H", "Expect: 100-continue", "--expect100-timeout", "19"],
    }[transfer]
    async with terminal() as (url, arrived):
        answer = await run(
            curl,
            *how,
            *("-H", "Content-Type: application/http", "-H", "X-Wap-Push-Info: response"),
            *("--data-binary", f"@{entity}", f"{url}/wappush"),
        )
        go_ahead = "HTTP/1.1 100 \r\n\r\n" if transfer == "continue" else ""
        assert answer.startswith(f"{go_ahead}HTTP/1.1 200")
        assert "X-Wap-Push-Status: 400 Accepted\r\n" in answer
        assert answer.endswith("\r\n\r\nthank you")
        (indication,) = arrived
        assert indication.message.body == content
        assert indication.source.address == "127.0.0.1"


async def test_curl_pushes_plain_post_that_is_refused(curl: str) -> None:
    async with terminal() as (url, arrived):
        answer = await run(
            curl, "-H", "Content-Type: text/plain", "--data-binary", "refuse", f"{url}/wappush"
        )
        assert answer.startswith("HTTP/1.1 204")
        assert "X-Wap-Push-Status: 238 no\r\n" in answer
        assert arrived[0].message.content_type == "text/plain"


async def test_curl_is_told_what_is_not_push(curl: str) -> None:
    async with terminal() as (url, _):
        assert (await run(curl, f"{url}/")).startswith("HTTP/1.1 404")
        answer = await run(curl, f"{url}/wappush")
        assert answer.startswith("HTTP/1.1 405")
        assert "Allow: POST, OPTIONS\r\n" in answer
        assert (await run(curl, "--head", f"{url}/wappush")).startswith("HTTP/1.1 405")
