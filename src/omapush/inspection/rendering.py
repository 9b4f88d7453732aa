"""The result of an inspection for people: a tree with offset, octets, name and meaning.

One field a line, plain characters, no line of it longer than need be: fit for a report of a bug.
What a peer wrote is shown with escapes where it is not printable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from omapush.core.errors import DecodeError
from omapush.core.explanation import Field, Scalar
from omapush.inspection.http_messages import without_secrets
from omapush.inspection.kinds import KINDS
from omapush.inspection.layers import explained_so_far
from omapush.inspection.model import Inspection, Kind, Layer
from omapush.inspection.smpp_pdus import SECRETS, may_hold_secrets

WARNING = "! "
"""What lines that warn begin with."""

_OCTETS = 8
_WIDTH = 3 * _OCTETS
_REMAINDER = 64
"""Octets behind a fault that are still shown."""
_WORD = 4


def render(inspection: Inspection) -> Iterator[str]:
    """Yield the lines of an inspection that has trees."""
    yield f"{inspection.kind.value}, {_count(inspection.octets)}"
    if inspection.guessed is not None:
        others = ", ".join(kind.value for kind in inspection.guessed)
        fits = f"; it could also be {others}" if others else ""
        yield f"taken for {inspection.kind.value}{fits}; --as says what it is"
    for number, layer in enumerate(inspection.layers):
        yield ""
        yield _heading(layer, inspection.layers)
        if layer.tree.note:
            yield f"{WARNING}{printable(layer.tree.note)}"
        below = {
            each.offset: each
            for each in inspection.layers
            if each.inside == number and each.offset is not None
        }
        yield from render_fields(layer.tree.children or (layer.tree,), below)
    if inspection.warnings:
        yield ""
    for warning in inspection.warnings:
        yield f"{WARNING}{printable(warning)}"


def render_refusal(kind: Kind, octets: bytes, error: DecodeError) -> Iterator[str]:
    """Yield the lines of a refusal: what was read before the fault, and where that is."""
    yield f"{kind.value}, {_count(len(octets))}, refused"
    yield ""
    yield from render_fields(explained_so_far(kind, octets), {})
    position = error.position
    if not isinstance(position, int) or error.layer not in (None, KINDS[kind].layer):
        yield WARNING + printable(str(error))
        return
    yield f"{WARNING}refused at octet {position}: {printable(error.reason)}"
    if kind is Kind.SMPP and may_hold_secrets(octets):
        return
    left = without_secrets(octets)[position : position + _REMAINDER]
    for number, row in enumerate(_rows(left)):
        yield f"{position + number * _OCTETS:6}  {row}"
    if position + len(left) < len(octets):
        yield f"{'':6}  and {_count(len(octets) - position - len(left))} more"


def render_fields(
    fields: Iterable[Field], below: dict[int, Layer], depth: int = 0
) -> Iterator[str]:
    """Yield the lines of trees.

    :param below: layers further in, by where they begin: their octets are shown there.
    """
    for field in fields:
        yield from _field(field, below, depth)
        said = (child for child in field.children if not _says_nothing(child, field))
        yield from render_fields(said, below, depth + 1)


def printable(text: str) -> str:
    """Return ``text`` with escapes for what no terminal should get."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def _says_nothing(child: Field, parent: Field) -> bool:
    """Whether the line of ``parent`` has said it all."""
    silent = child.value is None and child.note is None and not child.children
    return silent and child.octets == parent.octets and len(child.octets) == 1


def _heading(layer: Layer, layers: tuple[Layer, ...]) -> str:
    said = f"{layer.name}: {layer.tree.name}, {_count(len(layer.tree.octets))}"
    if layer.tree.value is not None and layer.tree.children:
        said += f", {printable(str(layer.tree.value))}"
    if layer.inside is None:
        return said
    outer = layers[layer.inside].name
    where = f" from octet {layer.offset} of {outer}" if layer.offset is not None else f" in {outer}"
    return said + "," + where


def _field(field: Field, below: dict[int, Layer], depth: int) -> Iterator[str]:
    inner = below.get(field.offset)
    is_below = inner is not None and inner.tree.octets == field.octets
    if field.name in SECRETS:
        rows = ["(not shown)"]
    elif is_below or (field.children and len(field.octets) > 1):
        rows = [f"({_count(len(field.octets))})"]
    else:
        rows = list(_rows(field.octets)) or [""]
    meaning = f"{'  ' * depth}{printable(field.name)}"
    if is_below and inner is not None:
        meaning += f": see {inner.name} below"
    elif field.value is not None:
        meaning += f": {_value(field.value)}"
    elif not field.children and _is_text(field.octets) and field.name not in SECRETS:
        meaning += f": {field.octets.decode('ascii')!r}"
    if field.note:
        meaning += f"  ({printable(field.note)})"
    yield f"{field.offset:6}  {rows[0]:{_WIDTH}} {meaning}"
    for number, row in enumerate(rows[1:], 1):
        yield f"{field.offset + number * _OCTETS:6}  {row}".rstrip()


def _value(value: Scalar) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(str(value)) or "(empty)"


def _is_text(octets: bytes) -> bool:
    """Whether octets of unknown meaning look like words."""
    return len(octets) >= _WORD and octets.isascii() and octets.decode("ascii").isprintable()


def _rows(octets: bytes) -> Iterator[str]:
    for start in range(0, len(octets), _OCTETS):
        yield octets[start : start + _OCTETS].hex(" ")


def _count(octets: int) -> str:
    return "1 octet" if octets == 1 else f"{octets} octets"
