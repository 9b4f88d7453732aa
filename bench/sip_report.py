"""The parts of docs/benchmarks.md on OTA-SIP."""

from __future__ import annotations

from msrp_transfer import RAW, Transfer
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
