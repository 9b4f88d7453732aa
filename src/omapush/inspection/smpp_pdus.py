"""SMPP: one PDU, and the short message in it."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from omapush.core.errors import DecodeError
from omapush.core.instants import format_utc
from omapush.inspection.model import Carried, Reading, Values
from omapush.inspection.plain import plain
from omapush.inspection.short_messages import carried_at, read_user_data, segment_warning
from omapush.protocols.smpp.codec import LAYOUTS, decode_pdu
from omapush.protocols.smpp.commands import BIND_COMMANDS, CommandId, name_of
from omapush.protocols.smpp.explain import explain
from omapush.protocols.smpp.pdu import Pdu
from omapush.protocols.smpp.receipt import parse_receipt
from omapush.protocols.smpp.status import describe
from omapush.protocols.smpp.tlvs import Tag
from omapush.protocols.smpp.values import UDHI, DataCoding
from omapush.protocols.sms.alphabet import decode_septets
from omapush.protocols.sms.data_coding import Alphabet
from omapush.protocols.sms.data_coding import DataCoding as SmsDataCoding
from omapush.protocols.sms.user_data_header import ApplicationPorts, Concatenation, split

_CODECS = {
    DataCoding.ASCII: "latin-1",
    DataCoding.LATIN_1: "latin-1",
    0x06: "iso8859_5",
    0x07: "iso8859_8",
}
"""Alphabets of data_coding that short messages themselves lack (SMPP 3.4, 5.2.19)."""
_NO_TEXT = (DataCoding.OCTETS_2, DataCoding.OCTETS, 0x05, 0x09, 0x0A, 0x0D, 0x0E)

SECRETS = frozenset({"password"})
"""Fields whose octets are shown to nobody: what is decoded ends up in reports of bugs."""


def may_hold_secrets(octets: bytes) -> bool:
    """Whether a PDU, readable or not, is one that has a password."""
    return int.from_bytes(octets[4:8], "big") in (*BIND_COMMANDS, CommandId.OUTBIND)


def read_smpp(octets: bytes) -> Reading:
    """Read one PDU. :raises DecodeError: it is none."""
    pdu = decode_pdu(octets)
    fields: Values = {
        name: None if name in SECRETS else plain(getattr(pdu, name))
        for name, _ in LAYOUTS[type(pdu)]
    }
    values: Values = {
        "command": name_of(pdu.command_id),
        "command_status": pdu.command_status,
        "status": describe(pdu.command_status),
        "sequence_number": pdu.sequence_number,
        "fields": fields,
        "tlvs": [
            {"tag": each.tag, "name": each.name, "value": plain(each.value)} for each in pdu.tlvs
        ],
    }
    warnings: list[str] = []
    carried = _message(pdu, values, warnings) if hasattr(pdu, "data_coding") else ()
    return Reading("smpp", values, partial(explain, octets), carried, tuple(warnings), 95)


def _message(pdu: Pdu, values: Values, warnings: list[str]) -> tuple[Carried, ...]:
    coding: int = getattr(pdu, "data_coding", 0)
    payload = message_of(pdu)
    receipt = parse_receipt(pdu)
    if receipt is not None:
        said = {name: plain(value) for name, value in asdict(receipt).items()}
        for name in ("submitted", "done"):
            at = getattr(receipt, name)
            said[name] = None if at is None else format_utc(at)
        values["receipt"] = said
    if getattr(pdu, "esm_class", 0) & UDHI and payload:
        return (Carried("sms-user-data", payload, partial(_read_user_data, coding=coding)),)
    ports, segment = ports_of(pdu), segment_of(pdu)
    values["ports"] = None if ports is None else plain(ports)
    values["concatenation"] = None if segment is None else plain(segment)
    values["text"] = text_of(payload, coding) if ports is None else None
    if segment is not None and segment.count > 1:
        warnings.append(segment_warning(segment))
        return ()
    return carried_at(ports, payload, warnings)


def message_of(pdu: Pdu) -> bytes:
    """Return the octets of the message, wherever it stands."""
    short: bytes = getattr(pdu, "short_message", b"")
    return short or pdu.octets(Tag.MESSAGE_PAYLOAD) or b""


def ports_of(pdu: Pdu) -> ApplicationPorts | None:
    """Return the ports in TLVs: those of WDP when no user data header has them."""
    destination = pdu.integer(Tag.DESTINATION_PORT)
    if destination is None:
        return None
    return ApplicationPorts(destination, pdu.integer(Tag.SOURCE_PORT) or 0)


def segment_of(pdu: Pdu) -> Concatenation | None:
    """Return which segment it is by the TLVs called SAR (SMPP 3.4, 5.3.2.22 to 24)."""
    reference = pdu.integer(Tag.SAR_MSG_REF_NUM)
    count, number = pdu.integer(Tag.SAR_TOTAL_SEGMENTS), pdu.integer(Tag.SAR_SEGMENT_SEQNUM)
    if reference is None or not count or not number or number > count:
        return None
    return Concatenation(reference, count, number)


def _read_user_data(octets: bytes, coding: int) -> Reading:
    """Read user data with a header whose coding the PDU says. :raises DecodeError: a length."""
    reading = read_user_data(octets)
    reading.values["text"] = text_of(split(octets)[1], coding)
    return reading


def text_of(payload: bytes, coding: int) -> str | None:
    """Return text as SMPP carries it, a septet in each octet; ``None``: the coding is no text."""
    if coding in _NO_TEXT:
        return None
    if coding in _CODECS:
        return payload.decode(_CODECS[coding], "replace")
    known = SmsDataCoding(coding)
    if known.alphabet is Alphabet.UCS2:
        return payload.decode("utf-16-be", "replace")
    if not known.counts_septets:
        return None
    try:
        return decode_septets(payload)
    except DecodeError:
        # SMSCs have defaults of their own.
        return payload.decode("latin-1")
