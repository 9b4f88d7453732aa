"""Every stream bearer passes the one contract suite."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from omapush.bearers.tcp import TcpBearer
from omapush.daemon.clock import SystemClock
from omapush.daemon.tls import serving_context, verifying_context
from omapush.ota.interface import StreamBearer, StreamLink, StreamSession
from omapush.testing.authority import Authority
from omapush.testing.bearer_contract import Peer, StreamBearerContract, listening_peer


class TestTcpBearer(StreamBearerContract):
    @pytest.fixture
    def bearer(self) -> StreamBearer:
        return TcpBearer(SystemClock())


class SecureBearer:
    """The TCP bearer where every connection is by TLS."""

    def __init__(self, tls: ssl.SSLContext, *, tls_server: bool) -> None:
        self._bearer = TcpBearer(SystemClock())
        self._tls = tls
        self._tls_server = tls_server

    async def connect(
        self,
        host: str,
        port: int,
        session: StreamSession[Any, Any],
        on_indication: Callable[[Any], None],
        on_closed: Callable[[str], None],
        timeout_ms: int,
    ) -> StreamLink[Any]:
        return await self._bearer.connect(
            host,
            port,
            session,
            on_indication,
            on_closed,
            timeout_ms,
            self._tls,
            tls_server=self._tls_server,
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    authority.sign("here", "IP:127.0.0.1")
    return authority.folder


@pytest.fixture
def serving(folder: Path) -> ssl.SSLContext:
    return serving_context(folder / "here.pem", folder / "here.key", None, "test")


@pytest.fixture
def calling(folder: Path) -> ssl.SSLContext:
    return verifying_context(folder / "ca.pem", "test.ca")


class TestTcpBearerAsTlsClient(StreamBearerContract):
    """The roles of TLS that TCP gives."""

    @pytest.fixture
    def bearer(self, calling: ssl.SSLContext) -> StreamBearer:
        return SecureBearer(calling, tls_server=False)

    @pytest.fixture
    async def peer(self, serving: ssl.SSLContext) -> AsyncIterator[Peer]:
        async with listening_peer(serving) as peer:
            yield peer


class TestTcpBearerAsTlsServer(StreamBearerContract):
    """The roles of WAP-235 7.2.2: a gateway that dials is TLS server."""

    @pytest.fixture
    def bearer(self, serving: ssl.SSLContext) -> StreamBearer:
        return SecureBearer(serving, tls_server=True)

    @pytest.fixture
    async def peer(self, calling: ssl.SSLContext) -> AsyncIterator[Peer]:
        async with listening_peer(calling, tls_server=False) as peer:
            yield peer
