"""A push that arrived, by MESSAGE or in a session: what it says, and who it is from.

The core vouches for the sender: it takes P-Asserted-Identity away from whoever it does not trust
(RFC 3325). So the header counts only in requests that an element of the core has sent; From never
counts, for everybody may write anything there. Whether pushes of that sender are taken is for the
whitelists to judge.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from omapush.content.application_id import HEADER as APPLICATION_ID
from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.core.errors import DecodeError, LimitError
from omapush.core.instants import SECOND_MS, Instant, later
from omapush.ota.interface import PoConfirmedPushInd, PushSource, PushStatus
from omapush.ota.push_headers import PUSH_ID, PUSH_INFO, PUSH_SIZE, parse_push_info
from omapush.ota.sip import push_resource_identifier
from omapush.ota.sip.core import Origin
from omapush.ota.sip.envelope import decode_push
from omapush.ota.sip.plain_text import is_plain
from omapush.ota.sip.push_features import PushFeatures, asked_for
from omapush.ota.sip.results import refusal, unreadable
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.header_fields import NameAddress, expires, parse_date
from omapush.protocols.sip.message import Field, SipHeaders, SipRequest, SipResponse

PROTOCOL = "OTA-SIP"
MAX_PUSH_ID = 128
"""Characters of an X-Push-Id; a longer one, or one that is no ASCII, is as good as none."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """What the client knows when a push comes.

    :ivar applications: push application ids of all that are registered: by them a feature tag is
        understood that the OMNA registry does not know.
    :ivar max_message_size: octets of the largest content that is taken.
    """

    applications: tuple[str, ...] = ()
    max_message_size: int = 65_536


@dataclass(frozen=True, slots=True)
class EarlyWord:
    """What an INVITE tells of the push that is to come through its session.

    :ivar application: which application it is for; ``None``: not told.
    :ivar size: octets of its content; ``None``: not told.
    """

    source: PushSource
    application: ApplicationId | None
    size: int | None


def read_message(
    request: SipRequest, origin: Origin, reference: str, recipient: Recipient, now: Instant
) -> PoConfirmedPushInd | SipResponse:
    """Read the push in a MESSAGE; a response says that there is none to be taken, and why.

    :param reference: how the indication is to be named.
    """
    if is_expired(request, now):
        return refusal(PushStatus.USERREQ, "the push has expired")
    try:
        return _indication(request, request.headers, request.body, origin, reference, recipient)
    except DecodeError as error:
        return unreadable(error)


def read_session_push(
    invite: SipRequest,
    headers: Iterable[Field],
    body: bytes,
    origin: Origin,
    reference: str,
    recipient: Recipient,
) -> PoConfirmedPushInd:
    """Read a push that came complete through a session.

    :param invite: the request that opened the session: it says who sends, and what is asked for.
    :param headers: of the MSRP message, with its Content-Type and what they say of the push
        (``requests.marks``). Only the first push of a session may be named in the INVITE alone.
    :raises DecodeError: no push message. :raises LimitError: too large.
    """
    given = SipHeaders(tuple(headers))
    return _indication(invite, given, body, origin, reference, recipient)


def read_invite(
    invite: SipRequest, origin: Origin, recipient: Recipient
) -> EarlyWord | SipResponse:
    """Read what an INVITE tells of its push; a response refuses it before any content flows.

    The session description is not looked at.
    """
    asked = asked_for(invite.headers.every("Accept-Contact"))
    try:
        application = _application_in(invite.headers, asked, recipient)
    except DecodeError as error:
        return unreadable(error)
    size = (invite.headers.first(PUSH_SIZE) or "").strip()
    known = int(size) if size.isascii() and size.isdecimal() and len(size) <= 15 else None
    if known is not None and known > recipient.max_message_size:
        return refusal_of_size(known, recipient)
    return EarlyWord(source_of(invite, origin), application, known)


def refusal_of_size(size: int, recipient: Recipient) -> SipResponse:
    """Return the answer to a push that is larger than what is taken (413)."""
    return unreadable(LimitError(f"{size} octets, and {recipient.max_message_size} are taken"))


def is_expired(request: SipRequest, now: Instant) -> bool:
    """Whether the content is worth nothing any more: Expires counts from Date (RFC 3428 4).

    Without Date it counts from the arrival; what cannot be read is as good as none. An Expires of 0
    says that the push is for now or never (RFC 3428), so it is not expired on arrival.
    """
    date = request.headers.first("Date")
    try:
        lasts = expires(request)
        if not lasts or date is None:
            return False
        return now >= later(parse_date(date), lasts * SECOND_MS)
    except BadSipMessage:
        return False


def source_of(request: SipRequest, origin: Origin) -> PushSource:
    """Return who sent a request, as far as that is certain.

    ``address`` is of the element that it came from, which is the core's if there is one;
    ``identity`` is the sender's URI; of a sender outside of the core, a name that its verified
    certificate has. ``binding`` is the IARI that was asked for: only that instance of an
    application is meant.
    """
    asked = asked_for(request.headers.every("Accept-Contact"))
    return PushSource(
        protocol=PROTOCOL,
        bearer=origin.hop.transport.value,
        address=origin.hop.host,
        identity=asserted_identity(request) if origin.is_trusted else _certified(origin),
        binding=asked.instances[0] if asked.instances else "",
    )


def _certified(origin: Origin) -> str | None:
    if origin.certificate is None:
        return None
    return next(iter((*origin.certificate.uris, *origin.certificate.dns_names)), None)


def asserted_identity(request: SipRequest) -> str | None:
    """Return the identity that P-Asserted-Identity names, a SIP URI before any other."""
    found: list[str] = []
    for value in request.headers.listed("P-Asserted-Identity"):
        try:
            uri = NameAddress.parse(value).uri
        except BadSipMessage:
            continue
        if is_plain(uri):
            found.append(uri)
    of_sip = (uri for uri in found if uri.lower().startswith(("sip:", "sips:")))
    return next(of_sip, found[0] if found else None)


def _indication(
    request: SipRequest,
    beside: SipHeaders,
    body: bytes,
    origin: Origin,
    reference: str,
    recipient: Recipient,
) -> PoConfirmedPushInd:
    content_type = beside.first("Content-Type")
    message = decode_push(content_type, beside.fields, body, recipient.max_message_size)
    asked = asked_for(request.headers.every("Accept-Contact"))
    flags, _ = parse_push_info(beside.first(PUSH_INFO))
    push_id = (beside.first(PUSH_ID) or "").strip()
    is_known = 0 < len(push_id) <= MAX_PUSH_ID and is_plain(push_id)
    return PoConfirmedPushInd(
        reference=reference,
        message=_addressed(message, request.headers, asked, recipient),
        source=source_of(request, origin),
        flags=flags,
        push_id=push_id if is_known else None,
    )


def _addressed(
    message: PushMessage, headers: SipHeaders, asked: PushFeatures, recipient: Recipient
) -> PushMessage:
    """Return the message with the application that the request is for, if it names none itself.

    X-Wap-Application-Id counts more than the feature tag: it says what the initiator meant, and
    the tag only which contacts the core was to choose.
    """
    if message.get(APPLICATION_ID) is not None:
        return message
    application = _application_in(headers, asked, recipient)
    return message if application is None else message.replacing(APPLICATION_ID, str(application))


def _application_in(
    headers: SipHeaders, asked: PushFeatures, recipient: Recipient
) -> ApplicationId | None:
    """Return the application that a request names. :raises DecodeError: no legal form."""
    given = headers.first(APPLICATION_ID)
    if given is not None:
        return ApplicationId.parse(given)
    values = [one for one in asked.applications if one.upper() != push_resource_identifier.ANY]
    if not values:
        return None
    return push_resource_identifier.application_of(values[0], recipient.applications)
