"""The tables of sessions as data: nothing in them hangs in the air."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest

from omapush.protocols.wsp import session_client, session_server, session_states

TABLES = [
    (
        session_states.SERVER_TABLE,
        session_states.ServerState,
        session_states.ServerEvent,
        session_states.ServerGuard,
        session_states.ServerAction,
        session_server,
        session_server.ServerSession,
    ),
    (
        session_states.CLIENT_TABLE,
        session_states.ClientState,
        session_states.ClientEvent,
        session_states.ClientGuard,
        session_states.ClientAction,
        session_client,
        session_client.WspClient,
    ),
]


def reachable(table: Any, start: Enum) -> set[Enum]:
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


@pytest.mark.parametrize(
    ("table", "states", "events", "guards", "actions", "module", "who"), TABLES
)
def test_each_guard_and_action_is_implemented_and_used(
    table: Any, states: Any, events: Any, guards: Any, actions: Any, module: Any, who: Any
) -> None:
    rows = [row for rows in table.values() for row in rows]
    assert {one for row in rows for one in row.guards} == set(guards)
    assert {one for row in rows for one in row.actions} == set(actions)
    assert set(who._GUARDS) == set(guards)
    done = {
        *who._ACTIONS,
        *module._MAIN_ABORTS,
        *module._ABORTS_OF_ALL,
        *module._ENDS,
        *module._RESTS,
    }
    assert done == set(actions)
    assert {event for _, event in table} == set(events)


@pytest.mark.parametrize(
    ("table", "states", "events", "guards", "actions", "module", "who"), TABLES
)
def test_each_state_is_reached_and_left_by_a_disconnect(
    table: Any, states: Any, events: Any, guards: Any, actions: Any, module: Any, who: Any
) -> None:
    assert reachable(table, states.NULL) == set(states)
    for state in set(states) - {states.NULL}:
        assert [row.next for row in table[state, events.DISCONNECT]] == [states.NULL]


@pytest.mark.parametrize(
    ("table", "states", "events", "guards", "actions", "module", "who"), TABLES
)
def test_whoever_leaves_for_null_or_suspended_tells_the_user_once(
    table: Any, states: Any, events: Any, guards: Any, actions: Any, module: Any, who: Any
) -> None:
    for (state, event), rows in table.items():
        for row in rows:
            told = [one for one in row.actions if one.name.startswith(("ENDED_", "RESTS_"))]
            leaves = row.next in (states.NULL, states.SUSPENDED)
            silent = state.name == "TERMINATING"  # told when it was refused
            if leaves and not silent:
                assert len(told) == 1, (state, event)
            elif row.next is not None and row.next.name not in ("TERMINATING", "RESUMING"):
                assert not told, (state, event)


@pytest.mark.parametrize(
    ("table", "states", "events", "guards", "actions", "module", "who"), TABLES
)
def test_no_row_stands_behind_one_that_always_applies(
    table: Any, states: Any, events: Any, guards: Any, actions: Any, module: Any, who: Any
) -> None:
    for rows in table.values():
        assert all(row.guards for row in rows[:-1])
