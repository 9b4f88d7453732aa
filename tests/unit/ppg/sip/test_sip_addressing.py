"""From SIP addresses in PAP to clients, and what is said of the way to them."""

from __future__ import annotations

import pytest

from omapush.pap import address as addressing
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact, SipContact
from omapush.ppg.recipients import AmbiguousClientsError, Recipients
from omapush.ppg.sip.address_of_record import address_of_record, domain_of, is_device
from omapush.ppg.subscribers import Range, Subscribers

BOB = Client("bob", (), (Contact(SipContact("sip:bob@atlanta.com")),))
DEVICE = "sip:bob@atlanta.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"


@pytest.mark.parametrize(
    "written",
    [
        'WAPPUSH="sip%3Abob%40atlanta.com"/TYPE=URI@ppg.example.net',
        'WAPPUSH="SIP%3Abob%40ATLANTA.com"/TYPE=URI@ppg.example.net',
        'WAPPUSH="sip%3Abob%40atlanta.com%3Bgr=urn%3Auuid%3Af81d4fae"/TYPE=URI@ppg.example.net',
        "sip:bob@atlanta.com",
        DEVICE,
    ],
)
def test_address_of_sip_user_or_device_leads_to_its_client(written: str) -> None:
    recipients = Recipients([BOB])
    assert recipients.resolve(addressing.parse(written)) is BOB


@pytest.mark.parametrize(
    "written", ["sip:carol@atlanta.com", "sip:bob@biloxi.com", "sips:bob@atlanta.com", "tel:+1555"]
)
def test_address_of_another_user_leads_nowhere(written: str) -> None:
    assert Recipients([BOB]).resolve(addressing.parse(written)) is None


def test_device_and_user_are_different_recipients() -> None:
    user, device = addressing.parse("sip:bob@atlanta.com"), addressing.parse(DEVICE)
    assert user.recipient_key != device.recipient_key


def test_same_sip_user_for_two_clients_is_refused() -> None:
    with pytest.raises(AmbiguousClientsError, match="is both 'bob' and 'eve'"):
        Recipients([BOB, Client("eve", (), BOB.contacts)])


def test_users_of_served_domain_are_clients_that_the_core_leads_to() -> None:
    recipients = Recipients([BOB], Subscribers([Range(sip_domains=("atlanta.com",))]))
    alice = recipients.resolve(addressing.parse("sip:alice@Atlanta.com;gr=urn:uuid:1"))
    assert alice is not None
    assert alice.client_id == "URI:sip:alice@atlanta.com"
    assert alice.contacts == (Contact(SipContact("sip:alice@atlanta.com")),)
    assert recipients.client(alice.client_id) is alice
    assert recipients.resolve(addressing.parse("sip:alice@biloxi.com")) is None


def test_client_of_sip_user_is_the_listed_one_before_that_of_a_range() -> None:
    recipients = Recipients([BOB], Subscribers([Range(sip_domains=("atlanta.com",))]))
    assert recipients.client_of_sip_user("sip:bob@atlanta.com") == "bob"
    assert recipients.client_of_sip_user("sip:eve@atlanta.com") == "URI:sip:eve@atlanta.com"
    assert recipients.client_of_sip_user("sip:eve@biloxi.com") is None


def test_way_by_sip_is_ota_sip_and_can_be_confirmed() -> None:
    (contact,) = BOB.contacts
    assert contact.variant == "OTA-SIP"
    assert contact.confirms
    assert contact.where.way == "OTA-SIP, sip:bob@atlanta.com"
    assert not BOB.is_connectionless


@pytest.mark.parametrize(
    ("uri", "record"),
    [
        ("sip:bob@Example.com", "sip:bob@example.com"),
        ("SIPS:Bob@example.com;transport=tcp?subject=x", "sips:Bob@example.com"),
        ("sip:bob;day=monday@example.com;gr", "sip:bob;day=monday@example.com"),
        ("sip:bob@[2001:DB8::1]:5080", "sip:bob@[2001:db8::1]:5080"),
        ("sip:%62ob@example.com:5080", "sip:bob@example.com:5080"),
        ("sip:%99%c3%a4@example.com", "sip:%99%C3%A4@example.com"),
        ("sip:bob>;tag=1@example.com", None),
        ("sip:bob@example.com>;tag=1", None),
        ("sip:bob@example.com\r\nRoute: x", None),
        ("sip:example.com", None),
        ("sip:@example.com", None),
        ("sip:bob@", None),
        ("tel:+1555", None),
        ("", None),
    ],
)
def test_address_of_record_is_without_parameters(uri: str, record: str | None) -> None:
    assert address_of_record(uri) == record


def test_domain_and_device_are_told_by_the_address() -> None:
    assert domain_of(DEVICE) == "atlanta.com"
    assert domain_of("tel:+1555") == ""
    assert is_device(DEVICE)
    assert is_device("sip:temporary@atlanta.com;gr")
    assert not is_device("sip:bob;gr=x@atlanta.com;transport=tcp")
