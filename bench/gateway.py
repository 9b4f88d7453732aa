"""The gateway under measurement: its settings, its command, and what its acceptance costs."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop
from load import Result, Submissions, submit
from processes import Measured

ROOT = Path(__file__).parent.parent
OMAPUSH = str(Path(sys.executable).with_name("omapush"))
ADDRESS = "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"
# Due in ten years: acceptance alone, no delivery beside it.
LATER = ' deliver-after-timestamp="2036-01-01T00:00:00Z" deliver-before-timestamp="2036-01-02T00:00:00Z"'
LONGEST_PLACING_S = 120


@dataclass(frozen=True)
class Cell:
    """One server in one case: medians over the rounds."""

    per_second: float
    cpu_per_1000: float


def ppg_settings(folder: Path, pap: int, admin: int, more: str) -> Path:
    """Write the gateway's settings for a run; ``more`` are tables: clients, groups, initiators."""
    path = folder / "ppg.toml"
    path.write_text(
        f'[pap]\nlisten = "127.0.0.1:{pap}"\nanonymous_from = ["127.0.0.1/32"]\n'
        f'[admin]\nlisten = "127.0.0.1:{admin}"\n'
        f'[store]\nurl = "sqlite:///{ledger_of(folder)}"\n{more}'
    )
    return path


def ledger_of(folder: Path) -> Path:
    """Return the file of the ledger."""
    return folder / "omapush.db"


def one_client(port: int) -> str:
    """Return the table of one client, where nobody need listen."""
    return clients([ADDRESS], [port])


def numbers(count: int) -> tuple[str, ...]:
    """Return so many addresses of one length."""
    return tuple(f"WAPPUSH=+4400000{number:06d}/TYPE=PLMN@b" for number in range(count))


def clients(addresses: Sequence[str], ports: Sequence[int]) -> str:
    """Return the tables of clients ``c0``, ``c1`` … , one for each address."""
    return "".join(
        f'[[clients]]\nid = "c{number}"\naddresses = ["{address}"]\nota_http = "127.0.0.1:{port}"\n'
        for number, (address, port) in enumerate(zip(addresses, ports, strict=True))
    )


def measure(server: Measured, what: Submissions, connections: int, total: int, run: str) -> Cell:
    """Submit and relate the server's CPU time to what it accepted."""
    before = server.cpu_seconds()
    result = submitted(server, what, connections, total, run)
    used = server.cpu_seconds() - before
    return Cell(result.per_second, used / result.accepted * 1000)


def submitted(
    server: Measured, what: Submissions, connections: int, total: int, run: str
) -> Result:
    """Submit, and end everything unless all was accepted."""
    result = uvloop.run(submit(what, connections, total, run))
    if result.others or result.accepted != total:
        sys.exit(f"{server.name}: {result.accepted} of {total} accepted, others {result.others}")
    return result


def wait_until_placed(ledger: Path, pause: float = 0.02) -> None:
    """Wait until the gateway has put every delivery that it keeps in bulk in its place."""
    connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, isolation_level=None)
    give_up_at = time.perf_counter() + LONGEST_PLACING_S
    try:
        while connection.execute("SELECT EXISTS (SELECT * FROM expansion)").fetchone()[0]:
            if time.perf_counter() > give_up_at:
                sys.exit(f"deliveries are not in their places after {LONGEST_PLACING_S} s")
            time.sleep(pause)
    finally:
        connection.close()
