"""What a push looks like at each step on its way to a phone: what ``omapush preview`` shows. Pure.

Whoever makes the octets of a push fills :class:`Produced`; :func:`preview_of` explains them, one
:class:`PreviewLayer` after the other, in the order in which they come about. Layers that ``omapush
decode`` reads have the names that it knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from omapush.content import mms_notification
from omapush.content.application_id import REGISTRY
from omapush.content.message import PushMessage
from omapush.content.session_initiation import CONTENT_TYPE as SIR
from omapush.content.session_initiation import explain_session_initiation
from omapush.core.errors import DecodeError
from omapush.core.explanation import Field
from omapush.pap import entity
from omapush.protocols import wbxml
from omapush.protocols.smpp.explain import explain as explain_smpp
from omapush.protocols.sms.explain import explain as explain_tpdu
from omapush.protocols.sms.explain import explain_user_data
from omapush.protocols.sms.segmentation import MAXIMUM
from omapush.protocols.sms.tpdu import Direction
from omapush.protocols.wsp.explain import explain_unit

_UDP_HEADER = 8
_IPV4_HEADERS = 28
_BODY = "Data"
_BEFORE_THE_HEADERS = frozenset(("TID", "Type", "HeadersLen", _BODY))


@dataclass(frozen=True, slots=True)
class Produced:
    """All octets of one push. What comes after a step that failed is empty.

    :ivar entity: the HTTP body of the submission; ``entity_type`` is its Content-Type.
    :ivar message: what the gateway sends on, before it is compiled.
    :ivar sent: the same as it goes to the phone; ``None``: it cannot.
    :ivar user_data: of each short message, header included.
    :ivar submits: the TPDUs that a modem would be given; ``delivers``: those that the phone gets.
    :ivar requests: the PDUs for the SMSC.
    :ivar telephone: the first among the recipients; ``None``: they are shown for an example.
    :ivar ports: from and to, of the UDP datagram.
    :ivar failure: why there is no more.
    """

    entity: bytes
    entity_type: str
    message: PushMessage
    sent: PushMessage | None = None
    datagram: bytes = b""
    user_data: Sequence[bytes] = ()
    submits: Sequence[bytes] = ()
    delivers: Sequence[bytes] = ()
    requests: Sequence[bytes] = ()
    telephone: str | None = None
    ports: tuple[int, int] = (0, 0)
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class PreviewLayer:
    """The octets of one step.

    :ivar name: what it is called where one layer is asked for.
    :ivar title: what it is, for people.
    :ivar tree: what the octets mean; ``None`` where ``text`` shows them well enough.
    :ivar part: number of it where there are several, counted from 1.
    :ivar known: octets shown in an earlier layer, and where.
    """

    name: str
    title: str
    octets: bytes
    tree: Field | None = None
    text: str | None = None
    part: int = 1
    parts: int = 1
    known: tuple[tuple[bytes, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """All steps.

    :ivar segments: how many short messages; 0: the push cannot go by SMS.
    :ivar free: octets that the last of them has left, before another one is needed.
    :ivar warnings: what may make a phone or a gateway drop it, one sentence each.
    :ivar failure: why the last step is missing.
    """

    layers: tuple[PreviewLayer, ...]
    segments: int
    free: int
    warnings: tuple[str, ...] = ()
    failure: str | None = None

    def named(self, name: str) -> tuple[PreviewLayer, ...]:
        """Return the layers called ``name``, which may be none."""
        return tuple(layer for layer in self.layers if layer.name == name)


def preview_of(produced: Produced, warnings: Sequence[str] = ()) -> Preview:
    """Return the steps of a push, explained."""
    free = MAXIMUM - len(produced.user_data[-1]) if produced.user_data else 0
    return Preview(
        tuple(_layers(produced)),
        len(produced.user_data),
        free,
        tuple(warnings),
        produced.failure,
    )


def _layers(produced: Produced) -> Iterator[PreviewLayer]:
    content = tuple(content_layers(produced.message, produced.sent))
    title = f"{produced.entity_type.partition(';')[0]}, what is posted to the gateway"
    text = _entity_text(produced, content[0].name)
    yield PreviewLayer("pap", title, produced.entity, text=text)
    yield from content
    if produced.datagram:
        yield from _datagram_layers(produced)
    for number, user_data in enumerate(produced.user_data):
        yield from _short_message_layers(produced, number, user_data)
    yield from _request_layers(produced)


def _entity_text(produced: Produced, content: str) -> str:
    """Return an entity as text, its content left out where that is none.

    :param content: the layer that shows it.
    """
    parts = entity.split(produced.entity_type, produced.entity)
    body = b"" if parts.content is None else parts.content.body
    if not body or _text_of(body) is not None:
        return produced.entity.decode("utf-8", "replace")
    start = produced.entity.rfind(body)
    before, after = produced.entity[:start], produced.entity[start + len(body) :]
    shown = f"({len(body)} octets, see {content})"
    return before.decode("utf-8", "replace") + shown + after.decode("utf-8", "replace")


def _text_of(octets: bytes) -> str | None:
    """Return octets as text, or ``None`` if they are not meant for people."""
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        return None
    readable = all(one.isprintable() or one in "\r\n\t" for one in text)
    return text if readable else None


def content_layers(message: PushMessage, sent: PushMessage | None) -> Iterator[PreviewLayer]:
    """Yield the content as it was submitted, and in the form in which it is sent."""
    submitted = message.content_type or "no Content-Type"
    binary = sent is not None and _is_wbxml(sent.media_type)
    compiled = binary and sent is not None and sent.body != message.body
    if compiled or not binary:
        yield _content_layer(submitted, message)
    if binary and sent is not None:
        tree = _explained(lambda octets: wbxml.explain(octets, sent.media_type), sent.body)
        text = None if compiled else _as_xml(sent)
        yield PreviewLayer("wbxml", sent.content_type or "", sent.body, tree, text)


def _content_layer(title: str, message: PushMessage) -> PreviewLayer:
    body = message.body
    match message.media_type:
        case mms_notification.MEDIA_TYPE:
            return PreviewLayer("content", title, body, _explained(mms_notification.explain, body))
        case media_type if media_type == SIR:
            return PreviewLayer(
                "content", title, body, _explained(explain_session_initiation, body)
            )
    return PreviewLayer("content", title, body, text=_text_of(body))


def _is_wbxml(media_type: str) -> bool:
    return media_type in wbxml.TEXT_TO_BINARY.values()


def _as_xml(message: PushMessage) -> str | None:
    try:
        return wbxml.decode_xml(message.body, message.media_type).decode()
    except (DecodeError, UnicodeDecodeError):
        return None


def _explained(explain: Callable[[bytes], Field], octets: bytes) -> Field | None:
    """Return a tree, or ``None``: an initiator may push what is none of its type."""
    try:
        return explain(octets)
    except DecodeError:
        return None


def _datagram_layers(produced: Produced) -> Iterator[PreviewLayer]:
    datagram = produced.datagram
    tree = explain_unit(datagram, REGISTRY)
    headers = tuple(each for each in tree.children if each.name not in _BEFORE_THE_HEADERS)
    start = headers[0].offset if headers else 0
    block = b"".join(each.octets for each in headers)
    yield PreviewLayer(
        "wsp-headers", "WSP headers", block, Field("headers", start, block, None, headers)
    )
    known = [(each.octets, "in wsp-headers above") for each in headers]
    if produced.sent is not None:
        known.append((produced.sent.body, "the content above"))
    yield PreviewLayer("wsp", "Push, connectionless", datagram, tree, known=tuple(known))
    source, destination = produced.ports
    text = (
        "The octets of wsp above in one datagram; with the header of UDP "
        f"{len(datagram) + _UDP_HEADER}, and with that of IPv4 {len(datagram) + _IPV4_HEADERS}."
    )
    title = f"UDP instead of SMS, port {source} to port {destination}"
    yield PreviewLayer("udp", title, datagram, text=text)


def _short_message_layers(
    produced: Produced, number: int, user_data: bytes
) -> Iterator[PreviewLayer]:
    part, parts = number + 1, len(produced.user_data)
    tree = explain_user_data(user_data)
    piece = tree.children[-1].octets
    known = ((piece, "of the datagram above"),)
    if piece == produced.datagram:
        known = ((piece, "the datagram above"),)
    title = f"user data of a short message, at most {MAXIMUM} octets"
    yield PreviewLayer("sms-user-data", title, user_data, tree, None, part, parts, known)
    known = ((user_data, "the user data above"),)
    tree = explain_tpdu(produced.submits[number], Direction.FROM_MOBILE)
    title = "SMS-SUBMIT, as a modem sends it"
    yield PreviewLayer(
        "sms-submit", title, produced.submits[number], tree, None, part, parts, known
    )
    tree = explain_tpdu(produced.delivers[number], Direction.TO_MOBILE)
    title = "SMS-DELIVER, as the phone gets it"
    yield PreviewLayer(
        "sms-deliver", title, produced.delivers[number], tree, None, part, parts, known
    )


def _request_layers(produced: Produced) -> Iterator[PreviewLayer]:
    several = len(produced.user_data) > 1
    known = [
        (each, f"the user data {number} above" if several else "the user data above")
        for number, each in enumerate(produced.user_data, 1)
    ]
    known.append((produced.datagram, "the datagram above"))
    for number, request in enumerate(produced.requests, 1):
        tree = explain_smpp(request)
        title = f"SMPP {tree.name}"
        yield PreviewLayer(
            "smpp", title, request, tree, None, number, len(produced.requests), tuple(known)
        )
