"""One content in its two written forms, text and binary (WBXML), and from one to the other.

Headers go with the body: the Content-Type says what it now is, and what spoke of the octets that
were there before is left out.
"""

from __future__ import annotations

from omapush.content.email_notification import EmailNotification
from omapush.content.indication import CacheOperation, ServiceIndication, ServiceLoading
from omapush.content.message import PushMessage
from omapush.core.errors import EncodeError
from omapush.protocols.wbxml import BINARY_TO_TEXT, TEXT_TO_BINARY, decode_xml, encode_xml

# The types whose values we know in full: what their authors write freely, such as dates with an
# offset, is brought into the one form that the binary coding has.
_TYPED = {
    kind.TEXT_TYPE: kind
    for kind in (ServiceIndication, ServiceLoading, CacheOperation, EmailNotification)
}
_OF_THE_OCTETS = frozenset(("content-length", "content-md5", "etag", "content-range"))


def other_form(media_type: str) -> str | None:
    """Return the media type of the other form, or ``None`` if there is only one.

    :param media_type: in lower case, without parameters.
    """
    return TEXT_TO_BINARY.get(media_type) or BINARY_TO_TEXT.get(media_type)


def in_other_form(message: PushMessage) -> PushMessage:
    """Return ``message`` with its body in the other form, text in UTF-8, and headers that say so.

    :raises DecodeError: the content is not well formed or not of its type.
    :raises EncodeError: it says what the other form cannot, or there is no other form.
    """
    media_type = other_form(message.media_type)
    if media_type is None:
        raise EncodeError(f"{message.media_type[:60]} has one form only")
    said = content_type_parameters(message.content_type or "")
    kept = [f"{name}={value}" for name, value in said if name != "charset"]
    charset = next((value.strip('"') for name, value in said if name == "charset"), None)
    if media_type in BINARY_TO_TEXT:
        body = _binary(message, charset)
    else:
        body = decode_xml(message.body, message.media_type, charset=charset)
        kept.append("charset=utf-8")
    headers = tuple(each for each in message.headers if each[0].lower() not in _OF_THE_OCTETS)
    content_type = "; ".join([media_type, *kept])
    return PushMessage(headers, body).replacing("Content-Type", content_type)


def content_type_parameters(content_type: str) -> list[tuple[str, str]]:
    """Return the parameters of a Content-Type: names in lower case, values as they stand."""
    found = []
    for part in content_type.split(";")[1:]:
        name, equals, value = part.partition("=")
        if equals:
            found.append((name.strip().lower(), value.strip()))
    return found


def _binary(message: PushMessage, charset: str | None) -> bytes:
    kind = _TYPED.get(message.media_type)
    if kind is not None:
        return kind.from_xml(message.body, charset=charset).to_wbxml()
    return encode_xml(message.body, message.media_type, charset=charset)
