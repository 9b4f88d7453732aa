"""From the text form of a content type to its binary form (PPG 5.1.2.1.3, WBXML).

What was compiled is remembered for a while: a push to very many recipients is compiled once.
"""

from __future__ import annotations

import functools

from omapush.content.email_notification import EmailNotification
from omapush.content.indication import CacheOperation, ServiceIndication, ServiceLoading
from omapush.content.message import Header, PushMessage
from omapush.core.errors import DecodeError, EncodeError, OmapushError
from omapush.protocols.wbxml import TEXT_TO_BINARY, encode_xml

REMEMBERED_OCTETS = 16_384
"""Longer bodies are compiled anew each time; they are rare, and memory is bounded."""

# The types whose values we know in full: what their authors write freely, such as dates with an
# offset, is brought into the one form that the binary coding has.
_TYPED = {
    kind.TEXT_TYPE: kind
    for kind in (ServiceIndication, ServiceLoading, CacheOperation, EmailNotification)
}
# They speak of the octets as they were (PPG 5.1.2.1.1).
_OF_THE_TEXT = frozenset(("content-length", "content-md5", "etag", "content-range"))


class CompilationError(OmapushError):
    """The content cannot be put into its binary form; what is wrong with it, and where."""


def binary_form_of(media_type: str) -> str | None:
    """Return the type of the binary form, or ``None`` if there is none."""
    return TEXT_TO_BINARY.get(media_type)


def may_transform(message: PushMessage) -> bool:
    """Whether the body may be changed at all (PPG 5.1.2.1.1)."""
    if message.get("Content-Encoding") not in (None, "identity"):
        return False
    directives = ",".join(message.get_all("Cache-Control")).lower().split(",")
    return "no-transform" not in (each.strip() for each in directives)


def compiled(message: PushMessage) -> PushMessage:
    """Return ``message`` with its body in binary form and headers that say so.

    :raises CompilationError: the content is not well formed or not of its type.
    """
    if len(message.body) > REMEMBERED_OCTETS:
        return _compiled(message)
    return _remembered(message)


def _compiled(message: PushMessage) -> PushMessage:
    parameters = _parameters(message.content_type or "")
    charset = next((value for name, value in parameters if name == "charset"), None)
    kept = [f"{name}={value}" for name, value in parameters if name != "charset"]
    content_type = "; ".join([TEXT_TO_BINARY[message.media_type], *kept])
    body = _encode(message.body, message.media_type, charset)
    headers: list[Header] = [
        (name, value) for name, value in message.headers if name.lower() not in _OF_THE_TEXT
    ]
    return PushMessage(tuple(headers), body).replacing("Content-Type", content_type)


_remembered = functools.lru_cache(maxsize=64)(_compiled)


def _encode(body: bytes, media_type: str, charset: str | None) -> bytes:
    try:
        kind = _TYPED.get(media_type)
        if kind is not None:
            return kind.from_xml(body, charset=charset).to_wbxml()
        return encode_xml(body, media_type, charset=charset)
    except (DecodeError, EncodeError) as error:
        raise CompilationError(error.reason, error.position, error.layer) from error


def _parameters(content_type: str) -> list[tuple[str, str]]:
    found = []
    for part in content_type.split(";")[1:]:
        name, equals, value = part.partition("=")
        if equals:
            found.append((name.strip().lower(), value.strip()))
    return [(name, value.strip('"') if name == "charset" else value) for name, value in found]
