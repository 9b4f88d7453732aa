"""Octets to messages (RFC 3261 7, 18.3): what has to hold for any message is seen to here.

The headers that every message needs are checked by their form and kept as text; whoever wants what
they say reads them with ``header_fields``. All other headers are only separated from each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NoReturn

from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.header_fields import (
    ADDRESS_SHAPE,
    CALL_ID_SHAPE,
    CSEQ_SHAPE,
    HIGHEST_CSEQ,
    HIGHEST_HOPS,
    VIA_SHAPE,
    NameAddress,
)
from omapush.protocols.sip.lexical import TOKEN
from omapush.protocols.sip.message import Field, SipHeaders, SipMessage, SipRequest, SipResponse
from omapush.protocols.sip.uri import REQUEST_URI_SHAPE, SipUri

HEAD_LIMIT = 65_536
"""The longest head of a message, start line and headers, in octets."""
FIELD_LIMIT = 512
"""The most headers of a message."""

_REQUEST_LINE = re.compile(rf"({TOKEN}) ([^ \t]++) SIP/([0-9]++\.[0-9]++)", re.IGNORECASE)
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: (.*+))?+", re.IGNORECASE | re.DOTALL)
_FOLD = re.compile(r"\r\n[ \t]++")
_NAME = re.compile(TOKEN)
_NUMBER = re.compile(r"[0-9]{1,20}")
_LENGTH_IN_HEAD = re.compile(
    rb"\r\n(?:content-length|l)[ \t]*+:((?:[^\r]++|\r\n[ \t]++)*+)", re.IGNORECASE
)

_COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}
# Names that need no look at how they are written: most of those that messages have.
_COMMON = (
    "Accept", "Accept-Encoding", "Allow", "Authorization", "Date", "Expires", "P-Asserted-Identity",
    "P-Associated-URI", "P-Preferred-Identity", "Path", "Record-Route", "Require", "Route",
    "Server", "Service-Route", "User-Agent",
)  # fmt: skip
# Those of which there is one in a message (RFC 3261 20).
_SINGLE = frozenset({"Call-ID", "CSeq", "Content-Length", "From", "Max-Forwards", "To"})
# Further names that are usual: they need no look at their characters.
_USUAL = (
    "Accept", "Accept-Encoding", "Accept-Language", "Allow", "Authorization", "Date", "Expires",
    "Min-Expires", "P-Access-Network-Info", "P-Asserted-Identity", "P-Associated-URI",
    "P-Charging-Vector", "P-Preferred-Identity", "Path", "Priority", "Proxy-Authenticate",
    "Proxy-Authorization", "Proxy-Require", "Reason", "Record-Route", "Require", "Retry-After",
    "Route", "Server", "Service-Route", "Subscription-State", "Unsupported", "User-Agent",
    "WWW-Authenticate", "Warning",
)  # fmt: skip
_CANONICAL = {name.lower(): name for name in (*_COMPACT.values(), *_SINGLE, *_USUAL)}
_CANONICAL |= _COMPACT
_LONG_NAMES = {name: name for name in (*_CANONICAL.values(), *_COMMON)} | _CANONICAL
_LONG_NAMES |= {name.upper(): long for name, long in _COMPACT.items()}


def parse_message(octets: bytes) -> SipMessage:
    """Read one message: a datagram, or what a stream was cut into.

    Empty lines in front are skipped, and octets after the Content-Length are dropped (RFC 3261
    18.3).

    :raises BadSipMessage: it is no message that can be served; ``readable`` is the request, if it
        is one that can be answered.
    """
    begin = 0
    while octets.startswith(b"\r\n", begin):
        begin += 2
    end = octets.find(b"\r\n\r\n", begin, begin + HEAD_LIMIT + 4)
    if end < 0:
        raise BadSipMessage("no empty line behind the headers, or too far away")
    return parse_parts(octets[begin:end], octets[end + 4 :])


def parse_parts(head: bytes, body: bytes) -> SipMessage:
    """Read a message whose start line and headers are apart from what comes after the empty line.

    :raises BadSipMessage: as :func:`parse_message`.
    """
    text = head.decode("utf-8", "surrogateescape")
    if "\r\n " in text or "\r\n\t" in text:
        text = _FOLD.sub(" ", text)
    start, *lines = text.split("\r\n")
    if not text.count("\r") == text.count("\n") == len(lines):
        raise BadSipMessage("a line end that is not CRLF")
    fields, fault = _read_fields(lines)
    message = _started(start, SipHeaders(tuple(fields)), body)
    try:
        if fault is not None:
            raise fault
        named = _by_name(fields)
        body = _measured(body, named.get("Content-Length"))
        _check(message, fields, named)
    except BadSipMessage as error:
        _refuse(error, message)
    return message if len(body) == len(message.body) else replace(message, body=body)


def content_length(head: bytes) -> int | None:
    """Return what Content-Length says in a head, or ``None`` if there is none.

    For streams, which need it before all else. :raises BadSipMessage: not a number, or there are
    several.
    """
    found = _LENGTH_IN_HEAD.findall(head)
    if not found:
        return None
    if len(found) > 1:
        raise BadSipMessage("more than one Content-Length")
    return _length(found[0].decode("latin-1"))


def _read_fields(lines: list[str]) -> tuple[list[Field], BadSipMessage | None]:
    """Return all headers that can be read, and the first fault, if there is one."""
    fields: list[Field] = []
    fault: BadSipMessage | None = None
    for line in lines[:FIELD_LIMIT]:
        name, colon, value = line.partition(":")
        long = _LONG_NAMES.get(name) or _long_name(name)
        if colon and long:
            fields.append((long, value.strip(" \t")))
        else:
            fault = fault or BadSipMessage(f"not a header: {line[:80]!r}")
    if len(lines) > FIELD_LIMIT:
        fault = fault or BadSipMessage(f"more than {FIELD_LIMIT} headers")
    return fields, fault


def _by_name(fields: list[Field]) -> dict[str, str]:
    """Return the headers by their names.

    :raises BadSipMessage: one is there twice of which there must be but one.
    """
    named = dict(fields)
    if len(named) < len(fields):
        seen = set()
        for name, _ in fields:
            if name in seen:
                raise BadSipMessage(f"more than one {name}", name)
            if name in _SINGLE:
                seen.add(name)
    return named


def _long_name(name: str) -> str:
    """Return the name of a header that is not written in the usual way; nothing: it is none."""
    name = name.rstrip(" \t")
    return _CANONICAL.get(name.lower(), name) if _NAME.fullmatch(name) else ""


def _started(start: str, headers: SipHeaders, body: bytes) -> SipMessage:
    request = _REQUEST_LINE.fullmatch(start)
    if request is not None:
        message = SipRequest(request[1], request[2], headers, body)
        if request[3] != "2.0":
            error = BadSipMessage("a version of SIP that is not served", status=505)
            _refuse(error, message)
        return message
    response = _STATUS_LINE.fullmatch(start)
    if response is not None:
        return SipResponse(int(response[1]), response[2] or "", headers, body)
    if start[:4].upper() == "SIP/":
        raise BadSipMessage(f"not the first line of a response: {start[:80]!r}")
    # A request that can be answered, though nobody knows what it asks for.
    method = _NAME.match(start)
    error = BadSipMessage(f"not the first line of a request: {start[:80]!r}")
    if method is not None:
        error.readable = SipRequest(method[0], "", headers)
    raise error


def _refuse(error: BadSipMessage, message: SipMessage) -> NoReturn:
    """Raise ``error`` with what an answer can be made from."""
    if isinstance(message, SipRequest):
        error.readable = replace(message, body=b"")
    raise error


def _measured(body: bytes, written: str | None) -> bytes:
    """Return as much of ``body`` as Content-Length says (RFC 3261 18.3)."""
    if written is None:
        return body
    length = _length(written)
    if length > len(body):
        raise BadSipMessage(f"{len(body)} octets of a body of {length}", "Content-Length")
    return body[:length]


def _length(written: str) -> int:
    match = _NUMBER.fullmatch(written.strip(" \t\r\n"))
    if match is None:
        raise BadSipMessage(f"not a Content-Length: {written[:40]!r}", "Content-Length")
    return int(match[0])


def _check(message: SipMessage, fields: list[Field], named: Mapping[str, str]) -> None:
    """See to what every message needs. :raises BadSipMessage: something is missing or malformed."""
    for name, is_good in _REQUIRED:
        value = named.get(name)
        if value is None:
            raise BadSipMessage(f"no {name}", name)
        if not is_good(value):
            raise BadSipMessage(f"not a {name}: {value[:80]!r}", name)
    cseq = CSEQ_SHAPE.fullmatch(named["CSeq"])
    if cseq is None or int(cseq[1]) > HIGHEST_CSEQ:
        raise BadSipMessage(f"not a CSeq: {named['CSeq'][:80]!r}", "CSeq")
    hops = named.get("Max-Forwards")
    if hops is not None and not (_NUMBER.fullmatch(hops) and int(hops) <= HIGHEST_HOPS):
        raise BadSipMessage(f"not a Max-Forwards: {hops[:40]!r}", "Max-Forwards")
    for name, value in fields:
        if name == "Via" and not VIA_SHAPE.fullmatch(value):
            raise BadSipMessage(f"not a Via: {value[:80]!r}", "Via")
    if isinstance(message, SipRequest):
        _check_request(message, cseq[2], named)


def _check_request(request: SipRequest, method: str, named: Mapping[str, str]) -> None:
    if method != request.method:  # RFC 3261 8.1.1.5
        raise BadSipMessage("CSeq names another method", "CSeq")
    for name in ("From", "To"):
        # Of two tags nobody knows which counts (RFC 3261 7.3.1); one parameter is none too many.
        value = named[name]
        if value.count(";") > 1 and not NameAddress.parse(value).parameters.is_unambiguous:
            raise BadSipMessage(f"a parameter of {name} is given twice", name)
    if not REQUEST_URI_SHAPE.fullmatch(request.uri):
        SipUri.parse(request.uri)
        raise BadSipMessage("headers in the Request-URI", "Request-URI")


# What there must be, and what it must look like; CSeq and Via are looked at more closely.
_REQUIRED: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("Call-ID", CALL_ID_SHAPE.fullmatch),
    ("CSeq", bool),
    ("From", ADDRESS_SHAPE.fullmatch),
    ("To", ADDRESS_SHAPE.fullmatch),
    ("Via", bool),
)
