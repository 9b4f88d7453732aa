"""From the initiator's address to a client that this gateway serves (PPG 6).

Clients are static for now: each is named in the settings with the addresses that lead to it. An
address that leads nowhere is PAP 2002 (PAP 8.14.2.3). Resolution through tables and look-ups joins
here later, behind the same :meth:`Recipients.resolve`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from omapush.core.errors import OmapushError
from omapush.pap.address import Address
from omapush.ppg.contacts import Contact


@dataclass(frozen=True, slots=True)
class Client:
    """A client that this gateway serves.

    :ivar client_id: the operator's name for it, unique in the settings.
    :ivar addresses: every form in which initiators may address it.
    :ivar contacts: the ways to it, in the order in which they are tried.
    :ivar terminal_id: what it must say in X-Wap-Terminal-Id; ``None``: anything is accepted.
    """

    client_id: str
    addresses: tuple[Address, ...]
    contacts: tuple[Contact, ...] = ()
    terminal_id: str | None = None


class AmbiguousClientsError(OmapushError):
    """Two clients have the same id, or claim the same address."""


class Recipients:
    """The static table of clients.

    :raises AmbiguousClientsError: the clients contradict each other.
    """

    def __init__(self, clients: Iterable[Client]) -> None:
        self._by_id: dict[str, Client] = {}
        self._by_recipient: dict[str, Client] = {}
        for client in clients:
            if client.client_id in self._by_id:
                raise AmbiguousClientsError(f"two clients are called {client.client_id!r}")
            self._by_id[client.client_id] = client
            for address in client.addresses:
                other = self._by_recipient.setdefault(address.recipient_key, client)
                if other is not client:
                    raise AmbiguousClientsError(
                        f"{address.original} leads to both {other.client_id!r} "
                        f"and {client.client_id!r}"
                    )

    def resolve(self, address: Address) -> Client | None:
        """Return the client behind ``address``; the ppg-specifier plays no part (PPG 6)."""
        return self._by_recipient.get(address.recipient_key)

    def client(self, client_id: str) -> Client | None:
        """Return the client called ``client_id``, if the settings still name it."""
        return self._by_id.get(client_id)

    @property
    def clients(self) -> Mapping[str, Client]:
        """All clients by id."""
        return self._by_id
