"""The table of a delivery's life: which event leads from which state to which.

PPG 5 orders a push's life: accepted, delivered over the air, reported. PAP 8.6 names the final
states. What lies between (queued, in flight, in doubt, handed over) is ours. This table is the only
place where a transition is allowed; everything that moves a delivery goes through
:func:`next_state`.

::

                claimed             taken
      QUEUED ───────────► IN_FLIGHT ───────► DELIVERED
        ▲      put_off     │ ▲ │   refused
        └──────────────────┘ │ └───────────► ABORTED
                     claimed │ │ doubted, owner_lost
                             │ ▼
                          IN_DOUBT           and to the other final states as the table says

A bearer may take a push now and tell later whether it arrived (Architecture C.3). Until then it is
HANDED_OVER::

                handed over              reported
      IN_FLIGHT ───────────► HANDED_OVER ────────► DELIVERED, or how else it ended
          ▲                    │      │  too late
          └────────────────────┘      └──────────► UNKNOWN
            claimed: report overdue
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from omapush.core.errors import OmapushError
from omapush.pap.codes import StatusCode
from omapush.ppg.store.contract import DeliveryState, ReportVerdict


class DeliveryEvent(enum.StrEnum):
    """What can happen to a delivery."""

    CLAIMED = "claimed"
    """A gateway process took it to work on it."""
    TAKEN = "taken"
    """Confirmed: the application took responsibility. Unconfirmed: it was sent."""
    REFUSED = "refused"
    """The client refused it for good, or too often (Po-PushAbort)."""
    PUT_OFF = "put_off"
    """Not now; another attempt follows."""
    DOUBTED = "doubted"
    """Sent, and the answer got lost; another attempt follows."""
    UNANSWERED = "unanswered"
    """Sent, never answered, and no further attempt follows."""
    UNFIT = "unfit"
    """The client cannot take this content, or the gateway cannot make it fit."""
    UNREACHABLE = "unreachable"
    """No route to the client is known or will be."""
    TOO_LATE = "too_late"
    """deliver-before-timestamp, or the gateway's own maximum age, has passed."""
    OWNER_LOST = "owner_lost"
    """The process that had it in flight vanished."""
    ABANDONED = "abandoned"
    """In doubt, and policy says not to send it again."""
    CANCELLED = "cancelled"
    """The initiator cancelled it."""
    HANDED_OVER = "handed_over"
    """A bearer took it and will report."""
    REPORTED_DELIVERED = "reported_delivered"
    """The bearer reported every part delivered."""
    REPORTED_FAILED = "reported_failed"
    """The bearer could not deliver a part, or will not."""
    REPORTED_EXPIRED = "reported_expired"
    """The bearer's own time for a part was over."""
    REPORTED_UNKNOWN = "reported_unknown"
    """The bearer does not know itself what became of a part."""


_S = DeliveryState
_E = DeliveryEvent

# Wherever the delivery is when the reports end it.
_REPORTED: dict[DeliveryEvent, DeliveryState] = {
    _E.REPORTED_DELIVERED: _S.DELIVERED,
    _E.REPORTED_FAILED: _S.UNDELIVERABLE,
    _E.REPORTED_EXPIRED: _S.EXPIRED,
    _E.REPORTED_UNKNOWN: _S.UNKNOWN,
}

TRANSITIONS: dict[DeliveryState, dict[DeliveryEvent, DeliveryState]] = {
    _S.QUEUED: {
        _E.CLAIMED: _S.IN_FLIGHT,
        _E.CANCELLED: _S.CANCELLED,
        # Of an attempt that was in doubt, and of which another was to follow.
        **_REPORTED,
    },
    _S.IN_FLIGHT: {
        _E.TAKEN: _S.DELIVERED,
        _E.REFUSED: _S.ABORTED,
        _E.PUT_OFF: _S.QUEUED,
        _E.DOUBTED: _S.IN_DOUBT,
        _E.UNANSWERED: _S.TIMEOUT,
        _E.UNFIT: _S.UNDELIVERABLE,
        _E.UNREACHABLE: _S.UNDELIVERABLE,
        _E.TOO_LATE: _S.EXPIRED,
        _E.OWNER_LOST: _S.IN_DOUBT,
        _E.HANDED_OVER: _S.HANDED_OVER,
        # Kept while it was in flight, and applied when that ended.
        **_REPORTED,
    },
    _S.IN_DOUBT: {
        # Sent again: the claim of a doubtful delivery ends as an ordinary attempt does.
        _E.CLAIMED: _S.IN_FLIGHT,
        # The deadline forbids a further transmission; what the client got stays unknown.
        _E.TOO_LATE: _S.UNKNOWN,
        _E.ABANDONED: _S.UNKNOWN,
        **_REPORTED,
    },
    _S.HANDED_OVER: {
        # The report is overdue: whoever claims it asks the bearer, and does not send it again.
        _E.CLAIMED: _S.IN_FLIGHT,
        # The deadline passed without a report; what the client got stays unknown.
        _E.TOO_LATE: _S.UNKNOWN,
        **_REPORTED,
    },
    **{state: {} for state in DeliveryState if state.is_final},
}


class ForbiddenTransitionError(OmapushError):
    """An event came in a state that does not know it: a fault of ours, never of a peer."""


def next_state(state: DeliveryState, event: DeliveryEvent) -> DeliveryState:
    """Return the state after ``event``. :raises ForbiddenTransitionError: not in the table."""
    try:
        return TRANSITIONS[state][event]
    except KeyError as error:
        raise ForbiddenTransitionError(f"{event.value} does not happen to {state.value}") from error


@dataclass(frozen=True, slots=True)
class ReportMeaning:
    """What a final report of a bearer does to a delivery, and the code that PAP gives it."""

    event: DeliveryEvent
    code: StatusCode


# PAP knows "cancelled" and "rejected" as acts of the initiator and of the gateway (PAP 8.6); what
# the bearer drops of its own accord could not be delivered.
REPORTS: Mapping[ReportVerdict, ReportMeaning] = {
    ReportVerdict.DELIVERED: ReportMeaning(_E.REPORTED_DELIVERED, StatusCode.OK),
    ReportVerdict.FAILED: ReportMeaning(_E.REPORTED_FAILED, StatusCode.SERVICE_FAILURE),
    ReportVerdict.DELETED: ReportMeaning(_E.REPORTED_FAILED, StatusCode.SERVICE_FAILURE),
    ReportVerdict.REJECTED: ReportMeaning(_E.REPORTED_FAILED, StatusCode.SERVICE_FAILURE),
    ReportVerdict.EXPIRED: ReportMeaning(_E.REPORTED_EXPIRED, StatusCode.SERVICE_FAILURE),
    ReportVerdict.UNKNOWN: ReportMeaning(_E.REPORTED_UNKNOWN, StatusCode.SERVICE_FAILURE),
}
