"""Turns measurements into docs/benchmarks.md; the explanation below the mark is kept as it stands."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from push_client import DURABLE
from registrations import BARE, OURS
from sip_report import msrp, sip, sip_codecs, sip_farm
from wire_codecs import table_of

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
        ("authenticated", _authenticated),
        ("group", _group),
        ("ledger", _ledger),
        ("history", _history),
        ("delivery", _delivery),
        ("sms", _sms),
        ("smpp", _smpp),
        ("many", _many),
        ("codecs", _codecs),
        ("memory", _memory),
        ("client", _client),
        ("registrations", _registrations),
        ("farm", _farm),
        ("dialled", dialled),
        ("sip_codecs", sip_codecs),
        ("msrp", msrp),
        ("sip", sip),
        ("sip_farm", sip_farm),
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


def _authenticated(found: dict[int, dict[str, Any]]) -> list[str]:
    lines = [
        "## Accepted from an initiator with a password",
        "",
        "32 connections. HTTP Basic with a password kept as an Argon2 hash, patterns for content types "
        "and recipients, and a rate that is never reached; beside it anonymous submissions to the same "
        "gateway. Median of three rounds. The CPU time includes putting deliveries beyond the 500th of "
        "a push in their places after the answer.",
        "",
        "| addresses a push | initiator | pushes/s | recipients/s | CPU-s per 1,000 recipients "
        "| CPU against anonymous |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for together, cases in found.items():
        for case, cell in cases.items():
            ratio = cell.cpu_per_1000 / cases["anonymous"].cpu_per_1000
            lines.append(
                f"| {together:,} | {case} | {cell.per_second:,.0f} "
                f"| {cell.per_second * together:,.0f} | {cell.cpu_per_1000:.3f} | {ratio:.2f} |"
            )
    return lines


def _group(found: Any) -> list[str]:
    lines = [
        "## A push to a large group",
        "",
        f"One push to a group of {found.members:,} clients: answered after {found.answered:.2f} s, the "
        f"last delivery in its place after {found.placed:.2f} s, for which the gateway used "
        f"{found.cpu:.2f} s of CPU time, the other pushes included. These are submitted one by one, "
        "each to one client, before it and until all is in place.",
        "",
        "| answers to other pushes | quiet, ms | meanwhile, ms | ratio |",
        "|---|---:|---:|---:|",
    ]
    for name, value in (
        ("median", statistics.median),
        ("95 of 100 faster than", lambda waits: statistics.quantiles(waits, n=20)[-1]),
        ("slowest", max),
    ):
        quiet, meanwhile = value(found.quiet) * 1000, value(found.meanwhile) * 1000
        lines.append(f"| {name} | {quiet:.1f} | {meanwhile:.1f} | {meanwhile / quiet:.1f} |")
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


def _history(rates: dict[str, dict[int, float]]) -> list[str]:
    short, long = next(iter(rates.values()))
    lines = [
        "## The ledger with a long history",
        "",
        f"SQLite, without HTTP, 32 callers at a time; {short:,} deliveries are due in both: the "
        "youngest, or scattered evenly over all that are stored. Claiming and settling goes one after the other, in the batches of the "
        "delivery loop. Median of five rounds.",
        "",
        f"| a second | {short:,} stored | {long:,} stored | ratio |",
        "|---|---:|---:|---:|",
    ]
    rows = (
        f"| {what} | {found[short]:,.0f} | {found[long]:,.0f} | {found[long] / found[short]:.2f} |"
        for what, found in rates.items()
    )
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


def _sms(found: dict[str, dict[int, Any]]) -> list[str]:
    lines = [
        "## Pushes by SMS",
        "",
        "A 1.3 KiB Service Indication a submission, unconfirmed, each to another number: PAP request, "
        "storage, WBXML, WSP, one submit_sm with a window of 100, until the SMSC has answered the "
        "last. omapush answers after its commit; Kannel (wapbox and bearerbox together) stores "
        "nothing. Median of three rounds.",
        "",
        "| connections | gateway | pushes/s | CPU-s per 1,000 | CPU against Kannel |",
        "|---:|---|---:|---:|---:|",
    ]
    reference = found["Kannel"]
    for connections in reference:
        for name, row in found.items():
            cell = row[connections]
            ratio = cell.cpu_per_1000 / reference[connections].cpu_per_1000
            lines.append(
                f"| {connections} | {name} | {cell.per_second:,.0f} | {cell.cpu_per_1000:.3f} "
                f"| {ratio:.2f} |"
            )
    return lines


def _smpp(found: dict[str, Any]) -> list[str]:
    reference = found["smpplib"]
    lines = [
        "## SMPP alone",
        "",
        "submit_sm with 127 octets of user data and a window of 100, one bind, median of three rounds; "
        "CPU of the ESME only. smpplib is driven by hand: it has no window of its own.",
        "",
        "| ESME | submit_sm/s | CPU-s per 1,000 | CPU against smpplib |",
        "|---|---:|---:|---:|",
    ]
    rows = (
        f"| {name} | {cell.per_second:,.0f} | {cell.cpu_per_1000:.3f} "
        f"| {cell.cpu_per_1000 / reference.cpu_per_1000:.2f} |"
        for name, cell in found.items()
    )
    return [*lines, *rows]


def _many(rows: list[Any]) -> list[str]:
    lines = [
        "## One push to very many phones",
        "",
        "One submission that names every recipient, by SMS; until the SMSC has answered the last. "
        "Memory is the gateway's resident one: before the push, when it had read and answered it, when "
        "the last was sent, and the largest.",
        "",
        "| recipients | 1001 after, s | all sent after, s | deliveries/s | CPU-s per 1,000 "
        "| idle MiB | accepted MiB | sent MiB | peak MiB |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    measured = (
        f"| {row.recipients:,} | {row.answered:.2f} | {row.sent:.1f} "
        f"| {row.recipients / row.sent:,.0f} | {row.cpu / row.recipients * 1000:.3f} "
        f"| {row.idle_mib:.0f} | {row.accepted_mib:.0f} | {row.sent_mib:.0f} | {row.peak_mib:.0f} |"
        for row in rows
    )
    return [*lines, *measured]


def _codecs(pairs: list[Any]) -> list[str]:
    return [
        "## Codecs of OTA-WSP",
        "",
        "CPU time of one call in one process, median of nine rounds in turns. libwbxml is C; the "
        "others are Python. python-messaging skips the headers of the push and reads the "
        "notification only; ours reads both.",
        "",
        *table_of(pairs),
    ]


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


def _client(found: dict[tuple[str, int, int], Any]) -> list[str]:
    lines = [
        "## Pushes to applications",
        "",
        "`omapush client` between a gateway and applications: 1 KiB pushes over OTA-HTTP, each handed "
        "to its application, accepted by it, on disk, and confirmed to the gateway, which then sends "
        "the next on that connection; the applications in turn, one push at a time to each. An "
        "application asks with `GET /v1/events` and accepts; or reads one stream for all "
        "registrations; or is called by its event handler `unix:`; or is a function of the client's "
        "own process. The references have no applications: both answer at once, the second after a "
        "SQLite commit (`synchronous=FULL`) for each push. Median of three rounds, the slowest and the "
        "fastest in brackets; gateway and applications run in another process, whose clock measures "
        "from the request's leaving the gateway.",
        "",
        "| connections | applications | they | confirmed/s | against a commit each "
        "| CPU-s per 1,000 | to the application, ms: median, 99 of 100 "
        "| confirmed, ms: median, 99 of 100 |",
        "|---:|---:|---|---:|---:|---:|---:|---:|",
    ]
    for (way, applications, connections), case in sorted(found.items(), key=_by_connections):
        reference = found[DURABLE, 0, connections]
        handed = " / ".join(f"{wait:.1f}" for wait in case.handed) if any(case.handed) else ""
        lines.append(
            f"| {connections} | {f'{applications:,}' if applications else ''} | {way} "
            f"| {case.per_second:,.0f} ({case.slowest:,.0f} to {case.fastest:,.0f}) "
            f"| {case.per_second / reference.per_second:.2f} | {case.cpu_per_1000:.3f} | {handed} "
            f"| {' / '.join(f'{wait:.1f}' for wait in case.confirmed)} |"
        )
    return lines


def _by_connections(item: tuple[tuple[str, int, int], Any]) -> tuple[int, int]:
    (_, applications, connections), _ = item
    return connections, applications


def _registrations(found: Any) -> list[str]:
    reference = found.rates[BARE]
    lines = [
        "## Registrations of applications",
        "",
        f"{found.count:,} of each over the service access point, on keep-alive connections, each of a "
        "new application that gets a token, until it is registered; the reference is Starlette behind "
        "uvicorn on a Unix socket, with one SQLite commit for each registration and deregistration. "
        "Median of three rounds.",
        "",
        f"| a second | callers | omapush | {BARE} | ratio |",
        "|---|---:|---:|---:|---:|",
    ]
    for (what, callers), rate in found.rates[OURS].items():
        bare = reference[what, callers]
        lines.append(f"| {what} | {callers} | {rate:,.0f} | {bare:,.0f} | {rate / bare:.2f} |")
    few, many = sorted(found.starts)
    return [
        *lines,
        "",
        f"From the start of the process until it answers that every registration is up: "
        f"{found.starts[few]:.2f} s with {few:,} on disk, {found.starts[many]:.2f} s with {many:,}, "
        f"ratio {found.starts[many] / found.starts[few]:.2f}.",
    ]


def _farm(rows: list[Any]) -> list[str]:
    lines = [
        "## Simulated clients",
        "",
        "`omapush farm`: clients that dial a bare gateway (no ledger) in another process, each with an "
        "open, registered OTA-HTTP connection; then two pushes of 1 KiB to each. Memory is the farm's "
        "resident one; the last column but two is what is beyond that of the first row. The aim is "
        "10,000 clients in 1,024 MiB.",
        "",
        "| clients | all registered after, s | connected MiB | pushed MiB | KiB a client | pushes/s "
        "| farm CPU-s per 1,000 |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    measured = (
        f"| {row.clients:,} | {row.seconds:.1f} | {row.connected:.1f} | {row.pushed:.1f} "
        f"| {(row.pushed - rows[0].pushed) * 1024 / row.clients:.1f} | {row.pushes:,.0f} | {row.cpu:.3f} |"
        for row in rows
    )
    return [*lines, *measured]


def dialled(found: Any) -> list[str]:
    """Return the part on terminals that have dialled."""
    sizes = list(found.held[0].kib)
    named = {(one.name, one.tls): one.kib for one in found.held}
    lines = [
        "## Terminals that have dialled the gateway",
        "",
        "TO-TCP: a connection is accepted, asked by OPTIONS, registered, and rests. Memory is what the "
        "server process has more (PSS) for each connection beyond the first hundred, without what the "
        "system itself keeps for a socket. The bare server writes OPTIONS, reads an answer and holds "
        "one protocol object a connection, on the same event loop (uvloop, also its TLS); mosquitto "
        "holds MQTT clients after their CONNECT. "
        f"{sizes[-1]:,} is as many as could be, limited by {found.limit}. {found.missing}".rstrip(),
        "",
        "| KiB a connection | " + " | ".join(f"{size:,}" for size in sizes) + " |",
        "|---|" + "---:|" * len(sizes),
    ]
    for one in found.held:
        cells = " | ".join(f"{one.kib[size]:.1f}" for size in sizes)
        lines.append(f"| {one.name}, {'TLS' if one.tls else 'plain'} | {cells} |")
    above = [f"{named['omapush', False][size] - named['bare asyncio', False][size]:.1f}"
             for size in sizes]  # fmt: skip
    lines += [f"| omapush above bare asyncio, plain | {' | '.join(above)} |", ""]
    return [*lines, *_dialled_pushes(found), "", *_returns(found)]


def _dialled_pushes(found: Any) -> list[str]:
    pushes = found.pushes
    accepted, there = (
        f"{median:.1f} / {slowest:.1f}" for median, slowest in (pushes.accepted, pushes.there)
    )
    return [
        f"Confirmed pushes to {pushes.terminals:,} connected terminals in turn, one each, by a durable "
        "SQLite ledger, 32 submitting connections: from the first submission until the last terminal "
        "has its push. The waits are those of pushes at a third of that pace, from the submission, in "
        "ms: median / 99 of 100 below. The generators, those who submit and those who take, are not the "
        "slower end.",
        "",
        "| pushes/s | gateway CPU-s per 1,000 | generators' CPU-s per 1,000 | at pushes/s "
        "| accepted | at the terminal |",
        "|---:|---:|---:|---:|---:|---:|",
        f"| {pushes.per_second:,.0f} | {pushes.cpu:.3f} | {pushes.generators:.3f} "
        f"| {pushes.paced:,.0f} | {accepted} | {there} |",
    ]


def _returns(found: Any) -> list[str]:
    bare = next(one for one in found.returns if one.name == "bare asyncio")
    return [
        f"{found.terminals:,} terminals dial at once (4,000 on their way at a time) a server that has "
        "just started again, until all are registered. The aim is three times the bare server's time. "
        "The generator is one process: against the bare server it is the slower end. Median of three "
        "rounds.",
        "",
        "| server | s | against bare | server CPU-s | generator CPU-s |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {one.name} | {one.seconds:.2f} | {one.seconds / bare.seconds:.2f} | {one.cpu:.2f} "
            f"| {one.generator:.2f} |"
            for one in found.returns
        ),
    ]
