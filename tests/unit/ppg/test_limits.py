"""Rate and quota: never more than was allowed, and the wait that they name is long enough."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.core.instants import DAY_MS, HOUR_MS, Instant, parse_utc
from omapush.pap.codes import StatusCode
from omapush.ppg.authentication import ANONYMOUS
from omapush.ppg.authorisation import Authorisation, InitiatorPolicy
from omapush.ppg.limits import Allowance, Grant, Meter, Quota, RateLimit

NOON = parse_utc("2026-11-21T12:00:00Z")
STEPS = st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 12)), max_size=60)


def at(offset_ms: int) -> Instant:
    return Instant(NOON + offset_ms)


@settings(max_examples=150)
@given(st.integers(1, 50_000), st.integers(1, 10), STEPS)
def test_bucket_never_grants_more_than_burst_and_rate_times_time(
    thousandths: int, burst: int, steps: list[tuple[int, int]]
) -> None:
    bucket = RateLimit(thousandths / 1_000, burst)
    now, taken = NOON, [(NOON, 0)]
    for wait_ms, recipients in steps:
        now = Instant(now + wait_ms)
        if bucket.take(recipients, now).granted:
            taken.append((now, recipients))
    # In every stretch of time, not only from the beginning.
    for first in range(len(taken)):
        total = 0
        for moment, recipients in taken[first:]:
            total += recipients
            allowed = burst * 1_000_000 + thousandths * (moment - taken[first][0])
            assert total * 1_000_000 <= allowed


@settings(max_examples=150)
@given(st.integers(1, 50_000), st.integers(1, 10), STEPS)
def test_bucket_grants_after_exactly_the_wait_that_it_names(
    thousandths: int, burst: int, steps: list[tuple[int, int]]
) -> None:
    bucket = RateLimit(thousandths / 1_000, burst)
    now = NOON
    for wait_ms, recipients in steps:
        now = Instant(now + wait_ms)
        grant = bucket.take(recipients, now)
        if grant.granted:
            continue
        if recipients > burst:
            assert grant.wait_ms is None
            continue
        assert grant.wait_ms is not None
        assert not bucket.take(recipients, Instant(now + grant.wait_ms - 1)).granted
        now = Instant(now + grant.wait_ms)
        assert bucket.take(recipients, now).granted


def test_bucket_survives_a_clock_that_is_set_back() -> None:
    bucket = RateLimit(1, 2)
    assert bucket.take(2, at(0)).granted
    assert bucket.take(1, at(-HOUR_MS)) == Grant(granted=False, wait_ms=1_000)
    assert bucket.take(1, at(-HOUR_MS + 1_000)).granted


@settings(max_examples=100)
@given(
    st.integers(1, 30), st.lists(st.tuples(st.integers(0, DAY_MS), st.integers(1, 12)), max_size=40)
)
def test_quota_never_grants_more_than_its_number_on_one_day(
    per_day: int, steps: list[tuple[int, int]]
) -> None:
    quota = Quota(per_day)
    now, used = NOON, dict[int, int]()
    for wait_ms, recipients in steps:
        now = Instant(now + wait_ms)
        day = now // DAY_MS
        grant = quota.take(recipients, now)
        fits = used.get(day, 0) + recipients <= per_day
        assert grant.granted is fits
        if fits:
            used[day] = used.get(day, 0) + recipients


def test_quota_names_the_wait_until_midnight_and_never_for_more_than_a_day_holds() -> None:
    quota = Quota(10)
    assert quota.take(10, NOON).granted
    assert quota.take(1, NOON) == Grant(granted=False, wait_ms=12 * HOUR_MS)
    assert quota.take(11, NOON) == Grant(granted=False, wait_ms=None)
    assert quota.take(10, at(12 * HOUR_MS)).granted


def test_quota_given_back_counts_only_on_its_own_day() -> None:
    quota = Quota(10)
    assert quota.take(10, NOON).granted
    quota.give_back(4, NOON)
    assert quota.take(4, NOON).granted
    tomorrow = at(DAY_MS)
    assert quota.take(10, tomorrow).granted
    quota.give_back(4, NOON)
    assert not quota.take(1, tomorrow).granted


def test_quota_is_not_refilled_by_a_clock_that_steps_back_over_midnight() -> None:
    quota = Quota(10)
    midnight = at(12 * HOUR_MS)
    assert quota.take(10, midnight).granted
    assert not quota.take(1, Instant(midnight - 1)).granted
    assert not quota.take(1, midnight).granted


def test_meter_refuses_a_used_up_quota_for_good_and_a_fast_push_for_a_while() -> None:
    meter = Meter(Allowance(per_second=2, burst=3, per_day=5))
    assert meter.charge(3, NOON) is None
    fast = meter.charge(2, NOON)
    assert fast is not None
    assert (fast.code, fast.retry_after_ms) == (StatusCode.INTERNAL_SERVER_ERROR, 1_000)
    # What was too fast used nothing of the day.
    assert meter.charge(2, at(1_000)) is None
    over = meter.charge(1, at(HOUR_MS))
    assert over is not None
    assert (over.code, over.retry_after_ms) == (StatusCode.FORBIDDEN, None)
    assert over.rule == "recipients_per_day"


def test_meter_refuses_more_than_a_burst_for_good() -> None:
    refusal = Meter(Allowance(per_second=0.5)).charge(2, NOON)
    assert refusal is not None
    assert (refusal.code, refusal.rule) == (StatusCode.FORBIDDEN, "burst")


def test_meter_without_allowance_lets_everything_through() -> None:
    meter = Meter(Allowance())
    assert all(meter.charge(1_000_000, NOON) is None for _ in range(10))
    meter.give_back(1, NOON)


@pytest.mark.parametrize("stranger", [ANONYMOUS, "somebody", "somebody else"])
def test_initiators_without_an_entry_share_one(stranger: str) -> None:
    authorisation = Authorisation(
        {
            "weather": InitiatorPolicy(allowance=Allowance(per_day=5)),
            ANONYMOUS: InitiatorPolicy(allowance=Allowance(per_day=1)),
        }
    )
    assert authorisation.charge("weather", 5, NOON) is None
    assert authorisation.charge("stranger", 1, NOON) is None
    assert authorisation.charge(stranger, 1, NOON) is not None
    authorisation.give_back("another", 1, NOON)
    assert authorisation.charge(stranger, 1, NOON) is None
    assert authorisation.policy_of(stranger) is authorisation.policy_of(ANONYMOUS)
