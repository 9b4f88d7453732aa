"""The gateway's end of push sessions: all sessions of one port (WAP-235, 6.2 and 6.4.2).

:class:`WspPpg` is a sans-IO machine on top of WSP's. A client that connects is told about with what
it takes; whoever runs the machine says whether it may have its session. Every push that is asked
for ends in one outcome.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from omapush.core.instants import Instant
from omapush.ota.datagrams import Peer, SendDatagram
from omapush.ota.interface import (
    OutcomeKind,
    PoConfirmedPushReq,
    PpgRequest,
    PushOutcome,
    RegistrationInd,
)
from omapush.ota.wsp.session import abort_sentence, outcome_of_abort, registration_of
from omapush.ota.wsp.unit_push import headers_for_the_air
from omapush.protocols.wsp.pdu import Reply
from omapush.protocols.wsp.session_primitives import (
    SConfirmedPushCnf,
    SConfirmedPushReq,
    SConnectInd,
    SConnectRes,
    SDisconnectInd,
    SDisconnectReq,
    SessionTrouble,
    SPushAbortInd,
    SPushReq,
    SPushSent,
    SResumeInd,
    SResumeRes,
    SSuspendInd,
    reason_name,
)
from omapush.protocols.wsp.sessions import SessionIndication, WspServer, WspServerSettings


@dataclass(frozen=True, slots=True)
class PushIn:
    """Send a push in a session; it ends in a :class:`PushOutcome`."""

    session_id: int
    request: PpgRequest


@dataclass(frozen=True, slots=True)
class PomConnectRes:
    """Pom-Connect.res: the client may have its session."""

    session_id: int


@dataclass(frozen=True, slots=True)
class PomDisconnectReq:
    """Pom-Disconnect.req: end a session, or refuse the one that is asked for.

    :ivar status: HTTP's number for a refusal, such as 403.
    """

    session_id: int
    status: int = 503


@dataclass(frozen=True, slots=True)
class PomConnectInd:
    """Pom-Connect.ind: a client wants a session; answer, or it gives up."""

    session_id: int
    peer: Peer
    registration: RegistrationInd


@dataclass(frozen=True, slots=True)
class PomResumeInd:
    """Pom-Resume.ind: a session that rested goes on, perhaps at another address."""

    session_id: int
    peer: Peer


@dataclass(frozen=True, slots=True)
class PomSuspendInd:
    """Pom-Suspend.ind: the session rests; pushes wait or fail until it is resumed."""

    session_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class PomDisconnectInd:
    """Pom-Disconnect.ind: there is no such session any more; its pushes have their outcomes."""

    session_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class PeerTrouble:
    """A peer sent what was refused or ignored; for logs."""

    peer: Peer
    layer: str
    reason: str
    position: int | None = None


WspPpgRequest: TypeAlias = PushIn | PomConnectRes | PomDisconnectReq
WspPpgIndication: TypeAlias = (
    PomConnectInd | PomResumeInd | PomSuspendInd | PomDisconnectInd | PushOutcome | PeerTrouble
)


class WspPpg:
    """See the module. Implements ``ota.datagrams.DatagramMachine``.

    :param next_session_id: gives identifiers that cannot be guessed, 0 to 2**32 - 1.
    """

    def __init__(
        self,
        settings: WspServerSettings,
        next_session_id: Callable[[], int],
        started: Instant,
    ) -> None:
        self._server = WspServer(settings, next_session_id, started)
        self._push_ids = itertools.count(1)
        self._deliveries: dict[tuple[int, int], str] = {}
        self._indications: list[WspPpgIndication] = []

    def request(self, primitive: WspPpgRequest, now: Instant) -> None:
        """Take a primitive from above; a push of a session that is gone ends at once."""
        match primitive:
            case PushIn(session_id=session_id, request=request):
                self._push(session_id, request, now)
            case PomConnectRes(session_id=session_id):
                self._server.request(session_id, SConnectRes(), now)
            case PomDisconnectReq(session_id=session_id, status=status):
                refusal = Reply(status, (("Content-Type", "text/plain"),))
                self._server.request(session_id, SDisconnectReq(refusal), now)
        self._settle(now)

    def receive(self, octets: bytes, peer: Peer, now: Instant) -> None:
        """Take a datagram from below."""
        self._server.receive(peer, octets, now)
        self._settle(now)

    def next_timer(self) -> Instant | None:
        """When :meth:`handle_timer` wants to be called."""
        return self._server.next_timer()

    def handle_timer(self, now: Instant) -> None:
        """Do what is due."""
        self._server.handle_timer(now)
        self._settle(now)

    def effects(self) -> list[SendDatagram]:
        """Hand out what is to be sent."""
        return [
            SendDatagram(effect.peer, effect.octets)
            for effect in self._server.effects()
            if isinstance(effect.peer, Peer)
        ]

    def indications(self) -> list[WspPpgIndication]:
        """Hand out what is to be told."""
        told, self._indications = self._indications, []
        return told

    def _push(self, session_id: int, request: PpgRequest, now: Instant) -> None:
        push_id = next(self._push_ids)
        self._deliveries[session_id, push_id] = request.delivery_id
        headers = headers_for_the_air(request.message, request.flags)
        kind = SConfirmedPushReq if isinstance(request, PoConfirmedPushReq) else SPushReq
        self._server.request(session_id, kind(push_id, headers, request.message.body), now)

    def _settle(self, now: Instant) -> None:
        # An answer that is given here may lead to more.
        while told := self._server.indications():
            for indication in told:
                self._take(indication, now)

    def _take(self, told: SessionIndication, now: Instant) -> None:
        session_id, peer = told.session_id, told.peer
        if session_id is None:
            if isinstance(told.primitive, SessionTrouble) and isinstance(peer, Peer):
                trouble = told.primitive
                self._tell(PeerTrouble(peer, trouble.layer, trouble.reason, trouble.position))
            return
        match told.primitive:
            case SConnectInd(capabilities=capabilities, headers=headers) if isinstance(peer, Peer):
                registration = registration_of(capabilities, headers)
                self._tell(PomConnectInd(session_id, peer, registration))
            case SResumeInd() if isinstance(peer, Peer):
                # Whoever knows the identifier is the client, wherever it is (WSP 6.3.1.4).
                self._server.request(session_id, SResumeRes(), now)
                self._tell(PomResumeInd(session_id, peer))
            case SSuspendInd(reason=reason):
                self._tell(PomSuspendInd(session_id, reason_name(reason)))
            case SDisconnectInd(reason=reason):
                self._tell(PomDisconnectInd(session_id, reason_name(reason)))
            case SPushSent(push_id=push_id):
                self._end(session_id, push_id, OutcomeKind.DONE, "sent; nobody confirms it")
            case SConfirmedPushCnf(push_id=push_id):
                self._end(session_id, push_id, OutcomeKind.DONE, "confirmed by the client")
            case SPushAbortInd(push_id=push_id, reason=reason, by_peer=by_peer, sent=sent):
                kind, status = outcome_of_abort(reason, by_peer=by_peer, sent=sent)
                sentence = abort_sentence(reason, by_peer=by_peer, sent=sent)
                self._end(session_id, push_id, kind, sentence, status)
            case _:
                pass  # methods are answered below

    def _end(
        self,
        session_id: int,
        push_id: int,
        kind: OutcomeKind,
        reason: str,
        status: int | None = None,
    ) -> None:
        delivery_id = self._deliveries.pop((session_id, push_id), None)
        if delivery_id is not None:
            self._tell(PushOutcome(delivery_id, kind, reason, status))

    def _tell(self, indication: WspPpgIndication) -> None:
        self._indications.append(indication)
