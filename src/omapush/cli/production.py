"""All octets of a push, made as they are made when it is sent, by the functions that do it then.

The submission is what :class:`~omapush.initiator.client.PushInitiator` hands to HTTP; from there on
it is the gateway's way of a connectionless push (``ppg.transform``, ``ppg.unit_push``,
``ppg.short_message_reach``) and the bearer's (``bearers.smsc_writing``).
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Sequence
from dataclasses import replace

import httpx2

from omapush.bearers.smsc_account import Number, Writing
from omapush.bearers.smsc_writing import Writer
from omapush.cli.arguments import Submission
from omapush.cli.preview_options import Air
from omapush.cli.submission import AskedWronglyError, attempt, instant_of
from omapush.content.message import PushMessage
from omapush.core.errors import DecodeError
from omapush.core.instants import Instant, later, to_datetime
from omapush.initiator.client import PushInitiator
from omapush.inspection.preview import Produced
from omapush.ota.interface import PushFlag
from omapush.ota.short_messages import ShortMessage, SubmissionWish
from omapush.ota.wsp.unit_push import GATEWAY_PORT
from omapush.pap import address as addressing
from omapush.pap import entity, xml
from omapush.pap.codes import StatusCode
from omapush.pap.model import Pap, Priority, PushResponse, ResponseResult
from omapush.pap.model import PushMessage as Control
from omapush.ppg.short_message_reach import ShortMessageSettings, user_data_of
from omapush.ppg.submission import SubmissionLimits
from omapush.ppg.transform import Unfit, for_the_air
from omapush.ppg.unit_push import binary_where_known, written
from omapush.protocols.smpp.codec import PreparedPdu, encode_header, encode_pdu
from omapush.protocols.smpp.pdu import Pdu
from omapush.protocols.sms.address import Address
from omapush.protocols.sms.data_coding import DataCoding
from omapush.protocols.sms.timestamps import Timestamp
from omapush.protocols.sms.tpdu import SmsDeliver, SmsSubmit
from omapush.protocols.sms.user_data import UserData
from omapush.protocols.wsp.profile import HeaderProfile, profile_for

EXAMPLE_NUMBER = "+441234567890"
"""In the place of a telephone, where there is none among the recipients."""
PUSH_ID = "preview@omapush"
"""In the place of a new one, so that the same question has the same answer."""
_VERSION = re.compile(r"[0-9]\.[0-9]{1,2}", re.ASCII)
_NOTIFIED = "http://127.0.0.1/"
"""In the place of the address that --wait has yet to listen on."""


def produce(
    addresses: Sequence[str],
    message: PushMessage,
    asked: Submission,
    air: Air,
    ppg: str,
    now: Instant,
) -> Produced:
    """Return all octets of a push, as far as it gets.

    :raises AskedWronglyError: a wish or an option that cannot be.
    :raises EncodeError: likewise. :raises BadMessage: a gateway would not understand it.
    """
    asked = replace(asked, push_id=asked.push_id or PUSH_ID, retries=0)
    entity_type, octets = _submission(addresses, message, asked, ppg)
    parts = entity.split(entity_type, octets)
    submitted = parts.content or message
    telephone = _telephone(parts.control)
    produced = Produced(octets, entity_type, submitted, telephone=telephone)
    try:
        produced = replace(produced, message=for_the_air(submitted))
    except DecodeError as error:
        return replace(produced, failure=f"X-Wap-Application-Id: {error.reason}")
    return _over_the_air(produced, telephone or EXAMPLE_NUMBER, asked, air, now)


def _submission(
    addresses: Sequence[str], message: PushMessage, asked: Submission, ppg: str
) -> tuple[str, bytes]:
    """Return Content-Type and body of the HTTP request that would be sent."""
    door = _Door()
    notify = asked.notify_to or (_NOTIFIED if asked.wait else None)

    async def submit() -> None:
        async with PushInitiator(ppg, transport=door) as initiator:
            await attempt(addresses, message, asked, initiator)(notify)

    asyncio.run(submit())
    return door.content_type, door.body


class _Door(httpx2.AsyncBaseTransport):
    """Keeps what would go out, and answers like a gateway that takes it."""

    content_type = ""
    body = b""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.content_type, self.body = request.headers["Content-Type"], await request.aread()
        taken = PushResponse("", response_result=ResponseResult(StatusCode.ACCEPTED_FOR_PROCESSING))
        return httpx2.Response(202, content=xml.encode(Pap(taken)))


def _telephone(control: bytes) -> str | None:
    """Return the first recipient that is a telephone, as the gateway reads it.

    :raises AskedWronglyError: something that is no address comes before it.
    """
    message = xml.decode(control).message
    for each in message.addresses if isinstance(message, Control) else ():
        try:
            address = addressing.parse(each.address_value)
        except addressing.AddressError as error:
            raise AskedWronglyError(f"{each.address_value}: {error.reason}") from error
        if address.type == "PLMN":
            return address.value
    return None


def _over_the_air(
    produced: Produced, number: str, asked: Submission, air: Air, now: Instant
) -> Produced:
    sent = binary_where_known(produced.message)
    if isinstance(sent, Unfit):
        return replace(produced, failure=sent.reason)
    produced = replace(produced, sent=sent)
    # A gateway derives it from the delivery, which there is none of here.
    reference = zlib.crc32((asked.push_id or "").encode())
    profile = _profile(air)
    datagram = written(sent, PushFlag(air.push_flag), reference, profile)
    if isinstance(datagram, Unfit):
        return replace(produced, failure=datagram.reason)
    produced = replace(produced, datagram=datagram, ports=(GATEWAY_PORT, air.port))
    sms = ShortMessageSettings(
        max_segments=air.max_segments, reference_bits=int(air.reference_bits)
    )
    user_data = user_data_of(datagram, air.port, reference, sms)
    if isinstance(user_data, Unfit):
        return replace(produced, failure=f"by SMS: {user_data.reason}")
    return _short_messages(produced, user_data, number, asked, air, now)


def _profile(air: Air) -> HeaderProfile:
    if not _VERSION.fullmatch(air.encoding_version):
        raise AskedWronglyError(f"--encoding-version: {air.encoding_version!r} is none, as 1.2 is")
    profile = profile_for((("Encoding-Version", air.encoding_version),))
    return replace(profile, content_type_codes=not air.spell_out)


def _short_messages(
    produced: Produced,
    user_data: Sequence[bytes],
    number: str,
    asked: Submission,
    air: Air,
    now: Instant,
) -> Produced:
    coding = DataCoding(air.data_coding.number)
    whole = [UserData.of_octets(each, coding) for each in user_data]
    to, source = Address.parse(number), Address.parse(air.source)
    at = Timestamp.of(to_datetime(now))
    messages = [ShortMessage(number, each) for each in user_data]
    writing = Writing(
        style=air.smpp_style,
        data_coding=air.data_coding.number,
        source=Number(source.value, source.type_of_number, source.numbering_plan),
    )
    outgoing = Writer(writing).requests(messages, _wish(asked, now), now)
    last = len(whole) - 1
    return replace(
        produced,
        user_data=user_data,
        submits=[
            SmsSubmit(to, each, message_reference=n & 0xFF).encode() for n, each in enumerate(whole)
        ],
        delivers=[
            SmsDeliver(source, at, each, more_messages=n < last).encode()
            for n, each in enumerate(whole)
        ],
        requests=[_numbered(each.pdu, n) for n, each in enumerate(outgoing, 1)],
    )


def _wish(asked: Submission, now: Instant) -> SubmissionWish:
    """Return what the gateway tells the SMSC besides; its own settings are those of the start."""
    begin = instant_of("--deliver-after", asked.deliver_after) or now
    end = instant_of("--deliver-before", asked.deliver_before)
    return SubmissionWish(
        later(max(begin, now), SubmissionLimits().max_age_ms) if end is None else end,
        receipt=asked.wait or asked.notify_to is not None,
        urgent=asked.priority is Priority.HIGH,
    )


def _numbered(pdu: Pdu | PreparedPdu, number: int) -> bytes:
    if isinstance(pdu, PreparedPdu):
        return encode_header(pdu.command_id, 0, number, pdu.body)
    return encode_pdu(replace(pdu, sequence_number=number))
