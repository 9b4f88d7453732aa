"""Tables of transitions as data, and the one rule by which they are read.

A table gives for a state and an event the rows of the specification in their order. The first row
all of whose guards hold is taken: its actions are done in order, then the state becomes ``next``
(``None`` keeps it). No row means that the event is not handled in that state, which the caller
deals with. Machines keep one function for each guard and action, and no conditions of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

StateT = TypeVar("StateT")
EventT = TypeVar("EventT")
GuardT = TypeVar("GuardT")
ActionT = TypeVar("ActionT")


@dataclass(frozen=True, slots=True)
class Row(Generic[GuardT, ActionT, StateT]):
    """One line of a table."""

    guards: tuple[GuardT, ...]
    actions: tuple[ActionT, ...]
    next: StateT | None = None


Table: TypeAlias = Mapping[
    tuple[StateT, EventT],
    tuple[Row[GuardT, ActionT, StateT], ...],
]


def take_row(
    table: Table[StateT, EventT, GuardT, ActionT],
    state: StateT,
    event: EventT,
    holds: Callable[[GuardT], bool],
    act: Callable[[ActionT], None],
) -> StateT | None:
    """Take the row that applies and return the next state; ``None``: the event is not handled."""
    for row in table.get((state, event), ()):
        if all(holds(guard) for guard in row.guards):
            for action in row.actions:
                act(action)
            return state if row.next is None else row.next
    return None
