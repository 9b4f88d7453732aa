"""Measures the gateway beside its references, in one run, and writes docs/benchmarks.md.

``python bench/run.py`` runs everything (some fifteen minutes); ``--only accept,group`` some
:data:`PARTS`, ``--scale 0.1`` with a tenth of the pushes, and then nothing is written unless
``--write``.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parent))

import gateway
import kannel
import report
from authenticated import authenticated
from client_farm import client_farm
from dialled_terminals import dialled_terminals
from gateway import ADDRESS, LATER, OMAPUSH, ROOT, Cell, measure, one_client, ppg_settings
from group import group_push
from history import histories
from ledger import group_commit
from load import Submissions, submit
from msrp_transfer import msrp_transfers
from processes import free_ports, running
from push_client import confirmed_pushes
from registrations import registrations
from short_messages import push_to_many, pushes_by_sms, smpp_alone
from sip_codecs import sip_codecs
from sip_farm import sip_farms
from sip_pushes import sip_pushes
from wire_codecs import codecs

CONNECTIONS = (1, 8, 32, 128)


def acceptance(total: int, rounds: int) -> dict[str, dict[int, Cell]]:
    """Measure acceptance at each number of connections, the servers taking turns."""
    found: dict[str, dict[int, list[Cell]]] = {}
    for round_number in range(rounds):
        for name in ("omapush", "Kannel", "bare uvicorn"):
            with tempfile.TemporaryDirectory() as text:
                for connections, cell in _one_server(name, Path(text), total, round_number):
                    found.setdefault(name, {}).setdefault(connections, []).append(cell)
    return {
        name: {
            connections: Cell(
                statistics.median(cell.per_second for cell in cells),
                statistics.median(cell.cpu_per_1000 for cell in cells),
            )
            for connections, cells in row.items()
        }
        for name, row in found.items()
    }


def _one_server(name: str, folder: Path, total: int, round_number: int) -> list[tuple[int, Cell]]:
    if name == "Kannel":
        return _kannel(folder, total, round_number)
    pap, admin, nowhere = free_ports(3)
    if name == "omapush":
        settings = ppg_settings(folder, pap, admin, one_client(nowhere))
        command = [OMAPUSH, "ppg", "--config", str(settings)]
        what = Submissions(pap, "/pap", (ADDRESS,), LATER)
    else:
        command = [sys.executable, str(ROOT / "bench/bare_endpoint.py"), str(pap)]
        what = Submissions(pap, "/pap", (ADDRESS,))
    with running("server", [command], pap, folder) as server:
        uvloop.run(submit(what, 8, min(total, 500), f"warm{round_number}"))
        return [
            (
                connections,
                measure(server, what, connections, total, f"r{round_number}c{connections}"),
            )
            for connections in CONNECTIONS
        ]


def _kannel(folder: Path, total: int, round_number: int) -> list[tuple[int, Cell]]:
    peer = kannel.prepared(folder)
    what = Submissions(
        peer.ppg_port, "/wappush", (ADDRESS,), "", ' delivery-method="unconfirmed" bearer="SMS" network="GSM"',
        "1.0", kannel.authorization(),
    )  # fmt: skip
    with running("kannel", list(peer.commands), peer.ppg_port, folder) as server:
        sink = kannel.Sink(peer.smsc_port)
        uvloop.run(submit(what, 8, min(total, 500), f"warm{round_number}"))
        cells = [
            (
                connections,
                measure(server, what, connections, total, f"r{round_number}c{connections}"),
            )
            for connections in CONNECTIONS
        ]
        sink.close()
        return cells


def delivery(clients: int, total: int) -> dict[str, float]:
    """Measure confirmed deliveries end to end over OTA-HTTP to ``clients`` terminals."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        pap, admin = free_ports(2)
        first = 20_000
        addresses = gateway.numbers(clients)
        tables = gateway.clients(addresses, range(first, first + clients))
        farm_command = [sys.executable, str(ROOT / "bench/terminal_farm.py"), str(first), str(clients), str(total)]  # fmt: skip
        with subprocess.Popen(farm_command, stdout=subprocess.PIPE) as farm:
            assert farm.stdout is not None
            farm.stdout.readline()
            settings = ppg_settings(folder, pap, admin, tables)
            command = [OMAPUSH, "ppg", "--config", str(settings)]
            with running("server", [command], pap, folder) as server:
                before = server.cpu_seconds()
                what = Submissions(pap, "/pap", addresses)
                accepted = uvloop.run(submit(what, 8, total, "d"))
                report_line = json.loads(farm.stdout.readline())
                used = server.cpu_seconds() - before
                return {
                    "clients": clients,
                    "pushes": total,
                    "accepted_per_second": accepted.per_second,
                    "delivered_per_second": total / report_line["seconds"],
                    "gateway_cpu_per_1000": used / total * 1000,
                }


def memory(total: int) -> list[tuple[int, float]]:
    """Return resident MiB of the gateway after each tenth of ``total`` accepted pushes."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        pap, admin, nowhere = free_ports(3)
        settings = ppg_settings(folder, pap, admin, one_client(nowhere))
        with running(
            "server", [[OMAPUSH, "ppg", "--config", str(settings)]], pap, folder
        ) as server:
            what = Submissions(pap, "/pap", (ADDRESS,), LATER)
            found = [(0, server.resident_mib())]
            for tenth in range(10):
                uvloop.run(submit(what, 32, total // 10, f"m{tenth}"))
                found.append(((tenth + 1) * (total // 10), server.resident_mib()))
            return found


def machine() -> dict[str, str]:
    """Say where this was measured."""
    model = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")), "unknown processor",
    )  # fmt: skip
    cores = len([line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("processor")])  # fmt: skip
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),  # noqa: TID251 - the report's date
        "processor": f"{cores} cores, {model}",
        "python": platform.python_version(),
        "system": platform.platform(),
    }


PARTS: dict[str, Callable[[float], object]] = {
    "accept": lambda scale: acceptance(max(500, int(10_000 * scale)), 3),
    "authenticated": lambda scale: authenticated(scale, 3),
    "group": lambda scale: group_push(max(1_000, int(100_000 * scale))),
    "ledger": lambda scale: group_commit(max(1_000, int(20_000 * scale))),
    "history": lambda scale: histories(scale, 5),
    "delivery": lambda scale: [
        delivery(clients, max(500, int(5_000 * scale))) for clients in (1, 100, 1_000)
    ],
    "sms": lambda scale: pushes_by_sms(max(500, int(10_000 * scale)), 3),
    "smpp": lambda scale: smpp_alone(max(1_000, int(20_000 * scale)), 3),
    "many": lambda scale: [
        push_to_many(max(1_000, int(number * scale))) for number in (10_000, 100_000)
    ],
    "codecs": lambda scale: codecs(max(50, int(1_000 * scale))),
    "memory": lambda scale: memory(max(1_000, int(100_000 * scale))),
    "client": lambda scale: confirmed_pushes(max(200, int(1_500 * scale)), 3),
    "registrations": lambda scale: registrations(max(100, int(1_000 * scale)), 3),
    "farm": lambda scale: [
        client_farm(max(1, int(clients * scale))) for clients in (1, 1_000, 10_000)
    ],
    "sip_codecs": lambda scale: sip_codecs(max(50, int(1_000 * scale))),
    "msrp": msrp_transfers,
    "sip": lambda scale: sip_pushes(max(300, int(3_000 * scale)), 2),
    "sip_farm": lambda scale: sip_farms(max(10, int(5_000 * scale))),
    "dialled": lambda scale: dialled_terminals(scale, 3),
}


def main() -> None:
    """Run what was asked for and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    parts, scale = set(arguments.only.split(",")), arguments.scale
    if not parts <= set(PARTS):
        parser.error(f"the parts are {', '.join(PARTS)}")
    results: dict[str, object] = {"machine": machine(), "command": "make bench"}
    for name, run in PARTS.items():
        if name in parts:
            results[name] = run(scale)
    text = report.render(results)
    print(text)
    if arguments.write or (scale == 1.0 and parts == set(PARTS)):
        report.write(ROOT / "docs/benchmarks.md", text)


if __name__ == "__main__":
    main()
