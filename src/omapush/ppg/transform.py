"""What a client gets: the push message made fit for its capabilities (PPG 5.1.2.1). Pure.

Bodies go through untouched but for two things: text that has a binary form is compiled when the
client takes that form and not the text, and text is deflated for clients of OTA-HTTP that take it.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from omapush.content.application_id import ApplicationId, outgoing_value
from omapush.content.message import Header, PushMessage
from omapush.ota.http.entity import encoded_size
from omapush.ota.interface import ClientCapabilities
from omapush.pap.codes import StatusCode
from omapush.ppg.capabilities import accepts_application, accepts_coding, accepts_type
from omapush.ppg.compilation import CompilationError, binary_form_of, compiled, may_transform

# Push Message 6: an artefact of the way from initiator to gateway, or the gateway's own to write.
_NOT_FOR_THE_CLIENT = frozenset(
    (
        "mime-version",
        "content-transfer-encoding",
        "content-length",
        "transfer-encoding",
        "connection",
        "user-agent",
        "host",
        "authorization",
    )
)


LEAST_DEFLATED = 128
"""Octets of content below which deflating is not tried: it saves nothing."""
MOST_DEFLATED = 262_144
"""Above, content goes out as it is: deflating it would keep others waiting."""
_TEXT_SUFFIXES = ("+xml", "/xml", "+json", "/json", "/javascript")


@dataclass(frozen=True, slots=True)
class Unfit:
    """The client cannot take this push (PAP 2006); nothing was sent."""

    reason: str
    code: StatusCode = StatusCode.REQUIRED_CAPABILITIES_NOT_SUPPORTED


def for_the_air(message: PushMessage) -> PushMessage:
    """Return ``message`` as every client gets it: hop headers gone, application id short.

    A registered application id goes out as its number (PPG 5.1.2.1.2).

    :raises DecodeError: X-Wap-Application-Id has no legal form.
    """
    kept: list[Header] = [
        (name, value) for name, value in message.headers if name.lower() not in _NOT_FOR_THE_CLIENT
    ]
    cleaned = PushMessage(tuple(kept), message.body)
    value = outgoing_value(cleaned.get("X-Wap-Application-Id"))
    return cleaned.replacing("X-Wap-Application-Id", value)


def fit(
    message: PushMessage, capabilities: ClientCapabilities, *, coded: bool = False
) -> PushMessage | Unfit:
    """Judge ``message``, already :func:`for_the_air`, against what the client said it takes.

    :param coded: the variant has content codings: what the client takes deflated goes out so.
    """
    if not accepts_type(capabilities.accept, message.media_type):
        binary = binary_form_of(message.media_type)
        if binary is None or not accepts_type(capabilities.accept, binary):
            what = message.media_type or "content without a type"
            return Unfit(f"the client does not take {what}")
        if not may_transform(message):
            reason = f"the client takes {binary} only, and the content may not be transformed"
            return Unfit(reason, StatusCode.TRANSFORMATION_FAILURE)
        compiled_message = in_binary_form(message)
        if isinstance(compiled_message, Unfit):
            return compiled_message
        message = compiled_message
    application_id = ApplicationId.of(message)
    if not accepts_application(capabilities.accept_app_id, str(application_id)):
        return Unfit(f"the client has no application {application_id}")
    if coded and accepts_coding(capabilities.accept_encoding, "deflate"):
        message = deflated(message)
    size = encoded_size(message)
    if size > capabilities.max_message_size:
        return Unfit(f"{size} octets, and the client takes {capabilities.max_message_size}")
    return message


def deflated(message: PushMessage) -> PushMessage:
    """Return ``message`` with its content deflated, or as it is where that is of no use.

    What is coded or compact already is left alone (WAP-229 5.1.2.1), as is what nobody may change.
    In zlib's wrapping: that is what "deflate" means in HTTP (RFC 9110, 8.4.1.2).
    """
    media_type = message.media_type
    is_text = media_type.startswith("text/") or media_type.endswith(_TEXT_SUFFIXES)
    if not is_text or message.get("Content-Encoding") is not None or not may_transform(message):
        return message
    if not LEAST_DEFLATED <= len(message.body) <= MOST_DEFLATED:
        return message
    coded = PushMessage(message.headers, zlib.compress(message.body))
    coded = coded.replacing("Content-Encoding", "deflate").replacing("Content-MD5", None)
    return coded if encoded_size(coded) < encoded_size(message) else message


def in_binary_form(message: PushMessage) -> PushMessage | Unfit:
    """Return ``message`` compiled, or why that cannot be done (PAP 3006)."""
    try:
        return compiled(message)
    except CompilationError as error:
        reason = f"the content cannot be compiled: {error}"
        return Unfit(reason, StatusCode.TRANSFORMATION_FAILURE)
