"""TP-User-Data with its length and header, in each of the alphabets (3GPP 23.040, 9.2.3.24)."""

from __future__ import annotations

from dataclasses import dataclass

from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.core.octets import OctetReader
from omapush.protocols.sms import alphabet, data_coding
from omapush.protocols.sms.data_coding import Alphabet, DataCoding
from omapush.protocols.sms.segmentation import MAXIMUM
from omapush.protocols.sms.user_data_header import LAYER, UserDataHeader, read_header


@dataclass(frozen=True, slots=True)
class UserData:
    """The user data of one short message, as they travel.

    :ivar octets: header and payload, septets packed.
    :ivar length: TP-User-Data-Length: septets in the GSM 7 bit alphabet, otherwise octets.
    :ivar has_header: TP-User-Data-Header-Indicator.
    """

    octets: bytes
    length: int
    coding: DataCoding = data_coding.OCTETS
    has_header: bool = False

    @classmethod
    def of_octets(
        cls, octets: bytes, coding: DataCoding = data_coding.OCTETS, *, has_header: bool = True
    ) -> UserData:
        """Wrap 8 bit data, as :func:`~omapush.protocols.sms.segmentation.segment` gives them.

        :raises EncodeError: over 140 octets, or ``coding`` counts septets.
        """
        if coding.counts_septets:
            raise EncodeError(f"octets cannot be {coding}", layer=LAYER)
        return cls(_bounded(octets), len(octets), coding, has_header)

    @classmethod
    def of_text(
        cls,
        text: str,
        header: UserDataHeader | None = None,
        coding: DataCoding = data_coding.GSM_7_BIT,
    ) -> UserData:
        """Write ``text`` in the alphabet of ``coding``, after ``header``.

        :raises EncodeError: over 140 octets in whole, a character that the alphabet lacks, or
            ``coding`` is no text.
        """
        front = b"" if header is None else header.encode()
        if coding.counts_septets:
            return cls._of_septets(front, alphabet.encode_septets(text), coding)
        if coding.alphabet is not Alphabet.UCS2 or coding.compressed:
            raise EncodeError(f"text cannot be {coding}", layer=LAYER)
        try:
            octets = front + text.encode("utf-16-be")
        except UnicodeEncodeError as error:
            raise EncodeError("a lone surrogate is no character", error.start, LAYER) from error
        return cls(_bounded(octets), len(octets), coding, bool(front))

    @classmethod
    def _of_septets(cls, front: bytes, septets: bytes, coding: DataCoding) -> UserData:
        before = _septets_before(len(front))
        length = before + len(septets)
        octets = front + alphabet.pack(septets, before * 7 - len(front) * 8)
        # Without a septet after it, a header still has its fill bits.
        octets = octets.ljust(alphabet.packed_length(length), b"\0")
        return cls(_bounded(octets), length, coding, bool(front))

    @property
    def header(self) -> UserDataHeader | None:
        """The header, if there is one. :raises DecodeError: it is malformed."""
        return read_header(OctetReader(self.octets, LAYER)) if self.has_header else None

    @property
    def payload(self) -> bytes:
        """What follows the header: octets, or unpacked septets.

        :raises DecodeError: the header is malformed.
        """
        reader = OctetReader(self.octets, LAYER)
        if self.has_header:
            reader.take(reader.uint8())
        if not self.coding.counts_septets:
            return reader.rest()
        before = _septets_before(reader.position)
        if before > self.length:
            raise DecodeError("the header is longer than the user data", 0, LAYER)
        fill_bits = before * 7 - reader.position * 8
        return alphabet.unpack(reader.rest(), self.length - before, fill_bits)

    @property
    def text(self) -> str | None:
        """The text after the header; ``None`` for 8 bit or compressed data.

        UCS2 is read as UTF-16, as phones write it; what is no character is U+FFFD.

        :raises DecodeError: the header is malformed.
        """
        if self.coding.compressed or self.coding.alphabet is Alphabet.OCTETS:
            return None
        if self.coding.alphabet is Alphabet.UCS2:
            return self.payload.decode("utf-16-be", "replace")
        return alphabet.decode_septets(self.payload)


def read_user_data(
    reader: OctetReader, length: int, coding: DataCoding, *, has_header: bool
) -> UserData:
    """Read user data whose length octet said ``length``.

    :raises LimitError: over 140 octets. :raises DecodeError: cut off, or its header is malformed.
    """
    octets = alphabet.packed_length(length) if coding.counts_septets else length
    if octets > MAXIMUM:
        raise LimitError(f"user data of {octets} octets", reader.position, LAYER)
    content = reader.view(octets)
    start = content.position
    if has_header:
        # Its errors have to count in the whole TPDU, so it is read here, not when asked for.
        read_header(content)
        if coding.counts_septets and _septets_before(content.position - start) > length:
            raise DecodeError("the header is longer than the user data", start, LAYER)
    return UserData(reader.between(start, start + octets), length, coding, has_header)


def _septets_before(octets: int) -> int:
    """Return how many septets a header of ``octets`` takes, its fill bits included."""
    return -(-octets * 8 // 7)


def _bounded(octets: bytes) -> bytes:
    if len(octets) > MAXIMUM:
        raise EncodeError(f"user data of {len(octets)} octets, {MAXIMUM} fit", layer=LAYER)
    return octets
