"""Octets are explained as every kind, or refused with the documented error."""

import json
import sys

import atheris

with atheris.instrument_imports():
    from omapush.core.errors import DecodeError
    from omapush.inspection.guessing import guess
    from omapush.inspection.jsonable import error_object, inspection_object
    from omapush.inspection.layers import inspect
    from omapush.inspection.model import Kind
    from omapush.inspection.notation import of_file
    from omapush.inspection.rendering import render, render_refusal


def one_input(octets: bytes) -> None:
    """Inspect ``octets`` as every kind, guess their kind, and read them as a file."""
    for kind in Kind:
        try:
            inspection = inspect(kind, octets)
        except DecodeError as error:
            json.dumps(error_object(error, kind.value))
            list(render_refusal(kind, octets, error))
            continue
        json.dumps(inspection_object(inspection))
        assert "".join(render(inspection)).isprintable()
    for reading in (guess, of_file):
        try:
            reading(octets)
        except DecodeError:
            continue


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
