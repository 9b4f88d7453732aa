"""From the initiator's address to a client that this gateway serves (PPG 6).

A client is named in the settings with the addresses that lead to it, or belongs to a range of
subscribers. Its SIP address of record leads to it too, and so do the addresses of the user's
devices. An address that leads nowhere is PAP 2002 (PAP 8.14.2.3). What looks addresses up
elsewhere is in ``resolution``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from omapush.core.errors import OmapushError
from omapush.pap.address import URI, Address
from omapush.ppg.client import Client
from omapush.ppg.contacts import SessionContact, SipContact
from omapush.ppg.sip.address_of_record import address_of_record
from omapush.ppg.subscribers import Subscribers


class AmbiguousClientsError(OmapushError):
    """Two clients have the same id, or claim the same address."""


class Recipients:
    """The table of clients, and the ranges of subscribers behind it.

    :raises AmbiguousClientsError: the clients contradict each other.
    """

    def __init__(self, clients: Iterable[Client], subscribers: Subscribers | None = None) -> None:
        self._subscribers = subscribers or Subscribers()
        self._by_id: dict[str, Client] = {}
        self._by_recipient: dict[str, Client] = {}
        self._by_session_host: dict[str, str] = {}
        self._by_terminal: dict[str, Client] = {}
        self._by_sip_user: dict[str, Client] = {}
        for client in clients:
            if client.client_id in self._by_id:
                raise AmbiguousClientsError(f"two clients are called {client.client_id!r}")
            self._by_id[client.client_id] = client
            if client.terminal_id is not None:
                self._keep_terminal(client.terminal_id, client)
            for contact in client.contacts:
                if isinstance(contact.where, SessionContact):
                    self._keep_session_host(contact.where.host, client)
                elif isinstance(contact.where, SipContact):
                    self._keep_sip_user(contact.where.address_of_record, client)
            for address in client.addresses:
                other = self._by_recipient.setdefault(address.recipient_key, client)
                if other is not client:
                    raise AmbiguousClientsError(
                        f"{address.original} leads to both {other.client_id!r} "
                        f"and {client.client_id!r}"
                    )

    def _keep_terminal(self, terminal_id: str, client: Client) -> None:
        other = self._by_terminal.setdefault(terminal_id, client)
        if other is not client:
            raise AmbiguousClientsError(
                f"terminal {terminal_id!r} is of both {other.client_id!r} and {client.client_id!r}"
            )

    def _keep_session_host(self, host: str, client: Client) -> None:
        other = self._by_session_host.setdefault(host, client.client_id)
        if other != client.client_id:
            raise AmbiguousClientsError(
                f"push sessions from {host} are of both {other!r} and {client.client_id!r}"
            )

    def _keep_sip_user(self, user: str, client: Client) -> None:
        other = self._by_sip_user.setdefault(user, client)
        if other is not client:
            raise AmbiguousClientsError(
                f"the SIP user {user} is both {other.client_id!r} and {client.client_id!r}"
            )

    def resolve(self, address: Address) -> Client | None:
        """Return the client behind ``address``; the ppg-specifier plays no part (PPG 6)."""
        listed = self._by_recipient.get(address.recipient_key)
        if listed is None and address.type == URI and not address.qualifiers:
            listed = self._by_sip_user.get(address_of_record(address.value) or "")
        return listed or self._subscribers.resolve(address)

    def client(self, client_id: str) -> Client | None:
        """Return the client called ``client_id``, if the settings still lead to it."""
        return self._by_id.get(client_id) or self._subscribers.client(client_id)

    def client_at(self, host: str) -> str | None:
        """Return the id of the client whose push sessions come from the IP address ``host``."""
        return self._by_session_host.get(host) or self._subscribers.client_at(host)

    def client_of_terminal(self, terminal_id: str) -> Client | None:
        """Return the listed client whose terminal calls itself ``terminal_id`` (OTA-HTTP)."""
        return self._by_terminal.get(terminal_id)

    def client_of_sip_user(self, user: str) -> str | None:
        """Return the id of the client whose SIP address of record ``user`` is."""
        listed = self._by_sip_user.get(user)
        return listed.client_id if listed is not None else self._subscribers.client_of_user(user)

    @property
    def clients(self) -> Mapping[str, Client]:
        """All listed clients by id."""
        return self._by_id
