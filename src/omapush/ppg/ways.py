"""From a route to the reach that knows its kind of contact: the one place that tells them apart."""

from __future__ import annotations

from collections.abc import Callable

from omapush.core.instants import Instant
from omapush.ppg.client import Client
from omapush.ppg.contacts import HttpContact, UdpContact
from omapush.ppg.datagram_reach import DatagramReach, Datagrams
from omapush.ppg.reach import ClosedReach, Reach
from omapush.ppg.routing import Route
from omapush.ppg.store.contract import Store
from omapush.ppg.terminal_reach import TerminalReach, TerminalReachSettings
from omapush.ppg.terminals import Terminals


class Ways:
    """Gives each client's lane its reaches.

    :param datagrams: for contacts by UDP; ``None``: none is configured.
    """

    def __init__(
        self,
        store: Store,
        terminals: Terminals,
        clock: Callable[[], Instant],
        settings: TerminalReachSettings | None = None,
        datagrams: Datagrams | None = None,
    ) -> None:
        self._store = store
        self._terminals = terminals
        self._clock = clock
        self._settings = settings or TerminalReachSettings()
        self._datagrams = datagrams

    def reach(self, client: Client, route: Route) -> Reach:
        """Return the way to ``client`` over the contact of ``route``."""
        match route.contact.where:
            case HttpContact() as where:
                return TerminalReach(
                    client, route, where, self._store, self._terminals, self._clock, self._settings
                )
            case UdpContact() as where if self._datagrams is not None:
                retry = self._settings.retry
                return DatagramReach(client.client_id, where, self._datagrams, retry, self._clock)
            case _:
                return ClosedReach(route.contact)
