"""Short messages: TPDUs, their user data, and what a port says of the payload."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import partial

from omapush.core.errors import DecodeError
from omapush.core.explanation import Field
from omapush.inspection.model import SEGMENT, Carried, Reading, Values
from omapush.inspection.plain import Json, plain
from omapush.inspection.session_pdus import read_unit
from omapush.inspection.transactions import read_wtp
from omapush.protocols.sms.address import Address
from omapush.protocols.sms.explain import TITLES, explain, explain_user_data, status_text
from omapush.protocols.sms.reading import decode, decode_with_service_centre
from omapush.protocols.sms.timestamps import EnhancedValidity, RelativeValidity, Timestamp
from omapush.protocols.sms.tpdu import (
    Direction,
    OptionalParameters,
    SmsDeliver,
    SmsStatusReport,
    SmsSubmit,
    Tpdu,
)
from omapush.protocols.sms.user_data import UserData
from omapush.protocols.sms.user_data_header import (
    NAMES,
    ApplicationPorts,
    Concatenation,
    InformationElement,
    UserDataHeader,
    split,
)
from omapush.protocols.wdp import Port

_UNIT_PORTS = (Port.PUSH, Port.CONNECTIONLESS)

# TPDUs


def read_tpdu(direction: Direction, octets: bytes) -> Reading:
    """Read a TPDU, with or without the address of a service centre before it.

    :raises DecodeError: it is none in this direction.
    """
    centre, tpdu = tpdu_of(octets, direction)
    if centre is None:
        return _tpdu_reading(tpdu, {}, partial(explain, octets, direction))
    tree = partial(explain, octets, direction, service_centre=True)
    return _tpdu_reading(tpdu, {"service_centre": centre}, tree)


def tpdu_of(octets: bytes, direction: Direction) -> tuple[str | None, Tpdu]:
    """Return a TPDU, and the service centre when one stands before it as modems print it.

    An address of no digits is ``""``. Raises as :func:`read_tpdu`.
    """
    try:
        return None, decode(octets, direction)
    except DecodeError as error:
        try:
            centre, tpdu = decode_with_service_centre(octets, direction)
        except DecodeError:
            raise error from None
    return "" if centre is None else str(centre), tpdu


def explain_tpdu(direction: Direction, octets: bytes) -> Field:
    """Return the tree of a TPDU. :raises DecodeError: as :func:`read_tpdu`."""
    try:
        return read_tpdu(direction, octets).explain()
    except DecodeError:
        return explain(octets, direction)


def _tpdu_reading(tpdu: Tpdu, values: Values, tree: Callable[[], Field]) -> Reading:
    name = type(tpdu).__name__
    values["tpdu"] = TITLES[name]
    warnings: list[str] = []
    data: UserData | None = None
    for each in fields(tpdu):
        value = getattr(tpdu, each.name)
        if isinstance(value, OptionalParameters):
            data = value.user_data
            values["parameters"] = {
                "protocol_identifier": value.protocol_identifier,
                "data_coding": None if value.data_coding is None else value.data_coding.value,
            }
        elif isinstance(value, UserData):
            data = value
        else:
            values[each.name] = _said(value)
    if isinstance(tpdu, SmsStatusReport):
        values["status_text"] = status_text(tpdu.status)
    carried = () if data is None else _user_data(data, values, warnings)
    likely = max(1, _plausibility(tpdu) - 10 * ("service_centre" in values))
    return Reading("sms", values, tree, carried, tuple(warnings), likely)


def _plausibility(tpdu: Tpdu) -> int:
    """Tell how likely octets that read like this were meant so; reports are three octets long."""
    stamp = getattr(tpdu, "service_centre_timestamp", None)
    is_odd = isinstance(stamp, Timestamp) and stamp.moment is None
    match tpdu:
        case SmsDeliver() | SmsSubmit():
            return 50 if is_odd else 80
        case SmsStatusReport():
            return 30 if is_odd else 60
    return 8


def _said(value: object) -> Json:
    if isinstance(value, Address | Timestamp):
        return str(value)
    if isinstance(value, RelativeValidity | EnhancedValidity):
        duration = value.duration_ms
        return {"seconds": None if duration is None else duration // 1_000}
    return plain(value)


def _user_data(data: UserData, values: Values, warnings: list[str]) -> tuple[Carried, ...]:
    values["data_coding"] = data.coding.value
    values["alphabet"] = str(data.coding)
    values["user_data"] = data.octets.hex()
    header = data.header
    values["text"] = data.text
    payload = data.payload
    # Septets are not octets of the message; the text says what they are.
    values["payload"] = None if data.coding.counts_septets else payload.hex()
    if header is None:
        return ()
    return _header(header, payload, values, warnings)


# User data with a header


def read_user_data(octets: bytes) -> Reading:
    """Read 8 bit user data that begin with a header. :raises DecodeError: a length is wrong."""
    header, payload = split(octets)
    values: Values = {"user_data": octets.hex(), "payload": payload.hex()}
    warnings: list[str] = []
    carried = _header(header, payload, values, warnings)
    if not header.elements:
        likely = 1
    elif header.ports is not None or header.concatenation is not None:
        likely = 90
    else:
        likely = 30 if all(each.identifier in NAMES for each in header.elements) else 3
    tree = partial(explain_user_data, octets)
    return Reading("sms", values, tree, carried, tuple(warnings), likely)


def _header(
    header: UserDataHeader, payload: bytes, values: Values, warnings: list[str]
) -> tuple[Carried, ...]:
    values["header"] = [_element(each) for each in header.elements]
    ports, concatenation = header.ports, header.concatenation
    values["ports"] = None if ports is None else plain(ports)
    values["concatenation"] = None if concatenation is None else plain(concatenation)
    if concatenation is not None and concatenation.count > 1:
        warnings.append(segment_warning(concatenation))
        return ()
    return carried_at(ports, payload, warnings)


def _element(element: InformationElement | Concatenation | ApplicationPorts) -> Json:
    identifier = element.identifier
    said: dict[str, Json] = {"identifier": identifier, "name": NAMES.get(identifier)}
    return said | {"content": element.data().hex()}


def segment_warning(concatenation: Concatenation) -> str:
    """Say that a segment is one."""
    where = f"segment {concatenation.number} of {concatenation.count}"
    return f"sms: {where}, reference {concatenation.reference}: {SEGMENT}"


def carried_at(
    ports: ApplicationPorts | None, payload: bytes, warnings: list[str]
) -> tuple[Carried, ...]:
    """Return who reads a payload: what either port is registered for (WDP, appendix B)."""
    if ports is None or not payload:
        return ()
    for number in (ports.destination, ports.source):
        if number in _UNIT_PORTS:
            return (Carried("wsp", payload, read_unit),)
        if number == Port.SESSION:
            return (Carried("wtp", payload, read_wtp),)
        if number in set(Port) and Port(number).secure:
            warnings.append(f"sms: port {number} is for WTLS, what it carries cannot be read")
            return ()
    return ()
