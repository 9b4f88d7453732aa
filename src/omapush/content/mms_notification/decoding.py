"""Reads an M-Notification.ind, forgiving what deployed senders do (WAP-209, 6.2).

Headers may come in any order, the first of several with one name counts, headers that are not
known are kept as octets, and a value that a single field does not allow costs only that field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from omapush.content.mms_notification.charsets import text_of
from omapush.content.mms_notification.model import (
    FIELD_NAMES,
    LAYER,
    M_NOTIFICATION_IND,
    MAX_HEADERS,
    MAX_OCTETS,
    Expiry,
    HeaderField,
    MessageClass,
    MmsNotification,
    Priority,
    UnreadHeader,
)
from omapush.core.errors import DecodeError, LimitError
from omapush.core.instants import LATEST, SECOND_MS, Instant
from omapush.core.octets import OctetReader
from omapush.protocols.wsp import values as wsp

_EnumT = TypeVar("_EnumT", MessageClass, Priority)
_ValueT = TypeVar("_ValueT")


@dataclass(frozen=True, slots=True)
class Header:
    """One header as it lies in the octets.

    :ivar field: its octet, or ``None`` for a header with a name in text.
    :ivar offset: of its first octet; ``start``: of its value; ``end``: of what follows.
    """

    field: int | None
    offset: int
    start: int
    end: int


# Read as text whatever the first octet is: some senders leave the Quote out.
_TEXT_FIELDS = frozenset(
    (HeaderField.TRANSACTION_ID, HeaderField.CONTENT_LOCATION, HeaderField.REPLACE_ID)
)


def decode(octets: bytes, *, max_octets: int = MAX_OCTETS) -> MmsNotification:
    """Read a notification.

    :raises DecodeError: cut off, another message type, or without transaction or location.
    :raises LimitError: more than ``max_octets`` octets or 64 headers.
    """
    values: dict[HeaderField, object] = {}
    others: list[UnreadHeader] = []
    for header in headers(octets, max_octets=max_octets):
        if header.field is None:
            continue
        value = read_value(octets, header)
        if header.field == HeaderField.MESSAGE_TYPE and value != M_NOTIFICATION_IND:
            raise DecodeError("the message type is not M-Notification.ind", header.start, LAYER)
        if value is None:
            raw = octets[header.start : header.end]
            others.append(UnreadHeader(header.field, raw))
        else:
            values.setdefault(HeaderField(header.field), value)
    return _notification(values, tuple(others), len(octets))


def headers(octets: bytes, *, max_octets: int = MAX_OCTETS) -> Iterator[Header]:
    """Yield the headers of a message, not yet interpreted.

    :raises DecodeError: one is cut off.
    :raises LimitError: more than ``max_octets`` octets or 64 headers.
    """
    if len(octets) > max_octets:
        raise LimitError(f"{len(octets)} octets, {max_octets} are taken", max_octets, LAYER)
    reader = OctetReader(octets, LAYER)
    for _ in range(MAX_HEADERS):
        if not reader.remaining:
            return
        offset = reader.position
        field: int | None = None
        if reader.peek() >= 0x80:
            field = reader.uint8()
        else:
            reader.text_string()
        start = reader.position
        _skip(reader, text=field is None or field in _TEXT_FIELDS)
        yield Header(field, offset, start, reader.position)
    if reader.remaining:
        raise LimitError(f"more than {MAX_HEADERS} headers", reader.position, LAYER)


def _skip(reader: OctetReader, *, text: bool) -> None:
    """Pass over a value; its first octet says how long it is (WSP 8.4.1.2)."""
    first = reader.peek()
    if text or 32 <= first < 0x80:
        reader.text_string()
    elif first >= 0x80:
        reader.uint8()
    else:
        _value(reader)


def read_value(octets: bytes, header: Header) -> object | None:
    """Return what the value of ``header`` says, or ``None`` if that is not known.

    A From that does not tell the sender is ``""``.
    """
    read = _READERS.get(header.field) if header.field is not None else None
    if read is None:
        return None
    reader = OctetReader(octets[: header.end], LAYER)
    reader.take(header.start)
    try:
        return read(reader)
    except DecodeError:
        # Its length is known, so the rest of the message is not lost with it.
        return None


# ---- values: each reads all that is left --------------------------------------------------------


def _message_type(reader: OctetReader) -> int:
    return reader.uint8()


def _text(reader: OctetReader) -> str:
    return text_of(reader.rest(), None)


def _version(reader: OctetReader) -> str:
    if reader.peek() < 0x80:
        return _text(reader)
    return wsp.version_text(reader.uint8() & 0x7F)


def _encoded_string(reader: OctetReader) -> str:
    first = reader.peek()
    if not first or first >= 32:
        return _text(reader)
    inner = _value(reader)
    charset = wsp.read_integer(inner)
    return text_of(inner.rest(), charset)


def _from(reader: OctetReader) -> str:
    if reader.peek() >= 32:
        return _text(reader)  # the length and the token were forgotten
    inner = _value(reader)
    address_is_present = inner.uint8() == 0x80
    return _encoded_string(inner) if address_is_present else ""


def _message_class(reader: OctetReader) -> MessageClass | str:
    if reader.peek() < 0x80:
        return _text(reader)
    return _member(MessageClass, reader)


def _priority(reader: OctetReader) -> Priority:
    return _member(Priority, reader)


def _yes_or_no(reader: OctetReader) -> bool:
    octet = reader.uint8()
    if octet not in (0x80, 0x81):
        raise DecodeError("neither yes nor no", reader.position - 1, LAYER)
    return octet == 0x80


def _expiry(reader: OctetReader) -> Expiry:
    inner = _value(reader)
    absolute = inner.uint8() == 0x80
    seconds = wsp.read_integer(inner)
    if not absolute:
        return Expiry(seconds=seconds)
    return Expiry(at=Instant(min(LATEST, seconds * SECOND_MS)))


def _value(reader: OctetReader) -> OctetReader:
    """Read a Value-length and return a reader of the octets that it counts."""
    first = reader.uint8()
    if first > wsp.LENGTH_QUOTE:
        raise DecodeError("not a Value-length", reader.position - 1, LAYER)
    return reader.view(wsp.read_length(reader, first))


def _member(kind: type[_EnumT], reader: OctetReader) -> _EnumT:
    octet = reader.uint8()
    try:
        return kind(octet)
    except ValueError as error:
        reason = f"{octet:#04x} is not known"
        raise DecodeError(reason, reader.position - 1, LAYER) from error


_READERS: dict[int, Callable[[OctetReader], object]] = {
    HeaderField.MESSAGE_TYPE: _message_type,
    HeaderField.TRANSACTION_ID: _text,
    HeaderField.MMS_VERSION: _version,
    HeaderField.FROM: _from,
    HeaderField.SUBJECT: _encoded_string,
    HeaderField.MESSAGE_CLASS: _message_class,
    HeaderField.MESSAGE_SIZE: wsp.read_integer,
    HeaderField.EXPIRY: _expiry,
    HeaderField.DELIVERY_REPORT: _yes_or_no,
    HeaderField.PRIORITY: _priority,
    HeaderField.CONTENT_LOCATION: _text,
}


def _notification(
    values: dict[HeaderField, object], others: tuple[UnreadHeader, ...], end: int
) -> MmsNotification:
    if HeaderField.MESSAGE_TYPE not in values:
        raise DecodeError(f"no {FIELD_NAMES[HeaderField.MESSAGE_TYPE]}", end, LAYER)
    return MmsNotification(
        transaction_id=_required(values, HeaderField.TRANSACTION_ID, end),
        content_location=_required(values, HeaderField.CONTENT_LOCATION, end),
        version=_given(values, HeaderField.MMS_VERSION, str) or "1.0",
        from_=_given(values, HeaderField.FROM, str) or None,
        subject=_given(values, HeaderField.SUBJECT, str),
        message_class=_message_class_given(values.get(HeaderField.MESSAGE_CLASS)),
        message_size=_given(values, HeaderField.MESSAGE_SIZE, int),
        expiry=_given(values, HeaderField.EXPIRY, Expiry),
        delivery_report=_given(values, HeaderField.DELIVERY_REPORT, bool),
        priority=_given(values, HeaderField.PRIORITY, Priority),
        others=others,
    )


def _given(
    values: dict[HeaderField, object], field: HeaderField, kind: type[_ValueT]
) -> _ValueT | None:
    value = values.get(field)
    return value if isinstance(value, kind) else None


def _message_class_given(value: object) -> MessageClass | str | None:
    return value if isinstance(value, MessageClass | str) else None


def _required(values: dict[HeaderField, object], field: HeaderField, end: int) -> str:
    value = _given(values, field, str)
    if value is None:
        raise DecodeError(f"no {FIELD_NAMES[field]}", end, LAYER)
    return value
