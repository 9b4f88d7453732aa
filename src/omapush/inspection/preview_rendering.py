"""A preview for people and for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import replace

from omapush.core.explanation import Field
from omapush.inspection.jsonable import field_object
from omapush.inspection.plain import Json
from omapush.inspection.preview import Preview, PreviewLayer
from omapush.inspection.rendering import WARNING, printable, render_fields

WIDTH = 99
_MEANING = 35
"""Where lines of a tree go on that are too long: behind their octets."""
_HEX_OCTETS = 32


def render_preview(preview: Preview) -> Iterator[str]:
    """Yield the lines of a preview, none longer than 99 characters."""
    yield from summarise(preview)
    for layer in preview.layers:
        yield ""
        yield from _layer(layer)


def summarise(preview: Preview) -> Iterator[str]:
    """Yield the sizes of all steps, and what is to be warned of."""
    rows = [
        (layer, " + ".join(str(len(each.octets)) for each in preview.named(layer.name)))
        for layer in preview.layers
        if layer.part == 1
    ]
    width = max((len(sizes) for _, sizes in rows), default=0)
    for layer, sizes in rows:
        line = f"{layer.name:13}  {sizes:>{width}} octets  {printable(layer.title)}"
        yield from _wrapped(line, 15 + width + 9)
    if preview.segments:
        number = preview.segments
        messages = "1 short message" if number == 1 else f"{number} short messages"
        last = "it" if number == 1 else "the last"
        yield f"{messages}, {preview.free} octets free in {last}"
    for warning in preview.warnings:
        yield from _wrapped(f"{WARNING}{printable(warning)}", 2)
    if preview.failure is not None:
        yield from _failure(preview.failure)


def _failure(reason: str) -> list[str]:
    return _wrapped(f"{WARNING}it goes no further: {printable(reason)}", 2)


def _layer(layer: PreviewLayer) -> Iterator[str]:
    number = f" {layer.part} of {layer.parts}" if layer.parts > 1 else ""
    title = f"== {layer.name}{number}: {printable(layer.title)}, {_count(layer.octets)}"
    yield from _wrapped(title, 3)
    if layer.text is not None:
        for line in layer.text.splitlines():
            yield from _wrapped(printable(line.replace("\t", "    ")), 4)
    if layer.text is None or layer.tree is not None:
        for start in range(0, len(layer.octets), _HEX_OCTETS):
            yield layer.octets[start : start + _HEX_OCTETS].hex()
    if layer.tree is not None:
        tree = _shortened(layer.tree, dict(layer.known))
        for line in render_fields(tree.children or (tree,), {}):
            yield from _wrapped(line.rstrip(), _MEANING)


def _shortened(field: Field, known: dict[bytes, str]) -> Field:
    """Return a tree without the octets that an earlier layer has shown."""
    place = known.get(field.octets)
    if place is not None and field.octets:
        return Field(field.name, field.offset, b"", f"{_count(field.octets)}, {place}")
    return replace(field, children=tuple(_shortened(each, known) for each in field.children))


def _count(octets: bytes) -> str:
    return "1 octet" if len(octets) == 1 else f"{len(octets)} octets"


def _wrapped(line: str, indent: int) -> list[str]:
    if len(line) <= WIDTH:
        return [line]
    return textwrap.wrap(
        line,
        WIDTH,
        subsequent_indent=" " * indent,
        replace_whitespace=False,
        drop_whitespace=True,
        break_on_hyphens=False,
    )


def preview_object(preview: Preview) -> dict[str, Json]:
    """Return a preview as an object: layers with their octets, fields and text."""
    said: dict[str, Json] = {
        "short_messages": preview.segments,
        "free_octets": preview.free,
        "layers": [_layer_object(layer) for layer in preview.layers],
        "warnings": list(preview.warnings),
    }
    if preview.failure is not None:
        said["failure"] = preview.failure
    return said


def _layer_object(layer: PreviewLayer) -> Json:
    said: dict[str, Json] = {
        "layer": layer.name,
        "title": layer.title,
        "part": layer.part,
        "parts": layer.parts,
        "octets": len(layer.octets),
        "hex": layer.octets.hex(),
    }
    if layer.text is not None:
        said["text"] = layer.text
    if layer.tree is not None:
        said["fields"] = [field_object(each) for each in layer.tree.children or (layer.tree,)]
    return said
