"""AddressType: where to reach a server, in Redirect, in Aliases and in lists of contact points.

WSP 8.2.2.3 (table 15).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from omapush.core.errors import EncodeError
from omapush.core.octets import OctetReader, OctetWriter
from omapush.protocols.wsp.values import LAYER

_BEARER_PRESENT = 0x80
_PORT_PRESENT = 0x40
_LENGTH = 0x3F


@dataclass(frozen=True, slots=True)
class Address:
    """One address.

    :ivar address: as the bearer writes it: four octets of IPv4, sixteen of IPv6, semi-octets.
    :ivar bearer: WDP bearer type, or ``None`` for the one in use.
    :ivar port: or ``None`` for the service's usual one.
    """

    address: bytes
    bearer: int | None = None
    port: int | None = None

    def encoded(self) -> bytes:
        """Return the record's octets. :raises EncodeError: over 63 octets, or a bad number."""
        if len(self.address) > _LENGTH:
            raise EncodeError("an address has at most 63 octets", layer=LAYER)
        writer = OctetWriter()
        flags = 0 if self.bearer is None else _BEARER_PRESENT
        flags |= 0 if self.port is None else _PORT_PRESENT
        writer.uint8(flags | len(self.address))
        if self.bearer is not None:
            writer.uint8(self.bearer)
        if self.port is not None:
            writer.uint16(self.port)
        return writer.take(self.address).getvalue()


def read_address(reader: OctetReader) -> Address:
    """Read one record. :raises DecodeError: cut off."""
    flags = reader.uint8()
    bearer = reader.uint8() if flags & _BEARER_PRESENT else None
    port = reader.uint16() if flags & _PORT_PRESENT else None
    return Address(reader.take(flags & _LENGTH), bearer, port)


def read_addresses(reader: OctetReader) -> tuple[Address, ...]:
    """Read records to the end of ``reader``. :raises DecodeError: the last is cut off."""
    addresses = []
    while reader.remaining:
        addresses.append(read_address(reader))
    return tuple(addresses)


def encode_addresses(addresses: Iterable[Address]) -> bytes:
    """Return the octets of ``addresses`` in order. :raises EncodeError: as :class:`Address`."""
    return b"".join(address.encoded() for address in addresses)
