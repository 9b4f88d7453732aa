"""From the outermost layer in: whatever a layer carries is read by whoever reads that."""

from __future__ import annotations

from collections.abc import Sequence

from omapush.core.errors import DecodeError, LimitError
from omapush.core.explanation import Field
from omapush.inspection.kinds import KINDS, MAX_OCTETS
from omapush.inspection.model import Carried, Inspection, Kind, Layer, Reading, Values
from omapush.inspection.plain import Json


def inspect(kind: Kind, octets: bytes, *, trees: bool = True) -> Inspection:
    """Read ``octets`` as ``kind``, and all that they carry.

    :param trees: whether to explain every octet; without, only the values are found out.
    :raises DecodeError: they are no such thing, or too many.
    """
    return descend(kind, len(octets), read_as(kind, octets), trees=trees)


def read_as(kind: Kind, octets: bytes) -> Reading:
    """Read the outermost layer. :raises DecodeError: as :func:`inspect`."""
    decoder = KINDS[kind]
    check_length(octets, decoder.layer, decoder.most)
    return decoder.read(octets)


def explained_so_far(kind: Kind, octets: bytes) -> tuple[Field, ...]:
    """Return the fields that can be explained of octets that ``kind`` refuses."""
    if len(octets) > KINDS[kind].most:
        return ()
    try:
        return KINDS[kind].explain(octets).children
    except DecodeError as error:
        return error.explained


def check_length(octets: bytes, layer: str, most: int = MAX_OCTETS) -> None:
    """Refuse what is too long or nothing. :raises DecodeError: it is."""
    if not octets:
        raise DecodeError("there are no octets", 0, layer)
    if len(octets) > most:
        raise LimitError(f"{len(octets)} octets, {most} are taken", most, layer)


def descend(
    kind: Kind, octets: int, reading: Reading, *, trees: bool, before: Sequence[Reading] = ()
) -> Inspection:
    """Return the whole of which ``reading`` is the outermost layer.

    :param octets: how many were given.
    :param before: segments that ``reading`` was put together from.
    """
    descent = _Descent(trees=trees)
    for segment in before:
        descent.take(segment, None, None)
    decoded = descent.take(reading, None, None)
    return Inspection(kind, octets, decoded, tuple(descent.layers), tuple(descent.warnings))


class _Descent:
    """Collects what is found on the way in; how deep that goes, the layers bound themselves."""

    def __init__(self, *, trees: bool) -> None:
        self._trees = trees
        self.layers: list[Layer] = []
        self.warnings: list[str] = []

    def take(self, reading: Reading, inside: int | None, offset: int | None) -> Values:
        self.warnings += reading.warnings
        number, tree = len(self.layers), None
        if self._trees:
            tree = reading.explain()
            self.layers.append(Layer(reading.layer, tree, inside, offset))
        if not reading.carried:
            return reading.values
        found: list[Json] = []
        after = 0
        for carried in reading.carried:
            place = None if tree is None else _offset_of(carried.octets, tree, after)
            after = after if place is None else place + len(carried.octets)
            found.append(self._below(carried, number, place))
        return reading.values | {"carries": found}

    def _below(self, carried: Carried, inside: int, offset: int | None) -> Json:
        said: Values = {"kind": carried.kind, "octets": len(carried.octets)}
        try:
            reading = carried.read(carried.octets)
        except DecodeError as error:
            self.warnings.append(f"what is carried is not {carried.kind}: {error}")
            return said | {"error": error.reason, "position": error.position}
        return said | {"decoded": self.take(reading, inside, offset)}


def _offset_of(octets: bytes, tree: Field, after: int) -> int | None:
    """Return where ``octets`` stand as a field of ``tree``, not before ``after``."""
    for field in tree.walk():
        if field.offset >= after and field.octets == octets and field is not tree:
            return field.offset
    return None
