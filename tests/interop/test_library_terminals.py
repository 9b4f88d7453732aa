"""A real gateway and terminals of the standard library and of openssl: proofs, and roles in TLS.

The standard library's HTTP server is the terminal that the gateway dials (PO-TCP): it wants a
digest and gives one, and is TLS client on the connection that it accepts, as WAP-235 7.2.2 has it.
``openssl s_client`` dials the gateway (TO-TCP), with a terminal's answers typed into it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.server
import os
import re
import secrets
import shutil
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from omapush.testing.authority import Authority
from omapush.testing.daemons import free_port
from omapush.testing.running_gateway import RunningGateway, address_of, client_table

PATIENCE_SECONDS = 30
ANNA = address_of(1)
TERMINAL_ID, PROXY_ID, TAG = "4155", "ppg.example.net", "5lEsUg=="
OURS, ITS = "gateway's secret", "terminal's secret"
REGISTRATION = (
    ("X-Wap-Push-Status", "501 Registered"),
    ("X-Wap-Bearer-Indication", "00"),
    ("X-Wap-Push-OTA-Version", "1.0"),
    ("X-Wap-CPITag", TAG),
    ("X-Wap-Push-Accept", "*/*"),
)


def parameters(value: str) -> dict[str, str]:
    return dict(re.findall(r'([a-z-]+)="?([^",]*)"?', value.partition(" ")[2]))


def digest(username: str, realm: str, password: str, nonce: str, method: str) -> str:
    """Return the request-digest of SIN-101: SHA-1, without qop."""

    def hashed(*parts: str) -> str:
        return hashlib.sha1(":".join(parts).encode()).hexdigest()  # as SIN-101 has it

    return hashed(hashed(username, realm, password), nonce, hashed(method, "/wappush"))


class Terminal(http.server.BaseHTTPRequestHandler):
    """Wants to know who the gateway is, if the server says so, and shows who it is when asked."""

    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.nonce, self.is_known = "", not self.server.wants_proof

    def do_OPTIONS(self) -> None:
        self.server.asked.append("OPTIONS")
        if self.admits():
            self.answer(204, *REGISTRATION, *self.identity())

    def do_POST(self) -> None:
        self.server.asked.append("POST")
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.admits():
            self.server.taken.append(body.partition(b"\r\n\r\n")[2])
            self.answer(204, ("X-Wap-Push-Status", "400"))

    def admits(self) -> bool:
        """Judge the credentials, which hold until the connection ends."""
        if self.is_known:
            return True
        given = parameters(self.headers.get("Authorization", ""))
        expected = digest(PROXY_ID, TERMINAL_ID, OURS, self.nonce, self.command)
        self.is_known = bool(self.nonce) and given.get("response") == expected
        if not self.is_known:
            self.nonce = secrets.token_hex(8)
            challenge = f'Digest realm="{TERMINAL_ID}", nonce="{self.nonce}", algorithm=SHA-1'
            status = ("X-Wap-Push-Status", "300"), ("Content-Length", "0")
            self.answer(401, *status, ("WWW-Authenticate", challenge))
        return self.is_known

    def identity(self) -> list[tuple[str, str]]:
        asked = self.headers.get("X-Wap-Authenticate")
        if asked is None:
            return [("X-Wap-Terminal-Id", TERMINAL_ID)]
        given = parameters(asked)
        response = digest(TERMINAL_ID, given["realm"], ITS, given["nonce"], "OPTIONS")
        proof = (
            f'Digest username="{TERMINAL_ID}", realm="{given["realm"]}", uri="/wappush", '
            f'nonce="{given["nonce"]}", response="{response}", algorithm="SHA-1"'
        )
        return [("X-Wap-Authorization", proof)]

    def answer(self, status: int, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # its name there
        pass


class Server(http.server.ThreadingHTTPServer):
    """The terminal's socket; with ``tls`` it is TLS client on what it accepts."""

    def __init__(self, *, wants_proof: bool = False, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Terminal)
        self.wants_proof = wants_proof
        self._tls = tls
        self.asked: list[str] = []
        self.taken: list[bytes] = []

    def get_request(self) -> tuple[socket.socket, Any]:
        accepted, address = super().get_request()
        if self._tls is not None:
            accepted = self._tls.wrap_socket(accepted, server_hostname=PROXY_ID)
        return accepted, address


@contextlib.contextmanager
def serving(server: Server) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


NAMED = f'name = "{PROXY_ID}"\n'


def listed(port: int, **settings: str | bool) -> str:
    at = f"127.0.0.1:{port}"
    return client_table("anna", ANNA, ota_http=at, terminal_id=TERMINAL_ID, **settings)


async def test_gateway_and_library_prove_who_they_are_by_digest(tmp_path: Path) -> None:
    server = Server(wants_proof=True)
    with serving(server) as port:
        table = listed(port, gateway_password=OURS, terminal_password=ITS)
        async with RunningGateway(tmp_path, table, ota_http=NAMED).running() as gateway:
            await gateway.delivers(ANNA)
            await gateway.delivers(ANNA)
    assert (server.asked, server.taken) == (["OPTIONS"] * 2 + ["POST"] * 2, [b"hello"] * 2)


@pytest.mark.parametrize("wrong", ["gateway_password", "terminal_password"])
async def test_wrong_password_of_either_end_keeps_pushes_back(tmp_path: Path, wrong: str) -> None:
    server = Server(wants_proof=True)
    right = {"gateway_password": OURS, "terminal_password": ITS}
    with serving(server) as port:
        table = listed(port, **{**right, wrong: "another"})
        async with RunningGateway(tmp_path, table, ota_http=NAMED).running() as gateway:
            await gateway.until_said(await gateway.push(ANNA), "credentials")
    assert (server.taken, "POST" in server.asked) == ([], False)


async def test_library_is_tls_client_on_what_it_accepts(tmp_path: Path) -> None:
    authority = await asyncio.to_thread(Authority, tmp_path)
    await asyncio.to_thread(authority.sign, "gateway", f"DNS:{PROXY_ID}")
    tls = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    server = Server(tls=tls)
    settings = (
        f'{NAMED}tls_certificate = "{tmp_path}/gateway.pem"\ntls_key = "{tmp_path}/gateway.key"\n'
    )
    with serving(server) as port:
        table = listed(port, ota_http_secure=True)
        async with RunningGateway(tmp_path, table, ota_http=settings).running() as gateway:
            await gateway.delivers(ANNA)
    assert server.taken == [b"hello"]


# -- openssl dials --


@pytest.fixture
def openssl() -> str:
    found = shutil.which("openssl")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("openssl is not installed")
        pytest.skip("openssl is not installed")
    return found


class Typist:
    """``openssl s_client`` and somebody who types the terminal's answers into it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._in, self._out = process.stdin, process.stdout

    async def reads(self, end: bytes) -> bytes:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._out.readuntil(end)

    async def types(self, *lines: str) -> None:
        self._in.write("\r\n".join((*lines, "", "")).encode())
        await self._in.drain()

    async def leaves(self) -> None:
        self._in.close()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._process.wait()


@contextlib.asynccontextmanager
async def secure_gateway(folder: Path) -> AsyncIterator[tuple[RunningGateway, int]]:
    """Run a gateway whose client dials in by TLS; yield the port too."""
    authority = await asyncio.to_thread(Authority, folder)
    await asyncio.to_thread(authority.sign, "gateway", "IP:127.0.0.1")
    port = free_port()
    settings = (
        f'secure_listen = "127.0.0.1:{port}"\ntls_certificate = "{folder}/gateway.pem"\n'
        f'tls_key = "{folder}/gateway.key"\n'
    )
    table = client_table("anna", ANNA, ota_http_dials_in=True, terminal_id=TERMINAL_ID)
    told = 'level = "debug"\n'
    async with RunningGateway(folder, table, ota_http=settings, log=told).running() as gateway:
        yield gateway, port


async def typist(openssl: str, folder: Path, port: int, *more: str) -> Typist:
    process = await asyncio.create_subprocess_exec(
        openssl, "s_client", "-connect", f"127.0.0.1:{port}", "-nocommands",
        "-CAfile", str(folder / "ca.pem"), "-verify_return_error", "-verify_ip", "127.0.0.1",
        *more, "-no_ign_eof",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    return Typist(process)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_openssl_dials_gateway_and_takes_a_push(
    tmp_path: Path, openssl: str, version: str
) -> None:
    async with secure_gateway(tmp_path) as (gateway, port):
        terminal = await typist(openssl, tmp_path, port, "-quiet", version)
        asked = await terminal.reads(b"\r\n\r\n")
        assert asked.startswith(b"OPTIONS /wappush HTTP/1.1\r\nHost: \r\n")
        headers = (f"{name}: {value}" for name, value in REGISTRATION)
        identity = f"X-Wap-Terminal-Id: {TERMINAL_ID}"
        await terminal.types("HTTP/1.1 204 No Content", *headers, identity)
        push_id = await gateway.push(ANNA)
        pushed = await terminal.reads(b"hello")
        assert f"\r\nX-Wap-CPITag: {TAG}\r\n".encode() in pushed
        await terminal.types("HTTP/1.1 204 No Content", "X-Wap-Push-Status: 400")
        assert (await gateway.ended(push_id)).code == 1000
        await terminal.leaves()
        await gateway.until_logged("terminal_disconnected")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_openssl_resumes_its_session_with_gateway(
    tmp_path: Path, openssl: str, version: str
) -> None:
    async with secure_gateway(tmp_path) as (_, port):
        kept = str(tmp_path / "session")
        for more, words in (("-sess_out", b"New, TLS"), ("-sess_in", b"Reused, TLS")):
            terminal = await typist(openssl, tmp_path, port, version, more, kept)
            assert words in await terminal.reads(b"OPTIONS /wappush")
            await terminal.leaves()


async def test_openssl_is_not_served_by_old_tls(tmp_path: Path, openssl: str) -> None:
    async with secure_gateway(tmp_path) as (_, port):
        old = ("-quiet", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        terminal = await typist(openssl, tmp_path, port, *old)
        with pytest.raises(asyncio.IncompleteReadError) as caught:
            await terminal.reads(b"\r\n\r\n")
        assert caught.value.partial == b""
        await terminal.leaves()
