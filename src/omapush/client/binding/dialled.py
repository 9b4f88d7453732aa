"""Bindings by connections that the terminal dials and keeps (TO-TCP, WAP-235 7.2.4).

One connection to a contact point serves every registration that asks for the same; how it is kept
is the business of ``client.connections``. The gateway speaks first on it, with OPTIONS and pushes,
as on one that it has dialled itself.

A try that fails ends the bindings that have never been up: their application learns why (CAI-41).
Those that have been up, in this life or an earlier one, are lost and tried again for ever. A
connection that the terminal itself has ended, so that the gateway asks anew what is taken, comes
back at once, and nobody is told unless it does not.
"""

from __future__ import annotations

from omapush.cai.model import Binding, BindingState, Protocol, Reason
from omapush.client.binding.binder import BindingListener
from omapush.client.binding.binding_hold import Hold
from omapush.client.connections.dialling import Destination
from omapush.client.connections.open_connection import OpenConnection
from omapush.client.connections.terminal_connections import TerminalConnections

OTA_HTTP = Protocol.OTA_HTTP.value
WAS_UP = "was up"
"""Kept for a binding that has been up, so that after a restart it is not given up at once."""


class DialledConnections:
    """Binds by connections to the destinations that connection profiles name."""

    def __init__(self, connections: TerminalConnections) -> None:
        self._connections = connections

    def begin(self, to: Destination, listener: BindingListener, server_data: str) -> Hold:
        """Bind by a connection to ``to``."""
        bound = _Bound(to, was_up=bool(server_data))
        hold = bound.hold = Hold(listener, lambda _: kept.leave(bound))
        kept = self._connections.hold(to, bound)
        return hold

    def announce(self) -> None:
        """Have gateways learn what the client takes now."""
        self._connections.announce()


class _Bound:
    """A binding that holds a connection. Implements ``client.connections.kept_connection.Holder``.

    :ivar hold: towards the agent.
    """

    hold: Hold

    def __init__(self, to: Destination, *, was_up: bool) -> None:
        self._to = to
        self._was_up = was_up

    def connected(self, connection: OpenConnection) -> None:
        """The binding is up."""
        if not self._was_up:
            self.hold.keep(WAS_UP)
        self._was_up = True
        self.hold.trust(connection.address)  # before anything that comes from there (CAI-43)
        self.hold.tell(Binding(OTA_HTTP, self._to.bearer, connection.peer))

    def lost(self, cause: Reason, detail: str) -> bool:
        """The binding is lost; one that has never been up has failed."""
        if not self._was_up or cause is Reason.INTERNAL_ERROR:
            self.hold.fail(OTA_HTTP, self._to.bearer, cause, detail)
            return False
        state = BindingState.LOST if self.hold.was_up else BindingState.PENDING
        self.hold.tell(
            Binding(
                OTA_HTTP,
                self._to.bearer,
                str(self._to.contact),
                state=state,
                reason=cause,
                detail=detail,
            )
        )
        return True

    def released(self) -> bool:
        """Nothing is told: the connection comes back."""
        return True
