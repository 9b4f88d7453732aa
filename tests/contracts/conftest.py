"""A Push Client, and the applications that come to it by each way in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from omapush.cai.model import Binding, Registration, RegistrationRequest, RegistrationState
from omapush.client.agent import ClientLimits, ClientRules, PushClient
from omapush.client.binding.binder import Binder
from omapush.client.binding.choice_of_binders import Ways
from omapush.client.binding.shared_binder import SharedBearers
from omapush.client.store import ClientStore
from omapush.daemon.client_binders import ClientBinders
from omapush.daemon.clock import SystemClock
from omapush.daemon.settings import ClientSettings
from omapush.ota.interface import ClientRequest, PoPushAbortReq, PushStatus
from omapush.testing.cai_applications import Application, InProcessWayIn, SocketWayIn, WayIn
from omapush.testing.daemons import free_port
from omapush.testing.noting_link import NotingLink
from omapush.testing.virtual_clock import VirtualClock

BINDING = Binding("OTA-HTTP", "TCP/IP", "127.0.0.1:4035")
PATIENCE_SECONDS = 20
READ_SECONDS = 0.2


class Terminal:
    """A client, its shared OTA-HTTP bearer, and a gateway's link to it."""

    def __init__(self, client: PushClient, way_in: WayIn, bearers: SharedBearers) -> None:
        self.client = client
        self.bearers = bearers
        self.link = NotingLink(client)
        self.settings = ClientSettings()
        self._way_in = way_in

    def application(self, name: str, uid: int | None = None) -> Application:
        """Return an application; the same name is the same application."""
        return self._way_in.application(name, uid)

    async def registered(
        self, name: str, request: RegistrationRequest | str
    ) -> tuple[Application, str]:
        """Return an application whose registration is up, and the id of that."""
        if isinstance(request, str):
            request = RegistrationRequest(request)
        application = self.application(name)
        first = await application.register(request)
        settled = await application.settled(first.registration_id)
        assert settled.state is RegistrationState.REGISTERED, settled
        return application, first.registration_id

    async def registration(self, application: Application, registration_id: str) -> Registration:
        """Return one registration of an application."""
        (found,) = (
            one
            for one in await application.registrations()
            if one.registration_id == registration_id
        )
        return found

    async def is_delivered(
        self, application: Application, registration_id: str, push: Awaitable[ClientRequest]
    ) -> bool:
        """Let the application accept what comes; return whether ``push`` was confirmed."""
        answer = asyncio.ensure_future(push)
        event = None
        while event is None and not answer.done():
            event = await application.next_event(registration_id, READ_SECONDS)
        if event is not None:
            await application.accept(event.event_id)
        return await status_of(answer) is None

    def http(self) -> AbstractAsyncContextManager[httpx2.AsyncClient]:
        """Connect to the service access point by plain HTTP."""
        return plain_http(self._way_in)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something holds."""
        await until(condition)

    async def close(self) -> None:
        """End the client; what it keeps stays on disk."""
        await self.client.close()


async def status_of(answer: Awaitable[ClientRequest]) -> PushStatus | None:
    """Return why a push was refused, or ``None`` when it was confirmed."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        primitive = await answer
    return primitive.status if isinstance(primitive, PoPushAbortReq) else None


async def until(condition: Callable[[], object]) -> None:
    """Let the event loop go on until ``condition`` holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - it is nobody's event
            await asyncio.sleep(0.001)


NewTerminal = Callable[..., Awaitable[Terminal]]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture(params=["in-process", "socket"])
async def way_in(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[WayIn]:
    """Each way by which applications come to a client."""
    made = SocketWayIn(tmp_path) if request.param == "socket" else InProcessWayIn()
    async with made as way_in:
        yield way_in


@pytest.fixture
async def new_terminal(
    tmp_path: Path, clock: VirtualClock, way_in: WayIn
) -> AsyncIterator[NewTerminal]:
    """Return a function that starts a terminal; each is a later life of the one before."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(
            binders: Sequence[Binder] | None = None,
            *,
            limits: ClientLimits | None = None,
            rules: ClientRules | None = None,
            registrar: Binder | None = None,
            is_up: bool = True,
            before_start: Callable[[PushClient], None] = lambda _: None,
        ) -> Terminal:
            store = ClientStore(tmp_path / "client.db")
            bearers = SharedBearers("OTA-HTTP", ["TCP/IP"])
            if is_up:
                bearers.binding_up(BINDING)
            ways = Ways(tuple(binders) if binders is not None else (bearers,), registrar)
            client = PushClient(store, clock, limits, rules, ways)
            before_start(client)
            await client.start()
            await way_in.lead_to(client, store, clock)
            stack.push_async_callback(client.close)
            return Terminal(client, way_in, bearers)

        yield start


@pytest.fixture
async def terminal(new_terminal: NewTerminal) -> Terminal:
    """A terminal whose bearer is up."""
    return await new_terminal()


@pytest.fixture
async def connected_terminal(new_terminal: NewTerminal) -> AsyncIterator[NewTerminal]:
    """Return a function that starts a terminal with the real variants, on loopback.

    It takes the tables of the client's settings, and what rules the client has.
    """
    async with contextlib.AsyncExitStack() as stack:

        async def start(rules: ClientRules | None = None, **tables: Any) -> Terminal:
            listen = {"listen": f"127.0.0.1:{free_port()}"}
            tables["ota_http"] = listen | tables.get("ota_http", {})
            settings = ClientSettings(**tables)
            binders = ClientBinders(settings, SystemClock())
            terminal: Terminal = await new_terminal(
                binders.binders, rules=rules, before_start=binders.give_pushes_to
            )
            await stack.enter_async_context(binders.open())
            terminal.settings = settings
            return terminal

        yield start


@pytest.fixture
async def http(way_in: WayIn, terminal: Terminal) -> AsyncIterator[httpx2.AsyncClient]:
    """An HTTP client at the service access point that knows nothing of the interface."""
    async with plain_http(way_in) as plain:
        yield plain


@contextlib.asynccontextmanager
async def plain_http(way_in: WayIn) -> AsyncIterator[httpx2.AsyncClient]:
    """Connect to the service access point of the terminal that was started last."""
    assert isinstance(way_in, SocketWayIn)
    transport = httpx2.AsyncHTTPTransport(uds=str(await way_in.serve()))
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://client", trust_env=False
    ) as plain:
        yield plain
