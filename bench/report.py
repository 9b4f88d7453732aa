"""Turns measurements into docs/benchmarks.md; the explanation below the mark is kept as it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MARK = "<!-- Below this line is written by hand; `make bench` replaces only what is above. -->"


def render(results: dict[str, Any]) -> str:
    """Return the measured part of the page."""
    machine = results["machine"]
    lines = [
        "# Benchmarks",
        "",
        f"Measured on {machine['date']} by `{results['command']}` on {machine['processor']}, "
        f"Python {machine['python']}, {machine['system']}. The load generator runs on the same "
        "cores. Ratios within this run mean something; single figures drift with the machine.",
        "",
    ]
    for part, render_part in (
        ("accept", _accept),
        ("ledger", _ledger),
        ("delivery", _delivery),
        ("memory", _memory),
    ):
        if part in results:
            lines += [*render_part(results[part]), ""]
    return "\n".join(lines)


def write(path: Path, text: str) -> None:
    """Replace the measured part of the page, keeping what people wrote below the mark."""
    kept = path.read_text().partition(MARK)[2] if path.exists() else "\n"
    path.write_text(f"{text}\n{MARK}{kept}")


def _accept(accept: dict[str, dict[int, Any]]) -> list[str]:
    kannel, ours = accept["Kannel"], accept["omapush"]
    lines = [
        "## Accepted pushes",
        "",
        "One 1.3 KiB Service Indication a submission, keep-alive connections, median of three rounds. "
        "omapush answers after its SQLite commit (`synchronous=FULL`); Kannel keeps pushes in memory "
        "and sends them to a simulated SMSC; bare uvicorn reads the body and forgets it.",
        "",
        "| connections | server | accepted/s | CPU-s per 1,000 | CPU against Kannel |",
        "|---:|---|---:|---:|---:|",
    ]
    for connections in ours:
        for name, row in accept.items():
            cell = row[connections]
            ratio = cell.cpu_per_1000 / kannel[connections].cpu_per_1000
            lines.append(
                f"| {connections} | {name} | {cell.per_second:,.0f} | {cell.cpu_per_1000:.3f} "
                f"| {ratio:.2f} |"
            )
    return lines


def _ledger(ledger: dict[int, tuple[float, float]]) -> list[str]:
    lines = [
        "## Raw SQLite group commit",
        "",
        "One table, 1 KB rows, WAL, `synchronous=FULL`: what durability costs by itself.",
        "",
        "| rows a commit | rows/s | CPU µs a row |",
        "|---:|---:|---:|",
    ]
    rows = (f"| {size} | {rate:,.0f} | {cpu:.0f} |" for size, (rate, cpu) in ledger.items())
    return [*lines, *rows]


def _delivery(rows: list[dict[str, float]]) -> list[str]:
    lines = [
        "## Confirmed deliveries end to end",
        "",
        "Submitted over PAP, stored, delivered over OTA-HTTP (PO-TCP) to independent terminals, each "
        "answer awaited and settled; the first registration of each terminal is part of it.",
        "",
        "| clients | pushes | delivered/s | gateway CPU-s per 1,000 |",
        "|---:|---:|---:|---:|",
    ]
    measured = (
        f"| {row['clients']:,} | {row['pushes']:,} | {row['delivered_per_second']:,.0f} "
        f"| {row['gateway_cpu_per_1000']:.3f} |"
        for row in rows
    )
    return [*lines, *measured]


def _memory(found: list[tuple[int, float]]) -> list[str]:
    lines = [
        "## Memory",
        "",
        "Resident memory of the gateway while it accepts, 32 connections.",
        "",
        "| accepted | MiB |",
        "|---:|---:|",
    ]
    return [*lines, *(f"| {accepted:,} | {mib:.1f} |" for accepted, mib in found)]
