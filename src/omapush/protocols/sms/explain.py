"""What each octet of a TPDU, or of user data with a header, means.

The tree is made from the parts that the decoder read, so it says what the decoder understood.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from omapush.core.errors import DecodeError
from omapush.core.explanation import Field, Scalar, telling_how_far
from omapush.core.octets import OctetReader
from omapush.protocols import wcmp
from omapush.protocols.recording import Part, Recorder
from omapush.protocols.sms.data_coding import DataCoding
from omapush.protocols.sms.reading import read_tpdu
from omapush.protocols.sms.segmentation import MAXIMUM
from omapush.protocols.sms.timestamps import EnhancedValidity, RelativeValidity, Timestamp
from omapush.protocols.sms.tpdu import (
    Direction,
    MessageType,
    SmsDeliver,
    SmsStatusReport,
    SmsSubmit,
    Tpdu,
    ValidityFormat,
)
from omapush.protocols.sms.user_data import UserData
from omapush.protocols.sms.user_data_header import (
    LAYER,
    NAMES,
    WCMP,
    ApplicationPorts,
    Concatenation,
    Element,
    UserDataHeader,
    read_elements,
    typed_element,
)
from omapush.protocols.wdp import Port

TITLES = {
    "SmsDeliver": "SMS-DELIVER",
    "SmsSubmit": "SMS-SUBMIT",
    "SmsStatusReport": "SMS-STATUS-REPORT",
    "SmsDeliverReport": "SMS-DELIVER-REPORT",
    "SmsSubmitReport": "SMS-SUBMIT-REPORT",
    "SmsCommand": "SMS-COMMAND",
}
"""What 3GPP 23.040 calls the TPDUs of :mod:`omapush.protocols.sms.tpdu`."""

# The one flag that says the opposite of its name.
_FLAG_NOTES: dict[tuple[str, Scalar], str] = {
    ("TP-MMS", False): "more messages wait",
    ("TP-MMS", True): "no more messages wait",
}


def explain(
    octets: bytes,
    direction: Direction = Direction.TO_MOBILE,
    *,
    service_centre: bool = False,
    refusal: bool = False,
) -> Field:
    """Return the tree of a TPDU; the arguments are those of ``reading.decode``.

    :raises DecodeError: as ``reading.decode`` does.
    """
    recorder = Recorder(OctetReader(octets, LAYER))
    with telling_how_far(lambda: (_part_field(part, octets) for part in recorder.parts)):
        _, tpdu = read_tpdu(recorder, direction, service_centre=service_centre, refusal=refusal)
    children = tuple(_field(part, octets, tpdu) for part in recorder.parts)
    return Field(TITLES[type(tpdu).__name__], 0, octets, None, children)


def explain_user_data(octets: bytes) -> Field:
    """Return the tree of 8 bit user data that start with a header, as SMPP carries them.

    :raises DecodeError: a length is wrong.
    """
    reader = OctetReader(octets, LAYER)
    with telling_how_far(lambda: _before_the_fault(octets)):
        children = _header_fields(reader, octets)
    end = reader.position
    payload = Field("payload", end, octets[end:], f"{reader.remaining} octets")
    fits = len(octets) <= MAXIMUM
    note = None if fits else f"{len(octets)} octets do not fit one short message"
    return Field("TP-UD", 0, octets, None, (*children, payload), note)


def _part_field(part: Part, octets: bytes) -> Field:
    if isinstance(part.value, UserData):
        return _user_data_field(part, part.value, octets)
    return Field(part.name, part.start, octets[part.start : part.end], part_value(part))


def _before_the_fault(octets: bytes) -> Iterator[Field]:
    """Yield what can be explained of user data whose header is malformed."""
    if octets:
        yield Field("UDHL", 0, octets[:1], octets[0])
    # Elements stand in it one after the other, whatever the length said of them all.
    reader = OctetReader(octets[: 1 + octets[0]] if octets else b"", LAYER)
    with suppress(DecodeError):
        reader.take(1)
        while reader.remaining:
            start = reader.position
            identifier = reader.uint8()
            content = reader.take(reader.uint8())
            name = NAMES.get(identifier, f"information element {identifier:#04x}")
            yield Field(name, start, octets[start : reader.position], content.hex())


def _field(part: Part, octets: bytes, tpdu: Tpdu) -> Field:
    content = octets[part.start : part.end]
    if part.name == "first octet":
        return Field(part.name, part.start, content, part_value(part), _flags(part, content, tpdu))
    if isinstance(part.value, UserData):
        return _user_data_field(part, part.value, octets)
    return Field(part.name, part.start, content, part_value(part), note=_note(part, tpdu))


def part_value(part: Part) -> Scalar:
    """Return what a part says, for people."""
    value = part.value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, wcmp.AddressInformation):
        return value.text
    if isinstance(value, RelativeValidity | EnhancedValidity):
        duration = value.duration_ms
        return "not said" if duration is None else f"{duration // 1_000} s"
    if isinstance(value, int):
        return value
    return None if value is None else str(value)


def _note(part: Part, tpdu: Tpdu) -> str | None:
    if isinstance(part.value, Timestamp) and part.value.moment is None:
        return "no such date or time"
    if part.name == "SCA" and part.value is None:
        return "the modem uses its own setting"
    if isinstance(part.value, DataCoding):
        return f"{part.value.value:#04x}"
    if part.name == "TP-ST" and isinstance(tpdu, SmsStatusReport):
        return status_text(tpdu.status)
    return None


def status_text(status: int) -> str:
    """Return what a TP-Status says (3GPP 23.040, 9.2.3.15)."""
    if status < 0x20:
        return "transaction completed"
    if status < 0x40:
        return "temporary error, still trying"
    if status < 0x60:
        return "permanent error, no more attempts"
    if status < 0x80:
        return "temporary error, no more attempts"
    return "reserved"


def _flags(part: Part, content: bytes, tpdu: Tpdu) -> tuple[Field, ...]:
    """Return the bits of the first octet, named as each kind of TPDU names them."""
    first = content[0]
    flags: list[tuple[str, Scalar]] = [("TP-MTI", first & 3)]
    if isinstance(tpdu, SmsDeliver | SmsStatusReport):
        flags += [("TP-MMS", bool(first & 0x04)), ("TP-LP", bool(first & 0x08))]
        name = "TP-SRI" if isinstance(tpdu, SmsDeliver) else "TP-SRQ"
        flags.append((name, bool(first & 0x20)))
    elif isinstance(tpdu, SmsSubmit):
        form = ValidityFormat(first >> 3 & 3).name.lower()
        flags += [("TP-RD", bool(first & 0x04)), ("TP-VPF", form), ("TP-SRR", bool(first & 0x20))]
    elif first & 3 == MessageType.COMMAND:
        flags.append(("TP-SRR", bool(first & 0x20)))
    flags.append(("TP-UDHI", bool(first & 0x40)))
    if isinstance(tpdu, SmsDeliver | SmsSubmit):
        flags.append(("TP-RP", bool(first & 0x80)))
    return tuple(
        Field(name, part.start, content, value, note=_FLAG_NOTES.get((name, value)))
        for name, value in flags
    )


def _user_data_field(part: Part, data: UserData, octets: bytes) -> Field:
    content = octets[part.start : part.end]
    if not data.has_header:
        return Field(part.name, part.start, content, _payload_value(data))
    reader = OctetReader(octets[: part.end], LAYER)
    reader.take(part.start)
    children = _header_fields(reader, octets)
    payload = Field(
        "payload", reader.position, octets[reader.position : part.end], _payload_value(data)
    )
    return Field(part.name, part.start, content, None, (*children, payload))


def _payload_value(data: UserData) -> str:
    text = data.text
    return f"{len(data.payload)} octets" if text is None else text


def _header_fields(reader: OctetReader, octets: bytes) -> tuple[Field, ...]:
    """Read a header and return its length and elements; ``reader`` stands behind it then."""
    start = reader.position
    known = list(read_elements(reader))
    header = UserDataHeader(
        tuple(typed_element(identifier, content, offset) for offset, identifier, content in known)
    )
    length = Field("UDHL", start, octets[start : start + 1], octets[start])
    elements = (
        _element_field(offset, identifier, content, element, header)
        for (offset, identifier, content), element in zip(known, header.elements, strict=True)
    )
    return (length, *elements)


def _element_field(
    offset: int, identifier: int, content: bytes, element: Element, header: UserDataHeader
) -> Field:
    name = NAMES.get(identifier, f"information element {identifier:#04x}")
    octets = bytes([identifier, len(content)]) + content
    match element:
        case Concatenation(reference=reference, count=count, number=number):
            value = f"segment {number} of {count}, reference {reference}"
            note = None if element is header.concatenation else _why_ignored(element)
            return Field(name, offset, octets, value, note=note)
        case ApplicationPorts(destination=destination, source=source):
            value = f"to port {_port(destination)}, from port {_port(source)}"
            note = None if element is header.ports else _why_ignored(element)
            return Field(name, offset, octets, value, note=note)
    if identifier == WCMP:
        return _wcmp_field(name, offset, octets, content)
    return Field(name, offset, octets, content.hex())


def _why_ignored(element: Concatenation | ApplicationPorts) -> str:
    if isinstance(element, Concatenation) and not element.is_valid:
        return "ignored: there is no such segment"
    return "ignored: a later element counts"


def _port(number: int) -> str:
    try:
        return f"{number} ({Port(number).name.lower().replace('_', ' ')})"
    except ValueError:
        return str(number)


def _wcmp_field(name: str, offset: int, octets: bytes, content: bytes) -> Field:
    """Return the tree of a WCMP message, or say why it is none: the header is right without."""
    try:
        message, parts = wcmp.parts_of(content)
    except DecodeError as error:
        return Field(name, offset, octets, content.hex(), note=str(error))
    start = offset + 2
    children = tuple(
        Field(part.name, start + part.start, content[part.start : part.end], part_value(part))
        for part in parts
    )
    finding = wcmp.finding_of(message)
    return Field(name, offset, octets, finding.value if finding else None, children)
