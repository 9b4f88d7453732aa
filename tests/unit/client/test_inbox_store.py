"""An inbox outlives the process."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from omapush.client.built_in import inbox as inboxes
from omapush.client.built_in.inbox import Inbox
from omapush.client.built_in.inbox_store import InboxStore, InboxStoreError
from omapush.content.indication import InfoItem, ServiceIndication, SignalAction
from omapush.core.instants import Instant

FULL = ServiceIndication(
    "Grüße & Co",
    "http://www.a.example/x?y=1",
    "id-1",
    Instant(1_000),
    Instant(9_000),
    SignalAction.SIGNAL_HIGH,
    (InfoItem("c", "x"),),
)
BARE = ServiceIndication(action=SignalAction.SIGNAL_LOW)


@asynccontextmanager
async def opened(path: Path, capacity: int = 10) -> AsyncIterator[InboxStore]:
    store = InboxStore(path, capacity=capacity)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def inbox_of(*indications: ServiceIndication, inbox: Inbox | None = None) -> Inbox:
    inbox = inbox or Inbox(capacity=10)
    for indication in indications:
        inbox = inboxes.receive(inbox, indication, Instant(5_500)).inbox
    return inbox


async def test_store_gives_back_what_was_saved(tmp_path: Path) -> None:
    inbox = inbox_of(FULL, BARE)
    async with opened(tmp_path / "inbox.db") as store:
        assert await store.load() == Inbox(capacity=10)
        await store.save(inbox)
        assert await store.load() == inbox
    async with opened(tmp_path / "inbox.db") as store:
        assert await store.load() == inbox


async def test_store_follows_every_change_and_never_forgets_numbers(tmp_path: Path) -> None:
    async with opened(tmp_path / "inbox.db") as store:
        inbox = inbox_of(FULL, BARE, BARE)
        await store.save(inbox)
        inbox = inboxes.remove(inboxes.postpone(inbox, 1), 3)
        await store.save(inbox)
    async with opened(tmp_path / "inbox.db") as store:
        assert await store.load() == inbox
        assert inbox.next_number == 4
        again = inbox_of(BARE, inbox=await store.load())
        assert again.entries[-1].number == 4


async def test_store_with_a_smaller_capacity_keeps_the_newest(tmp_path: Path) -> None:
    async with opened(tmp_path / "inbox.db") as store:
        await store.save(inbox_of(FULL, BARE, BARE))
    async with opened(tmp_path / "inbox.db", capacity=2) as store:
        inbox = await store.load()
        assert [entry.number for entry in inbox.entries] == [2, 3]
        await store.save(inbox)
    async with opened(tmp_path / "inbox.db") as store:
        assert [entry.number for entry in (await store.load()).entries] == [2, 3]


async def test_store_that_cannot_write_keeps_what_was_saved(tmp_path: Path) -> None:
    async with opened(tmp_path / "inbox.db") as store:
        inbox = inbox_of(BARE)
        await store.save(inbox)
        unwritable = inbox_of(ServiceIndication("a\0b"), inbox=inbox)
        with pytest.raises(InboxStoreError):
            await store.save(unwritable)
        assert await store.load() == inbox


async def test_file_is_private_and_used_by_one_only(tmp_path: Path) -> None:
    path = tmp_path / "inbox.db"
    async with opened(path) as store:
        await store.save(inbox_of(BARE))
        assert path.stat().st_mode & 0o077 == 0
        other = InboxStore(path)
        with pytest.raises(InboxStoreError, match="locked"):
            await other.open()
        await other.close()


async def test_file_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    newer = tmp_path / "newer.db"
    connection = sqlite3.connect(newer)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    for path, reason in ((newer, "newer omapush"), (tmp_path / "none" / "x.db", "No such file")):
        store = InboxStore(path)
        with pytest.raises(InboxStoreError, match=reason):
            await store.open()
        await store.close()


async def test_file_with_an_unreadable_indication_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "inbox.db"
    async with opened(path) as store:
        await store.save(inbox_of(BARE))
    connection = sqlite3.connect(path)
    connection.execute("UPDATE entry SET indication = x'00'")
    connection.commit()
    connection.close()
    async with opened(path) as store:
        with pytest.raises(InboxStoreError, match="cannot be read"):
            await store.load()


async def test_store_that_is_not_open_says_so(tmp_path: Path) -> None:
    store = InboxStore(tmp_path / "inbox.db")
    with pytest.raises(InboxStoreError, match="not open"):
        await store.load()
    await store.close()
    with pytest.raises(InboxStoreError):
        await store.load()
