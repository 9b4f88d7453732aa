"""The TCP bearer by TLS: roles, names, certificates, limits, and peers that speak no TLS."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
import uvloop

from omapush.bearers import tcp_link
from omapush.bearers.tcp import ListenLimits, TcpBearer, TcpListener
from omapush.bearers.tcp_listener import Gate
from omapush.bearers.tls_engine import TlsEngine
from omapush.bearers.tls_sessions import Server, TlsSessions
from omapush.core.instants import Instant
from omapush.core.peer_certificate import PeerCertificate
from omapush.core.trace import TraceRecord
from omapush.ota.interface import ConnectionLink, SecurityFailure
from omapush.testing.authority import Authority
from omapush.testing.bearer_contract import LARGE, Observer, PlainSession, listening_peer

NOW = Instant(1_700_000_000_000)
GATEWAY = "ppg.example.com"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("authority"))
    made.sign("gateway", f"DNS:{GATEWAY},IP:127.0.0.1")
    made.sign("nameless", "DER:30:04:82:02:FF:FE")  # a DNS name that is no text
    made.sign("terminal", "DNS:terminal.example.com,URI:urn:example:terminal")
    return made


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What a peer does is no reason for the event loop to complain."""
    with caplog.at_level(logging.WARNING, "asyncio"):
        yield
    assert [record.getMessage() for record in caplog.get_records("call")] == []


def at_server(authority: Authority, name: str = "gateway", ask: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.folder / f"{name}.pem", authority.folder / f"{name}.key")
    if ask:
        context.load_verify_locations(authority.folder / "ca.pem")
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def at_client(authority: Authority, name: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.folder / "ca.pem")
    if name is not None:
        context.load_cert_chain(authority.folder / f"{name}.pem", authority.folder / f"{name}.key")
    return context


class Rig:
    """One bearer, a listener whose sessions echo, and somebody who dials it."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.traces: list[TraceRecord] = []
        self.bearer = TcpBearer(lambda: NOW, self.traces.append)
        self.links: list[ConnectionLink[bytes]] = []
        self.sessions: list[PlainSession] = []
        self.shown: list[PeerCertificate | None] = []
        self.observer = Observer()
        self.changed = asyncio.Event()
        self.unwanted = ""

    def open_session(self, _address: str, certificate: PeerCertificate | None) -> PlainSession:
        self.shown.append(certificate)
        if self.unwanted:
            raise SecurityFailure(self.unwanted)
        self.sessions.append(PlainSession())
        return self.sessions[-1]

    def on_indication(self, link: ConnectionLink[bytes], octets: bytes) -> None:
        if link not in self.links:
            self.links.append(link)
        if octets != b"<end>":
            link.request(octets)
        self.changed.set()

    def on_closed(self, _link: ConnectionLink[bytes], _reason: str) -> None:
        self.changed.set()

    @contextlib.asynccontextmanager
    async def listening(
        self, tls: ssl.SSLContext | None = None, limits: ListenLimits | None = None, **more: Any
    ) -> AsyncIterator[TcpListener]:
        listener = await self.bearer.listen_secure(
            "127.0.0.1",
            0,
            self.open_session,
            self.on_indication,
            tls or at_server(self.authority),
            limits,
            self.on_closed,
            **more,
        )
        try:
            yield listener
        finally:
            await listener.close("the test is over")

    async def dial(
        self, port: int, tls: ssl.SSLContext | None = None, **more: Any
    ) -> ConnectionLink[bytes]:
        self.observer = Observer()
        return await self.bearer.dial(
            "127.0.0.1",
            port,
            lambda _address: PlainSession(),
            self.observer.on_indication,
            self.observer.on_closed,
            5_000,
            tls or at_client(self.authority),
            **more,
        )

    async def echoed(self, link: ConnectionLink[bytes]) -> None:
        """Have something come back."""
        answered, observer = asyncio.Event(), self.observer
        observer.answer = lambda _octets: answered.set()
        link.request(b"ping")
        async with asyncio.timeout(10):
            await answered.wait()
        assert observer.octets() == b"ping"

    async def ended(self, link: ConnectionLink[bytes]) -> None:
        link.close("done")
        async with asyncio.timeout(10):
            await self.observer.closed.wait()

    async def emptied(self, listener: TcpListener) -> None:
        async with asyncio.timeout(10):
            while listener.connections:  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.005)

    async def traced(self, event: str) -> TraceRecord:
        """Wait for a trace record."""
        async with asyncio.timeout(10):
            while True:
                found = [record for record in self.traces if record.event == event]
                if found:
                    return found[-1]
                await asyncio.sleep(0.005)


# -- roles and names --


async def tls_server_dials(authority: Authority) -> None:
    rig = Rig(authority)
    listening = rig.listening(at_client(authority), tls_server=False, server_name=GATEWAY)
    async with listening as listener:
        link = await rig.dial(listener.port, at_server(authority), tls_server=True)
        await rig.echoed(link)
        (certificate,) = rig.shown
        assert certificate is not None
        assert certificate.is_of(GATEWAY)
        await rig.ended(link)


async def tls_client_dials(authority: Authority) -> None:
    rig = Rig(authority)
    async with rig.listening() as listener:
        link = await rig.dial(listener.port, server_name=GATEWAY)
        await rig.echoed(link)
        assert link.peer_certificate is not None
        assert link.peer_certificate.is_of(GATEWAY)
        assert rig.shown == [None]
        await rig.ended(link)
        assert link.peer_certificate is None


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
@pytest.mark.parametrize("scenario", [tls_server_dials, tls_client_dials])
def test_either_end_of_a_connection_is_tls_server(
    authority: Authority,
    scenario: Callable[[Authority], Coroutine[object, object, None]],
    run: Callable[[Coroutine[object, object, None]], None],
) -> None:
    run(scenario(authority))


@pytest.mark.parametrize("name", [None, "127.0.0.1", GATEWAY])
async def test_dialled_address_or_provisioned_name_has_to_be_in_certificate(
    authority: Authority, name: str | None
) -> None:
    rig = Rig(authority)
    async with rig.listening() as listener:
        link = await rig.dial(listener.port, server_name=name)
        await rig.ended(link)


@pytest.mark.parametrize("name", ["other.example.com", ".", "x" * 300])
async def test_dialling_fails_when_certificate_is_of_another(
    authority: Authority, name: str
) -> None:
    rig = Rig(authority)
    async with rig.listening() as listener:
        with pytest.raises(SecurityFailure, match="TLS"):
            await rig.dial(listener.port, server_name=name)
    assert rig.observer.told == []


async def test_listener_that_is_tls_client_refuses_certificate_of_another(
    authority: Authority,
) -> None:
    rig = Rig(authority)
    name = "other.example.com"
    listening = rig.listening(at_client(authority), tls_server=False, server_name=name)
    async with listening as listener:
        # As TLS server of version 1.3 we learn of it after our own handshake.
        with contextlib.suppress(SecurityFailure):
            await rig.dial(listener.port, at_server(authority), tls_server=True)
        assert "Hostname mismatch" in str((await rig.traced("handshake_failed")).detail["reason"])
    assert rig.sessions == []


# -- limits --


async def test_connections_in_handshake_count_until_they_are_cut(authority: Authority) -> None:
    rig = Rig(authority)
    limits = ListenLimits(max_anonymous=2, handshake_seconds=0.05)
    async with rig.listening(limits=limits) as listener:
        silent = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(3)]
        assert "too many anonymous" in str((await rig.traced("turned_away")).detail["reason"])
        failed = await rig.traced("handshake_failed")
        assert failed.detail["reason"] == "TLS: no handshake within 0.05 s"
        for reader, writer in silent:
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
        assert (listener.connections, listener.anonymous) == (0, 0)
        link = await rig.dial(listener.port)
        await rig.echoed(link)
        await rig.ended(link)


@pytest.mark.parametrize(
    "limits", [ListenLimits(max_anonymous=1), ListenLimits(max_anonymous_per_address=1)]
)
async def test_identified_connection_makes_room_for_an_anonymous_one(
    authority: Authority, limits: ListenLimits
) -> None:
    rig = Rig(authority)
    async with rig.listening(limits=limits) as listener:
        first = await rig.dial(listener.port)
        await rig.echoed(first)
        with pytest.raises(SecurityFailure):
            await rig.dial(listener.port)
        assert listener.anonymous == 1
        rig.links[0].identified()
        rig.links[0].identified()
        assert (listener.connections, listener.anonymous) == (1, 0)
        second = await rig.dial(listener.port)
        await rig.echoed(second)
        await rig.ended(second)
        first.close("done")


async def test_listener_asks_whether_an_address_is_admitted(authority: Authority) -> None:
    rig = Rig(authority)
    asked: list[str] = []

    def admits(address: str) -> bool:
        asked.append(address)
        return False

    async with rig.listening(admits=admits) as listener:
        with pytest.raises(SecurityFailure):
            await rig.dial(listener.port)
    assert asked == ["127.0.0.1"]
    assert rig.traces[-1].detail["reason"] == "not admitted"


# -- certificates --


async def test_client_certificate_is_told_to_whoever_opens_the_session(
    authority: Authority,
) -> None:
    rig = Rig(authority)
    async with rig.listening(at_server(authority, ask=True)) as listener:
        link = await rig.dial(listener.port, at_client(authority, "terminal"))
        await rig.echoed(link)
        (shown,) = rig.shown
        assert shown is not None
        assert shown.sha256 == authority.fingerprint("terminal").replace(":", "").lower()
        assert shown.dns_names == ("terminal.example.com",)
        assert shown.uris == ("urn:example:terminal",)
        assert rig.links[0].peer_certificate == shown
        await rig.ended(link)


async def test_client_certificate_whose_names_are_no_text_counts_as_none(
    authority: Authority,
) -> None:
    rig = Rig(authority)
    async with rig.listening(at_server(authority, ask=True)) as listener:
        link = await rig.dial(listener.port, at_client(authority, "nameless"))
        await rig.echoed(link)
        assert rig.shown == [None]
        await rig.ended(link)


async def test_client_without_certificate_is_refused_where_one_is_required(
    authority: Authority,
) -> None:
    rig = Rig(authority)
    server = at_server(authority, ask=True)
    server.verify_mode = ssl.CERT_REQUIRED
    server.maximum_version = ssl.TLSVersion.TLSv1_2  # with 1.3 the client learns it afterwards
    async with rig.listening(server) as listener:
        with pytest.raises(SecurityFailure, match="TLS"):
            await rig.dial(listener.port)
        failed = await rig.traced("handshake_failed")
        assert failed.detail["reason"] == "TLS: PEER_DID_NOT_RETURN_A_CERTIFICATE"
    assert rig.sessions == []


async def test_client_of_tls_1_3_is_told_afterwards_that_its_certificate_is_required(
    authority: Authority,
) -> None:
    rig = Rig(authority)
    server = at_server(authority, ask=True)
    server.verify_mode = ssl.CERT_REQUIRED
    async with rig.listening(server) as listener:
        await rig.dial(listener.port)
        async with asyncio.timeout(10):
            await rig.observer.closed.wait()
        assert rig.observer.told[-1] == "TLS: TLSV13_ALERT_CERTIFICATE_REQUIRED"


async def test_peer_whose_certificate_is_not_wanted_gets_no_session(authority: Authority) -> None:
    rig = Rig(authority)
    rig.unwanted = "the certificate is of nobody"
    async with rig.listening(at_server(authority, ask=True)) as listener:
        await rig.dial(listener.port, at_client(authority, "terminal"))
        failed = await rig.traced("handshake_failed")
        assert failed.detail["reason"] == rig.unwanted
        async with asyncio.timeout(10):
            await rig.observer.closed.wait()
        assert listener.connections == 0


async def test_dialling_fails_when_certificate_is_not_wanted(authority: Authority) -> None:
    rig = Rig(authority)
    shown: list[PeerCertificate | None] = []

    def on_certificate(certificate: PeerCertificate | None) -> None:
        shown.append(certificate)
        raise SecurityFailure("the certificate is of nobody")

    async with rig.listening() as listener:
        with pytest.raises(SecurityFailure, match="of nobody"):
            await rig.dial(listener.port, on_certificate=on_certificate)
        assert shown[0] is not None
        assert rig.observer.told == []


# -- sessions that are resumed --


def resumed(rig: Rig) -> list[object]:
    return [record.detail["resumed"] for record in rig.traces if record.event == "connected"]


VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


@VERSIONS
@pytest.mark.parametrize("tickets", [True, False])
async def test_second_connection_resumes_session_of_the_first(
    authority: Authority, version: ssl.TLSVersion, *, tickets: bool
) -> None:
    rig = Rig(authority)
    server, client = at_server(authority, ask=True), at_client(authority, "terminal")
    client.maximum_version = version
    if not tickets:
        server.options |= ssl.OP_NO_TICKET  # session ids, which the server keeps
    async with rig.listening(server) as listener:
        for _ in range(3):
            link = await rig.dial(listener.port, client, server_name=GATEWAY)
            await rig.echoed(link)
            assert link.peer_certificate is not None
            assert link.peer_certificate.is_of(GATEWAY)
            await rig.ended(link)
    assert resumed(rig) == [False] * 2 + [True] * 4  # each is traced at both ends
    assert len({certificate and certificate.sha256 for certificate in rig.shown}) == 1
    assert None not in rig.shown


@VERSIONS
async def test_tls_client_that_is_dialled_resumes_session_with_the_same_server(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    rig = Rig(authority)
    server, client = at_server(authority), at_client(authority)
    client.maximum_version = version
    async with rig.listening(client, tls_server=False, server_name=GATEWAY) as listener:
        for _ in range(2):
            link = await rig.dial(listener.port, server, tls_server=True)
            await rig.echoed(link)
            await rig.ended(link)
            await rig.emptied(listener)
    assert resumed(rig) == [False] * 2 + [True] * 2


@VERSIONS
async def test_session_may_be_resumed_for_two_hours(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    rig = Rig(authority)
    context = at_client(authority)
    context.maximum_version = version
    async with (
        rig.listening() as listener,
        RawClient.connected(context, listener.port) as client,
    ):
        client.writer.write(client.engine.write(b"ping"))
        assert await client.read() == b"ping"
        session = client.engine.session
        assert session is not None
        assert (session.has_ticket, session.ticket_lifetime_hint) == (True, 7_200)


async def test_session_is_not_resumed_under_another_name_or_trust(authority: Authority) -> None:
    rig = Rig(authority)
    client = at_client(authority)
    async with rig.listening() as listener:
        for tls, name in (
            (client, GATEWAY),
            (client, "127.0.0.1"),
            (at_client(authority), GATEWAY),
        ):
            link = await rig.dial(listener.port, tls, server_name=name)
            await rig.echoed(link)
            await rig.ended(link)
        with pytest.raises(SecurityFailure):
            await rig.dial(listener.port, client, server_name="other.example.com")
    assert not any(resumed(rig))


@VERSIONS
async def test_session_that_the_server_does_not_know_any_more_is_made_anew(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    rig = Rig(authority)
    client, port = at_client(authority), 0
    client.maximum_version = version
    for _ in range(2):  # the server restarts
        listener = await rig.bearer.listen_secure(
            "127.0.0.1", port, rig.open_session, rig.on_indication, at_server(authority)
        )
        port = listener.port
        for _ in range(2):
            link = await rig.dial(port, client)
            await rig.echoed(link)
            await rig.ended(link)
        await listener.close("restart")
    assert resumed(rig) == [False, False, True, True] * 2


def test_sessions_are_kept_for_some_servers_and_given_once() -> None:
    context = ssl.create_default_context()
    servers = [Server(context, "localhost", "127.0.0.1", port) for port in range(1, 5)]
    made = [cast("Any", SimpleNamespace(id=b"x", has_ticket=False)) for _ in range(9)]
    sessions = TlsSessions(max_servers=3, per_server=2)
    for server, session in zip([*servers, *servers[1:]], made, strict=False):
        sessions.keep(server, session)
    sessions.keep(servers[1], made[7])
    sessions.keep(servers[2], None)
    sessions.keep(servers[2], cast("Any", SimpleNamespace(id=b"", has_ticket=False)))
    assert sessions.take(servers[0]) is None  # the one that was called longest ago
    assert sessions.take(servers[1]) is made[7]
    assert sessions.take(servers[1]) is made[4]
    assert sessions.take(servers[1]) is None
    assert sessions.take(servers[2]) is made[5]
    assert sessions.take(servers[3]) is made[6]


# -- peers that behave as TLS does not want it --


async def reset(writer: asyncio.StreamWriter) -> None:
    at_once = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    writer.transport.abort()


async def half_close(writer: asyncio.StreamWriter) -> None:
    writer.write_eof()


async def plain_http(writer: asyncio.StreamWriter) -> None:
    writer.write(b"OPTIONS /wappush HTTP/1.1\r\nHost:\r\n\r\n")


async def garbage(writer: asyncio.StreamWriter) -> None:
    writer.write(bytes(range(256)) * 1_000)


async def half_a_hello(writer: asyncio.StreamWriter) -> None:
    engine = TlsEngine(ssl.create_default_context(), server_side=False, server_name=GATEWAY)
    engine.handshake()
    writer.write(engine.outgoing()[:100])


async def nothing(writer: asyncio.StreamWriter) -> None:
    pass


Behaviour = Callable[[asyncio.StreamWriter], Coroutine[object, object, None]]


async def peer_fails(authority: Authority, behave: Behaviour, said: str, server_side: bool) -> None:
    rig = Rig(authority)
    tls = at_server(authority) if server_side else at_client(authority)
    limits = ListenLimits(handshake_seconds=0.2)
    listening = rig.listening(tls, limits, tls_server=server_side, server_name=None)
    async with listening as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        await behave(writer)
        if server_side:  # others are not kept waiting
            link = await rig.dial(listener.port)
            await rig.echoed(link)
            await rig.ended(link)
        failed = await rig.traced("handshake_failed")
        assert str(failed.detail["peer"]).startswith("127.0.0.1:")
        assert said in str(failed.detail["reason"])
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(10):
                await reader.read()  # and there is an end
        writer.close()
        await rig.emptied(listener)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
@pytest.mark.parametrize("server_side", [True, False])
@pytest.mark.parametrize(
    ("behave", "said"),
    [
        (reset, "TLS: "),
        (half_close, "TLS: the peer closed the connection in the handshake"),
        (plain_http, "TLS: "),
        (garbage, "TLS: "),
        (half_a_hello, "TLS: "),
        (nothing, "TLS: no handshake within 0.2 s"),
    ],
)
def test_peer_that_fails_in_handshake_is_cut_and_others_go_on(
    authority: Authority,
    behave: Behaviour,
    said: str,
    run: Callable[[Coroutine[object, object, None]], None],
    *,
    server_side: bool,
) -> None:
    run(peer_fails(authority, behave, said, server_side))


class RawClient:
    """A TLS client whose every octet the test decides about."""

    def __init__(
        self, engine: TlsEngine, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.engine = engine
        self.reader = reader
        self.writer = writer
        self._buffer = bytearray(65_536)

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, context: ssl.SSLContext, port: int) -> AsyncIterator[RawClient]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        engine = TlsEngine(context, server_side=False, server_name=GATEWAY)
        client = cls(engine, reader, writer)
        while not engine.handshake():
            client.flush()
            engine.take(await reader.read(4_096))
        client.flush()
        try:
            yield client
        finally:
            writer.close()

    def flush(self) -> None:
        self.writer.write(self.engine.outgoing())

    async def read(self) -> bytes:
        """Return plain octets, or none at the server's end of TLS."""
        while (count := self.engine.read(self._buffer)) is None:
            octets = await self.reader.read(4_096)
            if not octets:
                return b"<cut>"
            self.engine.take(octets)
        return bytes(self._buffer[:count])


async def test_peer_that_ends_tls_gets_the_answer_and_the_same_end(authority: Authority) -> None:
    rig = Rig(authority)
    async with (
        rig.listening() as listener,
        RawClient.connected(at_client(authority), listener.port) as client,
    ):
        ping = client.engine.write(b"ping")
        client.engine.end()
        client.writer.write(ping + client.engine.outgoing())  # its own half is still open
        assert await client.read() == b"ping"
        assert await client.read() == b""
        assert await client.reader.read() == b""
        closed = await rig.traced("closed")
        assert closed.detail["reason"] == "the peer closed the connection"


async def test_peer_that_closes_without_ending_tls_is_answered_by_the_end(
    authority: Authority,
) -> None:
    rig = Rig(authority)
    async with (
        rig.listening() as listener,
        RawClient.connected(at_client(authority), listener.port) as client,
    ):
        client.writer.write(client.engine.write(b"ping"))
        assert await client.read() == b"ping"
        client.writer.write_eof()
        assert await client.read() == b""
        closed = await rig.traced("closed")
        assert closed.detail["reason"] == "the peer closed the connection"


async def test_peer_that_breaks_a_record_is_told_and_closed(authority: Authority) -> None:
    rig = Rig(authority)
    async with (
        rig.listening() as listener,
        RawClient.connected(at_client(authority), listener.port) as client,
    ):
        record = bytearray(client.engine.write(b"ping"))
        record[-1] ^= 1
        client.writer.write(record)
        with pytest.raises(ssl.SSLError, match="BAD_RECORD_MAC"):
            await client.read()
        closed = await rig.traced("closed")
        assert "BAD_RECORD_MAC" in str(closed.detail["reason"])
        assert rig.sessions[0].history == ["connected", "disconnected"]


async def test_peer_that_ends_tls_and_reads_no_more_is_cut(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp_link, "CLOSE_TIMEOUT_SECONDS", 0.05)
    rig = Rig(authority)
    async with (
        rig.listening() as listener,
        RawClient.connected(at_client(authority), listener.port) as client,
    ):
        client.writer.write(client.engine.write(b"ping"))
        assert await client.read() == b"ping"
        client.writer.transport.pause_reading()
        rig.links[0].request(LARGE * 8)
        client.engine.end()
        client.flush()
        assert (await rig.traced("closed")).detail["reason"] == "the peer closed the connection"


async def test_listener_reads_no_more_by_tls_from_peer_that_does_not_read(
    authority: Authority,
) -> None:
    rig = Rig(authority)
    async with (
        rig.listening() as listener,
        RawClient.connected(at_client(authority), listener.port) as client,
    ):
        client.writer.transport.set_write_buffer_limits(high=0)
        client.writer.write(client.engine.write(LARGE * 4))  # echoed, and we do not read
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.writer.drain(), 0.3)
        received = 0
        while received < len(LARGE) * 4:  # now we do
            received += len(await client.read())


async def test_listener_closes_with_those_that_are_in_handshake(authority: Authority) -> None:
    rig = Rig(authority)
    async with rig.listening() as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        async with asyncio.timeout(10):
            while not listener.connections:  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.005)
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()


def test_nobody_comes_in_when_the_listener_is_closing() -> None:
    gate = Gate(ListenLimits())
    assert gate.refusal("127.0.0.1") is None
    gate.shut()
    assert gate.refusal("127.0.0.1") == "no longer listening"


def test_addresses_that_one_host_has_are_counted_as_one() -> None:
    gate = Gate(ListenLimits(max_anonymous_per_address=2))
    transport = asyncio.Transport()
    places = [gate.enter(f"2001:db8::{number}", transport) for number in (1, 2)]
    refusal = "too many anonymous connections from this address"
    assert gate.refusal("2001:db8::3") == refusal
    assert gate.refusal("2001:db8:0:1::3") is None
    places[0].identified()
    assert gate.refusal("2001:db8::3") is None
    for _ in range(2):
        gate.enter("::ffff:192.0.2.7", transport)
    assert gate.refusal("192.0.2.7") == refusal
    for place in places:
        place.leave()
    assert len(gate.places) == 2


async def test_dialling_a_peer_that_does_not_speak_is_bounded(authority: Authority) -> None:
    rig = Rig(authority)
    async with listening_peer() as peer:
        with pytest.raises(SecurityFailure, match="TLS: no handshake within 100 ms"):
            await rig.bearer.connect(
                "127.0.0.1",
                peer.port,
                PlainSession(),
                rig.observer.on_indication,
                rig.observer.on_closed,
                100,
                at_client(authority),
            )
        reader, _ = await peer.streams()
        await reader.read()  # there is an end
    assert rig.observer.told == []


async def test_context_that_is_not_for_the_role_is_said(authority: Authority) -> None:
    rig = Rig(authority)
    async with rig.listening(at_client(authority)) as listener:  # though it is TLS server
        with pytest.raises(SecurityFailure, match="TLS"):
            await rig.dial(listener.port, at_server(authority))
        with pytest.raises(SecurityFailure, match="TLS"):
            await rig.dial(listener.port)
        failed = await rig.traced("handshake_failed")
        assert str(failed.detail["reason"]).startswith("TLS: ")
        assert listener.connections == 0


def test_who_is_known_is_not_kept_out_by_those_who_are_not() -> None:
    limits = ListenLimits(connections=5, max_anonymous=1)
    gate = Gate(limits, knows=lambda address: address == "192.0.2.1")
    transport = asyncio.Transport()
    gate.enter("192.0.2.9", transport)
    assert gate.refusal("192.0.2.8") == "too many anonymous connections"
    assert gate.refusal("192.0.2.1") is None
    place = gate.enter("192.0.2.1", transport)
    assert gate.anonymous == 1
    place.identified()
    place.leave()
    assert gate.anonymous == 1
