"""Every stream bearer passes the one contract suite."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from omapush.bearers.tcp import TcpBearer
from omapush.daemon.clock import SystemClock
from omapush.daemon.terminals import SecureBearer
from omapush.daemon.tls import serving_context, verifying_context
from omapush.ota.interface import StreamBearer
from omapush.testing.authority import Authority
from omapush.testing.bearer_contract import Peer, StreamBearerContract, listening_peer


class TestTcpBearer(StreamBearerContract):
    @pytest.fixture
    def bearer(self) -> StreamBearer:
        return TcpBearer(SystemClock())


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
        return SecureBearer(TcpBearer(SystemClock()), calling, tls_server=False)

    @pytest.fixture
    async def peer(self, serving: ssl.SSLContext) -> AsyncIterator[Peer]:
        async with listening_peer(serving) as peer:
            yield peer


class TestTcpBearerAsTlsServer(StreamBearerContract):
    """The roles of WAP-235 7.2.2: a gateway that dials is TLS server."""

    @pytest.fixture
    def bearer(self, serving: ssl.SSLContext) -> StreamBearer:
        return SecureBearer(TcpBearer(SystemClock()), serving, tls_server=True)

    @pytest.fixture
    async def peer(self, calling: ssl.SSLContext) -> AsyncIterator[Peer]:
        async with listening_peer(calling, tls_server=False) as peer:
            yield peer
