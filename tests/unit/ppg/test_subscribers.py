"""Ranges of numbers and networks whose subscribers are clients without being listed."""

from __future__ import annotations

import ipaddress

import pytest

from omapush.pap import address as addressing
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact, SmsContact, UdpContact
from omapush.ppg.recipients import Recipients
from omapush.ppg.subscribers import Range, Subscribers

SUBSCRIBERS = Subscribers(
    [
        Range(numbers=("+35840*",), network="GSM", bearer="SMS"),
        Range(
            numbers=("+358*",),
            networks=(ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8::/32")),
        ),
    ]
)


@pytest.mark.parametrize(
    ("text", "client_id", "contact"),
    [
        (
            "WAPPUSH=+358.40-123/TYPE=PLMN@ppg",
            "PLMN:+35840123",
            Contact(SmsContact("+35840123"), "GSM", "SMS"),
        ),
        ("+35850123", "PLMN:+35850123", Contact(SmsContact("+35850123"))),
        ("WAPPUSH=10.1.2.3/TYPE=IPV4@ppg", "IPV4:10.1.2.3", Contact(UdpContact("10.1.2.3"))),
        (
            "WAPPUSH=2001:0db8:0000:0000:0000:0000:0000:0001/TYPE=IPV6@ppg",
            "IPV6:2001:0db8:0000:0000:0000:0000:0000:0001",
            Contact(UdpContact("2001:db8::1")),
        ),
    ],
)
def test_address_in_a_range_is_a_client_that_is_found_again_by_its_id(
    text: str, client_id: str, contact: Contact
) -> None:
    found = SUBSCRIBERS.resolve(addressing.parse(text))
    assert found is not None
    assert (found.client_id, found.contacts) == (client_id, (contact,))
    again = SUBSCRIBERS.client(client_id)
    assert again is not None
    assert (again.client_id, again.contacts) == (client_id, (contact,))


@pytest.mark.parametrize(
    "text",
    [
        "+46701234567",
        "WAPPUSH=192.0.2.1/TYPE=IPV4@ppg",
        "WAPPUSH=anna/TYPE=USER@ppg",
        "WAPPUSH=+35840123/PUP=1/TYPE=PLMN@ppg",
    ],
)
def test_other_addresses_are_nobody(text: str) -> None:
    assert SUBSCRIBERS.resolve(addressing.parse(text)) is None


@pytest.mark.parametrize("client_id", ["anna", "IPV4:nonsense", "USER:anna", "PLMN:+46", ""])
def test_ids_that_no_range_gave_are_nobody(client_id: str) -> None:
    assert SUBSCRIBERS.client(client_id) is None


def test_listed_client_comes_before_the_range_that_its_number_is_in() -> None:
    number = addressing.parse("+35840123")
    listed = Client("anna", (number,), (Contact(UdpContact("192.0.2.9")),))
    recipients = Recipients([listed], SUBSCRIBERS)
    assert recipients.resolve(number) is listed
    assert recipients.client("anna") is listed
    other = recipients.resolve(addressing.parse("+35840124"))
    assert other is not None
    assert recipients.client(other.client_id) == Client(other.client_id, (), other.contacts)
