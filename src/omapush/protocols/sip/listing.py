"""Comma-separated header values (RFC 3261 7.3.1), where commas may also stand inside of
elements.
"""

from __future__ import annotations

import re

# An escaped character is of interest only because it ends no quotation.
_SPECIAL = re.compile(r'\\.|[",;<>]', re.DOTALL)


def split_list(value: str) -> tuple[str, ...]:
    """Return the elements of a header value, without the space around them; empty ones are left
    out.

    Commas within quotes or within ``<>`` belong to their element (RFC 3261 20.10). Never fails:
    what is not closed goes to the end.
    """
    return split_outside(value, ",")


def split_outside(value: str, separator: str) -> tuple[str, ...]:
    """Return what stands between separators that are neither within quotes nor within ``<>``.

    :param separator: ``,`` or ``;``.
    """
    elements: list[str] = []
    begin, quoted, angled = 0, False, False
    for match in _SPECIAL.finditer(value):
        found = match[0]
        if quoted:
            quoted = found != '"'
        elif found == '"':
            quoted = True
        elif found in "<>":
            angled = found == "<"
        elif found == separator and not angled:
            elements.append(value[begin : match.start()])
            begin = match.end()
    elements.append(value[begin:])
    return tuple(one for one in (each.strip(" \t\r\n") for each in elements) if one)
