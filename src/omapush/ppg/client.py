"""A client as the gateway knows it: its name, its addresses, the ways to it."""

from __future__ import annotations

from dataclasses import dataclass

from omapush.pap.address import Address
from omapush.ppg.contacts import Connectionless, Contact, HttpContact, Where


@dataclass(frozen=True, slots=True)
class Client:
    """A client that this gateway serves.

    :ivar client_id: the operator's name for it, unique in the settings.
    :ivar addresses: every form in which initiators may address it.
    :ivar contacts: the ways to it, in the order in which they are tried.
    :ivar terminal_id: what it must say in X-Wap-Terminal-Id; ``None``: anything is accepted.
    :ivar prov_url: by which its provisioning knows this gateway (WAP-235 7.2.5.4); ``None``: not
        said.
    """

    client_id: str
    addresses: tuple[Address, ...]
    contacts: tuple[Contact, ...] = ()
    terminal_id: str | None = None
    prov_url: str | None = None

    @property
    def contacts_where(self) -> tuple[Where, ...]:
        """Where it is reached, without the networks and bearers."""
        return tuple(contact.where for contact in self.contacts)

    @property
    def dials_in(self) -> bool:
        """Whether its terminal connects to the gateway (OTA-HTTP, TO-TCP)."""
        return any(
            isinstance(where, HttpContact) and where.dials_in for where in self.contacts_where
        )

    @property
    def is_connectionless(self) -> bool:
        """Whether nothing is kept open on any way to it, so that pushes need no lane."""
        return bool(self.contacts) and all(
            isinstance(contact.where, Connectionless) for contact in self.contacts
        )
