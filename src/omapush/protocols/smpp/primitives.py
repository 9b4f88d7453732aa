"""What goes into a session from above, what comes out of it, and how it is set up."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from omapush.core.instants import MINUTE_MS, SECOND_MS
from omapush.protocols.smpp.codec import PreparedPdu
from omapush.protocols.smpp.commands import CommandId
from omapush.protocols.smpp.pdu import AlertNotification, Bind, Pdu
from omapush.protocols.smpp.status import StatusClass
from omapush.protocols.smpp.stream import MAX_PDU
from omapush.protocols.smpp.values import InterfaceVersion

Reference = str | int
"""Whatever the user of a session calls a request by."""


# -- settings --


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What both ends have (SMPP 3.4, 2.9 and 7.2 name the timers).

    :ivar window: requests of ours that may be outstanding at a time.
    :ivar max_waiting: requests that may wait for their turn or for the bind.
    :ivar max_unanswered: requests of the peer that may wait for an answer from above; more are
        refused with ESME_RTHROTTLED.
    :ivar session_init_timeout_ms: from connection to bound.
    :ivar response_timeout_ms: patience for a response of the peer.
    :ivar answer_timeout_ms: patience for an answer from above; then the peer is asked to try later.
    :ivar enquire_link_ms: silence of the peer after which enquire_link is sent; ``None`` for never.
    :ivar inactivity_timeout_ms: time without operations after which we unbind; ``None`` for never.
    :ivar max_pdu: octets of a PDU that are taken.
    """

    window: int = 10
    max_waiting: int = 1_000
    max_unanswered: int = 100
    session_init_timeout_ms: int = 30 * SECOND_MS
    response_timeout_ms: int = 60 * SECOND_MS
    answer_timeout_ms: int = MINUTE_MS
    enquire_link_ms: int | None = 30 * SECOND_MS
    inactivity_timeout_ms: int | None = None
    max_pdu: int = MAX_PDU


class BindType(enum.Enum):
    """What the session is for."""

    TRANSMITTER = CommandId.BIND_TRANSMITTER
    RECEIVER = CommandId.BIND_RECEIVER
    TRANSCEIVER = CommandId.BIND_TRANSCEIVER


@dataclass(frozen=True, slots=True)
class EsmeSettings:
    """How a client introduces itself (SMPP 3.4, 4.1).

    :ivar waits_for_outbind: the SMSC dialled, and sends outbind first.
    """

    system_id: str
    password: str = field(default="", repr=False)
    system_type: str = ""
    bind_type: BindType = BindType.TRANSCEIVER
    interface_version: int = InterfaceVersion.V3_4
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""
    waits_for_outbind: bool = False
    session: SessionSettings = SessionSettings()


@dataclass(frozen=True, slots=True)
class SmscSettings:
    """How a message centre introduces itself."""

    system_id: str
    interface_version: int = InterfaceVersion.V5_0
    session: SessionSettings = SessionSettings()


# -- from above --


@dataclass(frozen=True, slots=True)
class SendReq:
    """Send an operation; exactly one :class:`SendCnf` with its ``reference`` follows.

    Sequence number and status of ``pdu`` are the session's business.
    """

    reference: Reference
    pdu: Pdu | PreparedPdu


@dataclass(frozen=True, slots=True)
class ResponseRes:
    """Answer a :class:`RequestInd` with a response made for it (``codec.answer_to``).

    Ignored if the request is not waiting: answered already, too late, or the session ended.
    """

    pdu: Pdu


@dataclass(frozen=True, slots=True)
class DeliverSmRes:
    """Answer a deliver_sm or data_sm with a status and nothing else."""

    sequence_number: int
    command_status: int = 0


@dataclass(frozen=True, slots=True)
class UnbindReq:
    """End the session in good order: what is outstanding gets its answer first."""


@dataclass(frozen=True, slots=True)
class BindReq:
    """ESME: go on and bind, after :class:`OutbindInd`."""


@dataclass(frozen=True, slots=True)
class OutbindReq:
    """SMSC: ask the ESME to bind, on a connection that the SMSC dialled (SMPP 3.4, 2.2.1)."""

    system_id: str
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class BindRes:
    """SMSC: accept the bind of :class:`BindInd`, or refuse it with a status."""

    command_status: int = 0


# -- to above --


class SendKind(enum.Enum):
    """How a request ended."""

    ANSWERED = "answered"
    """The peer answered; see the response's status."""
    SENT = "sent"
    """Written; the operation has no response."""
    NOT_SENT = "not_sent"
    """Nothing of it reached the peer."""
    IN_DOUBT = "in_doubt"
    """Written, and whether the peer carried it out is not known."""


@dataclass(frozen=True, slots=True)
class SendCnf:
    """The end of a request.

    :ivar response: what the peer answered, if it did; a generic_nack counts as an answer.
    :ivar status_class: what to do after it; ``TEMPORARY`` or ``PERMANENT`` where nothing was sent.
    """

    reference: Reference
    kind: SendKind
    status_class: StatusClass
    response: Pdu | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LateResponseInd:
    """A response came after its request had ended in doubt."""

    reference: Reference
    response: Pdu


@dataclass(frozen=True, slots=True)
class RequestInd:
    """The peer asks for an operation: answer it with :class:`ResponseRes`, when it is safe."""

    pdu: Pdu


@dataclass(frozen=True, slots=True)
class AlertNotificationInd:
    """A handset is there again; there is nothing to answer."""

    pdu: AlertNotification


@dataclass(frozen=True, slots=True)
class BindInd:
    """SMSC: an ESME wants to bind: judge it, and answer with :class:`BindRes`."""

    pdu: Bind


@dataclass(frozen=True, slots=True)
class OutbindInd:
    """ESME: the SMSC introduces itself: judge it, then :class:`BindReq` or close."""

    system_id: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BoundInd:
    """The session carries messages now.

    :ivar system_id: the peer's.
    :ivar interface_version: the lower of both versions; ``None`` if the peer did not give its own,
        which by the specification means 3.3, and in the field often does not.
    """

    bind_type: BindType
    system_id: str
    interface_version: int | None


@dataclass(frozen=True, slots=True)
class SessionEndedInd:
    """The session is over: told once, after the outcomes of all requests.

    :ivar command_status: with which the bind was refused, if that was it.
    :ivar orderly: one end unbound, as one should.
    """

    reason: str
    command_status: int | None = None
    orderly: bool = False


SessionRequest = SendReq | ResponseRes | DeliverSmRes | UnbindReq
EsmeRequest = SessionRequest | BindReq
SmscRequest = SessionRequest | BindRes | OutbindReq
SessionIndication = (
    SendCnf | LateResponseInd | RequestInd | AlertNotificationInd | BoundInd | SessionEndedInd
)
EsmeIndication = SessionIndication | OutbindInd
SmscIndication = SessionIndication | BindInd
Indication = SessionIndication | OutbindInd | BindInd


# -- to below --


@dataclass(frozen=True, slots=True)
class SendOctets:
    """Effect: write these octets to the connection."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class CloseConnection:
    """Effect: write what is still to be written, then close."""

    reason: str


Effect = SendOctets | CloseConnection
