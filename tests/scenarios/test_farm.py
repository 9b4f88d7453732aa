"""A gateway and a farm of simulated clients: what one says of the pushes, the other says too."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from omapush.initiator import PushInitiator
from omapush.pap import address
from omapush.pap.model import DeliveryMethod
from omapush.ppg.store.contract import DeliveryRecord, DeliveryState
from omapush.ppg.store.opening import open_store
from omapush.testing.daemons import Daemon, clean_environment, free_port, running

PATIENCE_SECONDS = 60
ATTEMPTS = 3
GROUPS = {
    "kind": (20, "accept:80% delay(20ms..100ms):20%"),
    "rude": (10, "refuse"),
    "busy": (5, "refuse(busy)"),
    "gone": (5, "vanish(100ms)"),
    "odd": (10, "accept:50% refuse(try_later):30% vanish(50ms):10% vanish:10%"),
}
"""How many clients there are of each kind, and what they do."""
MIXED = {"accept", "refuse(try_later)", "vanish(50ms)", "vanish"}


class Farm:
    """A running farm, which prints JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            told: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return told

    async def end(self) -> dict[str, Any]:
        """Ask it to end; return the last figures."""
        self._process.send_signal(signal.SIGTERM)
        while (told := await self.line())["event"] != "ended":
            pass
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await self._process.wait() == 0
        return told


@contextlib.asynccontextmanager
async def farm(folder: Path, *arguments: str) -> AsyncIterator[Farm]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "omapush.cli", "farm", "--json", *arguments,
        stdout=asyncio.subprocess.PIPE, cwd=folder, env=clean_environment({}),
    )  # fmt: skip
    try:
        yield Farm(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def gateway(folder: Path, clients: Path, dialled: int) -> tuple[Daemon, str]:
    """Return a gateway for the clients that the farm wrote, and its URL for initiators.

    :param dialled: the port that clients dial, if they do.
    """
    pap = free_port()
    path = folder / "gateway.toml"
    path.write_text(
        f'[pap]\nlisten = "127.0.0.1:{pap}"\nanonymous_from = ["127.0.0.1/32"]\n'
        f'[admin]\nlisten = "127.0.0.1:{free_port()}"\n'
        f'[store]\nurl = "sqlite:///{folder}/omapush.db"\n'
        f"[delivery]\nretry_first_seconds = 0.1\nretry_longest_seconds = 0.3\n"
        f"max_sent_attempts = {ATTEMPTS}\n"
        f'[ota_http]\nlisten = "127.0.0.1:{dialled}"\n' + clients.read_text()
    )
    return Daemon("ppg", path, port=pap), f"http://127.0.0.1:{pap}/pap"


def ids() -> list[str]:
    return [
        f"{kind}-{number:02}"
        for kind, (count, _) in GROUPS.items()
        for number in range(1, count + 1)
    ]


async def push_to_each(url: str) -> None:
    async with PushInitiator(url) as initiator:
        for client in ids():
            result = await initiator.submit(
                [address.user(client, "ppg.example.net")], "x-wap-application:wml.ua", b"hello",
                "text/plain", delivery_method=DeliveryMethod.CONFIRMED, push_id=f"{client}@pi",
            )  # fmt: skip
            assert result.code == 1001, result


async def ends(folder: Path) -> dict[str, DeliveryRecord]:
    """Return the deliveries when all have ended, by client."""
    store = open_store(f"sqlite:///{folder}/omapush.db")
    await store.open()
    found: dict[str, DeliveryRecord] = {}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(found) < len(ids()):
            for client in set(ids()) - set(found):
                record = await store.push(f"{client}@pi")
                assert record is not None
                if record.deliveries[0].state.is_final:
                    found[client] = record.deliveries[0]
            await asyncio.sleep(0.1)
    await store.close()
    return found


@pytest.mark.parametrize("way", ["--listen", "--connect"])
async def test_outcomes_of_the_gateway_agree_with_the_counts_of_the_farm(
    tmp_path: Path, way: str
) -> None:
    groups, clients = tmp_path / "groups.toml", tmp_path / "clients.toml"
    groups.write_text(
        "".join(
            f'[[groups]]\ncount = {count}\nid = "{kind}-##"\nbehaviour = "{script}"\n'
            for kind, (count, script) in GROUPS.items()
        )
    )
    dialled = free_port()
    where = f"127.1.0.1:{free_port()}" if way == "--listen" else f"127.0.0.1:{dialled}"
    arguments = (
        "--groups", str(groups), way, where, "--seed", "4",
        "--write-clients", str(clients), "--every", "3600",
    )  # fmt: skip
    async with farm(tmp_path, *arguments) as clients_running:
        assert (await clients_running.line())["clients"] == len(ids()) == 50
        daemon, url = gateway(tmp_path, clients, dialled)
        async with running(daemon):
            await push_to_each(url)
            deliveries = await ends(tmp_path)
        told = await clients_running.end()

    states: dict[str, Counter[DeliveryState]] = {kind: Counter() for kind in GROUPS}
    for client, delivery in deliveries.items():
        states[client.partition("-")[0]][delivery.state] += 1
    assert states["kind"] == {DeliveryState.DELIVERED: 20}
    assert states["rude"] == {DeliveryState.ABORTED: 10}
    assert states["busy"] == {DeliveryState.ABORTED: 5}
    assert states["gone"] == {DeliveryState.TIMEOUT: 5}

    counts: dict[str, dict[str, int]] = told["behaviours"]
    assert counts["refuse"]["refused"] == counts["refuse"]["received"] == 10
    assert counts["refuse(busy)"]["refused"] == 5 * ATTEMPTS
    assert counts["vanish(100ms)"]["void"] == 5 * ATTEMPTS
    assert set(counts) - MIXED == {"refuse", "refuse(busy)", "vanish(100ms)", "delay(20ms..100ms)"}

    delivered = sum(each[DeliveryState.DELIVERED] for each in states.values())
    assert told["accepted"] == delivered
    assert told["received"] == sum(each.sent_attempts for each in deliveries.values())
    assert told["received"] == told["accepted"] + told["refused"] + told["void"]
