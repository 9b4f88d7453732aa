"""Delivery receipts: what became of a message (SMPP 3.4, 5.3.2.12, 5.3.2.35 and appendix B).

The specification puts a receipt into TLVs of deliver_sm or data_sm. Beside them, or instead, SMSCs
write a text, of which appendix B gives one example::

    id:IIIIIIIIII sub:SSS dlvrd:DDD submit date:YYMMDDhhmm done date:YYMMDDhhmm stat:DDDDDDD
    err:E text: ...

(in one line) and of which every vendor has a form of its own: other order, other case, fields left
out, dates of 10, 12 or 14 digits, states spelled out. Fields are therefore looked for one by one.
TLVs, where given, say it better and win. Nothing here raises for what a peer wrote.

A text is believed only where esm_class says that the SMSC wrote it, unless the caller knows its
SMSC to leave that out: anybody with a handset can send a message that looks like a receipt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from omapush.core.errors import DecodeError
from omapush.core.instants import Instant, from_datetime, later
from omapush.protocols.smpp.pdu import DataSm, DeliverSm, Pdu
from omapush.protocols.smpp.receipt_text import read_fields, state_of
from omapush.protocols.smpp.times import parse_time
from omapush.protocols.smpp.tlvs import Tag
from omapush.protocols.smpp.values import TYPE_BITS, UDHI, DataCoding, MessageState, MessageType

MAX_TEXT = 1_024
"""Characters of a receipt that are looked at; those of the field have under 200."""
_RECEIPTS = (MessageType.DELIVERY_RECEIPT, MessageType.INTERMEDIATE_NOTIFICATION)


@dataclass(frozen=True, slots=True)
class NetworkError:
    """network_error_code (SMPP 3.4, 5.3.2.31): kind of network (1 ANSI-136, 2 IS-95, 3 GSM)."""

    network_type: int
    code: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt says; whatever it does not say is ``None``.

    :ivar message_id: as written; see :func:`matching_keys`.
    :ivar text_message_id: the one in the text, where a TLV gives another.
    :ivar error: the ``err:`` of the text, whose meaning is the SMSC's own.
    :ivar submitted, done: the text's dates, which have no time zone; see :func:`parse_receipt`.
    :ivar text: the beginning of the message, or the whole text if nothing is known in it.
    :ivar is_intermediate: esm_class says that another will follow.
    """

    message_id: str | None
    state: MessageState | None
    error: str | None = None
    network_error: NetworkError | None = None
    submitted: Instant | None = None
    done: Instant | None = None
    text: str = ""
    text_message_id: str | None = None
    is_intermediate: bool = False

    @property
    def is_final(self) -> bool:
        """Whether the message's fate is decided."""
        return self.state is not None and self.state.is_final and not self.is_intermediate


def parse_receipt(
    pdu: Pdu, *, utc_offset_minutes: int = 0, trusts_unmarked_text: bool = False
) -> Receipt | None:
    """Read a receipt; ``None`` if ``pdu`` is none.

    :param utc_offset_minutes: of the clock by which the SMSC writes the text's dates.
    :param trusts_unmarked_text: this SMSC does not set esm_class in its receipts.
    """
    if not isinstance(pdu, DeliverSm | DataSm):
        return None
    message_type = pdu.esm_class & TYPE_BITS
    if message_type not in (MessageType.DEFAULT, *_RECEIPTS):
        return None  # a person's acknowledgement, not the network's word
    given_id = pdu.text(Tag.RECEIPTED_MESSAGE_ID)
    is_marked = message_type in _RECEIPTS or given_id is not None
    if not is_marked and not trusts_unmarked_text:
        return None
    text = _text_of(pdu)
    said = read_fields(text)
    state = _state_of(pdu, said)
    message_id = said.get("id") or None
    if not is_marked and (message_id is None or state is None):
        return None
    return Receipt(
        message_id=given_id or message_id,
        state=state,
        error=said.get("err") or None,
        network_error=_network_error(pdu),
        submitted=parse_date(said.get("submit date", ""), utc_offset_minutes),
        done=parse_date(said.get("done date", ""), utc_offset_minutes),
        text=said.get("text", "") if said else text,
        text_message_id=message_id if given_id and message_id != given_id else None,
        is_intermediate=message_type == MessageType.INTERMEDIATE_NOTIFICATION,
    )


def parse_date(text: str, utc_offset_minutes: int = 0) -> Instant | None:
    """Read a receipt's date, whatever stands between its digits; ``None`` if it is none.

    10 digits are YYMMDDhhmm, 12 YYMMDDhhmmss or, if there is no such date, YYYYMMDDhhmm, 14
    YYYYMMDDhhmmss; 16 characters with a sign are SMPP's own form, which has its own time zone.
    """
    text = text.strip()[:32]
    try:
        return parse_time(text, Instant(0)) if not text.endswith("R") else None
    except DecodeError:
        digits = "".join(re.findall("[0-9]+", text))
    for form in _DATE_FORMS.get(len(digits), ()):
        try:
            moment = datetime.strptime(digits, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        offset = timedelta(minutes=utc_offset_minutes) // timedelta(milliseconds=1)
        return later(from_datetime(moment), -offset)
    return None


_DATE_FORMS = {
    10: ("%y%m%d%H%M",),
    12: ("%y%m%d%H%M%S", "%Y%m%d%H%M"),
    14: ("%Y%m%d%H%M%S",),
}

# -- which message a receipt speaks of --

MAX_NUMBER = 20
"""Digits of an id that is taken for a number."""
_DECIMAL = re.compile(f"[0-9]{{1,{MAX_NUMBER}}}", re.ASCII)
_HEXADECIMAL = re.compile(f"[0-9a-f]{{1,{MAX_NUMBER}}}", re.ASCII)


def normal_form(message_id: str) -> str:
    """Return the form under which to keep the id of a submit_sm_resp: small, without leading 0."""
    kept = message_id.strip().lower()
    return kept.lstrip("0") or kept[:1]


def matching_keys(message_id: str) -> tuple[str, ...]:
    """Return the normal forms that a receipt's id may mean, the likeliest first.

    Some SMSCs give the id in decimal in the response and in hexadecimal in the receipt, or the
    other way round. The first key is the id itself; a later one is a guess and should be accepted
    only if the destination agrees.
    """
    own = normal_form(message_id)
    keys = [own]
    if _DECIMAL.fullmatch(own):
        keys.append(f"{int(own):x}")
    if _HEXADECIMAL.fullmatch(own):
        keys.append(str(int(own, 16)))
    return tuple(dict.fromkeys(keys))


# -- the parts of the PDU --


def _text_of(pdu: DeliverSm | DataSm) -> str:
    payload = pdu.payload
    if pdu.esm_class & UDHI and payload:
        payload = payload[payload[0] + 1 :]
    if pdu.data_coding == DataCoding.UCS2:
        return payload[: 2 * MAX_TEXT].decode("utf-16-be", "replace")
    return payload[:MAX_TEXT].decode("latin-1")


def _state_of(pdu: Pdu, said: dict[str, str]) -> MessageState | None:
    given = pdu.integer(Tag.MESSAGE_STATE)
    if given is not None:
        try:
            return MessageState(given)
        except ValueError:
            pass  # reserved: the text may say it in words
    return state_of(said.get("stat", ""))


def _network_error(pdu: Pdu) -> NetworkError | None:
    octets = pdu.octets(Tag.NETWORK_ERROR_CODE)
    if octets is None or len(octets) != 3:
        return None
    return NetworkError(octets[0], int.from_bytes(octets[1:], "big"))
