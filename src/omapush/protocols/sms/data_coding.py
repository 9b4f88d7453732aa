"""TP-Data-Coding-Scheme: what the user data are (3GPP 23.038, 4)."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Alphabet(enum.Enum):
    """How user data are to be read."""

    GSM_7_BIT = "GSM 7 bit default alphabet"
    OCTETS = "8 bit data"
    UCS2 = "UCS2"


_ALPHABETS = (Alphabet.GSM_7_BIT, Alphabet.OCTETS, Alphabet.UCS2, Alphabet.GSM_7_BIT)


@dataclass(frozen=True, slots=True)
class DataCoding:
    """One octet of coding scheme; every value has a meaning, reserved ones are the 7 bit alphabet.

    8 bit data, which datagrams need, are 0x04 without class, 0x14 to 0x17 and 0xF4 to 0xF7 with.
    """

    value: int = 0

    @property
    def alphabet(self) -> Alphabet:
        """How to read the user data, once decompressed."""
        group = self.value >> 4
        if group < 0x8:
            return _ALPHABETS[self.value >> 2 & 3]
        if group == 0xE:
            return Alphabet.UCS2
        if group == 0xF and self.value & 0x04:
            return Alphabet.OCTETS
        return Alphabet.GSM_7_BIT

    @property
    def compressed(self) -> bool:
        """Whether the user data are compressed (3GPP 23.042), which we do not undo."""
        return self.value < 0x80 and bool(self.value & 0x20)

    @property
    def message_class(self) -> int | None:
        """0 to 3, or ``None``: class 0 is shown at once, 1 is for the equipment, 2 for the SIM."""
        has_class = self.value >> 4 == 0xF or (self.value < 0x80 and self.value & 0x10)
        return self.value & 3 if has_class else None

    @property
    def counts_septets(self) -> bool:
        """Whether TP-User-Data-Length counts septets instead of octets (3GPP 23.040, 9.2.3.16)."""
        return self.alphabet is Alphabet.GSM_7_BIT and not self.compressed

    def __str__(self) -> str:
        """In words, for people."""
        text = ("compressed " if self.compressed else "") + self.alphabet.value
        return text if self.message_class is None else f"{text}, class {self.message_class}"


GSM_7_BIT = DataCoding(0x00)
OCTETS = DataCoding(0x04)
UCS2 = DataCoding(0x08)
