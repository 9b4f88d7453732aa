"""The character sets that texts in MMS headers come in, by IANA's MIBenum."""

from __future__ import annotations

UTF_8 = 106

_CODECS = {
    3: "ascii",
    4: "iso-8859-1",
    5: "iso-8859-2",
    6: "iso-8859-3",
    7: "iso-8859-4",
    8: "iso-8859-5",
    9: "iso-8859-6",
    10: "iso-8859-7",
    11: "iso-8859-8",
    12: "iso-8859-9",
    17: "shift_jis",
    18: "euc_jp",
    38: "euc_kr",
    39: "iso2022_jp",
    UTF_8: "utf-8",
    111: "iso-8859-15",
    113: "gbk",
    1000: "utf-16-be",
    1013: "utf-16-be",
    1014: "utf-16-le",
    1015: "utf-16",
    2025: "gb2312",
    2026: "big5",
    2084: "koi8-r",
    2251: "windows-1251",
    2252: "windows-1252",
}
_WIDE = frozenset((1000, 1013, 1014, 1015))


def text_of(octets: bytes, charset: int | None) -> str:
    """Return the text that ``octets``, up to their terminator, hold.

    Nothing is refused: a person reads this. What no charset is named for is UTF-8 where it can be;
    what the named one cannot read is replaced by U+FFFD.
    """
    width = 2 if charset in _WIDE else 1
    # WSP 8.4.1.2: a Quote stands before text that would otherwise look like a number; characters
    # of two octets may begin like one, but then the number of octets is even.
    may_be_quoted = width == 1 or len(octets) % 2 == 1
    quoted = may_be_quoted and octets[:1] == b"\x7f" and octets[1:2] >= b"\x80"
    kept = _before_terminator(octets[1:] if quoted else octets, width)
    if charset is None:
        return _undeclared(kept)
    return kept.decode(_CODECS.get(charset, "utf-8"), "replace")


def _before_terminator(octets: bytes, width: int) -> bytes:
    for index in range(0, len(octets), width):
        if not any(octets[index : index + width]):
            return octets[:index]
    return octets


def _undeclared(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("iso-8859-1")
