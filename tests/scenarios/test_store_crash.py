"""Kill -9 of a process that writes a SQLite ledger: nothing it acknowledged is lost."""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import sys
import textwrap
from pathlib import Path

from omapush.ppg.store.contract import DeliveryState
from omapush.ppg.store.opening import open_store

ROUNDS = 8

# Accepts from several callers at once, settles every other delivery, and says what it was told.
CHILD = textwrap.dedent(
    """
    import asyncio, os, sys
    from omapush.ppg.store.contract import DeliveryState
    from omapush.ppg.store.opening import open_store
    from omapush.testing.store_contract import new_push, settled, at

    def say(word, number):
        os.write(1, f"{word} {number}\\n".encode())

    async def main(url, start):
        store = open_store(url)
        await store.open()
        await store.recover("node", str(start), at(start))
        numbers = iter(range(start, start + 100_000))

        async def accept():
            for number in numbers:
                await store.accept([new_push(number)])
                say("accepted", number)

        async def settle():
            while True:
                claimed = await store.claim(f"node/{start}", at(start), 1 << 40, 3, 3)
                await store.settle([settled(c, start) for c in claimed])
                for c in claimed:
                    say("settled", int(c.key.push_key, 16))
                await asyncio.sleep(0)

        say("ready", 0)
        await asyncio.gather(*(accept() for _ in range(6)), settle())

    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
    """
)


def _killed_after(url: str, start: int, delay_s: float) -> list[tuple[str, int]]:
    """Run the child, kill it ``delay_s`` after it is ready; return what it was told by then."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, url, str(start)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready 0\n"
    # The wait only chooses the instant of the crash; nothing depends on its length.
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(delay_s)
    child.kill()
    said = child.stdout.read().decode()
    child.wait()
    child.stdout.close()
    words = [line.split() for line in said.splitlines(keepends=True) if line.endswith("\n")]
    return [(word, int(number)) for word, number in words]


async def _check(url: str, told: list[tuple[str, int]]) -> None:
    store = open_store(url)
    await store.open()
    for word, number in told:
        record = await store.push(f"push-{number}@initiator.example")
        assert record is not None, f"push {number} was {word} and is gone"
        [delivery] = record.deliveries
        if word == "settled":
            assert delivery.state is DeliveryState.DELIVERED
            assert record.timeline[-1].event == "delivered"
        else:
            assert delivery.due_at is not None or delivery.state is DeliveryState.DELIVERED
    await store.close()


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    chance = random.Random(20_02)
    url = f"sqlite:///{tmp_path}/ledger.db"
    told: list[tuple[str, int]] = []
    for round_number in range(ROUNDS):
        told += _killed_after(url, 1 + round_number * 100_000, chance.uniform(0.0, 0.25))
    assert {word for word, _ in told} == {"accepted", "settled"}
    asyncio.run(_check(url, told))
