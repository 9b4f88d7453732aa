"""What each octet of an M-Notification.ind means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from enum import IntEnum

from omapush.content.mms_notification.decoding import Header, decode, headers, read_value
from omapush.content.mms_notification.model import (
    FIELD_NAMES,
    MAX_OCTETS,
    Expiry,
    HeaderField,
)
from omapush.core.errors import DecodeError
from omapush.core.explanation import Field, Scalar, telling_how_far
from omapush.core.instants import format_utc

_FIRST_THREE = (HeaderField.MESSAGE_TYPE, HeaderField.TRANSACTION_ID, HeaderField.MMS_VERSION)
_EXPECTED = (
    HeaderField.MMS_VERSION,
    HeaderField.MESSAGE_CLASS,
    HeaderField.MESSAGE_SIZE,
    HeaderField.EXPIRY,
)


def explain(octets: bytes, *, max_octets: int = MAX_OCTETS) -> Field:
    """Return the tree of a notification, a child for each header.

    :raises DecodeError: as :func:`~omapush.content.mms_notification.decode` does.
    """
    with telling_how_far(lambda: _before_the_fault(octets, max_octets)):
        decode(octets, max_octets=max_octets)
    found = list(headers(octets, max_octets=max_octets))
    children: list[Field] = []
    seen: set[int] = set()
    for header in found:
        children.append(_explained(octets, header, repeated=header.field in seen))
        if header.field is not None:
            seen.add(header.field)
    return Field("M-Notification.ind", 0, octets, None, tuple(children), _remark(found, seen))


def _before_the_fault(octets: bytes, max_octets: int) -> Iterator[Field]:
    """Yield what can be explained of a notification that cannot be decoded."""
    with suppress(DecodeError):
        for header in headers(octets, max_octets=max_octets):
            yield _explained(octets, header, repeated=False)


def _remark(found: list[Header], seen: set[int]) -> str | None:
    remarks = [f"no {FIELD_NAMES[field]}" for field in _EXPECTED if field not in seen]
    if tuple(header.field for header in found[:3]) != _FIRST_THREE:
        remarks.append("type, transaction and version do not come first in this order")
    return "; ".join(remarks) or None


def _explained(octets: bytes, header: Header, *, repeated: bool) -> Field:
    raw = octets[header.offset : header.end]
    if header.field is None:
        name, _, value = raw.partition(b"\0")
        shown = value.rstrip(b"\0").decode("utf-8", "replace")
        return Field(name.decode("utf-8", "replace"), header.offset, raw, shown, (), "passed over")
    known = FIELD_NAMES.get(header.field, f"header {header.field:#04x}")
    value_read = read_value(octets, header)
    if value_read is None:
        hexadecimal = octets[header.start : header.end].hex()
        return Field(known, header.offset, raw, hexadecimal, (), "not interpreted")
    note = "repeated: the first one counts" if repeated else None
    return Field(known, header.offset, raw, _shown(header, value_read), (), note)


def _shown(header: Header, value: object) -> Scalar:
    if header.field == HeaderField.MESSAGE_TYPE:
        return "M-Notification.ind"
    if header.field == HeaderField.FROM and not value:
        return "(not told)"
    if isinstance(value, Expiry):
        if value.at is not None:
            return format_utc(value.at)
        return f"{value.seconds} s from its receipt"
    if isinstance(value, IntEnum):
        return value.name.capitalize()
    return value if isinstance(value, bool | int | str) else str(value)
