"""Transport Information Items: the variable part of a WTP header (WAP-224, 8.4 and 9.4).

Each is a frozen value that :func:`write_tpis` writes and :func:`read_tpis` reads. What is not known
is kept as :class:`UnknownTpi`: a receiver ignores it and may say so with an :class:`ErrorTpi`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from omapush.core.errors import EncodeError, LimitError
from omapush.core.octets import OctetReader, OctetWriter
from omapush.protocols.wtp.codes import LAYER, TpiIdentity

MAX_TPIS = 16
"""TPIs read from one header before it counts as hostile."""

_CONTINUES = 0x80
_LONG = 0x04
_MAX_SHORT = 3
_MAX_LONG = 0xFF
_MAX_SEQUENCE_OCTETS = 3


@dataclass(frozen=True, slots=True)
class ErrorTpi:
    """The peer did not understand a TPI of ours.

    :ivar code: a :class:`~omapush.protocols.wtp.codes.TpiErrorCode`, 4 bits.
    :ivar bad_tpi: identity of the one not understood, 4 bits.
    :ivar content: the first octet of its content, said with code 2 only.
    """

    code: int
    bad_tpi: int
    content: int | None = None


@dataclass(frozen=True, slots=True)
class InfoTpi:
    """Free data of WTP's user: the exit information of a last acknowledgement."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class OptionTpi:
    """A parameter of the transaction.

    :ivar option: an :class:`~omapush.protocols.wtp.codes.OptionIdentity` or another octet.
    :ivar octets: its value as written.
    """

    option: int
    octets: bytes

    @property
    def value(self) -> int:
        """The value as an unsigned number; an empty one counts 0."""
        return int.from_bytes(self.octets, "big")


@dataclass(frozen=True, slots=True)
class PacketSequenceNumberTpi:
    """Names a packet of a segmented message, in one octet (extended segmentation: up to three)."""

    number: int
    size: int = 1


@dataclass(frozen=True, slots=True)
class SduBoundaryTpi:
    """Extended segmentation: a service data unit ends here."""


@dataclass(frozen=True, slots=True)
class FrameBoundaryTpi:
    """Extended segmentation: the message is made of frames."""


@dataclass(frozen=True, slots=True)
class UnknownTpi:
    """A TPI that no specification known here describes, or a known one with unknown content."""

    identity: int
    octets: bytes


Tpi: TypeAlias = (
    ErrorTpi
    | InfoTpi
    | OptionTpi
    | PacketSequenceNumberTpi
    | SduBoundaryTpi
    | FrameBoundaryTpi
    | UnknownTpi
)


@dataclass(frozen=True, slots=True)
class TpiFrame:
    """A TPI before its content is looked at, as :func:`read_frame` finds it."""

    identity: int
    continues: bool
    header_size: int
    octets: bytes


def read_frame(reader: OctetReader) -> TpiFrame:
    """Read the next TPI's header and content. :raises DecodeError: cut off."""
    first = reader.uint8()
    identity = (first >> 3) & 0x0F
    if first & _LONG:
        return TpiFrame(identity, bool(first & _CONTINUES), 2, reader.take(reader.uint8()))
    return TpiFrame(identity, bool(first & _CONTINUES), 1, reader.take(first & 0x03))


def read_tpis(reader: OctetReader) -> tuple[Tpi, ...]:
    """Read all TPIs of a header whose CON bit is set.

    :raises DecodeError: cut off. :raises LimitError: more than :data:`MAX_TPIS`.
    """
    found: list[Tpi] = []
    continues = True
    while continues:
        if len(found) == MAX_TPIS:
            raise LimitError(f"more than {MAX_TPIS} TPIs", reader.position, LAYER)
        frame = read_frame(reader)
        continues = frame.continues
        found.append(understand(frame))
    return tuple(found)


def understand(frame: TpiFrame) -> Tpi:
    """Return what the TPI says; what cannot be understood is an :class:`UnknownTpi`."""
    tpi: Tpi = UnknownTpi(frame.identity, frame.octets)
    octets = frame.octets
    match frame.identity:
        case TpiIdentity.ERROR if len(octets) in (1, 2):
            content = octets[1] if len(octets) > 1 else None
            tpi = ErrorTpi(octets[0] >> 4, octets[0] & 0x0F, content)
        case TpiIdentity.INFO:
            tpi = InfoTpi(octets)
        case TpiIdentity.OPTION if octets:
            tpi = OptionTpi(octets[0], octets[1:])
        case TpiIdentity.PACKET_SEQUENCE_NUMBER if 1 <= len(octets) <= _MAX_SEQUENCE_OCTETS:
            tpi = PacketSequenceNumberTpi(int.from_bytes(octets, "big"), len(octets))
        case TpiIdentity.SDU_BOUNDARY if not octets:
            tpi = SduBoundaryTpi()
        case TpiIdentity.FRAME_BOUNDARY if not octets:
            tpi = FrameBoundaryTpi()
    return tpi


def write_tpis(writer: OctetWriter, tpis: Sequence[Tpi]) -> None:
    """Write ``tpis`` in their shortest forms, each but the last one announcing the next.

    :raises EncodeError: a content does not fit its field.
    """
    if len(tpis) > MAX_TPIS:
        raise EncodeError(f"more than {MAX_TPIS} TPIs")
    for index, tpi in enumerate(tpis):
        identity, octets = _content(tpi)
        first = identity << 3 | (_CONTINUES if index + 1 < len(tpis) else 0)
        if len(octets) <= _MAX_SHORT:
            writer.uint8(first | len(octets))
        else:
            writer.uint8(first | _LONG).uint8(len(octets))
        writer.take(octets)


def _content(tpi: Tpi) -> tuple[int, bytes]:
    identity: int
    octets = b""
    if isinstance(tpi, ErrorTpi):
        identity, octets = TpiIdentity.ERROR, _error_content(tpi)
    elif isinstance(tpi, InfoTpi):
        identity, octets = TpiIdentity.INFO, tpi.octets
    elif isinstance(tpi, OptionTpi):
        identity = TpiIdentity.OPTION
        octets = OctetWriter().uint8(tpi.option).take(tpi.octets).getvalue()
    elif isinstance(tpi, PacketSequenceNumberTpi):
        identity, octets = TpiIdentity.PACKET_SEQUENCE_NUMBER, _sequence_content(tpi)
    elif isinstance(tpi, SduBoundaryTpi):
        identity = TpiIdentity.SDU_BOUNDARY
    elif isinstance(tpi, FrameBoundaryTpi):
        identity = TpiIdentity.FRAME_BOUNDARY
    else:
        identity, octets = tpi.identity, tpi.octets
    if not 0 <= identity <= 0x0F or len(octets) > _MAX_LONG:
        raise EncodeError(f"a TPI has an identity of 4 bits and at most {_MAX_LONG} octets")
    return identity, octets


def _error_content(tpi: ErrorTpi) -> bytes:
    if not (0 <= tpi.code <= 0x0F and 0 <= tpi.bad_tpi <= 0x0F):
        raise EncodeError("code and identity in an Error TPI have 4 bits each")
    writer = OctetWriter().uint8(tpi.code << 4 | tpi.bad_tpi)
    if tpi.content is not None:
        writer.uint8(tpi.content)
    return writer.getvalue()


def _sequence_content(tpi: PacketSequenceNumberTpi) -> bytes:
    if not 1 <= tpi.size <= _MAX_SEQUENCE_OCTETS or not 0 <= tpi.number < 1 << 8 * tpi.size:
        raise EncodeError(f"packet sequence number {tpi.number} does not fit {tpi.size} octets")
    return tpi.number.to_bytes(tpi.size, "big")


def find_sequence_number(tpis: Sequence[Tpi]) -> int | None:
    """Return the packet sequence number that a header carries, if it does."""
    for tpi in tpis:
        if isinstance(tpi, PacketSequenceNumberTpi):
            return tpi.number
    return None


def find_info(tpis: Sequence[Tpi]) -> bytes:
    """Return the exit information that a header carries, empty if none."""
    return next((tpi.octets for tpi in tpis if isinstance(tpi, InfoTpi)), b"")


def find_option(tpis: Sequence[Tpi], option: int) -> int | None:
    """Return the value of an option that a header carries, if it does."""
    for tpi in tpis:
        if isinstance(tpi, OptionTpi) and tpi.option == option:
            return tpi.value
    return None
