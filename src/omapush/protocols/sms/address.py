"""Addresses of short messages: digits in semi-octets, or an alphanumeric originator.

TP addresses count useful semi-octets (3GPP 23.040, 9.1.2.5), the service centre address in front of
a TPDU counts octets (3GPP 27.005, 3.1; 24.011, 8.2.5.2), and WDP's records hold no count at all;
the octets of the number are the same everywhere: type-of-address, then semi-octets.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.core.octets import OctetReader, OctetWriter
from omapush.protocols.sms import alphabet
from omapush.protocols.sms.user_data_header import LAYER

DIGITS = "0123456789*#abc"
"""The characters of semi-octets 0 to 14; 15 fills (3GPP 23.040, 9.1.2.3)."""
FILL = 0xF
MAX_DIGITS = 20
"""Semi-octets of a TP address, 12 octets in whole (3GPP 23.040, 9.1.2.5)."""


class TypeOfNumber(enum.IntEnum):
    """Bits 6 to 4 of type-of-address (3GPP 23.040, 9.1.2.5)."""

    UNKNOWN = 0
    INTERNATIONAL = 1
    NATIONAL = 2
    NETWORK_SPECIFIC = 3
    SUBSCRIBER = 4
    ALPHANUMERIC = 5
    ABBREVIATED = 6
    RESERVED = 7


class NumberingPlan(enum.IntEnum):
    """Bits 3 to 0 of type-of-address; all other values are reserved."""

    UNKNOWN = 0
    TELEPHONE = 1
    DATA = 3
    TELEX = 4
    NATIONAL = 8
    PRIVATE = 9
    ERMES = 10


@dataclass(frozen=True, slots=True)
class Address:
    """The number or the name of a party.

    :ivar value: digits without ``+``, or text when the type is alphanumeric.
    :ivar numbering_plan: mostly :class:`NumberingPlan`; reserved values are kept.
    """

    value: str
    type_of_number: TypeOfNumber = TypeOfNumber.UNKNOWN
    numbering_plan: int = NumberingPlan.TELEPHONE

    @classmethod
    def parse(cls, text: str) -> Address:
        """Return the address that people write so: ``+358...``, ``12345``, or a name.

        :raises EncodeError: longer than an address can be, or a character that no form has.
        """
        digits = text.removeprefix("+")
        if digits and all(digit in DIGITS[:12] for digit in digits):
            kind = TypeOfNumber.INTERNATIONAL if text[0] == "+" else TypeOfNumber.UNKNOWN
            address = cls(digits, kind)
        else:
            address = cls(text, TypeOfNumber.ALPHANUMERIC, NumberingPlan.UNKNOWN)
        address.encode()
        return address

    @property
    def type_of_address(self) -> int:
        """The octet in front of the number."""
        return 0x80 | self.type_of_number << 4 | self.numbering_plan

    def number(self) -> bytes:
        """Return type-of-address and semi-octets, as WDP's records hold them.

        :raises EncodeError: a character that this type of number cannot have.
        """
        if not 0 <= self.numbering_plan <= 0xF:
            raise EncodeError(f"numbering plan {self.numbering_plan}", layer=LAYER)
        return bytes([self.type_of_address]) + self._semi_octets()

    def encode(self) -> bytes:
        """Return the TP address: semi-octets counted, type-of-address, semi-octets.

        :raises EncodeError: too long, or a character that this type of number cannot have.
        """
        number = self.number()
        if self.type_of_number is TypeOfNumber.ALPHANUMERIC:
            count = -(-len(alphabet.encode_septets(self.value)) * 7 // 4)
        else:
            count = len(self.value)
        if count > MAX_DIGITS:
            raise EncodeError(f"{self.value!r} is too long for an address", layer=LAYER)
        return bytes([count]) + number

    def __str__(self) -> str:
        """As people write it: an international number with ``+``."""
        plus = "+" if self.type_of_number is TypeOfNumber.INTERNATIONAL else ""
        return plus + self.value

    def _semi_octets(self) -> bytes:
        if self.type_of_number is TypeOfNumber.ALPHANUMERIC:
            return alphabet.pack(alphabet.encode_septets(self.value))
        try:
            numbers = [DIGITS.index(digit) for digit in self.value]
        except ValueError as error:
            raise EncodeError(f"{self.value!r} is no number", layer=LAYER) from error
        numbers += [FILL] * (len(numbers) % 2)
        return bytes(low | high << 4 for low, high in zip(numbers[::2], numbers[1::2], strict=True))


def read_address(reader: OctetReader) -> Address:
    """Read a TP address.

    :raises DecodeError: cut off, or a semi-octet that is no digit. :raises LimitError: over 20
        semi-octets.
    """
    start = reader.position
    count = reader.uint8()
    if count > MAX_DIGITS:
        raise LimitError(f"an address of {count} semi-octets", start, LAYER)
    return _read_number(reader, count)


def read_number(reader: OctetReader) -> Address:
    """Read type-of-address and semi-octets to the end of ``reader``, as in WDP's records.

    :raises DecodeError: nothing is there, or a semi-octet that is no digit.
    :raises LimitError: over 20 semi-octets.
    """
    count = (reader.remaining - 1) * 2
    if count > MAX_DIGITS:
        raise LimitError(f"an address of {count} semi-octets", reader.position, LAYER)
    return _read_number(reader, max(count, 0))


def read_service_centre(reader: OctetReader) -> Address | None:
    """Read the service centre address that modems print before a TPDU; ``None``: left out.

    :raises DecodeError: cut off, or a semi-octet that is no digit.
    :raises LimitError: over 20 semi-octets.
    """
    length = reader.uint8()
    return read_number(reader.view(length)) if length else None


def encode_service_centre(address: Address | None) -> bytes:
    """Return what stands before a TPDU; ``None``: the modem is to use its own setting.

    :raises EncodeError: a character that this type of number cannot have.
    """
    if address is None:
        return b"\0"
    number = address.number()
    return OctetWriter().uint8(len(number)).take(number).getvalue()


def _read_number(reader: OctetReader, count: int) -> Address:
    type_of_address = reader.uint8()
    kind = TypeOfNumber(type_of_address >> 4 & 7)
    start = reader.position
    octets = reader.take((count + 1) // 2)
    if kind is TypeOfNumber.ALPHANUMERIC:
        septets = alphabet.unpack(octets, count * 4 // 7)
        # A count of whole octets leaves room for a septet of zero bits, which is no "@".
        if len(septets) % 8 == 0 and septets.endswith(b"\0"):
            septets = septets[:-1]
        return Address(alphabet.decode_septets(septets), kind, type_of_address & 0xF)
    return Address(_digits(octets, count, start), kind, type_of_address & 0xF)


def _digits(octets: bytes, count: int, start: int) -> str:
    numbers = [half for octet in octets for half in (octet & 0xF, octet >> 4)][:count]
    # Some networks count the fill; anywhere else it is no digit.
    if numbers and numbers[-1] == FILL:
        numbers.pop()
    if FILL in numbers:
        raise DecodeError("a semi-octet is no digit", start + numbers.index(FILL) // 2, LAYER)
    return "".join(DIGITS[number] for number in numbers)
