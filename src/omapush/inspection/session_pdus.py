"""WSP: PDUs with and without a transaction id, and the bodies in them."""

from __future__ import annotations

from functools import partial

from omapush.content.application_id import REGISTRY
from omapush.core.errors import DecodeError
from omapush.core.explanation import Field
from omapush.inspection.bodies import carried_body
from omapush.inspection.model import Carried, Reading, Values
from omapush.inspection.plain import Json, plain
from omapush.protocols.wsp import pdu as pdus
from omapush.protocols.wsp.assigned_numbers import METHODS, PduType
from omapush.protocols.wsp.explain import MAX_DEPTH, explain_pdu, explain_unit
from omapush.protocols.wsp.headers import Header, RawHeader
from omapush.protocols.wsp.multipart import decode_multipart, is_binary_multipart
from omapush.protocols.wsp.pdu_codec import decode_pdu, decode_unit_pdu
from omapush.protocols.wsp.registers import CONTENT_TYPE_CODES

_SIMPLE = ("version", "session_id", "status", "flags", "permanent", "uri")
_COMPOSED = ("addresses", "capabilities")
_MOST_LIKELY = 85


def read_wsp(octets: bytes) -> Reading:
    """Read a PDU of either mode: nothing in the octets says which, so the likelier one is taken.

    :raises DecodeError: it is neither.
    """
    connectionless = _is_connectionless(octets)
    first, second = (read_unit, read_session) if connectionless else (read_session, read_unit)
    try:
        found = first(octets)
    except DecodeError as error:
        try:
            return second(octets)
        except DecodeError:
            raise error from None
    if found.plausibility >= _MOST_LIKELY:
        return found
    try:
        return max(found, second(octets), key=lambda each: each.plausibility)
    except DecodeError:
        return found


def explain_wsp(octets: bytes) -> Field:
    """Return the tree of a PDU of either mode. :raises DecodeError: as :func:`read_wsp`."""
    try:
        return read_wsp(octets).explain()
    except DecodeError:
        explain = explain_unit if _is_connectionless(octets) else explain_pdu
        return explain(octets, REGISTRY)


def _is_connectionless(octets: bytes) -> bool:
    """Tell what a PDU looks like by its first two octets."""
    return octets[1:2] in (b"\x04", b"\x06") or octets[:1] not in {bytes((one,)) for one in PduType}


def read_unit(octets: bytes) -> Reading:
    """Read a connectionless PDU, which begins with a transaction id. :raises DecodeError: none."""
    transaction_id, pdu = decode_unit_pdu(octets, tolerant=True)
    values: Values = {"connectionless": True, "tid": transaction_id}
    return _reading(pdu, values, partial(explain_unit, octets, REGISTRY))


def read_session(octets: bytes) -> Reading:
    """Read a PDU of a session, what WTP carries. :raises DecodeError: it is none."""
    pdu = decode_pdu(octets, tolerant=True)
    values: Values = {"connectionless": False, "tid": None}
    return _reading(pdu, values, partial(explain_pdu, octets, REGISTRY))


def _reading(pdu: pdus.Pdu, values: Values, explain: partial[Field]) -> Reading:
    values["pdu"] = type(pdu).__name__
    for name in _SIMPLE:
        if hasattr(pdu, name):
            values[name] = getattr(pdu, name)
    for name in _COMPOSED:
        if hasattr(pdu, name):
            values[name] = plain(getattr(pdu, name))
    if isinstance(pdu, pdus.Get | pdus.Post):
        values["method"] = METHODS.get(pdu.method, f"0x{pdu.method:02X}")
    headers: tuple[Header, ...] = getattr(pdu, "headers", ())
    raw: tuple[RawHeader, ...] = getattr(pdu, "raw_headers", ())
    content_type = headers[0][1] if headers and headers[0][0] == "Content-Type" else None
    values["content_type"] = content_type
    values["headers"] = [list(header) for header in headers]
    if raw:
        values["unread_headers"] = [plain(each) for each in raw]
    warnings = [f"wsp: {each.reason} (at octet {each.position})" for each in raw]
    carried: tuple[Carried, ...] = ()
    if hasattr(pdu, "body"):
        values["body"] = pdu.body.hex()
        carried = _carried(content_type, pdu.body, values, warnings)
    likely = max(1, _plausibility(pdu, content_type) - 15 * len(raw))
    return Reading("wsp", values, explain, carried, tuple(warnings), likely)


def _carried(
    content_type: str | None, body: bytes, values: Values, warnings: list[str], depth: int = 0
) -> tuple[Carried, ...]:
    """Return what a body carries; entries of a multipart go into ``values`` too."""
    if content_type is None or not is_binary_multipart(content_type) or depth >= MAX_DEPTH:
        return carried_body(content_type, body)
    try:
        parts = decode_multipart(body, tolerant=True)
    except DecodeError as error:
        warnings.append(f"the multipart cannot be taken apart: {error}")
        return ()
    entries: list[Json] = []
    carried: list[Carried] = []
    for part in parts:
        named = part.headers[:1]
        inner = named[0][1] if named and named[0][0] == "Content-Type" else None
        entry: Values = {
            "content_type": inner,
            "headers": [list(header) for header in part.headers],
            "body": part.body.hex(),
        }
        carried += _carried(inner, part.body, entry, warnings, depth + 1)
        entries.append(entry)
    values["parts"] = entries
    return tuple(carried)


def _plausibility(pdu: pdus.Pdu, content_type: str | None) -> int:
    """Tell how likely octets that read like this were meant so: short PDUs fit nearly anything."""
    match pdu:
        case pdus.Push() | pdus.ConfirmedPush() | pdus.Reply():
            if content_type is None:
                return 10
            known = content_type.partition(";")[0].lower() in CONTENT_TYPE_CODES
            return _MOST_LIKELY if known else 50
        case pdus.Get() | pdus.Post():
            return 70 if pdu.uri.isprintable() and "/" in pdu.uri else 10
        case pdus.Connect():
            return 70 if pdu.version == pdus.VERSION_1_0 else 5
        case pdus.ConnectReply():
            return 30
    return 8
