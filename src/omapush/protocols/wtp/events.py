"""What happens to a transaction, in either role, and the clocks that it can have running."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from omapush.core.instants import Instant
from omapush.protocols.wtp.pdu import Pdu
from omapush.protocols.wtp.primitives import Request


class Timer(enum.Enum):
    """A clock of a transaction. Of the first five at most one runs."""

    RETRY = "R"
    ACKNOWLEDGEMENT = "A"
    WAIT = "W"
    LIMIT = "limit"
    """Ours: ends waits for which WAP-224 has no timer."""
    DELAY = "delay"
    """The receiver asked for a pause before the next group."""
    NEGATIVE_ACKNOWLEDGEMENT = "nack"
    """Packets of a group are missing and may still come."""


class Event(enum.Enum):
    """What a transaction can meet (WAP-224, 9): primitives, PDUs, clocks."""

    TR_INVOKE_RES = "TR-Invoke.res"
    TR_RESULT_REQ = "TR-Result.req"
    TR_RESULT_TOO_LARGE = "TR-Result.req of what no number of packets holds"
    TR_RESULT_RES = "TR-Result.res"
    TR_ABORT_REQ = "TR-Abort.req"
    RCV_MESSAGE = "RcvInvoke or RcvResult"
    """The whole Invoke (responder) or Result (initiator) is there, or comes once more."""
    RCV_PART = "RcvPart"
    """A packet of it that needs no answer yet."""
    RCV_GROUP = "RcvGroup"
    """A group of packets of it is complete."""
    RCV_GAP = "RcvGap"
    """A group of packets has ended, and some are missing."""
    RCV_TOO_LARGE = "RcvTooLarge"
    """It has become larger than what is taken."""
    RCV_ACK = "RcvAck"
    RCV_NEGATIVE_ACK = "RcvNack"
    RCV_ABORT = "RcvAbort"
    RCV_ERROR = "RcvErrorPDU"
    TIMER_RETRY = "TimerTO_R"
    TIMER_ACKNOWLEDGEMENT = "TimerTO_A"
    TIMER_WAIT = "TimerTO_W"
    TIMER_LIMIT = "TimerTO_Limit"
    TIMER_DELAY = "TimerTO_Delay"
    TIMER_NEGATIVE_ACKNOWLEDGEMENT = "TimerTO_Nack"


TIMER_EVENTS = {
    Timer.RETRY: Event.TIMER_RETRY,
    Timer.ACKNOWLEDGEMENT: Event.TIMER_ACKNOWLEDGEMENT,
    Timer.WAIT: Event.TIMER_WAIT,
    Timer.LIMIT: Event.TIMER_LIMIT,
    Timer.DELAY: Event.TIMER_DELAY,
    Timer.NEGATIVE_ACKNOWLEDGEMENT: Event.TIMER_NEGATIVE_ACKNOWLEDGEMENT,
}


@dataclass(frozen=True, slots=True)
class Cause:
    """When an event happened and what came with it."""

    now: Instant
    pdu: Pdu | None = None
    request: Request | None = None

    @property
    def is_repetition(self) -> bool:
        """Whether a PDU came with its RID bit set."""
        return bool(getattr(self.pdu, "retransmitted", False))

    @property
    def verifies(self) -> bool:
        """Whether an Ack came with its Tve/Tok bit set."""
        return bool(getattr(self.pdu, "verification", False))
