"""Connections that the terminal dials and keeps (TO-TCP, WAP-235 7.2.4).

    begin ─► dial ─► up ─► ended ─► lost ─► wait ─► dial ...
               └─► failed (before the first success)

One connection to a contact point serves every registration that asks for the same. The gateway
speaks first on it, with OPTIONS and pushes, as on one that it has dialled itself.

A try that fails ends the bindings that have never been up: their application learns why (CAI-41).
Those that have been up, in this life or an earlier one, are lost and tried again for ever, after
waits that double. A connection that the terminal itself has ended, so that the gateway asks anew
what is taken, comes back at once, and nobody is told unless it does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from omapush.cai.model import Binding, BindingState, Protocol, Reason
from omapush.client.binding.binder import BindingListener
from omapush.client.binding.binding_hold import Hold
from omapush.client.binding.contact_point import ContactPoint
from omapush.client.binding.push_receiver import PushReceiver
from omapush.core.backoff import Backoff
from omapush.core.instants import MINUTE_MS, SECOND_MS, Instant
from omapush.ota.http.client import (
    CAPABILITIES_CHANGED,
    SILENT,
    HttpClientRequest,
    HttpTerminalSession,
    HttpTerminalSettings,
)
from omapush.ota.interface import (
    BearerUnavailable,
    ClientIndication,
    PomCapabilitiesChangedReq,
    PushSource,
    SecurityFailure,
    StreamLink,
)

log = structlog.get_logger(__name__)

OTA_HTTP = Protocol.OTA_HTTP.value
WAS_UP = "was up"
"""Kept for a binding that has been up, so that after a restart it is not given up at once."""


@dataclass(frozen=True, slots=True)
class Destination:
    """What is dialled, and how.

    :ivar bearer: by name; ``local_address`` is the terminal's own on it, ``None``: any.
    :ivar scope: for ``PushSource.binding``; connections are not shared over scopes.
    """

    contact: ContactPoint
    port: int
    bearer: str
    local_address: str | None = None
    scope: str = ""


Dial = Callable[
    [
        Destination,
        Callable[[str], HttpTerminalSession],
        Callable[[ClientIndication], None],
        Callable[[str], None],
    ],
    Awaitable[StreamLink[HttpClientRequest]],
]
"""Tries every address of the contact point; the session is asked for by the address that is tried.

Raises BearerUnavailable, or SecurityFailure where TLS fails.
"""

Wait = Callable[[int], Awaitable[None]]
"""Returns after so many milliseconds."""


@dataclass(frozen=True, slots=True)
class DialLimits:
    """How connections are kept.

    :ivar first_wait_ms: after the first failure; it doubles up to ``longest_wait_ms``.
    :ivar steady_ms: a connection that lasted so long ends the row of failures.
    """

    first_wait_ms: int = SECOND_MS
    longest_wait_ms: int = 5 * MINUTE_MS
    steady_ms: int = MINUTE_MS


@dataclass(frozen=True, slots=True)
class DialPorts:
    """What dialling needs from outside.

    :ivar spread: gives a number from 0 to 1; a wait is cut by up to half of it.
    """

    dial: Dial
    wait: Wait
    clock: Callable[[], Instant]
    spread: Callable[[], float]
    terminal: HttpTerminalSettings
    receiver: PushReceiver
    limits: DialLimits = field(default_factory=DialLimits)


class DialledConnections:
    """Keeps a connection to each destination that somebody holds."""

    def __init__(self, ports: DialPorts) -> None:
        self._ports = ports
        self._connections: dict[Destination, _Kept] = {}

    def begin(self, to: Destination, listener: BindingListener, server_data: str) -> Hold:
        """Bind by a connection to ``to``."""
        kept = self._connections.get(to)
        if kept is None:
            kept = self._connections[to] = _Kept(to, self._ports, self._forget)
        hold = Hold(listener, kept.leave)
        kept.join(hold, was_up=bool(server_data))
        return hold

    def announce(self) -> None:
        """Have gateways learn what the client takes now."""
        for kept in list(self._connections.values()):
            kept.announce()

    async def close(self) -> None:
        """End every connection; nothing is told of it."""
        await asyncio.gather(*(kept.close() for kept in list(self._connections.values())))

    def _forget(self, kept: _Kept) -> None:
        if self._connections.get(kept.to) is kept:
            del self._connections[kept.to]


class _Kept:
    """A connection that is kept to one destination, and who holds it."""

    def __init__(self, to: Destination, ports: DialPorts, forget: Callable[[_Kept], None]) -> None:
        self.to = to
        self._ports = ports
        self._forget = forget
        limits = ports.limits
        self._backoff = Backoff(limits.first_wait_ms, limits.longest_wait_ms, ports.spread)
        self._address = ""
        self._holds: dict[Hold, bool] = {}
        self._connection: _Connection | None = None
        self._pause: asyncio.Future[None] | None = None
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._ended)

    def join(self, hold: Hold, *, was_up: bool) -> None:
        """Let ``hold`` have part in the connection; if there is none, it is tried at once."""
        self._holds[hold] = was_up
        if self._connection is not None:
            self._tell_up(hold, self._connection)
        elif self._pause is not None:
            self._pause.cancel()

    def leave(self, hold: Hold) -> None:
        """``hold`` has no part any more; without any the connection ends."""
        self._holds.pop(hold, None)
        if not self._holds:
            self._forget(self)
            self._task.cancel()

    def announce(self) -> None:
        """Have the gateway learn what the client takes now."""
        if self._connection is not None:
            self._connection.request(PomCapabilitiesChangedReq())

    async def close(self) -> None:
        """End the connection."""
        self._forget(self)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._holds:
            try:
                reason = await self._once()
            except SecurityFailure as error:
                self._tell_failure(Reason.SECURITY_FAILURE, error.reason)
            except BearerUnavailable as error:
                self._tell_failure(Reason.NETWORK_ERROR, error.reason)
            else:
                if reason in (CAPABILITIES_CHANGED, SILENT):
                    continue
                self._tell_failure(Reason.BEARER_LOST, reason)
            if self._holds:
                await self._wait()

    async def _once(self) -> str:
        """Connect, and stay until the connection ends; return why it did.

        :raises BearerUnavailable: there is no connection.
        """
        connection = _Connection(self._ports.receiver)
        link = await self._ports.dial(
            self.to, self._session, connection.indication, connection.closed
        )
        opened = self._ports.clock()
        try:
            connection.link = link
            self._connection = connection
            log.info("contact_point_connected", to=str(self.to.contact), peer=link.peer)
            for hold in list(self._holds):
                self._tell_up(hold, connection)
            connection.go_on()
            reason = await connection.ended
        finally:
            self._connection = None
            link.close("the terminal ends the connection")
        log.info("contact_point_disconnected", to=str(self.to.contact), reason=reason)
        if self._ports.clock() - opened >= self._ports.limits.steady_ms:
            self._backoff.reset()
        return reason

    def _session(self, address: str) -> HttpTerminalSession:
        identity = self.to.contact.host if self.to.contact.tls else None
        source = PushSource(OTA_HTTP, self.to.bearer, address, identity, binding=self.to.scope)
        self._address = address
        receiver = self._ports.receiver
        return HttpTerminalSession(self._ports.terminal, receiver.capabilities, source)

    async def _wait(self) -> None:
        """Wait for the next try, but no longer than until somebody joins."""
        self._pause = asyncio.ensure_future(self._ports.wait(self._backoff.wait_ms()))
        try:
            await asyncio.wait([self._pause])
        finally:
            self._pause.cancel()
            self._pause = None

    def _tell_up(self, hold: Hold, connection: _Connection) -> None:
        if not self._holds[hold]:
            hold.keep(WAS_UP)
        self._holds[hold] = True
        hold.trust(self._address)  # before anything that comes from there (CAI-43)
        hold.tell(Binding(OTA_HTTP, self.to.bearer, connection.peer))

    def _tell_failure(self, cause: Reason, detail: str) -> None:
        log.warning("contact_point_lost", to=str(self.to.contact), reason=detail)
        for hold, was_up in list(self._holds.items()):
            if not was_up:
                del self._holds[hold]
                hold.fail(OTA_HTTP, self.to.bearer, cause, detail)
                continue
            state = BindingState.LOST if hold.was_up else BindingState.PENDING
            hold.tell(
                Binding(
                    OTA_HTTP,
                    self.to.bearer,
                    str(self.to.contact),
                    state=state,
                    reason=cause,
                    detail=detail,
                )
            )
        if not self._holds:
            self._forget(self)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("contact_point_failed", to=str(self.to.contact), exc_info=error)
            for hold in list(self._holds):
                hold.fail(OTA_HTTP, self.to.bearer, Reason.INTERNAL_ERROR, "a fault of the client")
            self._holds.clear()
            self._forget(self)


class _Connection:
    """One connection: its pushes to the receiver. Some loops read before they say who is there."""

    def __init__(self, receiver: PushReceiver) -> None:
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._receiver = receiver
        self.link: StreamLink[HttpClientRequest] | None = None
        self._early: list[ClientIndication] = []

    @property
    def peer(self) -> str:
        """The gateway's address, for people."""
        return self.link.peer if self.link is not None else ""

    def go_on(self) -> None:
        """Go on with what the connection has brought already."""
        early, self._early = self._early, []
        for indication in early:
            self.indication(indication)

    def request(self, primitive: HttpClientRequest) -> None:
        """Hand a primitive to the session."""
        if self.link is not None and not self.ended.done():
            self.link.request(primitive)

    def indication(self, indication: ClientIndication) -> None:
        """Take what the session tells."""
        if self.link is None:
            self._early.append(indication)
        else:
            self._receiver.indication(self.link, indication)

    def closed(self, reason: str) -> None:
        """Take the end of the connection."""
        if not self.ended.done():
            self.ended.set_result(reason)
