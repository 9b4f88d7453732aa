"""Where gateways reach a running Push Client by OTA-HTTP (PO-TCP, WAP-235 7.2.4).

It listens at one address for everybody, and at the address of each bearer that has a name. That a
named bearer's address is not there is nothing unusual: the bearer is down then, and its address is
looked for again after waits that double. At another address it may listen for TLS.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Collection

import structlog

from omapush.bearers.tcp import ListenLimits, TcpBearer, TcpListener
from omapush.cai.model import Protocol, Reason
from omapush.client.binding.push_receiver import PushReceiver
from omapush.client.binding.shared_binder import SharedBearers
from omapush.client.connections.dialling import TCP_IP, Wait
from omapush.core.backoff import Backoff
from omapush.core.instants import MINUTE_MS, SECOND_MS
from omapush.core.peer_certificate import PeerCertificate
from omapush.daemon.clock import SystemClock
from omapush.daemon.settings import BearerTable, ClientSettings, OtaHttpTable
from omapush.daemon.settings_table import Endpoint
from omapush.daemon.terminal_identity import Callers
from omapush.daemon.tls import serving_context, verifying_context
from omapush.ota.http.client import HttpTerminalSession
from omapush.ota.interface import (
    BearerUnavailable,
    PomCapabilitiesChangedReq,
    PushSource,
    SecurityFailure,
)

log = structlog.get_logger(__name__)

SECURE = "TCP/IP by TLS"
"""In place of a bearer's name; none can have it."""
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
    :param addresses: returns which addresses the name of a gateway is known to have.
    """

    def __init__(
        self,
        settings: ClientSettings,
        clock: SystemClock,
        receiver: PushReceiver,
        spread: Callable[[], float],
        wait: Wait = wait,
        has_address: Callable[[str], bool] = has_address,
        addresses: Callable[[str], Collection[str]] = lambda _name: (),
    ) -> None:
        self._settings = settings
        self._tcp = TcpBearer(clock)
        self._receiver = receiver
        self._spread = spread
        self._wait = wait
        self._has_address = has_address
        self._addresses = addresses
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
        table = self._settings.ota_http
        async with contextlib.AsyncExitStack() as stack:
            if table.secure_listen is not None:
                secure = await self._listen_secure(table.secure_listen)
                opened = self._opened(SECURE, secure, table.secure_listen, bearers)
                await stack.enter_async_context(opened)
            if table.po_tcp:
                listener = await self._listen(TCP_IP, table.listen)
                opened = self._opened(TCP_IP, listener, table.listen, bearers)
                await stack.enter_async_context(opened)
                await stack.enter_async_context(self._keeping(bearers))
            yield

    @contextlib.asynccontextmanager
    async def _opened(
        self, name: str, listener: TcpListener, at: Endpoint, bearers: SharedBearers
    ) -> AsyncIterator[None]:
        """Have a listener for everybody among the others."""
        self._listeners[name] = listener
        bearers.up(TCP_IP, str(at), way=name)
        try:
            yield
        finally:
            bearers.down(TCP_IP, way=name)
            await self._listeners.pop(name).close("the client stops")

    @contextlib.asynccontextmanager
    async def _keeping(self, bearers: SharedBearers) -> AsyncIterator[None]:
        """Listen on each bearer that has a name."""
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
        callers = Callers(self._settings, self._addresses, by_tls=False)

        def session(peer: str) -> HttpTerminalSession:
            source = PushSource(Protocol.OTA_HTTP.value, bearer, peer)
            return HttpTerminalSession(
                callers.settings_for(peer), self._receiver.capabilities, source
            )

        return await self._tcp.listen(
            at.host, at.port, session, self._receiver.indication, self._limits()
        )

    async def _listen_secure(self, at: Endpoint) -> TcpListener:
        """Listen for TLS, in which the client is TLS client unless it is set up otherwise.

        :raises SettingsError: a file with certificates cannot be used.
        """
        callers = Callers(self._settings, self._addresses, by_tls=True)
        as_server = self._settings.ota_http.po_tcp_tls_roles == "tcp"

        def session(peer: str, certificate: PeerCertificate | None) -> HttpTerminalSession:
            identity = None if certificate is None else callers.identity(certificate, peer)
            if identity is None and not as_server:
                raise SecurityFailure("the certificate is of no gateway that is known")
            source = PushSource(Protocol.OTA_HTTP.value, TCP_IP, peer, identity)
            terminal = callers.settings_for(peer, identity)
            return HttpTerminalSession(terminal, self._receiver.capabilities, source)

        return await self._tcp.listen_secure(
            at.host,
            at.port,
            session,
            self._receiver.indication,
            listening_context(self._settings.ota_http),
            self._limits(),
            tls_server=as_server,
        )

    def _limits(self) -> ListenLimits:
        most = self._settings.ota_http.max_connections
        return ListenLimits(most, most)


def listening_context(table: OtaHttpTable) -> ssl.SSLContext:
    """Return TLS for gateways that dial. :raises SettingsError: a file cannot be used."""
    certificate, key = table.tls_certificate, table.tls_key
    files = None if certificate is None or key is None else (certificate, key)
    if files is not None and table.po_tcp_tls_roles == "tcp":
        return serving_context(*files, table.contact_ca, "ota_http")
    own = None if files is None else (*files, "ota_http.tls_certificate and ota_http.tls_key")
    # Which gateway it is shows when it has proved its name.
    return verifying_context(table.contact_ca, "ota_http.contact_ca", own=own, check_names=False)
