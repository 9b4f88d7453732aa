"""The memory of accepted pushes: what it denies is not in the file."""

from __future__ import annotations

from pathlib import Path

from omapush.client.seen_keys import SeenKeys
from omapush.client.store import ClientStore
from omapush.core.instants import Instant

NOW = Instant(1_000)
UNTIL = Instant(5_000)


def test_keys_deny_what_was_never_noted() -> None:
    keys = SeenKeys([("kept", UNTIL)])
    keys.note("noted", UNTIL)
    assert keys.may_have("kept", NOW)
    assert keys.may_have("noted", NOW)
    assert not keys.may_have("new", NOW)


def test_keys_deny_nothing_while_one_that_was_dropped_may_count() -> None:
    keys = SeenKeys(most=2)
    keys.note("first", Instant(2_000))
    keys.note("second", Instant(3_000))
    keys.note("third", Instant(4_000))
    assert keys.may_have("first", Instant(1_999))
    assert keys.may_have("new", Instant(1_999))
    assert not keys.may_have("new", Instant(2_000))
    assert keys.may_have("second", Instant(2_000))


def test_keys_keep_one_that_is_noted_again() -> None:
    keys = SeenKeys(most=2)
    for key in ("first", "second", "first", "third"):
        keys.note(key, Instant(3_000))
    assert keys.may_have("first", Instant(3_000))
    assert not keys.may_have("second", Instant(3_000))


async def test_store_recognises_after_restart_what_was_accepted(tmp_path: Path) -> None:
    store = ClientStore(tmp_path / "client.db")
    await store.open()
    await store.mark_seen("push", UNTIL, NOW)
    assert await store.has_seen("push", NOW)
    assert not await store.has_seen("push", UNTIL)
    await store.close()
    again = ClientStore(tmp_path / "client.db")
    await again.open()
    assert await again.has_seen("push", NOW)
    assert not await again.has_seen("other", NOW)
    await again.close()
