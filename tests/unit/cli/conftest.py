"""A client with its service access point, in a thread: the command line talks to it from here."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from omapush.cai.model import Binding, RegistrationState
from omapush.cli import application
from omapush.client.agent import ClientRules, PushClient
from omapush.client.binding.choice_of_binders import Ways
from omapush.client.binding.shared_binder import SharedBearers
from omapush.client.connections.kept_connection import ConnectionStatus
from omapush.client.service_point.gateway_routes import gateway_routes
from omapush.client.service_point.peer_credentials import PeerCredentialsProtocol
from omapush.client.service_point.point import ServicePoint
from omapush.client.service_point.requests import guarded, read_body
from omapush.client.service_point.sip_routes import sip_routes
from omapush.client.service_point.trust_routes import trust_routes
from omapush.client.sip.status import SipStatus
from omapush.client.store import ClientStore
from omapush.client.trust.lists import SourceTrust
from omapush.daemon.client import unix_socket
from omapush.daemon.clock import SystemClock
from omapush.daemon.serving import HttpServer
from omapush.testing.noting_link import NotingLink

PATIENCE_SECONDS = 30
BINDING = Binding("OTA-HTTP", "TCP/IP", "127.0.0.1:4035")


class ClientInThread:
    """A client that runs until its block ends, with a file of settings for it.

    :ivar agent: not to be touched but in its own thread: see :meth:`do`.
    :ivar logs: what it has logged. :ivar gateways: those that it dials, as it tells.
    :ivar sip: how it is registered at a SIP core, as it tells.
    """

    agent: PushClient
    link: NotingLink
    logs: list[Any]

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "cai.sock"
        self.config = folder / "client.toml"
        self.tokens = folder / "state" / "omapush" / "client-tokens.json"
        self.config.write_text(
            f'[cai]\nsocket = "{self.socket}"\n[store]\npath = "{folder}/client.db"\n'
            '[ota_http]\nlisten = "127.0.0.1:0"\n'
        )
        self.bearers = SharedBearers("OTA-HTTP", ["TCP/IP"])
        self.sip: SipStatus | None = None
        self.gateways: list[ConnectionStatus] = []

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))
        self._thread.start()
        assert self._ready.wait(PATIENCE_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Return what ``work`` returns, done in the client's thread."""
        return self.begin(work).result(PATIENCE_SECONDS)

    def begin(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Begin ``work`` in the client's thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def push(self, *given: Any, **named: Any) -> Any:
        """Push something; return what its gateway is answered."""

        async def pushed() -> Any:
            return await self.link.push(*given, **named)

        return self.do(pushed())

    def push_when_registered(self, *pushes: dict[str, Any]) -> Future[list[Any]]:
        """Push as soon as an application has registered; each when the one before is answered."""
        listening = threading.Event()

        async def pushed() -> list[Any]:
            changes = self.agent.status_changes()
            first = asyncio.ensure_future(anext(changes))
            await asyncio.sleep(0)  # now it listens
            listening.set()
            while (await first).new is not RegistrationState.REGISTERED:
                first = asyncio.ensure_future(anext(changes))
            await changes.aclose()
            return [await self.link.push(**one) for one in pushes]

        begun = self.begin(pushed())
        assert listening.wait(PATIENCE_SECONDS)
        return begun

    def omapush(self, *arguments: str | Path, said: str | None = None) -> Result:
        """Run ``omapush client`` with these arguments and our settings.

        :param said: standard input.
        """
        environment = {"COLUMNS": "140", "XDG_STATE_HOME": str(self.folder / "state")}
        given = ["client", "--config", str(self.config), *(str(each) for each in arguments)]
        return CliRunner().invoke(application, given, env=environment, input=said)

    async def _run(self) -> None:
        self._stopping = asyncio.Event()
        store, clock = ClientStore(self.folder / "client.db"), SystemClock()
        await store.open()
        trust = SourceTrust(store.file, clock)
        await trust.load()
        rules = ClientRules(judge=trust, default_profiles=trust.profiles)
        self.agent = PushClient(store, clock, None, rules, Ways((self.bearers,), None))
        self.bearers.binding_up(BINDING)
        await self.agent.start()
        self.link = NotingLink(self.agent)
        point = ServicePoint(
            self.agent,
            store,
            clock,
            more=[
                *trust_routes(trust, guarded, read_body),
                *gateway_routes(lambda: self.gateways, guarded),
                *sip_routes(lambda: self.sip, guarded),
            ],
        )
        listening = unix_socket(self.socket)
        server = HttpServer(point.application, [listening], http=PeerCredentialsProtocol)
        serving = asyncio.create_task(server.run_until_stopped())
        self._ready.set()
        await self._stopping.wait()
        point.stop()
        server.stop()
        await serving
        listening.close()
        await self.agent.close()
        await trust.close()
        await store.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[ClientInThread]:
    """A client that runs, with nothing registered."""
    # Its log would stand in what the command line prints.
    with capture_logs() as logs, ClientInThread(tmp_path) as client:
        client.logs = logs
        yield client


@pytest.fixture
def away(tmp_path: Path) -> Callable[..., Result]:
    """Return what runs ``omapush client`` where no client runs."""
    return ClientInThread(tmp_path).omapush
