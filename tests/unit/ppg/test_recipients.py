"""From an address to a client."""

from __future__ import annotations

import pytest

from omapush.pap import address as addressing
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact, HttpContact
from omapush.ppg.recipients import AmbiguousClientsError, Recipients


def client(client_id: str, *addresses: str, host: str | None = "192.0.2.1") -> Client:
    contacts = (Contact(HttpContact(host, 4035)),) if host else ()
    return Client(client_id, tuple(addressing.parse(each) for each in addresses), contacts)


ANNA = client("anna", "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net")


@pytest.mark.parametrize(
    "written",
    [
        "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net",
        "wappush=+441234567890/type=plmn@PPG.example.net",
        "WAPPUSH=+441234567890/TYPE=PLMN@another-name-of-this-ppg.example.org",  # PPG 6
    ],
)
def test_recipient_is_found_whatever_the_gateway_is_called(written: str) -> None:
    recipients = Recipients([ANNA])
    assert recipients.resolve(addressing.parse(written)) is ANNA
    assert recipients.client("anna") is ANNA
    assert recipients.clients == {"anna": ANNA}


@pytest.mark.parametrize(
    "written",
    [
        "WAPPUSH=+441234567891/TYPE=PLMN@ppg.example.net",
        "WAPPUSH=441234567890/TYPE=USER@ppg.example.net",
    ],
)
def test_address_of_nobody_leads_nowhere(written: str) -> None:
    assert Recipients([ANNA]).resolve(addressing.parse(written)) is None


def test_same_id_twice_is_refused() -> None:
    with pytest.raises(AmbiguousClientsError, match="'anna'"):
        Recipients([ANNA, client("anna")])


def test_same_address_for_two_is_refused_and_for_one_is_not() -> None:
    address = ANNA.addresses[0].original
    Recipients([client("anna", address, address)])
    with pytest.raises(AmbiguousClientsError, match="both 'anna' and 'berta'"):
        Recipients([ANNA, client("berta", address)])
