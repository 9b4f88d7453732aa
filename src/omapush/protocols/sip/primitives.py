"""What goes in and out of a SIP endpoint: its settings, effects and indications."""

from __future__ import annotations

from dataclasses import dataclass, field

from omapush.protocols.sip.hop import Hop
from omapush.protocols.sip.message import SipRequest, SipResponse
from omapush.protocols.sip.timers import SipTimers

DATAGRAM_LIMIT = 1_300
"""Octets of the longest request that goes by UDP if it can go otherwise (RFC 3261 18.1.1)."""

DEFAULT_OPTIONS = frozenset({"gruu", "outbound", "path", "timer"})


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """What an endpoint does and how much it takes.

    :ivar datagram_limit: octets of the longest request that is sent by UDP; longer ones go by TCP.
    :ivar max_forwards: what is written where a request says nothing.
    :ivar supported: option tags that requests may require; others are refused with 420.
    :ivar maximum_client_transactions: own requests that are open or remembered at once; one more
        fails without being sent.
    :ivar maximum_server_transactions: requests that came and are open at once, and INVITEs that
        were accepted until nothing more can come of them. Those over it are answered with 503.
    :ivar maximum_remembered: answers that are kept for repeated requests, for 64*T1 with UDP; also
        those by which INVITEs are refused: nobody may shut others out by never sending ACK. Of
        more the oldest are forgotten early: then a request that is repeated for so long counts as
        a new one.
    :ivar maximum_octets: how much requests that are open have together at most, and as much again
        answers that are kept.
    :ivar maximum_forks: dialogs that are ended for one INVITE beside the wanted one; 2xx of more
        are left to themselves.
    :ivar retry_after_s: seconds after which whoever was refused may try again.
    """

    timers: SipTimers = field(default_factory=SipTimers)
    datagram_limit: int = DATAGRAM_LIMIT
    max_forwards: int = 70
    supported: frozenset[str] = DEFAULT_OPTIONS
    maximum_client_transactions: int = 65_536
    maximum_server_transactions: int = 16_384
    maximum_remembered: int = 65_536
    maximum_octets: int = 67_108_864
    maximum_forks: int = 8
    retry_after_s: int = 5


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send one message.

    :ivar hop: where to. With a ``connection`` number only by that connection; without, with TCP
        or TLS, by an open connection to there or by a new one.
    :ivar fallback: where a response goes if its connection is gone: by a new one to there
        (RFC 3261 18.2.2).
    """

    octets: bytes
    hop: Hop
    fallback: Hop | None = None


@dataclass(frozen=True, slots=True)
class RequestInd:
    """A request came, for the first time; never ACK or CANCEL.

    ``respond`` with ``key`` answers it. The topmost Via says where it came from (``received``,
    ``rport``).
    """

    key: str
    request: SipRequest
    source: Hop


@dataclass(frozen=True, slots=True)
class ResponseInd:
    """The final response to an own request; after a 2xx to INVITE ``acknowledge`` has to follow."""

    key: str
    response: SipResponse


@dataclass(frozen=True, slots=True)
class TransactionFailedInd:
    """An own request ended without final response.

    :ivar reason: in words.
    :ivar timed_out: it was sent, and may have arrived; otherwise nothing left, or the network said
        that there is nobody.
    """

    key: str
    reason: str
    timed_out: bool


@dataclass(frozen=True, slots=True)
class AckInd:
    """The ACK of a 2xx came, for the first time."""

    ack: SipRequest


@dataclass(frozen=True, slots=True)
class CancelledInd:
    """An INVITE was cancelled before its final response; it has been answered with 487.

    The same if it went unanswered for longer than ``SipTimers.patience_ms``.
    """

    key: str
    invite: SipRequest


@dataclass(frozen=True, slots=True)
class UnacknowledgedInd:
    """No ACK of a 2xx came within 64*T1 of repeating it; a BYE should follow (13.3.1.4)."""

    invite: SipRequest
    response: SipResponse


Indication = (
    RequestInd | ResponseInd | TransactionFailedInd | AckInd | CancelledInd | UnacknowledgedInd
)
