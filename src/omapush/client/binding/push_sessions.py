"""The push sessions that this client holds with gateways (OTA-WSP, WAP-235 6.2).

A session is opened to each gateway that the settings name, and kept: when it ends it is opened
again after a growing wait. Another is opened when somebody asks for it, as the Session Initiation
Application does; that one is not opened again by itself (WAP-235, 8.4).

What the client takes stands in the Connect, so when that has changed a new session takes the place
of the old one, as soon as no push is under way in it. So it does when a gateway asks for a session
that the client believes to have: a gateway that was started anew knows of none, and a client that
waits for pushes never finds out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog

from omapush.cai.model import Binding, Protocol
from omapush.client.agent import PushClient
from omapush.client.binding.shared_binder import SharedBearers
from omapush.core.errors import EncodeError
from omapush.core.instants import MINUTE_MS, SECOND_MS, Instant
from omapush.ota.datagrams import DatagramMachine, MachineHost, Peer
from omapush.ota.interface import (
    BearerUnavailable,
    ClientCapabilities,
    ClientRequest,
    PoConfirmedPushInd,
    PoPushVoidInd,
    PoUnitPushInd,
    PushSource,
)
from omapush.ota.wsp.client import (
    PomConnectCnf,
    PomConnectReq,
    PomDisconnectInd,
    PomDisconnectReq,
    Trouble,
    WspClientIndication,
    WspClientRequest,
    WspPushSession,
)
from omapush.protocols.wsp.pdu import Reply
from omapush.protocols.wsp.session_client import ClientSettings
from omapush.protocols.wtp.settings import IP_TIMERS, WtpSettings

log = structlog.get_logger(__name__)

BEARER = "WSP session"
MOST = 16
"""Sessions at a time, and tries to open one."""

# An application may think for minutes before it takes a push; WTP's own table gives up after some
# seconds. The gateway is told to hold on meanwhile (WAP-224, 8.3.4).
_SETTINGS = ClientSettings(
    wtp=WtpSettings(
        timers=replace(IP_TIMERS, maximum_acknowledgement_expirations=120),
        class_2_responder=False,
    ),
    takes_pushes_not_agreed=True,
)

OpenPort = Callable[
    [DatagramMachine[WspClientRequest, WspClientIndication], Callable[[WspClientIndication], None]],
    Awaitable[MachineHost[WspClientRequest]],
]
"""Puts a machine on a free port. :raises BearerUnavailable: there is none."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How sessions are kept.

    :ivar first_wait_ms: after the first failure; it doubles up to ``longest_wait_ms``.
    :ivar steady_ms: a session that lasted so long ends the row of failures; and it is opened anew
        when its gateway asks for one, while a younger one is what the gateway asked for.
    """

    first_wait_ms: int = SECOND_MS
    longest_wait_ms: int = 5 * MINUTE_MS
    steady_ms: int = MINUTE_MS


class ClientPushSessions:
    """Opens and keeps sessions.

    :param bearers: is told when there are sessions and when not; it says when what the client takes
        has changed.
    :param bearer_indication: WDP's code of the network, in two hexadecimal digits.
    :param first_transaction_id: gives 0 to 0x7FFF, better not the same after every start.
    """

    def __init__(
        self,
        agent: PushClient,
        bearers: SharedBearers,
        open_port: OpenPort,
        bearer_indication: str | None,
        first_transaction_id: Callable[[], int],
        clock: Callable[[], Instant],
        limits: SessionLimits | None = None,
    ) -> None:
        self._agent = agent
        self._bearers = bearers
        self._open_port = open_port
        self._bearer_indication = bearer_indication
        self._first_transaction_id = first_transaction_id
        self._clock = clock
        self._limits = limits or SessionLimits()
        self._kept: set[Peer] = set()
        self._tasks: dict[Peer, asyncio.Task[None]] = {}
        self._wanted: dict[Peer, asyncio.Event] = {}
        self._sessions: dict[Peer, _Session] = {}
        self._applications: dict[Peer, tuple[str, ...]] = {}
        bearers.announce_to(self.announce)

    @property
    def gateways(self) -> frozenset[Peer]:
        """With whom there is a session now."""
        return frozenset(peer for peer, session in self._sessions.items() if session.is_open)

    def keep(self, gateway: Peer) -> None:
        """Have a session with ``gateway`` from now on, however often it ends."""
        self._kept.add(gateway)
        if gateway not in self._tasks:
            self._begin(gateway)

    def open(self, gateway: Peer, applications: tuple[str, ...] | None = None) -> bool:
        """Have a session with ``gateway`` now, because it asks for one.

        One that is kept is not waited for any longer, one that is there is opened anew. Returned is
        whether it is begun, or was so already.

        :param applications: what the session is for, by push application id; ``None``: all that are
            registered. Of no effect on a session that is there or is kept.
        """
        if gateway in self._tasks:
            self._hurry(gateway)
            return True
        if len(self._tasks) >= MOST:
            log.warning("push_session_not_opened", gateway=str(gateway), reason="too many")
            return False
        if applications is not None:
            self._applications[gateway] = applications
        self._begin(gateway)
        return True

    def announce(self) -> None:
        """Have gateways learn what the client takes now, if that has changed."""
        for gateway, session in list(self._sessions.items()):
            session.announce(self._takes(gateway))

    async def close(self) -> None:
        """End every session."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, gateway: Peer) -> None:
        task = asyncio.create_task(self._run(gateway))
        self._tasks[gateway] = task
        self._wanted[gateway] = asyncio.Event()
        task.add_done_callback(lambda done: self._ended(gateway, done))

    def _ended(self, gateway: Peer, task: asyncio.Task[None]) -> None:
        del self._tasks[gateway], self._wanted[gateway]
        self._applications.pop(gateway, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("push_session_failed", gateway=str(gateway), exc_info=error)

    def _takes(self, gateway: Peer) -> ClientCapabilities:
        """Return what a session with ``gateway`` is to say that the client takes."""
        takes, applications = self._agent.capabilities(), self._applications.get(gateway)
        return takes if applications is None else replace(takes, accept_app_id=applications)

    def _hurry(self, gateway: Peer) -> None:
        self._wanted[gateway].set()
        session = self._sessions.get(gateway)
        if session is not None and session.age_ms >= self._limits.steady_ms:
            session.renew()

    async def _run(self, gateway: Peer) -> None:
        failures = 0
        while True:
            begun = self._clock()
            await self._once(gateway)
            if gateway not in self._kept:
                return
            failures = 0 if self._clock() - begun >= self._limits.steady_ms else failures + 1
            wait = self._limits.first_wait_ms << min(max(failures - 1, 0), 20)
            await self._wait(gateway, min(wait, self._limits.longest_wait_ms))

    async def _wait(self, gateway: Peer, milliseconds: int) -> None:
        """Wait, but no longer than until the gateway asks for a session."""
        wanted = self._wanted[gateway]
        wanted.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(milliseconds / SECOND_MS):
                await wanted.wait()

    async def _once(self, gateway: Peer) -> None:
        """Open a session, and others in its place, and stay until none is left."""
        try:
            while await self._until_ended(gateway):
                pass
        except BearerUnavailable as error:
            log.warning("push_session_not_opened", gateway=str(gateway), reason=error.reason)
        except EncodeError as error:
            log.error("push_session_not_opened", gateway=str(gateway), reason=str(error))
        finally:
            self._bind()

    async def _until_ended(self, gateway: Peer) -> bool:
        """Return whether another session is to take the place of the one that was opened.

        :raises BearerUnavailable: there is no port. :raises EncodeError: what the client takes
            cannot be said.
        """
        source = PushSource(Protocol.OTA_WSP.value, BEARER, gateway.host)
        takes = self._takes(gateway)
        session = _Session(self._agent, gateway, takes, self._bind, self._clock)
        machine = WspPushSession(
            gateway, source, self._clock(), _SETTINGS, self._first_transaction_id()
        )
        host = await self._open_port(machine, session.indication)
        self._sessions[gateway] = session
        try:
            session.start(host)
            host.request(PomConnectReq(takes, self._bearer_indication))
            await session.ended
        finally:
            host.request(PomDisconnectReq())
            host.close()
            del self._sessions[gateway]
        # The binding stays meanwhile: applications are to notice nothing.
        return session.gives_way

    def _bind(self) -> None:
        """Tell with whom there are sessions now."""
        names = ", ".join(sorted(str(peer) for peer in self.gateways))
        if names:
            self._bearers.binding_up(Binding(Protocol.OTA_WSP.value, BEARER, names))
        else:
            self._bearers.binding_down(Protocol.OTA_WSP.value, BEARER)


class _Session:
    """One session: its pushes to the agent, the agent's answers back. It is the agent's link."""

    def __init__(
        self,
        agent: PushClient,
        gateway: Peer,
        takes: ClientCapabilities,
        bind: Callable[[], None],
        clock: Callable[[], Instant],
    ) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gives_way = False
        self._opened_at: Instant | None = None
        self._changed = False
        self._renewed = False
        self._clock = clock
        self._agent = agent
        self._gateway = gateway
        self._takes = takes
        self._bind = bind
        self._host: MachineHost[WspClientRequest] | None = None
        self._unanswered: set[str] = set()

    def start(self, host: MachineHost[WspClientRequest]) -> None:
        """Give answers to ``host``."""
        self._host = host

    @property
    def is_open(self) -> bool:
        """Whether pushes can come in it."""
        return self._opened_at is not None and not self.ended.done()

    @property
    def age_ms(self) -> int:
        """How long it has been open; 0 while it is not."""
        return 0 if self._opened_at is None else self._clock() - self._opened_at

    @property
    def peer(self) -> str:
        """The gateway's address."""
        return str(self._gateway)

    def request(self, primitive: ClientRequest) -> None:
        """Answer a push."""
        self._unanswered.discard(primitive.reference)
        if self._host is not None and not self.ended.done():
            self._host.request(primitive)
        self._give_way()

    def announce(self, takes: ClientCapabilities) -> None:
        """Give way to another session if the client now takes something else."""
        self._changed = takes != self._takes
        self._give_way()

    def renew(self) -> None:
        """Give way to another session: the gateway does not seem to know of this one."""
        self._renewed = True
        self._give_way()

    def close(self, reason: str) -> None:
        """End the session."""
        log.info("push_session_closed", gateway=self.peer, reason=reason)
        self._end()

    def indication(self, indication: WspClientIndication) -> None:
        """Take what the machine tells."""
        match indication:
            case PoConfirmedPushInd(reference=reference):
                self._unanswered.add(reference)
                self._agent.indication(self, indication)
            case PoPushVoidInd(reference=reference):
                self._unanswered.discard(reference)
                self._agent.indication(self, indication)
            case PoUnitPushInd():
                self._agent.unit_push(indication)
            case PomConnectCnf(session_id=session_id):
                log.info("push_session_opened", gateway=self.peer, session=f"{session_id:x}")
                self._opened_at = self._clock()
                self._bind()
                self._give_way()
            case PomDisconnectInd(reason=reason, answer=answer):
                status = answer.status if isinstance(answer, Reply) else None
                log.info("push_session_ended", gateway=self.peer, reason=reason, status=status)
                self._end()
            case Trouble(layer=layer, reason=reason):
                log.info("wsp_trouble", gateway=self.peer, layer=layer, reason=reason)

    def _give_way(self) -> None:
        if (self._changed or self._renewed) and self.is_open and not self._unanswered:
            self.gives_way = True
            self._end()

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
