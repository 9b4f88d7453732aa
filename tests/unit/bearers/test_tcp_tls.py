"""The TCP bearer by TLS: roles, names, certificates, limits, and peers that speak no TLS."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest
import uvloop

from omapush.bearers.tcp import ListenLimits, TcpBearer, TcpListener
from omapush.core.instants import Instant
from omapush.core.peer_certificate import PeerCertificate
from omapush.core.trace import TraceRecord
from omapush.ota.interface import ConnectionLink, SecurityFailure
from omapush.testing.authority import Authority
from omapush.testing.bearer_contract import Observer, PlainSession

NOW = Instant(1_700_000_000_000)
GATEWAY = "ppg.example.com"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("authority"))
    made.sign("gateway", f"DNS:{GATEWAY},IP:127.0.0.1")
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
