"""Messages to octets (RFC 3261 7)."""

from __future__ import annotations

import re

from omapush.core.errors import EncodeError
from omapush.protocols.sip.lexical import TOKEN
from omapush.protocols.sip.message import SipMessage, SipRequest

_METHOD = re.compile(TOKEN)
_LENGTH_NAME = len("content-length")
_LENGTH_OF_NAME = len("Content-Length")


def encode_message(message: SipMessage) -> bytes:
    """Write a message, with the Content-Length of its body; another one is left out.

    :raises EncodeError: a value has a line end, so that headers could be smuggled in, or cannot
        be written.
    """
    if isinstance(message, SipRequest):
        if not _METHOD.fullmatch(message.method) or " " in message.uri or not message.uri:
            raise EncodeError("not a method and a URI")
        lines = [f"{message.method} {message.uri} SIP/2.0"]
    else:
        if not 100 <= message.status <= 699:
            raise EncodeError(f"no status: {message.status}")
        lines = [f"SIP/2.0 {message.status} {message.reason}"]
    lines += [
        f"{name}: {value}"
        for name, value in message.headers.fields
        if len(name) != _LENGTH_OF_NAME or name.lower() != "content-length"
    ]
    lines.append(f"Content-Length: {len(message.body)}\r\n\r\n")
    head = "\r\n".join(lines)
    # One line end for each line, and the empty line.
    if not head.count("\r") == head.count("\n") == len(lines) + 1:
        raise EncodeError("a line end within a header")
    try:
        return head.encode("utf-8", "surrogateescape") + message.body
    except UnicodeEncodeError as error:
        raise EncodeError("a character that cannot be written") from error
