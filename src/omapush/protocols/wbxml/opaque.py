"""Values that travel as OPAQUE octets and have a form as text.

A codec's ``encode`` and ``decode`` raise ``ValueError`` with the reason; readers and writers turn
that into their own errors, which know the position.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z", re.ASCII)
_DATE_OCTETS = 7
_SHORTEST_DATE = 4


@dataclass(frozen=True, slots=True)
class OpaqueCodec:
    """Both directions of one coding.

    :ivar encode: text to octets. :ivar decode: octets to text.
    """

    encode: Callable[[str], bytes]
    decode: Callable[[bytes], str]


def encode_date(text: str) -> bytes:
    """Return the digits of ``YYYY-MM-DDThh:mm:ssZ`` as BCD without trailing zeros (WAP-167)."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(f"not a date of the form YYYY-MM-DDThh:mm:ssZ: {text[:40]!r}")
    return bytes.fromhex("".join(match.groups())).rstrip(b"\0")


def decode_date(octets: bytes) -> str:
    """Return the date that ``octets`` stand for; the day at least must be there (WAP-167)."""
    if not _SHORTEST_DATE <= len(octets) <= _DATE_OCTETS:
        raise ValueError(f"a date of {len(octets)} octets, 4 to 7 are possible")
    digits = octets.ljust(_DATE_OCTETS, b"\0").hex()
    if not digits.isdecimal():
        raise ValueError(f"a date whose digits are not decimal: {digits}")
    year, month, day = digits[:4], digits[4:6], digits[6:8]
    return f"{year}-{month}-{day}T{digits[8:10]}:{digits[10:12]}:{digits[12:]}Z"


def _encode_base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64") from error


DATE = OpaqueCodec(encode_date, decode_date)
"""WAP-167; EMN codes its time alike."""

BASE64 = OpaqueCodec(_encode_base64, lambda octets: base64.b64encode(octets).decode("ascii"))
"""Keys in DRM rights."""
