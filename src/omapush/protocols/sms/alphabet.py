"""The GSM 7 bit default alphabet and its extension table (3GPP 23.038, 6.2.1), and packing.

A septet is a number below 128, here one octet of ``bytes``. SMPP carries septets as they are;
a TPDU packs eight of them into seven octets (3GPP 23.038, 6.1.2.1).
"""

from __future__ import annotations

from omapush.core.errors import DecodeError, EncodeError

LAYER = "sms"
ESCAPE = 0x1B

DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The 128 characters of the default alphabet, by septet; 0x1B escapes to :data:`EXTENSION`."""

EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
"""Characters that take two septets: the escape and this one."""

_SEPTETS = {
    character: bytes([septet]) for septet, character in enumerate(DEFAULT) if septet != ESCAPE
} | {character: bytes([ESCAPE, septet]) for septet, character in EXTENSION.items()}


def decode_septets(septets: bytes) -> str:
    """Return the text of unpacked ``septets``.

    An escape before a septet without extension is a space, and so is one at the end; the septet
    itself then stands for its default character (3GPP 23.038, 6.2.1.1: what a receiver shows that
    does not know the extension), but a second escape is swallowed.

    :raises DecodeError: an octet above 127.
    """
    text: list[str] = []
    escaped = False
    for position, septet in enumerate(septets):
        if septet > 0x7F:
            raise DecodeError(f"{septet:#04x} is no septet", position, LAYER)
        if escaped:
            text.append(EXTENSION.get(septet) or (" " if septet == ESCAPE else DEFAULT[septet]))
            escaped = False
        elif septet == ESCAPE:
            escaped = True
        else:
            text.append(DEFAULT[septet])
    if escaped:
        text.append(" ")
    return "".join(text)


def encode_septets(text: str, replacement: str | None = None) -> bytes:
    """Return ``text`` as unpacked septets; characters of the extension table take two.

    :param replacement: written for a character that the alphabet lacks; ``None``: that is an error.
    :raises EncodeError: the alphabet lacks a character; ``position`` is its index in ``text``.
    """
    instead = None if replacement is None else _SEPTETS.get(replacement)
    septets = bytearray()
    for position, character in enumerate(text):
        written = _SEPTETS.get(character, instead)
        if written is None:
            raise EncodeError(f"{character!r} is not in the GSM alphabet", position, LAYER)
        septets += written
    return bytes(septets)


def packed_length(count: int, fill_bits: int = 0) -> int:
    """Return how many octets ``count`` septets take after ``fill_bits`` bits."""
    return (count * 7 + fill_bits + 7) // 8


def pack(septets: bytes, fill_bits: int = 0) -> bytes:
    """Pack ``septets``, lowest bits first, after ``fill_bits`` zero bits.

    :param fill_bits: 0 to 7: what a user data header leaves up to the next septet boundary
        (3GPP 23.040, 9.2.3.24).
    :raises EncodeError: an octet above 127.
    """
    octets = bytearray()
    pending, bits = 0, fill_bits
    for position, septet in enumerate(septets):
        if septet > 0x7F:
            raise EncodeError(f"{septet:#04x} is no septet", position, LAYER)
        pending |= septet << bits
        bits += 7
        while bits >= 8:
            octets.append(pending & 0xFF)
            pending >>= 8
            bits -= 8
    if bits and septets:
        octets.append(pending)
    return bytes(octets)


def unpack(octets: bytes, count: int, fill_bits: int = 0) -> bytes:
    """Return the ``count`` septets packed in ``octets`` after ``fill_bits`` bits.

    :raises DecodeError: ``octets`` are too few for them.
    """
    if count and packed_length(count, fill_bits) > len(octets):
        raise DecodeError(f"{count} septets do not fit {len(octets)} octets", 0, LAYER)
    septets = bytearray()
    pending, bits = 0, -fill_bits
    for octet in octets:
        if len(septets) == count:
            break
        pending |= octet << bits if bits >= 0 else octet >> -bits
        bits += 8
        while bits >= 7 and len(septets) < count:
            septets.append(pending & 0x7F)
            pending >>= 7
            bits -= 7
    return bytes(septets)
