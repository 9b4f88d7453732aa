"""The client's file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from omapush.cai.model import (
    Reason,
    Registration,
    RegistrationRequest,
    RegistrationState,
)
from omapush.client.store import MAX_FREE_TOKENS, SCHEMA, ClientStore, ClientStoreError
from omapush.core.instants import DAY_MS, Instant, later

NOW = Instant(1_700_000_000_000)
HASH = "a" * 64


def registration(identifier: str = "r1", owner: str = "P") -> Registration:
    return Registration(
        registration_id=identifier,
        owner=owner,
        push_application_id="x:y",
        request=RegistrationRequest("x:y", accept=("text/plain",), ack_timeout_ms=1_500),
        state=RegistrationState.PENDING,
        created=NOW,
        updated=NOW,
        reason=Reason.TIMEOUT,
        detail="slow",
    )


async def opened(path: Path) -> ClientStore:
    store = ClientStore(path)
    await store.open()
    return store


async def test_registration_is_kept_replaced_and_forgotten(tmp_path: Path) -> None:
    store = await opened(tmp_path / "c.db")
    await store.keep(registration())
    await store.keep(registration("r2", "Q"))
    await store.keep(registration())
    await store.close()
    store = await opened(tmp_path / "c.db")
    assert await store.registrations() == [registration(), registration("r2", "Q")]
    await store.forget("r1")
    assert await store.registrations() == [registration("r2", "Q")]
    await store.close()
    await store.close()


async def test_key_of_accepted_push_is_known_until_it_expires(tmp_path: Path) -> None:
    store = await opened(tmp_path / "c.db")
    await store.mark_seen("k", later(NOW, 10), NOW)
    await store.mark_seen("k", later(NOW, 20), NOW)
    assert await store.has_seen("k", later(NOW, 19))
    assert not await store.has_seen("k", later(NOW, 20))
    assert not await store.has_seen("other", NOW)
    await store.mark_seen("new", later(NOW, 40), later(NOW, 30))
    assert not await store.has_seen("k", NOW)  # what expired is gone from the file
    await store.close()


async def test_acceptances_that_come_together_are_kept_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(tmp_path / "c.db")
    commits: list[None] = []
    transaction = store.file.transaction

    async def counted(work: Callable[[sqlite3.Connection], None]) -> None:
        commits.append(None)
        await transaction(work)

    monkeypatch.setattr(store.file, "transaction", counted)
    marks = [store.mark_seen(f"k{number}", later(NOW, 10), NOW) for number in range(50)]
    await asyncio.gather(*marks)
    assert len(commits) <= 2
    for number in range(50):
        assert await store.has_seen(f"k{number}", NOW)
    await store.close()
    late = await asyncio.gather(
        *(store.mark_seen(f"l{number}", later(NOW, 10), NOW) for number in range(3)),
        return_exceptions=True,
    )
    assert all(isinstance(one, ClientStoreError) for one in late)


async def test_token_is_its_users_and_outlives_a_day_only_with_a_registration(
    tmp_path: Path,
) -> None:
    store = await opened(tmp_path / "c.db")
    await store.keep_token(HASH, 1_000, NOW)
    await store.keep_token("b" * 64, 1_000, NOW)
    assert await store.has_token(HASH, 1_000)
    assert not await store.has_token(HASH, 1_001)
    await store.keep(registration(owner=f"uid:1000/{HASH[:32]}"))
    await store.keep_token("c" * 64, 1_000, later(NOW, DAY_MS))
    assert await store.has_token(HASH, 1_000)
    assert not await store.has_token("b" * 64, 1_000)
    await store.close()


async def test_user_has_no_more_tokens_without_registration_than_the_limit(
    tmp_path: Path,
) -> None:
    store = await opened(tmp_path / "c.db")
    hashes = [f"{number:064x}"[::-1] for number in range(MAX_FREE_TOKENS + 3)]
    await store.keep(registration(owner=f"uid:1000/{hashes[0][:32]}"))
    await store.keep_token("f" * 64, 1_001, NOW)
    for number, one in enumerate(hashes):
        await store.keep_token(one, 1_000, later(NOW, number))
    known = [one for one in hashes if await store.has_token(one, 1_000)]
    assert known == [hashes[0], *hashes[-MAX_FREE_TOKENS:]]
    assert await store.has_token("f" * 64, 1_001)  # nobody takes another user's places
    await store.close()


async def test_token_is_forgotten(tmp_path: Path) -> None:
    store = await opened(tmp_path / "c.db")
    await store.keep_token(HASH, 1_000, NOW)
    await store.forget_token(HASH)
    assert not await store.has_token(HASH, 1_000)
    await store.close()


async def test_second_client_cannot_use_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omapush.client.sqlite_file.BUSY_SECONDS", 0)
    store = await opened(tmp_path / "c.db")
    other = ClientStore(tmp_path / "c.db")
    with pytest.raises(ClientStoreError, match="locked"):
        await other.open()
    await other.close()
    await store.close()
    again = await opened(tmp_path / "c.db")
    await again.close()


async def test_closed_store_says_so(tmp_path: Path) -> None:
    store = await opened(tmp_path / "c.db")
    await store.close()
    with pytest.raises(ClientStoreError):
        await store.registrations()


def write(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


async def test_file_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_bytes(b"not a database, but long enough to look at" * 20)
    newer = tmp_path / "newer.db"
    write(newer, f"PRAGMA user_version = {SCHEMA.version + 1}")
    for path in (text, newer, tmp_path / "no" / "folder.db", tmp_path):
        store = ClientStore(path)
        with pytest.raises(ClientStoreError):
            await store.open()
        await store.close()


@pytest.mark.parametrize(
    "change", ["request = 'no json'", "state = 'odd'", "request = '{\"colour\": 1}'"]
)
async def test_registration_that_cannot_be_read_is_named(tmp_path: Path, change: str) -> None:
    path = tmp_path / "c.db"
    store = await opened(path)
    await store.keep(registration())
    await store.close()
    write(path, f"UPDATE registration SET {change}")
    store = await opened(path)
    with pytest.raises(ClientStoreError, match="cannot be read"):
        await store.registrations()
    await store.close()
