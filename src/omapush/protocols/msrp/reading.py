"""From octets to frames (RFC 4975 9), piece by piece: content is handed on as it comes."""

from __future__ import annotations

import re
from typing import Any

from omapush.protocols.msrp.bad_frame import BadFrame
from omapush.protocols.msrp.byte_range import ByteRange
from omapush.protocols.msrp.frame import (
    Content,
    End,
    FailureReport,
    Field,
    Flag,
    Piece,
    Request,
    Response,
)
from omapush.protocols.msrp.uri import Path, parse_path

MAX_HEAD = 16_384
"""Octets of the longest start-line with headers; a path through some relays takes hundreds."""
IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+%=-]{3,31}")
_START = re.compile(
    rf"MSRP ({IDENTIFIER.pattern}) (?:([0-9]{{3}})(?: ([^\r\n]*+))?|([A-Z]{{1,32}}))"
)
_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]++)[ \t]*+:[ \t]*+([^\r\n]*+)")
_HYPHENS = b"-------"
_END = re.compile(rb"(?:[$+#](?:\r\n?)?)?")  # as far as it has come


class FrameReader:
    """Reads what one connection brings.

    :param max_head: octets that a frame may have before its content.
    """

    def __init__(self, max_head: int = MAX_HEAD) -> None:
        self._max_head = max_head
        self._buffer = bytearray()
        self._end_line = b""  # of the request whose content is being read; empty: a head comes
        self._before_content = 0  # octets of the empty line that are still in the buffer

    def receive(self, octets: bytes) -> list[Piece]:
        """Take octets, and return the pieces that they complete.

        :raises BadFrame: they are no MSRP; nothing after that can be read.
        """
        if self._end_line and not self._buffer and self._is_all_content(octets):
            return [Content(octets)]  # as most that comes: it is not copied
        self._buffer += octets
        pieces: list[Piece] = []
        while self._buffer and (self._content(pieces) if self._end_line else self._head(pieces)):
            pass
        return pieces

    def _head(self, pieces: list[Piece]) -> bool:
        """Read a start-line with its headers; ``False``: they are not all there."""
        start_end = self._buffer.find(b"\r\n", 0, self._max_head)
        if start_end < 0:
            return self._wait(b"MSRP ")
        match = _START.fullmatch(self._buffer[:start_end].decode("utf-8", "surrogateescape"))
        if match is None:
            raise BadFrame("the start-line is none of MSRP")
        end_line = _HYPHENS + match[1].encode()
        head_end, length = self._end_of_head(start_end, end_line)
        if head_end < 0:
            return self._wait(b"MSRP ")
        text = self._buffer[start_end + 2 : head_end].decode("utf-8", "surrogateescape")
        fields = [_field(line) for line in text.split("\r\n") if line]
        if length == len(end_line):
            flag, size = self._flag_after(head_end + length)
            if flag is None:
                return False
            del self._buffer[:size]
            pieces.append(_frame(match, fields))
            if match[4] is not None:
                pieces.append(End(flag))
            return True
        if match[4] is None:
            raise BadFrame("a response with content")
        request = _frame(match, fields)
        if not isinstance(request, Request) or request.content_type is None:
            raise BadFrame("content without a Content-Type")
        pieces.append(request)
        # The line end before an end-line is not content. The one of the empty line is left, for
        # behind an empty content it may be the only one.
        del self._buffer[:head_end]
        self._before_content = length
        self._end_line = b"\r\n" + end_line
        return True

    def _end_of_head(self, start_end: int, end_line: bytes) -> tuple[int, int]:
        """Return where the headers end, and how many octets that takes; (-1, 0): not there yet."""
        blank = self._buffer.find(b"\r\n\r\n", start_end, self._max_head + 4)
        # Behind the empty line is content, which is not looked at for that.
        until = blank if blank >= 0 else self._max_head
        ended = self._buffer.find(b"\r\n" + end_line, start_end, until + 64)
        if ended >= 0 and (blank < 0 or ended < blank):
            return ended + 2, len(end_line)
        if blank >= 0:
            return blank + 2, 2
        return -1, 0

    def _flag_after(self, position: int) -> tuple[Flag | None, int]:
        """Return the flag at ``position``, with where the frame ends; ``None``: not there yet."""
        if len(self._buffer) < position + 3:
            return None, 0
        if self._buffer[position + 1 : position + 3] != b"\r\n":
            raise BadFrame("an end-line with more than its flag")
        try:
            return Flag(chr(self._buffer[position])), position + 3
        except ValueError:
            raise BadFrame("an end-line without a flag") from None

    def _content(self, pieces: list[Piece]) -> bool:
        """Read content up to the end-line; ``False``: more is to come."""
        found = self._buffer.find(self._end_line)
        while found >= 0 and not self._is_end(found):
            found = self._buffer.find(self._end_line, found + 2)
        if found < 0:
            self._hand_on(pieces, _undecided(self._buffer, self._end_line))
            return False
        flag, size = self._flag_after(found + len(self._end_line))
        if flag is None:
            self._hand_on(pieces, found)
            return False
        before = len(self._buffer)
        self._hand_on(pieces, found)
        del self._buffer[: size - (before - len(self._buffer))]
        pieces.append(End(flag))
        self._end_line = b""
        return True

    def _is_all_content(self, octets: bytes) -> bool:
        """Whether no end-line is in ``octets``, nor begins there."""
        return (
            self._end_line not in octets and _undecided(octets, self._end_line) == len(octets) > 0
        )

    def _is_end(self, found: int) -> bool:
        """Whether the end-line is one: in content a longer identifier may begin like it."""
        after = found + len(self._end_line)
        rest = self._buffer[after : after + 3]
        return _END.fullmatch(rest) is not None

    def _hand_on(self, pieces: list[Piece], until: int) -> None:
        """Hand on the content up to ``until``; what is before stays in no buffer."""
        if until > self._before_content:
            content = memoryview(self._buffer)[self._before_content : until]
            pieces.append(Content(content.tobytes()))
            content.release()
            del self._buffer[:until]
            self._before_content = 0

    def _wait(self, beginning: bytes) -> bool:
        if len(self._buffer) > self._max_head:
            raise BadFrame(f"more than {self._max_head} octets before the content")
        if not beginning.startswith(self._buffer[: len(beginning)]):
            raise BadFrame("no MSRP")
        return False


def _undecided(octets: bytes | bytearray, end_line: bytes) -> int:
    """Return where an end-line may begin whose rest has not come; it has one CR, in front."""
    begin = octets.rfind(b"\r", max(0, len(octets) - len(end_line) + 1))
    return begin if begin >= 0 and end_line.startswith(octets[begin:]) else len(octets)


def _field(line: str) -> Field:
    match = _HEADER.fullmatch(line)
    if match is None:
        raise BadFrame(f"not a header: {line[:60]!r}")
    return match[1], match[2].rstrip(" \t")


def _frame(match: re.Match[str], fields: list[Field]) -> Request | Response:
    """Make a frame of its start-line and headers."""
    to_path, from_path = _path(fields, 0, "to-path"), _path(fields, 1, "from-path")
    rest = fields[2:]
    if match[4] is None:
        comment = match[3] or ""
        return Response(match[1], int(match[2]), comment, to_path, from_path, tuple(rest))
    return Request(match[1], match[4], to_path, from_path, **_headers(rest))


def _path(fields: list[Field], place: int, name: str) -> Path:
    if len(fields) <= place or fields[place][0].lower() != name:
        raise BadFrame(f"{name} does not stand where it must")
    return parse_path(fields[place][1])


def _headers(fields: list[Field]) -> dict[str, Any]:
    """Return what the headers of a request say, by the names of its attributes."""
    more: list[Field] = []
    known: dict[str, Any] = {}
    for name, value in fields:
        match name.lower():
            case "message-id":
                known["message_id"] = _identifier(value)
            case "success-report":
                known["success_report"] = value.lower() == "yes"
            case "failure-report":
                known["failure_report"] = _failure_report(value)
            case "byte-range":
                known["byte_range"] = ByteRange.parse(value)
            case "status":
                known["status"] = _status(value)
            case "content-type":
                known["content_type"] = value
            case _:
                more.append((name, value))
    return {**known, "more": tuple(more)}


def _identifier(value: str) -> str:
    if IDENTIFIER.fullmatch(value) is None:
        raise BadFrame(f"not a Message-ID: {value[:60]!r}")
    return value


def _failure_report(value: str) -> FailureReport:
    try:
        return FailureReport(value.lower())
    except ValueError:
        raise BadFrame(f"not a Failure-Report: {value[:60]!r}") from None


def _status(value: str) -> tuple[int, str]:
    """Read ``000 200 OK``; other name spaces than 000 are unknown (RFC 4975 7.1.2)."""
    namespace, _, rest = value.partition(" ")
    code, _, comment = rest.strip().partition(" ")
    if namespace != "000" or not (code.isascii() and code.isdigit() and len(code) == 3):
        raise BadFrame(f"not a status: {value[:60]!r}")
    return int(code), comment
