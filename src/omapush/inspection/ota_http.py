"""OTA-HTTP: registrations and pushes on a connection, and the push message in a POST (WAP-235)."""

from __future__ import annotations

import hashlib
from functools import partial

from omapush.content.message import PushMessage
from omapush.core.errors import DecodeError
from omapush.core.explanation import Field, telling_how_far
from omapush.inspection.bodies import carried_body
from omapush.inspection.http_messages import (
    LAYER,
    Line,
    PlacedMessage,
    read_messages,
    without_secrets,
)
from omapush.inspection.model import Carried, Reading, Values
from omapush.inspection.ota_http_words import status_words, words_for
from omapush.inspection.plain import Json, plain
from omapush.inspection.push_messages import push_reading
from omapush.ota import message_format, push_headers
from omapush.ota.http import cpi, entity, headers
from omapush.ota.interface import ClientCapabilities
from omapush.protocols.http import Header, Request, Response

MAX_CONTENT = 16 * 1_048_576
"""Octets of a content after decompression that are looked at."""

_END = "empty line"
_OF_BLACKBERRY = (
    cpi.ACCEPT_CHARSET,
    cpi.ACCEPT_LANGUAGE,
    cpi.ACCEPT_APP_ID,
    "X-Wap-Push-MsgSize",
    cpi.MAX_PUSH_REQ,
)
"""What a shipped terminal computes its tag over, in this order."""


def read_ota_http(octets: bytes) -> Reading:
    """Read the messages of a connection, or one message.

    What the last one lacks is a warning, if there is another before it.

    :raises DecodeError: no HTTP, or not in a form that all readers understand alike.
    """
    placed, fault = read_messages(octets)
    warnings: list[str] = []
    if fault is not None:
        if not placed or not fault.is_incomplete:
            raise fault
        warnings.append(f"{LAYER}: {fault.reason}: {len(octets) - placed[-1].end} octets")
    said: list[Json] = []
    carried: list[Carried] = []
    for each in placed:
        values, inside, odd = _values(each.message)
        said.append(values)
        carried += inside
        warnings += [f"{LAYER}: {one} (message at octet {each.start})" for one in odd]
    likely = max(_plausibility(each.message) for each in placed)
    explain = partial(explain_ota_http, octets)
    values = {"messages": said}
    return Reading(LAYER, values, explain, tuple(carried), tuple(warnings), likely)


def explain_ota_http(octets: bytes) -> Field:
    """Return the tree of a connection: each message with its lines and its body.

    Stars stand for what proves knowledge of a password.

    :raises DecodeError: as :func:`read_ota_http`.
    """
    placed, fault = read_messages(octets)
    fields = [_field(each, octets) for each in placed]
    if fault is not None:
        with telling_how_far(lambda: fields):
            if not placed or not fault.is_incomplete:
                raise fault
        end = placed[-1].end
        rest = without_secrets(octets[end:])
        fields.append(Field("not complete", end, rest, note=fault.reason))
    shown = b"".join(_between(fields, octets))
    return Field("connection", 0, shown, None, tuple(fields))


def _between(fields: list[Field], octets: bytes) -> list[bytes]:
    """Return the octets of fields and what stands between them."""
    found, at = [], 0
    for field in fields:
        found += [octets[at : field.offset], field.octets]
        at = field.offset + len(field.octets)
    return [*found, octets[at:]]


# Values


def _values(message: Request | Response) -> tuple[Values, tuple[Carried, ...], list[str]]:
    values: Values = (
        {"message": "request", "method": message.method, "target": message.target}
        if isinstance(message, Request)
        else {"message": "response", "status": message.status, "reason": message.reason}
    )
    values["headers"] = [[name, _shown(name, value)] for name, value in message.headers]
    values["explained"] = {
        name: words
        for name, value in message.headers
        if (words := words_for(name, value)) is not None
    }
    warnings: list[str] = []
    if isinstance(message, Response):
        _add_answer(message, values, warnings)
    values["body"] = message.body.hex()
    return values, _carried(message), warnings


def _shown(name: str, value: str) -> str:
    line = f"{name}: {value}".encode("latin-1", "replace")
    return without_secrets(line)[len(name) + 2 :].decode("latin-1")


def _add_answer(response: Response, values: Values, warnings: list[str]) -> None:
    status = push_headers.parse_push_status(response.get(push_headers.PUSH_STATUS))
    if status is not None:
        values["push_status"] = {"code": status[0], "meaning": status_words(status[0])}
    told = cpi.of_headers(response.headers)
    if not _brings_cpi(response, told):
        return
    try:
        values["capabilities"] = plain(cpi.to_capabilities(told))
    except DecodeError as error:
        warnings.append(f"the CPI cannot be read: {error}")
    values["cpi_tag"] = headers.cpi_tag(response)
    values["computed_cpi_tag"] = cpi.tag(told)


def _brings_cpi(response: Response, told: tuple[Header, ...]) -> bool:
    """Whether an answer to OPTIONS describes the terminal: all that it leaves out has defaults."""
    status = push_headers.parse_push_status(response.get(push_headers.PUSH_STATUS))
    return bool(told) or (status is not None and status[0] == 501)


def _carried(message: Request | Response) -> tuple[Carried, ...]:
    if not message.body:
        return ()
    content_type = message.get("Content-Type") or ""
    is_push = content_type.partition(";")[0].strip().lower() == entity.CONTENT_TYPE
    coding = message.get("Content-Encoding")
    given = () if coding is None else (("Content-Encoding", coding),)
    try:
        body = message_format.inflated(PushMessage(given, message.body), MAX_CONTENT).body
    except DecodeError as error:
        kind = "push-message" if is_push else "content"
        return (Carried(kind, message.body, partial(_refuse, error)),)
    if is_push:
        return (Carried("push-message", body, read_push_message),)
    # Some send the push headers as their own; and what an answer brings is a content too.
    return carried_body(content_type, body)


def _refuse(error: DecodeError, _: bytes) -> Reading:
    raise DecodeError(error.reason, error.position, "push")


def _plausibility(message: Request | Response) -> int:
    """Tell how likely it is OTA-HTTP: any HTTP can be read like this."""
    names = {name.lower() for name, _ in message.headers}
    if isinstance(message, Request):
        is_ours = message.target == headers.TARGET or headers.VERSION.lower() in names
    else:
        is_ours = not names.isdisjoint(
            (
                push_headers.PUSH_STATUS.lower(),
                headers.BEARER_INDICATION.lower(),
                "x-wap-application-id",
            )
        )
    return 98 if is_ours else 20


# The tree


def _field(placed: PlacedMessage, octets: bytes) -> Field:
    message = placed.message
    head = without_secrets(octets[placed.start : placed.body])
    shown = head + octets[placed.body : placed.end]
    is_request = isinstance(message, Request)
    first, *others = placed.lines
    children = [
        _line("Request-Line" if is_request else "Status-Line", first, shown, placed.start),
        *(_header(line, octets, shown, placed.start) for line in others),
    ]
    children.append(Field(_END, placed.body - 2, octets[placed.body - 2 : placed.body]))
    if isinstance(message, Response):
        children += _defaults(message, placed.body)
        children += _computed_tag(message, placed.body)
    if placed.end > placed.body:
        children.append(Field("body", placed.body, octets[placed.body : placed.end]))
    name = f"{message.method} {message.target}" if isinstance(message, Request) else "answer"
    value = None if isinstance(message, Request) else f"{message.status} {message.reason}".strip()
    return Field(name, placed.start, shown, value, tuple(children))


def _line(name: str, line: Line, shown: bytes, start: int) -> Field:
    octets = shown[line.start - start : line.end - start]
    return Field(name, line.start, octets, octets.rstrip(b"\r\n").decode("latin-1"))


def _header(line: Line, octets: bytes, shown: bytes, start: int) -> Field:
    name, _, value = octets[line.start : line.end].decode("latin-1").partition(":")
    hidden = shown[line.start - start : line.end - start]
    said = hidden.decode("latin-1").partition(":")[2].strip(" \t\r\n")
    note = words_for(name, value.strip(" \t\r\n"))
    return Field(name, line.start, hidden, said, note=note)


def _defaults(response: Response, at: int) -> list[Field]:
    """Return what an answer that brings CPI says by leaving it out (WAP-235, 7.2.5.5)."""
    told = cpi.of_headers(response.headers)
    status = push_headers.parse_push_status(response.get(push_headers.PUSH_STATUS))
    if status is None or status[0] != 501:
        return []
    names = {name.lower() for name, _ in told}
    if "x-wap-push-msgsize" in names:
        names.add(cpi.MAX_MSG_SIZE.lower())
    note = "not sent: this is the default"
    return [
        Field(name, at, b"", value, note=note)
        for name, value in cpi.to_headers(ClientCapabilities())
        if name.lower() not in names
    ]


def _computed_tag(response: Response, at: int) -> list[Field]:
    told, given = cpi.of_headers(response.headers), headers.cpi_tag(response)
    if not _brings_cpi(response, told):
        return []
    computed = cpi.tag(told)
    if given == computed:
        note = "as the terminal says"
    elif given is not None and given.lower() == _tag_of_blackberry(response):
        note = "the terminal computes its own as BlackBerry does"
    else:
        note = "the terminal computes its own in another way, as it may"
    return [Field("CPITag of these values", at, b"", computed, note=note)]


def _tag_of_blackberry(response: Response) -> str:
    values = "".join(response.get(name) or "" for name in _OF_BLACKBERRY)
    digest = hashlib.sha1(values.encode("latin-1", "replace"), usedforsecurity=False).digest()
    return f"{int.from_bytes(digest[:4], 'big'):x}"


# The push message


def read_push_message(octets: bytes) -> Reading:
    """Read what a POST holds, ``application/http``. :raises DecodeError: it is none."""
    try:
        message = entity.decode(octets, MAX_CONTENT)
    except DecodeError as error:
        raise DecodeError(error.reason, error.position, "push") from error
    return push_reading("application/http", "Status-Line", octets, message, words_for)
