"""A push to a large group: accepted at once, put in place behind it, also after a kill."""

from __future__ import annotations

import asyncio
from pathlib import Path

from omapush.initiator import PushInitiator
from omapush.ppg.store.contract import DeliveryState
from omapush.ppg.store.opening import open_store
from omapush.testing.daemons import Daemon, free_port, running
from omapush.testing.plain_terminal import Terminal

MEMBERS = 4_000
SERVED = 8
PATIENCE_SECONDS = 60


def settings(folder: Path, pap: int, ports: list[int], away: int) -> Path:
    """Write the settings of a gateway with a group; its last clients are there, the others away."""
    text = (
        f'[pap]\nlisten = "127.0.0.1:{pap}"\nanonymous_from = ["127.0.0.1/32"]\n'
        f'[admin]\nlisten = "127.0.0.1:{free_port()}"\n'
        f'[store]\nurl = "sqlite:///{folder}/omapush.db"\n'
        "[delivery]\nretry_first_seconds = 60\n"
        '[[groups]]\nname = "region"\nclients = ['
    )
    text += ", ".join(f'"c{number}"' for number in range(MEMBERS)) + "]\n"
    for number in range(MEMBERS):
        # The last ones are served: they are the last to be put in their places.
        place = number - (MEMBERS - SERVED)
        port = ports[place] if place >= 0 else away
        text += (
            f'[[clients]]\nid = "c{number}"\naddresses = ["WAPPUSH=c{number}/TYPE=USER@x"]\n'
            f'ota_http = "127.0.0.1:{port}"\n'
        )
    path = folder / "ppg.toml"
    path.write_text(text)
    return path


async def test_large_group_is_served_though_the_gateway_is_killed_meanwhile(tmp_path: Path) -> None:
    terminals = [Terminal() for _ in range(SERVED)]
    for terminal in terminals:
        await terminal.start()
    pap = free_port()
    path = settings(tmp_path, pap, [terminal.port for terminal in terminals], free_port())
    daemon = Daemon("ppg", path, port=pap)
    store = open_store(f"sqlite:///{tmp_path}/omapush.db")
    await daemon.start()
    async with PushInitiator(f"http://127.0.0.1:{pap}/pap") as initiator:
        result = await initiator.submit(["region"], None, b"hello", "text/plain", push_id="a@pi")
        assert result.code == 1001
    await daemon.kill()
    await store.open()
    record = await store.push("a@pi")
    assert record is not None
    assert len(record.deliveries) == MEMBERS + 1  # all are known, in place or not
    async with running(daemon), asyncio.timeout(PATIENCE_SECONDS):
        while not all(terminal.taken for terminal in terminals):  # noqa: ASYNC110 - has no event
            await asyncio.sleep(0.1)
        while await store.expand():
            pass
        async with PushInitiator(f"http://127.0.0.1:{pap}/pap") as initiator:
            (status,) = (await initiator.status("a@pi")).results
            assert (status.message_state.value, len(status.addresses)) == ("pending", 1)
    record = await store.push("a@pi")
    assert record is not None
    states = [each.state for each in record.deliveries]
    assert states.count(DeliveryState.DELIVERED) == SERVED
    assert record.deliveries[0].state is DeliveryState.QUEUED
    await store.close()
    for terminal in terminals:
        await terminal.stop()
