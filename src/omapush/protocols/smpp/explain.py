"""A PDU field by field, for people."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import suppress

from omapush.core.errors import DecodeError
from omapush.core.explanation import Field, Scalar, telling_how_far
from omapush.core.octets import OctetReader
from omapush.protocols.smpp.codec import (
    HEADER_SIZE,
    LAYOUTS,
    PDU_CLASSES,
    decode_pdu,
    has_body,
    read_header,
)
from omapush.protocols.smpp.commands import name_of
from omapush.protocols.smpp.errors import LAYER
from omapush.protocols.smpp.fields import (
    DESTINATION_ADDRESS,
    DESTINATION_LIST,
    LIST_NAME,
    DestinationList,
    Kind,
    ShortMessage,
    UnsuccessfulList,
)
from omapush.protocols.smpp.status import describe
from omapush.protocols.smpp.tlvs import Tag, Tlv, read_tlv
from omapush.protocols.smpp.values import (
    MODE_BITS,
    REPLY_PATH,
    TYPE_BITS,
    UDHI,
    DataCoding,
    InterfaceVersion,
    MessageState,
    MessageType,
    MessagingMode,
    NumberingPlan,
    RegisteredDelivery,
    TypeOfNumber,
)

USER_DATA_HEADER = "begins with a user data header"
"""The note on a short_message or message_payload whose octets a reader of SMS may descend into."""

_NAMES: dict[str, type[enum.IntEnum]] = {
    "source_addr_ton": TypeOfNumber,
    "dest_addr_ton": TypeOfNumber,
    "esme_addr_ton": TypeOfNumber,
    "addr_ton": TypeOfNumber,
    "source_addr_npi": NumberingPlan,
    "dest_addr_npi": NumberingPlan,
    "esme_addr_npi": NumberingPlan,
    "addr_npi": NumberingPlan,
    "registered_delivery": RegisteredDelivery,
    "data_coding": DataCoding,
    "interface_version": InterfaceVersion,
    "sc_interface_version": InterfaceVersion,
    "message_state": MessageState,
}
_PRIVATE = "password"


def explain(octets: bytes) -> Field:
    """Return the tree of one PDU, named after its command.

    :raises PduError: as :func:`~omapush.protocols.smpp.codec.decode_pdu`.
    """
    with telling_how_far(lambda: _before_the_fault(octets)):
        pdu = decode_pdu(octets)
    reader = OctetReader(octets, LAYER)
    children = _header(reader)
    esm_class = getattr(pdu, "esm_class", 0)
    if has_body(read_header(octets)):
        for name, kind in LAYOUTS[type(pdu)]:
            children += _mandatory(reader, name, kind, esm_class)
    children += [_tlv(reader, tlv, esm_class) for tlv in pdu.tlvs]
    if reader.remaining:
        start = reader.position
        children.append(Field("(unread)", start, reader.rest(), note="a TLV that is cut off"))
    return Field(name_of(pdu.command_id), 0, octets, children=tuple(children))


def _before_the_fault(octets: bytes) -> Iterator[Field]:
    """Yield what can be explained of a PDU that cannot be decoded."""
    reader = OctetReader(octets, LAYER)
    with suppress(DecodeError):
        yield from _header(reader)
        pdu_class = PDU_CLASSES.get(read_header(octets).command_id)
        if pdu_class is None:
            return
        for name, kind in LAYOUTS[pdu_class]:
            yield from _mandatory(reader, name, kind, 0)
        while reader.remaining:
            ahead = OctetReader(octets, LAYER)
            ahead.take(reader.position)
            yield _tlv(reader, read_tlv(ahead), 0)


def _header(reader: OctetReader) -> list[Field]:
    length, command, status, number = (reader.uint32() for _ in range(HEADER_SIZE // 4))
    return [
        Field("command_length", 0, reader.between(0, 4), length),
        Field("command_id", 4, reader.between(4, 8), name_of(command)),
        Field("command_status", 8, reader.between(8, 12), describe(status)),
        Field("sequence_number", 12, reader.between(12, 16), number, note=_number_note(number)),
    ]


def _number_note(number: int) -> str | None:
    return None if 1 <= number <= 0x7FFF_FFFF else "outside 1 to 0x7fffffff"


def _mandatory(reader: OctetReader, name: str, kind: Kind, esm_class: int) -> list[Field]:
    match kind:
        case ShortMessage():
            length = _integer(reader, "sm_length")
            start = reader.position
            octets = reader.take(int(length.value or 0))
            note = USER_DATA_HEADER if esm_class & UDHI and octets else None
            return [length, Field(name, start, octets, note=note)]
        case DestinationList():
            count = _integer(reader, "number_of_dests")
            return [count, *(_destination(reader) for _ in range(int(count.value or 0)))]
        case UnsuccessfulList():
            if not reader.remaining:
                return []
            count = _integer(reader, "no_unsuccess")
            return [count, *(_unsuccessful(reader) for _ in range(int(count.value or 0)))]
        case _:
            return [_simple(reader, name, kind)]


def _simple(reader: OctetReader, name: str, kind: Kind) -> Field:
    start = reader.position
    value: Scalar = kind.read(reader)
    octets = reader.between(start, reader.position)
    if name == _PRIVATE:
        return Field(name, start, octets, note="a secret, not shown as text")
    return Field(name, start, octets, value, note=_remark(name, value))


def _integer(reader: OctetReader, name: str, size: int = 1) -> Field:
    start = reader.position
    octets = reader.take(size)
    value = int.from_bytes(octets, "big")
    return Field(name, start, octets, value, note=_remark(name, value))


def _destination(reader: OctetReader) -> Field:
    start = reader.position
    flag = _integer(reader, "dest_flag")
    if flag.value == DESTINATION_LIST:
        parts = [flag, _simple(reader, "dl_name", LIST_NAME)]
    else:
        parts = [flag, *_address(reader)]
    return _of("dest_address", start, reader, parts)


def _unsuccessful(reader: OctetReader) -> Field:
    start = reader.position
    parts = _address(reader)
    at = reader.position
    status = reader.uint32()
    octets = reader.between(at, reader.position)
    parts.append(Field("error_status_code", at, octets, describe(status)))
    return _of("unsuccess_sme", start, reader, parts)


def _address(reader: OctetReader) -> list[Field]:
    return [
        _integer(reader, "dest_addr_ton"),
        _integer(reader, "dest_addr_npi"),
        _simple(reader, "destination_addr", DESTINATION_ADDRESS),
    ]


def _of(name: str, start: int, reader: OctetReader, parts: list[Field]) -> Field:
    return Field(name, start, reader.between(start, reader.position), children=tuple(parts))


def _tlv(reader: OctetReader, tlv: Tlv, esm_class: int) -> Field:
    start = reader.position
    tag = _integer(reader, "parameter_tag", 2)
    length = _integer(reader, "length", 2)
    at = reader.position
    octets = reader.take(len(tlv.octets))
    read = tlv.value
    shown: Scalar = None if isinstance(read, bytes) else read
    note = _remark(tlv.name, shown)
    if not tlv.has_proper_length:
        note = f"{len(octets)} octets are not what the specification allows"
    elif tlv.tag == Tag.MESSAGE_PAYLOAD and esm_class & UDHI and octets:
        note = USER_DATA_HEADER
    value = Field("value", at, octets, shown, note=note)
    return _of(tlv.name, start, reader, [tag, length, value])


def _remark(name: str, value: Scalar) -> str | None:
    """Say in words what a number means, where the specification has words."""
    if not isinstance(value, int):
        return None
    if name == "esm_class":
        return _esm_class(value)
    names = _NAMES.get(name)
    try:
        return None if names is None else names(value).name.lower()
    except ValueError:
        return None


def _esm_class(value: int) -> str:
    words = [MessagingMode(value & MODE_BITS).name.lower() + " mode"]
    kind = value & TYPE_BITS
    if kind:
        known = kind in set(MessageType)
        words.append(MessageType(kind).name.lower() if known else f"reserved type 0x{kind:02x}")
    if value & UDHI:
        words.append("udhi")
    if value & REPLY_PATH:
        words.append("reply path")
    return ", ".join(words)
