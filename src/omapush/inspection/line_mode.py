"""One input per line: for programs that have very many."""

from __future__ import annotations

import json

from omapush.core.errors import DecodeError, LimitError
from omapush.inspection.guessing import guess
from omapush.inspection.jsonable import error_object, inspection_object
from omapush.inspection.kinds import MAX_OCTETS
from omapush.inspection.layers import inspect
from omapush.inspection.model import Kind
from omapush.inspection.notation import LAYER, of_hexadecimal

MAX_LINE = 3 * MAX_OCTETS
"""Octets of the longest line: digits with something between any two of them."""


class LineCutter:
    """Cuts a stream into lines, never holding more than one of :data:`MAX_LINE`."""

    def __init__(self, longest: int = MAX_LINE) -> None:
        self._longest = longest
        self._begun = b""
        self._too_long = False

    def feed(self, chunk: bytes) -> list[bytes | None]:
        """Take what came; return the lines that ended in it, ``None`` for one too long."""
        *ended, rest = chunk.split(b"\n")
        found: list[bytes | None] = []
        for line in ended:
            found.append(self._whole(line))
            self._begun, self._too_long = b"", False
        self._too_long = self._too_long or len(self._begun) + len(rest) > self._longest
        self._begun = b"" if self._too_long else self._begun + rest
        return found

    def end(self) -> list[bytes | None]:
        """Return a last line that has no end of its own."""
        if not self._begun and not self._too_long:
            return []
        return [self._whole(b"")]

    def _whole(self, line: bytes) -> bytes | None:
        if self._too_long or len(self._begun) + len(line) > self._longest:
            return None
        return self._begun + line if self._begun else line


def decode_line(
    line: bytes | None, number: int, kind: Kind | None, *, layers: bool = False
) -> tuple[str, bool]:
    """Return what a line of hexadecimal digits means as one line of JSON, and if it was decoded.

    :param line: ``None`` for one that was too long to keep.
    :param number: of the line, from 1; errors tell it.
    :param kind: ``None`` to guess.
    :param layers: whether every field is told as well.
    """
    layer = LAYER
    try:
        if line is None:
            raise LimitError(f"a line of over {MAX_LINE} characters", MAX_LINE, LAYER)
        octets = of_hexadecimal(line.decode("latin-1"))
        layer = LAYER if kind is None else kind.value
        if kind is None:
            inspection = guess(octets, trees=layers)
        else:
            inspection = inspect(kind, octets, trees=layers)
    except DecodeError as error:
        return json.dumps(error_object(error, layer, number)), False
    return json.dumps(inspection_object(inspection, layers=layers)), True
