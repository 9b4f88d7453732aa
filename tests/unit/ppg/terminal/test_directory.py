"""What the ledger hears of terminals that come and go."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from omapush.core.instants import Instant
from omapush.ppg.store.contract import Attachment, RegistrationRecord, StoreUnavailable
from omapush.ppg.terminal.directory import GROWING, KIND, Directory, DirectorySettings
from omapush.testing.memory_store import MemoryStore
from omapush.testing.virtual_clock import START, VirtualClock

LEASE_MS = 3_000


class SharedStore(MemoryStore):
    """A ledger in memory that claims to be shared, and is away when told so."""

    is_shared = True

    def __init__(self) -> None:
        super().__init__()
        self.away = 0
        self.attached: list[list[Attachment]] = []
        self.remembered = 0

    async def attach(self, attachments: Sequence[Attachment], now: Instant) -> list[bool]:
        if self.away:
            self.away -= 1
            raise StoreUnavailable("away")
        self.attached.append(list(attachments))
        return await super().attach(attachments, now)

    async def remember_registrations(self, registrations: Sequence[RegistrationRecord]) -> None:
        self.remembered += 1
        await super().remember_registrations(registrations)


class World:
    """One gateway process and its ledger."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.clock = VirtualClock()
        self.hastened: list[str] = []
        settings = DirectorySettings(lease_ms=LEASE_MS, gather_ms=0, retry_ms=0)
        self.directory = Directory(store, "b", self.hastened.append, self.clock, settings)
        self.task = asyncio.create_task(self.directory.run())

    async def rest(self) -> None:
        for _ in range(200):
            await asyncio.sleep(0)

    async def arrive(self, client_id: str, *, connected: bool = True) -> None:
        self.directory.arrived(record(client_id), connected=connected)
        await self.rest()

    async def holders(self, client_id: str) -> list[str]:
        return [each.node for each in await self.store.attachments(client_id, self.clock())]


def record(client_id: str) -> RegistrationRecord:
    return RegistrationRecord(client_id, "00", START, f"00{client_id}", "t", address="10.0.0.1:5")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World(SharedStore())
    await made.store.open()
    yield made
    made.task.cancel()
    await asyncio.gather(made.task, return_exceptions=True)


async def test_ledger_learns_who_is_connected_and_what_waits_comes_back(world: World) -> None:
    await world.arrive("anna")
    [held] = await world.store.attachments("anna", world.clock())
    assert (held.node, held.kind, held.address) == ("b", KIND, "10.0.0.1:5")
    assert held.until == START + LEASE_MS
    [known] = await world.store.registrations("anna")
    assert known.terminal_id == "00anna"
    assert world.hastened == ["anna"]


async def test_those_who_come_together_are_one_commit(world: World) -> None:
    for number in range(30):
        world.directory.arrived(record(f"client-{number}"), connected=True)
    await world.rest()
    store = world.store
    assert isinstance(store, SharedStore)
    assert [len(batch) for batch in store.attached] == [30]
    assert store.remembered == 1
    assert len(world.hastened) == 30


async def test_those_who_come_in_a_stream_share_a_commit(world: World) -> None:
    for number in range(GROWING * 8):
        world.directory.arrived(record(f"client-{number}"), connected=True)
        if number % GROWING == 0:
            await asyncio.sleep(0)
    await world.rest()
    store = world.store
    assert isinstance(store, SharedStore)
    assert sum(len(batch) for batch in store.attached) == GROWING * 8
    assert store.remembered <= 3
    assert len(world.hastened) == GROWING * 8


async def test_terminal_that_has_gone_is_given_up(world: World) -> None:
    await world.arrive("anna")
    world.directory.departed("anna")
    await world.rest()
    assert await world.holders("anna") == []


async def test_terminal_that_has_gone_elsewhere_is_not_taken_from_there(world: World) -> None:
    await world.arrive("anna")
    world.clock.advance(10)
    now = world.clock()
    elsewhere = Attachment("anna", KIND, "c", now, Instant(now + LEASE_MS))
    assert await world.store.attach([elsewhere], now) == [True]
    # A new registration on the old connection, and the end of it.
    await world.arrive("anna", connected=False)
    assert await world.holders("anna") == ["c"]
    world.directory.departed("anna")
    await world.rest()
    assert await world.holders("anna") == ["c"]


async def test_new_connection_stands_before_that_of_another_gateway(world: World) -> None:
    now = world.clock()
    await world.store.attach([Attachment("anna", KIND, "c", now, Instant(now + LEASE_MS))], now)
    world.clock.advance(1)
    await world.arrive("anna")
    assert await world.holders("anna") == ["b"]


async def test_what_is_held_is_renewed_before_it_ends(world: World) -> None:
    await world.arrive("anna")
    world.clock.advance(LEASE_MS // 2)
    await world.arrive("berta")  # whatever wakes it
    world.clock.advance(LEASE_MS // 2)
    assert await world.holders("anna") == ["b"]


async def test_ledger_that_is_away_is_told_later(world: World) -> None:
    store = world.store
    assert isinstance(store, SharedStore)
    store.away = 2
    await world.arrive("anna")
    await world.rest()
    assert await world.holders("anna") == ["b"]
    assert world.hastened == ["anna"]


async def test_gateway_that_stops_gives_up_what_it_holds(world: World) -> None:
    await world.arrive("anna")
    world.task.cancel()
    await world.directory.close()
    assert await world.holders("anna") == []


async def test_ledger_of_one_process_alone_is_told_of_registrations_only() -> None:
    world = World(MemoryStore())
    await world.store.open()
    await world.arrive("anna")
    assert await world.holders("anna") == []
    assert len(await world.store.registrations("anna")) == 1
    assert world.hastened == ["anna"]
    world.task.cancel()
    await asyncio.gather(world.task, return_exceptions=True)


class SlowStore(SharedStore):
    """A ledger during whose commits something else happens."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], None] = lambda: None
        self.of_anna: list[Instant] = []

    async def attach(self, attachments: Sequence[Attachment], now: Instant) -> list[bool]:
        if any(each.client_id == "anna" for each in attachments):
            self.of_anna.append(now)
        self.meanwhile()
        return await super().attach(attachments, now)


@pytest.fixture
async def slow() -> AsyncIterator[World]:
    made = World(SlowStore())
    await made.store.open()
    yield made
    made.task.cancel()
    await asyncio.gather(made.task, return_exceptions=True)


async def test_connection_that_comes_while_the_older_one_is_told_is_told_as_well(
    slow: World,
) -> None:
    store = slow.store
    assert isinstance(store, SlowStore)

    def again() -> None:
        store.meanwhile = lambda: None
        slow.clock.advance(5)
        slow.directory.arrived(record("anna"), connected=True)

    store.meanwhile = again
    await slow.arrive("anna")
    [held] = await store.attachments("anna", slow.clock())
    assert held.epoch == START + 5
    slow.directory.departed("anna")
    await slow.rest()
    assert await slow.holders("anna") == []


async def test_what_is_held_is_renewed_though_others_come_all_the_time(slow: World) -> None:
    store = slow.store
    assert isinstance(store, SlowStore)
    await slow.arrive("anna")
    numbers = itertools.count()

    def another() -> None:
        number = next(numbers)
        if number < 50:
            slow.clock.advance(LEASE_MS // 10)
            slow.directory.arrived(record(f"client-{number}"), connected=True)

    store.meanwhile = another
    slow.directory.arrived(record("berta"), connected=True)
    for _ in range(20):
        await slow.rest()
    assert next(numbers) >= 50
    assert len(store.of_anna) > 2
    assert all(late - early < LEASE_MS for early, late in itertools.pairwise(store.of_anna))


async def test_new_connection_stands_before_that_of_a_gateway_whose_clock_is_ahead(
    world: World,
) -> None:
    now = world.clock()
    ahead = Attachment("anna", KIND, "c", now + 2_000, Instant(now + LEASE_MS))
    await world.store.attach([ahead], now)
    world.clock.advance(1)
    await world.arrive("anna")
    assert await world.holders("anna") == ["b"]
    world.directory.departed("anna")
    await world.rest()
    assert await world.holders("anna") == []


async def test_terminal_that_went_to_a_gateway_whose_clock_is_ahead_is_left_there(
    world: World,
) -> None:
    await world.arrive("anna")
    world.clock.advance(LEASE_MS // 2)
    now = world.clock()
    ahead = Attachment("anna", KIND, "c", now + 2_000, Instant(now + LEASE_MS))
    await world.store.attach([ahead], now)
    await world.arrive("berta")  # whatever wakes it: what is held is renewed
    assert await world.holders("anna") == ["c"]
