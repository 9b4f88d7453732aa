"""Where an SMPP session is, what moves it, and what may be sent there (SMPP 3.4, 2.2 and 2.3).

========= ========= ======== ======= ======== ======== ========= ========= ======= ============
state     connected outbind  bind    bound_tx bound_rx bound_trx unbind    end     disconnected
========= ========= ======== ======= ======== ======== ========= ========= ======= ============
IDLE      OPEN      --       --      --       --       --        --        UNBOUND CLOSED
OPEN      --        OUTBOUND BINDING --       --       --        --        UNBOUND CLOSED
OUTBOUND  --        --       BINDING --       --       --        --        UNBOUND CLOSED
BINDING   --        --       --      BOUND_TX BOUND_RX BOUND_TRX --        UNBOUND CLOSED
BOUND_*   --        --       --      --       --       --        UNBINDING UNBOUND CLOSED
UNBINDING --        --       --      --       --       --        --        UNBOUND CLOSED
UNBOUND   --        --       --      --       --       --        --        --      CLOSED
========= ========= ======== ======= ======== ======== ========= ========= ======= ============

OPEN, OUTBOUND, BOUND_TX, BOUND_RX, BOUND_TRX, UNBOUND and CLOSED are the specification's. BINDING
is a bind that is not answered yet. UNBINDING takes no new request from either side: first those
that were sent before get their answers, then unbind is sent. UNBOUND waits for the connection to
close, whatever ended the session.
"""

from __future__ import annotations

import enum

from omapush.protocols.smpp.commands import BROADCAST_COMMANDS, CommandId
from omapush.protocols.smpp.values import InterfaceVersion


class State(enum.Enum):
    """Where the session is."""

    IDLE = "idle"
    OPEN = "open"
    OUTBOUND = "outbound"
    BINDING = "binding"
    BOUND_TX = "bound_tx"
    BOUND_RX = "bound_rx"
    BOUND_TRX = "bound_trx"
    UNBINDING = "unbinding"
    UNBOUND = "unbound"
    CLOSED = "closed"

    @property
    def is_bound(self) -> bool:
        """Whether messages may flow."""
        return self in _BOUND

    @property
    def is_before_bound(self) -> bool:
        """Whether the session is still being set up."""
        return self in _BEFORE

    @property
    def has_ended(self) -> bool:
        """Whether nothing can be sent here any more."""
        return self in (State.UNBOUND, State.CLOSED)


class Event(enum.Enum):
    """What moves the session."""

    CONNECTED = "connected"
    OUTBIND = "outbind"
    BIND = "bind"
    BOUND_TX = "bound_tx"
    BOUND_RX = "bound_rx"
    BOUND_TRX = "bound_trx"
    UNBIND = "unbind"
    END = "end"
    DISCONNECTED = "disconnected"


class Role(enum.Enum):
    """Which end of the session."""

    ESME = "esme"
    SMSC = "smsc"


_S, _E = State, Event
_BOUND = (_S.BOUND_TX, _S.BOUND_RX, _S.BOUND_TRX)
_BEFORE = (_S.IDLE, _S.OPEN, _S.OUTBOUND, _S.BINDING)
_ALWAYS = {_E.END: _S.UNBOUND, _E.DISCONNECTED: _S.CLOSED}
_WHEN_BOUND = {_E.UNBIND: _S.UNBINDING, **_ALWAYS}

TRANSITIONS: dict[State, dict[Event, State]] = {
    _S.IDLE: {_E.CONNECTED: _S.OPEN, **_ALWAYS},
    _S.OPEN: {_E.OUTBIND: _S.OUTBOUND, _E.BIND: _S.BINDING, **_ALWAYS},
    _S.OUTBOUND: {_E.BIND: _S.BINDING, **_ALWAYS},
    _S.BINDING: {
        _E.BOUND_TX: _S.BOUND_TX,
        _E.BOUND_RX: _S.BOUND_RX,
        _E.BOUND_TRX: _S.BOUND_TRX,
        **_ALWAYS,
    },
    _S.BOUND_TX: _WHEN_BOUND,
    _S.BOUND_RX: _WHEN_BOUND,
    _S.BOUND_TRX: _WHEN_BOUND,
    _S.UNBINDING: _ALWAYS,
    _S.UNBOUND: {_E.DISCONNECTED: _S.CLOSED},
    _S.CLOSED: {},
}
"""The next state; what is not listed does not happen."""

BOUND_BY: dict[int, Event] = {
    CommandId.BIND_TRANSMITTER: _E.BOUND_TX,
    CommandId.BIND_RECEIVER: _E.BOUND_RX,
    CommandId.BIND_TRANSCEIVER: _E.BOUND_TRX,
}
"""What an accepted bind request does."""

_C = CommandId
_TRANSMITTING = frozenset({_S.BOUND_TX, _S.BOUND_TRX})
_RECEIVING = frozenset({_S.BOUND_RX, _S.BOUND_TRX})

OPERATIONS: dict[Role, dict[int, frozenset[State]]] = {
    Role.ESME: dict.fromkeys(
        (
            _C.SUBMIT_SM,
            _C.SUBMIT_MULTI,
            _C.DATA_SM,
            _C.QUERY_SM,
            _C.CANCEL_SM,
            _C.REPLACE_SM,
            *BROADCAST_COMMANDS,
        ),
        _TRANSMITTING,
    ),
    Role.SMSC: dict.fromkeys((_C.DELIVER_SM, _C.DATA_SM, _C.ALERT_NOTIFICATION), _RECEIVING),
}
"""In which states an end may send which operation (SMPP 3.4, table 2-1; SMPP 5.0, 2.4)."""


def may_send(role: Role, state: State, command_id: int) -> bool:
    """Whether the end ``role`` may send an operation in ``state``."""
    return state in OPERATIONS[role].get(command_id, ())


def understands(interface_version: int, command_id: int) -> bool:
    """Whether a peer of this version knows the operation."""
    return command_id not in BROADCAST_COMMANDS or interface_version >= InterfaceVersion.V5_0
