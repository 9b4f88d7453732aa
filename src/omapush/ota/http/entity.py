"""The body of a push: an HTTP response inside a request, ``application/http`` (WAP-235, 7.4.1).

Some gateways send the push message as the POST itself; :func:`posted` takes that as well.
"""

from __future__ import annotations

import re
import zlib

from omapush.content.message import Header, PushMessage
from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.ota.http import authentication, headers
from omapush.protocols.http import HttpClientEnd, Request

CONTENT_TYPE = "application/http"
MAX_HEAD = 16_384
"""Octets of status line and headers together."""
MAX_HEADERS = 100

_OF_THE_LINE = frozenset(("content-length", "transfer-encoding"))
"""Headers that say how the body is laid out; :func:`encode` writes its own."""

# Headers of the hop, where the push stands in the POST itself.
_OF_THE_HOP = frozenset(
    name.lower()
    for name in (
        "Host",
        "Date",
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
        "User-Agent",
        "Accept",
        "Content-Length",
        "Transfer-Encoding",
        "Cookie",
        "X-Wap-Push-MsgPriority",
        "x-wap-profile-warning",
        authentication.AUTHORIZATION,
        authentication.X_WAP_CHALLENGE,
        headers.VERSION,
        headers.CPI_TAG,
        headers.PROV_URL,
        headers.PUSH_INFO,
        headers.PUSH_ID,
    )
)

_STATUS_LINE = re.compile(rb"HTTP/[0-9]\.[0-9] [0-9]{3}(?: [^\r\n]*)?")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_ILLEGAL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")


def encode(message: PushMessage) -> bytes:
    """Write ``message`` as an HTTP response.

    :raises EncodeError: a header cannot be written.
    """
    lines = ["HTTP/1.1 200 OK\r\n"]
    for name, value in message.headers:
        if not _NAME.fullmatch(name) or _ILLEGAL.search(value):
            raise EncodeError(f"not a header that can be written: {name[:60]!r}")
        if name.lower() not in _OF_THE_LINE:
            lines.append(f"{name}: {value}\r\n")
    lines.append(f"Content-Length: {len(message.body)}\r\n\r\n")
    try:
        return "".join(lines).encode("utf-8") + message.body
    except UnicodeEncodeError as error:
        raise EncodeError("a header that has no octets in UTF-8") from error


def encoded_size(message: PushMessage) -> int:
    """Return how many octets :func:`encode` would write: what MaxMsgSize limits."""
    head = sum(
        len(name) + len(value.encode("utf-8", "replace")) + 4
        for name, value in message.headers
        if name.lower() not in _OF_THE_LINE
    )
    length = f"Content-Length: {len(message.body)}\r\n\r\n"
    return len("HTTP/1.1 200 OK\r\n") + head + len(length) + len(message.body)


def decode(octets: bytes, max_body: int) -> PushMessage:
    """Read the push message out of a request body.

    :param max_body: octets that the body may have, after decompression.
    :raises DecodeError: no HTTP response, or its length contradicts what is there.
    :raises LimitError: larger than that.
    """
    head, blank, body = octets.partition(b"\r\n\r\n")
    if not blank or len(head) > MAX_HEAD:
        raise DecodeError("application/http without an end of its headers", len(head))
    lines = _FOLD.sub(b" ", head).split(b"\r\n")
    if not _STATUS_LINE.fullmatch(lines[0]):
        raise DecodeError("application/http does not begin with a status line", 0)
    message = PushMessage(_headers(lines[1:]), body)
    if message.get("Transfer-Encoding") is None:
        _check_length(message)
    else:
        message = _unchunked(message, max_body)
    return inflated(message, max_body)


def posted(request: Request, max_size: int) -> PushMessage:
    """Read the push message out of a POST.

    :param max_size: octets that the message may have, and its content after decompression.
    :raises DecodeError: no push message. :raises LimitError: larger than that.
    """
    media_type = (request.get("Content-Type") or "").partition(";")[0].strip().lower()
    if media_type != CONTENT_TYPE:
        kept = tuple((n, v) for n, v in request.headers if n.lower() not in _OF_THE_HOP)
        message = PushMessage(kept, request.body)
        _check_size(len(request.body), max_size)
        return inflated(message, max_size)
    body, coding = request.body, request.get("Content-Encoding")
    if coding is not None:
        coded = PushMessage((("Content-Encoding", coding),), body)
        body = inflated(coded, max_size).body
    _check_size(len(body), max_size)
    return decode(body, max_size)


def _check_size(octets: int, most: int) -> None:
    if octets > most:
        raise LimitError(f"{octets} octets, and {most} are taken")


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


def _headers(lines: list[bytes]) -> tuple[Header, ...]:
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


def _check_length(message: PushMessage) -> None:
    """Refuse a length that is not the content's; without one the content runs to the end."""
    lengths = set(message.get_all("Content-Length"))
    if lengths and lengths != {str(len(message.body))}:
        given = "/".join(sorted(lengths))[:40]
        raise DecodeError(f"Content-Length {given} but {len(message.body)} octets")


def _unchunked(message: PushMessage, max_body: int) -> PushMessage:
    """Undo the inner Transfer-Encoding, which WAP-251 5.2 allows, as HTTP itself does."""
    codings = "".join(
        f"Transfer-Encoding: {coding}\r\n" for coding in message.get_all("Transfer-Encoding")
    )
    reader = HttpClientEnd(max_body)
    reader.request(Request("GET", "/", (("Host", ""),)))
    head = f"HTTP/1.1 200 OK\r\n{codings}\r\n".encode("utf-8", "replace")
    responses = reader.receive(head + message.body) or reader.receive_end()
    if reader.failure is not None:
        raise reader.failure
    if not responses:
        raise DecodeError("the chunks inside application/http have no end")
    kept = [header for header in message.headers if header[0].lower() not in _OF_THE_LINE]
    return PushMessage(tuple(kept), responses[0].body)
