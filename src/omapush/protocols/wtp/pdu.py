"""The seven PDUs of WTP, read and written octet for octet (WAP-224, 8).

:func:`decode` reads one PDU, :func:`encode` writes one; how several share a datagram is the matter
of ``concatenation``. ``transaction_id`` is the identifier as on the wire, direction bit included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from omapush.core.errors import DecodeError, EncodeError
from omapush.core.octets import OctetReader, OctetWriter
from omapush.protocols.wtp.codes import LAYER, VERSION, PduType
from omapush.protocols.wtp.tpi import Tpi, read_tpis, write_tpis

_CON = 0x80
_GTR = 0x04
_TTR = 0x02
_RID = 0x01
_VERIFY = 0x04
_TID_NEW = 0x20
_USER_ACK = 0x10
_CLASS = 0x03


class VersionError(DecodeError):
    """An Invoke of a version of WTP that is not ours: answered with abort WTPVERSIONONE."""


@dataclass(frozen=True, slots=True)
class Invoke:
    """Begins a transaction; for a segmented message its packet 0.

    :ivar group_trailer: GTR; with ``transmission_trailer`` both set, segmentation is not in use.
    :ivar transmission_trailer: TTR, last packet of the message.
    :ivar retransmitted: RID, 0 on the first transmission and 1 on all others.
    :ivar tid_new: the initiator's identifiers have wrapped or begun anew.
    :ivar user_acknowledgement: U/P: acknowledge only when the user has answered.
    """

    transaction_id: int
    transaction_class: int
    data: bytes = b""
    group_trailer: bool = True
    transmission_trailer: bool = True
    retransmitted: bool = False
    tid_new: bool = False
    user_acknowledgement: bool = False
    version: int = VERSION
    tpis: tuple[Tpi, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """Answers a class 2 Invoke; for a segmented message its packet 0."""

    transaction_id: int
    data: bytes = b""
    group_trailer: bool = True
    transmission_trailer: bool = True
    retransmitted: bool = False
    tpis: tuple[Tpi, ...] = ()


@dataclass(frozen=True, slots=True)
class Ack:
    """Acknowledges; with ``verification`` it asks (Tve) or affirms (Tok) that a transaction is."""

    transaction_id: int
    verification: bool = False
    retransmitted: bool = False
    tpis: tuple[Tpi, ...] = ()


@dataclass(frozen=True, slots=True)
class Abort:
    """Ends a transaction. ``abort_type`` has 3 bits and says whose ``reason`` it is."""

    transaction_id: int
    abort_type: int
    reason: int
    tpis: tuple[Tpi, ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentedInvoke:
    """Packet ``sequence_number`` (1 to 255) of a segmented Invoke."""

    transaction_id: int
    sequence_number: int
    data: bytes = b""
    group_trailer: bool = False
    transmission_trailer: bool = False
    retransmitted: bool = False
    tpis: tuple[Tpi, ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentedResult:
    """Packet ``sequence_number`` (1 to 255) of a segmented Result."""

    transaction_id: int
    sequence_number: int
    data: bytes = b""
    group_trailer: bool = False
    transmission_trailer: bool = False
    retransmitted: bool = False
    tpis: tuple[Tpi, ...] = ()


@dataclass(frozen=True, slots=True)
class NegativeAck:
    """Asks for the packets ``missing``; none named means the whole group."""

    transaction_id: int
    missing: tuple[int, ...] = ()
    retransmitted: bool = False
    tpis: tuple[Tpi, ...] = ()


Packet: TypeAlias = Invoke | Result | SegmentedInvoke | SegmentedResult
"""The PDUs that carry a user's message or a part of it."""

Pdu: TypeAlias = Packet | Ack | Abort | NegativeAck


@dataclass(frozen=True, slots=True)
class Header:
    """What the first three octets of every PDU say.

    :ivar flags: bits 2 to 0 of the first octet, whose sense depends on the type.
    """

    has_tpis: bool
    pdu_type: int
    flags: int
    transaction_id: int


def read_header(reader: OctetReader) -> Header:
    """Read the first three octets. :raises DecodeError: fewer."""
    first = reader.uint8()
    return Header(bool(first & _CON), (first >> 3) & 0x0F, first & 0x07, reader.uint16())


def peek_header(octets: bytes) -> Header | None:
    """Return the header of what may be no PDU at all, ``None`` when it is too short for one."""
    return read_header(OctetReader(octets, LAYER)) if len(octets) >= 3 else None


def decode(octets: bytes) -> Pdu:
    """Read one PDU.

    :raises VersionError: an Invoke of another version. :raises DecodeError: malformed.
    """
    reader = OctetReader(octets, LAYER)
    header = read_header(reader)
    match header.pdu_type:
        case PduType.INVOKE:
            return _read_invoke(reader, header)
        case PduType.RESULT:
            tpis = _tpis(reader, header)
            gtr, ttr, rid = _trailers(header)
            return Result(header.transaction_id, reader.rest(), gtr, ttr, rid, tpis)
        case PduType.ACK:
            return Ack(
                header.transaction_id,
                bool(header.flags & _VERIFY),
                bool(header.flags & _RID),
                _tpis(reader, header),
            )
        case PduType.ABORT:
            reason = reader.uint8()
            return Abort(header.transaction_id, header.flags, reason, _tpis(reader, header))
        case PduType.SEGMENTED_INVOKE | PduType.SEGMENTED_RESULT:
            return _read_segment(reader, header)
        case PduType.NEGATIVE_ACK:
            missing = tuple(reader.take(reader.uint8()))
            rid = bool(header.flags & _RID)
            return NegativeAck(header.transaction_id, missing, rid, _tpis(reader, header))
    raise DecodeError(f"no such PDU type: {header.pdu_type}", 0, LAYER)


def _read_invoke(reader: OctetReader, header: Header) -> Invoke:
    position = reader.position
    octet = reader.uint8()
    if octet >> 6 != VERSION:
        # How another version goes on nobody knows.
        raise VersionError(f"version {octet >> 6} of WTP", position, LAYER)
    if octet & _CLASS > 2:
        raise DecodeError("no such transaction class: 3", position, LAYER)
    tpis = _tpis(reader, header)
    gtr, ttr, rid = _trailers(header)
    return Invoke(
        header.transaction_id,
        octet & _CLASS,
        reader.rest(),
        gtr,
        ttr,
        rid,
        bool(octet & _TID_NEW),
        bool(octet & _USER_ACK),
        VERSION,
        tpis,
    )


def _read_segment(reader: OctetReader, header: Header) -> SegmentedInvoke | SegmentedResult:
    number = reader.uint8()
    tpis = _tpis(reader, header)
    gtr, ttr, rid = _trailers(header)
    is_invoke = header.pdu_type == PduType.SEGMENTED_INVOKE
    kind = SegmentedInvoke if is_invoke else SegmentedResult
    return kind(header.transaction_id, number, reader.rest(), gtr, ttr, rid, tpis)


def _trailers(header: Header) -> tuple[bool, bool, bool]:
    flags = header.flags
    return bool(flags & _GTR), bool(flags & _TTR), bool(flags & _RID)


def _tpis(reader: OctetReader, header: Header) -> tuple[Tpi, ...]:
    return read_tpis(reader) if header.has_tpis else ()


def encode(pdu: Pdu) -> bytes:
    """Write one PDU. :raises EncodeError: a value does not fit its field."""
    match pdu:
        case Invoke():
            _check(pdu.transaction_class, 2, "transaction class")
            _check(pdu.version, 3, "version")
            octet = (
                pdu.version << 6
                | _TID_NEW * pdu.tid_new
                | _USER_ACK * pdu.user_acknowledgement
                | pdu.transaction_class
            )
            return _write(pdu, PduType.INVOKE, _trailer_flags(pdu), bytes((octet,)), pdu.data)
        case Result():
            return _write(pdu, PduType.RESULT, _trailer_flags(pdu), b"", pdu.data)
        case Ack():
            flags = _VERIFY * pdu.verification | _RID * pdu.retransmitted
            return _write(pdu, PduType.ACK, flags, b"", b"")
        case Abort():
            _check(pdu.abort_type, 0x07, "abort type")
            _check(pdu.reason, 0xFF, "abort reason")
            return _write(pdu, PduType.ABORT, pdu.abort_type, bytes((pdu.reason,)), b"")
        case SegmentedInvoke() | SegmentedResult():
            _check(pdu.sequence_number, 0xFF, "packet sequence number")
            is_invoke = isinstance(pdu, SegmentedInvoke)
            kind = PduType.SEGMENTED_INVOKE if is_invoke else PduType.SEGMENTED_RESULT
            return _write(pdu, kind, _trailer_flags(pdu), bytes((pdu.sequence_number,)), pdu.data)
        case NegativeAck():
            _check(len(pdu.missing), 0xFF, "number of missing packets")
            for number in pdu.missing:
                _check(number, 0xFF, "packet sequence number")
            listed = bytes((len(pdu.missing), *pdu.missing))
            return _write(pdu, PduType.NEGATIVE_ACK, _RID * pdu.retransmitted, listed, b"")


def _write(pdu: Pdu, pdu_type: PduType, flags: int, fixed: bytes, data: bytes) -> bytes:
    writer = OctetWriter()
    writer.uint8(_CON * bool(pdu.tpis) | pdu_type << 3 | flags)
    writer.uint16(pdu.transaction_id).take(fixed)
    write_tpis(writer, pdu.tpis)
    return writer.take(data).getvalue()


def _trailer_flags(pdu: Packet) -> int:
    return _GTR * pdu.group_trailer | _TTR * pdu.transmission_trailer | _RID * pdu.retransmitted


def _check(value: int, most: int, what: str) -> None:
    if not 0 <= value <= most:
        raise EncodeError(f"{what} {value} is not between 0 and {most}")
