"""HTTP messages one after the other, each with the places of its lines, and without its secrets.

Octets may be those of a connection, in one direction or in both as they followed each other, or of
one message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from omapush.core.errors import DecodeError
from omapush.protocols.http import (
    HttpError,
    IncompleteHttpError,
    Request,
    Response,
    read_request,
    read_response,
)

LAYER = "ota-http"
MAX_MESSAGES = 256
"""Messages of one input; each is read from the rest of all octets."""

_END_OF_LINE, _END_OF_HEAD = b"\r\n", b"\r\n\r\n"
_RESPONSE = re.compile(rb"HTTP/[0-9]")
_INTERIM = re.compile(rb"HTTP/1\.[0-9] 1[0-9][0-9][ \r]")
# Also where the value goes on in the next line, which no reader takes.
_SECRET = re.compile(
    rb"^((?:proxy-)?authorization|x-wap-authorization)[ \t]*:[ \t]*((?:[^\r\n]|\r?\n[ \t])*)",
    re.IGNORECASE | re.MULTILINE,
)
_PROOF = re.compile(rb'([ \t,]response[ \t]*=[ \t]*"?)([^",\s]+)', re.IGNORECASE)
_REFUSAL = re.compile(rb'[a-z]+[ \t]+x-wap-auth-status[ \t]*=[ \t]*"?[a-z_]+"?', re.IGNORECASE)
_SCHEME = re.compile(rb"[A-Za-z]+[ \t]+")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a head; it ends with the octet before ``end``, CR LF included."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PlacedMessage:
    """A message, and where it stands.

    :ivar lines: the start line of the final response or request, then one for each header.
    :ivar body: where the body begins.
    """

    message: Request | Response
    start: int
    end: int
    lines: tuple[Line, ...]
    body: int


class UnreadMessageError(DecodeError):
    """What follows is no message; ``position`` is where it begins.

    :ivar is_incomplete: it is one as far as there are octets.
    """

    is_incomplete = False


def read_messages(octets: bytes) -> tuple[list[PlacedMessage], UnreadMessageError | None]:
    """Return the messages, and why what follows the last is none; ``None``: nothing follows."""
    placed: list[PlacedMessage] = []
    position, method = _skip(octets, 0), "POST"
    while position < len(octets):
        if len(placed) == MAX_MESSAGES:
            return placed, UnreadMessageError(f"more than {MAX_MESSAGES} messages", position, LAYER)
        try:
            each = _placed(octets, position, method)
        except HttpError as error:
            fault = UnreadMessageError(error.reason, position, LAYER)
            fault.is_incomplete = isinstance(error, IncompleteHttpError)
            return placed, fault
        placed.append(each)
        if isinstance(each.message, Request):
            method = each.message.method
        position = _skip(octets, each.end)
    if not placed:
        return placed, UnreadMessageError("there is no message", position, LAYER)
    return placed, None


def without_secrets(octets: bytes) -> bytes:
    """Return as many octets, with stars for what proves knowledge of a password."""
    return _SECRET.sub(_starred, octets)


def _starred(found: re.Match[bytes]) -> bytes:
    line, value = found[0], found[2]
    if _REFUSAL.fullmatch(value):
        return line
    if value[:6].lower() == b"digest":
        hidden = _PROOF.sub(lambda one: one[1] + b"*" * len(one[2]), value)
    else:
        scheme = _SCHEME.match(value)
        shown = scheme[0] if scheme is not None else b""
        hidden = shown + b"*" * (len(value) - len(shown))
    return line[: len(line) - len(value)] + hidden


def _placed(octets: bytes, position: int, method: str) -> PlacedMessage:
    rest = octets[position:]
    message: Request | Response
    if _RESPONSE.match(rest):
        message, length = read_response(rest, len(octets), method)
    else:
        message, length = read_request(rest, len(octets))
    head = 0
    while _INTERIM.match(rest, head):
        head = rest.index(_END_OF_HEAD, head) + len(_END_OF_HEAD)
    body = rest.index(_END_OF_HEAD, head) + len(_END_OF_HEAD)
    lines = _lines(rest, head, body - len(_END_OF_LINE), position)
    return PlacedMessage(message, position, position + length, lines, position + body)


def _lines(octets: bytes, start: int, end: int, offset: int) -> tuple[Line, ...]:
    lines = []
    while start < end:
        after = octets.index(_END_OF_LINE, start) + len(_END_OF_LINE)
        lines.append(Line(offset + start, offset + after))
        start = after
    return tuple(lines)


def _skip(octets: bytes, position: int) -> int:
    """Return where the next message begins: empty lines may come before (RFC 9112, 2.2)."""
    while octets.startswith(_END_OF_LINE, position):
        position += len(_END_OF_LINE)
    return position
