"""Where gateways reach a running Push Client by OTA-HTTP (PO-TCP, WAP-235 7.2.4).

It listens at one address for everybody, and at the address of each bearer that has a name. That a
named bearer's address is not there is nothing unusual: the bearer is down then, and its address is
looked for again after waits that double.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable

import structlog

from omapush.bearers.tcp import ListenLimits, TcpBearer, TcpListener
from omapush.cai.model import Protocol, Reason
from omapush.client.binding.push_receiver import PushReceiver
from omapush.client.binding.shared_binder import SharedBearers
from omapush.client.connections.dialling import TCP_IP, Wait
from omapush.core.backoff import Backoff
from omapush.core.instants import MINUTE_MS, SECOND_MS
from omapush.daemon.clock import SystemClock
from omapush.daemon.settings import BearerTable, ClientSettings
from omapush.daemon.settings_table import Endpoint
from omapush.daemon.terminal_identity import terminal_settings
from omapush.ota.http.client import HttpTerminalSession
from omapush.ota.interface import BearerUnavailable, PomCapabilitiesChangedReq, PushSource

log = structlog.get_logger(__name__)

LOOK_MS = 10 * SECOND_MS
"""How often is looked whether a bearer's address is still there."""


async def wait(milliseconds: int) -> None:
    """Wait in real time."""
    await asyncio.sleep(milliseconds / SECOND_MS)


def has_address(address: str) -> bool:
    """Whether ``address`` is one of this machine's now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
        return True


class HttpListeners:
    """Listens, and puts the terminal's sessions on what comes.

    :param spread: gives a number from 0 to 1; a wait is cut by up to half of it.
    """

    def __init__(
        self,
        settings: ClientSettings,
        clock: SystemClock,
        receiver: PushReceiver,
        spread: Callable[[], float],
        wait: Wait = wait,
        has_address: Callable[[str], bool] = has_address,
    ) -> None:
        self._settings = settings
        self._tcp = TcpBearer(clock)
        self._receiver = receiver
        self._spread = spread
        self._wait = wait
        self._has_address = has_address
        self._listeners: dict[str, TcpListener] = {}

    def announce(self) -> None:
        """Have gateways learn what the client takes now, where they were told something else."""
        for listener in list(self._listeners.values()):
            listener.request_all(PomCapabilitiesChangedReq())

    @contextlib.asynccontextmanager
    async def open(self, bearers: SharedBearers) -> AsyncIterator[None]:
        """Listen, if the settings say so, and tell ``bearers`` how it goes.

        :raises BearerUnavailable: the address for everybody cannot be listened on.
        """
        if not self._settings.ota_http.po_tcp:
            yield
            return
        everybody = self._settings.ota_http.listen
        self._listeners[TCP_IP] = await self._listen(TCP_IP, everybody)
        bearers.up(TCP_IP, str(everybody))
        keeping = [
            asyncio.create_task(self._keep(one, bearers), name=f"bearer {one.name}")
            for one in self._settings.bearers
        ]
        try:
            yield
        finally:
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)
            bearers.down(TCP_IP)
            await self._listeners.pop(TCP_IP).close("the client stops")

    async def _keep(self, table: BearerTable, bearers: SharedBearers) -> None:
        """Listen on a bearer whenever its address is there."""
        backoff = Backoff(SECOND_MS, MINUTE_MS, self._spread)
        at = Endpoint(table.address, self._settings.ota_http.listen.port)
        while True:
            try:
                listener = await self._listen(table.name, at)
            except BearerUnavailable as error:
                log.warning("bearer_down", bearer=table.name, reason=error.reason)
                bearers.down(table.name, Reason.UNAVAILABLE, error.reason)
            else:
                backoff.reset()
                await self._while_there(table, listener, bearers)
            await self._wait(backoff.wait_ms())

    async def _while_there(
        self, table: BearerTable, listener: TcpListener, bearers: SharedBearers
    ) -> None:
        """Have the bearer up until its address is gone; then close the listener."""
        address = str(Endpoint(table.address, listener.port))
        log.info("bearer_up", bearer=table.name, address=address)
        self._listeners[table.name] = listener
        bearers.up(table.name, address)
        try:
            while self._has_address(table.address):
                await self._wait(LOOK_MS)
            log.warning("bearer_down", bearer=table.name, reason="its address is gone")
        finally:
            bearers.down(table.name, Reason.BEARER_LOST, f"{table.address} is gone")
            await self._listeners.pop(table.name).close("the bearer is gone")

    async def _listen(self, bearer: str, at: Endpoint) -> TcpListener:
        table = self._settings.ota_http
        terminal = terminal_settings(self._settings)

        def session(peer: str) -> HttpTerminalSession:
            source = PushSource(Protocol.OTA_HTTP.value, bearer, peer)
            return HttpTerminalSession(terminal, self._receiver.capabilities, source)

        limits = ListenLimits(table.max_connections, table.max_connections)
        return await self._tcp.listen(at.host, at.port, session, self._receiver.indication, limits)
