"""The life of a delivery: the table, and the decision after each attempt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.ota.interface import CarriedPart, OutcomeKind, PushOutcome, PushStatus
from omapush.ppg.lifecycle import (
    REPORTS,
    TRANSITIONS,
    DeliveryEvent,
    ForbiddenTransitionError,
    InDoubtPolicy,
    RetryPolicy,
    after_attempt,
    after_reports,
    await_report,
    before_attempt,
    next_state,
    put_off,
)
from omapush.ppg.store.contract import (
    ClaimedDelivery,
    DeliveryKey,
    DeliveryState,
    ReportedPart,
    ReportVerdict,
    Settlement,
)

NOW = Instant(1_000_000)
PART = CarriedPart("smsc:main", "4711")
POLICY = RetryPolicy(first_ms=1_000, longest_ms=60_000, max_sent_attempts=3)


def claimed(
    *,
    attempt: int = 1,
    sent_attempts: int = 0,
    in_doubt: bool = False,
    confirmed: bool = True,
    expires_at: int = NOW + 3_600_000,
    handed_over: bool = False,
    carried: tuple[ReportedPart, ...] = (),
    reported: ReportVerdict | None = None,
) -> ClaimedDelivery:
    return ClaimedDelivery(
        key=DeliveryKey("0" * 32, 0),
        push_id="push@pi",
        initiator_id="pi",
        client_id="anna",
        address="WAPPUSH=+1555/TYPE=PLMN@ppg",
        owner="ppg-1/a",
        attempt=attempt,
        sent_attempts=sent_attempts,
        in_doubt=in_doubt,
        lease_until=Instant(NOW + 300_000),
        received_at=Instant(0),
        expires_at=Instant(expires_at),
        confirmed=confirmed,
        flags=0,
        message=PushMessage((("Content-Type", "text/plain"),), b"hello"),
        handed_over=handed_over,
        carried=carried,
        reported=reported,
    )


def outcome(kind: OutcomeKind, status: int | None = None, wait: int | None = None) -> PushOutcome:
    return PushOutcome("d", kind, "because", status, wait)


def test_table_names_every_state_and_leaves_final_ones_alone() -> None:
    assert set(TRANSITIONS) == set(DeliveryState)
    assert all(not TRANSITIONS[state] for state in DeliveryState if state.is_final)


def test_table_as_a_whole_is_pinned() -> None:
    drawn = {
        f"{state.value} + {event.value} -> {after.value}"
        for state, row in TRANSITIONS.items()
        for event, after in row.items()
    }
    assert drawn == {
        "queued + claimed -> in_flight",
        "queued + cancelled -> cancelled",
        "in_flight + taken -> delivered",
        "in_flight + refused -> aborted",
        "in_flight + put_off -> queued",
        "in_flight + doubted -> in_doubt",
        "in_flight + unanswered -> timeout",
        "in_flight + unfit -> undeliverable",
        "in_flight + unreachable -> undeliverable",
        "in_flight + too_late -> expired",
        "in_flight + owner_lost -> in_doubt",
        "in_doubt + claimed -> in_flight",
        "in_doubt + too_late -> unknown",
        "in_doubt + abandoned -> unknown",
        "in_flight + handed_over -> handed_over",
        "handed_over + claimed -> in_flight",
        "handed_over + too_late -> unknown",
        *(
            f"{state} + {report}"
            for state in ("queued", "in_flight", "in_doubt", "handed_over")
            for report in (
                "reported_delivered -> delivered",
                "reported_failed -> undeliverable",
                "reported_expired -> expired",
                "reported_unknown -> unknown",
            )
        ),
    }


def test_final_state_never_changes_even_by_a_late_answer() -> None:
    with pytest.raises(ForbiddenTransitionError):
        next_state(DeliveryState.TIMEOUT, DeliveryEvent.TAKEN)


def test_confirmed_push_taken_is_delivered_and_reported_confirmed() -> None:
    settlement = after_attempt(claimed(), outcome(OutcomeKind.DONE), NOW, POLICY)
    assert settlement == Settlement(
        key=DeliveryKey("0" * 32, 0),
        owner="ppg-1/a",
        attempt=1,
        at=NOW,
        state=DeliveryState.DELIVERED,
        reason="because",
        code=1000,
        confirmed=True,
        sent=True,
        notify=True,
    )


def test_unconfirmed_push_sent_is_reported_unconfirmed() -> None:
    settlement = after_attempt(claimed(confirmed=False), outcome(OutcomeKind.DONE), NOW, POLICY)
    assert (settlement.state, settlement.confirmed) == (DeliveryState.DELIVERED, False)


@pytest.mark.parametrize("status", [235, 236, 238, 256, 257, 600])
def test_refusal_for_good_is_aborted_with_five_and_the_status(status: int) -> None:
    settlement = after_attempt(claimed(), outcome(OutcomeKind.NEVER, status), NOW, POLICY)
    assert (settlement.state, settlement.code) == (DeliveryState.ABORTED, 5000 + status)
    assert settlement.notify


def test_refusal_for_now_is_tried_again_until_the_attempts_are_used_up() -> None:
    later = outcome(OutcomeKind.LATER, PushStatus.USERDCR)
    first = after_attempt(claimed(), later, NOW, POLICY)
    assert (first.state, first.sent, first.notify) == (DeliveryState.QUEUED, True, False)
    last = after_attempt(claimed(attempt=3, sent_attempts=2), later, NOW, POLICY)
    assert (last.state, last.code) == (DeliveryState.ABORTED, 5237)


def test_client_that_cannot_be_reached_is_tried_until_expiry_and_costs_no_sent_attempt() -> None:
    settlement = after_attempt(
        claimed(attempt=99, sent_attempts=2), outcome(OutcomeKind.LATER), NOW, POLICY
    )
    assert (settlement.state, settlement.sent) == (DeliveryState.QUEUED, False)


def test_lost_answer_is_sent_again_then_times_out() -> None:
    lost = outcome(OutcomeKind.IN_DOUBT)
    assert after_attempt(claimed(), lost, NOW, POLICY).state is DeliveryState.IN_DOUBT
    last = after_attempt(claimed(attempt=3, sent_attempts=2), lost, NOW, POLICY)
    assert (last.state, last.code) == (DeliveryState.TIMEOUT, 4000)


def test_client_that_asks_to_wait_is_given_the_time() -> None:
    settlement = after_attempt(
        claimed(), outcome(OutcomeKind.LATER, PushStatus.USERREQ, 500_000), NOW, POLICY
    )
    assert settlement.due_at is not None
    assert settlement.due_at >= NOW + 500_000


def test_put_off_never_goes_beyond_expiry() -> None:
    settlement = put_off(claimed(expires_at=NOW + 10), "no", NOW, POLICY)
    assert settlement.due_at == NOW + 10


def test_past_deadline_nothing_is_sent_and_the_push_expires() -> None:
    settlement = before_attempt(claimed(expires_at=NOW), NOW, POLICY)
    assert settlement is not None
    assert (settlement.state, settlement.code) == (DeliveryState.EXPIRED, 4000)
    assert not settlement.confirmed


def test_past_deadline_in_doubt_is_unknown_not_expired() -> None:
    settlement = before_attempt(claimed(expires_at=NOW, in_doubt=True), NOW, POLICY)
    assert settlement is not None
    assert settlement.state is DeliveryState.UNKNOWN
    assert "doubt" in settlement.reason


def test_in_doubt_is_sent_again_or_given_up_as_the_policy_says() -> None:
    doubtful = claimed(attempt=2, in_doubt=True)
    assert before_attempt(doubtful, NOW, POLICY) is None
    settlement = before_attempt(doubtful, NOW, RetryPolicy(in_doubt=InDoubtPolicy.GIVE_UP))
    assert settlement is not None
    assert settlement.state is DeliveryState.UNKNOWN


def test_push_that_a_bearer_took_waits_for_its_report() -> None:
    taken = PushOutcome("d", OutcomeKind.HANDED_OVER, "taken", carried=(PART,), report_by_ms=60_000)
    assert after_attempt(claimed(), taken, NOW, POLICY) == Settlement(
        key=DeliveryKey("0" * 32, 0),
        owner="ppg-1/a",
        attempt=1,
        at=NOW,
        state=DeliveryState.HANDED_OVER,
        reason="taken",
        sent=True,
        due_at=Instant(NOW + 60_000),
        carried=(PART,),
    )


@pytest.mark.parametrize("wait_ms", [None, 3_600_001])
def test_report_is_awaited_until_expiry_at_the_latest(wait_ms: int | None) -> None:
    waiting = await_report(claimed(handed_over=True), "no report yet", NOW, wait_ms)
    assert (waiting.state, waiting.sent) == (DeliveryState.HANDED_OVER, False)
    assert waiting.due_at == NOW + 3_600_000


@pytest.mark.parametrize(
    ("kind", "sent", "state"),
    [
        (OutcomeKind.IN_DOUBT, 0, DeliveryState.IN_DOUBT),
        (OutcomeKind.IN_DOUBT, 2, DeliveryState.TIMEOUT),
        (OutcomeKind.LATER, 0, DeliveryState.QUEUED),
        (OutcomeKind.NEVER, 0, DeliveryState.UNDELIVERABLE),
    ],
)
def test_parts_that_a_bearer_took_are_kept_whatever_the_outcome(
    kind: OutcomeKind, sent: int, state: DeliveryState
) -> None:
    ended = PushOutcome("d", kind, "the link broke", carried=(PART,))
    settlement = after_attempt(claimed(sent_attempts=sent), ended, NOW, POLICY)
    assert (settlement.state, settlement.carried) == (state, (PART,))


@pytest.mark.parametrize("in_doubt", [True, False])
@pytest.mark.parametrize("policy", InDoubtPolicy)
def test_handed_over_push_is_left_to_its_bearer_whatever_the_policy(
    in_doubt: bool, policy: InDoubtPolicy
) -> None:
    waiting = claimed(handed_over=True, in_doubt=in_doubt)
    assert before_attempt(waiting, NOW, RetryPolicy(in_doubt=policy)) is None


def test_handed_over_push_without_a_report_by_its_deadline_is_unknown() -> None:
    late = claimed(handed_over=True, expires_at=NOW, carried=(ReportedPart(PART),))
    settlement = before_attempt(late, NOW, POLICY)
    assert settlement is not None
    assert (settlement.state, settlement.code) == (DeliveryState.UNKNOWN, 4000)
    assert settlement.reason.startswith("handed to smsc:main, no report came before ")
    assert settlement.notify
    nobody = before_attempt(claimed(handed_over=True, expires_at=NOW), NOW, POLICY)
    assert nobody is not None
    assert nobody.reason.startswith("handed to a bearer, no report came")


@pytest.mark.parametrize("in_doubt", [True, False])
def test_push_that_was_reported_while_in_flight_is_not_sent(in_doubt: bool) -> None:
    row = claimed(in_doubt=in_doubt, expires_at=NOW, reported=ReportVerdict.DELIVERED)
    settlement = before_attempt(row, NOW, POLICY)
    assert settlement is not None
    assert (settlement.state, settlement.code) == (DeliveryState.DELIVERED, 1000)
    assert not settlement.confirmed


def test_every_final_report_has_a_meaning_and_no_other() -> None:
    assert set(REPORTS) == {verdict for verdict in ReportVerdict if verdict.is_final}


@pytest.mark.parametrize("state", DeliveryState)
@pytest.mark.parametrize("verdict", REPORTS)
def test_report_decides_where_the_settlement_does_not_know(
    state: DeliveryState, verdict: ReportVerdict
) -> None:
    before = Settlement(DeliveryKey("0" * 32, 0), "o", 1, NOW, state, "why", confirmed=True)
    after = after_reports(before, verdict, "reported")
    known = {"delivered", "aborted", "undeliverable", "cancelled", "rejected", "in_flight"}
    if state.value in known:
        assert after is before
    else:
        assert after.state is next_state(DeliveryState.IN_FLIGHT, REPORTS[verdict].event)
        assert (after.code, after.reason) == (REPORTS[verdict].code, "reported")
        assert (after.notify, after.confirmed, after.due_at) == (True, False, None)


@given(attempt=st.integers(1, 10_000), seed=st.text(max_size=40))
def test_wait_grows_to_the_longest_and_is_spread_by_a_tenth_at_most(
    attempt: int, seed: str
) -> None:
    wait = POLICY.wait_ms(attempt, seed)
    assert 1_000 <= wait <= 66_000
    assert wait == POLICY.wait_ms(attempt, seed)


@given(
    kind=st.sampled_from(OutcomeKind),
    status=st.one_of(
        st.none(), st.sampled_from([s.value for s in PushStatus]), st.integers(0, 999)
    ),
    attempt=st.integers(1, 50),
    sent=st.integers(0, 50),
    in_doubt=st.booleans(),
    confirmed=st.booleans(),
)
def test_every_outcome_settles_in_a_state_of_the_table(
    kind: OutcomeKind, status: int | None, attempt: int, sent: int, in_doubt: bool, confirmed: bool
) -> None:
    row = claimed(attempt=attempt, sent_attempts=sent, in_doubt=in_doubt, confirmed=confirmed)
    settlement = after_attempt(row, outcome(kind, status), NOW, POLICY)
    if settlement.state.is_final:
        assert settlement.notify
        assert settlement.code is not None
        assert settlement.due_at is None
    else:
        assert settlement.due_at is not None
        assert NOW < settlement.due_at <= row.expires_at
    if not confirmed:
        assert not settlement.confirmed
