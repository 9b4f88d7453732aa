"""Three gateway processes on one ledger: pushes go to whoever holds the terminal's connection."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from omapush.core.errors import OmapushError
from omapush.daemon.clock import SystemClock
from omapush.initiator import PushInitiator
from omapush.ota.interface import PoConfirmedPushInd
from omapush.pap.model import DeliveryMethod
from omapush.ppg.store.contract import DeliveryState, PushRecord, Store
from omapush.ppg.store.opening import open_store
from omapush.testing.daemons import Daemon, free_port
from omapush.testing.dialling_terminal import DiallingTerminal

PATIENCE_SECONDS = 40.0
NODES = ("a", "b", "c")
TERMINALS = 9
APPLICATION = "x-wap-application:wml.ua"


def client_of(number: int) -> str:
    return f"client{number}"


def address_of(number: int) -> str:
    return f"WAPPUSH=+44123456780{number}/TYPE=PLMN@ppg.example.net"


def terminal_of(number: int) -> str:
    """Return the Terminal-ID: 4, which says that it is a number, and its digits."""
    return f"444123456780{number}"


class Gateway:
    """One gateway process and its ports."""

    def __init__(self, node: str, store_url: str, folder: Path) -> None:
        self.node = node
        self.pap, self.terminals = free_port(), free_port()
        clients = "".join(
            f'[[clients]]\nid = "{client_of(number)}"\nota_http_dials_in = true\n'
            f'addresses = ["{address_of(number)}"]\n'
            for number in range(TERMINALS)
        )
        settings = folder / f"{node}.toml"
        settings.write_text(
            f'[gateway]\nnode = "{node}"\n[store]\nurl = "{store_url}"\n'
            f'[pap]\nlisten = "127.0.0.1:{self.pap}"\nanonymous_from = ["127.0.0.1/32"]\n'
            f'[admin]\nlisten = "127.0.0.1:0"\n[ota_http]\nlisten = "127.0.0.1:{self.terminals}"\n'
            # What a process had in flight is free after four times the response timeout.
            "[delivery]\nresponse_timeout_seconds = 1.5\nper_client = 1\nmax_sent_attempts = 100\n"
            "retry_first_seconds = 0.1\nretry_longest_seconds = 0.5\n"
            f'[log]\nformat = "json"\n{clients}'
        )
        self.daemon = Daemon("ppg", settings, port=self.pap)

    async def push(self, number: int, push_id: str) -> int:
        """Submit a confirmed push for a terminal; return the PAP code. :raises OmapushError:"""
        async with PushInitiator(f"http://127.0.0.1:{self.pap}/pap", timeout_seconds=5) as pi:
            result = await pi.submit(
                [address_of(number)], APPLICATION, push_id.encode(), "text/plain",
                delivery_method=DeliveryMethod.CONFIRMED, push_id=push_id,
            )  # fmt: skip
        return result.code

    async def terminal(self, number: int, *, takes: bool = True) -> DiallingTerminal:
        """Let a terminal dial this process."""
        terminal = DiallingTerminal(terminal_of(number), SystemClock(), takes=takes)
        await terminal.dial("127.0.0.1", self.terminals)
        return terminal


class System:
    """The processes, and the ledger that they share."""

    def __init__(self, store: Store, gateways: Sequence[Gateway]) -> None:
        self.store = store
        self.gateways = gateways
        self.a, self.b, self.c = gateways

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait until something holds in the ledger."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await condition():  # noqa: ASYNC110 - it is nobody's event
                await asyncio.sleep(0.05)

    async def record(self, push_id: str) -> PushRecord:
        record = await self.store.push(push_id)
        assert record is not None, f"{push_id} was accepted and is not in the ledger"
        return record

    async def delivered(self, push_id: str) -> PushRecord:
        """Wait until a push is; return its record."""

        async def is_delivered() -> bool:
            return (await self.record(push_id)).deliveries[0].state is DeliveryState.DELIVERED

        await self.until(is_delivered)
        return await self.record(push_id)

    async def held_by(self, number: int, node: str) -> None:
        """Wait until the ledger knows which process holds a terminal's connection."""

        async def is_held() -> bool:
            held = await self.store.attachments(client_of(number), SystemClock()())
            return [each.node for each in held] == [node]

        await self.until(is_held)


@pytest.fixture
async def system(new_database: Callable[[], str], tmp_path: Path) -> AsyncIterator[System]:
    url = new_database()
    store = open_store(url)
    await store.open()
    system = System(store, [Gateway(node, url, tmp_path) for node in NODES])
    try:
        await asyncio.gather(*(each.daemon.start() for each in system.gateways))
        yield system
    finally:
        await asyncio.gather(*(each.daemon.stop() for each in system.gateways))
        await store.close()
    for each in system.gateways:
        assert "Traceback" not in each.daemon.log, each.daemon.log


def events(record: PushRecord) -> list[str]:
    return [event.event for event in record.timeline]


def bodies(terminal: DiallingTerminal) -> list[bytes]:
    return [push.message.body for push in terminal.pushes]


async def test_push_goes_through_the_process_that_holds_the_connection(system: System) -> None:
    at_a, at_b = await system.a.terminal(1), await system.b.terminal(2)
    await system.held_by(1, "a")
    await system.held_by(2, "b")
    for number, gateway in ((1, system.c), (2, system.c), (1, system.b), (2, system.a)):
        push_id = f"{number}-{gateway.node}@pi"
        assert await gateway.push(number, push_id) == 1001
        record = await system.delivered(push_id)
        # Nobody else tried: one attempt, by the only process that could.
        assert events(record).count("attempt") == 1
    assert bodies(at_a) == [b"1-c@pi", b"1-b@pi"]
    assert bodies(at_b) == [b"2-c@pi", b"2-a@pi"]
    for terminal in (at_a, at_b):
        await terminal.close()


async def test_push_that_waits_goes_to_whichever_process_the_terminal_dials(
    system: System,
) -> None:
    for gateway in system.gateways:
        assert await gateway.push(1, f"{gateway.node}@pi") == 1001
    terminal = await system.b.terminal(1)
    for gateway in system.gateways:
        await system.delivered(f"{gateway.node}@pi")
    assert sorted(bodies(terminal)) == [b"a@pi", b"b@pi", b"c@pi"]
    # Away from one, at the next: the younger connection has the pushes, and then the only one.
    moved = await system.c.terminal(1)
    await system.held_by(1, "c")
    await system.a.push(1, "moved@pi")
    await system.delivered("moved@pi")
    assert bodies(moved) == [b"moved@pi"]
    await moved.close()
    await system.b.push(1, "back@pi")
    await terminal.close()
    again = await system.a.terminal(1)
    await system.delivered("back@pi")
    assert b"back@pi" in bodies(again) + bodies(terminal)
    await again.close()


async def test_pushes_of_a_process_that_was_killed_go_through_another(system: System) -> None:
    first = await system.a.terminal(1, takes=False)
    other = await system.a.terminal(2)
    await system.held_by(1, "a")
    await system.held_by(2, "a")
    await system.c.push(1, "uncertain@pi")
    uncertain = await first.next_push()  # and nobody answers it
    await system.c.push(1, "waits@pi")
    await system.c.push(2, "before@pi")
    await system.delivered("before@pi")
    await system.a.daemon.kill()
    for terminal in (first, other):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await terminal.ended
    await system.c.push(1, "new@pi")
    await system.c.push(2, "after@pi")
    second, moved = await system.b.terminal(1), await system.c.terminal(2)
    for push_id in ("waits@pi", "new@pi", "after@pi"):
        assert "in_doubt" not in events(await system.delivered(push_id))
    # The dead process had claimed it: it comes again when that lease has ended, and says so.
    record = await system.delivered("uncertain@pi")
    assert events(record).count("attempt") == 2
    assert "in_doubt" in events(record)
    again = next(push for push in second.pushes if push.message.body == b"uncertain@pi")
    assert again.push_id == uncertain.push_id
    assert sorted(bodies(second)) == [b"new@pi", b"uncertain@pi", b"waits@pi"]
    assert bodies(moved) == [b"after@pi"]
    for terminal in (second, moved):
        await terminal.close()


async def test_process_that_comes_back_frees_what_it_held_at_once(system: System) -> None:
    terminal = await system.a.terminal(1, takes=False)
    await system.held_by(1, "a")
    await system.c.push(1, "uncertain@pi")
    uncertain = await terminal.next_push()
    await system.a.daemon.kill()
    await system.a.daemon.start()
    assert not await system.store.attachments(client_of(1), SystemClock()())
    second = await system.a.terminal(1)
    record = await system.delivered("uncertain@pi")
    assert "in_doubt" in events(record)
    assert [push.push_id for push in second.pushes] == [uncertain.push_id]
    await second.close()


class RestlessTerminal:
    """Dials one of the processes that live; when its connection ends, the next."""

    def __init__(self, number: int, system: System, draw: random.Random) -> None:
        self._number = number
        self._system = system
        self._draw = draw
        self.taken: Counter[str] = Counter()

    async def run(self) -> None:
        while True:
            gateway = self._draw.choice(self._system.gateways)
            try:
                terminal = await gateway.terminal(self._number)
            except OmapushError:
                await asyncio.sleep(0.05)  # that process is down: do not spin
                continue
            try:
                await terminal.ended
            finally:
                self.taken.update(map(key_of, terminal.pushes))
                await terminal.close()


def key_of(push: PoConfirmedPushInd) -> str:
    return push.push_id or ""


class Load:
    """Submits pushes for every terminal to any process; remembers what was answered."""

    def __init__(self, system: System, draw: random.Random) -> None:
        self._system = system
        self._draw = draw
        self.accepted: list[str] = []
        self.ended = False

    async def run(self, name: int) -> None:
        number = 0
        while not self.ended:
            number += 1
            await self._submit(f"{name}-{number}@load")

    async def _submit(self, push_id: str) -> None:
        """Submit until there is an answer; a lost answer is asked for again (PAP 2007)."""
        lost, number = False, self._draw.randrange(TERMINALS)
        while not self.ended:
            try:
                code = await self._draw.choice(self._system.gateways).push(number, push_id)
            except OmapushError:
                lost = True
                await asyncio.sleep(0.02)
                continue
            assert code in ((1001, 2007) if lost else (1001,))
            self.accepted.append(push_id)
            return


@pytest.mark.parametrize("seed", [6])
async def test_nothing_accepted_is_lost_when_processes_die_and_come_back(
    system: System, seed: int
) -> None:
    draw = random.Random(seed)
    terminals = [RestlessTerminal(number, system, draw) for number in range(TERMINALS)]
    load = Load(system, draw)
    async with asyncio.TaskGroup() as everybody:
        dialling = [everybody.create_task(each.run()) for each in terminals]
        submitting = [everybody.create_task(load.run(name)) for name in range(4)]
        for gateway in (system.a, system.b, system.a):
            await asyncio.sleep(draw.uniform(0.5, 1.5))  # the random instant of the crash
            await gateway.daemon.kill()
            await asyncio.sleep(draw.uniform(0.1, 0.5))
            await gateway.daemon.start()
        load.ended = True
        await asyncio.gather(*submitting)
        records = [await system.delivered(push_id) for push_id in load.accepted]
        for each in dialling:
            each.cancel()
    taken: Counter[str] = sum((each.taken for each in terminals), Counter())
    assert len(records) > 50
    for record in records:
        times = taken[str(record.deliveries[0].key)]
        assert times >= 1, f"{record.push_id} is delivered, and no terminal had it"
        # What came twice was in doubt: lost with its process, or with the answer.
        doubts = events(record).count("in_doubt")
        assert times <= 1 + doubts, f"{record.push_id} came {times} times, {doubts} times in doubt"
