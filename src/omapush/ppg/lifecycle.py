"""The life of a delivery: one table of states and events, and the decision after each attempt.

PPG 5 orders a push's life: accepted, delivered over the air, reported. PAP 8.6 names the final
states. What lies between (queued, in flight, in doubt) is ours. The table below is the only place
where a transition is allowed; everything that moves a delivery goes through :func:`next_state`.

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
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from omapush.core.errors import OmapushError
from omapush.core.instants import MINUTE_MS, SECOND_MS, Instant, format_utc, later
from omapush.ota.bearer_reports import ReportVerdict
from omapush.ota.interface import OutcomeKind, PushOutcome, PushStatus, Undelivered
from omapush.pap.codes import StatusCode, abort_code
from omapush.ppg.store.contract import ClaimedDelivery, DeliveryState, Settlement


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

# A settlement in one of these does not tell whether the client got it; a report does.
_OPEN_TO_REPORTS = frozenset(
    (_S.QUEUED, _S.IN_DOUBT, _S.HANDED_OVER, _S.UNKNOWN, _S.TIMEOUT, _S.EXPIRED)
)


def after_reports(settlement: Settlement, verdict: ReportVerdict, reason: str) -> Settlement:
    """Return how a settlement goes on that finds reports which end the delivery."""
    if settlement.state not in _OPEN_TO_REPORTS:
        return settlement
    meaning = REPORTS[verdict]
    return replace(
        settlement,
        state=next_state(DeliveryState.IN_FLIGHT, meaning.event),
        code=meaning.code,
        reason=reason,
        # A bearer knows of octets, not of the application: nobody has confirmed (PAP 8.2.2).
        confirmed=False,
        due_at=None,
        notify=True,
    )


_UNDELIVERED: Mapping[Undelivered, StatusCode] = {
    Undelivered.ADDRESS_NOT_FOUND: StatusCode.ADDRESS_NOT_FOUND,
    Undelivered.METHOD_NOT_POSSIBLE: StatusCode.SPECIFIED_DELIVERY_METHOD_NOT_POSSIBLE,
}


class InDoubtPolicy(enum.StrEnum):
    """What to do with a delivery of which nobody knows whether the client got it."""

    SEND_AGAIN = "send_again"
    """At least once: send it again; our own clients recognise the repetition."""
    GIVE_UP = "give_up"
    """At most once: report it as unknown."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how soon to try again.

    The wait doubles from ``first_ms`` to ``longest_ms``. ``max_sent_attempts`` limits attempts that
    reached the client, or may have; attempts that never left the gateway go on until expiry
    (Architecture 5.3.1.1.3: store and forward).
    """

    first_ms: int = SECOND_MS
    longest_ms: int = MINUTE_MS
    max_sent_attempts: int = 5
    in_doubt: InDoubtPolicy = InDoubtPolicy.SEND_AGAIN

    def wait_ms(self, attempt: int, seed: str) -> int:
        """Return the wait after the ``attempt``-th try, from 1, spread by up to a tenth.

        The spread follows from ``seed``, so that clients do not come back in step and the same
        delivery always gives the same answer.
        """
        wait = min(self.first_ms << min(attempt - 1, 30), self.longest_ms)
        return wait + wait * (zlib.crc32(seed.encode()) % 101) // 1000


def before_attempt(
    claimed: ClaimedDelivery, now: Instant, policy: RetryPolicy
) -> Settlement | None:
    """Return how a just claimed delivery ends without being sent, or ``None``.

    ``None`` means: send it; but one that is ``handed_over`` must not be sent again, see
    :func:`await_report`.
    """
    if claimed.reported is not None:
        meaning = REPORTS[claimed.reported]
        reason = f"the bearer reported: {claimed.reported.value}"
        return end(claimed, meaning.event, meaning.code, reason, now)
    if claimed.handed_over:
        return _never_reported(claimed, now) if now >= claimed.expires_at else None
    if now >= claimed.expires_at:
        # PPG 5.1.2.2.4: nothing is transmitted after the deadline.
        reason = f"not delivered before {format_utc(claimed.expires_at)}"
        if claimed.in_doubt:
            reason += "; the last attempt is in doubt"
        elif claimed.sent_attempts:
            reason += f"; attempts that may have reached the client: {claimed.sent_attempts}"
        return end(claimed, DeliveryEvent.TOO_LATE, StatusCode.SERVICE_FAILURE, reason, now)
    if claimed.in_doubt and policy.in_doubt is InDoubtPolicy.GIVE_UP:
        reason = "whether the last attempt arrived is not known; by policy it is not sent again"
        return end(claimed, DeliveryEvent.ABANDONED, StatusCode.SERVICE_FAILURE, reason, now)
    return None


def _never_reported(claimed: ClaimedDelivery, now: Instant) -> Settlement:
    bearers = sorted({part.carried.bearer for part in claimed.carried}) or ["a bearer"]
    reason = (
        f"handed to {' and '.join(bearers)}, no report came before {format_utc(claimed.expires_at)}"
    )
    return end(claimed, DeliveryEvent.TOO_LATE, StatusCode.SERVICE_FAILURE, reason, now)


def after_attempt(
    claimed: ClaimedDelivery, outcome: PushOutcome, now: Instant, policy: RetryPolicy
) -> Settlement:
    """Return how a delivery goes on after ``outcome`` (PPG 5.1.2.2.5, PAP 8.14.5).

    What a bearer took stands in the settlement whatever the outcome is: it will be reported.
    """
    settlement = _after_attempt(claimed, outcome, now, policy)
    return replace(settlement, carried=outcome.carried) if outcome.carried else settlement


def _after_attempt(
    claimed: ClaimedDelivery, outcome: PushOutcome, now: Instant, policy: RetryPolicy
) -> Settlement:
    match outcome.kind:
        case OutcomeKind.HANDED_OVER:
            wait = outcome.report_by_ms
            return await_report(claimed, outcome.reason, now, wait, sent=True)
        case OutcomeKind.DONE:
            return end(claimed, DeliveryEvent.TAKEN, StatusCode.OK, outcome.reason, now, sent=True)
        case OutcomeKind.NEVER:
            return _refused(claimed, outcome, now)
        case OutcomeKind.LATER:
            return _put_off_or_refused(claimed, outcome, now, policy)
        case OutcomeKind.IN_DOUBT:
            if claimed.sent_attempts + 1 < policy.max_sent_attempts:
                reason = outcome.reason
                return put_off(claimed, reason, now, policy, sent=True, in_doubt=True)
            return end(
                claimed,
                DeliveryEvent.UNANSWERED,
                StatusCode.SERVICE_FAILURE,
                outcome.reason,
                now,
                sent=True,
            )


def await_report(
    claimed: ClaimedDelivery,
    reason: str,
    now: Instant,
    wait_ms: int | None = None,
    *,
    sent: bool = False,
) -> Settlement:
    """Leave the delivery with the bearer that has it, which will report.

    :param wait_ms: after so long it is claimed again if no report came; ``None``: at its expiry.
    :param sent: the bearer took it by this very attempt.
    """
    due_at = claimed.expires_at
    if wait_ms is not None:
        due_at = min(later(now, wait_ms), due_at)
    return Settlement(
        key=claimed.key,
        owner=claimed.owner,
        attempt=claimed.attempt,
        at=now,
        state=next_state(DeliveryState.IN_FLIGHT, DeliveryEvent.HANDED_OVER),
        reason=reason,
        sent=sent,
        due_at=due_at,
    )


def put_off(
    claimed: ClaimedDelivery,
    reason: str,
    now: Instant,
    policy: RetryPolicy,
    *,
    sent: bool = False,
    at_least_ms: int = 0,
    in_doubt: bool | None = None,
) -> Settlement:
    """Let another attempt follow after the policy's wait, at the latest at the expiry.

    :param in_doubt: whether the client may have got it; ``None``: as it was before this attempt.
    """
    doubtful = claimed.in_doubt if in_doubt is None else in_doubt
    event = DeliveryEvent.DOUBTED if doubtful else DeliveryEvent.PUT_OFF
    wait = max(policy.wait_ms(claimed.attempt, str(claimed.key)), at_least_ms)
    return Settlement(
        key=claimed.key,
        owner=claimed.owner,
        attempt=claimed.attempt,
        at=now,
        state=next_state(DeliveryState.IN_FLIGHT, event),
        reason=reason,
        sent=sent,
        due_at=Instant(min(later(now, wait), claimed.expires_at)),
    )


def end(
    claimed: ClaimedDelivery,
    event: DeliveryEvent,
    code: int,
    reason: str,
    now: Instant,
    *,
    sent: bool = False,
) -> Settlement:
    """End the delivery; its result notification is due from now."""
    before = DeliveryState.IN_FLIGHT
    if claimed.handed_over and event in TRANSITIONS[DeliveryState.HANDED_OVER]:
        before = DeliveryState.HANDED_OVER
    elif claimed.in_doubt and event in TRANSITIONS[DeliveryState.IN_DOUBT]:
        before = DeliveryState.IN_DOUBT
    state = next_state(before, event)
    return Settlement(
        key=claimed.key,
        owner=claimed.owner,
        attempt=claimed.attempt,
        at=now,
        state=state,
        reason=reason,
        code=code,
        # PAP SIN-100: what was asked for as unconfirmed is reported as unconfirmed. For a state in
        # which nothing was sent there is no actual method: unconfirmed as well.
        confirmed=claimed.confirmed and sent,
        sent=sent,
        notify=True,
    )


def _refused(claimed: ClaimedDelivery, outcome: PushOutcome, now: Instant) -> Settlement:
    if outcome.status is None:
        code: int = StatusCode.SERVICE_FAILURE
        if outcome.undelivered is not None:
            code = _UNDELIVERED[outcome.undelivered]
        return end(claimed, DeliveryEvent.UNREACHABLE, code, outcome.reason, now)
    code = abort_code(outcome.status)
    return end(claimed, DeliveryEvent.REFUSED, code, outcome.reason, now, sent=True)


def _put_off_or_refused(
    claimed: ClaimedDelivery, outcome: PushOutcome, now: Instant, policy: RetryPolicy
) -> Settlement:
    answered = outcome.status is not None
    if answered and claimed.sent_attempts + 1 >= policy.max_sent_attempts:
        return _refused(claimed, outcome, now)
    return put_off(
        claimed,
        outcome.reason,
        now,
        policy,
        sent=answered,
        at_least_ms=outcome.retry_after_ms or 0,
        in_doubt=False if answered else None,  # who refuses it now did not take it before
    )


def status_name(status: int) -> str:
    """Return the name of a push status for people, e.g. ``USERRFS``, or its number."""
    try:
        return PushStatus(status).name
    except ValueError:
        return str(status)
