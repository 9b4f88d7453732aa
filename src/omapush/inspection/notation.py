"""Octets as people write them: hexadecimal digits, dumps, or a file of the octets themselves."""

from __future__ import annotations

import re

from omapush.core.errors import DecodeError, LimitError
from omapush.inspection.kinds import MAX_OCTETS

LAYER = "input"
"""The layer of errors in how octets are written."""

MAX_WRITTEN = 5 * MAX_OCTETS
"""Octets of the longest text or file that is looked at: a dump of :data:`MAX_OCTETS` has less."""

_SEPARATORS = re.compile(r"(?<![0-9A-Fa-f])0[xX]|[\s:,]+")
_NO_DIGIT = re.compile(r"[^0-9A-Fa-f]")
_DUMP = re.compile(r"\s*0{4,16}(?::\s|  )")
_DUMP_LINE = re.compile(r"\s*([0-9A-Fa-f]{4,16})(:?)[ \t]*(.*)")


class NotationError(DecodeError):
    """The text is no octets in any notation that is known here; ``position`` is a character."""


def of_hexadecimal(text: str) -> bytes:
    """Return the octets that ``text`` writes in hexadecimal digits.

    White space, line ends, colons and commas may stand between them, and ``0x`` before them.

    :raises NotationError: another character, or an odd number of digits.
    """
    try:
        return bytes.fromhex(text)
    except ValueError:
        digits = _SEPARATORS.sub("", text)
    strange = _NO_DIGIT.search(digits)
    if strange is not None:
        character = strange[0]
        raise NotationError(f"{character!r} is no hexadecimal digit", text.find(character), LAYER)
    if len(digits) % 2:
        raise NotationError(f"{len(digits)} digits: octets have two each", len(text), LAYER)
    return bytes.fromhex(digits)


def is_hexadecimal(text: str) -> bool:
    """Whether ``text`` holds digits and separators only, however many."""
    return bool(text) and _NO_DIGIT.search(_SEPARATORS.sub("", text)) is None


def of_dump(text: str) -> bytes:
    """Return the octets of a dump as xxd, ``hexdump -C`` and Wireshark print it.

    :raises NotationError: a line does not go on where the one before ended.
    """
    octets = bytearray()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        found = _DUMP_LINE.fullmatch(line)
        if found is None or int(found[1], 16) != len(octets):
            raise NotationError(
                f"line {number} of the dump does not begin with offset {len(octets):x}",
                f"line {number}",
                LAYER,
            )
        # The characters at the end of a line may look like digits; a wider gap parts them.
        gap = "  " if found[2] else "   "
        octets += of_hexadecimal(found[3].partition("|")[0].partition(gap)[0])
    return bytes(octets)


def of_file(content: bytes) -> bytes:
    """Return the octets that a file holds: written as a dump or in hexadecimal, else its own.

    :raises NotationError: a dump or digits with a fault. :raises LimitError: too long.
    """
    if len(content) > MAX_WRITTEN:
        raise LimitError(f"over {MAX_WRITTEN} octets of input", MAX_WRITTEN, LAYER)
    if not content.isascii():
        return content
    text = content.decode("ascii")
    if _DUMP.match(text):
        return of_dump(text)
    return of_hexadecimal(text) if is_hexadecimal(text) else content
