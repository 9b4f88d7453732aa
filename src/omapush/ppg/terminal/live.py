"""Which terminals are connected to this gateway process now."""

from __future__ import annotations

from collections.abc import Collection

from omapush.ppg.terminal.connection import TerminalConnection

MOST_OF_ONE = 4
"""Connections of one client that are kept; with more the oldest without work goes."""


class LiveTerminals:
    """The registered connections of terminals, by client.

    A client may have several, one on each of its bearers perhaps (WAP-235 7.2.4). The one that came
    last is used; an older one takes its place when it fails.

    :param most_of_one: connections of one client that are kept; ``None``: all of them.
    """

    def __init__(self, most_of_one: int | None = MOST_OF_ONE) -> None:
        self._most_of_one = most_of_one
        # A client nearly always has one, and there may be very many clients.
        self._by_client: dict[str, TerminalConnection | list[TerminalConnection]] = {}

    def __len__(self) -> int:
        return len(self._by_client)

    def connection_of(self, client_id: str) -> TerminalConnection | None:
        """Return the connection to use for a client; ``None``: it is not connected here."""
        for connection in reversed(self._of(client_id)):
            if connection.usable:
                return connection
        return None

    def add(self, client_id: str, connection: TerminalConnection) -> None:
        """Keep a connection, as the one that came last."""
        connections = [*self._of(client_id), connection]
        if self._most_of_one is not None and len(connections) > self._most_of_one:
            older = connections[:-1]
            oldest = next((each for each in older if each.is_idle), older[0])
            connections.remove(oldest)
            oldest.retire("the terminal has newer connections")
        self._put(client_id, connections)

    def remove(self, client_id: str, connection: TerminalConnection) -> bool:
        """Forget a connection that has ended; return whether the client has none left."""
        left = [each for each in self._of(client_id) if each is not connection]
        self._put(client_id, left)
        return not left

    def of(self, client_id: str) -> tuple[TerminalConnection, ...]:
        """Return the connections of a client, that which came last at the end."""
        return tuple(self._of(client_id))

    def connections(self) -> int:
        """Return how many connections there are, of all clients."""
        return sum(len(x) if isinstance(x, list) else 1 for x in self._by_client.values())

    def clients(self) -> Collection[str]:
        """Return which clients have a connection, in no order."""
        return self._by_client.keys()

    def _of(self, client_id: str) -> list[TerminalConnection]:
        found = self._by_client.get(client_id)
        if found is None:
            return []
        return found if isinstance(found, list) else [found]

    def _put(self, client_id: str, connections: list[TerminalConnection]) -> None:
        if not connections:
            self._by_client.pop(client_id, None)
        else:
            only = len(connections) == 1
            self._by_client[client_id] = connections[0] if only else connections
