"""What operators are told of terminals."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from omapush.core.instants import MINUTE_MS, later, parse_utc
from omapush.ota.interface import ClientCapabilities, RegistrationInd
from omapush.pap import address as addressing
from omapush.ppg.admin import admin_application
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact, HttpContact, UdpContact
from omapush.ppg.metrics import Metrics
from omapush.ppg.recipients import Recipients
from omapush.ppg.store.contract import Attachment, RegistrationRecord
from omapush.ppg.terminal.connection import Method, TerminalConnection
from omapush.ppg.terminal.listing import PATH, TerminalListing
from omapush.ppg.terminal.live import LiveTerminals
from omapush.testing.memory_store import MemoryStore

NOW = parse_utc("2026-11-21T12:00:00Z")
TERMINAL_ID = "4441234567890"
TAKES = ClientCapabilities(("text/plain",), accept_app_id=("x-wap-application:wml.ua",))


class Operator:
    """Asks the page of a gateway process."""

    def __init__(self, store: MemoryStore) -> None:
        self.live, self.dialled = LiveTerminals(), LiveTerminals(most_of_one=None)
        self.store = store
        contacts = (Contact(HttpContact(dials_in=True)), Contact(UdpContact("192.0.2.7")))
        clients = [
            Client(name, (addressing.parse(f"WAPPUSH={name}/TYPE=USER@ppg"),), contacts, terminal)
            for name, terminal in (("anna", TERMINAL_ID), ("berta", None), ("carl", None))
        ]
        listing = TerminalListing(
            (self.live, self.dialled), Recipients(clients), store, "ppg-1", lambda: NOW
        )
        self._application = admin_application(store, Metrics(), more=[listing.route()])

    def connect(self, client: str, method: Method = Method.TO_TCP) -> TerminalConnection:
        connection = TerminalConnection(method, "192.0.2.1:50000", NOW, secure=True)
        connection.registered_at = later(NOW, MINUTE_MS)
        told = RegistrationInd(TERMINAL_ID, "00", "dGFnMQ==", TAKES, authenticated=True)
        connection.indication(told)
        (self.live if method is Method.TO_TCP else self.dialled).add(client, connection)
        return connection

    async def get(self, **query: str | int) -> httpx2.Response:
        transport = httpx2.ASGITransport(self._application)
        async with httpx2.AsyncClient(transport=transport, base_url="http://ppg") as client:
            return await client.get(PATH, params=query)

    async def ask(self, **query: str | int) -> dict[str, Any]:
        answer = await self.get(**query)
        assert answer.status_code == 200
        told: dict[str, Any] = answer.json()
        return told


@pytest.fixture
def operator(store: MemoryStore) -> Operator:
    return Operator(store)


async def test_connections_of_both_methods_are_listed_with_what_the_terminal_takes(
    operator: Operator,
) -> None:
    operator.connect("anna")
    operator.connect("anna", Method.PO_TCP)
    told = await operator.ask()
    assert (told["node"], told["next"]) == ("ppg-1", None)
    [anna] = told["terminals"]
    assert [each["method"] for each in anna["connections"]] == ["TO-TCP", "PO-TCP"]
    first = anna["connections"][0]
    assert first["takes"].pop("max_message_size") == 1400
    assert first == {
        "method": "TO-TCP",
        "peer": "192.0.2.1:50000",
        "tls": True,
        "since": "2026-11-21T12:00:00Z",
        "registered": "2026-11-21T12:01:00Z",
        "usable": True,
        "under_way": 0,
        "terminal_id": TERMINAL_ID,
        "authenticated": True,
        "bearer": "00",
        "cpi_tag": "dGFnMQ==",
        "takes": {
            "types": ["text/plain"],
            "charsets": ["UTF-8"],
            "encodings": ["identity"],
            "languages": ["*"],
            "applications": ["x-wap-application:wml.ua"],
            "max_push_requests": 1,
        },
    }


async def test_terminals_come_in_pages(operator: Operator) -> None:
    for name in ("carl", "anna", "berta"):
        operator.connect(name)
    first = await operator.ask(limit=2)
    assert [each["client"] for each in first["terminals"]] == ["anna", "berta"]
    rest = await operator.ask(limit=2, after=first["next"])
    assert ([each["client"] for each in rest["terminals"]], rest["next"]) == (["carl"], None)
    assert (await operator.get(limit=0)).status_code == 400


@pytest.mark.parametrize("name", ["anna", TERMINAL_ID])
async def test_what_the_ledger_knows_of_one_is_told_even_when_it_is_not_connected(
    operator: Operator, name: str
) -> None:
    seen = RegistrationRecord(
        "anna", "00", NOW, TERMINAL_ID, "dGFnMQ==", {"dGFnMQ==": ()}, True, "192.0.2.9:50000"
    )
    await operator.store.remember_registrations([seen])
    until = later(NOW, MINUTE_MS)
    await operator.store.attach([Attachment("anna", "OTA-HTTP", "ppg-2", NOW, until, "x")], NOW)
    [anna] = (await operator.ask(client=name))["terminals"]
    assert (anna["client"], anna["terminal_id"], anna["connections"]) == ("anna", TERMINAL_ID, [])
    assert anna["ways"] == [
        "OTA-HTTP, TO-TCP",
        "OTA-WSP, connectionless by UDP to 192.0.2.7:2948",
    ]
    assert anna["registrations"] == [
        {
            "bearer": "00",
            "seen": "2026-11-21T12:00:00Z",
            "address": "192.0.2.9:50000",
            "terminal_id": TERMINAL_ID,
            "authenticated": True,
            "cpi_tag": "dGFnMQ==",
            "known_tags": ["dGFnMQ=="],
        }
    ]
    assert anna["held_by"] == [
        {
            "node": "ppg-2",
            "kind": "OTA-HTTP",
            "address": "x",
            "since": "2026-11-21T12:00:00Z",
            "until": "2026-11-21T12:01:00Z",
        }
    ]


async def test_connections_are_told_though_the_ledger_is_away(operator: Operator) -> None:
    operator.connect("anna").ended("reset")
    operator.store.unavailable = "disk full"
    [anna] = (await operator.ask(client="anna"))["terminals"]
    assert [each["usable"] for each in anna["connections"]] == [False]
    assert (anna["registrations"], anna["ledger"]) == (None, "disk full")


async def test_client_that_nobody_knows_is_said_to_be_so(operator: Operator) -> None:
    answer = await operator.get(client="zoe")
    assert answer.status_code == 404
    assert "no client of this gateway is called so" in answer.text
