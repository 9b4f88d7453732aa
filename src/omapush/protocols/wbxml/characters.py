"""Which characters and names XML can hold (XML 1.0, 2.2 and 2.3)."""

from __future__ import annotations

import re

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_START = (
    "A-Z_a-z\xc0-\xd6\xd8-\xf6\xf8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f"
    "\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_PART = f"[{_START}][-.0-9\xb7\u0300-\u036f\u203f\u2040{_START}]*"
NAME = re.compile(f"{_PART}(?::{_PART})?")
"""A name of an element or attribute, with a prefix or without."""


def is_text(text: str) -> bool:
    """Whether an XML document can hold ``text``."""
    return NOT_XML.search(text) is None


def is_character(code: int) -> bool:
    """Whether an XML document can hold the character of this code point."""
    return code <= 0x10FFFF and is_text(chr(code))
