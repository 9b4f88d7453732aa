"""A connection to one gateway that is kept for as long as somebody wants it.

::

    join ─► dial the contact points ─► up ─► ended ─► lost ─► wait ─► dial ...
                   └─► all failed ────────────────────┘

Ends that the terminal itself has made, and that nobody needs to hear of, are followed by the next
try at once: what the client takes has changed, the network has, or the gateway asked for a new
connection. A silent gateway, or one that has no more to say (``last``), is dialled again only if
somebody wants it all the time.

While another contact point than the first is connected, the first is tried from time to time, and
only when it answers the other one is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from omapush.cai.model import Reason
from omapush.client.connections.dialling import Destination, DialPorts, Gateway
from omapush.client.connections.open_connection import OpenConnection
from omapush.core.backoff import Backoff
from omapush.core.instants import Instant, later
from omapush.ota.http.client import (
    CAPABILITIES_CHANGED,
    LAST_PUSH,
    SILENT,
    HttpTerminalSession,
)
from omapush.ota.interface import (
    BearerUnavailable,
    ClientCapabilities,
    PomCapabilitiesChangedReq,
    PushSource,
    SecurityFailure,
)

log = structlog.get_logger(__name__)

OTA_HTTP = "OTA-HTTP"
NETWORK_CHANGED = "the network has changed"
ASKED_ANEW = "the gateway asks for a new connection"
FIRST_IS_BACK = "the first contact point is back"
NOBODY_WANTS_IT = "the terminal ends the connection"

_AT_ONCE = (CAPABILITIES_CHANGED, NETWORK_CHANGED, ASKED_ANEW)
_RELEASED = (SILENT, LAST_PUSH)

ANY_APPLICATION = "*"
"""In place of the ids of applications (WAP-235 7.2.5.5)."""
ANY_PEER = "192.0.2.1"
"""In place of a gateway whose address is not known: the way to it is the default route's."""


class Holder(Protocol):
    """Wants a connection. Is called from within; must not block."""

    def connected(self, connection: OpenConnection) -> None:
        """The connection is up; no push has come on it yet."""

    def lost(self, cause: Reason, detail: str) -> bool:
        """It is lost, or no contact point answered. Return whether it is still wanted."""

    def released(self) -> bool:
        """The terminal has ended it, for there is nothing to say. Return whether to dial again."""


class Purpose(enum.StrEnum):
    """Why a gateway is dialled."""

    SETTINGS = "settings"
    REQUEST = "request"
    """It asked for it."""
    REGISTRATIONS = "registrations"
    """Connection profiles of applications name it."""


class ConnectionState(enum.StrEnum):
    """How a connection stands."""

    CONNECTED = "connected"
    CONNECTING = "connecting"
    WAITING = "waiting"
    """For the next try."""
    ON_REQUEST = "on_request"
    """Nobody wants it until the gateway asks for it."""


@dataclass(slots=True)
class History:
    """What is remembered of the connections to one gateway.

    :ivar ended_at: when the last one ended, or the last try failed; ``None``: never yet.
    :ivar failures: tries in a row that failed.
    """

    ended_at: Instant | None = None
    reason: str = ""
    failures: int = 0


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """How the connection to a gateway stands, for people.

    :ivar peer: address and port while it is connected; ``since``: from when.
    :ivar ended: why the last one ended or failed, and ``ended_at`` when.
    """

    name: str
    contact_points: tuple[str, ...]
    purpose: Purpose
    state: ConnectionState
    peer: str = ""
    secure: bool = False
    since: Instant | None = None
    next_try: Instant | None = None
    ended: str = ""
    ended_at: Instant | None = None
    failures: int = 0


class KeptConnection:
    """A connection that is kept to one gateway, and who holds it.

    :ivar is_up: as its holders know it; while the terminal itself dials anew, it still is.
    :ivar peer: where it leads, or led when it was up.
    :param on_change: is told when it is up and when not.
    :param on_end: is told once, when nobody wants it any more.
    :param first: the contact point that is dialled first, this time.
    :param cpi_tag: the tag by which the gateway knows the client, from its request.
    """

    def __init__(
        self,
        gateway: Gateway,
        ports: DialPorts,
        history: History,
        on_change: Callable[[], None],
        on_end: Callable[[KeptConnection], None],
        first: int = 0,
        cpi_tag: str | None = None,
    ) -> None:
        self.gateway = gateway
        self.is_up, self.peer = False, ""
        self._ports = ports
        self._history = history
        self._on_change = on_change
        self._on_end = on_end
        limits = gateway.limits
        self._backoff = Backoff(limits.first_wait_ms, limits.longest_wait_ms, ports.spread)
        self._first, self._cpi_tag = first, cpi_tag
        self._holders: dict[Holder, None] = {}
        self._connection: OpenConnection | None = None
        self._address = ""
        self._route: str | None = None
        self._pause: asyncio.Future[None] | None = None
        self._next_try: Instant | None = None
        self._ends = False
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._task_ended)

    # -- who wants it --

    def join(self, holder: Holder) -> None:
        """Let ``holder`` have part in the connection; if there is none, it is tried at once."""
        self._holders[holder] = None
        if self._connection is not None:
            holder.connected(self._connection)
        else:
            self._hurry()

    def leave(self, holder: Holder) -> None:
        """``holder`` has no part any more; without any the connection ends."""
        self._holders.pop(holder, None)
        if not self._holders:
            self._end()
            self._task.cancel()

    async def close(self) -> None:
        """End the connection; nothing is told of it."""
        self._holders.clear()
        self._end()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    # -- what it is told --

    def announce(self) -> None:
        """Have the gateway learn what the client takes now."""
        if self._connection is not None:
            self._connection.request(PomCapabilitiesChangedReq())

    def asked_for(self, cpi_tag: str | None, first: int = 0) -> None:
        """Do as the gateway asks: dial it at once.

        A connection that is there gives way to a new one, for the gateway does not seem to know
        it; a young one is what the gateway asked for.

        :param first: the contact point that it asks for, while there is no connection.
        """
        connection, now = self._connection, self._ports.clock()
        if connection is None:
            self._first, self._cpi_tag = first, cpi_tag
            self._hurry()
        elif now - connection.opened_at >= self.gateway.limits.steady_ms:
            self._first, self._cpi_tag = self.gateway.destinations.index(connection.to), cpi_tag
            connection.close(ASKED_ANEW)

    def look(self) -> None:
        """Dial anew at once if the way to the gateway is another one than it was.

        While the old way still leads there, pushes that wait for their answer are waited for.
        """
        connection, route = self._connection, self._ports.route
        if connection is None:
            now = route(self._address or ANY_PEER, self.gateway.destinations[0].local_address)
            if self._pause is not None and now not in (None, self._route):
                self._backoff.reset()
                self._hurry()
            return
        was = connection.dialled_from
        if was is None or route(connection.address, connection.to.local_address) == was:
            return
        if connection.is_idle or route(connection.address, was) is None:
            connection.abandon(NETWORK_CHANGED)

    # -- how it stands --

    @property
    def connection(self) -> OpenConnection | None:
        """The connection, while it is up."""
        return self._connection

    def leads_to(self, host: str, port: int) -> bool:
        """Whether it is connected there."""
        at = self._connection
        return at is not None and (at.address, at.to.port) == (host, port)

    def status(self, purpose: Purpose) -> ConnectionStatus:
        """Return how it stands, for people."""
        at, past, gateway = self._connection, self._history, self.gateway
        waiting = at is None and self._pause is not None
        down = ConnectionState.WAITING if waiting else ConnectionState.CONNECTING
        return ConnectionStatus(
            gateway.name,
            tuple(str(to) for to in gateway.destinations),
            purpose,
            down if at is None else ConnectionState.CONNECTED,
            peer="" if at is None else at.peer,
            secure=at is not None and at.to.contact.tls,
            since=None if at is None else at.opened_at,
            next_try=self._next_try if waiting else None,
            ended=past.reason,
            ended_at=past.ended_at,
            failures=past.failures,
        )

    # -- its life --

    async def _run(self) -> None:
        while self._holders:
            try:
                reason = await self._connect_and_stay()
            except SecurityFailure as error:
                self._lost(Reason.SECURITY_FAILURE, error.reason)
            except BearerUnavailable as error:
                self._lost(Reason.NETWORK_ERROR, error.reason)
            except Exception:  # the next try may do better
                log.exception("contact_point_fault", gateway=self.gateway.name)
                self._lost(Reason.INTERNAL_ERROR, "a fault of the client")
            else:
                if self._goes_on_after(reason):
                    continue
                if self._holders:
                    self._lost(Reason.BEARER_LOST, reason)
            if self._holders:
                await self._wait()
        self._end()

    def _goes_on_after(self, reason: str) -> bool:
        """Whether the next try is made at once, and nobody is told of this end."""
        if reason == NETWORK_CHANGED:
            self._backoff.reset()
        if reason in _RELEASED:
            for holder in list(self._holders):
                if not holder.released():
                    self._holders.pop(holder, None)
        return bool(self._holders) and reason in (*_AT_ONCE, *_RELEASED)

    async def _connect_and_stay(self) -> str:
        """Connect, and stay until the connection ends; return why it did.

        :raises BearerUnavailable: no contact point answers.
        """
        await self._connect()
        try:
            return await self._stay()
        finally:
            self._close(NOBODY_WANTS_IT)

    async def _connect(self) -> None:
        """Dial one contact point after the other, until one answers."""
        failure: BearerUnavailable | None = None
        first, self._first = self._first, 0
        every = self.gateway.destinations
        for to in (*every[first:], *every[:first]):
            try:
                await self._dial(to)
            except BearerUnavailable as error:
                failure = error
                log.info("contact_point_failed", to=str(to), reason=error.reason)
            else:
                return
        raise failure or BearerUnavailable("there is no contact point")

    async def _dial(self, to: Destination) -> None:
        """Connect to ``to``, in place of what is connected already.

        :raises BearerUnavailable: there is no connection.
        """
        ports, made = self._ports, OpenConnection(to, self._ports.receiver)

        def session(address: str) -> HttpTerminalSession:
            made.address = self._address = address
            return self._session(to, address)

        link = await ports.dial(to, session, made.indication, made.closed)
        made.opened(link, ports.clock())
        made.dialled_from = ports.route(made.address, to.local_address)
        self._close(FIRST_IS_BACK)
        self._connection, self._cpi_tag, self._history.failures = made, None, 0
        self.is_up, self.peer = True, link.peer
        log.info("contact_point_connected", gateway=self.gateway.name, to=str(to), peer=link.peer)
        for holder in list(self._holders):
            holder.connected(made)
        self._on_change()
        made.begin()

    def _session(self, to: Destination, address: str) -> HttpTerminalSession:
        source = PushSource(OTA_HTTP, to.bearer, address, to.identity, binding=to.scope)
        settings = self.gateway.terminal_over(to)
        return HttpTerminalSession(settings, self._takes, source, sir_cpi_tag=self._cpi_tag)

    def _takes(self) -> ClientCapabilities:
        """Return what the gateway is told that the client takes."""
        takes = self._ports.receiver.capabilities()
        if self.gateway.hides_applications:
            return dataclasses.replace(takes, accept_app_id=(ANY_APPLICATION,))
        return takes

    async def _stay(self) -> str:
        """Stay until the connection ends; meanwhile look for the first contact point."""
        first = self.gateway.destinations[0]
        while (connection := self._connection) is not None:
            if connection.to == first or not self.gateway.always:
                await asyncio.wait([connection.ended])
            else:
                await self._first_of(connection.ended)
                if not connection.ended.done():
                    with contextlib.suppress(BearerUnavailable):
                        await self._dial(first)
                    continue
            reason = connection.ended.result()
            if self._ports.clock() - connection.opened_at >= self.gateway.limits.steady_ms:
                self._backoff.reset()
            return reason
        return NOBODY_WANTS_IT

    async def _first_of(self, ended: asyncio.Future[str]) -> None:
        """Wait for the end, but no longer than until the first contact point is tried again."""
        pause = asyncio.ensure_future(self._ports.wait(self.gateway.limits.return_ms))
        try:
            waiting: tuple[asyncio.Future[Any], ...] = (ended, pause)
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()

    def _close(self, reason: str) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        why = connection.ended.result() if connection.ended.done() else reason
        connection.close(reason)
        self._note_end(why)
        log.info("contact_point_disconnected", gateway=self.gateway.name, reason=why)

    def _note_end(self, reason: str) -> None:
        self._history.reason, self._history.ended_at = reason, self._ports.clock()

    async def _wait(self) -> None:
        """Wait for the next try, but no longer than until somebody hurries."""
        ports, wait_ms = self._ports, self._backoff.wait_ms()
        local = self.gateway.destinations[0].local_address
        self._route = ports.route(self._address or ANY_PEER, local)
        self._next_try = later(ports.clock(), wait_ms)
        self._pause = asyncio.ensure_future(ports.wait(wait_ms))
        try:
            await asyncio.wait([self._pause])
        finally:
            self._pause.cancel()
            self._pause = None

    def _hurry(self) -> None:
        if self._pause is not None:
            self._pause.cancel()

    def _lost(self, cause: Reason, detail: str) -> None:
        self.is_up = False
        log.warning("contact_point_lost", gateway=self.gateway.name, reason=detail)
        if cause is not Reason.BEARER_LOST:
            self._history.failures += 1
            self._note_end(detail)
        for holder in list(self._holders):
            if not holder.lost(cause, detail):
                self._holders.pop(holder, None)
        self._on_change()

    def _end(self) -> None:
        if not self._ends:
            self._ends, self.is_up = True, False
            self._on_end(self)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("contact_point_fault", gateway=self.gateway.name, exc_info=error)
        self._end()
