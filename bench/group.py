"""A push to one group of very many: until it is answered, until all is in place, and beside it."""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop
from gateway import (
    LATER,
    OMAPUSH,
    clients,
    ledger_of,
    numbers,
    ppg_settings,
    submitted,
    wait_until_placed,
)
from load import Result, Submissions, submit
from processes import Measured, free_ports, running

START_S = 180
"""Reading the table of 100,000 clients takes its time, and is no part of what is measured."""
PROBES = 20


@dataclass(frozen=True)
class GroupPush:
    """What was measured; seconds.

    :ivar quiet: from submission to answer of other pushes while nothing else happens, one by one.
    :ivar meanwhile: the same from the submission to the group until all is in place.
    """

    members: int
    answered: float
    placed: float
    cpu: float
    quiet: list[float]
    meanwhile: list[float]


def group_push(members: int) -> GroupPush:
    """Measure one push to a group of ``members``, beside pushes to one client each."""
    with tempfile.TemporaryDirectory() as text:
        folder, addresses = Path(text), numbers(members)
        pap, admin, nowhere = free_ports(3)
        names = ", ".join(f'"c{number}"' for number in range(members))
        tables = clients(addresses, [nowhere] * members)
        tables += f'[[groups]]\nname = "everybody"\nclients = [{names}]\n'
        command = [OMAPUSH, "ppg", "--config", str(ppg_settings(folder, pap, admin, tables))]
        with running("server", [command], pap, folder, patience=START_S) as server:
            return _measure(server, pap, addresses, ledger_of(folder))


def _measure(server: Measured, pap: int, addresses: tuple[str, ...], ledger: Path) -> GroupPush:
    one = Submissions(pap, "/pap", addresses, LATER)
    all_of_them = Submissions(pap, "/pap", ("WAPPUSH=everybody/TYPE=USER@b",), LATER)
    submitted(server, one, 8, 500, "warm")
    quiet = submitted(server, one, 1, 1_000, "quiet")
    before = server.cpu_seconds()
    group, placed, meanwhile = uvloop.run(_beside(one, all_of_them, ledger))
    if group.accepted != 1:
        raise SystemExit(f"the push to the group was answered {group.others}")
    used = server.cpu_seconds() - before
    return GroupPush(len(addresses), group.waits[0], placed, used, quiet.waits, meanwhile)


async def _beside(
    one: Submissions, all_of_them: Submissions, ledger: Path
) -> tuple[Result, float, list[float]]:
    """Submit to the group, and one by one to others until all is in place."""
    started = time.perf_counter()

    async def until_placed() -> tuple[Result, float]:
        result = await submit(all_of_them, 1, 1, "group")
        await asyncio.to_thread(wait_until_placed, ledger)
        return result, time.perf_counter() - started

    to_group = asyncio.ensure_future(until_placed())
    meanwhile: list[float] = []
    for number in range(1_000_000):
        if to_group.done():
            break
        meanwhile += (await submit(one, 1, PROBES, f"beside{number}")).waits
    result, placed = await to_group
    return result, placed, meanwhile
