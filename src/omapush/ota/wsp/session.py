"""What both ends of a push session share (WAP-235, 6.2): who it is for, and why pushes fail.

A push session is a WSP session that allows pushes, confirmed ones or others. The client opens it,
and says in the headers of its Connect what it takes: the same as OTA-HTTP's CPI, by other names.
"""

from __future__ import annotations

from collections.abc import Iterable

from omapush.content.message import Header
from omapush.ota.http import cpi
from omapush.ota.interface import ClientCapabilities, OutcomeKind, PushStatus, RegistrationInd
from omapush.protocols.wdp import Port
from omapush.protocols.wsp.assigned_numbers import AbortReason
from omapush.protocols.wsp.capabilities import DEFAULTS, Capabilities, ProtocolOption
from omapush.protocols.wsp.session_primitives import reason_name

SESSION_PORT = Port.SESSION.value
"""The WAP session service (WAP-259, appendix B)."""

PUSH_OPTIONS = (
    ProtocolOption.PUSH
    | ProtocolOption.CONFIRMED_PUSH
    | ProtocolOption.SESSION_RESUME
    | ProtocolOption.ACKNOWLEDGEMENT_HEADERS
)

ANY_SIZE = cpi.MAX_NUMBER

_ANY_BEARER = "00"
"""WDP's code of any network with IPv4: a gateway learns nothing from it."""

# WSP's name of the header, and the one under which OTA-HTTP says the same (WAP-235, 7.2.5.5).
_SAME = (
    ("accept", cpi.ACCEPT),
    ("accept-charset", cpi.ACCEPT_CHARSET),
    ("accept-encoding", cpi.ACCEPT_ENCODING),
    ("accept-language", cpi.ACCEPT_LANGUAGE),
    ("accept-application", cpi.ACCEPT_APP_ID),
)
_ANYTHING = ("*/*",)
_POINTLESS = (AbortReason.PROTOERR, AbortReason.MRUEXCEEDED)


def registration_of(capabilities: Capabilities, headers: Iterable[Header]) -> RegistrationInd:
    """Return what a Connect says about the client.

    What a client does not mention it takes, but for the sizes, which have WSP's defaults.
    """
    said: dict[str, list[str]] = {}
    for name, value in headers:
        said.setdefault(name.lower(), []).append(value)
    size = _or(capabilities.client_sdu_size, DEFAULTS.client_sdu_size)
    pushes = _or(capabilities.push_mor, DEFAULTS.push_mor)
    takes = ClientCapabilities(
        accept=tuple(said.get("accept", _ANYTHING)),
        accept_charset=tuple(said.get("accept-charset", ("*",))),
        accept_encoding=tuple(said.get("accept-encoding", ("identity",))),
        accept_language=tuple(said.get("accept-language", ("*",))),
        accept_app_id=tuple(said.get("accept-application", ("*",))),
        max_message_size=size or ANY_SIZE,
        max_push_requests=max(1, pushes),
    )
    profiles = [(cpi.PROFILE, f'"{uri}"') for uri in said.get("profile", [])]
    told = (*cpi.to_headers(takes), *profiles)
    bearer = said.get("bearer-indication", [None])[0]
    return RegistrationInd(None, bearer, cpi.tag(told), takes, told)


def connect_headers(takes: ClientCapabilities, bearer_indication: str | None) -> tuple[Header, ...]:
    """Return the headers of a Connect by a client that takes this; one entry a header.

    The indication of any bearer at all is left out: it says nothing, may be left out (WAP-235,
    8.2), and Kannel's gateway falls over it when a push waits for the session.
    """
    lists = dict(zip((name for _, name in _SAME), _lists(takes), strict=True))
    headers = [
        (name.title(), entry)
        for name, same in _SAME
        for entry in lists[same]
        if entry != "*" or name == "accept-application"
    ]
    if bearer_indication not in (None, _ANY_BEARER):
        headers.append(("Bearer-Indication", bearer_indication))
    return tuple(headers)


def connect_capabilities(takes: ClientCapabilities) -> Capabilities:
    """Return what a client that takes this proposes."""
    return Capabilities(
        client_sdu_size=takes.max_message_size,
        protocol_options=PUSH_OPTIONS,
        push_mor=min(takes.max_push_requests, 255),
    )


def outcome_of_abort(reason: int, *, by_peer: bool, sent: bool) -> tuple[OutcomeKind, int | None]:
    """Return how an attempt ended that was aborted, and what the client said (WAP-235, 6.1.3).

    Reasons are WSP's, or WTP's below 0xE0. A client that says no more than that it gave up a
    transaction may have taken the push before; only what it says as its user is a verdict. What our
    own end refuses to send, because it is too long for the client or cannot be said in its session,
    it would refuse again.
    """
    if by_peer and PushStatus.USERREQ <= reason <= PushStatus.USERDCU:
        status = PushStatus(reason)
        return (OutcomeKind.LATER if status.may_retry else OutcomeKind.NEVER), reason
    if not sent and reason in _POINTLESS:
        return OutcomeKind.NEVER, None
    return (OutcomeKind.LATER if by_peer or not sent else OutcomeKind.IN_DOUBT), None


def abort_sentence(reason: int, *, by_peer: bool, sent: bool) -> str:
    """Say for the timeline why a push was aborted."""
    name = reason_name(reason)
    if by_peer:
        return f"the client aborted it: {name}"
    return f"sent, and not confirmed: {name}" if sent else f"not sent: {name}"


def _lists(takes: ClientCapabilities) -> tuple[tuple[str, ...], ...]:
    return (
        takes.accept,
        takes.accept_charset,
        takes.accept_encoding,
        takes.accept_language,
        takes.accept_app_id,
    )


def _or(value: int | None, default: int | None) -> int:
    return (default or 0) if value is None else value
