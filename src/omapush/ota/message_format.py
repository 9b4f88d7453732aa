"""The push message as lines of headers before its content (WAP-251, 5.1): written and read."""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Iterable, Sequence

from omapush.content.message import Header, PushMessage
from omapush.core.errors import DecodeError, EncodeError, LimitError

MAX_HEAD = 16_384
"""Octets of all headers together, with what stands before them."""
MAX_HEADERS = 100

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_ILLEGAL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")


def written_headers(headers: Iterable[Header], without: Collection[str] = ()) -> bytes:
    """Write headers, a line each, without the empty line behind.

    :param without: names in lower case that are left out.
    :raises EncodeError: one cannot be written.
    """
    lines = []
    for name, value in headers:
        if not _NAME.fullmatch(name) or _ILLEGAL.search(value):
            raise EncodeError(f"not a header that can be written: {name[:60]!r}")
        if name.lower() not in without:
            lines.append(f"{name}: {value}\r\n")
    try:
        return "".join(lines).encode("utf-8")
    except UnicodeEncodeError as error:
        raise EncodeError("a header that has no octets in UTF-8") from error


def header_lines(head: bytes) -> list[bytes]:
    """Return the lines before the empty one, unfolded."""
    return _FOLD.sub(b" ", head).split(b"\r\n")


def read_headers(lines: Sequence[bytes]) -> tuple[Header, ...]:
    """Read header lines, in UTF-8 or else ISO 8859-1.

    :raises DecodeError: a line that is no header. :raises LimitError: more than 100.
    """
    if len(lines) > MAX_HEADERS:
        raise LimitError(f"more than {MAX_HEADERS} headers")
    headers = []
    for line in lines:
        raw_name, colon, raw_value = line.partition(b":")
        name = raw_name.decode("latin-1")
        try:
            value = raw_value.strip(b" \t").decode("utf-8")
        except UnicodeDecodeError:
            value = raw_value.strip(b" \t").decode("latin-1")
        if not colon or not _NAME.fullmatch(name) or _ILLEGAL.search(value):
            raise DecodeError(f"not a header line: {line[:60]!r}")
        headers.append((name, value))
    return tuple(headers)


def check_length(message: PushMessage) -> None:
    """Check Content-Length; without one the content runs to the end.

    :raises DecodeError: a length that is not the content's.
    """
    lengths = set(message.get_all("Content-Length"))
    if lengths and lengths != {str(len(message.body))}:
        given = "/".join(sorted(lengths))[:40]
        raise DecodeError(f"Content-Length {given} but {len(message.body)} octets")


def inflated(message: PushMessage, max_body: int) -> PushMessage:
    """Undo ``Content-Encoding: deflate``, in zlib's wrapping or raw: senders do both.

    :raises DecodeError: another coding, or not what it says. :raises LimitError: too large.
    """
    coding = (message.get("Content-Encoding") or "identity").strip().lower()
    if coding == "identity":
        if len(message.body) > max_body:
            raise LimitError(f"a body of more than {max_body} octets")
        return message
    if coding != "deflate":
        raise DecodeError(f"content coding {coding[:40]!r} is not taken", "Content-Encoding")
    for window in (zlib.MAX_WBITS, -zlib.MAX_WBITS):
        decompressor = zlib.decompressobj(window)
        try:
            body = decompressor.decompress(message.body, max_body + 1)
        except zlib.error:
            continue
        if len(body) > max_body:
            raise LimitError(f"a body of more than {max_body} octets")
        if decompressor.eof:
            plain = PushMessage(message.headers, body).replacing("Content-Encoding", None)
            if plain.get("Content-Length") is None:
                return plain
            return plain.replacing("Content-Length", str(len(body)))
    raise DecodeError("the body is not the deflate that it says")
