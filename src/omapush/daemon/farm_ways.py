"""The ways to the clients of a farm: listeners, connections that they dial, and push ports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from omapush.bearers.tcp import ListenLimits, TcpBearer, TcpListener
from omapush.bearers.udp import UdpBearer, UdpEndpoint
from omapush.client.farm.clients import FarmClient, Link
from omapush.client.farm.opening import Opening
from omapush.core.instants import SECOND_MS, Instant
from omapush.daemon.settings_table import Endpoint
from omapush.ota.datagrams import Peer
from omapush.ota.http.client import HttpTerminalSession
from omapush.ota.interface import ClientIndication

Clock = Callable[[], Instant]

MOST_OF_A_CLIENT = 4
"""Connections that gateways may have with one client: a new one may come before an old one ends."""
CONNECT_TIMEOUT_MS = 20 * SECOND_MS
_END = "the farm ends"


class ListeningClients:
    """Clients that gateways dial (PO-TCP), each with a listener of its own."""

    def __init__(self, where: Mapping[FarmClient, Endpoint], clock: Clock) -> None:
        self._where = where
        self._bearer = TcpBearer(clock)
        self._listeners: dict[FarmClient, TcpListener] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def open(self, client: FarmClient) -> None:
        """Have ``client`` listen. :raises BearerUnavailable: its address cannot be had."""

        def session(peer: str) -> HttpTerminalSession:
            client.opened()
            return client.session(peer)

        def closed(_link: Link, _reason: str) -> None:
            client.closed()

        where, limits = self._where[client], ListenLimits(MOST_OF_A_CLIENT, MOST_OF_A_CLIENT)
        self._listeners[client] = await self._bearer.listen(
            where.host, where.port, session, client.indication, limits, closed
        )

    def vanish(self, client: FarmClient, milliseconds: int, opening: Opening) -> None:
        """Let nobody reach ``client`` for a time."""
        listener = self._listeners.pop(client, None)
        if listener is not None:  # else it is gone already
            task = asyncio.get_running_loop().create_task(listener.close("vanished"))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            opening.after(client, milliseconds)

    async def close(self) -> None:
        """Close every listener and every connection."""
        open_ones = [one.close(_END) for one in self._listeners.values()]
        await asyncio.gather(*open_ones, *self._closing)


class DiallingClients:
    """Clients that dial a gateway and keep the connection (TO-TCP)."""

    def __init__(self, gateway: Endpoint, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock
        self._bearer = TcpBearer(clock)
        self._links: dict[FarmClient, Link] = {}
        self._gone: dict[FarmClient, int] = {}
        self._ends = False
        self._all_closed = asyncio.Event()

    async def open(self, client: FarmClient, opening: Opening) -> None:
        """Have ``client`` dial. :raises BearerUnavailable: the gateway cannot be reached."""
        dialled = _Dialled(client, lambda opened_at: self._closed(client, opened_at, opening))
        session = client.session(self._gateway.host)
        link = await self._bearer.connect(
            *self._gateway, session, dialled.indication, dialled.closed, CONNECT_TIMEOUT_MS
        )
        self._links[client] = link
        client.opened()
        dialled.begin(link, self._clock())
        if self._ends:
            link.close(_END)

    def vanish(self, client: FarmClient, milliseconds: int) -> None:
        """Do not let ``client`` dial again for a time."""
        self._gone.setdefault(client, milliseconds)

    async def close(self) -> None:
        """Close every connection, and wait until what is void is known."""
        self._ends = True
        for link in list(self._links.values()):
            link.close(_END)
        if self._links:
            await self._all_closed.wait()  # a link cuts its connection after some seconds

    def _closed(self, client: FarmClient, opened_at: Instant, opening: Opening) -> None:
        del self._links[client]
        client.closed()
        gone_ms = self._gone.pop(client, None)
        if self._ends:
            if not self._links:
                self._all_closed.set()
        elif gone_ms is not None:
            opening.after(client, gone_ms)
        else:
            opening.lost(client, opened_at)


class _Dialled:
    """One connection that a client dialled; what comes before its link is known waits for it."""

    __slots__ = ("_client", "_early", "_ended", "_link", "_on_closed", "_opened_at")

    def __init__(self, client: FarmClient, on_closed: Callable[[Instant], None]) -> None:
        self._client = client
        self._on_closed = on_closed
        self._link: Link | None = None
        self._early: list[ClientIndication] | None = None
        self._ended = False
        self._opened_at = Instant(0)

    def begin(self, link: Link, now: Instant) -> None:
        self._link, self._opened_at = link, now
        early, self._early = self._early, None
        for indication in early or ():
            self._client.indication(link, indication)
        if self._ended:
            self._on_closed(now)

    def indication(self, indication: ClientIndication) -> None:
        if self._link is None:
            self._early = [*(self._early or ()), indication]  # few: the session bounds them
        else:
            self._client.indication(self._link, indication)

    def closed(self, _reason: str) -> None:
        self._ended = True
        if self._link is not None:
            self._link = None
            self._on_closed(self._opened_at)


class DatagramClients:
    """Clients that get connectionless pushes by UDP, each at a port of its own."""

    def __init__(self, clock: Clock) -> None:
        self._bearer = UdpBearer(clock)
        self._endpoints: list[UdpEndpoint] = []

    async def open(self, client: FarmClient, where: Endpoint) -> None:
        """Open the port of ``client``. :raises BearerUnavailable: it cannot be had."""

        def take(octets: bytes, peer: Peer) -> None:
            client.datagram(octets, peer.host)

        self._endpoints.append(await self._bearer.open(where.host, where.port, take))

    async def close(self) -> None:
        """Close every port."""
        for endpoint in self._endpoints:
            endpoint.close()
