"""SIP messages, one or several after each other, and what they carry (RFC 3261, OTA-SIP)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from omapush.core.errors import DecodeError
from omapush.core.explanation import Field, telling_how_far
from omapush.inspection.bodies import carried_body, read_text
from omapush.inspection.http_messages import without_secrets
from omapush.inspection.model import Carried, Reading, Values
from omapush.inspection.plain import Json
from omapush.inspection.push_messages import push_reading
from omapush.inspection.sip_words import sip_words
from omapush.inspection.text_lines import head_fields
from omapush.ota.sip.envelope import CONTENT_TYPE, decode_push, is_envelope
from omapush.protocols.sdp import parse_description
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.message import SipMessage, SipRequest
from omapush.protocols.sip.parsing import content_length, parse_message

LAYER = "sip"
MAX_MESSAGES = 256
MAX_CONTENT = 16 * 1_048_576
"""Octets of a content after decompression that are looked at."""
_PUSH_METHODS = ("MESSAGE", "INVITE", "REGISTER", "OPTIONS")


@dataclass(frozen=True, slots=True)
class _Placed:
    message: SipMessage
    start: int
    body: int
    end: int


def read_sip(octets: bytes) -> Reading:
    """Read a datagram, or what came by a connection.

    :raises DecodeError: no SIP, or a message that RFC 3261 refuses.
    """
    placed = _messages(octets)
    said: list[Json] = []
    carried: list[Carried] = []
    for each in placed:
        said.append(_values(each.message))
        carried += _carried(each.message)
    methods = {one.message.method for one in placed if isinstance(one.message, SipRequest)}
    likely = 97 if methods & set(_PUSH_METHODS) else 90
    explain = partial(explain_sip, octets)
    return Reading(LAYER, {"messages": said}, explain, tuple(carried), (), likely)


def explain_sip(octets: bytes) -> Field:
    """Return the tree: each message with its lines and its body; credentials are starred.

    :raises DecodeError: as :func:`read_sip`.
    """
    placed: list[_Placed] = []
    with telling_how_far(lambda: [_field(each, octets) for each in placed]):
        _read_all(octets, placed)
    fields = [_field(each, octets) for each in placed]
    return Field("messages", 0, without_secrets(octets), None, tuple(fields))


def _messages(octets: bytes) -> list[_Placed]:
    placed: list[_Placed] = []
    _read_all(octets, placed)
    return placed


def _read_all(octets: bytes, placed: list[_Placed]) -> None:
    """Add the messages to ``placed``, as far as they can be read. :raises DecodeError: not all."""
    at = _skip(octets, 0)
    while at < len(octets):
        if len(placed) == MAX_MESSAGES:
            raise DecodeError(f"more than {MAX_MESSAGES} messages", at, LAYER)
        placed.append(_placed(octets, at))
        at = _skip(octets, placed[-1].end)
    if not placed:
        raise DecodeError("there is no message", 0, LAYER)


def _placed(octets: bytes, start: int) -> _Placed:
    head_end = octets.find(b"\r\n\r\n", start)
    if head_end < 0:
        raise DecodeError("the message has no empty line behind its headers", start, LAYER)
    body = head_end + 4
    try:
        length = content_length(octets[start:head_end])
        end = len(octets) if length is None else body + length
        message = parse_message(octets[start:end])
    except BadSipMessage as error:
        raise DecodeError(error.reason, start, LAYER) from error
    return _Placed(message, start, body, min(end, len(octets)))


def _skip(octets: bytes, position: int) -> int:
    while octets.startswith(b"\r\n", position):
        position += 2
    return position


def _values(message: SipMessage) -> Values:
    values: Values = (
        {"message": "request", "method": message.method, "uri": message.uri}
        if isinstance(message, SipRequest)
        else {"message": "response", "status": message.status, "reason": message.reason}
    )
    values["headers"] = [[name, _shown(name, value)] for name, value in message.headers.fields]
    values["explained"] = {
        name: words
        for name, value in message.headers.fields
        if (words := sip_words(name, value)) is not None
    }
    values["body"] = message.body.hex()
    return values


def _shown(name: str, value: str) -> str:
    line = f"{name}: {value}".encode("utf-8", "replace")
    return without_secrets(line)[len(name.encode()) + 2 :].decode("utf-8", "replace")


def _carried(message: SipMessage) -> tuple[Carried, ...]:
    content_type = message.headers.first("Content-Type")
    return carried_push(content_type, message.headers.fields, message.body)


def carried_push(
    content_type: str | None, beside: tuple[tuple[str, str], ...], body: bytes
) -> tuple[Carried, ...]:
    """Return who reads a body that came by SIP or by MSRP.

    :param beside: the headers that stood beside it.
    """
    essence = (content_type or "").partition(";")[0].strip().lower()
    if not body or not essence:
        return ()
    if is_envelope(content_type):
        return (Carried("push-message", body, partial(read_envelope, content_type, beside)),)
    if essence == "application/sdp":
        return (Carried("sdp", body, read_description),)
    if essence in ("message/sip", "message/sipfrag", "application/reginfo+xml"):
        return (Carried("text", body, read_text),)
    return carried_body(essence, body)


def _field(placed: _Placed, octets: bytes) -> Field:
    message, start = placed.message, placed.start
    head = octets[start : placed.body - 2]
    is_request = isinstance(message, SipRequest)
    first = "Request-Line" if is_request else "Status-Line"
    children = head_fields(head, start, first, sip_words)
    children.append(Field("empty line", placed.body - 2, octets[placed.body - 2 : placed.body]))
    if placed.end > placed.body:
        children.append(Field("body", placed.body, octets[placed.body : placed.end]))
    shown = without_secrets(head) + octets[placed.body - 2 : placed.end]
    if isinstance(message, SipRequest):
        return Field(f"{message.method} {message.uri}", start, shown, None, tuple(children))
    said = f"{message.status} {message.reason}".strip()
    return Field("answer", start, shown, said, tuple(children))


def read_envelope(
    content_type: str | None, beside: tuple[tuple[str, str], ...], octets: bytes
) -> Reading:
    """Read ``application/vnd.oma.push``. :raises DecodeError: it is none."""
    try:
        message = decode_push(content_type, beside, octets, MAX_CONTENT)
    except DecodeError as error:
        raise DecodeError(error.reason, error.position, "push") from error
    return push_reading(CONTENT_TYPE, None, octets, message, sip_words)


def read_description(octets: bytes) -> Reading:
    """Read a session description. :raises DecodeError: it is none."""
    try:
        description = parse_description(octets)
    except DecodeError as error:
        raise DecodeError(error.reason, None, "sdp") from error
    media: list[Json] = [
        {
            "kind": one.kind,
            "port": one.port,
            "protocol": one.protocol,
            "path": one.path,
            "accept_types": list(one.accept_types),
            "setup": one.setup.value if one.setup else None,
            "direction": one.direction.value,
        }
        for one in description.media
    ]
    return Reading("sdp", {"host": description.host, "media": media}, partial(_lines, octets))


def _lines(octets: bytes) -> Field:
    children: list[Field] = []
    at = 0
    for line in octets.splitlines(keepends=True):
        name, _, value = line.decode("utf-8", "replace").rstrip("\r\n").partition("=")
        children.append(Field(name, at, line, value))
        at += len(line)
    return Field("session description", 0, octets, None, tuple(children))
