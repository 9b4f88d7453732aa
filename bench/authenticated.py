"""Acceptance from an initiator that proves who it is, is judged by permissions and is counted.

One gateway serves both cases in turns, at 32 connections: HTTP Basic with a password that is kept
as an Argon2 hash, with patterns for content types and recipients and a rate; and anonymous.
"""

from __future__ import annotations

import base64
import statistics
import tempfile
from pathlib import Path

import uvloop
from gateway import (
    LATER,
    OMAPUSH,
    Cell,
    clients,
    ledger_of,
    numbers,
    ppg_settings,
    submitted,
    wait_until_placed,
)
from load import Submissions, submit
from processes import Measured, free_ports, running

from omapush.ppg.passwords import hash_password

CONNECTIONS = 32
USERNAME, PASSWORD = "weather", "umbrella-77"  # of nobody
AUTHORIZATION = (
    f"Authorization: Basic {base64.b64encode(f'{USERNAME}:{PASSWORD}'.encode()).decode()}\r\n"
)
CASES = {"anonymous": "", "Basic, permissions, rate": AUTHORIZATION}
PUSHES = {1: 10_000, 10: 3_000, 1_000: 128}
"""By addresses in a push, so that each case takes a second or two."""

Found = dict[int, dict[str, Cell]]
"""By addresses in a push and case: submissions/s, CPU-s per 1,000 recipients."""


def authenticated(scale: float, rounds: int) -> Found:
    """Measure both cases with each number of addresses, the cases taking turns."""
    found: dict[tuple[int, str], list[Cell]] = {}
    with tempfile.TemporaryDirectory() as text:
        folder, addresses = Path(text), numbers(1_000)
        pap, admin, nowhere = free_ports(3)
        tables = _initiator() + clients(addresses, [nowhere] * len(addresses))
        command = [OMAPUSH, "ppg", "--config", str(ppg_settings(folder, pap, admin, tables))]
        with running("server", [command], pap, folder) as server:
            uvloop.run(submit(Submissions(pap, "/pap", addresses, LATER), 8, 500, "warm"))
            for number in range(rounds):
                for together, pushes in PUSHES.items():
                    total = max(CONNECTIONS, int(pushes * scale))
                    for case, authorization in CASES.items():
                        what = Submissions(
                            pap, "/pap", addresses, LATER,
                            authorization=authorization, together=together,
                        )  # fmt: skip
                        run = f"{number}-{together}-{'basic' if authorization else 'open'}"
                        cell = _measure(server, what, total, run, ledger_of(folder))
                        found.setdefault((together, case), []).append(cell)
    return {
        together: {case: _median(found[together, case]) for case in CASES} for together in PUSHES
    }


def _measure(server: Measured, what: Submissions, total: int, run: str, ledger: Path) -> Cell:
    """Submit; what is put in its place after the answer belongs to the cost as well."""
    before = server.cpu_seconds()
    result = submitted(server, what, CONNECTIONS, total, run)
    wait_until_placed(ledger)
    used = server.cpu_seconds() - before
    return Cell(result.per_second, used / (total * what.together) * 1000)


def _median(cells: list[Cell]) -> Cell:
    return Cell(
        statistics.median(cell.per_second for cell in cells),
        statistics.median(cell.cpu_per_1000 for cell in cells),
    )


def _initiator() -> str:
    return (
        f'[[initiators]]\nid = "weather"\nusername = "{USERNAME}"\n'
        f'password_hash = "{hash_password(PASSWORD)}"\n'
        'allow_content_types = ["text/vnd.wap.*", "image/*"]\n'
        'deny_recipients = ["PLMN:+44900*", "USER:*@example.com"]\n'
        "pushes_per_second = 1000000\n"
    )
