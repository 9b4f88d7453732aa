"""A gateway that terminals dial (TO-TCP), or that dials them, over real sockets of this machine.

It speaks OTA-HTTP by the PPG's own session: it registers the terminal on each connection, and
pushes when a test asks it to::

    async with DialledGateway(clock).listening() as gateway:
        ...                                       # a terminal dials 127.0.0.1, gateway.port
        registration = await gateway.registered()
        outcome = await gateway.push(message)
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable

from omapush.bearers.tcp import TcpBearer, TcpListener
from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.ota.http.ppg import NO_ACCOUNTS, HttpPpgSession, HttpPpgSettings, TerminalAccounts
from omapush.ota.interface import (
    PoConfirmedPushReq,
    PpgIndication,
    PpgRequest,
    PushOutcome,
    RegistrationInd,
    SessionFailedInd,
    StreamLink,
)

PATIENCE_SECONDS = 20


class DialledGateway:
    """See the module.

    :ivar peers: the addresses that terminals dialled from, in order.
    :ivar registrations: what terminals said, in order.
    :ivar links: the connections that registered a terminal and are open, in order.
    :ivar failures: why terminals could not be registered, in order.
    :param settings: of its sessions; ``accounts``: who its terminals are, and how it proves itself.
    :param prov_url: names the provisioning context that terminals are to use.
    """

    def __init__(
        self,
        clock: Callable[[], Instant],
        settings: HttpPpgSettings | None = None,
        accounts: TerminalAccounts = NO_ACCOUNTS,
        prov_url: str | None = None,
    ) -> None:
        self._settings = settings or HttpPpgSettings()
        self._accounts = accounts
        self._prov_url = prov_url
        self.failures: list[SessionFailedInd] = []
        self._bearer = TcpBearer(clock)
        self._listener: TcpListener | None = None
        self.peers: list[str] = []
        self.registrations: list[RegistrationInd] = []
        self.links: list[StreamLink[PpgRequest]] = []
        self._outcomes: dict[str, asyncio.Future[PushOutcome]] = {}
        self._told = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._listener is None:
            raise RuntimeError("the gateway does not listen")
        return self._listener.port

    @contextlib.asynccontextmanager
    async def listening(
        self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> AsyncIterator[DialledGateway]:
        """Let terminals in; at the end it is as if it had never been there."""
        self._listener = await self._bearer.listen(
            host, port, self._session, self._indication, None, self._closed, tls
        )
        try:
            yield self
        finally:
            await self._listener.close("the gateway stops")

    async def dial(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
        *,
        tls_server: bool = True,
        server_name: str | None = None,
    ) -> None:
        """Dial a terminal that listens (PO-TCP).

        :param tls: connect by TLS, as its server unless ``tls_server`` says otherwise.
        :raises BearerUnavailable: it cannot be reached. :raises SecurityFailure: TLS failed.
        """
        ready: asyncio.Future[StreamLink[PpgRequest]] = asyncio.get_running_loop().create_future()
        early: list[PpgIndication] = []

        def indication(told: PpgIndication) -> None:
            if ready.done():
                self._indication(ready.result(), told)
            else:
                early.append(told)

        def closed(reason: str) -> None:
            if ready.done():
                self._closed(ready.result(), reason)

        link = await self._bearer.connect(
            host,
            port,
            self._session(host),
            indication,
            closed,
            10_000,
            tls,
            tls_server=tls_server,
            server_name=server_name,
        )
        ready.set_result(link)
        for told in early:
            self._indication(link, told)

    async def registered(self, times: int = 1) -> RegistrationInd:
        """Wait until terminals have registered so often; return the last registration."""
        await self.until(lambda: len(self.registrations) >= times)
        return self.registrations[-1]

    async def push(self, message: PushMessage, delivery_id: str = "1") -> PushOutcome:
        """Push on the newest connection; return what became of it."""
        outcome: asyncio.Future[PushOutcome] = asyncio.get_running_loop().create_future()
        self._outcomes[delivery_id] = outcome
        self.links[-1].request(PoConfirmedPushReq(delivery_id, message))
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await outcome

    def drop(self) -> None:
        """End every connection."""
        for link in list(self.links):
            link.close("the gateway ends it")

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that this gateway is told of."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._told:
            await self._told.wait_for(condition)

    def _session(self, peer: str) -> HttpPpgSession:
        self.peers.append(peer)
        return HttpPpgSession(self._settings, accounts=self._accounts, prov_url=self._prov_url)

    def _indication(self, link: StreamLink[PpgRequest], indication: PpgIndication) -> None:
        match indication:
            case RegistrationInd():
                self.registrations.append(indication)
                if link not in self.links:
                    self.links.append(link)
            case SessionFailedInd():
                self.failures.append(indication)
            case PushOutcome(delivery_id=delivery_id):
                outcome = self._outcomes.pop(delivery_id, None)
                if outcome is not None and not outcome.done():
                    outcome.set_result(indication)
        self._tell()

    def _closed(self, link: StreamLink[PpgRequest], reason: str) -> None:
        if link in self.links:
            self.links.remove(link)
        self._tell()

    def _tell(self) -> None:
        task = asyncio.get_running_loop().create_task(self._notify())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _notify(self) -> None:
        async with self._told:
            self._told.notify_all()
