"""The user data header: information elements in front of user data (3GPP 23.040, 9.2.3.24).

::

    UDHL | IEI IEL data | IEI IEL data | ... | payload

UDHL counts the octets after itself. Elements may stand in any order; unknown ones are kept as they
came. Of repeated or mutually exclusive elements (8 and 16 bit ports, 8 and 16 bit references) the
last one counts, and an element whose content is reserved does not count at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from omapush.core.errors import DecodeError, EncodeError
from omapush.core.octets import OctetReader, OctetWriter

LAYER = "sms"

CONCATENATION_8 = 0x00
PORTS_8 = 0x04
PORTS_16 = 0x05
CONCATENATION_16 = 0x08
WCMP = 0x09

NAMES = {
    CONCATENATION_8: "Concatenated short messages, 8-bit reference number",
    0x01: "Special SMS Message Indication",
    PORTS_8: "Application port addressing scheme, 8 bit address",
    PORTS_16: "Application port addressing scheme, 16 bit address",
    0x06: "SMSC Control Parameters",
    0x07: "UDH Source Indicator",
    CONCATENATION_16: "Concatenated short message, 16-bit reference number",
    WCMP: "Wireless Control Message Protocol",
    0x20: "RFC 822 E-Mail Header",
    0x24: "National Language Single Shift",
    0x25: "National Language Locking Shift",
}
"""What 3GPP 23.040, 9.2.3.24 calls the elements that one meets."""

_LENGTHS = {CONCATENATION_8: 3, PORTS_8: 2, PORTS_16: 4, CONCATENATION_16: 4}


@dataclass(frozen=True, slots=True)
class Concatenation:
    """The user data is segment ``number`` of ``count`` (3GPP 23.040, 9.2.3.24.1 and .8).

    :ivar bits: width of the reference, 8 or 16.
    """

    reference: int
    count: int
    number: int
    bits: int = 16

    @property
    def is_valid(self) -> bool:
        """Whether a receiver heeds it: numbers count from 1 to ``count`` (WDP, 6.2)."""
        return 1 <= self.number <= self.count

    @property
    def identifier(self) -> int:
        """The information element identifier."""
        return CONCATENATION_8 if self.bits == 8 else CONCATENATION_16

    def data(self) -> bytes:
        """Return the content. :raises EncodeError: a number does not fit."""
        writer = OctetWriter()
        reference = writer.uint8 if self.bits == 8 else writer.uint16
        return reference(self.reference).uint8(self.count).uint8(self.number).getvalue()


@dataclass(frozen=True, slots=True)
class ApplicationPorts:
    """Ports of the application addressed and of the one that sent (3GPP 23.040, 9.2.3.24.3/.4).

    :ivar bits: width of the port numbers, 8 or 16.
    """

    destination: int
    source: int
    bits: int = 16

    @property
    def identifier(self) -> int:
        """The information element identifier."""
        return PORTS_8 if self.bits == 8 else PORTS_16

    def data(self) -> bytes:
        """Return the content. :raises EncodeError: a port does not fit."""
        writer = OctetWriter()
        port = writer.uint8 if self.bits == 8 else writer.uint16
        port(self.destination)
        return port(self.source).getvalue()


@dataclass(frozen=True, slots=True)
class InformationElement:
    """Any other element, as it came; WCMP messages are among them (identifier 0x09)."""

    identifier: int
    content: bytes

    def data(self) -> bytes:
        """Return the content."""
        return self.content


Element = Concatenation | ApplicationPorts | InformationElement


@dataclass(frozen=True, slots=True)
class UserDataHeader:
    """All information elements of one short message, in their order."""

    elements: tuple[Element, ...] = ()

    @property
    def concatenation(self) -> Concatenation | None:
        """The concatenation in force: the last one of either width whose numbers are possible."""
        for element in reversed(self.elements):
            if isinstance(element, Concatenation) and element.is_valid:
                return element
        return None

    @property
    def ports(self) -> ApplicationPorts | None:
        """The ports in force: the last ones of either width."""
        for element in reversed(self.elements):
            if isinstance(element, ApplicationPorts):
                return element
        return None

    @property
    def wcmp(self) -> bytes | None:
        """The WCMP message carried, undecoded."""
        for element in reversed(self.elements):
            if element.identifier == WCMP:
                return element.data()
        return None

    def encode(self) -> bytes:
        """Return the header with its length octet. :raises EncodeError: it gets too long."""
        writer = OctetWriter()
        for element in self.elements:
            data = element.data()
            writer.uint8(element.identifier).uint8(len(data)).take(data)
        if len(writer) > 0xFF:
            raise EncodeError(f"a user data header of {len(writer)} octets", layer=LAYER)
        return OctetWriter().uint8(len(writer)).take(writer.getvalue()).getvalue()


def read_elements(reader: OctetReader) -> Iterator[tuple[int, int, bytes]]:
    """Read UDHL and yield each element's offset, identifier and content.

    :raises DecodeError: a length goes past the end, or leaves a single octet over. A receiver
        ignores such a header as a whole (3GPP 23.040, 9.2.3.24), so nothing is known of it.
    """
    header = reader.view(reader.uint8())
    while header.remaining:
        offset = header.position
        identifier = header.uint8()
        yield offset, identifier, header.take(header.uint8())


def typed_element(identifier: int, content: bytes, offset: int = 0) -> Element:
    """Return what the element says.

    :raises DecodeError: its length is not the one that its identifier has.
    """
    length = _LENGTHS.get(identifier)
    if length is None:
        return InformationElement(identifier, content)
    if len(content) != length:
        raise DecodeError(
            f"information element {identifier:#04x} has {len(content)} octets instead of {length}",
            offset,
            LAYER,
        )
    if identifier in (PORTS_8, PORTS_16):
        half = length // 2
        return ApplicationPorts(
            int.from_bytes(content[:half], "big"), int.from_bytes(content[half:], "big"), half * 8
        )
    reference = int.from_bytes(content[:-2], "big")
    return Concatenation(reference, content[-2], content[-1], (length - 2) * 8)


def read_header(reader: OctetReader) -> UserDataHeader:
    """Read a user data header. :raises DecodeError: a length is wrong."""
    return UserDataHeader(
        tuple(
            typed_element(identifier, content, offset)
            for offset, identifier, content in read_elements(reader)
        )
    )


def split(user_data: bytes) -> tuple[UserDataHeader, bytes]:
    """Take octets of user data apart that start with a header: header and payload.

    Not for the GSM 7 bit alphabet, where the payload starts at a septet boundary.

    :raises DecodeError: a length is wrong.
    """
    reader = OctetReader(user_data, LAYER)
    return read_header(reader), reader.rest()
