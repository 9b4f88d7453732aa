"""The tables of WTP as data: nothing in them hangs in the air."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import pytest

from omapush.protocols.wtp import initiator_states, responder_states
from omapush.protocols.wtp.events import TIMER_EVENTS, Event, Timer
from omapush.protocols.wtp.initiator import Initiator
from omapush.protocols.wtp.responder import Responder
from omapush.protocols.wtp.table import Row, take_row

ROLES = [
    (initiator_states, Initiator, initiator_states.State.NULL),
    (responder_states, Responder, responder_states.State.LISTEN),
]


def reachable(table: Mapping[Any, tuple[Row[Any, Any, Any], ...]], start: Enum) -> set[Enum]:
    found = {start}
    while True:
        more = {
            row.next
            for (state, _), rows in table.items()
            for row in rows
            if state in found and row.next is not None
        } - found
        if not more:
            return found
        found |= more


@pytest.mark.parametrize(("module", "machine", "rest"), ROLES)
def test_each_guard_and_action_of_a_table_is_implemented_and_used(
    module: Any, machine: Any, rest: Enum
) -> None:
    rows = [row for rows in module.TABLE.values() for row in rows]
    assert {one for row in rows for one in row.guards} == set(module.Guard)
    assert {one for row in rows for one in row.actions} == set(module.Action)
    assert set(machine._GUARDS) == set(module.Guard)
    assert set(machine._ACTIONS) == set(module.Action)


@pytest.mark.parametrize(("module", "machine", "rest"), ROLES)
def test_each_state_is_reached_and_left_again(module: Any, machine: Any, rest: Enum) -> None:
    begin = rest if module is responder_states else module.State.RESULT_WAIT
    assert reachable(module.TABLE, begin) | {rest} == set(module.State)
    for state in set(module.State) - {rest}:
        assert rest in reachable(module.TABLE, state)


@pytest.mark.parametrize(("module", "machine", "rest"), ROLES)
def test_no_row_stands_behind_one_that_always_applies(
    module: Any, machine: Any, rest: Enum
) -> None:
    for rows in module.TABLE.values():
        assert all(row.guards for row in rows[:-1])


@pytest.mark.parametrize(("module", "machine", "rest"), ROLES)
def test_each_waiting_state_has_a_clock_that_ends_it(module: Any, machine: Any, rest: Enum) -> None:
    clocks = set(TIMER_EVENTS.values())
    for state in set(module.State) - {rest}:
        assert any((state, clock) in module.TABLE for clock in clocks), state
    assert set(TIMER_EVENTS) == set(Timer)


def test_the_first_row_whose_guards_hold_is_taken() -> None:
    table = {("s", Event.RCV_ACK): (Row(("no",), ("a",), "x"), Row((), ("b", "c")))}
    done: list[str] = []
    assert take_row(table, "s", Event.RCV_ACK, lambda guard: guard != "no", done.append) == "s"
    assert done == ["b", "c"]
    assert take_row(table, "s", Event.RCV_ABORT, lambda _: True, done.append) is None
