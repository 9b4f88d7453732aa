"""What a Push-OTA variant gives to each of its two entities (Architecture 2.3, 5.3.2.2).

The PPG hands a push down as :class:`PoConfirmedPushReq` or :class:`PoPushReq` and gets exactly
one :class:`PushOutcome` for it. The Push Client gets :class:`PoConfirmedPushInd` and answers with
:class:`PoConfirmedPushRes` or :class:`PoPushAbortReq`. Names follow the service primitives of
Push OTA (WAP-235, 6.1), whatever the variant.

A session (:class:`StreamSession`) is sans-IO: octets and ``now`` go in, :data:`Effect` and
indications come out, and :meth:`StreamSession.next_timer` says when it wants to be woken. A
bearer drives it (:class:`StreamBearer`).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from omapush.content.message import Header, PushMessage
from omapush.core.errors import OmapushError
from omapush.core.instants import Instant
from omapush.core.peer_certificate import PeerCertificate


class PushFlag(enum.IntFlag):
    """What the PPG says about a push (WAP-235, 6.4.1.3 and 7.4.1.1)."""

    NONE = 0
    INITIATOR_AUTHENTICATED = 1
    """The PPG positively authenticated the initiator named by X-Wap-Initiator-URI."""
    CONTENT_TRUSTED = 2
    """The PPG vouches for the content."""
    LAST = 4
    """As far as the PPG knows nothing more will follow for now; the bearer may be dropped."""


class PushStatus(enum.IntEnum):
    """Why a push was refused: WSP abort reasons in decimal, and OTA-HTTP's own (WAP-235, 7.4.2.1).

    PAP reports each as 5 followed by these three digits (PAP 8.14.5).
    """

    USERREQ = 234
    """Aborted without a specific cause; the same push may be sent again."""
    USERRFS = 235
    """Refused without a specific cause; do not send it again."""
    USERPND = 236
    """Cannot be delivered to the intended destination: no such application."""
    USERDCR = 237
    """Discarded because a resource ran short; may be sent again later."""
    USERDCU = 238
    """The content type cannot be processed."""
    CPITAG = 256
    """The CPITag is missing or out of date; register again, then send again."""
    NO_CONTEXT = 257
    """No provisioning context matches."""
    VERSION = 600
    """The terminal does not speak the OTA version."""

    @property
    def may_retry(self) -> bool:
        """Whether the same request may be sent again unchanged (WAP-235, 7.4.2.1)."""
        return self in (PushStatus.USERREQ, PushStatus.USERDCR)


class OutcomeKind(enum.Enum):
    """How one attempt to deliver a push over the air ended."""

    DONE = "done"
    """The application took it (confirmed), or it was sent (unconfirmed)."""
    LATER = "later"
    """It was certainly not delivered; trying again may succeed."""
    NEVER = "never"
    """It was certainly not delivered; trying again unchanged is pointless."""
    IN_DOUBT = "in_doubt"
    """It was sent, and whether it arrived is not known."""
    HANDED_OVER = "handed_over"
    """The bearer took it and will report; there is nothing more to do until then."""


@dataclass(frozen=True, slots=True)
class CarriedPart:
    """A part of a push that a bearer has taken, and by what the bearer's report will name it.

    :ivar bearer: the carrier that took it, such as ``smsc:main``.
    :ivar reference: the carrier's own id of the part, in one normal form however reports spell it;
        unique for the carrier, but only for some days.
    :ivar part: number of the part, from 1; ``parts``: how many there are.
    """

    bearer: str
    reference: str
    part: int = 1
    parts: int = 1


class Undelivered(enum.Enum):
    """Why a push did not reach any push client, where PAP has a code of its own for that."""

    ADDRESS_NOT_FOUND = "address not found"
    """Whoever knows says that there is nobody of that address."""
    METHOD_NOT_POSSIBLE = "method not possible"
    """The client has no method by which this push could be carried."""


@dataclass(frozen=True, slots=True)
class PushOutcome:
    """The end of one attempt.

    :ivar delivery_id: of the request that ended.
    :ivar status: what the client said when it refused: a :class:`PushStatus` or another number of
        the same space; ``None`` when the client said nothing.
    :ivar reason: one sentence for the timeline and for PAP's ``desc``.
    :ivar retry_after_ms: how long the client asked us to wait, if it did.
    :ivar carried: every part on which this attempt rests that a bearer took and will report about,
        also those that it took in an earlier attempt. An attempt in doubt may name some only.
    :ivar report_by_ms: with ``HANDED_OVER``, how long to wait for the reports before the bearer is
        asked; ``None``: until the push expires.
    :ivar body: what the application answered, if the request allowed it to and it took the push.
    :ivar content_type: of ``body``.
    :ivar undelivered: with ``NEVER`` and without ``status``: why, where that has a code in PAP.
    """

    delivery_id: str
    kind: OutcomeKind
    reason: str
    status: int | None = None
    retry_after_ms: int | None = None
    carried: tuple[CarriedPart, ...] = ()
    report_by_ms: int | None = None
    body: bytes = b""
    content_type: str | None = None
    undelivered: Undelivered | None = None


@dataclass(frozen=True, slots=True)
class PoConfirmedPushReq:
    """Po-ConfirmedPush.req: send this and say whether the application took it.

    ``delivery_id`` is the PPG's own, printable ASCII, unique to the delivery and the same in every
    attempt, so that a client can recognise a repetition.
    """

    delivery_id: str
    message: PushMessage
    flags: PushFlag = PushFlag.NONE
    response_allowed: bool = False


@dataclass(frozen=True, slots=True)
class PoPushReq:
    """Po-Push.req: send this without waiting for the application's answer."""

    delivery_id: str
    message: PushMessage
    flags: PushFlag = PushFlag.NONE


class AddressKind(enum.Enum):
    """What the address of a push's source is, and so what it may be compared with."""

    IP = "IP"
    NUMBER = "number"
    """A telephone number, with ``+`` if it is known to be international, or a short code."""
    NAME = "name"
    """Whatever a sender of short messages called itself; a name may look like the others."""


@dataclass(frozen=True, slots=True)
class PushSource:
    """Where a push came from, as far as the client can know; compared with its whitelist.

    :ivar address: the peer's network address or name (for OTA-HTTP an IP address, for short
        messages their originator).
    :ivar identity: the PPG's authenticated name, if it authenticated itself.
    :ivar service_centre: the number of the service centre that short messages came through.
    :ivar binding: an application's own way by which it came, such as a port that was opened for it
        or its instance tag; empty: by one that all share.
    :ivar access_point: the name of the network's access point (APN), where the bearer knows it.
    """

    protocol: str
    bearer: str
    address: str
    identity: str | None = None
    kind: AddressKind = AddressKind.IP
    service_centre: str | None = None
    binding: str = ""
    access_point: str | None = None


@dataclass(frozen=True, slots=True)
class PoConfirmedPushInd:
    """Po-ConfirmedPush.ind: a push arrived and the PPG waits for the application's answer.

    :ivar reference: names this push in the answer; unique within the session.
    :ivar push_id: the PPG's key for recognising a repetition, if it gave one.
    :ivar response_allowed: the answer may carry a body.
    """

    reference: str
    message: PushMessage
    source: PushSource
    flags: PushFlag = PushFlag.NONE
    push_id: str | None = None
    response_allowed: bool = False


@dataclass(frozen=True, slots=True)
class PoUnitPushInd:
    """Po-Unit-Push.ind: a push arrived without a connection, and nobody waits for an answer.

    :ivar push_id: tells a repetition by the bearer from another push, as well as that can be told.
    """

    message: PushMessage
    source: PushSource
    flags: PushFlag = PushFlag.NONE
    push_id: str | None = None


@dataclass(frozen=True, slots=True)
class PoConfirmedPushRes:
    """Po-ConfirmedPush.res: the application took responsibility for the push."""

    reference: str
    body: bytes = b""
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class PoPushAbortReq:
    """Po-PushAbort.req: the push is refused for this reason.

    :ivar of_source: whoever sent it is not trusted; some variants say so in another way.
    """

    reference: str
    status: PushStatus
    reason: str = ""
    of_source: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class PomCapabilitiesChangedReq:
    """What the client takes may have changed; the gateway is to learn of it if it was told."""


@dataclass(frozen=True, slots=True)
class PomRegisterReq:
    """Register the client again: what it takes may have changed. A registration answers it."""


@dataclass(frozen=True, slots=True)
class PoPushVoidInd:
    """The connection ended before the push was answered: an answer would reach nobody."""

    reference: str
    reason: str


@dataclass(frozen=True, slots=True)
class ClientCapabilities:
    """What a client takes: the CPI of OTA-HTTP, the PushCharacteristics of UAProf.

    The defaults are those that WAP-235 7.2.5.5 gives to an absent header. ``max_message_size`` is
    in octets of the final encoded message; ``max_push_requests`` counts unanswered pushes.
    """

    accept: tuple[str, ...] = ("application/vnd.wap.sia", "text/vnd.wap.si")
    accept_charset: tuple[str, ...] = ("UTF-8",)
    accept_encoding: tuple[str, ...] = ("identity",)
    accept_language: tuple[str, ...] = ("*",)
    accept_app_id: tuple[str, ...] = ("*",)
    max_message_size: int = 1400
    max_push_requests: int = 1


@dataclass(frozen=True, slots=True)
class RegistrationInd:
    """The PPG learned who the client is and what it takes (WAP-235, 7.2.5).

    :ivar cpi: the headers from which ``capabilities`` were read, for keeping under ``cpi_tag``;
        empty when the client said that the tag we assumed is current.
    :ivar authenticated: the client proved that ``terminal_id`` is its own.
    """

    terminal_id: str | None
    bearer_indication: str | None
    cpi_tag: str | None
    capabilities: ClientCapabilities
    cpi: tuple[Header, ...] = ()
    authenticated: bool = False


@dataclass(frozen=True, slots=True)
class SessionFailedInd:
    """The session cannot be used; every unanswered request gets its own outcome as well.

    :ivar status: the client's X-Wap-Push-Status or equivalent, if it gave one.
    :ivar may_retry: whether a new session may fare better.
    :ivar authentication: credentials did not hold, the client's or ours.
    """

    reason: str
    may_retry: bool = True
    status: int | None = None
    authentication: bool = False


@dataclass(frozen=True, slots=True)
class SendOctets:
    """Effect: write these octets to the connection."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class CloseConnection:
    """Effect: write what is still to be written, then close."""

    reason: str


Effect = SendOctets | CloseConnection

PpgRequest = PoConfirmedPushReq | PoPushReq
PpgIndication = RegistrationInd | PushOutcome | SessionFailedInd
ClientRequest = PoConfirmedPushRes | PoPushAbortReq
ClientIndication = PoConfirmedPushInd | PoPushVoidInd


RequestT = TypeVar("RequestT", contravariant=True)
IndicationT = TypeVar("IndicationT")


class StreamSession(Protocol, Generic[RequestT, IndicationT]):
    """One sans-IO session over one connection that carries a stream of octets.

    A call never blocks and never raises for anything that a peer sent. After each call the
    driver drains :meth:`effects`, then :meth:`indications`, then re-arms :meth:`next_timer`.
    """

    def connected(self, now: Instant) -> None:
        """The connection is open: called once, first."""

    def request(self, primitive: RequestT, now: Instant) -> None:
        """Take a primitive from above."""

    def receive(self, octets: bytes, now: Instant) -> None:
        """Take octets from below."""

    def disconnected(self, reason: str, now: Instant) -> None:
        """The connection ended: called once, last. Unanswered requests get their outcome."""

    def next_timer(self) -> Instant | None:
        """When :meth:`handle_timer` wants to be called, or ``None``."""

    def handle_timer(self, now: Instant) -> None:
        """The instant of :meth:`next_timer` has come."""

    def effects(self) -> list[Effect]:
        """Hand out and forget what is to be done below."""

    def indications(self) -> list[IndicationT]:
        """Hand out and forget what is to be told above."""


class StreamLink(Protocol, Generic[RequestT]):
    """An open connection with a session on it, as seen from above."""

    @property
    def peer(self) -> str:
        """The peer's address as ``host:port``, for people."""

    def request(self, primitive: RequestT) -> None:
        """Hand a primitive to the session and carry out what follows from it."""

    def close(self, reason: str) -> None:
        """Close the connection; the session's indications still arrive."""


class ConnectionLink(StreamLink[RequestT], Protocol):
    """What a bearer says of a connection beyond that."""

    @property
    def is_secure(self) -> bool:
        """Whether the connection is by TLS; ``False`` when it has ended."""

    @property
    def peer_certificate(self) -> PeerCertificate | None:
        """What the peer's verified certificate says, while the connection is open.

        ``None`` without TLS, and where the peer showed none or nobody verified it.
        """

    def identified(self) -> None:
        """Tell the bearer that it is known who is there: fewer anonymous connections may be open.

        Only connections that were accepted are anonymous at first; a second call does nothing.
        """


SessionRequest = TypeVar("SessionRequest")
SessionIndication = TypeVar("SessionIndication")


class StreamBearer(Protocol):
    """Opens connections and drives sessions over them: the port that ``bearers.tcp`` implements.

    ``on_indication`` is called in the order of the indications and must not block;
    ``on_closed`` is called once, after the last indication.
    """

    async def connect(
        self,
        host: str,
        port: int,
        session: StreamSession[SessionRequest, SessionIndication],
        on_indication: Callable[[SessionIndication], None],
        on_closed: Callable[[str], None],
        timeout_ms: int,
    ) -> ConnectionLink[SessionRequest]:
        """Open a connection and start ``session`` on it.

        :raises BearerUnavailable: refused, unreachable, not resolvable, or not within
            ``timeout_ms``.
        """


class BearerUnavailable(OmapushError):
    """The bearer could not reach the other end; nothing was sent."""


class SecurityFailure(BearerUnavailable):
    """The other end was reached, but not as safely as was asked for: TLS failed."""


class AddressInUse(BearerUnavailable):
    """The local port is taken by somebody else."""
