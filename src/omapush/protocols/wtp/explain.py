"""What each octet of a WTP datagram means, for people.

Built on the same reading functions as the decoder, which it calls first, so that it refuses what
the decoder refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from enum import IntEnum

from omapush.core.errors import DecodeError
from omapush.core.explanation import Field, Scalar, telling_how_far
from omapush.core.octets import OctetReader
from omapush.protocols.wtp.codes import (
    LAYER,
    RESPONDER_BIT,
    AbortReason,
    AbortType,
    OptionIdentity,
    PduType,
    TpiErrorCode,
    TpiIdentity,
)
from omapush.protocols.wtp.concatenation import is_concatenated, read_length, split
from omapush.protocols.wtp.pdu import Header, decode, read_header
from omapush.protocols.wtp.tpi import TpiFrame, UnknownTpi, read_frame, understand

DATA = "User Data"
"""Name of the field that holds what belongs to WTP's user."""

_NAMES = {
    PduType.INVOKE: "Invoke",
    PduType.RESULT: "Result",
    PduType.ACK: "Ack",
    PduType.ABORT: "Abort",
    PduType.SEGMENTED_INVOKE: "Segmented Invoke",
    PduType.SEGMENTED_RESULT: "Segmented Result",
    PduType.NEGATIVE_ACK: "Negative Ack",
}

_TPI_NAMES = {
    TpiIdentity.ERROR: "Error TPI",
    TpiIdentity.INFO: "Info TPI",
    TpiIdentity.OPTION: "Option TPI",
    TpiIdentity.PACKET_SEQUENCE_NUMBER: "Packet Sequence Number TPI",
    TpiIdentity.SDU_BOUNDARY: "SDU Boundary TPI",
    TpiIdentity.FRAME_BOUNDARY: "Frame Boundary TPI",
}

_OPTION_NAMES = {
    OptionIdentity.MAXIMUM_RECEIVE_UNIT: "Maximum Receive Unit",
    OptionIdentity.TOTAL_MESSAGE_SIZE: "Total Message Size",
    OptionIdentity.DELAY_TRANSMISSION_TIMER: "Delay Transmission Timer",
    OptionIdentity.MAXIMUM_GROUP: "Maximum Group",
    OptionIdentity.CURRENT_TID: "Current TID",
    OptionIdentity.NO_CACHED_TID: "No Cached TID",
    OptionIdentity.NUM_GROUPS: "NumGroups",
}

_CARRIES_DATA = frozenset(
    (PduType.INVOKE, PduType.RESULT, PduType.SEGMENTED_INVOKE, PduType.SEGMENTED_RESULT)
)


def explain(datagram: bytes) -> Field:
    """Return the tree of a datagram: one PDU, or a concatenation of several.

    User data is a field called :data:`DATA` without children, for another protocol to explain.

    :raises DecodeError: as the decoder does.
    """
    if not is_concatenated(datagram):
        split(datagram)
        return explain_pdu(datagram, 0)
    split(datagram)
    reader = OctetReader(datagram, LAYER)
    reader.uint8()
    children = [Field("Concatenation Indicator", 0, datagram[:1], 0)]
    with telling_how_far(lambda: children):
        while reader.remaining:
            start = reader.position
            length = read_length(reader)
            children.append(_since(reader, start, "PDU Length", length))
            offset = reader.position
            children.append(explain_pdu(reader.take(length), offset))
    return Field("WTP datagram", 0, datagram, None, tuple(children))


def explain_pdu(octets: bytes, offset: int) -> Field:
    """Return the tree of one PDU that stands at ``offset`` of its datagram.

    :raises DecodeError: as the decoder does; positions count in the datagram.
    """
    with telling_how_far(lambda: _before_the_fault(octets, offset)):
        try:
            decode(octets)
        except DecodeError as error:
            at = offset + (error.position if isinstance(error.position, int) else 0)
            raise type(error)(error.reason, at, error.layer) from error
    reader = OctetReader(octets, LAYER)
    header = read_header(reader)
    kind = PduType(header.pdu_type)
    children = list(_fixed_part(reader, header, kind))
    if header.has_tpis:
        children.extend(_tpis(reader))
    if kind in _CARRIES_DATA:
        children.append(_taken(reader, DATA, reader.remaining))
    elif reader.remaining:
        children.append(
            _taken(reader, "Trailing octets", reader.remaining, note="ignored by the decoder")
        )
    moved = tuple(_moved(child, offset) for child in children)
    return Field(f"WTP {_NAMES[kind]}", offset, octets, None, moved)


def _before_the_fault(octets: bytes, offset: int) -> Iterator[Field]:
    """Yield what can be explained of a PDU that cannot be decoded."""
    reader = OctetReader(octets, LAYER)
    with suppress(DecodeError, ValueError):
        header = read_header(reader)
        for field in _fixed_part(reader, header, PduType(header.pdu_type)):
            yield _moved(field, offset)


def _fixed_part(reader: OctetReader, header: Header, kind: PduType) -> Iterator[Field]:
    yield _first_octet(reader, header, kind)
    identity = header.transaction_id
    side = "from the responder" if identity & RESPONDER_BIT else "from the initiator"
    yield Field("TID", 1, reader.between(1, 3), identity & ~RESPONDER_BIT, note=side)
    start = reader.position
    match kind:
        case PduType.INVOKE:
            octet = reader.uint8()
            yield _since(reader, start, "Invoke parameters", _invoke_flags(octet))
        case PduType.ABORT:
            reason = reader.uint8()
            value = (
                _name(AbortReason, reason) if header.flags == AbortType.PROVIDER else hex(reason)
            )
            yield _since(reader, start, "Abort Reason", value)
        case PduType.SEGMENTED_INVOKE | PduType.SEGMENTED_RESULT:
            number = reader.uint8()
            yield _since(reader, start, "Packet Sequence Number", number)
        case PduType.NEGATIVE_ACK:
            count = reader.uint8()
            yield _since(reader, start, "Number of Missing Packets", count)
            missing = ", ".join(
                str(number) for number in reader.between(start + 1, start + 1 + count)
            )
            yield _taken(reader, "Missing Packets", count, missing or "the whole group")


def _first_octet(reader: OctetReader, header: Header, kind: PduType) -> Field:
    flags = [_NAMES[kind]]
    if header.has_tpis:
        flags.append("CON")
    if kind == PduType.ABORT:
        flags.append(_name(AbortType, header.flags))
    else:
        if kind in _CARRIES_DATA:
            flags += [name for bit, name in ((4, "GTR"), (2, "TTR")) if header.flags & bit]
        elif kind == PduType.ACK and header.flags & 4:
            flags.append("Tok" if not header.transaction_id & RESPONDER_BIT else "Tve")
        if header.flags & 1:
            flags.append("RID")
    return Field("PDU Type and flags", 0, reader.between(0, 1), " ".join(flags))


def _invoke_flags(octet: int) -> str:
    flags = [f"version {octet >> 6}", f"class {octet & 0x03}"]
    flags += [name for bit, name in ((0x20, "TIDnew"), (0x10, "U/P")) if octet & bit]
    return ", ".join(flags)


def _tpis(reader: OctetReader) -> list[Field]:
    fields = []
    continues = True
    while continues:
        start = reader.position
        frame = read_frame(reader)
        continues = frame.continues
        name = "TPI"
        note = None
        if isinstance(understand(frame), UnknownTpi):
            note = "not understood: ignored, and reported with an Error TPI"
        if frame.identity in _TPI_NAMES:
            name = _TPI_NAMES[TpiIdentity(frame.identity)]
        at = start + frame.header_size
        fields.append(
            Field(
                name,
                start,
                reader.between(start, reader.position),
                None,
                (
                    Field("TPI header", start, reader.between(start, at), frame.identity),
                    *_tpi_content(frame, at),
                ),
                note,
            )
        )
    return fields


def _tpi_content(frame: TpiFrame, at: int) -> list[Field]:
    octets = frame.octets
    if not octets:
        return []
    match frame.identity:
        case TpiIdentity.ERROR:
            code = _name(TpiErrorCode, octets[0] >> 4)
            return [Field("Error", at, octets, f"{code} of TPI {octets[0] & 0x0F}")]
        case TpiIdentity.OPTION:
            known = octets[0] in set(OptionIdentity)
            name = _OPTION_NAMES[OptionIdentity(octets[0])] if known else f"Option {octets[0]}"
            value = int.from_bytes(octets[1:], "big")
            return [
                Field("Option", at, octets[:1], octets[0]),
                Field(name, at + 1, octets[1:], value),
            ]
        case TpiIdentity.PACKET_SEQUENCE_NUMBER:
            return [Field("Packet Sequence Number", at, octets, int.from_bytes(octets, "big"))]
    return [Field("Data", at, octets, octets.hex())]


def _name(register: type[IntEnum], number: int) -> str:
    return register(number).name if number in set(register) else hex(number)


def _since(reader: OctetReader, start: int, name: str, value: Scalar) -> Field:
    return Field(name, start, reader.between(start, reader.position), value)


def _taken(
    reader: OctetReader, name: str, count: int, value: Scalar = None, note: str | None = None
) -> Field:
    start = reader.position
    return Field(name, start, reader.take(count), value, note=note)


def _moved(field: Field, offset: int) -> Field:
    children = tuple(_moved(child, offset) for child in field.children)
    return Field(field.name, field.offset + offset, field.octets, field.value, children, field.note)
