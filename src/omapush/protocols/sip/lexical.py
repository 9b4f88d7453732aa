"""Pieces of regular expressions that the grammar of headers is made of (RFC 3261 25.1).

Nothing is tried twice (``++``, ``*+``), so that the time is linear in the length of a header. What
follows here is somewhat wider than the RFC where deployed software is: any octet may stand in a
quotation, and a plain value of a parameter may hold what does not separate.
"""

from __future__ import annotations

import re

SPACE = r"[ \t]*+"
TOKEN = r"[A-Za-z0-9.!%*_+`'~-]++"  # noqa: S105 - no password
QUOTED = r'"(?:[^"\\]|\\.)*+"'
# Names may have underscores, which are found in the field.
HOST = r"(?:[A-Za-z0-9._-]++|\[[0-9A-Fa-f:.]++\])"
# 0 to 65535.
PORT = (
    "(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|0?[0-9]{1,4})(?![0-9])"
)
PLAIN_VALUE = r'[^ \t\r\n;,"<>]*+'
PARAMETER = rf"{SPACE};{SPACE}({TOKEN})(?:{SPACE}={SPACE}({QUOTED}|{PLAIN_VALUE}))?+"  # name, value
PARAMETERS = rf"(?:{SPACE};{SPACE}{TOKEN}(?:{SPACE}={SPACE}(?:{QUOTED}|{PLAIN_VALUE}))?+)*+"

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def unquoted(value: str) -> str:
    """Return what a quoted string says, or ``value`` itself if it is not quoted."""
    if not value.startswith('"'):
        return value
    inner = value[1:-1]
    return _ESCAPED.sub(r"\1", inner) if "\\" in inner else inner


def quoted(value: str) -> str:
    """Return ``value`` as a quoted string (RFC 3261 25.1)."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
