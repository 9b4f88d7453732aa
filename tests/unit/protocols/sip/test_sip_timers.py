"""The table of SIP timers, and the queue that wakes transactions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omapush.core.instants import Instant
from omapush.protocols.sip.timers import DURATIONS, SipTimers, Timed, Timer, TimerQueue


@pytest.mark.parametrize(
    ("timer", "datagrams_ms", "streams_ms"),
    [
        (Timer.A, 500, None),
        (Timer.B, 32_000, 32_000),
        (Timer.C, 185_000, 185_000),
        (Timer.D, 32_000, 0),
        (Timer.E, 500, None),
        (Timer.F, 32_000, 32_000),
        (Timer.G, 500, None),
        (Timer.H, 32_000, 32_000),
        (Timer.I, 5_000, 0),
        (Timer.J, 32_000, 0),
        (Timer.K, 5_000, 0),
        (Timer.L, 32_000, 32_000),
        (Timer.M, 32_000, 32_000),
    ],
)
def test_timers_run_as_table_4_says(
    timer: Timer, datagrams_ms: int | None, streams_ms: int | None
) -> None:
    timers = SipTimers()
    assert timers.duration_ms(timer, is_reliable=False) == datagrams_ms
    assert timers.duration_ms(timer, is_reliable=True) == streams_ms


def test_table_of_timers_is_complete() -> None:
    assert set(DURATIONS) == set(Timer) - {Timer.C}


def test_all_timers_scale_with_the_units() -> None:
    timers = SipTimers(t1_ms=10, t2_ms=40, t4_ms=50)
    assert timers.duration_ms(Timer.F, is_reliable=False) == 640
    assert timers.duration_ms(Timer.K, is_reliable=False) == 50
    assert timers.timeout_ms == 640


def test_100_is_not_sent_before_the_client_repeats_every_t2() -> None:
    # Repetitions at 0.5, 1.5 and 3.5 s; from there on every 4 s (RFC 4320 4.1).
    assert SipTimers().first_100_ms == 3_500


@pytest.mark.parametrize("unit", ["t1_ms", "t2_ms", "t4_ms", "patience_ms", "trying_ms"])
def test_timers_refuse_units_that_would_never_let_time_pass(unit: str) -> None:
    with pytest.raises(ValueError, match=unit):
        SipTimers(**{unit: 0})


def at(due: int | None) -> Timed:
    one = Timed()
    one.due = None if due is None else Instant(due)
    return one


def test_queue_wakes_in_the_order_of_time() -> None:
    queue: TimerQueue[Timed] = TimerQueue()
    late, early, never = at(20), at(10), at(None)
    for one in (late, early, never):
        queue.schedule(one)
    assert queue.next_due() == 10
    assert queue.take_due(Instant(9)) is None
    assert [queue.take_due(Instant(30)) for _ in range(3)] == [early, late, None]
    assert queue.next_due() is None


def test_queue_follows_a_time_that_moves() -> None:
    queue: TimerQueue[Timed] = TimerQueue()
    one = at(10)
    queue.schedule(one)
    for due in (50, 5, 70):
        one.due = Instant(due)
        queue.schedule(one)
        assert queue.next_due() == due
    one.due = None
    queue.schedule(one)
    assert queue.next_due() is None
    assert queue.take_due(Instant(100)) is None


def test_queue_lets_go_of_those_that_wait_no_longer() -> None:
    queue: TimerQueue[Timed] = TimerQueue()
    steady = at(10_000)
    queue.schedule(steady)
    for number in range(5_000):
        one = at(20_000 + number)
        queue.schedule(one)
        one.due = None
        queue.schedule(one)
        assert len(queue) < 200
    assert queue.next_due() == 10_000


@given(st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 50)), max_size=60))
def test_queue_agrees_with_looking_at_all(changes: list[tuple[int, int | None]]) -> None:
    queue: TimerQueue[Timed] = TimerQueue()
    waiting = [at(None) for _ in range(10)]
    for which, due in changes:
        waiting[which].due = None if due is None else Instant(due)
        queue.schedule(waiting[which])
        assert queue.next_due() == min(
            (one.due for one in waiting if one.due is not None), default=None
        )
    while (one := queue.take_due(Instant(50))) is not None:
        assert one.due is not None
        assert one.due == min(each.due for each in waiting if each.due is not None)
        one.due = None
        queue.schedule(one)
    assert all(one.due is None for one in waiting)
