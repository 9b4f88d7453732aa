"""Several segments of one message, put together and read as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from omapush.core.errors import DecodeError, LimitError
from omapush.core.explanation import Field
from omapush.core.instants import Instant
from omapush.inspection.kinds import KINDS
from omapush.inspection.layers import check_length, descend, read_as
from omapush.inspection.model import SEGMENT, Carried, Inspection, Kind, Reading, Values
from omapush.inspection.plain import plain
from omapush.inspection.session_pdus import read_session
from omapush.inspection.short_messages import carried_at, tpdu_of
from omapush.inspection.smpp_pdus import message_of, ports_of, segment_of, text_of
from omapush.protocols.smpp.codec import decode_pdu
from omapush.protocols.smpp.values import UDHI
from omapush.protocols.sms.reassembly import Reassembler
from omapush.protocols.sms.tpdu import Direction, SmsDeliver, SmsSubmit
from omapush.protocols.sms.user_data_header import UserDataHeader, split
from omapush.protocols.wtp.pdu import Invoke, Result, SegmentedInvoke, SegmentedResult, decode

MAX_SEGMENTS = 1_024
"""Segments of one call: four times what a message can have."""

_DIRECTIONS = {
    Kind.SMS_DELIVER: Direction.TO_MOBILE,
    Kind.SMS_SUBMIT: Direction.FROM_MOBILE,
}
JOINABLE = (Kind.SMS_USER_DATA, *_DIRECTIONS, Kind.SMPP, Kind.WTP)
"""Kinds whose messages come in segments."""


@dataclass(frozen=True, slots=True)
class _Whole:
    """A message put together, and who reads it."""

    octets: bytes
    carried: tuple[Carried, ...]
    values: Values
    warnings: tuple[str, ...] = ()


def inspect_joined(kind: Kind, segments: Sequence[bytes], *, trees: bool = True) -> Inspection:
    """Read ``segments``, in whatever order, and the one message that they make.

    :raises DecodeError: one is no such thing; they make no whole message, or more than one; the
        kind has no segments.
    """
    layer = KINDS[kind].layer
    if kind not in JOINABLE:
        names = ", ".join(each.value for each in JOINABLE)
        raise DecodeError(f"{kind.value} has no segments to join; {names} have", None, layer)
    if len(segments) > MAX_SEGMENTS:
        raise LimitError(f"{len(segments)} segments, {MAX_SEGMENTS} are taken", None, layer)
    check_length(b"".join(segments), layer)
    readings = [_reading(kind, number, octets) for number, octets in enumerate(segments, 1)]
    whole = _packets(segments) if kind is Kind.WTP else _short_messages(kind, segments)
    values = whole.values | {"segments": [each.values for each in readings]}
    tree = Field("message", 0, whole.octets, None, (Field("octets", 0, whole.octets),))
    reading = Reading(layer, values, lambda: tree, whole.carried, whole.warnings)
    octets = sum(len(segment) for segment in segments)
    return descend(kind, octets, reading, before=readings, trees=trees)


def _reading(kind: Kind, number: int, octets: bytes) -> Reading:
    try:
        reading = read_as(kind, octets)
    except DecodeError as error:
        reason = f"segment {number} of those given: {error.reason}"
        raise DecodeError(reason, error.position, error.layer) from error
    # Segments are read no further each for itself: that is what joining is for.
    warnings = tuple(each for each in reading.warnings if SEGMENT not in each)
    return replace(reading, carried=(), warnings=warnings)


# Short messages


def _short_messages(kind: Kind, segments: Sequence[bytes]) -> _Whole:
    whole = Reassembler()
    found = []
    texts: dict[int, str | None] = {}
    count = 0
    for octets in segments:
        one = _segment(kind, octets)
        place = one.header.concatenation
        if place is not None:
            texts[place.number] = one.text
            count = place.count
        datagram = whole.receive_segment(one.source, one.header, one.payload, Instant(0))
        if datagram is not None:
            found.append(datagram)
    if len(found) != 1 or whole.open_datagrams:
        raise DecodeError(_why_not_one(len(found), list(texts), count), None, "sms")
    (datagram,) = found
    ports = datagram.header.ports
    warnings: list[str] = []
    carried = carried_at(ports, datagram.payload, warnings)
    values: Values = {
        "ports": None if ports is None else plain(ports),
        "payload": datagram.payload.hex(),
        "text": _joined_text(texts),
    }
    return _Whole(datagram.payload, carried, values, tuple(warnings))


def _joined_text(texts: dict[int, str | None]) -> str | None:
    """Return the text of all segments by their numbers; ``None`` if they are no text."""
    said = [text for _, text in sorted(texts.items()) if text is not None]
    return "".join(said) if said and len(said) == len(texts) else None


def _why_not_one(datagrams: int, numbers: list[int], count: int) -> str:
    if datagrams == 0 and count:
        missing = [str(each) for each in range(1, count + 1) if each not in numbers]
        if missing:
            return f"of {count} segments these are missing: {', '.join(missing)}"
    return f"the segments make {datagrams} whole messages instead of one"


class _Segment(NamedTuple):
    """One short message of several; its payload is octets or septets."""

    source: str
    header: UserDataHeader
    payload: bytes
    text: str | None


def _segment(kind: Kind, octets: bytes) -> _Segment:
    if kind is Kind.SMS_USER_DATA:
        return _Segment("", *split(octets), None)
    if kind is Kind.SMPP:
        return _smpp_segment(octets)
    _, tpdu = tpdu_of(octets, _DIRECTIONS[kind])
    match tpdu:
        case SmsDeliver():
            source = str(tpdu.originating_address)
        case SmsSubmit():
            source = str(tpdu.destination_address)
        case _:
            raise DecodeError(f"{type(tpdu).__name__} is no segment of a message", 0, "sms")
    data = tpdu.user_data
    return _Segment(source, data.header or UserDataHeader(), data.payload, data.text)


def _smpp_segment(octets: bytes) -> _Segment:
    pdu = decode_pdu(octets)
    message = message_of(pdu)
    source = str(getattr(pdu, "source_addr", ""))
    coding = int(getattr(pdu, "data_coding", 0))
    if getattr(pdu, "esm_class", 0) & UDHI and message:
        header, payload = split(message)
        return _Segment(source, header, payload, text_of(payload, coding))
    elements = [each for each in (segment_of(pdu), ports_of(pdu)) if each is not None]
    return _Segment(source, UserDataHeader(tuple(elements)), message, text_of(message, coding))


# WTP


def _packets(segments: Sequence[bytes]) -> _Whole:
    """Put the packets of one message in order: number 0 is the Invoke or Result itself."""
    packets: dict[int, bytes] = {}
    last, transactions = None, set()
    for octets in segments:
        pdu = decode(octets)
        if isinstance(pdu, Invoke | Result):
            number = 0
        elif isinstance(pdu, SegmentedInvoke | SegmentedResult):
            number = pdu.sequence_number
        else:
            raise DecodeError(f"{type(pdu).__name__} is no packet of a message", 0, "wtp")
        packets[number] = pdu.data
        transactions.add(pdu.transaction_id)
        if pdu.transmission_trailer:
            last = number
    if len(transactions) != 1:
        raise DecodeError("the packets are of different transactions", 1, "wtp")
    wanted = range((max(packets) if last is None else last) + 1)
    missing = [str(number) for number in wanted if number not in packets]
    if missing or last is None:
        named = ", ".join(missing) or "the last"
        raise DecodeError(f"these packets are missing: {named}", None, "wtp")
    message = b"".join(packets[number] for number in wanted)
    carried = (Carried("wsp", message, read_session),) if message else ()
    return _Whole(message, carried, {"payload": message.hex()})
