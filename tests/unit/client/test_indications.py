"""The inbox of a running client: on disk first, one change after another (WAP-167)."""

from __future__ import annotations

import asyncio

import pytest

from omapush.client.built_in.inbox import Inbox, Outcome
from omapush.client.built_in.inbox_store import InboxStoreError
from omapush.client.built_in.indications import Indications, entry_members
from omapush.content.indication import InfoItem, ServiceIndication, SignalAction
from omapush.core.instants import DAY_MS, HOUR_MS, Instant, later, parse_utc
from omapush.testing.virtual_clock import VirtualClock

HIGH, LOW = SignalAction.SIGNAL_HIGH, SignalAction.SIGNAL_LOW


class Storage:
    """A file in memory that may be broken."""

    def __init__(self) -> None:
        self.saved = Inbox()
        self.broken = False

    async def load(self) -> Inbox:
        return self.saved

    async def save(self, inbox: Inbox) -> None:
        if self.broken:
            raise InboxStoreError("the disk is full")
        await asyncio.sleep(0)
        self.saved = inbox


@pytest.fixture
def storage() -> Storage:
    return Storage()


@pytest.fixture
async def indications(storage: Storage, clock: VirtualClock) -> Indications:
    indications = Indications(storage, clock)
    await indications.load()
    return indications


async def texts(indications: Indications) -> list[str]:
    return [entry.indication.text for entry in await indications.listed()]


async def test_waiting_ones_are_listed_by_urgency_then_those_that_were_shown(
    indications: Indications,
) -> None:
    for text, action in [("low", LOW), ("a", SignalAction.SIGNAL_MEDIUM), ("b", HIGH), ("c", HIGH)]:
        await indications.receive(ServiceIndication(text, action=action))
    assert await texts(indications) == ["b", "c", "a", "low"]
    shown = await indications.mark_shown(3)
    assert shown is not None
    assert shown.indication.text == "b"
    assert await texts(indications) == ["c", "a", "low", "b"]
    assert await indications.mark_shown(77) is None


async def test_indication_is_saved_before_it_is_taken_and_not_there_if_it_cannot_be(
    indications: Indications, storage: Storage, clock: VirtualClock
) -> None:
    reception = await indications.receive(ServiceIndication("kept"), "192.0.2.1")
    assert reception.entry is not None
    assert (reception.entry.source, reception.entry.received) == ("192.0.2.1", clock())
    assert storage.saved.entries == (reception.entry,)
    storage.broken = True
    for change in (
        indications.receive(ServiceIndication("lost")),
        indications.delete(1),
        indications.mark_shown(1),
    ):
        with pytest.raises(InboxStoreError):
            await change
    assert await indications.listed() == (reception.entry,)
    storage.broken = False
    assert await indications.delete(1)
    assert not await indications.delete(1)
    assert storage.saved.entries == ()


async def test_what_is_over_is_dropped_when_somebody_looks(
    indications: Indications, storage: Storage, clock: VirtualClock
) -> None:
    end = later(clock(), HOUR_MS)
    await indications.receive(ServiceIndication("short", si_expires=end))
    await indications.receive(ServiceIndication("long", si_expires=later(end, DAY_MS)))
    clock.advance(HOUR_MS)
    storage.broken = True
    assert await texts(indications) == ["long"]  # though the file still has it
    storage.broken = False
    assert await indications.find(1) is None
    assert [entry.number for entry in storage.saved.entries] == [2]


async def test_many_at_a_time_get_numbers_of_their_own(indications: Indications) -> None:
    receptions = await asyncio.gather(
        *(indications.receive(ServiceIndication(str(number))) for number in range(10))
    )
    assert all(reception.outcome is Outcome.PRESENT for reception in receptions)
    assert sorted(entry.number for entry in await indications.listed()) == list(range(1, 11))


async def test_who_waits_is_told_of_what_is_newer(indications: Indications) -> None:
    await indications.receive(ServiceIndication("old"))
    assert len(await indications.arrived_after(0, 10_000)) == 1
    assert len(await indications.arrived_after(1, 0)) == 1
    waiting = asyncio.create_task(indications.arrived_after(1, 10_000))
    await asyncio.sleep(0)
    await indications.receive(ServiceIndication("new", action=HIGH))
    async with asyncio.timeout(5):
        assert [entry.number for entry in await waiting] == [2, 1]


async def test_entry_is_told_in_members_that_json_knows(indications: Indications) -> None:
    when = parse_utc("2026-01-02T03:04:05Z")
    info = (InfoItem("c", "x"),)
    indication = ServiceIndication("t", "http://a/", "id", when, Instant(when + 1), HIGH, info)
    reception = await Indications(Storage(), lambda: when).receive(indication, "192.0.2.1")
    assert reception.entry is not None
    assert entry_members(reception.entry) == {
        "number": 1,
        "state": "waiting",
        "action": "signal-high",
        "may_disturb": True,
        "text": "t",
        "href": "http://a/",
        "si_id": "id",
        "created": "2026-01-02T03:04:05Z",
        "expires": "2026-01-02T03:04:05Z",
        "received": "2026-01-02T03:04:05Z",
        "source": "192.0.2.1",
        "info": [{"class": "c", "text": "x"}],
    }
