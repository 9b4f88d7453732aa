"""Character sets of WBXML strings: an explicit list, by IANA's MIBenum (WAP-192)."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

UNKNOWN = 0
US_ASCII = 3
ISO_8859_1 = 4
UTF_8 = 106
UTF_16 = 1015


@dataclass(frozen=True, slots=True)
class Charset:
    """One character set.

    :ivar name: IANA's preferred name. :ivar codec: Python's.
    :ivar width: octets of the NUL that ends a string, and of each unit in it.
    """

    mibenum: int
    name: str
    codec: str
    width: int = 1

    def decode(self, octets: bytes) -> str:
        """Return the text of ``octets``. :raises UnicodeDecodeError: they are none."""
        if self.mibenum == UTF_16 and octets[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
            return octets.decode("utf-16")
        return octets.decode(self.codec)

    def encode(self, text: str) -> bytes:
        """Return the octets that are read as ``text`` again.

        :raises UnicodeEncodeError: it has none of some character, or none of its own.
        """
        octets = text.encode(self.codec)
        if self.codec in _FOLDING and octets.decode(self.codec) != text:
            raise UnicodeEncodeError(self.codec, text, 0, len(text), "read as another character")
        return octets


_FOLDING = frozenset(("cp932", "euc_jp", "euc_kr", "gbk", "gb2312", "big5"))
"""Python's codecs that write some character as a similar one."""

_SINGLE: tuple[tuple[int, str, str], ...] = (
    (US_ASCII, "US-ASCII", "ascii"),
    *((3 + part, f"ISO-8859-{part}", f"iso8859_{part}") for part in range(1, 11)),
    (17, "Shift_JIS", "cp932"),
    (18, "EUC-JP", "euc_jp"),
    (38, "EUC-KR", "euc_kr"),
    (UTF_8, "UTF-8", "utf-8"),
    (109, "ISO-8859-13", "iso8859_13"),
    (110, "ISO-8859-14", "iso8859_14"),
    (111, "ISO-8859-15", "iso8859_15"),
    (112, "ISO-8859-16", "iso8859_16"),
    (113, "GBK", "gbk"),
    (114, "GB18030", "gb18030"),
    (2025, "GB2312", "gb2312"),
    (2026, "Big5", "big5"),
    (2084, "KOI8-R", "koi8_r"),
    (2088, "KOI8-U", "koi8_u"),
    *((2000 + page, f"windows-{1000 + page}", f"cp{1000 + page}") for page in range(250, 259)),
)
_WIDE: tuple[tuple[int, str, str, int], ...] = (
    # Without a byte order mark the network's order.
    (1000, "ISO-10646-UCS-2", "utf-16-be", 2),
    (1001, "ISO-10646-UCS-4", "utf-32-be", 4),
    (1013, "UTF-16BE", "utf-16-be", 2),
    (1014, "UTF-16LE", "utf-16-le", 2),
    (UTF_16, "UTF-16", "utf-16-be", 2),
)
BY_MIBENUM = {row[0]: Charset(*row) for row in _SINGLE} | {row[0]: Charset(*row) for row in _WIDE}

_BY_CODEC = {
    codecs.lookup(charset.codec).name: charset
    for charset in reversed(BY_MIBENUM.values())
    if charset.mibenum != UTF_16
}
_BY_NAME = {charset.name.lower(): charset for charset in BY_MIBENUM.values()}


def by_name(name: str) -> Charset | None:
    """Return the character set that a ``charset`` parameter names, if it is taken."""
    known = _BY_NAME.get(name.lower())
    if known is not None:
        return known
    try:
        return _BY_CODEC.get(codecs.lookup(name).name)
    except (LookupError, ValueError):
        return None
