"""What stands in media feature tags (RFC 3840, 9): tokens, and lists of them within quotes."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_LENGTH = 1_024
"""Characters of the longest single value that is looked at."""
MAX_VALUES = 256
"""Values of one tag that are looked at."""

_TOKEN = re.compile(r"[A-Za-z0-9\-._+*'~%]+")
_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._+*'~")


def is_token(value: str) -> bool:
    """Whether ``value`` may stand in a tag as it is."""
    return _TOKEN.fullmatch(value) is not None


def encoded(text: str) -> str:
    """Return ``text`` with every octet that no token may have percent-encoded, and ``%`` too."""
    octets = text.encode("utf-8", "replace")
    return "".join(chr(one) if one in _SAFE else f"%{one:02X}" for one in octets)


def feature_parameter(tag: str, values: Iterable[str]) -> str:
    """Write a feature parameter of a Contact or an Accept-Contact: ``+tag="one,two"``.

    Without values it is the tag alone, which means true.
    """
    listed = ",".join(values)
    return f'+{tag}="{listed}"' if listed else f"+{tag}"


def listed_values(value: str | None) -> tuple[str, ...]:
    """Return the values of a feature parameter, without quotes; ``TRUE`` if it has none.

    Negated ones (``!``), strings and numbers are left out: nothing here has a use for them.
    """
    if value is None:
        return ("TRUE",)
    text = value.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    listed = (one.strip() for one in text.split(",")[:MAX_VALUES])
    return tuple(one for one in listed if is_token(one) and len(one) <= MAX_LENGTH)
