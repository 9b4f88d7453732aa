"""Dialling by name, from a local address, and by TLS."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import pytest
import uvloop

from omapush.bearers import tcp
from omapush.bearers.tcp import TcpBearer, TcpListener
from omapush.bearers.udp import UdpBearer
from omapush.core.instants import Instant
from omapush.ota.interface import AddressInUse, BearerUnavailable, SecurityFailure, StreamLink
from omapush.testing.authority import Authority
from omapush.testing.bearer_contract import Observer, PlainSession

NOW = Instant(1_700_000_000_000)


class Rig:
    """A bearer, a listener with echoes, and what came of dialling."""

    def __init__(self) -> None:
        self.bearer = TcpBearer(lambda: NOW)
        self.observer = Observer()
        self.dialled_from: list[str] = []
        self.dialled: list[str] = []

    @contextlib.asynccontextmanager
    async def listening(
        self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> AsyncIterator[TcpListener]:
        listener = await self.bearer.listen(host, 0, self._taken, self._echo, tls=tls)
        try:
            yield listener
        finally:
            await listener.close("the test is over")

    def _taken(self, peer: str) -> PlainSession:
        self.dialled_from.append(peer)
        return PlainSession()

    def _echo(self, link: StreamLink[bytes], octets: bytes) -> None:
        if octets != b"<end>":
            link.request(octets)

    def _session(self, address: str) -> PlainSession:
        self.dialled.append(address)
        return PlainSession()

    async def dial(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
        local_address: str | None = None,
    ) -> StreamLink[bytes]:
        return await self.bearer.dial(
            host,
            port,
            self._session,
            self.observer.on_indication,
            self.observer.on_closed,
            5_000,
            tls,
            local_address,
        )

    async def echoed(self, link: StreamLink[bytes]) -> None:
        """Have something come back, then close."""
        link.request(b"ping")
        async with asyncio.timeout(10):
            while self.observer.octets() != b"ping":  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.005)
            link.close("done")
            await self.observer.closed.wait()


async def test_terminal_dials_from_the_address_that_it_is_told() -> None:
    rig = Rig()
    async with rig.listening() as listener:
        link = await rig.dial("127.0.0.1", listener.port, local_address="127.0.0.2")
        await rig.echoed(link)
    assert rig.dialled_from == ["127.0.0.2"]


async def test_local_address_that_is_not_there_is_unavailable() -> None:
    rig = Rig()
    async with rig.listening() as listener:
        with pytest.raises(BearerUnavailable):
            await rig.dial("127.0.0.1", listener.port, local_address="203.0.113.77")
    assert rig.dialled_from == []


async def test_addresses_of_a_name_are_dialled_until_one_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def addresses(host: str, port: int, timeout_ms: int) -> list[str]:
        assert host == "ppg.example.com"
        return ["127.0.0.3", "127.0.0.1"]

    monkeypatch.setattr(tcp, "_addresses", addresses)
    rig = Rig()
    async with rig.listening() as listener:
        await rig.echoed(await rig.dial("ppg.example.com", listener.port))
    assert rig.dialled == ["127.0.0.3", "127.0.0.1"]


async def test_name_is_resolved() -> None:
    rig = Rig()
    async with rig.listening() as listener:
        await rig.echoed(await rig.dial("localhost", listener.port))
    assert rig.dialled[-1] == "127.0.0.1"


@pytest.mark.parametrize("host", ["unknown.example.com", "empty.example.com"])
async def test_name_that_cannot_be_resolved_is_unavailable(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(*_: object, **__: object) -> list[object]:
        if host == "empty.example.com":
            return []
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    with pytest.raises(BearerUnavailable):
        await Rig().dial(host, 9)


@pytest.mark.parametrize("authority_is_known", [True, False])
async def test_certificate_has_to_be_of_the_name_that_was_dialled(
    tmp_path: Path, *, authority_is_known: bool
) -> None:
    authority = Authority(tmp_path)
    authority.sign("gateway", "DNS:localhost")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "gateway.pem", tmp_path / "gateway.key")
    client = ssl.create_default_context()
    if authority_is_known:
        client.load_verify_locations(tmp_path / "ca.pem")
    rig = Rig()
    async with rig.listening(tls=server) as listener:
        if authority_is_known:
            await rig.echoed(await rig.dial("localhost", listener.port, client))
        with pytest.raises(SecurityFailure, match="TLS"):
            await rig.dial("127.0.0.1", listener.port, client)


async def test_tls_with_a_peer_that_speaks_none_is_a_security_failure() -> None:
    rig = Rig()
    async with rig.listening() as listener:
        with pytest.raises(SecurityFailure):
            await rig.dial("127.0.0.1", listener.port, ssl.create_default_context())


async def test_listener_hands_a_primitive_to_every_connection() -> None:
    rig, other = Rig(), Rig()
    async with rig.listening() as listener:
        links = [await one.dial("127.0.0.1", listener.port) for one in (rig, other)]
        await rig.echoed(links[0])
        links[1].request(b"x")
        async with asyncio.timeout(10):
            while other.observer.octets() != b"x":  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.005)
            listener.request_all(b"y")
            while other.observer.octets() != b"xy":  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.005)
        links[1].close("done")
        await other.observer.closed.wait()
    assert rig.observer.octets() == b"ping"


async def test_udp_port_that_is_taken_is_told_from_other_failures() -> None:
    bearer = UdpBearer(lambda: NOW)
    first = await bearer.open("127.0.0.1", 0, lambda octets, peer: None)
    try:
        with pytest.raises(AddressInUse) as taken:
            await bearer.open("127.0.0.1", first.port, lambda octets, peer: None)
        assert isinstance(taken.value.__cause__, OSError)
        assert taken.value.__cause__.errno == errno.EADDRINUSE
        with pytest.raises(BearerUnavailable) as foreign:
            await bearer.open("203.0.113.77", 0, lambda octets, peer: None)
        assert not isinstance(foreign.value, AddressInUse)
    finally:
        first.close()


@pytest.mark.parametrize(
    "scenario",
    [
        test_terminal_dials_from_the_address_that_it_is_told,
        test_local_address_that_is_not_there_is_unavailable,
        test_name_is_resolved,
        test_tls_with_a_peer_that_speaks_none_is_a_security_failure,
        test_udp_port_that_is_taken_is_told_from_other_failures,
    ],
)
def test_dialling_is_the_same_on_uvloop(
    scenario: Callable[[], Coroutine[object, object, None]],
) -> None:
    uvloop.run(scenario())
