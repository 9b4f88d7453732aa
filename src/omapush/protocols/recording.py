"""Reading a message by named parts, so that its decoder and its explanation are one reading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from omapush.core.octets import OctetReader

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a message: its name, its octets from ``start`` to before ``end``, what it says."""

    name: str
    start: int
    end: int
    value: object


class Recorder:
    """Reads parts one after the other and remembers where each was.

    :ivar parts: those read so far.
    """

    __slots__ = ("parts", "reader")

    def __init__(self, reader: OctetReader) -> None:
        self.reader = reader
        self.parts: list[Part] = []

    def read(self, name: str, reading: Callable[[OctetReader], T]) -> T:
        """Return what ``reading`` makes of the next octets. :raises DecodeError: as it does."""
        start = self.reader.position
        value = reading(self.reader)
        self.parts.append(Part(name, start, self.reader.position, value))
        return value
