"""Kill -9 of the gateway under load, at random instants: nothing accepted is lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from omapush.core.errors import OmapushError
from omapush.initiator import PushInitiator
from omapush.pap.model import DeliveryMethod
from omapush.ppg.store.contract import DeliveryState, PushRecord
from omapush.ppg.store.opening import open_store
from omapush.testing.daemons import Daemon, free_port
from omapush.testing.plain_terminal import Terminal

ADDRESS = "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"
SUBMITTERS = 6
SETTLED_SECONDS = 60.0


class Load:
    """Submits pushes without pause; remembers what was answered 1001."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/pap"
        self.accepted: list[str] = []
        self.unanswered = 0
        self._ended = False

    async def run(self, name: int) -> None:
        number = 0
        async with PushInitiator(self._url, timeout_seconds=5) as initiator:
            while not self._ended:
                number += 1
                await self._submit(initiator, f"push-{name}-{number}@load.example.net")

    def end(self) -> None:
        self._ended = True

    async def _submit(self, initiator: PushInitiator, push_id: str) -> None:
        """Submit until there is an answer; a lost answer is asked for again (PAP 2007)."""
        lost = False
        while not self._ended:
            try:
                result = await initiator.submit(
                    [ADDRESS],
                    "x-wap-application:wml.ua",
                    b"hello",
                    "text/plain",
                    delivery_method=DeliveryMethod.CONFIRMED,
                    push_id=push_id,
                )
            except OmapushError:
                lost = True
                self.unanswered += 1
                await asyncio.sleep(0.02)  # the gateway is down: do not spin
                continue
            assert result.code in ((1001, 2007) if lost else (1001,)), result
            self.accepted.append(push_id)
            return


async def crash_and_check(
    store_url: str, folder: Path, rounds: int, seed: int, minimum: int
) -> None:
    draw = random.Random(seed)
    terminal = Terminal()
    await terminal.start()
    pap, admin = free_port(), free_port()
    settings = folder / "ppg.toml"
    settings.write_text(
        f'[pap]\nlisten = "127.0.0.1:{pap}"\nanonymous_from = ["127.0.0.1/32"]\n'
        f'[admin]\nlisten = "127.0.0.1:{admin}"\n[store]\nurl = "{store_url}"\n'
        "[delivery]\nretry_first_seconds = 0.1\nretry_longest_seconds = 0.5\n"
        'max_sent_attempts = 100\n[log]\nformat = "json"\n'
        f'[[clients]]\nid = "anna"\naddresses = ["{ADDRESS}"]\n'
        f'ota_http = "127.0.0.1:{terminal.port}"\n'
    )
    gateway = Daemon("ppg", settings, port=pap)
    await gateway.start()
    load = Load(pap)
    submitters = [asyncio.create_task(load.run(name)) for name in range(SUBMITTERS)]
    try:
        for _ in range(rounds):
            await asyncio.sleep(draw.uniform(0.05, 0.6))  # the random instant of the crash
            await gateway.kill()
            await gateway.start()
        load.end()
        await asyncio.gather(*submitters)
        assert len(load.accepted) >= minimum
        await _all_settled(store_url, load.accepted, terminal.taken)
    finally:
        load.end()
        await asyncio.gather(*submitters, return_exceptions=True)
        await gateway.stop()
        await terminal.stop()
    assert "Traceback" not in gateway.log
    assert '"event": "recovered"' in gateway.log  # some crash did hit a delivery in flight


async def _all_settled(store_url: str, accepted: list[str], taken: dict[str, int]) -> None:
    """Check each accepted push: delivered and seen by the terminal; doubts are shown as such."""
    store = open_store(store_url)
    await store.open()
    try:
        async with asyncio.timeout(SETTLED_SECONDS):
            for push_id in accepted:
                record = await store.push(push_id)
                assert record is not None, f"{push_id} was answered and is not in the ledger"
                while not record.deliveries[0].state.is_final:
                    await asyncio.sleep(0.05)
                    record = await _record(store.push, push_id)
                delivery = record.deliveries[0]
                assert delivery.state is DeliveryState.DELIVERED, delivery
                assert taken[str(delivery.key)] >= 1
                attempts = [line for line in record.timeline if line.event == "attempt"]
                doubts = [line for line in record.timeline if line.event == "in_doubt"]
                # What reached the terminal more than once says so in its timeline.
                if taken[str(delivery.key)] > 1:
                    assert doubts or len(attempts) > 1, record.timeline
    finally:
        await store.close()


async def _record(ask: Callable[[str], object], push_id: str) -> PushRecord:
    record = await ask(push_id)  # type: ignore[misc]
    assert isinstance(record, PushRecord)
    return record


async def test_gateway_killed_twenty_times_under_load_loses_nothing_on_sqlite(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/omapush.db"
    await crash_and_check(url, tmp_path, rounds=20, seed=2011, minimum=100)


@pytest.mark.xdist_group("postgresql")
async def test_gateway_killed_five_times_under_load_loses_nothing_on_postgresql(
    tmp_path: Path, new_database: Callable[[], str]
) -> None:
    await crash_and_check(new_database(), tmp_path, rounds=5, seed=23, minimum=20)
