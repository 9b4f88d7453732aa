"""From a client to the ways that lead there: what is required, wished, ruled and listed."""

from __future__ import annotations

import pytest

from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact, HttpContact, SessionContact, SmsContact, UdpContact
from omapush.ppg.routing import RouteRule, choose_routes
from omapush.ppg.store.contract import ClaimedDelivery, DeliveryKey

GPRS = Contact(HttpContact("192.0.2.1", 4035), "GSM", "GPRS")
WLAN = Contact(HttpContact("192.0.2.2", 4035), None, "WLAN")
BARE = Contact(HttpContact("2001:db8::1", 4035))
CLIENT = Client("anna", (), (GPRS, WLAN, BARE))


def claimed(body: bytes = b"x", content_type: str = "text/plain", **qos: object) -> ClaimedDelivery:
    wish = {"network": None, "network_required": False, "bearer": None, "bearer_required": False}
    return ClaimedDelivery(
        DeliveryKey("0" * 32, 0), "a@pi", "weather", "anna", "address", "ppg-1/a", 1, 0, False,
        Instant(0), Instant(0), Instant(0), True, 0,
        PushMessage((("Content-Type", content_type),), body),
        {"qos": {**wish, **qos}} if qos else {},
    )  # fmt: skip


def chosen(delivery: ClaimedDelivery, *rules: RouteRule) -> list[Contact]:
    return [route.contact for route in choose_routes(CLIENT, delivery, rules)]


def test_without_wish_or_rule_the_order_is_the_settings() -> None:
    assert chosen(claimed()) == [GPRS, WLAN, BARE]


@pytest.mark.parametrize(
    ("wish", "order"),
    [
        ({"bearer": "WLAN"}, [WLAN, GPRS, BARE]),
        ({"bearer": "wlan"}, [WLAN, GPRS, BARE]),
        ({"bearer": "any", "network": "Any"}, [GPRS, WLAN, BARE]),
        ({"bearer": "pigeon"}, [GPRS, WLAN, BARE]),
        ({"bearer": "WLAN", "bearer_required": True}, [WLAN]),
        ({"network": "gsm", "network_required": True}, [GPRS]),
        ({"network_required": True, "bearer_required": True}, [GPRS, WLAN, BARE]),
        ({"bearer": "pigeon", "bearer_required": True}, []),
        ({"network": "GSM", "bearer": "WLAN", "network_required": True}, [GPRS]),
    ],
)
def test_wish_comes_first_and_a_requirement_rules_out(
    wish: dict[str, object], order: list[Contact]
) -> None:
    assert chosen(claimed(**wish)) == order


def test_rule_prefers_and_the_first_that_holds_counts() -> None:
    large = RouteRule("large", min_octets=100, bearer="WLAN")
    rest = RouteRule("rest", bearer="GPRS")
    assert chosen(claimed(b"x" * 100), large, rest) == [WLAN, GPRS, BARE]
    assert chosen(claimed(b"x" * 99), large, rest) == [GPRS, WLAN, BARE]
    assert chosen(claimed(b"x" * 100, bearer="GPRS"), large) == [GPRS, WLAN, BARE]


@pytest.mark.parametrize(
    "rule",
    [
        RouteRule("r", clients=("berta",), bearer="WLAN"),
        RouteRule("r", initiators=("news*",), bearer="WLAN"),
        RouteRule("r", content_types=("image/*",), bearer="WLAN"),
        RouteRule("r", max_octets=0, bearer="WLAN"),
        RouteRule("r", bearer="pigeon"),
    ],
)
def test_rule_for_others_changes_nothing(rule: RouteRule) -> None:
    assert chosen(claimed(), rule) == [GPRS, WLAN, BARE]


def test_route_says_how_and_why() -> None:
    rule = RouteRule("home", clients=("a*",), bearer="WLAN")
    first, second, third = choose_routes(CLIENT, claimed(), [rule])
    assert first.reason == "OTA-HTTP, PO-TCP to 192.0.2.2:4035 (WLAN), by rule home"
    assert second.reason == "OTA-HTTP, PO-TCP to 192.0.2.1:4035 (GSM/GPRS)"
    assert third.reason == "OTA-HTTP, PO-TCP to [2001:db8::1]:4035"
    (wished, *_) = choose_routes(CLIENT, claimed(bearer="GPRS"))
    assert wished.reason.endswith("(GSM/GPRS), as the initiator wishes")


def test_without_contact_or_client_there_is_no_route() -> None:
    assert choose_routes(Client("far", ()), claimed()) == []
    assert choose_routes(None, claimed()) == []


SMS = Contact(SmsContact("+358401234567"), "GSM", "SMS")
UDP = Contact(UdpContact("192.0.2.9"))
SESSION = Contact(SessionContact("192.0.2.9"), "GSM", "GPRS")
PHONE = Client("anna", (), (SMS, UDP, SESSION))


@pytest.mark.parametrize(
    ("method", "order"),
    [
        ("confirmed", [SESSION]),
        ("preferconfirmed", [SESSION, SMS, UDP]),
        ("unconfirmed", [SMS, UDP, SESSION]),
        ("notspecified", [SMS, UDP, SESSION]),
    ],
)
def test_confirmation_rules_out_what_cannot_confirm(method: str, order: list[Contact]) -> None:
    routes = choose_routes(PHONE, claimed(delivery_method=method))
    assert [route.contact for route in routes] == order


def test_route_by_sms_says_so() -> None:
    (route, *_) = choose_routes(PHONE, claimed(bearer="SMS"))
    assert route.reason == (
        "OTA-WSP, connectionless by SMS to +358401234567 (GSM/SMS), as the initiator wishes"
    )
    assert (route.contact.variant, route.contact.confirms) == ("OTA-WSP", False)
