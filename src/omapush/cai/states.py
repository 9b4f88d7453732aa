"""The life of a registration: one table (CAI 5.1, 5.2).

::

    (request) ──► PENDING ──► REGISTERED ◄──► LOST ──► FAILED
                     │             │            │
                     ├──► FAILED   └──► DEREGISTERING ──► DEREGISTERED
                     └──────────────────────┘   ▲  │           ▲
                                     (again)    │  ▼           │ (forced)
                                          DEREGISTER_FAILED ───┘

A failed registration stays as it is, to be looked at; registering again makes a new one.
"""

from __future__ import annotations

from omapush.cai.model import RegistrationState
from omapush.core.errors import OmapushError

_S = RegistrationState

TRANSITIONS: dict[RegistrationState, frozenset[RegistrationState]] = {
    # A restart makes a live registration pending again: its binding has to come up anew.
    _S.PENDING: frozenset((_S.REGISTERED, _S.FAILED, _S.DEREGISTERING)),
    _S.REGISTERED: frozenset((_S.LOST, _S.PENDING, _S.DEREGISTERING)),
    _S.LOST: frozenset((_S.REGISTERED, _S.PENDING, _S.FAILED, _S.DEREGISTERING)),
    _S.FAILED: frozenset(),
    _S.DEREGISTERING: frozenset((_S.DEREGISTERED, _S.DEREGISTER_FAILED)),
    _S.DEREGISTER_FAILED: frozenset((_S.DEREGISTERING, _S.DEREGISTERED)),
    _S.DEREGISTERED: frozenset(),
}


class ForbiddenTransitionError(OmapushError):
    """A registration cannot go from this state to that: a fault of ours."""


def check_transition(old: RegistrationState, new: RegistrationState) -> None:
    """Check a change of state. :raises ForbiddenTransitionError: it is not in the table."""
    if new not in TRANSITIONS[old]:
        raise ForbiddenTransitionError(f"a registration does not go from {old} to {new}")
