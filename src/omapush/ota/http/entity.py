"""The body of a push: an HTTP response inside a request, ``application/http`` (WAP-235, 7.4.1).

Some gateways send the push message as the POST itself; :func:`posted` takes that as well.
"""

from __future__ import annotations

import re

from omapush.content.message import PushMessage
from omapush.core.errors import DecodeError, LimitError
from omapush.ota import push_headers
from omapush.ota.http import authentication, headers
from omapush.ota.message_format import (
    MAX_HEAD,
    check_length,
    header_lines,
    inflated,
    read_headers,
    written_headers,
)
from omapush.protocols.http import HttpClientEnd, Request

CONTENT_TYPE = "application/http"

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
        push_headers.PUSH_INFO,
        push_headers.PUSH_ID,
    )
)

_STATUS_LINE = re.compile(rb"HTTP/[0-9]\.[0-9] [0-9]{3}(?: [^\r\n]*)?")


def encode(message: PushMessage) -> bytes:
    """Write ``message`` as an HTTP response.

    :raises EncodeError: a header cannot be written.
    """
    start, length = b"HTTP/1.1 200 OK\r\n", f"Content-Length: {len(message.body)}\r\n\r\n"
    head = written_headers(message.headers, without=_OF_THE_LINE)
    return start + head + length.encode() + message.body


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
    lines = header_lines(head)
    if not _STATUS_LINE.fullmatch(lines[0]):
        raise DecodeError("application/http does not begin with a status line", 0)
    message = PushMessage(read_headers(lines[1:]), body)
    if message.get("Transfer-Encoding") is None:
        check_length(message)
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
