"""Refused pushes, for people to look at."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from omapush.client import quarantine
from omapush.client.quarantine import MAX_ENTRIES, Quarantine, Refused, refused_push
from omapush.client.store import ClientStore, ClientStoreError
from omapush.content.message import PushMessage
from omapush.core.instants import HOUR_MS, Instant, later
from omapush.ota.interface import PoConfirmedPushInd, PushSource, PushStatus
from omapush.testing.virtual_clock import VirtualClock

HEADERS = (("X-Wap-Application-Id", "x:y"), ("Content-Type", "text/plain"))
SOURCE = PushSource("OTA-HTTP", "GPRS", "192.0.2.66")


def refused(number: int = 1, body: bytes = b"hello", text: str = "no") -> Refused:
    push = PoConfirmedPushInd("1", PushMessage(HEADERS, body), SOURCE, push_id=str(number))
    return refused_push(push, PushStatus.USERRFS, text, Instant(1_700_000_000_000))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[ClientStore]:
    made = ClientStore(tmp_path / "c.db")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def kept(store: ClientStore) -> Quarantine:
    return Quarantine(store.file, VirtualClock())


async def test_refusal_says_what_came_from_where_and_why(kept: Quarantine) -> None:
    kept.note(refused(body=bytes(1_000)))
    (entry,) = await kept.listed()
    assert entry == {
        "number": 1,
        "refused": "2023-11-14T22:13:20Z",
        "reason": "no",
        "status": 235,
        "application": "x:y",
        "content_type": "text/plain",
        "source": "192.0.2.66",
        "protocol": "OTA-HTTP",
        "bearer": "GPRS",
        "push_id": "1",
        "octets": 1_000,
        "content_b64": base64.b64encode(bytes(quarantine.MAX_CONTENT)).decode(),
    }


async def test_newest_come_first_and_the_log_can_be_cleared(kept: Quarantine) -> None:
    for number in range(3):
        kept.note(refused(number))
    assert [one["push_id"] for one in await kept.listed()] == ["2", "1", "0"]
    assert [one["push_id"] for one in await kept.listed(1)] == ["2"]
    await kept.clear()
    assert await kept.listed() == []


async def test_push_that_comes_again_is_noted_once_an_hour(kept: Quarantine) -> None:
    first = refused(1)
    kept.note(first)
    kept.note(replace(first, refused=later(first.refused, HOUR_MS - 1)))
    kept.note(replace(first, reason="another"))
    kept.note(replace(first, push_id=None))
    kept.note(replace(first, push_id=None))
    assert len(await kept.listed()) == 4
    kept.note(replace(first, refused=later(first.refused, HOUR_MS)))
    assert len(await kept.listed()) == 5


async def test_what_tells_repetitions_is_bounded(
    kept: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "MAX_REMEMBERED", 2)
    for number in (1, 2, 3, 1):
        kept.note(refused(number))
    assert len(await kept.listed()) == 4


async def test_log_is_of_bounded_length(kept: Quarantine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "MAX_ENTRIES", 10)
    for number in range(25):
        kept.note(refused(number))
        await kept.written()
    entries = await kept.listed(MAX_ENTRIES)
    assert [one["push_id"] for one in entries] == [str(number) for number in range(24, 14, -1)]


async def test_log_is_of_bounded_size(kept: Quarantine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "MAX_OCTETS", 2_000)
    for number in range(25):
        kept.note(refused(number, text="x" * 150))
    entries = await kept.listed()
    assert 1 < len(entries) < 10
    assert entries[0]["push_id"] == "24"


async def test_flood_costs_no_more_memory_than_the_limit(
    kept: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "MAX_WAITING", 5)
    for number in range(50):
        kept.note(refused(number))
    assert len(await kept.listed()) == 5
    kept.note(refused(99))
    assert len(await kept.listed()) == 6


async def test_disk_that_is_full_loses_the_note_and_nothing_else(
    kept: Quarantine, store: ClientStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: object) -> None:
        raise ClientStoreError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(store.file, "transaction", full)
        kept.note(refused())
        await kept.written()
    kept.note(refused(2))
    assert [one["push_id"] for one in await kept.listed()] == ["2"]
