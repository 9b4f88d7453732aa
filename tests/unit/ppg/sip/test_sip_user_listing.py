"""What operators are told of SIP users."""

from __future__ import annotations

from typing import Any

import httpx2

from omapush.core.instants import HOUR_MS, later, parse_utc
from omapush.ota.interface import ClientCapabilities
from omapush.ota.sip.push_features import PushFeatures
from omapush.ppg.admin import admin_application
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact, SipContact
from omapush.ppg.metrics import Metrics
from omapush.ppg.recipients import Recipients
from omapush.ppg.sip.listing import PATH, SipUserListing
from omapush.ppg.sip.registrations import ANY_METHOD, Device, Registrations, Source
from omapush.testing.memory_store import MemoryStore

NOW = parse_utc("2026-11-21T12:00:00Z")
GRUU = "sip:bob@push.test;gr=urn:uuid:1"
DEVICE = Device(
    "urn:uuid:1",
    Source.OPTIONS,
    later(NOW, HOUR_MS),
    GRUU,
    PushFeatures(("mms.ua",), ("urn:acme:1",)),
    frozenset({"MESSAGE"}),
    ClientCapabilities(("text/plain",), max_message_size=5_000),
)


def registrations() -> Registrations:
    made = Registrations(lambda: NOW)
    made.told("sip:bob@push.test", [DEVICE])
    made.told("sip:carol@push.test", [Device("", Source.QUERY, later(NOW, HOUR_MS))])
    made.set_up("sip:anna@push.test", [Device("", Source.STATIC, later(NOW, HOUR_MS))])
    return made


async def get(known: Registrations, **query: str | int) -> httpx2.Response:
    names = ("anna", "bob", "dora")
    clients = [
        Client(name, (), (Contact(SipContact(f"sip:{name}@push.test")),), None) for name in names
    ]
    listing = SipUserListing(known, Recipients(clients), "ppg-1")
    application = admin_application(MemoryStore(), Metrics(), more=[listing.route()])
    transport = httpx2.ASGITransport(application)
    async with httpx2.AsyncClient(transport=transport, base_url="http://ppg") as client:
        return await client.get(PATH, params=query)


async def ask(known: Registrations, **query: str | int) -> dict[str, Any]:
    answer = await get(known, **query)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def test_user_is_told_with_the_device_that_was_told_of() -> None:
    told = await ask(registrations(), user="sip:bob@PUSH.test")
    assert told["users"] == [
        {
            "user": "sip:bob@push.test",
            "client": "bob",
            "devices": [
                {
                    "device": "urn:uuid:1",
                    "gruu": GRUU,
                    "told_by": "OPTIONS of the device",
                    "told": "2026-11-21T12:00:00Z",
                    "until": "2026-11-21T13:00:00Z",
                    "applications": ["mms.ua"],
                    "instances": ["urn:acme:1"],
                    "methods": ["MESSAGE"],
                    "takes": {
                        "types": ["text/plain"],
                        "encodings": ["identity"],
                        "max_message_size": 5_000,
                    },
                }
            ],
        }
    ]


async def test_users_are_listed_page_by_page() -> None:
    known = registrations()
    first = await ask(known, limit=2)
    assert [each["user"] for each in first["users"]] == ["sip:anna@push.test", "sip:bob@push.test"]
    second = await ask(known, limit=2, after=first["next"])
    assert [each["user"] for each in second["users"]] == ["sip:carol@push.test"]
    assert second["next"] is None


async def test_device_of_which_nothing_is_told_says_so() -> None:
    (carol,) = (await ask(registrations(), after="sip:bob@push.test"))["users"]
    (device,) = carol["devices"]
    assert carol["client"] is None
    assert (device["device"], device["applications"], device["takes"]) == (None, None, None)
    assert device["methods"] == sorted(ANY_METHOD)


async def test_user_of_the_settings_has_no_end() -> None:
    (anna,) = (await ask(registrations(), user="sip:anna@push.test"))["users"]
    assert anna["devices"][0]["until"] is None


async def test_user_without_devices_is_told_and_a_stranger_is_not() -> None:
    known = registrations()
    assert (await ask(known, user="sip:dora@push.test"))["users"][0]["devices"] == []
    for stranger in ("sip:nobody@push.test", "bob", "tel:+1"):
        answer = await get(known, user=stranger)
        assert (answer.status_code, answer.text[:7]) == (404, "no user")
