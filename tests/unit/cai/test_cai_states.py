"""The life of a registration, pinned: changing the table has to be meant."""

from __future__ import annotations

import itertools

import pytest

from omapush.cai.model import RegistrationState as State
from omapush.cai.states import TRANSITIONS, ForbiddenTransitionError, check_transition

ALLOWED = {
    (State.PENDING, State.REGISTERED),
    (State.PENDING, State.FAILED),
    (State.PENDING, State.DEREGISTERING),
    (State.REGISTERED, State.LOST),
    (State.REGISTERED, State.PENDING),
    (State.REGISTERED, State.DEREGISTERING),
    (State.LOST, State.REGISTERED),
    (State.LOST, State.FAILED),
    (State.LOST, State.PENDING),
    (State.LOST, State.DEREGISTERING),
    (State.DEREGISTERING, State.DEREGISTERED),
    (State.DEREGISTERING, State.DEREGISTER_FAILED),
    (State.DEREGISTER_FAILED, State.DEREGISTERING),
    (State.DEREGISTER_FAILED, State.DEREGISTERED),
}


@pytest.mark.parametrize(("old", "new"), list(itertools.product(State, State)))
def test_state_follows_only_as_the_table_says(old: State, new: State) -> None:
    if (old, new) in ALLOWED:
        check_transition(old, new)
    else:
        with pytest.raises(ForbiddenTransitionError):
            check_transition(old, new)


def test_every_state_can_be_reached_and_left_unless_final() -> None:
    reached = {new for followers in TRANSITIONS.values() for new in followers}
    assert reached == set(State)
    assert {state for state, after in TRANSITIONS.items() if not after} == {
        State.FAILED,
        State.DEREGISTERED,
    }


def test_live_states_are_those_that_count() -> None:
    live = {state for state in State if state.is_live}
    assert live == {State.PENDING, State.REGISTERED, State.LOST}
