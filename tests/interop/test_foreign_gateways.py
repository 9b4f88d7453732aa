"""A real client and gateways that we did not write: curl, and the standard library's HTTP client.

curl dials the client (PO-TCP). The standard library's client is put on connections that the client
has made (TO-TCP): it neither knows nor minds who dialled. Digests are computed here, from SIN-101.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import os
import re
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Self

import pytest

from omapush.client.service_client import ServiceClient
from omapush.testing.authority import Authority
from omapush.testing.daemons import Daemon, clean_environment, free_port, running

PATIENCE_SECONDS = 30
APPLICATION = "x-wap-application:wml.ua"
TERMINAL_ID, PROXY_ID = "4165012322222", "ppg.example.com"
OUR_PASSWORD, ITS_PASSWORD = "hush", "secret"
ENTITY = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Wap-Application-Id: 2\r\n"
    b"Content-Length: 5\r\n\r\nhello"
)
PUSH = {"Content-Type": "application/http", "X-Wap-Push-OTA-Version": "1.0"}


class ClientGround:
    """A running client with one application, which takes whatever comes."""

    def __init__(self, folder: Path, gateways: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        self._cai = folder / "cai.sock"
        settings = folder / "client.toml"
        settings.write_text(
            f'[terminal]\nid = "{TERMINAL_ID}"\n[ota_http]\nlisten = "127.0.0.1:{self.port}"\n'
            f'[cai]\nsocket = "{self._cai}"\n[store]\npath = "{folder}/client.db"\n{gateways}'
        )
        self.daemon = Daemon("client", settings, path=self._cai)
        self._taking: asyncio.Task[None] | None = None
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[ClientGround]:
        async with running(self.daemon), ServiceClient(self._cai) as cai:
            registration = await cai.register({"push_application_id": APPLICATION})
            taking = asyncio.create_task(self._take(cai, registration["id"]))
            try:
                yield self
            finally:
                taking.cancel()
                await asyncio.gather(taking, return_exceptions=True)
        assert "Traceback" not in self.daemon.log
        assert OUR_PASSWORD not in self.daemon.log
        assert ITS_PASSWORD not in self.daemon.log

    async def event(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.events.get()

    async def _take(self, cai: ServiceClient, registration: str) -> None:
        async for event in cai.events(registration):
            await cai.accept(event["id"])
            self.events.put_nowait(event)


@contextlib.asynccontextmanager
async def listening_client(folder: Path, gateways: str = "") -> AsyncIterator[ClientGround]:
    async with ClientGround(folder, gateways).running() as ground:
        yield ground


# -- curl dials --


@pytest.fixture
def curl(tmp_path: Path) -> Callable[..., Any]:
    """Return what runs curl and gives its exit status and the answers, heads and all."""
    found = shutil.which("curl")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("curl is not installed")
        pytest.skip("curl is not installed")
    (tmp_path / "entity").write_bytes(ENTITY)

    async def run(*arguments: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            found, "--silent", "--include", "--max-time", "20", "--noproxy", "*", "-H", "Host;",
            *arguments, stdout=asyncio.subprocess.PIPE, cwd=tmp_path, env=clean_environment({}),
        )  # fmt: skip
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode()

    return run


def options(url: str, *more: str) -> tuple[str, ...]:
    return ("-X", "OPTIONS", "-H", "X-Wap-Push-OTA-Version: 1.0", *more, url)


def post(url: str, *more: str) -> tuple[str, ...]:
    headers = (f"{name}: {value}" for name, value in PUSH.items())
    given = [argument for header in headers for argument in ("-H", header)]
    return (*given, "--data-binary", "@entity", *more, url)


def heads(answers: str) -> list[dict[str, str]]:
    """Return the headers of each answer, names in small letters; the status under an empty name."""
    found = []
    for head in re.findall(r"HTTP/1\.1 (.*?)\r\n\r\n", answers, re.DOTALL):
        status, *lines = head.split("\r\n")
        split = (line.partition(": ") for line in lines)
        found.append({"": status[:3], **{name.lower(): value for name, _, value in split}})
    return found


async def test_curl_registers_client_and_pushes_on_one_connection(
    tmp_path: Path, curl: Callable[..., Any]
) -> None:
    async with listening_client(tmp_path) as client:
        url = f"http://127.0.0.1:{client.port}/wappush"
        opened = ("--write-out", "opened %{num_connects}\n")
        status, said = await curl(*options(url), "--next", "--include", *opened, *post(url))
        assert (status, said.splitlines()[-1]) == (0, "opened 0"), said
        registration, answer = heads(said)
        assert (registration[""], registration["x-wap-push-status"][:3]) == ("204", "501")
        assert registration["x-wap-terminal-id"] == TERMINAL_ID
        assert APPLICATION in registration["x-wap-push-accept-appid"]
        assert (answer[""], answer["x-wap-push-status"][:3]) == ("204", "400")
        assert (await client.event())["content_type"] == "text/plain"
        # By its tag it is known, and its capabilities are not said again.
        tag = f"X-Wap-CPITag: {registration['x-wap-cpitag']}"
        _, said = await curl(*options(url, "-H", tag))
        assert "X-Wap-Push-Status: 500" in said
        assert "X-Wap-Push-Accept" not in said
        _, said = await curl(*post(url, "-H", tag))
        assert "X-Wap-Push-Status: 400" in said
        assert "X-Wap-CPITag" not in said


async def test_curl_is_refused_what_push_does_not_allow(
    tmp_path: Path, curl: Callable[..., Any]
) -> None:
    async with listening_client(tmp_path) as client:
        url = f"http://127.0.0.1:{client.port}"
        wanted = {
            ("-X", "OPTIONS", "-H", "X-Wap-Push-OTA-Version: 2.0", f"{url}/wappush"): "600",
            post(f"{url}/wappush", "-H", "X-Wap-CPITag: AAAAAA=="): "256",
        }
        for arguments, expected in wanted.items():
            _, said = await curl(*arguments)
            (answer,) = heads(said)
            assert (answer[""], answer["x-wap-push-status"][:3]) == ("204", expected)
        (tmp_path / "entity").write_bytes(ENTITY.replace(b"Id: 2", b"Id: 4"))
        _, said = await curl(*post(f"{url}/wappush"))
        assert heads(said)[0]["x-wap-push-status"][:3] == "236"
        for target, method, expected in (("/", "GET", "404"), ("/wappush", "PUT", "405")):
            _, said = await curl("-X", method, f"{url}{target}")
            assert heads(said)[0][""] == expected
        assert client.events.empty()


AMBIGUOUS = {
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "the same length twice": b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a signed length": b"Content-Length: +5\r\n\r\nhello",
    "another coding": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "white space before a colon": b"Content-Length : 5\r\n\r\nhello",
    "a line without carriage return": b"Content-Length: 5\nX: y\r\n\r\nhello",
    "a line that goes on": b"X: y\r\n Content-Length: 5\r\n\r\nhello",
    "a zero octet": b"X: a\0b\r\nContent-Length: 5\r\n\r\nhello",
    "a carriage return alone": b"X: a\rY: b\r\nContent-Length: 5\r\n\r\nhello",
}


async def test_requests_that_could_be_read_in_two_ways_are_refused(tmp_path: Path) -> None:
    """RFC 9112, 11.2: what one reader takes for the end another may take for more."""
    start = b"POST /wappush HTTP/1.1\r\nHost:\r\nContent-Type: text/plain\r\n"
    async with listening_client(tmp_path) as client:

        async def answer_to(rest: bytes) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
            writer.write(start + rest)
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await reader.read()  # to the end: the connection is closed
            writer.close()
            return answer

        answers = await asyncio.gather(*map(answer_to, AMBIGUOUS.values()))
        for name, answer in zip(AMBIGUOUS, answers, strict=True):
            assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501")), (name, answer)
            assert answer.count(b"HTTP/1.1") == 1, name
        assert client.events.empty()


# -- curl has to say who it is --


def known(scheme: str, *more: str, contact_point: str = "127.0.0.1:9") -> str:
    """Return the settings of a gateway that has to prove who it is, and wants to know us."""
    lines = (
        "[[gateways]]",
        'name = "theirs"',
        f'contact_points = ["{contact_point}"]',
        f'scheme = "{scheme}"',
        f'username = "{PROXY_ID}"',
        f'password = "{ITS_PASSWORD}"',
        f'terminal_password = "{OUR_PASSWORD}"',
        "reconnect_first_seconds = 0.1",
        *more,
    )
    return "\n".join((*lines, ""))


ON_REQUEST = 'connect = "on_request"'


async def test_curl_proves_itself_by_basic(tmp_path: Path, curl: Callable[..., Any]) -> None:
    settings = known("basic", ON_REQUEST, "clear_password = true")
    async with listening_client(tmp_path, settings) as client:
        url = f"http://127.0.0.1:{client.port}/wappush"
        _, said = await curl(*options(url))
        (answer,) = heads(said)
        assert (answer[""], answer["x-wap-push-status"][:3]) == ("401", "300")
        assert answer["www-authenticate"].startswith(f'Basic realm="{TERMINAL_ID}"')
        assert "x-wap-terminal-id" not in answer
        right, wrong = f"{PROXY_ID}:{ITS_PASSWORD}", f"{PROXY_ID}:guess"
        # At once, or after having been asked, on the same connection.
        for how in ("--basic", "--anyauth"):
            _, said = await curl(*post(url, how, "-u", right))
            answer = heads(said)[-1]
            assert (answer[""], answer["x-wap-push-status"][:3]) == ("204", "400")
            await client.event()
        for user in (wrong, f"nobody:{ITS_PASSWORD}"):
            _, said = await curl(*post(url, "--basic", "-u", user))
            assert heads(said)[-1][""] == "401"
        assert client.events.empty()


async def test_curl_knows_no_digest_with_sha_1(tmp_path: Path, curl: Callable[..., Any]) -> None:
    async with listening_client(tmp_path, known("digest", ON_REQUEST)) as client:
        url = f"http://127.0.0.1:{client.port}/wappush"
        _, said = await curl(*post(url, "--digest", "-u", f"{PROXY_ID}:{ITS_PASSWORD}"))
        (answer,) = heads(said)  # it does not even try
        assert answer[""] == "401"
        assert answer["www-authenticate"].endswith("algorithm=SHA-1")
        assert client.events.empty()


# -- the standard library's client on a connection that our client made --


class LibraryGateway:
    """A gateway that terminals dial: ``http.client`` on what was accepted."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(PATIENCE_SECONDS)
        self.port: int = self._listening.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def accept(self) -> Visit:
        """Wait for a terminal."""
        accepted, _ = self._listening.accept()
        if self._tls is not None:
            accepted = self._tls.wrap_socket(accepted, server_side=True)
        return Visit(accepted)


class Visit:
    """One connection of a terminal."""

    def __init__(self, accepted: socket.socket) -> None:
        accepted.settimeout(PATIENCE_SECONDS)
        self._connection = http.client.HTTPConnection("terminal")
        self._connection.auto_open = 0
        self._connection.sock = accepted

    def ask(
        self, method: str, headers: dict[str, str], body: bytes = b""
    ) -> tuple[int, dict[str, str]]:
        """Ask the terminal; return the HTTP status and the headers, names in small letters."""
        asking = self._connection
        asking.putrequest(method, "/wappush", skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": "", **headers}.items():
            asking.putheader(name, value)
        if body:
            asking.putheader("Content-Length", str(len(body)))
        asking.endheaders(body)
        answer = asking.getresponse()
        answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}

    def register(self, **headers: str) -> tuple[int, dict[str, str]]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("OPTIONS", {"X-Wap-Push-OTA-Version": "1.0", **named})

    def push(self, tag: str, entity: bytes = ENTITY) -> tuple[int, dict[str, str]]:
        return self.ask("POST", {**PUSH, "X-Wap-CPITag": tag}, entity)

    def close(self) -> None:
        self._connection.close()


def digest(username: str, realm: str, password: str, nonce: str, method: str) -> str:
    """Return the request-digest of SIN-101: SHA-1, without qop."""

    def hashed(*parts: str) -> str:
        return hashlib.sha1(":".join(parts).encode()).hexdigest()  # as SIN-101 has it

    return hashed(hashed(username, realm, password), nonce, hashed(method, "/wappush"))


def parameters(value: str) -> dict[str, str]:
    return dict(re.findall(r'([a-z-]+)="?([^",]*)"?', value.partition(" ")[2]))


async def test_client_dials_gateway_of_the_standard_library(tmp_path: Path) -> None:
    with LibraryGateway() as gateway:
        settings = (
            f'[[gateways]]\nname = "theirs"\ncontact_points = ["127.0.0.1:{gateway.port}"]\n'
            "reconnect_first_seconds = 0.1\n"
        )
        async with listening_client(tmp_path, settings) as client:
            visit = await asyncio.to_thread(gateway.accept)
            status, registration = await asyncio.to_thread(visit.register)
            assert (status, registration["x-wap-push-status"][:3]) == (204, "501")
            assert registration["x-wap-terminal-id"] == TERMINAL_ID
            tag = registration["x-wap-cpitag"]
            for _ in range(3):
                status, answer = await asyncio.to_thread(visit.push, tag)
                assert (status, answer["x-wap-push-status"][:3]) == (204, "400")
                assert (await client.event())["content_type"] == "text/plain"
            # It comes again, and is the same.
            visit.close()
            visit = await asyncio.to_thread(gateway.accept)
            status, registration = await asyncio.to_thread(lambda: visit.register(X_Wap_CPITag=tag))
            assert (status, registration["x-wap-push-status"][:3]) == (204, "500")
            status, answer = await asyncio.to_thread(visit.push, "AAAAAA==")
            assert (answer["x-wap-push-status"][:3], answer["x-wap-cpitag"]) == ("256", tag)
            visit.close()


async def test_client_and_gateway_of_the_standard_library_prove_who_they_are(
    tmp_path: Path,
) -> None:
    with LibraryGateway() as gateway:
        settings = known("digest", contact_point=f"127.0.0.1:{gateway.port}")
        async with listening_client(tmp_path, settings) as client:
            visit = await asyncio.to_thread(gateway.accept)
            ours = f'Digest realm="{PROXY_ID}", nonce="dcd98b7102dd2f0e", algorithm="SHA-1"'
            status, answer = await asyncio.to_thread(
                lambda: visit.register(X_Wap_Authenticate=ours)
            )
            assert (status, answer["x-wap-push-status"][:3]) == (401, "300")
            proof = parameters(answer["x-wap-authorization"])
            assert (proof["username"], proof["realm"]) == (TERMINAL_ID, PROXY_ID)
            assert proof["response"] == digest(
                TERMINAL_ID, PROXY_ID, OUR_PASSWORD, "dcd98b7102dd2f0e", "OPTIONS"
            )
            challenge = parameters(answer["www-authenticate"])
            assert (challenge["realm"], challenge["domain"]) == (TERMINAL_ID, "/wappush")
            assert challenge["algorithm"] == "SHA-1"
            assert "qop" not in challenge

            def authorization(method: str, password: str, nonce: str) -> str:
                response = digest(PROXY_ID, TERMINAL_ID, password, nonce, method)
                return (
                    f'Digest username="{PROXY_ID}", realm="{TERMINAL_ID}", nonce="{nonce}", '
                    f'uri="/wappush", response="{response}", algorithm="SHA-1"'
                )

            right = authorization("OPTIONS", ITS_PASSWORD, challenge["nonce"])
            status, answer = await asyncio.to_thread(lambda: visit.register(Authorization=right))
            assert (status, answer["x-wap-push-status"][:3]) == (204, "501")
            status, answer = await asyncio.to_thread(visit.push, answer["x-wap-cpitag"])
            assert (status, answer["x-wap-push-status"][:3]) == (204, "400")
            await client.event()
            visit.close()
            # What was good on one connection is good for nothing on the next.
            visit = await asyncio.to_thread(gateway.accept)
            status, answer = await asyncio.to_thread(lambda: visit.register(Authorization=right))
            assert (status, answer["x-wap-push-status"][:3]) == (401, "300")
            nonce = parameters(answer["www-authenticate"])["nonce"]
            assert nonce != challenge["nonce"]
            wrong = authorization("OPTIONS", "guess", nonce)
            status, _ = await asyncio.to_thread(lambda: visit.register(Authorization=wrong))
            assert status == 401
            visit.close()
            assert client.events.empty()


async def test_client_dials_gateway_of_the_standard_library_by_tls(tmp_path: Path) -> None:
    authority = await asyncio.to_thread(Authority, tmp_path)
    await asyncio.to_thread(authority.sign, "gateway", "IP:127.0.0.1")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "gateway.pem", tmp_path / "gateway.key")
    with LibraryGateway(tls) as gateway:
        settings = (
            f'[[gateways]]\nname = "theirs"\nca_file = "{tmp_path}/ca.pem"\n'
            f'contact_points = ["https://127.0.0.1:{gateway.port}"]\n'
        )
        async with listening_client(tmp_path, settings) as client:
            visit = await asyncio.to_thread(gateway.accept)
            status, registration = await asyncio.to_thread(visit.register)
            assert (status, registration["x-wap-push-status"][:3]) == (204, "501")
            status, answer = await asyncio.to_thread(visit.push, registration["x-wap-cpitag"])
            assert (status, answer["x-wap-push-status"][:3]) == (204, "400")
            await client.event()
            visit.close()
