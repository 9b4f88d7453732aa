"""What a registrar granted: the answer to a REGISTER, read by the client (RFC 3261 10.2.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from omapush.core.instants import MINUTE_MS, SECOND_MS, Instant, later
from omapush.ota.sip.plain_text import is_plain
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.header_fields import (
    NameAddress,
    addresses,
    expires,
    parse_seconds,
)
from omapush.protocols.sip.message import SipMessage, SipResponse

# 3GPP TS 24.229: a longer registration is refreshed so long before its end, a shorter one at half.
_SHORT_MS = 20 * MINUTE_MS
_EARLY_MS = 10 * MINUTE_MS
MAX_CONTACTS = 256
"""Contacts of one user that are looked through."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A registration that holds.

    :ivar refresh_at: when it is to be refreshed; ``expires_at``: when it ends.
    :ivar public_gruu: by which this device is addressed, if the registrar makes such addresses.
    :ivar temporary_gruu: the same without telling who it is.
    :ivar service_route: the Route of requests from now, in order (RFC 3608).
    :ivar identities: what the user is called, the default first (P-Associated-URI).
    :ivar path: the elements through which requests come, for people (RFC 3327).
    :ivar is_outbound: the registrar keeps the connection with the binding (RFC 5626).
    :ivar flow_timer_s: how often the connection has to be heard of, if the edge says so.
    """

    refresh_at: Instant
    expires_at: Instant
    public_gruu: str | None = None
    temporary_gruu: str | None = None
    service_route: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    is_outbound: bool = False
    flow_timer_s: int | None = None


def read_granted(
    response: SipResponse, own: NameAddress, asked_s: int, now: Instant
) -> Granted | None:
    """Read a 2xx to a REGISTER; ``None``: it says that the contact is not registered.

    What is malformed and not needed is passed over. Feature tags need not come back.

    :param own: the Contact that was sent.
    :param asked_s: for how long.
    """
    mine = _own_contact(response, own)
    seconds = _seconds(response, mine, asked_s)
    if seconds <= 0:
        return None
    lasts = seconds * SECOND_MS
    early = lasts // 2 if lasts <= _SHORT_MS else _EARLY_MS
    parameters = own.parameters if mine is None else mine.parameters
    return Granted(
        refresh_at=later(now, lasts - early),
        expires_at=later(now, lasts),
        public_gruu=_plain(parameters.get("pub-gruu")),
        temporary_gruu=_plain(parameters.get("temp-gruu")),
        service_route=_route(response, "Service-Route"),
        identities=tuple(
            one.uri for one in _addresses(response, "P-Associated-URI") if is_plain(one.uri)
        ),
        path=_route(response, "Path"),
        is_outbound="outbound" in (one.lower() for one in response.headers.listed("Require")),
        flow_timer_s=_number(response, "Flow-Timer"),
    )


def min_expires_s(response: SipResponse) -> int | None:
    """Return the shortest registration that the registrar grants (423), if it says so."""
    return _number(response, "Min-Expires")


def _plain(text: str | None) -> str | None:
    return text if text is not None and is_plain(text) else None


def _route(response: SipResponse, name: str) -> tuple[str, ...]:
    """Return the elements of a route, as they are; nothing if one could not be sent to."""
    listed = response.headers.listed(name)
    return listed if all(is_plain(one) for one in listed) else ()


def _own_contact(response: SipResponse, own: NameAddress) -> NameAddress | None:
    """Return the Contact of the answer that is ours: by its URI, or else by its device."""
    listed = _addresses(response, "Contact")[:MAX_CONTACTS]
    by_uri = next((one for one in listed if _same_uri(one, own)), None)
    if by_uri is not None:
        return by_uri
    instance = own.parameters.get("+sip.instance")
    return next(
        (
            one
            for one in listed
            if instance is not None
            and one.parameters.get("+sip.instance") == instance
            and one.parameters.get("reg-id") == own.parameters.get("reg-id")
        ),
        None,
    )


def _same_uri(one: NameAddress, other: NameAddress) -> bool:
    if one.uri == other.uri:
        return True
    try:
        return one.sip_uri().is_equivalent(other.sip_uri())
    except BadSipMessage:
        return False


def _seconds(response: SipResponse, mine: NameAddress | None, asked_s: int) -> int:
    given = mine.parameters.get("expires") if mine is not None else None
    try:
        of_all = expires(response) if given is None else parse_seconds(given)
    except BadSipMessage:
        of_all = None
    return asked_s if of_all is None else of_all


def _number(response: SipResponse, name: str) -> int | None:
    value = response.headers.first(name)
    try:
        return None if value is None else parse_seconds(value)
    except BadSipMessage:
        return None


def _addresses(message: SipMessage, name: str) -> Sequence[NameAddress]:
    try:
        return addresses(message, name)
    except BadSipMessage:
        return ()
