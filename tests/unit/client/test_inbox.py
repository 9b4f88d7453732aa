"""What becomes of service indications: the published steps, presentation, capacity, and what the
rules promise whatever the order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.client.built_in import inbox as inboxes
from omapush.client.built_in.inbox import Inbox, Outcome, Reception, State
from omapush.content.indication import InfoItem, ServiceIndication, SignalAction
from omapush.core.instants import Instant

EMPTY = Inbox()


def at(second: int) -> Instant:
    return Instant(second * 1_000)


def si(
    si_id: str | None = "a",
    created: int | None = None,
    action: SignalAction = SignalAction.SIGNAL_MEDIUM,
    *,
    href: str | None = None,
    expires: int | None = None,
    text: str = "",
) -> ServiceIndication:
    return ServiceIndication(
        text=text,
        href=href,
        si_id=si_id,
        created=None if created is None else at(created),
        si_expires=None if expires is None else at(expires),
        action=action,
    )


def deletion(si_id: str | None = "a", created: int | None = None) -> ServiceIndication:
    return si(si_id, created, SignalAction.DELETE)


def receive_all(
    *indications: ServiceIndication, inbox: Inbox = EMPTY, now: Instant | None = None
) -> tuple[Inbox, list[Outcome]]:
    outcomes = []
    for indication in indications:
        reception = inboxes.receive(inbox, indication, now)
        inbox = reception.inbox
        outcomes.append(reception.outcome)
    return inbox, outcomes


def kept(inbox: Inbox) -> list[ServiceIndication]:
    return [entry.indication for entry in inbox.entries]


@pytest.mark.parametrize(
    ("action", "outcome", "state"),
    [
        (SignalAction.SIGNAL_LOW, Outcome.POSTPONED, State.POSTPONED),
        (SignalAction.SIGNAL_MEDIUM, Outcome.PRESENT, State.WAITING),
        (SignalAction.SIGNAL_HIGH, Outcome.PRESENT, State.WAITING),
    ],
)
def test_inbox_keeps_an_indication_as_its_action_says(
    action: SignalAction, outcome: Outcome, state: State
) -> None:
    reception = inboxes.receive(EMPTY, si("a", 1, action), at(5))
    assert reception.outcome is outcome
    assert reception.entry is not None
    assert (reception.entry.state, reception.entry.received) == (state, at(5))
    assert reception.entry.may_disturb is (action is SignalAction.SIGNAL_HIGH)
    assert reception.inbox.entries == (reception.entry,)


def test_inbox_never_keeps_signal_none_but_lets_it_replace() -> None:
    inbox, _ = receive_all(si("a", 1))
    silent = replace(si("a", 2, SignalAction.SIGNAL_NONE), info=(InfoItem("c", "x"),))
    reception = inboxes.receive(inbox, silent)
    assert reception.outcome is Outcome.INFORM
    assert reception.inbox.entries == ()
    assert [entry.indication for entry in reception.removed] == [si("a", 1)]


def test_inbox_discards_what_is_over_only_when_there_is_a_clock() -> None:
    over = si("a", 1, expires=10)
    assert inboxes.receive(EMPTY, over, at(10)).outcome is Outcome.EXPIRED
    assert inboxes.receive(EMPTY, over, at(9)).outcome is Outcome.PRESENT
    assert inboxes.receive(EMPTY, over, None).outcome is Outcome.PRESENT


def test_inbox_does_not_let_an_expired_indication_replace() -> None:
    inbox, outcomes = receive_all(si("a", 1), si("a", 2, expires=3), now=at(4))
    assert outcomes[-1] is Outcome.EXPIRED
    assert kept(inbox) == [si("a", 1)]


@pytest.mark.parametrize("created", [1, 2])
def test_inbox_discards_what_is_older_or_as_old(created: int) -> None:
    inbox, outcomes = receive_all(si("a", 2, text="kept"), si("a", created))
    assert outcomes == [Outcome.PRESENT, Outcome.OUT_OF_ORDER]
    assert kept(inbox) == [si("a", 2, text="kept")]


def test_inbox_replaces_what_is_older() -> None:
    inbox, _ = receive_all(si("a", 1), si("b", 1))
    reception = inboxes.receive(inbox, si("a", 2))
    assert [entry.indication for entry in reception.removed] == [si("a", 1)]
    assert kept(reception.inbox) == [si("b", 1), si("a", 2)]


def test_inbox_compares_by_href_where_there_is_no_si_id() -> None:
    inbox, _ = receive_all(si(None, 1, href="http://a/"), si("http://a/", 2), si("x", 3))
    assert kept(inbox) == [si("http://a/", 2), si("x", 3)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (si("a"), si("a")),
        (si("a"), si("a", 1)),
        (si("a", 1), si("a")),
        (si(None, 1), si(None, 2)),
        (si(None, 1, href=""), si(None, 2, href="")),
    ],
)
def test_inbox_keeps_both_where_created_or_key_is_missing(
    first: ServiceIndication, second: ServiceIndication
) -> None:
    inbox, _ = receive_all(first, second)
    assert kept(inbox) == [first, second]


@pytest.mark.parametrize(
    ("stored", "delete", "outcome", "left"),
    [
        ([si("a", 1)], deletion("a", 2), Outcome.DELETED, []),
        ([si("a", 2)], deletion("a", 2), Outcome.OUT_OF_ORDER, [si("a", 2)]),
        ([si("a", 3)], deletion("a", 2), Outcome.OUT_OF_ORDER, [si("a", 3)]),
        ([si("a", 3), si("a"), si("b")], deletion("a"), Outcome.DELETED, [si("b")]),
        ([si("a"), si("a", 1)], deletion("a", 2), Outcome.DELETED, []),
        ([si(None, 1, href="a")], deletion("a", 2), Outcome.DELETED, []),
        ([si("b", 1)], deletion("a", 2), Outcome.DELETED, [si("b", 1)]),
        ([si("a", 1)], deletion(None, 2), Outcome.MALFORMED, [si("a", 1)]),
    ],
)
def test_deletion_takes_what_it_names_and_goes(
    stored: list[ServiceIndication],
    delete: ServiceIndication,
    outcome: Outcome,
    left: list[ServiceIndication],
) -> None:
    inbox, outcomes = receive_all(*stored, delete)
    assert outcomes[-1] is outcome
    assert kept(inbox) == left


def test_waiting_indications_are_presented_by_urgency_then_arrival() -> None:
    medium, high, low = (
        SignalAction.SIGNAL_MEDIUM,
        SignalAction.SIGNAL_HIGH,
        SignalAction.SIGNAL_LOW,
    )
    inbox, _ = receive_all(
        si("1", 1, medium), si("2", 1, high), si("3", 1, low), si("4", 1, high), si("5", 1, medium)
    )
    assert [entry.indication.si_id for entry in inboxes.to_present(inbox)] == ["2", "4", "1", "5"]
    assert [entry.indication.si_id for entry in inboxes.postponed(inbox)] == ["3"]


def test_user_postpones_and_removes_by_number() -> None:
    inbox, _ = receive_all(si("1"), si("2"))
    inbox = inboxes.postpone(inbox, 1)
    assert [entry.number for entry in inboxes.postponed(inbox)] == [1]
    assert [entry.number for entry in inboxes.to_present(inbox)] == [2]
    assert kept(inboxes.remove(inbox, 2)) == [si("1")]
    assert inboxes.remove(inbox, 9) == inboxes.postpone(inbox, 9) == inbox


def test_stored_indications_go_when_they_are_over() -> None:
    inbox, _ = receive_all(si("1", expires=10), si("2", expires=5), si("3"), now=at(1))
    assert inboxes.next_expiry(inbox) == at(5)
    inbox, gone = inboxes.expire(inbox, at(5))
    assert [entry.indication.si_id for entry in gone] == ["2"]
    assert inboxes.next_expiry(inbox) == at(10)
    inbox, _ = inboxes.expire(inbox, at(11))
    assert (kept(inbox), inboxes.next_expiry(inbox)) == ([si("3")], None)


def test_full_inbox_makes_room_by_what_is_least_urgent_put_off_and_oldest() -> None:
    low, high = SignalAction.SIGNAL_LOW, SignalAction.SIGNAL_HIGH
    full, _ = receive_all(si("h", 1, high), si("l", 1, low), si("m", 1), inbox=Inbox(capacity=3))

    def room_for(indication: ServiceIndication, inbox: Inbox = full) -> Reception:
        return inboxes.receive(inbox, indication)

    assert [gone.indication.si_id for gone in room_for(si("n", 1, low)).removed] == ["l"]
    only_high, _ = receive_all(*(si(str(n), 1, high) for n in range(3)), inbox=Inbox(capacity=3))
    assert room_for(si("n", 1), only_high).outcome is Outcome.FULL
    assert room_for(si("n", 1, high), only_high).removed[0].indication.si_id == "0"
    put_off = inboxes.postpone(only_high, 2)
    assert room_for(si("n", 1, high), put_off).removed[0].indication.si_id == "1"


def test_replacement_needs_no_room() -> None:
    inbox, outcomes = receive_all(si("a", 1), si("a", 2), inbox=Inbox(capacity=1))
    assert outcomes == [Outcome.PRESENT, Outcome.PRESENT]
    assert kept(inbox) == [si("a", 2)]


def test_indication_that_is_too_large_is_not_kept() -> None:
    large = si("a", 1, text="x" * inboxes.MAX_CHARACTERS)
    assert inboxes.receive(EMPTY, large) == Reception(EMPTY, Outcome.TOO_LARGE)


INDICATIONS = st.builds(
    si,
    si_id=st.sampled_from(["a", "b", None]),
    created=st.none() | st.integers(0, 4),
    action=st.sampled_from(SignalAction),
    href=st.sampled_from([None, "", "a", "c"]),
    expires=st.none() | st.integers(0, 6),
)
DATED = st.builds(
    si,
    si_id=st.sampled_from(["a", "b", "c"]),
    created=st.integers(0, 8),
    action=st.sampled_from([SignalAction.SIGNAL_LOW, SignalAction.SIGNAL_HIGH]),
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_order_of_arrival_decides_nothing_among_dated_indications(data: st.DataObject) -> None:
    indications = data.draw(
        st.lists(DATED, max_size=8, unique_by=lambda one: (one.si_id, one.created))
    )
    first, _ = receive_all(*indications)
    second, _ = receive_all(*data.draw(st.permutations(indications)))
    newest = {one.si_id: one for one in sorted(indications, key=lambda one: one.created or 0)}
    assert set(kept(first)) == set(kept(second)) == set(newest.values())


@settings(max_examples=150, deadline=None)
@given(st.lists(INDICATIONS, max_size=14), st.integers(0, 6), st.integers(1, 5))
def test_inbox_stays_within_its_bounds_and_loses_nothing_untold(
    indications: list[ServiceIndication], now: int, capacity: int
) -> None:
    inbox = Inbox(capacity=capacity)
    for indication in indications:
        reception = inboxes.receive(inbox, indication, at(now))
        before, after = set(inbox.entries), set(reception.inbox.entries)
        assert before - after == set(reception.removed)
        assert after - before == ({reception.entry} if reception.entry else set())
        inbox = reception.inbox
        assert len(inbox.entries) <= capacity
    numbers = [entry.number for entry in inbox.entries]
    assert numbers == sorted(set(numbers))
    for entry in inbox.entries:
        assert entry.indication.action not in (SignalAction.SIGNAL_NONE, SignalAction.DELETE)
        assert inboxes.expire(inbox, at(now)) == (inbox, ())
    dated = [
        entry.indication.comparison_key
        for entry in inbox.entries
        if entry.indication.created is not None and entry.indication.comparison_key
    ]
    assert len(dated) == len(set(dated))


@settings(max_examples=60, deadline=None)
@given(st.lists(DATED, max_size=6))
def test_receiving_the_same_again_changes_nothing(indications: list[ServiceIndication]) -> None:
    once, _ = receive_all(*indications)
    twice, outcomes = receive_all(*indications, inbox=once)
    assert twice == once
    assert set(outcomes) <= {Outcome.OUT_OF_ORDER}
