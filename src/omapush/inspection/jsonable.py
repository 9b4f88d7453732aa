"""The result of an inspection for programs; ``docs/decode.md`` has the schema."""

from __future__ import annotations

from omapush.core.errors import OmapushError
from omapush.core.explanation import Field
from omapush.inspection.model import Inspection, Layer
from omapush.inspection.plain import Json
from omapush.inspection.smpp_pdus import SECRETS


def inspection_object(inspection: Inspection, *, layers: bool = True) -> dict[str, Json]:
    """Return an inspection as an object.

    :param layers: whether the trees go with it.
    """
    said: dict[str, Json] = {"kind": inspection.kind.value, "octets": inspection.octets}
    if inspection.guessed is not None:
        said["guessed"] = True
        said["also_fits"] = [kind.value for kind in inspection.guessed]
    said["decoded"] = inspection.decoded
    if layers:
        said["layers"] = [_layer(each) for each in inspection.layers]
    said["warnings"] = list(inspection.warnings)
    return said


def error_object(
    error: OmapushError, layer: str | None = None, input_number: int | None = None
) -> dict[str, Json]:
    """Return a refusal as an object.

    :param layer: whose it is when the error itself does not say.
    :param input_number: of the line, or of the argument, counted from 1.
    """
    said: dict[str, Json] = {
        "error": error.reason,
        "layer": error.layer or layer,
        "position": error.position,
    }
    if input_number is not None:
        said["input"] = input_number
    return said


def _layer(layer: Layer) -> Json:
    return {
        "layer": layer.name,
        "title": layer.tree.name,
        "octets": len(layer.tree.octets),
        "inside": layer.inside,
        "offset": layer.offset,
        "note": layer.tree.note,
        "fields": [field_object(each) for each in layer.tree.children],
    }


def field_object(field: Field) -> Json:
    """Return a field of a tree, and all below it."""
    said: dict[str, Json] = {
        "name": field.name,
        "offset": field.offset,
        "octets": None if field.name in SECRETS else field.octets.hex(),
        "value": field.value,
        "note": field.note,
    }
    if field.children:
        said["fields"] = [field_object(each) for each in field.children]
    return said
