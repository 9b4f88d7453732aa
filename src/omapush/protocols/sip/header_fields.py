"""The headers that a user agent reads itself: addresses, Via, CSeq, times.

Each reads on demand: most headers of most messages are only carried. The functions at the end take
a message and raise ``BadSipMessage`` if the header is missing or not of its form.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, field

from omapush.core.instants import SECOND_MS, Instant
from omapush.core.networks import written_host
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.lexical import (
    HOST,
    PARAMETERS,
    PORT,
    QUOTED,
    SPACE,
    TOKEN,
    quoted,
    unquoted,
)
from omapush.protocols.sip.message import SipMessage
from omapush.protocols.sip.parameters import Parameters
from omapush.protocols.sip.uri import SipUri

HIGHEST_CSEQ = 2**31 - 1
HIGHEST_HOPS = 255
LONGEST_S = 2**32 - 1
"""More seconds than that are read as that (RFC 3261 20.19)."""

_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*+:"
# In front of <> there may be anything that separates nothing: more than the tokens of the RFC.
_NAME_ADDRESS = rf'(?:({QUOTED})|([^"<>,;:]*+)){SPACE}<({_SCHEME}[^ \t<>"]++)>'
# Without <> nothing may stand in the URI that could belong to the header (RFC 3261 20).
_BARE = rf'({_SCHEME}[^ \t<>";,?]++)'
_ADDRESS = re.compile(rf"{SPACE}(?:{_NAME_ADDRESS}|{_BARE})", re.DOTALL)
ADDRESS_SHAPE = re.compile(rf"{SPACE}(?:{_NAME_ADDRESS}|{_BARE}){PARAMETERS}{SPACE}", re.DOTALL)
"""What From and To look like, for a check that reads nothing."""

_SENT_BY = (
    rf"{SPACE}/{SPACE}({TOKEN})[ \t]++"  # the transport, and who sent it
    rf"({HOST})(?:{SPACE}:{SPACE}({PORT}))?+"
)
_PROTOCOL = rf"{SPACE}SIP{SPACE}/{SPACE}"
# The sender of a version that is not served is told so, at the address in its Via.
_VIA = re.compile(rf"{_PROTOCOL}[0-9]++\.[0-9]++{_SENT_BY}", re.IGNORECASE)
_VIA_SHAPE = rf"{_PROTOCOL}2\.0{_SENT_BY}{PARAMETERS}{SPACE}"
VIA_SHAPE = re.compile(rf"{_VIA_SHAPE}(?:,{_VIA_SHAPE})*+", re.IGNORECASE | re.DOTALL)
"""What a Via header looks like, with one element or several."""

_PORT = re.compile(PORT)
CSEQ_SHAPE = re.compile(rf"([0-9]{{1,20}})[ \t]++({TOKEN})")
CALL_ID_SHAPE = re.compile(r"[^ \t]++")
_SECONDS = re.compile(r"[0-9]++")
_RETRY_AFTER = re.compile(
    rf"([0-9]++){SPACE}(\((?:[^()\\]|\\.)*+\))?+({PARAMETERS}){SPACE}", re.DOTALL
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),[ ]([0-9]{2})[ ]([A-Z][a-z]{2})[ ]([0-9]{4})[ ]"
    r"([0-9]{2}):([0-9]{2}):([0-9]{2})[ ]GMT"
)


@dataclass(frozen=True, slots=True)
class NameAddress:
    """An address with a name before it and parameters behind it: From, To, Contact, Route ...

    :ivar display_name: without quotation; ``None`` if there is none.
    :ivar uri: the URI as it is written, of whatever scheme; ``*`` in the Contact of a REGISTER that
        takes everything back (RFC 3261 10.2.2).
    """

    display_name: str | None
    uri: str
    parameters: Parameters = field(default_factory=Parameters)

    @classmethod
    def parse(cls, text: str) -> NameAddress:
        """Read one address, with or without ``<>``. :raises BadSipMessage: not of that form."""
        match = _ADDRESS.match(text)
        if match is None:
            raise BadSipMessage(f"not an address: {text[:80]!r}")
        name, plain, uri, bare = match.groups()
        parameters, end = Parameters.read(text, match.end())
        if text[end:].strip(" \t"):
            raise BadSipMessage(f"not the parameters of an address: {text[end : end + 80]!r}")
        display = unquoted(name) if name is not None else (plain or "").strip(" \t") or None
        return cls(display, bare or uri, parameters)

    @property
    def tag(self) -> str | None:
        """The tag of From and To."""
        return self.parameters.written("tag")

    @property
    def is_wildcard(self) -> bool:
        """Whether it is ``*``."""
        return self.uri == "*"

    def sip_uri(self) -> SipUri:
        """Return the URI in its parts. :raises BadSipMessage: not a SIP URI."""
        return SipUri.parse(self.uri)

    def __str__(self) -> str:
        if self.is_wildcard:
            return "*"
        name = "" if self.display_name is None else f"{quoted(self.display_name)} "
        return f"{name}<{self.uri}>{self.parameters}"


@dataclass(frozen=True, slots=True)
class Via:
    """One element of Via: who sent the message by which transport (RFC 3261 20.42).

    :ivar transport: in capital letters.
    :ivar host: an address or name; an IPv6 address in its brackets, as it is written.
    """

    transport: str
    host: str
    port: int | None
    parameters: Parameters = field(default_factory=Parameters)

    @classmethod
    def parse(cls, text: str) -> Via:
        """Read the first element of ``text``. :raises BadSipMessage: it is not of that form."""
        match = _VIA.match(text)
        if match is None:
            raise BadSipMessage(f"not a Via: {text[:80]!r}")
        transport, host, port = match.groups()
        parameters, end = Parameters.read(text, match.end())
        if text[end:].lstrip(" \t")[:1] not in ("", ","):
            raise BadSipMessage(f"not the parameters of a Via: {text[end : end + 80]!r}")
        return cls(transport.upper(), host, None if port is None else int(port), parameters)

    @property
    def branch(self) -> str | None:
        """What names the transaction (RFC 3261 8.1.1.7)."""
        return self.parameters.written("branch")

    @property
    def received(self) -> str | None:
        """The address that the message came from, if it was another than ``host``."""
        return self.parameters.written("received")

    @property
    def rport(self) -> int | None:
        """The port that the message came from (RFC 3581); ``None``: absent, or still empty."""
        written = self.parameters.written("rport")
        return int(written) if written and _PORT.fullmatch(written) else None

    def came_from(self, host: str, port: int) -> Via:
        """Return it with the source of the message filled in (RFC 3261 18.2.1, RFC 3581 4)."""
        parameters = self.parameters
        asks_for_port = parameters.has("rport")
        if asks_for_port:
            parameters = parameters.with_("rport", str(port))
        if asks_for_port or self.host.strip("[]").lower() != host.lower():
            parameters = parameters.with_("received", host)
        return Via(self.transport, self.host, self.port, parameters)

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {written_via_host(self.host)}{port}{self.parameters}"


def written_via_host(host: str) -> str:
    """Return ``host`` with brackets if it is an IPv6 address without them."""
    return host if host.startswith("[") else written_host(host)


@dataclass(frozen=True, slots=True)
class CSeq:
    """Number and method of a request (RFC 3261 20.16)."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Read it. :raises BadSipMessage: not of that form, or 2**31 or more."""
        match = CSEQ_SHAPE.fullmatch(text)
        if match is None or int(match[1]) > HIGHEST_CSEQ:
            raise BadSipMessage(f"not a CSeq: {text[:80]!r}")
        return cls(int(match[1]), match[2])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """When to come again (RFC 3261 20.33).

    :ivar seconds: after how long.
    :ivar comment: why, without its brackets.
    :ivar duration: how many seconds the callee will then be there.
    """

    seconds: int
    comment: str | None = None
    duration: int | None = None


def parse_seconds(text: str) -> int:
    """Read a number of seconds, at most ``LONGEST_S``. :raises BadSipMessage: not a number."""
    if not _SECONDS.fullmatch(text):
        raise BadSipMessage(f"not a number of seconds: {text[:40]!r}")
    digits = text.lstrip("0")
    return min(int(digits or "0"), LONGEST_S) if len(digits) <= 10 else LONGEST_S


def parse_retry_after(text: str) -> RetryAfter:
    """Read Retry-After. :raises BadSipMessage: not of its form."""
    match = _RETRY_AFTER.fullmatch(text)
    if match is None:
        raise BadSipMessage(f"not a Retry-After: {text[:80]!r}")
    comment = None if match[2] is None else match[2][1:-1]
    duration = Parameters.parse(match[3]).written("duration")
    return RetryAfter(
        parse_seconds(match[1]), comment, None if duration is None else parse_seconds(duration)
    )


def parse_date(text: str) -> Instant:
    """Read Date, which is in GMT (RFC 3261 20.17). :raises BadSipMessage: not of its form."""
    match = _DATE.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        raise BadSipMessage(f"not a date in GMT: {text[:40]!r}")
    day, year, hour, minute, second = (int(match[number]) for number in (1, 3, 4, 5, 6))
    month = _MONTHS.index(match[2]) + 1
    if year < 1970 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        raise BadSipMessage(f"no such date: {text[:40]!r}")
    if hour > 23 or minute > 59 or second > 60:
        raise BadSipMessage(f"no such time: {text[:40]!r}")
    return Instant(calendar.timegm((year, month, day, hour, minute, second)) * SECOND_MS)


def required(message: SipMessage, name: str) -> str:
    """Return the first header of a name. :raises BadSipMessage: there is none."""
    value = message.headers.first(name)
    if value is None:
        raise BadSipMessage(f"no {name}", name)
    return value


def top_via(message: SipMessage) -> Via:
    """Return who sent the message last."""
    return Via.parse(required(message, "Via"))


def vias(message: SipMessage) -> tuple[Via, ...]:
    """Return all elements of Via."""
    return tuple(Via.parse(one) for one in message.headers.listed("Via"))


def cseq(message: SipMessage) -> CSeq:
    """Return number and method."""
    return CSeq.parse(required(message, "CSeq"))


def call_id(message: SipMessage) -> str:
    """Return what names the call."""
    value = required(message, "Call-ID")
    if not CALL_ID_SHAPE.fullmatch(value):
        raise BadSipMessage(f"not a Call-ID: {value[:80]!r}")
    return value


def from_address(message: SipMessage) -> NameAddress:
    """Return who the message says it is from."""
    return NameAddress.parse(required(message, "From"))


def to_address(message: SipMessage) -> NameAddress:
    """Return who the message is for."""
    return NameAddress.parse(required(message, "To"))


def from_tag(message: SipMessage) -> str | None:
    """Return the tag of From; senders older than RFC 3261 have none."""
    return from_address(message).tag


def to_tag(message: SipMessage) -> str | None:
    """Return the tag of To; there is none outside of dialogs."""
    return to_address(message).tag


def addresses(message: SipMessage, name: str) -> tuple[NameAddress, ...]:
    """Return the addresses of a header that may have several: Route, Record-Route, Path ..."""
    return tuple(NameAddress.parse(one) for one in message.headers.listed(name))


def contacts(message: SipMessage) -> tuple[NameAddress, ...]:
    """Return the addresses in Contact; a ``*`` stands alone (RFC 3261 10.2.2)."""
    listed = message.headers.listed("Contact")
    if listed == ("*",):
        return (NameAddress(None, "*"),)
    return tuple(NameAddress.parse(one) for one in listed)


def expires(message: SipMessage) -> int | None:
    """Return the seconds of Expires, or ``None`` if it is not there."""
    value = message.headers.first("Expires")
    return None if value is None else parse_seconds(value)


def contact_expires(contact: NameAddress, message: SipMessage) -> int | None:
    """Return how many seconds a contact is to be kept: its own number, or that of the message
    (RFC 3261 10.2.1.1).

    A number of its own that cannot be read counts as an hour (RFC 3261 10.3).
    """
    own = contact.parameters.get("expires")
    if own is None:
        return expires(message)
    return parse_seconds(own) if _SECONDS.fullmatch(own) else 3_600


def max_forwards(message: SipMessage) -> int | None:
    """Return how many hops the message may still go, 0 to 255 (RFC 3261 20.22)."""
    value = message.headers.first("Max-Forwards")
    if value is None:
        return None
    hops = parse_seconds(value)
    if hops > HIGHEST_HOPS:
        raise BadSipMessage(f"not a Max-Forwards: {value[:40]!r}")
    return hops
