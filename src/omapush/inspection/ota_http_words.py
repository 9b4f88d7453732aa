"""What the headers of OTA-HTTP say, in words (WAP-235, 7.2 to 7.6)."""

from __future__ import annotations

import re
from collections.abc import Callable

from omapush.content import client_id as client_ids
from omapush.content.application_id import HEADER as APPLICATION_ID
from omapush.content.application_id import ApplicationId
from omapush.content.client_id import ClientIdType
from omapush.core.errors import DecodeError
from omapush.ota import push_headers
from omapush.ota.http import authentication, cpi, headers
from omapush.ota.http.authentication import BasicCredentials, Challenge, DigestCredentials, Refusal
from omapush.protocols.wdp import BEARERS

STATUSES = {
    234: "USERREQ: aborted, no cause given; it may be sent again",
    235: "USERRFS: aborted, no cause given; it is not to be sent again",
    236: "USERPND: the application is not known; it is not to be sent again",
    237: "USERDCR: discarded, a resource ran short; it may be sent again",
    238: "USERDCU: the content type cannot be processed; it is not to be sent again",
    256: "the CPITag is missing or not current: register, then send again",
    257: "no provisioning context has this ProvURL",
    300: "registration rejected; it may be tried again",
    301: "registration rejected; it is not to be tried again",
    302: "registration rejected: no provisioning context has this ProvURL",
    400: "accepted; the CPITag was current, or there was none",
    401: "accepted, though the CPITag was not current",
    500: "registered; the CPITag is current",
    501: "registered; the CPI is here, as the tag was missing or not current",
    600: "the OTA-HTTP version is not supported",
}
_BEARER = re.compile(r"[0-9A-Fa-f]{2}")
_RANGES = (
    (234, 299, "push rejected"),
    (300, 399, "registration rejected"),
    (400, 499, "push accepted"),
    (500, 599, "registered"),
    (600, 699, "rejected"),
)
_INFO = {
    "authenticated": "the initiator is authenticated",
    "trusted": "the content is trusted",
    "last": "no more to come for now",
    "response": "the answer may have a body",
}
_CLIENT_IDS = {
    ClientIdType.ASSIGNED: "id assigned by an operator",
    ClientIdType.NAI: "network access identifier",
    ClientIdType.PUSH_ADDRESS: "WAP push address",
    ClientIdType.ICCID: "ICCID",
    ClientIdType.MIN: "MIN",
    ClientIdType.ESN: "ESN",
    ClientIdType.MSISDN: "MSISDN",
    ClientIdType.IMSI: "IMSI",
    ClientIdType.IPV4: "IPv4 address",
    ClientIdType.IPV6: "IPv6 address",
    ClientIdType.ITSI: "ITSI",
    ClientIdType.MAN: "MAN",
}


def words_for(name: str, value: str) -> str | None:
    """Return what a header says; ``None``: it says it itself, or is no matter of push."""
    words = _WORDS.get(name.lower())
    return None if words is None else words(value)


def status_words(status: int) -> str:
    """Return what X-Wap-Push-Status means; of an unknown one, what its range does."""
    known = STATUSES.get(status)
    if known is not None:
        return known
    ranges = (words for first, last, words in _RANGES if first <= status <= last)
    return f"{next(ranges, 'not a status')}, with a status of its own"


def client_id_words(text: str) -> str:
    """Return which kind of Client ID a Terminal-ID is (WAP-196, 6.1)."""
    read = client_ids.read(text)
    if read is None:
        return "no Client ID: a name of its own"
    words = _CLIENT_IDS[read.type]
    if read.type in (ClientIdType.IPV4, ClientIdType.IPV6):
        return f"{words} {read.address}" if read.address is not None else f"{words}, not one"
    return f"{words} {read.value}"


def bearer_words(value: str) -> str:
    """Return the name of a bearer (WDP, appendix C)."""
    bearer = BEARERS.get(int(value, 16)) if _BEARER.fullmatch(value) else None
    return "no bearer of WDP" if bearer is None else str(bearer)


def _push_status(value: str) -> str:
    read = push_headers.parse_push_status(value)
    return "not three digits and a text" if read is None else status_words(read[0])


def _push_info(value: str) -> str:
    tokens = (token.strip().lower() for token in value.split(","))
    return "; ".join(_INFO.get(token, f"{token[:40]} is passed over") for token in tokens)


def _version(value: str) -> str | None:
    chosen = headers.choose_version(value)
    return None if chosen is not None else f"no version that goes with {headers.OUR_VERSION}"


def _tag(value: str) -> str:
    octets = cpi.tag_octets(value.strip())
    return "not four octets: no SIR can name it" if octets is None else f"octets {octets.hex(' ')}"


def _application(value: str) -> str | None:
    try:
        application = ApplicationId.parse(value)
    except DecodeError as error:
        return error.reason
    return None if application.canonical == value else application.canonical


def _other_name(_: str) -> str:
    return f"another name of {cpi.MAX_MSG_SIZE}"


def _credentials(value: str) -> str:
    try:
        read = authentication.parse_credentials(value)
    except DecodeError as error:
        return error.reason
    match read:
        case BasicCredentials(username=username):
            return f"Basic of {username}; the password is not shown"
        case DigestCredentials(username=username, realm=realm, algorithm=algorithm):
            return f"Digest {algorithm.value} of {username} at {realm}; the proof is not shown"
        case Refusal():
            return _refusal(read)


def _challenge(value: str) -> str:
    try:
        read = authentication.parse_challenges([value])
    except DecodeError as error:
        return error.reason
    return "; ".join(_one_challenge(each) for each in read) or "nothing that OTA-HTTP can answer"


def _one_challenge(challenge: Challenge | Refusal) -> str:
    if isinstance(challenge, Refusal):
        return _refusal(challenge)
    status = challenge.auth_status
    again = "" if status is None else f" ({status.value}: the answer before was wrong)"
    algorithm = f" {challenge.algorithm.value}" if challenge.nonce else ""
    return f"{challenge.scheme.value}{algorithm} wanted by {challenge.realm}{again}"


def _refusal(refusal: Refusal) -> str:
    return f"refused, {refusal.auth_status.value}"


_WORDS: dict[str, Callable[[str], str | None]] = {
    headers.VERSION.lower(): _version,
    headers.CPI_TAG.lower(): _tag,
    headers.TERMINAL_ID.lower(): lambda value: client_id_words(value.strip()),
    headers.BEARER_INDICATION.lower(): lambda value: bearer_words(value.strip()),
    push_headers.PUSH_STATUS.lower(): _push_status,
    push_headers.PUSH_INFO.lower(): _push_info,
    push_headers.PUSH_ID.lower(): lambda _: "our own: by it a client recognises a repetition",
    "x-wap-push-msgsize": _other_name,
    APPLICATION_ID.lower(): _application,
    authentication.AUTHORIZATION.lower(): _credentials,
    authentication.X_WAP_AUTHORIZATION.lower(): _credentials,
    authentication.CHALLENGE.lower(): _challenge,
    authentication.X_WAP_CHALLENGE.lower(): _challenge,
}
