"""TLS with the programs of OpenSSL: either end dials, and either end is TLS server.

``s_client`` cannot accept connections. Where we dial and are TLS server (secure PO-TCP as WAP-235
7.2.2 has it), a relay joins our connection with the one that it dials.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import ssl
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from omapush.bearers.tcp import TcpBearer, TcpListener
from omapush.core.trace import TraceRecord
from omapush.daemon.clock import SystemClock
from omapush.daemon.tls import serving_context, verifying_context
from omapush.ota.interface import ConnectionLink, SecurityFailure
from omapush.testing.authority import Authority
from omapush.testing.bearer_contract import Observer, PlainSession

GATEWAY = "ppg.example.com"
TIMEOUT_SECONDS = 20
VERSIONS = pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("openssl is not installed")
        pytest.skip("openssl is not installed")
    authority = Authority(tmp_path_factory.mktemp("authority"))
    authority.sign("gateway", f"DNS:{GATEWAY}")
    authority.sign("terminal", "DNS:terminal.example.com")
    return authority.folder


def as_server(folder: Path, *, ask: bool = False) -> ssl.SSLContext:
    own = folder / "gateway.pem", folder / "gateway.key"
    return serving_context(*own, folder / "ca.pem" if ask else None, "ota_http")


class Openssl:
    """A running program of OpenSSL, and what it has printed."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.printed = b""

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, *arguments: str | Path) -> AsyncIterator[Openssl]:
        process = await asyncio.create_subprocess_exec(
            "openssl", *map(str, arguments), stdin=PIPE, stdout=PIPE, stderr=STDOUT
        )
        try:
            yield cls(process)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()

    def type(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")

    async def says(self, what: bytes) -> None:
        """Wait until it has printed this."""
        assert self._process.stdout is not None
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while what not in self.printed:
                octets = await self._process.stdout.read(4_096)
                assert octets, f"it ended, and said {self.printed!r}"
                self.printed += octets

    async def ends(self) -> bytes:
        """Wait for its end and return all that it printed."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            rest, _ = await self._process.communicate()
        self.printed += rest
        return self.printed


class Gateway:
    """A bearer whose accepted connections echo."""

    def __init__(self) -> None:
        self.traces: list[TraceRecord] = []
        self.bearer = TcpBearer(SystemClock(), self.traces.append)
        self.links: list[ConnectionLink[bytes]] = []
        self.observer = Observer()

    def on_indication(self, link: ConnectionLink[bytes], octets: bytes) -> None:
        if octets == b"<end>":
            return
        self.links.append(link)
        link.request(octets)

    @contextlib.asynccontextmanager
    async def listening(self, tls: ssl.SSLContext) -> AsyncIterator[TcpListener]:
        listener = await self.bearer.listen(
            "127.0.0.1", 0, lambda _address: PlainSession(), self.on_indication, tls=tls
        )
        try:
            yield listener
        finally:
            await listener.close("the test is over")

    async def dial(
        self, port: int, tls: ssl.SSLContext, *, tls_server: bool
    ) -> ConnectionLink[bytes]:
        self.observer = Observer()
        return await self.bearer.dial(
            "127.0.0.1",
            port,
            lambda _address: PlainSession(),
            self.observer.on_indication,
            self.observer.on_closed,
            TIMEOUT_SECONDS * 1_000,
            tls,
            tls_server=tls_server,
            server_name=None if tls_server else GATEWAY,
        )

    async def hears(self, what: bytes) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while what not in self.observer.octets():  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.005)

    async def hangs_up(self, link: ConnectionLink[bytes]) -> None:
        link.close("done")
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self.observer.closed.wait()

    async def traced(self, event: str) -> TraceRecord:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                found = [record for record in self.traces if record.event == event]
                if found:
                    return found[-1]
                await asyncio.sleep(0.005)


def s_client(folder: Path, port: int, *more: str | Path) -> list[str | Path]:
    return [
        "s_client",
        *("-connect", f"127.0.0.1:{port}", "-CAfile", folder / "ca.pem"),
        *("-verify_return_error", "-verify_hostname", GATEWAY, *more),
    ]


def own_certificate(folder: Path, name: str) -> list[str | Path]:
    return ["-cert", folder / f"{name}.pem", "-key", folder / f"{name}.key"]


# -- TO-TCP: openssl is the terminal --


@VERSIONS
async def test_openssl_terminal_dials_gateway_and_shows_its_certificate(
    folder: Path, version: str
) -> None:
    gateway = Gateway()
    async with gateway.listening(as_server(folder, ask=True)) as listener:
        terminal = s_client(folder, listener.port, "-quiet", version)
        async with Openssl.running(*terminal, *own_certificate(folder, "terminal")) as openssl:
            openssl.type("ping")
            await openssl.says(b"ping\n")
            certificate = gateway.links[0].peer_certificate
            assert certificate is not None
            assert certificate.is_of("terminal.example.com")
            gateway.links[0].close("enough")
            await openssl.ends()  # our end of TLS is one that it understands


@VERSIONS
async def test_openssl_terminal_ends_tls_and_gateway_closes(folder: Path, version: str) -> None:
    gateway = Gateway()
    async with gateway.listening(as_server(folder)) as listener:
        async with Openssl.running(*s_client(folder, listener.port, version)) as openssl:
            await openssl.says(b"Verify return code: 0 (ok)")
            openssl.type("Q")  # close_notify
            assert b"error" not in await openssl.ends()
        closed = await gateway.traced("closed")
        assert closed.detail["reason"] == "the peer closed the connection"


@VERSIONS
async def test_openssl_terminal_resumes_its_session(
    folder: Path, version: str, tmp_path: Path
) -> None:
    gateway = Gateway()
    kept = tmp_path / "session"
    async with gateway.listening(as_server(folder)) as listener:
        terminal = s_client(folder, listener.port, version)
        async with Openssl.running(*terminal, "-sess_out", kept) as openssl:
            openssl.type("ping")  # and by then the ticket has come
            await openssl.says(b"\nping\n")
            openssl.type("Q")
            await openssl.ends()
        async with Openssl.running(*terminal, "-sess_in", kept) as openssl:
            await openssl.says(b"Reused, TLSv1.")
    resumed = [record.detail["resumed"] for record in gateway.traces if record.event == "connected"]
    assert resumed == [False, True]


async def test_openssl_terminal_reconnects_with_its_session(folder: Path) -> None:
    gateway = Gateway()
    async with gateway.listening(as_server(folder)) as listener:
        terminal = s_client(folder, listener.port, "-tls1_2", "-reconnect")
        async with Openssl.running(*terminal) as openssl:
            openssl.type("Q")
            assert (await openssl.ends()).count(b"\nReused, TLSv1.2") == 5


async def test_openssl_terminal_changes_its_keys(folder: Path) -> None:
    gateway = Gateway()
    async with gateway.listening(as_server(folder)) as listener:
        terminal = s_client(folder, listener.port, "-tls1_3")
        async with Openssl.running(*terminal) as openssl:
            await openssl.says(b"Verify return code: 0 (ok)")
            for _ in range(3):
                openssl.type("K")  # KeyUpdate, and ours is asked for
                await openssl.says(b"KEYUPDATE")
                openssl.printed = b""
                openssl.type("ping")
                await openssl.says(b"ping\n")


async def test_openssl_terminal_may_not_renegotiate(folder: Path) -> None:
    gateway = Gateway()
    async with gateway.listening(as_server(folder)) as listener:
        terminal = s_client(folder, listener.port, "-tls1_2")
        async with Openssl.running(*terminal) as openssl:
            await openssl.says(b"Verify return code: 0 (ok)")
            openssl.type("R")
            await openssl.says(b"RENEGOTIATING")
            assert b"renegotiation" in await openssl.ends()
    assert not gateway.links


async def test_openssl_terminal_of_an_old_version_is_refused(folder: Path) -> None:
    gateway = Gateway()
    async with gateway.listening(as_server(folder)) as listener:
        terminal = s_client(folder, listener.port, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
        async with Openssl.running(*terminal) as openssl:
            assert b"alert protocol version" in await openssl.ends()
        failed = await gateway.traced("handshake_failed")
        assert failed.detail["reason"] == "TLS: UNSUPPORTED_PROTOCOL"


# -- PO-TCP where the terminal that is dialled is TLS server --


@contextlib.asynccontextmanager
async def s_server(folder: Path, *more: str | Path) -> AsyncIterator[tuple[Openssl, int]]:
    """A server that sends each line back, reversed."""
    own = own_certificate(folder, "gateway")
    arguments = ["s_server", "-accept", "127.0.0.1:0", *own, "-rev", *more]
    async with Openssl.running(*arguments) as openssl:
        await openssl.says(b"ACCEPT 127.0.0.1:")
        if not openssl.printed.endswith(b"\n"):
            await openssl.says(b"\n")
        _, _, said = openssl.printed.partition(b"ACCEPT 127.0.0.1:")
        yield openssl, int(said.split()[0])


@VERSIONS
async def test_gateway_dials_openssl_terminal_and_resumes(folder: Path, version: str) -> None:
    gateway = Gateway()
    own = folder / "terminal.pem", folder / "terminal.key", "own"
    calling = verifying_context(folder / "ca.pem", "ca", own=own)
    asking = ("-Verify", "1", "-CAfile", folder / "ca.pem", "-verify_return_error", version)
    async with s_server(folder, *asking) as (_, port):
        for _ in range(2):
            link = await gateway.dial(port, calling, tls_server=False)
            link.request(b"hello\n")
            await gateway.hears(b"olleh\n")
            assert link.peer_certificate is not None
            assert link.peer_certificate.is_of(GATEWAY)
            await gateway.hangs_up(link)
    resumed = [record.detail["resumed"] for record in gateway.traces if record.event == "connected"]
    assert resumed == [False, True]


async def test_gateway_refuses_openssl_terminal_that_it_does_not_believe(folder: Path) -> None:
    gateway = Gateway()
    async with s_server(folder) as (_, port):
        with pytest.raises(SecurityFailure, match="TLS: unable to get local issuer certificate"):
            await gateway.dial(port, verifying_context(None, "ca"), tls_server=False)


# -- PO-TCP as the specification has it: the gateway dials and is TLS server --


class Relay:
    """Joins the connection that we dial with the one that openssl dials."""

    def __init__(self) -> None:
        self.ours = 0
        self.theirs = 0
        self._waiting: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = (
            asyncio.Queue()
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Relay]:
        ours = await asyncio.start_server(self._join, "127.0.0.1", 0)
        theirs = await asyncio.start_server(self._wait, "127.0.0.1", 0)
        self.ours, self.theirs = (server.sockets[0].getsockname()[1] for server in (ours, theirs))
        try:
            yield self
        finally:
            for server in (ours, theirs):
                server.close()

    async def _wait(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._waiting.put((reader, writer))

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        their_reader, their_writer = await self._waiting.get()
        await asyncio.gather(_copy(reader, their_writer), _copy(their_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while octets := await reader.read(4_096):
            writer.write(octets)
            await writer.drain()
    writer.close()


@VERSIONS
async def test_gateway_dials_and_openssl_terminal_is_tls_client(folder: Path, version: str) -> None:
    gateway = Gateway()
    async with Relay().running() as relay:
        terminal = s_client(folder, relay.theirs, "-quiet", version)
        async with Openssl.running(*terminal, *own_certificate(folder, "terminal")) as openssl:
            link = await gateway.dial(relay.ours, as_server(folder, ask=True), tls_server=True)
            link.request(b"OPTIONS /wappush HTTP/1.1\r\n")
            await openssl.says(b"OPTIONS /wappush HTTP/1.1\r\n")
            openssl.type("HTTP/1.1 204 No Content")
            await gateway.hears(b"HTTP/1.1 204 No Content\n")
            assert link.peer_certificate is not None
            assert link.peer_certificate.is_of("terminal.example.com")
            await gateway.hangs_up(link)
            await openssl.ends()


async def test_openssl_terminal_that_does_not_believe_gateway_tells_it(folder: Path) -> None:
    gateway = Gateway()
    async with Relay().running() as relay:
        terminal = s_client(folder, relay.theirs, "-quiet", "-tls1_2")
        terminal[terminal.index("-verify_hostname") + 1] = "other.example.com"
        async with Openssl.running(*terminal):
            with pytest.raises(SecurityFailure, match="ALERT_BAD_CERTIFICATE"):
                await gateway.dial(relay.ours, as_server(folder), tls_server=True)
