"""The ledger with a short and with a long history: does it answer and work as fast?

Two ledgers with as many deliveries that are due; the others have ended. What is due are the
youngest, as in a gateway that keeps up; and in a second pair every so many-th of all, the worst case,
in which no two of them lie on the same page of the file. No HTTP: the store itself, asked by 32 callers at a time, as by 32
connections. The ledgers take turns, so that whatever else the machine does hits both.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from omapush.core.instants import Instant
from omapush.ppg.store.contract import (
    Cancellation,
    CancelOutcome,
    DeliveryState,
    Settlement,
    Store,
)
from omapush.ppg.store.opening import open_store

SHORT, LONG = 10_000, 1_000_000
DUE = 10_000
CALLERS = 32
CLIENTS = 1_000
START = 1_800_000_000_000
INITIATOR, OWNER = "weather", "node/1"
CLAIM, PER_CLIENT, LEASE_MS = 512, 16, 300_000

Rates = dict[str, dict[int, float]]
"""By what was done and how many deliveries are stored: so many a second."""

# Written by the database itself, a million at a time. Push ids come in no order, as initiators
# give them; a multiplication by a prime scatters them. From {offset} on every {step}-th delivery is due.
_NUMBERS = """
WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < {total}),
told AS (
    SELECT n, {start} + n AS at, printf('%012x%020x', {start} + n, n) AS key,
        printf('%08x', n * 2654435761 & 4294967295) || '@bench.example.net' AS id,
        'c' || (n / {step} % {clients}) AS client,
        printf('+4400000%06d', n % 1000000) AS phone, n >= {offset} AND (n - {offset}) % {step} = 0 AS due
    FROM number)
"""
_FILL = (
    """
INSERT INTO push (push_key, push_id, initiator_id, pap_version, received_at, expires_at,
    content_digest, confirmed, flags, notify_url, control, headers, body)
SELECT key, id, '{initiator}', '2.0', at, at + 1000000000, printf('%064x', n), 1, 0,
    'http://initiator.example/notify', '{{"wap-pap-ver":"2.0"}}',
    '[["Content-Type","text/vnd.wap.si"],["X-Wap-Application-Id","x-wap-application:wml.ua"]]',
    zeroblob(300)
FROM told""",
    """
INSERT INTO delivery (push_key, position, client_id, address, recipient, state, due_at, not_before,
    expires_at, owner, attempt, sent_attempts, code, reason, confirmed, event_time)
SELECT key, 0, client, 'WAPPUSH=' || phone || '/TYPE=PLMN@b', 'PLMN:' || phone,
    iif(due, 'queued', 'delivered'), iif(due, at, NULL), at, at + 1000000000, NULL, NOT due,
    NOT due, iif(due, NULL, 1000), '', NOT due, iif(due, NULL, at + 1)
FROM told""",
    """
INSERT INTO event (push_key, at, ordinal, position, event, detail)
SELECT key, at + 1, n, 0, 'attempt', '1' FROM told WHERE NOT due""",
    """
INSERT INTO event (push_key, at, ordinal, position, event, detail)
SELECT key, at + 2, n, 0, 'delivered', '' FROM told WHERE NOT due""",
    """
INSERT INTO notification (push_key, position, url, state, due_at, owner, attempt, created_at, reason)
SELECT key, 0, 'http://initiator.example/notify', 'delivered', NULL, NULL, 1, at + 2, ''
FROM told WHERE NOT due""",
)


def histories(scale: float, rounds: int) -> Rates:
    """Return how often in a second each thing can be done, with a short and a long history."""
    return uvloop.run(_histories(scale, rounds))


async def _histories(scale: float, rounds: int) -> Rates:
    youngest = await _pair(scale, rounds, scattered=False)
    scattered = await _pair(scale, rounds, scattered=True)
    return youngest | {f"{what}, scattered": rates for what, rates in scattered.items()}


async def _pair(scale: float, rounds: int, *, scattered: bool) -> Rates:
    due = int(DUE * min(1.0, scale))
    sizes = (max(due, int(SHORT * scale)), int(LONG * scale))
    found: dict[str, dict[int, list[float]]] = {}
    with tempfile.TemporaryDirectory() as text:
        stores: dict[int, Store] = {}
        for size in sizes:
            path = Path(text) / f"{size}.db"
            stores[size] = open_store(f"sqlite:///{path}")
            await _fill(path, stores[size], size, _due(size, due, scattered=scattered))
        for number in range(rounds):
            for size, store in stores.items():
                where = _due(size, due, scattered=scattered)
                for what, rate in (await _one_round(store, size, where, number, rounds)).items():
                    found.setdefault(what, {}).setdefault(size, []).append(rate)
        for store in stores.values():
            await store.close()
    return {
        what: {size: statistics.median(rates) for size, rates in by_size.items()}
        for what, by_size in found.items()
    }


def _due(size: int, due: int, *, scattered: bool) -> range:
    """Return the numbers of the deliveries that are due."""
    return range(0, size, size // due) if scattered else range(size - due, size)


async def _fill(path: Path, store: Store, total: int, due: range) -> None:
    await store.open()  # makes the tables
    await store.close()
    facts = {
        "total": total, "step": due.step, "offset": due.start, "start": START, "clients": CLIENTS,
        "initiator": INITIATOR,
    }  # fmt: skip
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-1048576")
    for insert in _FILL:
        # A CTE stands before INSERT ... SELECT in SQLite.
        connection.execute((_NUMBERS + insert).format(**facts))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    await store.open()


async def _one_round(
    store: Store, size: int, due: range, number: int, rounds: int
) -> dict[str, float]:
    """Do each thing once; what is claimed is the oldest third, what is cancelled is younger."""
    choice = random.Random(0)  # the same deliveries every time
    asked = [int(choice.random() * size) for _ in range(rounds * len(due) // 4)]
    waiting = choice.sample(due[len(due) // 2 :], len(due) // 3)
    share = len(due) // (3 * rounds)
    cancelled = waiting[number::rounds][:share]
    return {
        "status queries": await _together([_query(store, each) for each in asked[number::rounds]]),
        "cancellations": await _together([_cancel(store, each) for each in cancelled]),
        "claimed and settled": await _claim_and_settle(store, share),
    }


async def _together(calls: list[Callable[[], Awaitable[None]]]) -> float:
    """Make ``calls`` by so many callers at a time; return how many a second."""
    waiting = iter(calls)

    async def caller() -> None:
        for call in waiting:
            await call()

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return len(calls) / (time.perf_counter() - started)


def _push_id(number: int) -> str:
    return f"{number * 2654435761 & 0xFFFFFFFF:08x}@bench.example.net"


def _query(store: Store, number: int) -> Callable[[], Awaitable[None]]:
    async def query() -> None:
        record = await store.push(_push_id(number), timeline=False)
        assert record is not None
        assert len(record.deliveries) == 1

    return query


def _cancel(store: Store, number: int) -> Callable[[], Awaitable[None]]:
    recipient = f"PLMN:+4400000{number % 1_000_000:06d}"

    async def cancel() -> None:
        wish = Cancellation(
            _push_id(number), INITIATOR, Instant(START), "benchmark", frozenset({recipient})
        )
        told = await store.cancel(wish)
        assert told is not None
        assert [each.outcome for each in told] == [CancelOutcome.CANCELLED]

    return cancel


async def _claim_and_settle(store: Store, number: int) -> float:
    """Claim and settle so many, as many at a time as the delivery loop does."""
    now = Instant(START * 2)
    done = 0
    started = time.perf_counter()
    while done < number:
        most = min(CLAIM, number - done)
        claimed = await store.claim(OWNER, now, LEASE_MS, most, PER_CLIENT)
        assert claimed
        settlements = [
            Settlement(
                each.key, OWNER, each.attempt, now, DeliveryState.DELIVERED, "", 1000,
                confirmed=True, sent=True, notify=True,
            )
            for each in claimed
        ]  # fmt: skip
        assert all(await store.settle(settlements))
        done += len(claimed)
    return done / (time.perf_counter() - started)
