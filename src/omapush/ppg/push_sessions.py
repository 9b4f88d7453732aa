"""The push sessions that clients hold open with this gateway (OTA-WSP, WAP-235 6.2).

A client opens a session from an address that the settings know as its own; anybody else is refused.
Its latest session counts, and takes the place of an older one. When one is opened, what waited for
the client is looked at again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from omapush.core.instants import Instant
from omapush.ota.datagrams import MachineHost, Peer
from omapush.ota.interface import OutcomeKind, PpgRequest, PushOutcome, RegistrationInd
from omapush.ota.wsp.ppg import (
    PeerTrouble,
    PomConnectInd,
    PomConnectRes,
    PomDisconnectInd,
    PomDisconnectReq,
    PomResumeInd,
    PomSuspendInd,
    PushIn,
    WspPpgIndication,
    WspPpgRequest,
)

log = structlog.get_logger(__name__)

FORBIDDEN = 403


@dataclass(eq=False, slots=True)
class PushSession:
    """A session that a client holds.

    :ivar opened_at: when its Connect came.
    :ivar resting: suspended; it takes no pushes until the client resumes it.
    """

    session_id: int
    client_id: str
    peer: Peer
    registration: RegistrationInd
    opened_at: Instant
    resting: bool = False


class PushSessions:
    """All sessions of one port.

    :param client_at: returns the id of the client whose sessions come from an address.
    :param opened: is told the id of a client that can be reached from now on.
    """

    def __init__(
        self,
        client_at: Callable[[str], str | None],
        opened: Callable[[str], None],
        clock: Callable[[], Instant],
    ) -> None:
        self._client_at = client_at
        self._opened = opened
        self._clock = clock
        self._host: MachineHost[WspPpgRequest] | None = None
        self._by_id: dict[int, PushSession] = {}
        self._by_client: dict[str, PushSession] = {}
        self._outcomes: dict[str, asyncio.Future[PushOutcome]] = {}

    def start(self, host: MachineHost[WspPpgRequest]) -> None:
        """Use ``host`` from now on; its indications go to :meth:`indication`."""
        self._host = host

    @property
    def count(self) -> int:
        """Sessions that are open, resting ones included."""
        return len(self._by_id)

    def session_of(self, client_id: str) -> PushSession | None:
        """Return the client's session, if it has one that takes pushes."""
        session = self._by_client.get(client_id)
        return session if session is not None and not session.resting else None

    async def push(self, session: PushSession, request: PpgRequest) -> PushOutcome:
        """Send one push and wait for its end; WTP bounds the wait.

        A delivery that is under way already, because its lease ran out meanwhile, is not sent a
        second time: both get the one end.
        """
        if self._host is None or session.session_id not in self._by_id:
            reason = "the session ended before the push was sent"
            return PushOutcome(request.delivery_id, OutcomeKind.LATER, reason)
        ended = self._outcomes.get(request.delivery_id)
        if ended is None:
            ended = self._outcomes[request.delivery_id] = asyncio.get_running_loop().create_future()
            self._host.request(PushIn(session.session_id, request))
        return await asyncio.shield(ended)

    def indication(self, indication: WspPpgIndication) -> None:
        """Take what the machine tells."""
        match indication:
            case PushOutcome(delivery_id=delivery_id):
                ended = self._outcomes.pop(delivery_id, None)
                if ended is not None and not ended.done():
                    ended.set_result(indication)
            case PomConnectInd():
                self._connect(indication)
            case PomResumeInd(session_id=session_id, peer=peer):
                self._resume(session_id, peer)
            case PomSuspendInd(session_id=session_id) if session_id in self._by_id:
                self._by_id[session_id].resting = True
            case PomDisconnectInd(session_id=session_id, reason=reason):
                self._forget(session_id, reason)
            case PeerTrouble(peer=peer, layer=layer, reason=reason):
                log.info("wsp_trouble", peer=str(peer), layer=layer, reason=reason)

    def _connect(self, asked: PomConnectInd) -> None:
        host = self._host
        if host is None:
            return
        client_id = self._client_at(asked.peer.host)
        if client_id is None:
            log.warning("push_session_refused", peer=str(asked.peer), reason="not a client")
            host.request(PomDisconnectReq(asked.session_id, FORBIDDEN))
            return
        session = PushSession(
            asked.session_id, client_id, asked.peer, asked.registration, self._clock()
        )
        host.request(PomConnectRes(asked.session_id))
        self._by_id[asked.session_id] = session
        older = self._by_client.get(client_id)
        self._by_client[client_id] = session
        if older is not None:
            # It started anew, and does not know of the older one: nobody else would ever end that.
            host.request(PomDisconnectReq(older.session_id))
        log.info("push_session_opened", client=client_id, peer=str(asked.peer))
        self._opened(client_id)

    def _resume(self, session_id: int, peer: Peer) -> None:
        session = self._by_id.get(session_id)
        if session is not None:
            session.resting, session.peer = False, peer
            self._by_client[session.client_id] = session
            self._opened(session.client_id)

    def _forget(self, session_id: int, reason: str) -> None:
        session = self._by_id.pop(session_id, None)
        if session is None:
            return
        if self._by_client.get(session.client_id) is session:
            del self._by_client[session.client_id]
        log.info("push_session_ended", client=session.client_id, reason=reason)
