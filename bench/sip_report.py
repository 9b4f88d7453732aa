"""The parts of docs/benchmarks.md on OTA-SIP."""

from __future__ import annotations

from msrp_transfer import RAW, Transfer
from sip_farm import EXPIRES, SipFarmed
from sip_pushes import CLIENTS, SUBMITTERS, Ceiling, SipPushes
from wire_codecs import Pair, table_of


def sip_codecs(pairs: list[Pair]) -> list[str]:
    """Return the part on reading and writing messages."""
    return [
        "## SIP messages",
        "",
        "CPU time of one call in one process, median of nine rounds in turns; both are Python. "
        "sipmessage checks nothing but the Request-URI while it parses, and a header when it is asked "
        "for it; ours has checked Via, From, To, Call-ID, CSeq and Max-Forwards by then. What every "
        "user agent reads: the branch, both tags, Call-ID, CSeq and the contacts.",
        "",
        *table_of(pairs),
    ]


def msrp(transfers: list[Transfer]) -> list[str]:
    """Return the part on MSRP."""
    raw = {one.octets: one for one in transfers if one.way == RAW}
    lines = [
        "## MSRP",
        "",
        "One message in a session that stands, from the request to send it until the other end has it "
        "in one piece, beside the same octets by TCP without any protocol, which are kept and joined "
        "as well. Both ends in one process, over loopback; CPU is of both ends, with what the system "
        "does for them. Median of five rounds in turns. The aim is half of raw TCP.",
        "",
        "| MiB | way | ms | CPU ms | MiB/s | speed against raw | CPU of raw against it |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    for one in transfers:
        reference, mib = raw[one.octets], one.octets / (1 << 20)
        lines.append(
            f"| {mib:.0f} | {one.way} | {one.seconds * 1000:.2f} | {one.cpu * 1000:.2f} "
            f"| {mib / one.seconds:,.0f} | {reference.seconds / one.seconds:.2f} "
            f"| {reference.cpu / one.cpu:.2f} |"
        )
    return lines


def sip_farm(farms: list[SipFarmed]) -> list[str]:
    """Return the part on simulated clients at a SIP core."""
    lines = [
        "## Simulated clients of OTA-SIP",
        "",
        "`omapush farm --sip`: one process, one port or one connection, every client with a registration "
        "of its own, instance id and feature tags, at Kamailio, which tells a gateway (sipp) of each. "
        "Memory is what the process has more (resident) than with one client. Registrations go as fast "
        f"as they are answered; refreshes come at {EXPIRES // 2} s, as close together as the "
        "registrations were confirmed. CPU of Kamailio is of all its processes.",
        "",
        "| transport | clients | KiB a client | farm, MiB | what | registrations/s "
        "| farm CPU-s per 1,000 | Kamailio CPU-s per 1,000 |",
        "|---|---:|---:|---:|---|---:|---:|---:|",
    ]
    for one in farms:
        for what, measured in (("registered", one.registered), ("refreshed", one.refreshed)):
            thousands = one.clients / 1_000
            lines.append(
                f"| {one.transport} | {one.clients:,} | {one.kib:.1f} | {one.total_mib:.0f} | {what} "
                f"| {one.clients / measured.seconds:,.0f} | {measured.farm_cpu / thousands:.3f} "
                f"| {measured.core_cpu / thousands:.3f} |"
            )
    return lines


def sip(found: tuple[Ceiling, list[SipPushes]]) -> list[str]:
    """Return the part on pushes by MESSAGE."""
    ceiling, rows = found
    lines = [
        "## Pushes by MESSAGE through a SIP core",
        "",
        "A Service Indication a submission, confirmed, in turn to "
        f"{CLIENTS:,} clients of `omapush farm` that are registered at Kamailio: PAP request "
        f"({SUBMITTERS} connections), storage (SQLite, `synchronous=FULL`), MESSAGE through Kamailio, "
        "accepted by its client, settled, and the result notification answered, until the last one. "
        "sipp pushes to sipp through the same Kamailio, at rising rates until not all are answered, "
        "and stores nothing: it is the ceiling. All processes share the cores. The aim is a third.",
        "",
        "| | transport | pushes/s | against sipp | gateway CPU-s per 1,000 "
        "| Kamailio CPU-s per 1,000 | farm CPU-s per 1,000 |",
        "|---|---|---:|---:|---:|---:|---:|",
        f"| sipp to sipp | udp | {ceiling.per_second:,.0f} | 1.00 | | {ceiling.core_cpu:.3f} | |",
    ]
    lines += [
        f"| omapush | {one.transport} | {one.per_second:,.0f} "
        f"| {one.per_second / ceiling.per_second:.2f} | {one.gateway_cpu:.3f} "
        f"| {one.core_cpu:.3f} | {one.farm_cpu:.3f} |"
        for one in rows
    ]
    return lines
