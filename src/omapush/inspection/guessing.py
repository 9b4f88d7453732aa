"""Finding out what octets are: every kind is tried, the likeliest one is taken."""

from __future__ import annotations

from dataclasses import replace

from omapush.core.errors import DecodeError
from omapush.inspection.kinds import KINDS, KNOWN
from omapush.inspection.layers import check_length, descend, read_as
from omapush.inspection.model import Inspection, Kind, Reading

NOWHERE = 7
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
            fitting.append((kind, read_as(kind, octets)))
        except DecodeError as error:
            faults.append((kind, error))
    likely = sorted(fitting, key=lambda each: each[1].plausibility, reverse=True)
    if faults and (not likely or likely[0][1].plausibility < NOWHERE):
        raise NothingFitsError(*max(faults, key=lambda each: _promise(each[0], each[1], octets)))
    kind, reading = likely[0]
    others = tuple(other for other, each in likely[1:] if each.plausibility >= NOWHERE)
    return replace(descend(kind, len(octets), reading, trees=trees), guessed=others)


def _promise(kind: Kind, error: DecodeError, octets: bytes) -> tuple[bool, int]:
    """Tell how far a kind got: what begins like one is meant so, wherever the fault is."""
    reached = error.position if isinstance(error.position, int) else 0
    return _begins_like(kind, octets), reached


def _begins_like(kind: Kind, octets: bytes) -> bool:
    """Whether ``octets`` begin as those of ``kind`` do and hardly anything else does."""
    match kind:
        case Kind.SMPP:
            return int.from_bytes(octets[:4], "big") == len(octets)
        case Kind.SIP:
            return octets.startswith(b"SIP/2.0 ") or b" SIP/2.0\r\n" in octets[:512]
        case Kind.WBXML:
            # Versions 1.1 to 1.3 in UTF-8 without a string table.
            return octets[:1] in (b"\1", b"\2", b"\3") and octets[2:4] == b"\x6a\0"
    return octets.startswith(_BEGINNINGS.get(kind, ()))


_BEGINNINGS = {
    Kind.PAP: (b"<?xml", b"<!DOCTYPE", b"POST "),
    Kind.OTA_HTTP: (b"POST /wappush ", b"OPTIONS ", b"HTTP/1."),
    Kind.MSRP: (b"MSRP ",),
}
