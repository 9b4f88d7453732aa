"""Whose connection it is that a terminal has made."""

from __future__ import annotations

import ipaddress

import pytest

from omapush.core.peer_certificate import PeerCertificate
from omapush.ota.interface import ClientCapabilities, RegistrationInd
from omapush.pap import address as addressing
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact, HttpContact
from omapush.ppg.recipients import AmbiguousClientsError, Recipients
from omapush.ppg.subscribers import Range, Subscribers
from omapush.ppg.terminal.accounts import Accounts, Secrets
from omapush.ppg.terminal.identification import Identification, Stranger

DIALS_IN = (Contact(HttpContact(dials_in=True)),)
LISTENS = (Contact(HttpContact("192.0.2.1")),)
HOST = "10.9.8.7"
FINGERPRINT = "ab" * 32
ANNA = Client("anna", (addressing.parse("WAPPUSH=anna/TYPE=USER@ppg"),), DIALS_IN, "00anna_x.net")
BERTA = Client("berta", (addressing.parse("WAPPUSH=+1555/TYPE=PLMN@ppg"),), DIALS_IN)
CLARA = Client("clara", (addressing.parse("WAPPUSH=clara/TYPE=USER@ppg"),), LISTENS, "00c_x.net")
DORA = Client("dora", (addressing.parse("WAPPUSH=+1666/TYPE=PLMN@ppg"),), DIALS_IN, "00dora_x.net")
RANGES = Subscribers(
    [
        Range(("+35840*",), dial_in=True),
        Range(
            ("+35841*",),
            dial_in=True,
            dial_in_from=(
                ipaddress.ip_network("10.9.8.0/24"),
                ipaddress.ip_network("2001:db8::/32"),
            ),
        ),
        Range(("+35850*",)),
        Range(networks=(ipaddress.ip_network("10.9.0.0/16"),), dial_in=True),
    ]
)
RECIPIENTS = Recipients([ANNA, BERTA, CLARA, DORA], RANGES)


def registered(terminal_id: str | None, *, authenticated: bool = False) -> RegistrationInd:
    return RegistrationInd(
        terminal_id, "00", None, ClientCapabilities(), authenticated=authenticated
    )


def accounts(*with_password: str) -> Accounts:
    by_certificate = Secrets(certificates=(FINGERPRINT, "berta.example.net"))
    secrets = {terminal: Secrets("secret") for terminal in with_password}
    return Accounts("ppg", {"4358401234567": by_certificate, **secrets})


def found(
    terminal_id: str | None,
    *,
    authenticated: bool = False,
    with_password: tuple[str, ...] = (),
    proof_required: bool = False,
    host: str = HOST,
    certificate: PeerCertificate | None = None,
) -> str | None:
    """Return the client's id, or none if the terminal is a stranger."""
    rules = Identification(RECIPIENTS, accounts(*with_password), proof_required=proof_required)
    told = registered(terminal_id, authenticated=authenticated)
    who = rules.client_of(told, host, certificate)
    return None if isinstance(who, Stranger) else who.client_id


@pytest.mark.parametrize(
    ("terminal_id", "client_id"),
    [
        ("00anna_x.net", "anna"),
        ("41555", "berta"),
        ("4358401234568", "PLMN:+358401234568"),
        ("6010009008007", "IPV4:10.9.8.7"),
        ("02WAPPUSH=+358401234567/TYPE=PLMN@carrier.com", "PLMN:+358401234567"),
        # Not somebody who dials in, not the peer's own address, not known, no Client ID, nothing.
        ("00c_x.net", None),
        ("4358501234567", None),
        ("6010009008008", None),
        ("4999", None),
        ("anna", None),
        (None, None),
        # Listed under another Terminal-ID: its number alone does not make the terminal hers.
        ("41666", None),
    ],
)
def test_terminal_is_known_by_its_terminal_id(
    terminal_id: str | None, client_id: str | None
) -> None:
    assert found(terminal_id) == client_id


def test_terminal_with_a_password_has_to_prove_who_it_is() -> None:
    known = ("00anna_x.net",)
    assert found("00anna_x.net", with_password=known) is None
    assert found("00anna_x.net", with_password=known, authenticated=True) == "anna"
    assert found("41555", with_password=known) == "berta"


def test_everybody_has_to_prove_it_where_the_operator_wants_it() -> None:
    assert found("41555", proof_required=True) is None
    assert found("41555", proof_required=True, authenticated=True) == "berta"


def test_unknown_and_unproved_terminals_are_refused_in_the_same_words() -> None:
    rules = Identification(RECIPIENTS, accounts("00anna_x.net"))
    refusals = [rules.client_of(registered(who), HOST) for who in ("00anna_x.net", "00zoe_x.net")]
    assert refusals[0] == refusals[1]
    assert isinstance(refusals[0], Stranger)
    assert refusals[0].unproved


def test_two_clients_cannot_have_one_terminal() -> None:
    twin = Client(
        "twin", (addressing.parse("WAPPUSH=twin/TYPE=USER@ppg"),), DIALS_IN, "00anna_x.net"
    )
    with pytest.raises(AmbiguousClientsError, match="is of both"):
        Recipients([ANNA, twin])


@pytest.mark.parametrize(
    ("certificate", "client_id"),
    [
        (None, None),
        (PeerCertificate("cd" * 32), None),
        (PeerCertificate(FINGERPRINT), "PLMN:+358401234567"),
        (PeerCertificate("cd" * 32, ("berta.example.net",)), "PLMN:+358401234567"),
    ],
)
def test_terminal_may_prove_who_it_is_by_its_certificate(
    certificate: PeerCertificate | None, client_id: str | None
) -> None:
    assert found("4358401234567", certificate=certificate) == client_id


@pytest.mark.parametrize(
    ("host", "is_in"),
    [
        ("10.9.8.255", True),
        ("::ffff:10.9.8.1", True),
        ("2001:db8::7", True),
        ("10.9.9.1", False),
        ("", False),
    ],
)
def test_terminals_of_a_range_are_believed_where_they_dial_from(host: str, is_in: bool) -> None:
    client_id = "PLMN:+358411234567" if is_in else None
    assert found("4358411234567", host=host) == client_id
