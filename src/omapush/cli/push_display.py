"""What a push contains, in lines for a terminal: text, what its type says, or a dump."""

from __future__ import annotations

from collections.abc import Iterator

from omapush.cli.printable_text import printable, printable_lines
from omapush.core.errors import DecodeError
from omapush.inspection.bodies import carried_body
from omapush.inspection.model import Reading
from omapush.inspection.plain import Json
from omapush.inspection.rendering import WARNING, render_fields

_ROW = 16
MAX_SHOWN = 16_384
"""Octets of a content that is shown as text or dump; ``--json`` has all of them."""


def content_lines(content_type: str, content: bytes, *, explained: bool = False) -> Iterator[str]:
    """Yield what a content says, or its octets where nobody knows.

    :param explained: every octet with its meaning, where the type is known.
    """
    reading, fault = _read(content_type, content)
    if fault is not None:
        yield f"{WARNING}{printable(fault)}"
    if reading is None:
        yield from _unknown(content)
        return
    for warning in reading.warnings:
        yield f"{WARNING}{printable(warning)}"
    if explained:
        tree = reading.explain()
        yield from render_fields(tree.children or (tree,), {})
        return
    for name, value in reading.values.items():
        if reading.layer == "text" or name == "xml":
            yield from printable_lines(str(value)[:MAX_SHOWN]).split("\n")
        elif value not in (None, "", []):
            yield f"{name}: {printable(_said(value))}"


def _read(content_type: str, content: bytes) -> tuple[Reading | None, str | None]:
    """Return what the type makes of the octets, or why they are not of that type."""
    for carried in carried_body(content_type, content):
        try:
            return carried.read(carried.octets), None
        except DecodeError as error:
            return None, f"not what its type says: {error}"
    return None, None


def _unknown(content: bytes) -> Iterator[str]:
    """Yield text where octets are nothing else, and a dump otherwise."""
    shown = content[:MAX_SHOWN]
    text = _text_of(shown)
    if text is not None:
        yield from printable_lines(text).split("\n")
    else:
        for start in range(0, len(shown), _ROW):
            row = shown[start : start + _ROW]
            readable = "".join(chr(one) if 0x20 <= one < 0x7F else "." for one in row)
            yield f"{start:06x}  {row.hex(' '):{3 * _ROW}} {readable}"
    if len(content) > MAX_SHOWN:
        yield f"and {len(content) - MAX_SHOWN} octets more"


def _text_of(content: bytes) -> str | None:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if all(one.isprintable() or one in "\r\n\t" for one in text) else None


def _said(value: Json) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_said(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(_said(each) for each in value)
    return str(value)
