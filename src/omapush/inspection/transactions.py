"""WTP: datagrams of one PDU or several, and the WSP in them."""

from __future__ import annotations

from functools import partial

from omapush.core.errors import DecodeError
from omapush.inspection.model import SEGMENT, Carried, Reading, Values
from omapush.inspection.plain import plain
from omapush.inspection.session_pdus import read_session
from omapush.protocols.wtp import concatenation
from omapush.protocols.wtp.codes import RESPONDER_BIT
from omapush.protocols.wtp.explain import explain
from omapush.protocols.wtp.pdu import (
    Invoke,
    Pdu,
    Result,
    SegmentedInvoke,
    SegmentedResult,
    decode,
    encode,
)

_SHORT = 4
"""Octets of an Ack or an Abort as one mostly sees them."""


def read_wtp(octets: bytes) -> Reading:
    """Read a datagram. :raises DecodeError: it is none of WTP's."""
    pdus = [_decoded(part) for part in concatenation.split(octets)]
    warnings = tuple(_warnings(pdus))
    carried = tuple(
        Carried("wsp", pdu.data, read_session)
        for pdu in pdus
        if isinstance(pdu, Invoke | Result) and is_whole(pdu) and pdu.data
    )
    said = [_values(pdu) for pdu in pdus]
    is_single = not concatenation.is_concatenated(octets)
    values: Values = said[0] if is_single else {"pdu": "concatenation", "pdus": list(said)}
    return Reading(
        "wtp", values, partial(explain, octets), carried, warnings, _likely(pdus, carried)
    )


def _decoded(part: concatenation.Part) -> Pdu:
    """Read one PDU. :raises DecodeError: none; its position counts in the datagram."""
    try:
        return decode(part.octets)
    except DecodeError as error:
        at = error.position
        position = at + part.offset if isinstance(at, int) else part.offset
        raise DecodeError(error.reason, position, error.layer) from error


def _likely(pdus: list[Pdu], carried: tuple[Carried, ...]) -> int:
    """Tell how likely it is WTP: nearly any octets are, so what they carry has to be WSP."""
    try:
        found = [each.read(each.octets).plausibility for each in carried]
    except DecodeError:
        return 2
    if found:
        return max(found)
    return 9 if len(pdus) == 1 and len(encode(pdus[0])) <= _SHORT else 4


def is_whole(pdu: Invoke | Result) -> bool:
    """Whether its data are a message, not its first packet (WAP-224, 7.14)."""
    return pdu.transmission_trailer


def _values(pdu: Pdu) -> Values:
    values: Values = {
        "pdu": type(pdu).__name__,
        "tid": pdu.transaction_id & ~RESPONDER_BIT,
        "from_responder": bool(pdu.transaction_id & RESPONDER_BIT),
    }
    for name in type(pdu).__dataclass_fields__:
        if name != "transaction_id":
            values[name] = plain(getattr(pdu, name))
    return values


def _warnings(pdus: list[Pdu]) -> list[str]:
    found = []
    for pdu in pdus:
        if isinstance(pdu, SegmentedInvoke | SegmentedResult):
            found.append(f"wtp: packet {pdu.sequence_number} of a segmented message: ")
        elif isinstance(pdu, Invoke | Result) and not is_whole(pdu):
            found.append("wtp: packet 0 of a segmented message: ")
    return [each + SEGMENT for each in found]
