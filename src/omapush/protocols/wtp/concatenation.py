"""Several PDUs in one datagram (WAP-224, 8.5): a zero octet, then each PDU behind its length.

Sending so is our choice; a receiver must always be able to take it apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.core.octets import OctetReader, OctetWriter
from omapush.protocols.wtp.codes import LAYER

MAX_PDUS = 32
"""PDUs taken from one datagram: far more than sense, few enough that answers stay bounded."""

_LONG = 0x80
_MAX_SHORT = 0x7F
_MAX_LONG = 0x7FFF


@dataclass(frozen=True, slots=True)
class Part:
    """A PDU still encoded, and where in the datagram it stood."""

    offset: int
    octets: bytes


def is_concatenated(datagram: bytes) -> bool:
    """Tell whether several PDUs may follow: no PDU begins with a zero octet."""
    return datagram[:1] == b"\0"


def split(datagram: bytes) -> list[Part]:
    """Take a datagram apart; one that is not concatenated is its own only part.

    :raises DecodeError: empty, a length says more than there is, or is zero.
    :raises LimitError: more than :data:`MAX_PDUS`.
    """
    if not datagram:
        raise DecodeError("an empty datagram", 0, LAYER)
    if not is_concatenated(datagram):
        return [Part(0, datagram)]
    reader = OctetReader(datagram, LAYER)
    reader.uint8()
    parts: list[Part] = []
    while reader.remaining:
        if len(parts) == MAX_PDUS:
            raise LimitError(f"more than {MAX_PDUS} PDUs", reader.position, LAYER)
        length = read_length(reader)
        parts.append(Part(reader.position, reader.take(length)))
    if not parts:
        raise DecodeError("a concatenation of nothing", 0, LAYER)
    return parts


def read_length(reader: OctetReader) -> int:
    """Read the length before a PDU. :raises DecodeError: cut off or zero."""
    position = reader.position
    length = reader.uint8()
    if length & _LONG:
        length = (length & ~_LONG) << 8 | reader.uint8()
    if not length:
        raise DecodeError("a PDU of no octets", position, LAYER)
    return length


def join(pdus: Sequence[bytes]) -> bytes:
    """Put encoded PDUs into one datagram; a single one stays as it is.

    :raises EncodeError: none, more than :data:`MAX_PDUS`, or one over 32,767 octets.
    """
    if not 1 <= len(pdus) <= MAX_PDUS:
        raise EncodeError(f"{len(pdus)} PDUs are not between 1 and {MAX_PDUS}")
    if len(pdus) == 1:
        return pdus[0]
    writer = OctetWriter().uint8(0)
    for pdu in pdus:
        writer.take(_length(len(pdu))).take(pdu)
    return writer.getvalue()


def joined_size(sizes: Sequence[int]) -> int:
    """Return how long a datagram of PDUs of these ``sizes`` is."""
    return 1 + sum(size + (1 if size <= _MAX_SHORT else 2) for size in sizes)


def _length(size: int) -> bytes:
    if not 0 < size <= _MAX_LONG:
        raise EncodeError(f"a PDU of {size} octets cannot be concatenated")
    return bytes((size,)) if size <= _MAX_SHORT else (_LONG << 8 | size).to_bytes(2, "big")
