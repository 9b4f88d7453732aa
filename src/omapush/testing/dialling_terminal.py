"""A terminal that dials a gateway (TO-TCP), by the client's own session over real sockets.

terminal = DiallingTerminal("4441234567890", clock)
await terminal.dial("127.0.0.1", 4035)
push = await terminal.next_push()
terminal.accept(push)                 # or every push by itself: DiallingTerminal(..., takes=True)
await terminal.close()
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from omapush.bearers.tcp import TcpBearer
from omapush.core.instants import Instant
from omapush.ota.http.client import HttpClientRequest, HttpTerminalSession, HttpTerminalSettings
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ConnectionLink,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PushSource,
)

CONNECT_MS = 10_000
TAKES = ClientCapabilities(("*/*",), max_message_size=65_536, max_push_requests=4)


class DiallingTerminal:
    """See the module.

    :ivar pushes: what came, and when the terminal takes everything, was taken.
    :ivar ended: why the connection ended, when it has.
    """

    def __init__(
        self,
        terminal: str | HttpTerminalSettings,
        clock: Callable[[], Instant],
        capabilities: ClientCapabilities = TAKES,
        *,
        takes: bool = False,
    ) -> None:
        settings = HttpTerminalSettings(terminal) if isinstance(terminal, str) else terminal
        self._settings = settings
        self._bearer = TcpBearer(clock)
        self.capabilities = capabilities
        self._takes = takes
        self._link: ConnectionLink[HttpClientRequest] | None = None
        self._early: list[PoConfirmedPushInd] = []
        self._waiting: asyncio.Queue[PoConfirmedPushInd] = asyncio.Queue()
        self.pushes: list[PoConfirmedPushInd] = []
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def dial(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
        *,
        local_address: str | None = None,
    ) -> None:
        """Connect to a gateway. :raises BearerUnavailable: nobody answers there."""
        source = PushSource("OTA-HTTP", "TCP/IP", host)
        session = HttpTerminalSession(self._settings, lambda: self.capabilities, source)
        self._link = await self._bearer.connect(
            host,
            port,
            session,
            self._indication,
            self._on_closed,
            CONNECT_MS,
            tls,
            local_address=local_address,
        )
        early, self._early = self._early, []
        for push in early:
            self._indication(push)

    async def next_push(self) -> PoConfirmedPushInd:
        """Wait for a push."""
        async with asyncio.timeout(30):
            return await self._waiting.get()

    def accept(self, push: PoConfirmedPushInd) -> None:
        """Say that the application took it."""
        if self._link is not None:
            self._link.request(PoConfirmedPushRes(push.reference))

    async def close(self) -> None:
        """End the connection."""
        if self._link is not None:
            self._link.close("the terminal has done its part")
            await self.ended

    def _indication(self, indication: ClientIndication) -> None:
        if not isinstance(indication, PoConfirmedPushInd):
            return
        if self._link is None:  # some loops read before they say who is there
            self._early.append(indication)
            return
        self.pushes.append(indication)
        self._waiting.put_nowait(indication)
        if self._takes:
            self.accept(indication)

    def _on_closed(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)
