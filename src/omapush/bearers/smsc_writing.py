"""Short messages as requests of SMPP, in the style that the SMSC is used to. Pure.

A bearer gets segments whose user data header says ports and place. In the styles that put these
into TLVs the header is read and left away; where it holds more than TLVs can say, the segment goes
out with its header, as in the style ``udh``.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from omapush.bearers.smsc_account import Number, SubmissionStyle, ValidityForm, Writing
from omapush.core.errors import DecodeError
from omapush.core.instants import DAY_MS, SECOND_MS, Instant
from omapush.ota.short_messages import ShortMessage, SubmissionWish
from omapush.protocols.smpp.codec import PreparedPdu
from omapush.protocols.smpp.fields import MAX_SHORT_MESSAGE
from omapush.protocols.smpp.pdu import DataSm, Pdu, QuerySm, SubmitSm
from omapush.protocols.smpp.template import SubmitTemplate
from omapush.protocols.smpp.times import MAX_RELATIVE_DAYS, format_absolute, format_relative
from omapush.protocols.smpp.tlvs import Tag, Tlv, tlv
from omapush.protocols.smpp.values import UDHI, NumberingPlan, RegisteredDelivery, TypeOfNumber
from omapush.protocols.sms.user_data_header import (
    ApplicationPorts,
    Concatenation,
    UserDataHeader,
    split,
)

URGENT = 2
"""priority_flag of urgent messages; in GSM all above 0 mean priority (SMPP 3.4, 5.2.14)."""
WAP_SERVICE = "WAP"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request to the SMSC.

    :ivar covers: how many of the short messages it carries.
    """

    pdu: Pdu | PreparedPdu
    covers: int = 1


@dataclass(frozen=True, slots=True)
class _Segment:
    """A short message whose header can be said by TLVs."""

    ports: ApplicationPorts
    place: Concatenation | None
    payload: bytes

    def tlvs(self) -> tuple[Tlv, ...]:
        """Return ports and, for one of several, its place."""
        place = self.place
        written = _port_tlvs(self.ports)
        if place is None:
            return written
        return (
            *written,
            tlv(Tag.SAR_MSG_REF_NUM, place.reference),
            tlv(Tag.SAR_TOTAL_SEGMENTS, place.count),
            tlv(Tag.SAR_SEGMENT_SEQNUM, place.number),
        )


class Writer:
    """Writes requests for one SMSC."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing

    def requests(
        self, messages: Sequence[ShortMessage], wish: SubmissionWish, now: Instant
    ) -> list[Outgoing]:
        """Return the requests for the messages of one datagram, in order.

        :raises EncodeError: a number or a value does not fit SMPP.
        """
        style = self._writing.style
        if style is SubmissionStyle.UDH:
            return [self._with_header(message, wish, now) for message in messages]
        segments = [_segment(message) for message in messages]
        whole = None if style is SubmissionStyle.SAR else _whole(segments)
        if whole is not None:
            pdu = self._with_tlvs(messages[0].destination, whole, wish, now)
            return [Outgoing(pdu, len(messages))]
        last = len(messages) - 1
        return [
            self._with_header(message, wish, now)
            if each is None
            else Outgoing(self._with_tlvs(message.destination, each, wish, now, more=number < last))
            for number, (message, each) in enumerate(zip(messages, segments, strict=True))
        ]

    def query(self, message_id: str) -> QuerySm:
        """Return the question for a message (SMPP 3.4, 4.8): the source must be the message's."""
        source = self._writing.source
        return QuerySm(
            message_id=message_id,
            source_addr_ton=source.ton,
            source_addr_npi=source.npi,
            source_addr=source.address,
        )

    def _with_header(self, message: ShortMessage, wish: SubmissionWish, now: Instant) -> Outgoing:
        to = self._destination(message.destination)
        validity = _validity(self._writing.validity, wish.expires_at, now)
        model = _model(self._writing, to.ton, to.npi, validity, wish.receipt, wish.urgent)
        template = _template(model)
        return Outgoing(
            template.prepare(to.address.encode("latin-1", "replace"), message.user_data)
        )

    def _with_tlvs(
        self,
        destination: str,
        segment: _Segment,
        wish: SubmissionWish,
        now: Instant,
        *,
        more: bool = False,
    ) -> Pdu:
        to, style = self._destination(destination), self._writing.style
        if style is SubmissionStyle.DATA_SM:
            return self._data_sm(to, segment, wish, now, more=more)
        validity = _validity(self._writing.validity, wish.expires_at, now)
        model = _model(self._writing, to.ton, to.npi, validity, wish.receipt, wish.urgent, 0)
        in_field = style is SubmissionStyle.SAR and len(segment.payload) <= MAX_SHORT_MESSAGE
        tlvs = segment.tlvs()
        if not in_field:
            tlvs = (*tlvs, tlv(Tag.MESSAGE_PAYLOAD, segment.payload))
        return _submit(model, to.address, segment.payload if in_field else b"", tlvs)

    def _data_sm(
        self, to: Number, segment: _Segment, wish: SubmissionWish, now: Instant, *, more: bool
    ) -> DataSm:
        writing = self._writing
        tlvs = [*segment.tlvs(), tlv(Tag.MESSAGE_PAYLOAD, segment.payload)]
        if more:
            tlvs.append(tlv(Tag.MORE_MESSAGES_TO_SEND, 1))
        if writing.validity is not ValidityForm.NONE:
            seconds = max(1, (wish.expires_at - now) // SECOND_MS)
            tlvs.append(tlv(Tag.QOS_TIME_TO_LIVE, min(seconds, 0xFFFF_FFFF)))
        return DataSm(
            service_type=WAP_SERVICE if writing.service_type is None else writing.service_type,
            source_addr_ton=writing.source.ton,
            source_addr_npi=writing.source.npi,
            source_addr=writing.source.address,
            dest_addr_ton=to.ton,
            dest_addr_npi=to.npi,
            destination_addr=to.address,
            registered_delivery=_registered(wish.receipt),
            data_coding=writing.data_coding,
            tlvs=tuple(tlvs),
        )

    def _destination(self, number: str) -> Number:
        if number.startswith("+"):
            return Number(number[1:], TypeOfNumber.INTERNATIONAL, NumberingPlan.ISDN)
        return Number(number, self._writing.short_code.ton, self._writing.short_code.npi)


@functools.lru_cache(maxsize=64)
def _model(
    writing: Writing,
    ton: int,
    npi: int,
    validity: str,
    receipt: bool,  # noqa: FBT001 - part of the key
    urgent: bool,  # noqa: FBT001
    esm_class: int = UDHI,
) -> SubmitSm:
    """Return what many submissions share: those of one push, or of one second."""
    return SubmitSm(
        service_type=writing.service_type or "",
        source_addr_ton=writing.source.ton,
        source_addr_npi=writing.source.npi,
        source_addr=writing.source.address,
        dest_addr_ton=ton,
        dest_addr_npi=npi,
        esm_class=esm_class,
        priority_flag=URGENT if urgent else 0,
        validity_period=validity,
        registered_delivery=_registered(receipt),
        data_coding=writing.data_coding,
    )


@functools.lru_cache(maxsize=64)
def _template(model: SubmitSm) -> SubmitTemplate:
    return SubmitTemplate(model)


def _submit(model: SubmitSm, address: str, octets: bytes, tlvs: tuple[Tlv, ...]) -> SubmitSm:
    return replace(model, destination_addr=address, short_message=octets, tlvs=tlvs)


def _registered(receipt: bool) -> RegisteredDelivery:  # noqa: FBT001 - the wish as it came
    return RegisteredDelivery.SUCCESS_OR_FAILURE if receipt else RegisteredDelivery.NONE


def _validity(form: ValidityForm, expires_at: Instant, now: Instant) -> str:
    if form is ValidityForm.NONE:
        return ""
    if form is ValidityForm.ABSOLUTE:
        return format_absolute(Instant(expires_at // SECOND_MS * SECOND_MS))
    remaining = (expires_at - now) // SECOND_MS * SECOND_MS
    return format_relative(min(max(SECOND_MS, remaining), MAX_RELATIVE_DAYS * DAY_MS))


def _segment(message: ShortMessage) -> _Segment | None:
    try:
        header, payload = split(message.user_data)
    except DecodeError:
        return None
    if header.ports is None or not _is_plain(header):
        return None
    return _Segment(header.ports, header.concatenation, payload)


def _is_plain(header: UserDataHeader) -> bool:
    said = (header.ports, header.concatenation)
    return all(element in said for element in header.elements)


def _whole(segments: Sequence[_Segment | None]) -> _Segment | None:
    """Return the datagram, if these are all its segments in order."""
    known = [each for each in segments if each is not None]
    if len(known) < len(segments):
        return None
    places = [each.place for each in known]
    if places == [None]:
        return known[0]
    first = places[0]
    if first is None or first.count != len(known):
        return None
    expected = [
        Concatenation(first.reference, first.count, number, first.bits)
        for number in range(1, len(known) + 1)
    ]
    if places != expected or any(each.ports != known[0].ports for each in known):
        return None
    return _Segment(known[0].ports, None, b"".join(each.payload for each in known))


def _port_tlvs(ports: ApplicationPorts) -> tuple[Tlv, ...]:
    return tlv(Tag.SOURCE_PORT, ports.source), tlv(Tag.DESTINATION_PORT, ports.destination)
