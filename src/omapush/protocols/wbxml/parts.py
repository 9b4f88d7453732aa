"""The parts that documents are made of: numbers, strings, the string table, the header's fields.

The reader indexes the octets itself, since a document is hundreds of single tokens: past the end
Python raises ``IndexError``, which :mod:`~omapush.protocols.wbxml.decoding` turns into our error.
"""

from __future__ import annotations

from omapush.core.errors import DecodeError, LimitError
from omapush.protocols.wbxml import charsets
from omapush.protocols.wbxml.model import DEFAULT_LIMITS, LAYER, Limits

MAX_VERSION = 0x03


class PartReader:
    """Reads the octets of one document; ``position`` is the offset of the next.

    :param charset: what the transport says of the character set, for documents that do not.
    """

    def __init__(
        self, octets: bytes, *, charset: str | None = None, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self.octets = octets
        self.position = 0
        self.limits = limits
        self._transport_charset = charset
        self._referenced = limits.referenced
        self._string_table = b""

    def version(self) -> int:
        """Read the version. :raises DecodeError: later than 1.3."""
        version = self._octet()
        if version > MAX_VERSION:
            raise DecodeError(
                f"WBXML {(version >> 4) + 1}.{version & 15}, 1.0 to 1.3 are taken", 0, LAYER
            )
        return version

    def public_id(self) -> tuple[int, int | None]:
        """Read the public identifier: its number, or 0 and where its name is."""
        number = self.mb_u_int32()
        return (number, None) if number else (0, self.mb_u_int32())

    def charset(self, version: int) -> int:
        """Read the character set, which WBXML 1.0 does not have, and go by it from here on."""
        start = self.position
        mibenum = self.mb_u_int32() if version else charsets.UNKNOWN
        known = charsets.BY_MIBENUM.get(mibenum or charsets.UTF_8)
        if mibenum == charsets.UNKNOWN and self._transport_charset is not None:
            known = charsets.by_name(self._transport_charset)
        if known is None:
            said = mibenum or repr((self._transport_charset or "")[:40])
            raise DecodeError(f"the character set {said} is not taken", start, LAYER)
        self._charset = known
        # The codec alone where it is all there is to it.
        self._codec = None if known.width > 1 else known.codec
        self._terminator = bytes(known.width)
        return mibenum

    def string_table(self) -> bytes:
        """Read the string table."""
        return self.take(self.mb_u_int32())

    def table_string(self, index: int, position: int) -> str:
        """Return the string at ``index`` of the string table, to its terminator or the end.

        :param position: of the token that refers to it, for errors.
        """
        if index >= len(self._string_table):
            raise DecodeError(
                f"string {index} of a table of {len(self._string_table)} octets", position, LAYER
            )
        end = self._terminator_at(self._string_table, index)
        text = self.decoded(self._string_table[index : None if end < 0 else end], position)
        # Each reference costs at least one, and so do empty strings.
        self._referenced -= len(text) + 1
        if self._referenced < 0:
            raise LimitError(
                f"more than {self.limits.referenced} characters by references to the string table",
                position,
                LAYER,
            )
        return text

    def mb_u_int32(self) -> int:
        """Read a multi-byte integer of at most 32 bits (WAP-192)."""
        octet = self.octets[self.position]
        self.position += 1
        if octet < 0x80:
            return octet
        start = self.position - 1
        value = octet & 0x7F
        for _ in range(4):
            octet = self.octets[self.position]
            self.position += 1
            value = value << 7 | octet & 0x7F
            if octet < 0x80 and value <= 0xFFFF_FFFF:
                return value
        raise LimitError("a number is longer than 32 bits", start, LAYER)

    def _octet(self) -> int:
        self.position += 1
        return self.octets[self.position - 1]

    def take(self, count: int) -> bytes:
        """Read ``count`` octets."""
        start = self.position
        if count > len(self.octets) - start:
            raise DecodeError(
                f"{count} octets wanted, {len(self.octets) - start} left", start, LAYER
            )
        self.position = start + count
        return self.octets[start : self.position]

    def termstr(self) -> str:
        """Read a string to its terminator."""
        start = self.position
        if self._codec is not None:
            end = self.octets.find(b"\0", start)
        else:
            end = self._terminator_at(self.octets, start)
        if end < 0:
            raise DecodeError("a string has no end", start, LAYER)
        self.position = end + len(self._terminator)
        return self.decoded(self.octets[start:end], start)

    def _terminator_at(self, octets: bytes, start: int) -> int:
        """Return where the next terminator is, on a unit's boundary counted from ``start``."""
        end = octets.find(self._terminator, start)
        width = len(self._terminator)
        while end >= 0 and (end - start) % width:
            end = octets.find(self._terminator, end + 1)
        return end

    def decoded(self, octets: bytes, position: int) -> str:
        """Return the text of ``octets``, which start at ``position``."""
        try:
            if self._codec is not None:
                return octets.decode(self._codec)
            return self._charset.decode(octets)
        except UnicodeDecodeError as error:
            raise DecodeError(
                f"a string is not {self._charset.name}", position + error.start, LAYER
            ) from error
