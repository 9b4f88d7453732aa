"""Who the device is to a SIP/IP core."""

from __future__ import annotations

from pathlib import Path

from omapush.client.sip.identity import kept_instance
from omapush.client.store import ClientStore


async def test_instance_id_is_made_once_and_outlives_the_process(tmp_path: Path) -> None:
    made = iter(["urn:uuid:1", "urn:uuid:2", "urn:uuid:3"])
    store = ClientStore(tmp_path / "client.db")
    await store.open()
    assert await kept_instance(store.file, lambda: next(made)) == "urn:uuid:1"
    assert await kept_instance(store.file, lambda: next(made)) == "urn:uuid:1"
    await store.close()
    again = ClientStore(tmp_path / "client.db")
    await again.open()
    assert await kept_instance(again.file, lambda: next(made)) == "urn:uuid:1"
    await again.close()
