"""From a route to the reach that knows its kind of contact: the one place that tells them apart."""

from __future__ import annotations

from collections.abc import Callable

from omapush.core.instants import Instant
from omapush.ppg.client import Client
from omapush.ppg.contacts import HttpContact
from omapush.ppg.reach import Reach
from omapush.ppg.routing import Route
from omapush.ppg.store.contract import Store
from omapush.ppg.terminal_reach import TerminalReach, TerminalReachSettings
from omapush.ppg.terminals import Terminals


class Ways:
    """Gives each client's lane its reaches."""

    def __init__(
        self,
        store: Store,
        terminals: Terminals,
        clock: Callable[[], Instant],
        settings: TerminalReachSettings | None = None,
    ) -> None:
        self._store = store
        self._terminals = terminals
        self._clock = clock
        self._settings = settings or TerminalReachSettings()

    def reach(self, client: Client, route: Route) -> Reach:
        """Return the way to ``client`` over the contact of ``route``."""
        match route.contact.where:
            case HttpContact() as where:
                return TerminalReach(
                    client, route, where, self._store, self._terminals, self._clock, self._settings
                )
            case _:
                raise NotImplementedError
