"""Finding out what octets are: every kind is tried, the likeliest one is taken."""

from __future__ import annotations

from dataclasses import replace

from omapush.core.errors import DecodeError
from omapush.inspection.kinds import KINDS, KNOWN
from omapush.inspection.layers import check_length, descend
from omapush.inspection.model import Inspection, Kind, Reading

NOWHERE = 5
"""A kind below this plausibility fits by chance only and is not worth a word."""


class NothingFitsError(DecodeError):
    """No kind can read the octets.

    :ivar farthest: the kind that got farthest before it refused them, and its error.
    """

    def __init__(self, farthest: Kind, fault: DecodeError) -> None:
        super().__init__(
            f"no kind fits; {farthest.value} got farthest: {fault.reason}",
            fault.position,
            fault.layer or KINDS[farthest].layer,
        )
        self.farthest = farthest
        self.fault = fault


def guess(octets: bytes, *, trees: bool = True) -> Inspection:
    """Inspect ``octets`` as the kind that they most likely are.

    A reading is likely when it leaves nothing over, knows what it names and carries what can be
    read: short octets fit several kinds, so the others are told too.

    :raises NothingFitsError: no kind reads them. :raises DecodeError: none, or too many.
    """
    check_length(octets, "input")
    fitting: list[tuple[Kind, Reading]] = []
    faults: list[tuple[Kind, DecodeError]] = []
    for kind in KNOWN:
        try:
            fitting.append((kind, KINDS[kind].read(octets)))
        except DecodeError as error:
            faults.append((kind, error))
    if not fitting:
        raise NothingFitsError(*max(faults, key=lambda each: _reached(each[1])))
    likely = sorted(fitting, key=lambda each: each[1].plausibility, reverse=True)
    kind, reading = likely[0]
    others = tuple(other for other, each in likely[1:] if each.plausibility >= NOWHERE)
    return replace(descend(kind, len(octets), reading, trees=trees), guessed=others)


def _reached(error: DecodeError) -> int:
    return error.position if isinstance(error.position, int) else 0
