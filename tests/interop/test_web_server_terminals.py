"""A real gateway and terminals made of web servers that we did not write: HAProxy and nginx.

HAProxy takes OTA-HTTP as it is and notes how it read our requests. nginx refuses the empty Host
that WAP-235 7.4.1 wants; behind HAProxy, which gives it one, it is the terminal that wants to know
who the gateway is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from omapush.testing.authority import Authority
from omapush.testing.daemons import PATIENCE_SECONDS, free_port
from omapush.testing.running_gateway import RunningGateway, address_of, client_table

ANNA = address_of(1)
TERMINAL_ID, PROXY_ID, PASSWORD = "4155", "ppg.example.net", "s3cret"
TAG = "5lEsUg=="
CPI = (
    ("X-Wap-CPITag", TAG),
    ("X-Wap-Push-Accept", "text/plain, image/*"),
    ("X-Wap-Push-Accept-AppID", "*"),
    ("X-Wap-Push-MaxMsgSize", "8000"),
)
IDENTITY = (
    ("X-Wap-Push-OTA-Version", "1.0"),
    ("X-Wap-Terminal-Id", TERMINAL_ID),
    ("X-Wap-Bearer-Indication", "00"),
)


def program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed (make peers does)")
    return found


class WebServer:
    """A web server of another make, and the lines of its log.

    :param ready: a port or a socket's path that answers when the server is there.
    """

    def __init__(self, command: list[str], ready: int | Path) -> None:
        self._command = command
        self._ready = ready
        self._log: list[str] = []

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[WebServer]:
        process = await asyncio.create_subprocess_exec(
            *self._command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        assert process.stdout is not None
        reading = asyncio.create_task(self._read(process.stdout))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await self._answers():
                    assert process.returncode is None, self._log
                    await asyncio.sleep(0.02)
            yield self
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            await reading

    def requests(self, method: str) -> list[dict[str, str]]:
        """Return what it says of the requests of a method."""
        noted = [json.loads(line) for line in self._log if line.startswith("{")]
        return [each for each in noted if each["method"] == method]

    async def until_requests(self, method: str, count: int) -> list[dict[str, str]]:
        """Wait until it has noted so many: it writes its log after it has answered."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                if len(found := self.requests(method)) >= count:
                    return found
                await asyncio.sleep(0.02)

    async def until_said(self, words: str) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                if any(words in line for line in self._log):
                    return
                await asyncio.sleep(0.02)

    async def _read(self, output: asyncio.StreamReader) -> None:
        async for line in output:
            self._log.append(line.decode("utf-8", "replace").strip())

    async def _answers(self) -> bool:
        try:
            if isinstance(self._ready, Path):
                _reader, writer = await asyncio.open_unix_connection(str(self._ready))
            else:
                _reader, writer = await asyncio.open_connection("127.0.0.1", self._ready)
        except OSError:
            return False
        writer.close()
        return True


# -- HAProxy, which answers by itself or asks nginx --

HAPROXY = """
global
  log stdout format raw daemon
defaults
  mode http
  option http-buffer-request
  timeout client 60s
  timeout server 60s
  timeout connect 5s
  timeout http-request 5s
frontend terminal
  bind 127.0.0.1:{port} {tls}
  log global
  log-format {log_format}
  http-request set-var(txn.hosts) req.fhdr_cnt(Host)
  http-request set-var(txn.host) req.fhdr(Host)
  http-request set-var(txn.body) req.body,hex
  http-request set-var(txn.type) req.hdr(Content-Type)
  http-request set-var(txn.length) req.hdr(Content-Length)
  http-request set-var(txn.tag) req.hdr(X-Wap-CPITag)
  http-request set-var(txn.version) req.hdr(X-Wap-Push-OTA-Version)
  http-request return status 404 unless {{ path /wappush }}
{answers}
"""
LOG_FORMAT = json.dumps(
    {
        "method": "%HM",
        "target": "%HU",
        "http": "%HV",
        "hosts": "%[var(txn.hosts)]",
        "host": "%[var(txn.host)]",
        "type": "%[var(txn.type)]",
        "length": "%[var(txn.length)]",
        "tag": "%[var(txn.tag)]",
        "version": "%[var(txn.version)]",
        "body": "%[var(txn.body)]",
    }
)


def answer(condition: str, *pairs: tuple[str, str]) -> str:
    """Return the rule of HAProxy that answers without a body."""
    headers = " ".join(f'hdr "{name}" "{value}"' for name, value in pairs)
    return f"  http-request return status 204 {headers} {condition}\n"


KNOWN = f"{{ req.hdr(X-Wap-CPITag) -m str {TAG} }}"
ANSWERS = "".join(
    (
        answer(f"if METH_OPTIONS {KNOWN}", ("X-Wap-Push-Status", "500 Known"), *IDENTITY),
        answer("if METH_OPTIONS", ("X-Wap-Push-Status", "501 Registered"), *IDENTITY, *CPI),
        answer(f"unless {KNOWN}", ("X-Wap-Push-Status", "256"), ("X-Wap-CPITag", TAG)),
        answer("if { req.body -m end refuse }", ("X-Wap-Push-Status", "236")),
        answer("", ("X-Wap-Push-Status", "400 OK")),
    )
)
TO_NGINX = """
  http-request set-header Host terminal.example.net
  default_backend nginx
backend nginx
  server nginx unix@{socket}
"""


def haproxy(folder: Path, port: int, answers: str = ANSWERS, tls: str = "") -> WebServer:
    quoted = "".join(f"\\{each}" if each in '" \\' else each for each in LOG_FORMAT)
    settings = folder / "haproxy.cfg"
    settings.write_text(
        HAPROXY.format(port=port, tls=tls, log_format=quoted, answers=answers), encoding="ascii"
    )
    return WebServer([program("haproxy"), "-db", "-f", str(settings)], port)


async def test_haproxy_is_terminal_and_reads_what_we_send(tmp_path: Path) -> None:
    port = free_port()
    table = client_table("anna", ANNA, ota_http=f"127.0.0.1:{port}", terminal_id=TERMINAL_ID)
    async with (
        haproxy(tmp_path, port).running() as server,
        RunningGateway(tmp_path, table).running() as gateway,
    ):
        await gateway.delivers(ANNA)
        refused = await gateway.ended(await gateway.push(ANNA, b"refuse"))
        assert (refused.message_state.value, refused.code) == ("aborted", 5236)
        # Too large by what it said: it is asked again, on a new connection and by its tag.
        large = await gateway.ended(await gateway.push(ANNA, b"x" * 8_000))
        assert large.code == 2006
        assert await gateway.daemon.stop() == 0
        await gateway.daemon.start()
        await gateway.delivers(ANNA)
        first, *again = await server.until_requests("OPTIONS", 3)
        posts = await server.until_requests("POST", 3)
    host = {"hosts": "1", "host": "-"}  # it is there, and empty
    expected = {"target": "/wappush", "http": "HTTP/1.1", "version": "1.0", **host}
    nothing = {"type": "-", "length": "-", "body": "-"}
    assert first == {"method": "OPTIONS", **expected, **nothing, "tag": "-"}
    assert again == [{"method": "OPTIONS", **expected, **nothing, "tag": TAG}] * 2
    for post, content in zip(posts, (b"hello", b"refuse", b"hello"), strict=True):
        body = bytes.fromhex(post.pop("body"))
        assert body.endswith(b"\r\n\r\n" + content)
        assert body.startswith(b"HTTP/1.1 200 OK\r\n")
        assert post == {
            "method": "POST",
            **expected,
            "type": "application/http",
            "length": str(len(body)),
            "tag": TAG,
        }


# -- nginx --

NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr info;
events {{}}
http {{
  access_log off;
  log_format noted escape=json '{{"method":"$request_method","status":"$status",'
    '"user":"$remote_user","body":"$request_body"}}';
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  map $status $push_status_of_refusal {{ 401 "300 Who are you"; default ""; }}
  server {{
    listen {listen};
    location = /wappush {{
      access_log /dev/stdout noted;
      {guard}
      add_header X-Wap-Push-Status $push_status_of_refusal always;
      proxy_pass http://unix:{folder}/answers.sock;
    }}
  }}
  server {{
    listen unix:{folder}/answers.sock;
    location = /wappush {{
      if ($request_method = OPTIONS) {{
        {registration}
        return 204;
      }}
      if ($request_method = POST) {{
        add_header X-Wap-Push-Status "400 OK";
        return 204;
      }}
      return 405;
    }}
  }}
}}
"""
BASIC = 'auth_basic "{realm}"; auth_basic_user_file {folder}/htpasswd;'


def nginx(folder: Path, listen: str, ready: int | Path, guard: str = "") -> WebServer:
    given = (("X-Wap-Push-Status", "501 Registered"), *IDENTITY, *CPI)
    registration = " ".join(f'add_header {name} "{value}";' for name, value in given)
    settings = folder / "nginx.conf"
    settings.write_text(
        NGINX.format(folder=folder, listen=listen, guard=guard, registration=registration),
        encoding="ascii",
    )
    command = [program("nginx"), "-e", "stderr", "-p", str(folder), "-c", str(settings)]
    return WebServer(command, ready)


async def test_nginx_refuses_the_empty_host_that_push_wants(tmp_path: Path) -> None:
    port = free_port()
    table = client_table("anna", ANNA, ota_http=f"127.0.0.1:{port}")
    async with (
        nginx(tmp_path, f"127.0.0.1:{port}", port).running() as server,
        RunningGateway(tmp_path, table).running() as gateway,
    ):
        push_id = await gateway.push(ANNA)
        result = await gateway.ended(push_id)
        assert (result.message_state.value, result.code) == ("undeliverable", 4000)
        said = "registration refused: HTTP 400, without X-Wap-Push-Status"
        await gateway.until_said(push_id, said)
        await server.until_said("client sent invalid host header")


@contextlib.asynccontextmanager
async def guarded(folder: Path, tls: str = "") -> AsyncIterator[tuple[int, WebServer]]:
    """Run a terminal that takes pushes only from a gateway which nginx knows."""
    hashing = await asyncio.create_subprocess_exec(
        program("openssl"), "passwd", "-apr1", PASSWORD, stdout=asyncio.subprocess.PIPE
    )
    hashed, _ = await hashing.communicate()
    (folder / "htpasswd").write_text(f"{PROXY_ID}:{hashed.decode()}", encoding="ascii")
    unix, port = folder / "nginx.sock", free_port()
    guard = BASIC.format(realm=TERMINAL_ID, folder=folder)
    async with (
        nginx(folder, f"unix:{unix}", unix, guard).running() as origin,
        haproxy(folder, port, TO_NGINX.format(socket=unix), tls).running(),
    ):
        yield port, origin


def guarded_client(port: int, password: str, **more: bool) -> str:
    return client_table(
        "anna",
        ANNA,
        ota_http=f"127.0.0.1:{port}",
        terminal_id=TERMINAL_ID,
        gateway_password=password,
        **more,
    )


NAMED = f'name = "{PROXY_ID}"\n'
OTHERS = client_table(
    "bert", address_of(2), ota_http="127.0.0.1:9", terminal_id="4200", terminal_password="another"
)
"""Whose terminal has to prove who it is, as nginx has not."""


@pytest.mark.parametrize("others", ["", OTHERS], ids=["alone", "beside others"])
async def test_nginx_knows_gateway_by_its_password(tmp_path: Path, others: str) -> None:
    async with guarded(tmp_path) as (port, origin):
        table = guarded_client(port, PASSWORD) + others
        gateway = RunningGateway(tmp_path, table, ota_http=NAMED)
        async with gateway.running():
            for _ in range(3):
                await gateway.delivers(ANNA)
            posts = await origin.until_requests("POST", 3)
        taken = [each for each in posts if each["status"] == "204"]
        assert [each["user"] for each in taken] == [PROXY_ID] * 3
        assert all(each["body"].endswith("hello") for each in taken)
        # nginx keeps nothing of a connection: it wants to be told in each request.
        asked = [each["status"] for each in origin.requests("OPTIONS")]
        assert asked in (["401", "204"], ["204"])


async def test_nginx_refuses_gateway_with_another_password(tmp_path: Path) -> None:
    async with guarded(tmp_path) as (port, origin):
        gateway = RunningGateway(tmp_path, guarded_client(port, "guess"), ota_http=NAMED)
        async with gateway.running():
            push_id = await gateway.push(ANNA)
            await origin.until_said("password mismatch")
            result = await gateway.ended(push_id)
            assert (result.message_state.value, result.code) == ("undeliverable", 4000)
            await gateway.until_said(push_id, "credentials")
        assert origin.requests("POST") == []
        assert "guess" not in gateway.daemon.log


async def test_nginx_behind_tls_knows_gateway_by_its_password(tmp_path: Path) -> None:
    authority = await asyncio.to_thread(Authority, tmp_path)
    await asyncio.to_thread(authority.sign, "terminal", "IP:127.0.0.1")
    both = tmp_path / "both.pem"
    both.write_bytes(
        b"".join((tmp_path / f"terminal.{end}").read_bytes() for end in ("pem", "key"))
    )
    settings = f'{NAMED}po_tcp_tls_roles = "tcp"\npo_tcp_ca = "{tmp_path}/ca.pem"\n'
    async with guarded(tmp_path, f"ssl crt {both}") as (port, origin):
        table = guarded_client(port, PASSWORD, ota_http_secure=True)
        async with RunningGateway(tmp_path, table, ota_http=settings).running() as gateway:
            await gateway.delivers(ANNA)
        (post,) = await origin.until_requests("POST", 1)
        assert (post["status"], post["user"]) == ("204", PROXY_ID)


async def test_certificate_of_another_terminal_is_not_believed(tmp_path: Path) -> None:
    authority = await asyncio.to_thread(Authority, tmp_path)
    await asyncio.to_thread(authority.sign, "terminal", "DNS:another.example.net")
    both, port = tmp_path / "both.pem", free_port()
    both.write_bytes(
        b"".join((tmp_path / f"terminal.{end}").read_bytes() for end in ("pem", "key"))
    )
    settings = f'po_tcp_tls_roles = "tcp"\npo_tcp_ca = "{tmp_path}/ca.pem"\n'
    table = client_table("anna", ANNA, ota_http=f"127.0.0.1:{port}", ota_http_secure=True)
    async with (
        haproxy(tmp_path, port, tls=f"ssl crt {both}").running() as server,
        RunningGateway(tmp_path, table, ota_http=settings).running() as gateway,
    ):
        await gateway.until_said(await gateway.push(ANNA), "TLS")
        assert server.requests("OPTIONS") == []
