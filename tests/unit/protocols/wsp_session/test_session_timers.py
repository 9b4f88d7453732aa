"""Which machine is woken first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from omapush.core.instants import Instant
from omapush.protocols.wsp.session_timers import Schedule


def test_the_first_due_is_told_and_taken_in_order() -> None:
    schedule = Schedule()
    schedule.set("late", Instant(30))
    schedule.set("early", Instant(10))
    schedule.set("never", None)
    assert schedule.next() == 10
    assert schedule.take(Instant(30)) == ["early", "late"]
    assert schedule.next() is None


def test_the_last_word_about_a_key_counts() -> None:
    schedule = Schedule()
    schedule.set("a", Instant(10))
    schedule.set("a", Instant(50))
    schedule.set("b", Instant(20))
    schedule.set("b", None)
    assert schedule.take(Instant(40)) == []
    assert schedule.next() == 50


@given(
    st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(0, 100))), max_size=400)
)
def test_schedule_agrees_with_a_plain_dictionary(said: list[tuple[int, int | None]]) -> None:
    schedule, plain = Schedule(), {}
    for key, due in said:
        schedule.set(key, None if due is None else Instant(due))
        plain[key] = due
        known = [one for one in plain.values() if one is not None]
        assert schedule.next() == min(known, default=None)
    assert len(schedule._heap) <= 4 * 6 + 64 + 1
    assert sorted(schedule.take(Instant(100))) == sorted(
        key for key, due in plain.items() if due is not None
    )
