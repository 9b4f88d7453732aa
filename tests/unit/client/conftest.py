"""A client with a file of its own, a clock that is a number, and a link that notes answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from omapush.cai.model import Binding
from omapush.client.agent import ClientLimits, ClientRules, PushClient
from omapush.client.binding.binder import Binder
from omapush.client.binding.choice_of_binders import Ways
from omapush.client.binding.shared_binder import SharedBearers
from omapush.client.service_client import ServiceClient
from omapush.client.service_point.peer_credentials import PeerCredentialsProtocol
from omapush.client.service_point.point import ServicePoint
from omapush.client.store import ClientStore
from omapush.client.trust.judge import FixedList
from omapush.client.trust.whitelist import Source
from omapush.daemon.client import unix_socket
from omapush.daemon.serving import HttpServer
from omapush.testing.noting_link import NotingLink
from omapush.testing.virtual_clock import VirtualClock

BINDING = Binding("OTA-HTTP", "TCP/IP", "127.0.0.1:4035")


NewClient = Callable[..., Awaitable[PushClient]]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def new_client(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[NewClient]:
    """Return a function that starts a client; every client on the same file, unless told."""
    async with AsyncExitStack() as stack:

        async def start(
            limits: ClientLimits | None = None,
            device_list: tuple[Source, ...] | None = None,
            *,
            bound: bool = True,
            rules: ClientRules | None = None,
            binders: Sequence[Binder] | None = None,
            registrar: Binder | None = None,
        ) -> PushClient:
            store = ClientStore(tmp_path / "client.db")
            bearers = SharedBearers("OTA-HTTP", ["TCP/IP"])
            ways = Ways(tuple(binders) if binders is not None else (bearers,), registrar)
            judged = rules or ClientRules(judge=FixedList(device_list))
            client = PushClient(store, clock, limits, judged, ways)
            client.bearers = bearers
            if bound:
                bearers.binding_up(BINDING)
            await client.start()
            stack.push_async_callback(client.close)
            return client

        yield start


@pytest.fixture
async def client(new_client: NewClient) -> PushClient:
    """A client whose bearer is up."""
    return await new_client()


@pytest.fixture
def link(client: PushClient) -> NotingLink:
    return NotingLink(client)


@pytest.fixture
def new_link() -> Callable[[PushClient], NotingLink]:
    return NotingLink


@pytest.fixture
def point(client: PushClient, clock: VirtualClock) -> ServicePoint:
    return ServicePoint(client, client._store, clock)


@asynccontextmanager
async def served(point: ServicePoint, path: Path) -> AsyncIterator[None]:
    """Serve a service access point on a socket, until it is asked to stop."""
    listening = unix_socket(path)
    server = HttpServer(point.application, [listening], http=PeerCredentialsProtocol)
    serving = asyncio.create_task(server.run_until_stopped())
    try:
        yield
    finally:
        point.stop()
        server.stop()
        await serving
        listening.close()


@pytest.fixture
def serve_point() -> Callable[[ServicePoint, Path], Any]:
    """Return what serves a service access point as long as its block lasts."""
    return served


@pytest.fixture
async def socket_path(point: ServicePoint, tmp_path: Path) -> AsyncIterator[Path]:
    """The path of a socket on which the service access point is served."""
    path = tmp_path / "cai.sock"
    async with served(point, path):
        yield path


@pytest.fixture
async def application(socket_path: Path) -> AsyncIterator[ServiceClient]:
    async with ServiceClient(socket_path) as connected:
        yield connected
