"""The datagram layer: ports, bearers, addresses of servers, and datagrams over SMS (WAP-259).

Over IP a WDP datagram is a UDP datagram and needs nothing from here but the ports. Over SMS the
ports stand in the user data header: :func:`to_short_messages` writes one datagram,
:class:`~omapush.protocols.sms.reassembly.Reassembler` reads what arrives over time, and
:func:`of_short_messages` reads what is all there.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from omapush.core.errors import DecodeError, EncodeError
from omapush.core.instants import Instant
from omapush.core.octets import OctetReader, OctetWriter
from omapush.protocols.sms.address import Address, read_number
from omapush.protocols.sms.reassembly import Datagram, Reassembler, ReassemblyLimits
from omapush.protocols.sms.segmentation import MAXIMUM, segment

LAYER = "wdp"


class Port(enum.IntEnum):
    """Registered ports (WDP, appendix B)."""

    WTA_SECURE_CONNECTIONLESS = 2805
    WTA_SECURE_SESSION = 2923
    PUSH = 2948
    PUSH_SECURE = 2949
    CONNECTIONLESS = 9200
    SESSION = 9201
    SECURE_CONNECTIONLESS = 9202
    SECURE_SESSION = 9203
    VCARD = 9204
    VCALENDAR = 9205
    VCARD_SECURE = 9206
    VCALENDAR_SECURE = 9207

    @property
    def secure(self) -> bool:
        """Whether WTLS lies between the datagrams and what is above."""
        return self in _SECURE


_SECURE = frozenset(
    {
        Port.WTA_SECURE_CONNECTIONLESS,
        Port.WTA_SECURE_SESSION,
        Port.PUSH_SECURE,
        Port.SECURE_CONNECTIONLESS,
        Port.SECURE_SESSION,
        Port.VCARD_SECURE,
        Port.VCALENDAR_SECURE,
    }
)


class AddressFormat(enum.Enum):
    """How the address of a bearer is written in octets."""

    IPV4 = "IPv4"
    IPV6 = "IPv6"
    MSISDN = "MSISDN"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Bearer:
    """A network and one of its bearers (WDP, appendix C)."""

    code: int
    network: str
    name: str
    address_format: AddressFormat

    def __str__(self) -> str:
        """Network and bearer, for people."""
        return f"{self.network} {self.name}"


_IPV4, _IPV6 = AddressFormat.IPV4, AddressFormat.IPV6
_MSISDN, _OTHER = AddressFormat.MSISDN, AddressFormat.OTHER

BEARERS: dict[int, Bearer] = {
    code: Bearer(code, network, name, address_format)
    for code, network, name, address_format in (
        (0x00, "any", "any, IPv4", _IPV4),
        (0x01, "any", "any, IPv6", _IPV6),
        (0x02, "GSM", "USSD, any address", _OTHER),
        (0x03, "GSM", "SMS", _MSISDN),
        (0x04, "ANSI-136", "GUTS/R-Data", _OTHER),
        (0x05, "IS-95 CDMA", "SMS", _OTHER),
        (0x06, "IS-95 CDMA", "CSD", _IPV4),
        (0x07, "IS-95 CDMA", "packet", _IPV4),
        (0x08, "ANSI-136", "CSD", _IPV4),
        (0x09, "ANSI-136", "packet", _IPV4),
        (0x0A, "GSM", "CSD", _IPV4),
        (0x0B, "GSM", "GPRS", _IPV4),
        (0x0C, "GSM", "USSD", _IPV4),
        (0x0D, "AMPS", "CDPD", _IPV4),
        (0x0E, "PDC", "CSD", _IPV4),
        (0x0F, "PDC", "packet", _IPV4),
        (0x10, "iDEN", "SMS", _OTHER),
        (0x11, "iDEN", "CSD", _IPV4),
        (0x12, "iDEN", "packet", _IPV4),
        (0x13, "paging network", "FLEX", _OTHER),
        (0x14, "PHS", "SMS", _OTHER),
        (0x15, "PHS", "CSD", _IPV4),
        (0x16, "GSM", "USSD, service code", _OTHER),
        (0x17, "TETRA", "SDS, ITSI", _OTHER),
        (0x18, "TETRA", "SDS, MSISDN", _OTHER),
        (0x19, "TETRA", "packet", _IPV4),
        (0x1A, "paging network", "ReFLEX", _OTHER),
        (0x1B, "GSM", "USSD, MSISDN", _MSISDN),
        (0x1C, "Mobitex", "MPAK", _OTHER),
        (0x1D, "ANSI-136", "GHOST/R-Data", _MSISDN),
    )
}
"""Bearers by code; 0x1E to 0xFF are reserved."""

ANY_IPV4 = 0x00
ANY_IPV6 = 0x01
GSM_SMS = 0x03
GSM_GPRS = 0x0B

_HAS_BEARER = 0x80
_HAS_PORT = 0x40
_LENGTH = 0x3F


@dataclass(frozen=True, slots=True)
class AddressType:
    """Where a server is reached: the AddressType record of WSP and of SIR (WSP 8.2.2.3).

    :ivar address: as the bearer writes it: 4 octets of IPv4, 16 of IPv6, type-of-address and
        semi-octets of an MSISDN; at most 63.
    :ivar bearer: a code of :data:`BEARERS` or a reserved one; ``None``: not said.
    :ivar port: ``None``: the default of the service.
    """

    address: bytes
    bearer: int | None = None
    port: int | None = None

    @classmethod
    def of_ip(cls, address: str, port: int | None = None, bearer: int | None = None) -> AddressType:
        """Return the record of an IP address.

        :raises EncodeError: ``address`` is none.
        """
        try:
            return cls(ipaddress.ip_address(address).packed, bearer, port)
        except ValueError as error:
            raise EncodeError(f"{address[:40]!r} is no IP address", layer=LAYER) from error

    @classmethod
    def of_msisdn(cls, number: str, port: int | None = None) -> AddressType:
        """Return the record of a telephone number reached by GSM SMS.

        :raises EncodeError: ``number`` is none.
        """
        return cls(Address.parse(number).number(), GSM_SMS, port)

    @property
    def address_format(self) -> AddressFormat:
        """How the address is written; without a bearer its length tells IP addresses."""
        if self.bearer is not None:
            known = BEARERS.get(self.bearer)
            return AddressFormat.OTHER if known is None else known.address_format
        return {4: AddressFormat.IPV4, 16: AddressFormat.IPV6}.get(
            len(self.address), AddressFormat.OTHER
        )

    @property
    def text(self) -> str:
        """The address as people write it; in hexadecimal if its form is not known or wrong."""
        written = address_text(self.address, self.address_format)
        return self.address.hex() if written is None else written

    def encode(self) -> bytes:
        """Return the record. :raises EncodeError: over 63 octets of address, or no such port."""
        if len(self.address) > _LENGTH:
            raise EncodeError(f"an address of {len(self.address)} octets", layer=LAYER)
        flags = len(self.address)
        flags |= 0 if self.bearer is None else _HAS_BEARER
        flags |= 0 if self.port is None else _HAS_PORT
        writer = OctetWriter().uint8(flags)
        if self.bearer is not None:
            writer.uint8(self.bearer)
        if self.port is not None:
            writer.uint16(self.port)
        return writer.take(self.address).getvalue()


def read_address_type(reader: OctetReader) -> AddressType:
    """Read one AddressType record. :raises DecodeError: it is cut off."""
    flags = reader.uint8()
    bearer = reader.uint8() if flags & _HAS_BEARER else None
    port = reader.uint16() if flags & _HAS_PORT else None
    return AddressType(reader.take(flags & _LENGTH), bearer, port)


def address_text(address: bytes, address_format: AddressFormat) -> str | None:
    """Return ``address`` as people write it; ``None``: its octets are not of that format.

    An MSISDN is read with type-of-address in front or, since WDP does not say that there is one,
    as bare semi-octets.
    """
    if address_format in (AddressFormat.IPV4, AddressFormat.IPV6):
        length = 4 if address_format is AddressFormat.IPV4 else 16
        return str(ipaddress.ip_address(address)) if len(address) == length else None
    if address_format is AddressFormat.OTHER or not address:
        return None
    # Type-of-address has its top bit set; so has only a first digit pair that ends in 8 or 9,
    # which a number that starts with its country code seldom has.
    has_type = bool(address[0] & 0x80)
    try:
        number = read_number(OctetReader(address if has_type else b"\x81" + address, LAYER))
    except DecodeError:
        return None
    return str(number)


def to_short_messages(
    payload: bytes,
    destination_port: int,
    source_port: int,
    reference: int,
    reference_bits: int = 16,
    maximum: int = MAXIMUM,
) -> tuple[bytes, ...]:
    """Return the user data of the short messages that carry a datagram (WDP 6.2).

    :raises EncodeError: as :func:`~omapush.protocols.sms.segmentation.segment` does.
    """
    return segment(payload, destination_port, source_port, reference, reference_bits, maximum)


def of_short_messages(user_data: Iterable[bytes], source_address: str = "") -> Datagram:
    """Return the datagram that ``user_data`` of short messages make, in whatever order.

    :raises DecodeError: one is malformed, or together they make none or more than one.
    """
    whole = Reassembler(ReassemblyLimits(duplicates_ms=1))
    found = [whole.receive(source_address, one, Instant(0)) for one in user_data]
    datagrams = [datagram for datagram in found if datagram is not None]
    if len(datagrams) != 1 or whole.open_datagrams:
        raise DecodeError(
            f"{len(found)} short messages make {len(datagrams)} datagrams and leave "
            f"{whole.open_datagrams} incomplete",
            layer=LAYER,
        )
    return datagrams[0]
