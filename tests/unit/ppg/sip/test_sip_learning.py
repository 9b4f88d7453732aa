"""What SIP devices take stands in the ledger."""

from __future__ import annotations

import asyncio

from omapush.ota.interface import ClientCapabilities
from omapush.ppg.profiles import known_capabilities
from omapush.ppg.service_registration.known import told_on_connection
from omapush.ppg.sip.learning import BY_SIP, Learning
from omapush.ppg.store.contract import StoreUnavailable
from omapush.testing.memory_store import MemoryStore
from omapush.testing.virtual_clock import VirtualClock

BOB = "sip:bob@push.test"
TAKES = ClientCapabilities(accept=("image/png",), max_message_size=9_000)


def client_of(user: str) -> str | None:
    return "bob" if user == BOB else None


async def test_ledger_learns_what_a_device_told_last(store: MemoryStore) -> None:
    learning = Learning(store, client_of, VirtualClock())
    learning.changed(BOB, ClientCapabilities())
    learning.changed(BOB, TAKES)
    learning.changed("sip:stranger@push.test", TAKES)
    await learning.close()
    (record,) = await store.registrations("bob")
    assert record.bearer == BY_SIP
    assert await known_capabilities([record], None) == TAKES


async def test_what_comes_while_the_ledger_writes_is_written_too(store: MemoryStore) -> None:
    learning = Learning(store, client_of, VirtualClock())
    learning.changed(BOB, ClientCapabilities())
    await asyncio.sleep(0)
    learning.changed(BOB, TAKES)
    await learning.close()
    (record,) = await store.registrations("bob")
    assert await known_capabilities([record], None) == TAKES


async def test_ledger_that_is_away_costs_what_was_told_and_no_more(store: MemoryStore) -> None:
    class Away(MemoryStore):
        async def remember_registrations(self, registrations: object) -> None:
            raise StoreUnavailable("away")

    learning = Learning(Away(), client_of, VirtualClock())
    learning.changed(BOB, TAKES)
    await learning.close()
    learning.changed(BOB, TAKES)
    await learning.close()


async def test_terminal_on_a_connection_has_not_said_what_a_sip_device_said(
    store: MemoryStore,
) -> None:
    learning = Learning(store, client_of, VirtualClock())
    learning.changed(BOB, TAKES)
    await learning.close()
    assert told_on_connection(await store.registrations("bob")) is None
