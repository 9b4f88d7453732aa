"""The life of a delivery: the decision before and after each attempt, and when reports come.

What may follow what is in :mod:`omapush.ppg.transitions`; here it is decided what does. Pure.
"""

from __future__ import annotations

import enum
import zlib
from dataclasses import dataclass, replace

from omapush.core.instants import MINUTE_MS, SECOND_MS, Instant, format_utc, later
from omapush.ota.interface import OutcomeKind, PushOutcome, PushStatus
from omapush.pap.codes import StatusCode, abort_code
from omapush.ppg.store.contract import (
    ClaimedDelivery,
    DeliveryState,
    ReportVerdict,
    Settlement,
)
from omapush.ppg.transitions import REPORTS, TRANSITIONS, DeliveryEvent, next_state

# A settlement in one of these does not tell whether the client got it; a report does.
_OPEN_TO_REPORTS = frozenset(
    (
        DeliveryState.QUEUED,
        DeliveryState.IN_DOUBT,
        DeliveryState.HANDED_OVER,
        DeliveryState.UNKNOWN,
        DeliveryState.TIMEOUT,
        DeliveryState.EXPIRED,
    )
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
        return end(
            claimed,
            DeliveryEvent.UNREACHABLE,
            StatusCode.SERVICE_FAILURE,
            outcome.reason,
            now,
        )
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
