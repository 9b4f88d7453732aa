"""Octets from arguments, files and standard input, for verbs that look into them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import typer

from omapush.core.errors import OmapushError
from omapush.inspection.line_mode import LineCutter
from omapush.inspection.notation import MAX_WRITTEN, is_hexadecimal, of_file, of_hexadecimal

STANDARD_INPUT = "-"
_CHUNK = 65_536


class NoSuchInputError(OmapushError):
    """An argument is neither hexadecimal digits nor a file that can be read."""


def octets_of(written: str) -> bytes:
    """Return the octets of an argument: digits, the name of a file, or ``-``.

    :raises DecodeError: digits or a dump with a fault, or too much.
    :raises NoSuchInputError: nothing of these.
    """
    if not written or is_hexadecimal(written):
        return of_hexadecimal(written)
    with _opened(written) as stream:
        return of_file(stream.read(MAX_WRITTEN + 1))


def lines_of(written: str) -> Iterator[list[bytes | None]]:
    """Yield the lines of a file or of ``-``, as many at a time as have come.

    A line that is too long is ``None``. Digits as an argument are lines themselves.

    :raises NoSuchInputError: neither.
    """
    cutter = LineCutter()
    with _opened(written) as stream:
        while chunk := cast("io.BufferedReader", stream).read1(_CHUNK):
            yield cutter.feed(chunk)
    yield cutter.end()


@contextlib.contextmanager
def _opened(written: str) -> Iterator[BinaryIO]:
    if written == STANDARD_INPUT:
        yield typer.get_binary_stream("stdin")
        return
    if is_hexadecimal(written):
        yield io.BytesIO(written.encode())
        return
    try:
        with Path(written).open("rb") as stream:
            yield stream
    except (OSError, ValueError) as error:
        raise NoSuchInputError(
            f"{written[:60]!r} is neither hexadecimal digits nor a file that can be read"
        ) from error
