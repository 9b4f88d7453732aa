"""Where the gateway's end of an OTA-HTTP connection is, and what moves it (WAP-235, 7.2.5).

::

      IDLE ──connected──► REGISTERING ──registered──► READY
                             ▲   │                     │ │
                             │   └──refused──► FAILED ◄┘ │
                             └────────reregister─────────┘     and CLOSED from everywhere

========== ========= ========== ======= ========== ============
state      connected registered refused reregister disconnected
========== ========= ========== ======= ========== ============
IDLE       REGIST.   --         --      --         CLOSED
REGIST.    --        READY      FAILED  REGIST.    CLOSED
READY      --        --         FAILED  REGIST.    CLOSED
FAILED     --        --         --      --         CLOSED
CLOSED     --        --         --      --         --
========== ========= ========== ======= ========== ============

``refused`` stands for everything after which the connection is of no use: the terminal refused to
register, demands what we cannot do, does not answer, or does not speak HTTP.

Authentication changes no state: its rounds are part of registering, or of one push while no other
is outstanding (WAP-235, 7.2.6.2).
"""

from __future__ import annotations

import enum


class State(enum.Enum):
    """Where the session is."""

    IDLE = "idle"
    REGISTERING = "registering"
    READY = "ready"
    FAILED = "failed"
    CLOSED = "closed"

    @property
    def has_ended(self) -> bool:
        """Whether nothing can be sent here any more."""
        return self in (State.FAILED, State.CLOSED)


class Event(enum.Enum):
    """What moves the session."""

    CONNECTED = "connected"
    REGISTERED = "registered"
    REFUSED = "refused"
    REREGISTER = "reregister"
    DISCONNECTED = "disconnected"


_S, _E = State, Event
TRANSITIONS: dict[State, dict[Event, State]] = {
    _S.IDLE: {_E.CONNECTED: _S.REGISTERING, _E.DISCONNECTED: _S.CLOSED},
    _S.REGISTERING: {
        _E.REGISTERED: _S.READY,
        _E.REFUSED: _S.FAILED,
        # Several pushes may learn of one new tag.
        _E.REREGISTER: _S.REGISTERING,
        _E.DISCONNECTED: _S.CLOSED,
    },
    _S.READY: {
        _E.REREGISTER: _S.REGISTERING,
        _E.REFUSED: _S.FAILED,
        _E.DISCONNECTED: _S.CLOSED,
    },
    _S.FAILED: {_E.DISCONNECTED: _S.CLOSED},
    _S.CLOSED: {},
}
"""The next state; what is not listed does not happen."""
