"""The head of a text protocol as a tree: one field for each line."""

from __future__ import annotations

from collections.abc import Callable

from omapush.core.explanation import Field
from omapush.inspection.http_messages import without_secrets

Words = Callable[[str, str], str | None]
"""Says in words what a header of this name means with this value; ``None``: nothing to add."""


def head_fields(head: bytes, start: int, first: str | None, words: Words) -> list[Field]:
    """Return the lines of ``head``; a line that is folded is one field.

    :param head: whole lines, without the empty one. :param start: where it stands.
    :param first: the name of the start line; ``None``: there is none.
    """
    shown = without_secrets(head)
    fields: list[Field] = []
    at = 0
    while at < len(head):
        end = _line_end(head, at)
        octets = shown[at:end]
        if first is not None and at == 0:
            fields.append(Field(first, start, octets, _text(octets)))
        else:
            name, _, value = head[at:end].partition(b":")
            said = _text(octets.partition(b":")[2])
            fields.append(
                Field(_text(name), start + at, octets, said, note=words(_text(name), _text(value)))
            )
        at = end
    return fields


def _line_end(head: bytes, at: int) -> int:
    """Return where the line that begins at ``at`` ends, with the lines that continue it."""
    while True:
        end = head.find(b"\r\n", at)
        if end < 0:
            return len(head)
        at = end + 2
        if head[at : at + 1] not in (b" ", b"\t"):
            return at


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace").strip(" \t\r\n")
