"""WSP's own numbers: PDU types, methods, statuses, header fields, parameters (WSP appendix A).

The registers that grow (content types, character sets, languages) are in ``registers``.
"""

from __future__ import annotations

from enum import IntEnum

EncodingVersion = tuple[int, int]
"""Major and minor number of the WSP encoding that brought a code (WSP 8.4.2.70)."""


class PduType(IntEnum):
    """PDU types that are not methods (WSP table 34)."""

    CONNECT = 0x01
    CONNECT_REPLY = 0x02
    REDIRECT = 0x03
    REPLY = 0x04
    DISCONNECT = 0x05
    PUSH = 0x06
    CONFIRMED_PUSH = 0x07
    SUSPEND = 0x08
    RESUME = 0x09
    DATA_FRAGMENT = 0x80


METHODS: dict[int, str] = {
    0x40: "GET",
    0x41: "OPTIONS",
    0x42: "HEAD",
    0x43: "DELETE",
    0x44: "TRACE",
    0x60: "POST",
    0x61: "PUT",
}
"""Well-known methods by PDU type; 0x50-0x5F and 0x70-0x7F are negotiated (WSP 8.2.1)."""

METHOD_CODES = {name: code for code, name in METHODS.items()}


class AbortReason(IntEnum):
    """Why a session, method or push was aborted (WSP table 35)."""

    PROTOERR = 0xE0
    DISCONNECT = 0xE1
    SUSPEND = 0xE2
    RESUME = 0xE3
    CONGESTION = 0xE4
    CONNECTERR = 0xE5
    MRUEXCEEDED = 0xE6
    MOREXCEEDED = 0xE7
    PEERREQ = 0xE8
    NETERR = 0xE9
    USERREQ = 0xEA
    USERRFS = 0xEB
    USERPND = 0xEC
    USERDCR = 0xED
    USERDCU = 0xEE


def _statuses() -> dict[int, int]:
    """Return the HTTP status by WSP octet (WSP table 36): 4xx runs over, so 5xx starts at 0x60."""
    ranges = ((0x10, 100, 2), (0x20, 200, 7), (0x30, 300, 8), (0x40, 400, 18), (0x60, 500, 6))
    return {
        octet + offset: status + offset
        for octet, status, count in ranges
        for offset in range(count)
    }


STATUSES = _statuses()
"""HTTP status by the octet that stands for it in a Reply."""

STATUS_OCTETS = {status: octet for octet, status in STATUSES.items()}

WARNINGS: dict[int, int] = {10: 110, 11: 111, 12: 112, 13: 113, 14: 214, 99: 199}
"""HTTP warn-code by short integer; 99 stands for both 199 and 299 (WSP 8.4.2.49)."""

WARNING_CODES = {status: code for code, status in WARNINGS.items()} | {299: 99}

PROFILE_WARNINGS: dict[int, int] = {
    0x10: 100,
    0x11: 101,
    0x12: 102,
    0x20: 200,
    0x21: 201,
    0x22: 202,
    0x23: 203,
}
"""Profile-Warning code by short integer (WSP 8.4.2.65)."""

PROFILE_WARNING_CODES = {status: code for code, status in PROFILE_WARNINGS.items()}

HEADER_FIELDS: dict[int, tuple[str, EncodingVersion]] = {
    0x00: ("Accept", (1, 1)),
    0x01: ("Accept-Charset", (1, 1)),
    0x02: ("Accept-Encoding", (1, 1)),
    0x03: ("Accept-Language", (1, 1)),
    0x04: ("Accept-Ranges", (1, 1)),
    0x05: ("Age", (1, 1)),
    0x06: ("Allow", (1, 1)),
    0x07: ("Authorization", (1, 1)),
    0x08: ("Cache-Control", (1, 1)),
    0x09: ("Connection", (1, 1)),
    0x0A: ("Content-Base", (1, 1)),
    0x0B: ("Content-Encoding", (1, 1)),
    0x0C: ("Content-Language", (1, 1)),
    0x0D: ("Content-Length", (1, 1)),
    0x0E: ("Content-Location", (1, 1)),
    0x0F: ("Content-MD5", (1, 1)),
    0x10: ("Content-Range", (1, 1)),
    0x11: ("Content-Type", (1, 1)),
    0x12: ("Date", (1, 1)),
    0x13: ("Etag", (1, 1)),
    0x14: ("Expires", (1, 1)),
    0x15: ("From", (1, 1)),
    0x16: ("Host", (1, 1)),
    0x17: ("If-Modified-Since", (1, 1)),
    0x18: ("If-Match", (1, 1)),
    0x19: ("If-None-Match", (1, 1)),
    0x1A: ("If-Range", (1, 1)),
    0x1B: ("If-Unmodified-Since", (1, 1)),
    0x1C: ("Location", (1, 1)),
    0x1D: ("Last-Modified", (1, 1)),
    0x1E: ("Max-Forwards", (1, 1)),
    0x1F: ("Pragma", (1, 1)),
    0x20: ("Proxy-Authenticate", (1, 1)),
    0x21: ("Proxy-Authorization", (1, 1)),
    0x22: ("Public", (1, 1)),
    0x23: ("Range", (1, 1)),
    0x24: ("Referer", (1, 1)),
    0x25: ("Retry-After", (1, 1)),
    0x26: ("Server", (1, 1)),
    0x27: ("Transfer-Encoding", (1, 1)),
    0x28: ("Upgrade", (1, 1)),
    0x29: ("User-Agent", (1, 1)),
    0x2A: ("Vary", (1, 1)),
    0x2B: ("Via", (1, 1)),
    0x2C: ("Warning", (1, 1)),
    0x2D: ("WWW-Authenticate", (1, 1)),
    0x2E: ("Content-Disposition", (1, 1)),
    0x2F: ("X-Wap-Application-Id", (1, 2)),
    0x30: ("X-Wap-Content-URI", (1, 2)),
    0x31: ("X-Wap-Initiator-URI", (1, 2)),
    0x32: ("Accept-Application", (1, 2)),
    0x33: ("Bearer-Indication", (1, 2)),
    0x34: ("Push-Flag", (1, 2)),
    0x35: ("Profile", (1, 2)),
    0x36: ("Profile-Diff", (1, 2)),
    0x37: ("Profile-Warning", (1, 2)),
    0x38: ("Expect", (1, 3)),
    0x39: ("TE", (1, 3)),
    0x3A: ("Trailer", (1, 3)),
    0x3B: ("Accept-Charset", (1, 3)),
    0x3C: ("Accept-Encoding", (1, 3)),
    0x3D: ("Cache-Control", (1, 3)),
    0x3E: ("Content-Range", (1, 3)),
    0x3F: ("X-Wap-Tod", (1, 3)),
    0x40: ("Content-ID", (1, 3)),
    0x41: ("Set-Cookie", (1, 3)),
    0x42: ("Cookie", (1, 3)),
    0x43: ("Encoding-Version", (1, 3)),
    0x44: ("Profile-Warning", (1, 4)),
    0x45: ("Content-Disposition", (1, 4)),
    0x46: ("X-WAP-Security", (1, 4)),
    0x47: ("Cache-Control", (1, 4)),
    0x48: ("Expect", (1, 5)),
    0x49: ("X-Wap-Loc-Invocation", (1, 5)),
    0x4A: ("X-Wap-Loc-Delivery", (1, 5)),
}
"""Name and encoding version of each field of header code page 1 (WSP table 39).

Where a name has several numbers the later ones brought a richer value or mended an earlier mistake;
a peer limited to an earlier version knows the earlier number only.
"""

CONTENT_TYPE_FIELD = 0x11

PARAMETERS: dict[int, tuple[str, EncodingVersion]] = {
    0x00: ("q", (1, 1)),
    0x01: ("charset", (1, 1)),
    0x02: ("level", (1, 1)),
    0x03: ("type", (1, 1)),
    0x04: ("uaprof", (1, 1)),
    0x05: ("name", (1, 1)),
    0x06: ("filename", (1, 1)),
    0x07: ("differences", (1, 1)),
    0x08: ("padding", (1, 1)),
    0x09: ("type", (1, 2)),
    0x0A: ("start", (1, 2)),
    0x0B: ("start-info", (1, 2)),
    0x0C: ("comment", (1, 3)),
    0x0D: ("domain", (1, 3)),
    0x0E: ("max-age", (1, 3)),
    0x0F: ("path", (1, 3)),
    0x10: ("secure", (1, 3)),
    0x11: ("SEC", (1, 4)),
    0x12: ("MAC", (1, 4)),
    0x13: ("creation-date", (1, 4)),
    0x14: ("modification-date", (1, 4)),
    0x15: ("read-date", (1, 4)),
    0x16: ("size", (1, 4)),
    0x17: ("name", (1, 4)),
    0x18: ("filename", (1, 4)),
    0x19: ("start", (1, 4)),
    0x1A: ("start-info", (1, 4)),
    0x1B: ("comment", (1, 4)),
    0x1C: ("domain", (1, 4)),
    0x1D: ("path", (1, 4)),
}
"""Name and encoding version of each well-known parameter (WSP table 38)."""

CACHE_DIRECTIVES: dict[int, str] = {
    0: "no-cache",
    1: "no-store",
    2: "max-age",
    3: "max-stale",
    4: "min-fresh",
    5: "only-if-cached",
    6: "public",
    7: "private",
    8: "no-transform",
    9: "must-revalidate",
    10: "proxy-revalidate",
    11: "s-maxage",
}
"""Cache-Control directives (WSP 8.4.2.15)."""

SECONDS_DIRECTIVES = ("max-age", "max-stale", "min-fresh", "s-maxage")
FIELDS_DIRECTIVES = ("no-cache", "private")

BEARERS: dict[int, str] = {
    0x00: "any (IPv4)",
    0x01: "any (IPv6)",
    0x03: "GSM SMS",
    0x0A: "GSM CSD",
    0x0B: "GSM GPRS",
    0x0C: "GSM USSD",
    0x16: "GSM USSD (service code)",
    0x1B: "GSM USSD (MSISDN)",
}
"""Bearers of GSM networks, for people (WDP table of bearer types)."""
