"""What may make a gateway refuse a push, or a phone drop it without a word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from omapush.content import mms_notification
from omapush.content.application_id import REGISTRY, ApplicationId
from omapush.content.indication import CacheOperation, ServiceIndication, ServiceLoading
from omapush.content.indication.document import PushDocument
from omapush.content.indication.service_indication import SignalAction
from omapush.content.message import PushMessage
from omapush.content.provisioning import bootstrap_security, documents
from omapush.core.errors import DecodeError, OmapushError
from omapush.core.explanation import Field
from omapush.core.instants import Instant, format_utc
from omapush.inspection.preview import Produced
from omapush.pap.entity import parameters
from omapush.protocols import wbxml
from omapush.protocols.wsp.explain import explain_unit

LONG_ADDRESS = 120
"""Octets of an address that leave little of a short message."""
MANY_SEGMENTS = 3
"""Short messages that phones of all ages put together."""
MAX_DATAGRAM = 1_472
"""Octets that fit an Ethernet frame with the headers of IPv4 and UDP."""

_COMMON_CHARSETS = frozenset(("utf-8", "us-ascii"))
_PROVISIONING = (documents.TEXT_MEDIA_TYPE, documents.BINARY_MEDIA_TYPE)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else is asked for, and when.

    :ivar confirmed: the initiator wants the client to confirm.
    :ivar deliver_before: the initiator's deadline.
    """

    now: Instant
    confirmed: bool = False
    deliver_before: Instant | None = None


def warnings_about(produced: Produced, around: Circumstances) -> Iterator[str]:
    """Yield one sentence for each thing that is likely not meant."""
    yield from _wishes(around)
    yield from _application(produced.message)
    yield from _form(produced)
    yield from _document(produced.message, around.now)
    yield from _provisioning(produced.message)
    if produced.datagram:
        yield from _headers(explain_unit(produced.datagram, REGISTRY))
    yield from _sizes(produced)


def _wishes(around: Circumstances) -> Iterator[str]:
    if around.confirmed:
        yield (
            "--confirmed: by SMS or UDP no application can confirm; "
            "the gateway delivers it over a session or OTA-HTTP only"
        )
    if around.deliver_before is not None and around.deliver_before <= around.now:
        yield f"--deliver-before: {format_utc(around.deliver_before)} is past"


def _application(message: PushMessage) -> Iterator[str]:
    try:
        application = ApplicationId.of(message)
    except DecodeError as error:
        yield f"X-Wap-Application-Id: {error.reason}"
        return
    if application.uri is not None and application.registered_code is None:
        yield f"application {application} is not registered with OMNA: its id goes out as text"
    elif application.uri is None and application.code not in REGISTRY:
        yield f"application {application} is not registered with OMNA"


def _form(produced: Produced) -> Iterator[str]:
    message = produced.message
    charset = parameters(message.content_type or "").get("charset", "").lower()
    if charset and charset not in _COMMON_CHARSETS:
        yield f"charset {charset}: phones are sure to know UTF-8 only"
    binary = wbxml.TEXT_TO_BINARY.get(message.media_type)
    unchanged = produced.sent is not None and produced.sent.media_type == message.media_type
    if binary is not None and unchanged:
        yield (
            f"{message.media_type} may not be transformed (Cache-Control or Content-Encoding) and "
            f"is not compiled: phones know {binary} only"
        )


def _read(message: PushMessage) -> PushDocument | None:
    """Return a document that has something to warn of. :raises DecodeError: it is malformed."""
    for kind in (ServiceIndication, ServiceLoading, CacheOperation):
        if message.media_type == kind.TEXT_TYPE:
            charset = parameters(message.content_type or "").get("charset")
            return kind.from_xml(message.body, charset=charset)
        if message.media_type == kind.BINARY_TYPE:
            return kind.from_wbxml(message.body)
    return None


def _document(message: PushMessage, now: Instant) -> Iterator[str]:
    address: str | None = None
    try:
        if message.media_type == mms_notification.MEDIA_TYPE:
            address = mms_notification.decode(message.body).content_location
        document = _read(message)
        if isinstance(document, ServiceIndication):
            yield from _indication(document, now)
        if isinstance(document, ServiceIndication | ServiceLoading):
            address = document.href
    except OmapushError as error:
        yield f"the content is not what its type says: {error}"
    if address is not None and len(address.encode("utf-8", "replace")) > LONG_ADDRESS:
        yield f"the address has {len(address)} characters, and a short message has 140 octets"


def _indication(document: ServiceIndication, now: Instant) -> Iterator[str]:
    if document.comparison_key is None:
        yield "neither si-id nor href: no later indication can replace or delete this one"
    elif document.created is None:
        yield "no created: the phone cannot tell which of two indications is the later one"
    if document.action is SignalAction.DELETE:
        return
    expires = document.si_expires
    if expires is not None and expires <= now:
        yield f"si-expires {format_utc(expires)} is past: the phone drops it"
    elif expires is not None and document.created is not None and expires <= document.created:
        yield "si-expires is before created"


def _provisioning(message: PushMessage) -> Iterator[str]:
    if message.media_type not in _PROVISIONING:
        return
    given = parameters(message.content_type or "")
    if "sec" not in given:
        yield (
            "provisioning without SEC and MAC: the phone cannot tell who configures it, "
            "and most of them drop it"
        )
    elif "mac" not in given and given["sec"] != str(
        int(bootstrap_security.SecurityMethod.USERPINMAC)
    ):
        yield "SEC without MAC: the phone drops it"
    elif message.media_type == documents.TEXT_MEDIA_TYPE:
        yield "a MAC covers the binary document: text that is compiled on the way will not match"


def _headers(push: Field) -> Iterator[str]:
    content_type = push.named("Content-Type")
    media = content_type and (content_type.named("media type") or content_type.named("value"))
    if content_type is not None and media is not None and _is_text(media):
        spelled = str(content_type.value).partition(";")[0]
        why = content_type.note or "spelled out, WSP has no number for it; handsets may drop it"
        yield f"Content-Type {spelled}, {len(media.octets)} octets: {why}"
    for header in push.children:
        name = header.named("field name")
        if name is not None and _is_text(name):
            yield f"{header.name}: goes out as text, {len(header.octets)} octets"


def _is_text(field: Field) -> bool:
    return 0x20 <= field.octets[0] < 0x7F if field.octets else False


def _sizes(produced: Produced) -> Iterator[str]:
    segments = len(produced.user_data)
    if segments and produced.telephone is None:
        yield "no recipient is a telephone number: short messages are shown for an example"
    if segments > MANY_SEGMENTS:
        yield f"{segments} short messages: the push is lost if one of them is; some phones drop it"
    if len(produced.datagram) > MAX_DATAGRAM:
        yield (
            f"{len(produced.datagram)} octets: over UDP they would be cut into fragments of IP, "
            f"{MAX_DATAGRAM} is the limit"
        )
