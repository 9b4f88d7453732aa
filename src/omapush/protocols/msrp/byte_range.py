"""Byte-Range (RFC 4975 7.1.1): which octets of a message a chunk has."""

from __future__ import annotations

import re
from dataclasses import dataclass

from omapush.protocols.msrp.bad_frame import BadFrame

_RANGE = re.compile(r"([0-9]{1,15})-([0-9]{1,15}|\*)/([0-9]{1,15}|\*)")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A range of octets, counted from 1.

    :ivar end: the last octet; ``None``: it is not said beforehand, the chunk may be interrupted.
    :ivar total: octets of the whole message; ``None``: not known.
    """

    start: int = 1
    end: int | None = None
    total: int | None = None

    @classmethod
    def parse(cls, text: str) -> ByteRange:
        """Read the header's value. :raises BadFrame: it is none, or contradicts itself."""
        match = _RANGE.fullmatch(text.strip())
        if match is None:
            raise BadFrame(f"not a byte range: {text[:60]!r}")
        start = int(match[1])
        end, total = (None if each == "*" else int(each) for each in (match[2], match[3]))
        # An empty message has the range 1-0/0.
        if start < 1 or (end is not None and end < start - 1):
            raise BadFrame(f"a byte range that ends before it begins: {text.strip()}")
        if total is not None and max(end or 0, start - 1) > total:
            raise BadFrame(f"a byte range beyond its total: {text.strip()}")
        return cls(start, end, total)

    def __str__(self) -> str:
        end, total = ("*" if each is None else each for each in (self.end, self.total))
        return f"{self.start}-{end}/{total}"
