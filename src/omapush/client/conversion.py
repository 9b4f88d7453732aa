"""What an application gets whose types name one written form of a content only. Pure.

An application that names ``text/vnd.wap.si`` and not ``application/vnd.wap.sic`` gets service
indications as text also when they came in binary form, and the other way round. One that names both
forms, a range such as ``text/*``, or nothing at all gets the content as received (CAI-58).
"""

from __future__ import annotations

from collections.abc import Iterable

from omapush.cai.model import RegistrationRequest
from omapush.client.trust.whitelist import type_matches
from omapush.content.message import PushMessage
from omapush.content.written_forms import content_type_parameters, in_other_form, other_form
from omapush.core.errors import DecodeError, EncodeError, OmapushError
from omapush.protocols.wbxml import TEXT_TO_BINARY


class ConversionError(OmapushError):
    """The content cannot be put into the form that the application takes."""


def takes_as_received(request: RegistrationRequest, media_type: str) -> bool:
    """Whether the application takes this type itself."""
    accept = request.accept
    return not accept or any(type_matches(one, media_type) for one in accept)


def takes(request: RegistrationRequest, media_type: str) -> bool:
    """Whether the application takes this type, or its other form by name."""
    if takes_as_received(request, media_type):
        return True
    other = other_form(media_type)
    return other is not None and other in _named(request.accept)


def for_application(message: PushMessage, request: RegistrationRequest) -> PushMessage:
    """Return ``message`` in the form that the application takes; ask :func:`takes` before.

    :raises ConversionError: the body is not what its Content-Type says, or must stay as it is.
    """
    if takes_as_received(request, message.media_type):
        return message
    if message.get("Content-Encoding") not in (None, "identity"):
        raise ConversionError("the content is encoded, and the application takes another form")
    names = {name for name, _ in content_type_parameters(message.content_type or "")}
    if names & {"sec", "mac"}:
        # The MAC is over these very octets (WAP-184); nobody could verify another form.
        raise ConversionError("the content is secured, and the application takes another form")
    try:
        return in_other_form(message)
    except (DecodeError, EncodeError) as error:
        raise ConversionError(error.reason, error.position, error.layer) from error


def convertible(accept: Iterable[str]) -> tuple[str, ...]:
    """Return the binary types that gateways may send to who names these text types.

    The binary form is announced beside the text one, because a connectionless push knows no other;
    a text form is never announced beside a binary one, which is shorter on the air.
    """
    binary = (TEXT_TO_BINARY.get(name) for name in _named(accept))
    return tuple(sorted(name for name in binary if name is not None))


def _named(accept: Iterable[str]) -> set[str]:
    return {one.partition(";")[0].strip().lower() for one in accept}
