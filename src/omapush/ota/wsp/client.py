"""The client's end of a push session with one gateway (WAP-235, 6.2 and 6.4.2).

:class:`WspPushSession` is a sans-IO machine on top of WSP's client. It asks for the session when it
is told to, and gives each push that comes to whoever runs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.ota.datagrams import Peer, SendDatagram
from omapush.ota.interface import (
    ClientCapabilities,
    ClientRequest,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PoPushAbortReq,
    PoPushVoidInd,
    PoUnitPushInd,
    PushSource,
    PushStatus,
)
from omapush.ota.wsp.session import connect_capabilities, connect_headers
from omapush.ota.wsp.unit_push import split_flags
from omapush.protocols.wsp.pdu import Redirect, Reply
from omapush.protocols.wsp.session_client import ClientSettings, WspClient
from omapush.protocols.wsp.session_primitives import (
    ClientIndication,
    SConfirmedPushInd,
    SConfirmedPushRes,
    SConnectCnf,
    SConnectReq,
    SDisconnectInd,
    SDisconnectReq,
    SessionTrouble,
    SPushAbortInd,
    SPushAbortReq,
    SPushInd,
    SSuspendInd,
    reason_name,
)


@dataclass(frozen=True, slots=True)
class PomConnectReq:
    """Pom-Connect.req: ask the gateway for a session.

    :ivar takes: what the client takes; its applications are Accept-Application.
    """

    takes: ClientCapabilities
    bearer_indication: str | None = None


@dataclass(frozen=True, slots=True)
class PomDisconnectReq:
    """Pom-Disconnect.req: end the session."""


@dataclass(frozen=True, slots=True)
class PomConnectCnf:
    """Pom-Connect.cnf: the session is there."""

    session_id: int


@dataclass(frozen=True, slots=True)
class PomDisconnectInd:
    """Pom-Disconnect.ind: there is no session, or none any more.

    :ivar answer: what the gateway said instead of granting it.
    """

    reason: str
    answer: Reply | Redirect | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """The gateway sent what was refused or ignored; for logs."""

    layer: str
    reason: str


WspClientRequest: TypeAlias = PomConnectReq | PomDisconnectReq | ClientRequest
WspClientIndication: TypeAlias = (
    PomConnectCnf | PomDisconnectInd | PoConfirmedPushInd | PoUnitPushInd | PoPushVoidInd | Trouble
)


class WspPushSession:
    """See the module. Implements ``ota.datagrams.DatagramMachine`` for one peer.

    :param gateway: whose datagrams are heeded; those of others are ignored.
    :param source: of every push, as the whitelist knows it.
    """

    def __init__(
        self,
        gateway: Peer,
        source: PushSource,
        started: Instant,
        settings: ClientSettings | None = None,
        first_transaction_id: int = 0,
    ) -> None:
        self._gateway = gateway
        self._source = source
        self._client = WspClient(settings or ClientSettings(), started, first_transaction_id)
        self._indications: list[WspClientIndication] = []

    def request(self, primitive: WspClientRequest, now: Instant) -> None:
        """Take a primitive from above.

        :raises EncodeError: what the client takes cannot be said in WSP.
        """
        match primitive:
            case PomConnectReq(takes=takes, bearer_indication=bearer):
                proposal = SConnectReq(connect_capabilities(takes), connect_headers(takes, bearer))
                self._client.request(proposal, now)
            case PomDisconnectReq():
                self._client.request(SDisconnectReq(), now)
            case PoConfirmedPushRes(reference=reference):
                self._client.request(SConfirmedPushRes(int(reference)), now)
            case PoPushAbortReq(reference=reference, status=status):
                wire = status if status <= PushStatus.USERDCU else PushStatus.USERREQ
                self._client.request(SPushAbortReq(int(reference), int(wire)), now)
        self._settle()

    def receive(self, octets: bytes, peer: Peer, now: Instant) -> None:
        """Take a datagram from below."""
        if peer != self._gateway:
            return
        self._client.receive(octets, now)
        self._settle()

    def next_timer(self) -> Instant | None:
        """When :meth:`handle_timer` wants to be called."""
        return self._client.next_timer()

    def handle_timer(self, now: Instant) -> None:
        """Do what is due."""
        self._client.handle_timer(now)
        self._settle()

    def effects(self) -> list[SendDatagram]:
        """Hand out what is to be sent."""
        return [SendDatagram(self._gateway, effect.octets) for effect in self._client.effects()]

    def indications(self) -> list[WspClientIndication]:
        """Hand out what is to be told."""
        told, self._indications = self._indications, []
        return told

    def _settle(self) -> None:
        for indication in self._client.indications():
            push = self._push_of(indication)
            told = push if push is not None else _about_the_session(indication)
            if told is not None:
                self._indications.append(told)

    def _push_of(self, indication: ClientIndication) -> WspClientIndication | None:
        match indication:
            case SConfirmedPushInd(push_id=push_id, headers=headers, body=body):
                kept, flags = split_flags(headers)
                message = PushMessage(kept, body)
                return PoConfirmedPushInd(str(push_id), message, self._source, flags)
            case SPushInd(headers=headers, body=body):
                kept, flags = split_flags(headers)
                return PoUnitPushInd(PushMessage(kept, body), self._source, flags)
            case SPushAbortInd(push_id=push_id, reason=reason, by_peer=True):
                return PoPushVoidInd(str(push_id), reason_name(reason))
        return None


def _about_the_session(indication: ClientIndication) -> WspClientIndication | None:
    match indication:
        case SConnectCnf(session_id=session_id):
            return PomConnectCnf(session_id)
        case SDisconnectInd(reason=reason, answer=answer):
            return PomDisconnectInd(reason_name(reason), answer)
        case SSuspendInd(reason=reason):
            return PomDisconnectInd(f"suspended: {reason_name(reason)}")
        case SessionTrouble(layer=layer, reason=reason):
            return Trouble(layer, reason)
    return None
