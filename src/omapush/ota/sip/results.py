"""What the final answers of SIP and MSRP mean for a push, and which answers the client gives.

One table says it all. An X-Wap-Push-Status beside an answer counts more than the answer, as in
OTA-HTTP: then a push client has judged the push, and no element on the way. The statuses of SIP are
the only ones that say that nobody is registered, or that another method is needed; what is to be
tried next is a :class:`Next` beside the outcome [design].
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from omapush.core.errors import DecodeError, LimitError
from omapush.core.instants import DAY_MS, SECOND_MS
from omapush.ota.interface import (
    BearerUnavailable,
    ClientRequest,
    OutcomeKind,
    PoConfirmedPushRes,
    PoPushAbortReq,
    PushOutcome,
    PushStatus,
    Undelivered,
)
from omapush.ota.push_headers import PUSH_STATUS, format_push_status, parse_push_status, printable
from omapush.ota.sip.core import NoFinalAnswer
from omapush.ota.sip.envelope import CONTENT_TYPE
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.header_fields import parse_retry_after
from omapush.protocols.sip.message import SipHeaders, SipResponse

TAKEN = 400
"""The push status of a push that the application took (WAP-235, 7.4.2.1)."""


class Next(enum.Enum):
    """What the gateway may do about an answer at once, before the outcome counts."""

    NOTHING = "nothing"
    OTHER_METHOD = "other method"
    """INVITE instead of MESSAGE, or the other way round; once."""
    BARE_FORM = "bare form"
    """The same without the envelope: the client takes the content's type, and no envelope."""
    REGISTRATION = "registration"
    """Nobody is registered there: wait until the client is, or ask it to register (SIR)."""
    OTHER_CONTACT = "other contact"
    """The answer names other addresses; to be followed within the own domain only."""
    CREDENTIALS = "credentials"
    """Authenticate to the core; once."""
    OTHER_HOP = "other hop"
    """Another next hop or transport may fare better."""


class Method(enum.Enum):
    """How a push is carried."""

    MESSAGE = "MESSAGE"
    INVITE = "INVITE"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means: the outcome if nothing further is tried, and what may be tried."""

    outcome: PushOutcome
    next: Next = Next.NOTHING


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row of the table of answers.

    :ivar status: the push status that the answer amounts to, told to the initiator; ``None``: the
        push did not get to any push client.
    :ivar cause: why it is not delivered, where PAP has a code of its own for that.
    """

    kind: OutcomeKind
    status: PushStatus | None = None
    next: Next = Next.NOTHING
    cause: Undelivered | None = None


_L, _N, _D = OutcomeKind.LATER, OutcomeKind.NEVER, OutcomeKind.IN_DOUBT
_REFUSED = Meaning(_N, PushStatus.USERRFS)
_UNDELIVERABLE = Meaning(_N)
_NOT_FOUND = Meaning(_N, cause=Undelivered.ADDRESS_NOT_FOUND)
_NO_METHOD = Meaning(_N, next=Next.OTHER_METHOD, cause=Undelivered.METHOD_NOT_POSSIBLE)
_NO_TYPE = Meaning(_N, PushStatus.USERDCU, Next.OTHER_METHOD)
_TOO_LARGE = Meaning(_N, PushStatus.USERDCR, Next.OTHER_METHOD)
_AWAY = Meaning(_L, next=Next.REGISTRATION)
_BUSY = Meaning(_L, PushStatus.USERDCR)
_TROUBLE = Meaning(_L, next=Next.OTHER_HOP)
_REDIRECTED = Meaning(_N, next=Next.OTHER_CONTACT)
_CREDENTIALS = Meaning(_N, next=Next.CREDENTIALS)

ANSWERS: Mapping[int, Meaning] = {
    300: _REDIRECTED,
    400: _REFUSED,
    401: _CREDENTIALS,
    403: _REFUSED,
    404: _NOT_FOUND,
    405: _NO_METHOD,
    406: Meaning(_N, PushStatus.USERDCU),
    407: _CREDENTIALS,
    408: Meaning(_D),
    410: _NOT_FOUND,
    413: _TOO_LARGE,
    415: _NO_TYPE,
    420: _REFUSED,
    421: _UNDELIVERABLE,
    430: _AWAY,
    480: _AWAY,
    481: Meaning(_L, PushStatus.USERREQ),
    485: _NOT_FOUND,
    486: _BUSY,
    488: Meaning(_N, PushStatus.USERDCU, Next.OTHER_METHOD),
    489: _UNDELIVERABLE,
    493: _REFUSED,
    494: _UNDELIVERABLE,
    500: _TROUBLE,
    501: _NO_METHOD,
    502: _TROUBLE,
    503: _TROUBLE,
    504: _TROUBLE,
    505: _UNDELIVERABLE,
    513: _TOO_LARGE,
    580: _UNDELIVERABLE,
    600: _BUSY,
    603: _REFUSED,
    604: _REFUSED,
    606: Meaning(_N, PushStatus.USERDCU),
}
"""What a final answer means that comes without X-Wap-Push-Status. One that is not here means what
the x00 of its hundred does (RFC 3261 8.1.3.2); 3xx all mean the same, and 6xx are refusals."""

MSRP_ANSWERS: Mapping[int, Meaning] = {
    400: _REFUSED,
    403: _REFUSED,
    408: Meaning(_D),
    413: Meaning(_N, PushStatus.USERDCR),
    415: Meaning(_N, PushStatus.USERDCU),
    423: _REFUSED,
    481: Meaning(_L, PushStatus.USERREQ),
    501: Meaning(_N, cause=Undelivered.METHOD_NOT_POSSIBLE),
    506: Meaning(_L, PushStatus.USERREQ),
}
"""What the status of an MSRP REPORT or response means without X-Wap-Push-Status (RFC 4975 10)."""


# -- the gateway's side --


def verdict_of(
    delivery_id: str,
    method: Method,
    response: SipResponse,
    *,
    confirmed: bool,
    media_type: str = "",
) -> Verdict:
    """Return what the final answer to a MESSAGE means, or the answer to an INVITE but a 2xx.

    :param confirmed: whether the initiator wants to know that the application took it.
    :param media_type: of the content; decides whether the bare form is worth a try.
    """
    words = _words(response)
    wait_ms = _retry_after_ms(response)
    given = parse_push_status(response.headers.first(PUSH_STATUS))
    if given is not None and _is_refusal(given[0]):
        return Verdict(_told(delivery_id, given[0], words, wait_ms, confirmed=confirmed))
    if response.is_success:
        return Verdict(_after_success(delivery_id, response, words, confirmed=confirmed))
    meaning = _meaning(response.status)
    following, kind = meaning.next, meaning.kind
    if response.status == 413 and wait_ms is not None:
        kind = OutcomeKind.LATER  # short of resources only for now (RFC 3261 21.4.11)
    if response.status in (408, 487) and method is Method.INVITE:
        kind = OutcomeKind.LATER  # nothing of the push had been sent
    if response.status == 415 and _takes_bare(response, media_type):
        following = Next.BARE_FORM
    elif response.status in (413, 513) and method is Method.INVITE:
        following = Next.NOTHING
    outcome = PushOutcome(
        delivery_id, kind, words, meaning.status, wait_ms, undelivered=meaning.cause
    )
    return Verdict(outcome, following)


def verdict_of_failure(delivery_id: str, method: Method, failure: BearerUnavailable) -> Verdict:
    """Return what it means that no final answer came."""
    in_doubt = isinstance(failure, NoFinalAnswer) and method is Method.MESSAGE
    kind = OutcomeKind.IN_DOUBT if in_doubt else OutcomeKind.LATER
    following = Next.NOTHING if isinstance(failure, NoFinalAnswer) else Next.OTHER_HOP
    return Verdict(PushOutcome(delivery_id, kind, failure.reason), following)


def outcome_of_report(
    delivery_id: str, status: int, comment: str = "", push_status: str | None = None
) -> PushOutcome:
    """Return what the status in an MSRP REPORT, or in the response to a SEND, means.

    :param status: three digits, such as 200.
    :param push_status: the value of X-Wap-Push-Status beside it.
    """
    given = parse_push_status(push_status)
    if given is not None:
        words = f"{PUSH_STATUS} {printable((push_status or '').strip())}"
        if _is_refusal(given[0]):
            return _told(delivery_id, given[0], words, None, confirmed=True)
        if 200 <= status <= 299:
            return PushOutcome(delivery_id, OutcomeKind.DONE, words, given[0])
    words = f"MSRP {status} {printable(comment)}".rstrip()
    if 200 <= status <= 299:
        return PushOutcome(delivery_id, OutcomeKind.DONE, words, TAKEN)
    meaning = MSRP_ANSWERS.get(status, _REFUSED)
    return PushOutcome(delivery_id, meaning.kind, words, meaning.status, undelivered=meaning.cause)


def _meaning(status: int) -> Meaning:
    hundred = status // 100 * 100
    fallback = ANSWERS[603] if hundred == 600 else ANSWERS.get(hundred, _UNDELIVERABLE)
    return ANSWERS.get(status, fallback)


def _after_success(
    delivery_id: str, response: SipResponse, words: str, *, confirmed: bool
) -> PushOutcome:
    """202: something on the way has stored it, and its answer is the last (RFC 3428 7)."""
    if response.status == 202 and confirmed:
        reason = f"{words}: stored on the way, and nobody will report"
        return PushOutcome(delivery_id, OutcomeKind.HANDED_OVER, reason)
    return PushOutcome(delivery_id, OutcomeKind.DONE, words, TAKEN)


def _told(
    delivery_id: str, status: int, words: str, wait_ms: int | None, *, confirmed: bool
) -> PushOutcome:
    """Return the outcome of a push that a push client has refused.

    An unconfirmed one has been sent to it, and that is all that was asked for: what it says counts
    for trying again only.
    """
    if status in (PushStatus.USERREQ, PushStatus.USERDCR):
        kind = OutcomeKind.LATER
    else:
        kind = OutcomeKind.NEVER if confirmed else OutcomeKind.DONE
    return PushOutcome(delivery_id, kind, words, status, wait_ms)


def _is_refusal(status: int) -> bool:
    return 234 <= status <= 299 or 600 <= status <= 699


def _words(response: SipResponse) -> str:
    given = response.headers.first(PUSH_STATUS)
    said = f"SIP {response.status} {printable(response.reason)}".rstrip()
    return said if given is None else f"{said}, {PUSH_STATUS} {printable(given.strip())}"


def _takes_bare(response: SipResponse, media_type: str) -> bool:
    taken = {one.partition(";")[0].strip().lower() for one in response.headers.listed("Accept")}
    return bool(media_type) and media_type in taken and CONTENT_TYPE not in taken


def _retry_after_ms(response: SipResponse) -> int | None:
    value = response.headers.first("Retry-After")
    if value is None:
        return None
    try:
        return min(parse_retry_after(value).seconds * SECOND_MS, DAY_MS)
    except BadSipMessage:
        return None


# -- the client's side --

_BY_STATUS: Mapping[int, tuple[int, str]] = {
    PushStatus.USERREQ: (480, "Temporarily Unavailable"),
    PushStatus.USERRFS: (603, "Decline"),
    # Not 404, which would say that there is no such user.
    PushStatus.USERPND: (480, "Temporarily Unavailable"),
    PushStatus.USERDCR: (486, "Busy Here"),
    PushStatus.USERDCU: (415, "Unsupported Media Type"),
}
_DECLINED = (603, "Decline")

RETRY_AFTER_S = 10
"""What a client that is short of resources asks the gateway to wait, in seconds."""


def accepted() -> SipResponse:
    """Return the answer to a push that its application took: no body (RFC 3428 7)."""
    status = (PUSH_STATUS, format_push_status(TAKEN, "Accepted"))
    return SipResponse(200, "OK", SipHeaders((status,)))


def refusal(
    status: PushStatus,
    reason: str,
    *,
    accept: Iterable[str] = (),
    retry_after_s: int = RETRY_AFTER_S,
) -> SipResponse:
    """Return the answer that refuses a push.

    :param accept: the types that the client takes, told where the type was the reason.
    :param retry_after_s: told where resources are short.
    """
    code, phrase = _BY_STATUS.get(status, _DECLINED)
    headers = [(PUSH_STATUS, format_push_status(status, reason))]
    if code == 415:
        headers.append(("Accept", ", ".join((CONTENT_TYPE, *accept))))
    elif code == 486:
        headers.append(("Retry-After", str(retry_after_s)))
    return SipResponse(code, phrase, SipHeaders(tuple(headers)))


def untrusted(reason: str) -> SipResponse:
    """Return the answer to a gateway whose pushes are not taken."""
    status = (PUSH_STATUS, format_push_status(PushStatus.USERRFS, reason))
    return SipResponse(403, "Forbidden", SipHeaders((status,)))


def unreadable(error: DecodeError) -> SipResponse:
    """Return the answer to a body that could not be read as a push message."""
    if isinstance(error, LimitError):
        status, code, phrase = PushStatus.USERDCR, 413, "Request Entity Too Large"
    elif error.position == "Content-Encoding":
        status, code, phrase = PushStatus.USERDCU, 415, "Unsupported Media Type"
    else:
        status, code, phrase = PushStatus.USERRFS, 400, "Bad Request"
    headers = SipHeaders(((PUSH_STATUS, format_push_status(status, str(error))),))
    if code == 415:
        headers = headers.added(("Accept-Encoding", "deflate, identity"))
    return SipResponse(code, phrase, headers)


def answer_of(primitive: ClientRequest, *, accept: Iterable[str] = ()) -> SipResponse:
    """Return the answer to a MESSAGE by what the application said of it."""
    match primitive:
        case PoConfirmedPushRes():
            return accepted()
        case PoPushAbortReq(status=status, reason=reason):
            return refusal(status, reason, accept=accept)
