"""Whose connection it is: from a Terminal-ID to a client that this gateway serves. Pure.

A terminal that dials in says who it is, and nothing else does. Whoever has a password or a
certificate in the settings must have proved that it is he; of a client without one the word counts,
unless the operator wants proof of everybody. A Terminal-ID that is an IP address has to be the
peer's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from omapush.content import client_id as client_ids
from omapush.content.client_id import ClientId, ClientIdType
from omapush.core.errors import DecodeError
from omapush.core.networks import contains, inner_address, ip_address
from omapush.core.peer_certificate import PeerCertificate
from omapush.ota.interface import RegistrationInd
from omapush.pap import address as addressing
from omapush.ppg.client import Client
from omapush.ppg.contacts import HttpContact
from omapush.ppg.recipients import Recipients

_HERE = "ppg"  # the specifier names no recipient


@dataclass(frozen=True, slots=True)
class Stranger:
    """The terminal is not let in.

    :ivar unproved: it may be whom it says, and has not shown it: somebody may be guessing.
    """

    reason: str
    unproved: bool = False


class Proofs(Protocol):
    """By what terminals prove who they are."""

    def must_prove(self, terminal_id: str) -> bool:
        """Whether there is something by which this terminal can prove it, so that it has to."""

    def is_proof(self, terminal_id: str, certificate: PeerCertificate) -> bool:
        """Whether the certificate is this terminal's."""


class Identification:
    """Tells clients by their terminals.

    :param proofs: who has to prove who it is, and by which certificates.
    :param proof_required: every terminal has to.
    """

    def __init__(
        self, recipients: Recipients, proofs: Proofs, *, proof_required: bool = False
    ) -> None:
        self._recipients = recipients
        self._proofs = proofs
        self._proof_required = proof_required

    def client_of(
        self, registration: RegistrationInd, host: str, certificate: PeerCertificate | None = None
    ) -> Client | Stranger:
        """Return the client whose terminal has registered.

        :param host: the IP address that it has dialled from.
        :param certificate: that it has shown, and the bearer has verified.
        """
        terminal_id = registration.terminal_id
        if terminal_id is None:
            return Stranger("the terminal does not say who it is")
        client = self._client(terminal_id, host)
        wants_proof = self._proof_required or self._proofs.must_prove(terminal_id)
        proved = is_proved(self._proofs, registration, certificate)
        if client is None or (wants_proof and not proved):
            # In the same words, so that nobody learns which terminals there are.
            return Stranger(
                "not a terminal of a client that dials in, or not proved", unproved=True
            )
        return client

    def _client(self, terminal_id: str, host: str) -> Client | None:
        listed = self._recipients.client_of_terminal(terminal_id)
        if listed is not None:
            return listed if _dials_in_from(host, listed) else None
        client_id = client_ids.read(terminal_id)
        address = None if client_id is None else _address_of(client_id, host)
        client = None if address is None else self._recipients.resolve(address)
        # A client that is listed with another Terminal-ID, or with none of its own.
        if client is None or client.terminal_id is not None:
            return None
        return client if _dials_in_from(host, client) else None


def is_proved(
    proofs: Proofs, registration: RegistrationInd, certificate: PeerCertificate | None
) -> bool:
    """Whether a terminal has shown that it is the one that it says."""
    if registration.authenticated:
        return True
    terminal_id = registration.terminal_id or ""
    return certificate is not None and proofs.is_proof(terminal_id, certificate)


def _dials_in_from(host: str, client: Client) -> bool:
    """Whether one of the client's contacts is for connections that its terminal makes from there.

    Where nothing is proved that is all that stands between a client's pushes and everybody.
    """
    return any(
        where.dials_in and (not where.dials_in_from or contains(where.dials_in_from, host))
        for where in client.contacts_where
        if isinstance(where, HttpContact)
    )


def _address_of(client_id: ClientId, host: str) -> addressing.Address | None:
    """Return the initiators' address of the terminal that calls itself so (PPG 6)."""
    try:
        match client_id.type:
            case ClientIdType.MSISDN:
                return addressing.parse(addressing.plmn(f"+{client_id.value}", _HERE))
            case ClientIdType.IPV4 | ClientIdType.IPV6:
                named, peer = client_id.address, ip_address(host)
                if named is None or peer is None or inner_address(peer) != inner_address(named):
                    return None
                return addressing.parse(addressing.internet(named, _HERE))
            case ClientIdType.PUSH_ADDRESS:
                return addressing.parse(client_id.value)
    except DecodeError:
        return None
    return None
