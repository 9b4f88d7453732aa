"""Services waiting to be loaded: duplicates, order and bounds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.client.built_in import loading_queue
from omapush.client.built_in.loading_queue import Loading, LoadingQueue
from omapush.content.indication import LoadingAction, ServiceLoading

LOW, HIGH, CACHE = LoadingAction.EXECUTE_LOW, LoadingAction.EXECUTE_HIGH, LoadingAction.CACHE


def queued(
    *asked: tuple[str, LoadingAction], capacity: int = 16
) -> tuple[LoadingQueue, list[Loading]]:
    queue, outcomes = LoadingQueue(capacity=capacity), []
    for href, action in asked:
        queue, outcome = loading_queue.receive(queue, ServiceLoading(href, action))
        outcomes.append(outcome)
    return queue, outcomes


def waiting(queue: LoadingQueue) -> list[tuple[str, LoadingAction]]:
    return [(entry.href, entry.action) for entry in queue.waiting]


def test_queue_orders_by_action_then_arrival() -> None:
    queue, _ = queued(("1", CACHE), ("2", LOW), ("3", HIGH), ("4", LOW), ("5", HIGH))
    assert [href for href, _ in waiting(queue)] == ["3", "5", "2", "4", "1"]


@pytest.mark.parametrize(
    ("first", "second", "outcome", "left"),
    [
        (CACHE, HIGH, Loading.REPLACED, HIGH),
        (LOW, HIGH, Loading.REPLACED, HIGH),
        (CACHE, LOW, Loading.REPLACED, LOW),
        (HIGH, CACHE, Loading.DUPLICATE, HIGH),
        (LOW, LOW, Loading.DUPLICATE, LOW),
    ],
)
def test_queue_keeps_the_most_urgent_of_one_address(
    first: LoadingAction, second: LoadingAction, outcome: Loading, left: LoadingAction
) -> None:
    queue, outcomes = queued(("a", first), ("a", second))
    assert outcomes == [Loading.QUEUED, outcome]
    assert waiting(queue) == [("a", left)]


def test_queue_gives_one_after_the_other() -> None:
    queue, _ = queued(("1", CACHE), ("2", HIGH))
    queue, first = loading_queue.take(queue)
    queue, second = loading_queue.take(queue)
    assert first is not None
    assert second is not None
    assert (first.href, first.runs, first.may_disturb) == ("2", True, True)
    assert (second.href, second.runs, second.may_disturb) == ("1", False, False)
    assert loading_queue.take(queue) == (queue, None)


def test_client_without_a_cache_drops_what_is_for_the_cache() -> None:
    queue = LoadingQueue()
    loading = ServiceLoading("a", CACHE)
    assert loading_queue.receive(queue, loading, has_cache=False) == (queue, Loading.NO_CACHE)


def test_full_queue_makes_room_for_what_is_more_urgent_only() -> None:
    queue, outcomes = queued(("1", LOW), ("2", LOW), ("3", LOW), ("4", HIGH), capacity=2)
    assert outcomes == [Loading.QUEUED, Loading.QUEUED, Loading.FULL, Loading.QUEUED]
    assert waiting(queue) == [("4", HIGH), ("1", LOW)]
    assert queued(("1", LOW), capacity=0)[1] == [Loading.FULL]


def test_address_that_is_too_long_is_dropped() -> None:
    assert queued(("x" * 2_049, LOW))[1] == [Loading.TOO_LARGE]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_order_of_arrival_does_not_decide_which_action_is_kept(data: st.DataObject) -> None:
    services = st.tuples(st.sampled_from("abcdef"), st.sampled_from(LoadingAction))
    asked = data.draw(st.lists(services, max_size=12))
    first, _ = queued(*asked)
    second, _ = queued(*data.draw(st.permutations(asked)))
    assert sorted(waiting(first)) == sorted(waiting(second))
    assert len({href for href, _ in waiting(first)}) == len(first.waiting)
