"""Client addresses: ``WAPPUSH=...`` (PPG 6.1), Push 2.3's URI form, and forms seen in the field.

::

    wappush-address = ["/"] "WAPPUSH=" client-specifier ["/"] "@" ppg-specifier
    client-specifier = value *("/" keyword "=" value) "/TYPE=" type
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from omapush.core.errors import DecodeError

MAX_LENGTH = 2_048
"""Characters of the longest address that is looked at."""

USER, PLMN, IPV4, IPV6, MAN, URI = "USER", "PLMN", "IPV4", "IPV6", "MAN", "URI"

_PPG = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9][A-Za-z0-9-]*)*")
_PPG_IN_THE_FIELD = re.compile(r"[A-Za-z0-9_.\-:\[\]]+")
_ESCAPED = re.compile(r"(?:[A-Za-z0-9+\-._]|%[0-9A-Fa-f]{2})+")
# Push 2.3 writes "=" raw between the quotes; what else must be escaped is as before.
_QUOTED_URI = re.compile(r"(?:[A-Za-z0-9+\-._=]|%[0-9A-Fa-f]{2})+")
_PHONE = re.compile(r"\+[0-9.\-]+")
_DOTTED_QUAD = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_MAN = re.compile(r"[0-9]{8}")
_TYPE = re.compile(r"[A-Za-z0-9_]+")
_QUALIFIER = re.compile(r"([A-Za-z0-9-]+)=([\x20-\x2e\x30-\x3c\x3e-\x7e]+)")
_STRICT_IPV6 = re.compile(r"[0-9A-Fa-f]{4}(?::[0-9A-Fa-f]{4}){7}")
_RAW_URI = re.compile(r"(?i:sips?|tel):[!#-~]+", re.ASCII)
_EMAIL = re.compile(r"[A-Za-z0-9!#$&'*+\-=?^_`.{|}~]+@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+")
_HOST = re.compile(r"[^;?]*")
_VISUAL_SEPARATORS = re.compile(r"[\-.()]")
_PREFIX = "wappush="


class AddressError(DecodeError):
    """Not an address, or of a form that is not taken: PAP 2002."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address taken apart.

    :ivar original: as it was given, for echoing octet for octet (PPG 6).
    :ivar type: ``USER``, ``PLMN``, ``IPV4``, ``IPV6``, ``MAN``, ``URI`` or another in capitals.
    :ivar value: unescaped and normalised.
    :ivar qualifiers: ``/keyword=value`` pairs in order.
    :ivar ppg_specifier: what stands behind the ``@``, or ``None``; names no recipient.
    """

    original: str
    type: str
    value: str
    qualifiers: tuple[tuple[str, str], ...] = ()
    ppg_specifier: str | None = None

    @property
    def recipient_key(self) -> str:
        """Equal for addresses of the same recipient, whatever gateway and spelling they name."""
        # Escaped, so that a "/" of the value is not taken for the beginning of a qualifier.
        value = self.value.replace("%", "%25").replace("/", "%2F")
        if not self.qualifiers:
            return f"{self.type}:{value}"
        tail = sorted(f"/{name.upper()}={setting}" for name, setting in self.qualifiers)
        return f"{self.type}:{value}{''.join(tail)}"


def parse(text: str, *, tolerant: bool = True) -> Address:
    """Read an address.

    :param tolerant: also read what initiators send in spite of the grammar: bare numbers and URIs,
        a missing ``WAPPUSH=``, ``/TYPE=`` or ``@ppg``, short IPv6 forms.
    :raises AddressError: not an address.
    """
    if len(text) > MAX_LENGTH:
        raise AddressError(f"an address has at most {MAX_LENGTH} characters")
    stripped = text.strip(" \t\r\n")
    if tolerant and stripped[: len(_PREFIX)].lower() != _PREFIX:
        bare = _bare(text, stripped)
        if bare is not None:
            return bare
    if not stripped.isascii():
        raise AddressError("the address has characters to be escaped")
    client, specifier = _split_ppg(stripped, tolerant=tolerant)
    client = client.removeprefix("/")
    if client[: len(_PREFIX)].lower() == _PREFIX:
        client = client[len(_PREFIX) :]
    elif not tolerant or not client:
        raise AddressError("an address begins with WAPPUSH=")
    value, kind = _split_type(client, tolerant=tolerant)
    value, qualifiers = _split_qualifiers(value)
    normalised = _normalise(kind, value, tolerant=tolerant)
    return Address(text, kind, normalised, qualifiers, specifier)


def plmn(number: str, ppg: str) -> str:
    """Return the address of a phone number with country code, ``+441234567890``."""
    return f"WAPPUSH={number}/TYPE=PLMN@{ppg}"


def user(identifier: str, ppg: str) -> str:
    """Return the address of a user-defined identifier; what needs escaping is escaped."""
    return f"WAPPUSH={_escape(identifier)}/TYPE=USER@{ppg}"


def uri(identifier: str, ppg: str) -> str:
    """Return the address of a SIP or tel URI (Architecture 2.3, 5.3.2.1.3.1)."""
    return f'WAPPUSH="{_escape(identifier, "=")}"/TYPE=URI@{ppg}'


def internet(address: ipaddress.IPv4Address | ipaddress.IPv6Address, ppg: str) -> str:
    """Return the address of an IP address."""
    if isinstance(address, ipaddress.IPv4Address):
        return f"WAPPUSH={address}/TYPE=IPv4@{ppg}"
    return f"WAPPUSH={address.exploded}/TYPE=IPv6@{ppg}"


def _escape(text: str, safe: str = "") -> str:
    # "~" is unreserved in URIs but not a safe-char of PPG 6.1; "+" and "_" are.
    return quote(text, safe="+_" + safe).replace("~", "%7E")


def _bare(original: str, text: str) -> Address | None:
    """Return the address behind a bare phone number, IP address or URI, or ``None``."""
    if _PHONE.fullmatch(text):
        return Address(original, PLMN, _normalise(PLMN, text, tolerant=True))
    if _RAW_URI.fullmatch(text):
        return Address(original, URI, _uri_value(text))
    if _EMAIL.fullmatch(text) and _guess_type(text.partition("@")[0]) == USER:
        # MMS encapsulation addresses users so; behind the @ is no gateway then.
        return Address(original, USER, text)
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return Address(original, IPV4, str(address))
    return Address(original, IPV6, address.exploded)


def _split_ppg(text: str, *, tolerant: bool) -> tuple[str, str | None]:
    at = _last_outside_quotes(text, "@")
    if at < 0:
        if tolerant:
            return text, None
        raise AddressError("an address ends with @ and a gateway")
    specifier = text[at + 1 :]
    if not _PPG.fullmatch(specifier) and not (tolerant and _PPG_IN_THE_FIELD.fullmatch(specifier)):
        raise AddressError("no gateway name stands behind the @", at + 1)
    return text[:at].removesuffix("/"), specifier


def _last_outside_quotes(text: str, wanted: str) -> int:
    if '"' not in text:
        return text.rfind(wanted)
    quoted, found = False, -1
    for position, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif not quoted and text.startswith(wanted, position):
            found = position
    return found


def _split_type(client: str, *, tolerant: bool) -> tuple[str, str]:
    at = _last_outside_quotes(client.upper(), "/TYPE=")
    if at < 0:
        if not tolerant:
            raise AddressError("the address says no /TYPE=")
        return client, _guess_type(client)
    kind = client[at + len("/TYPE=") :].upper()
    if not _TYPE.fullmatch(kind):
        raise AddressError("no address type stands behind /TYPE=", at + len("/TYPE="))
    return client[:at], kind


def _guess_type(client: str) -> str:
    if _PHONE.fullmatch(client):
        return PLMN
    return IPV4 if _DOTTED_QUAD.fullmatch(client) else USER


def _split_qualifiers(value: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    end = value.find('"', 1) + 1 if value.startswith('"') else 0
    slash = value.find("/", end)
    if slash < 0:
        return value, ()
    qualifiers = []
    for part in value[slash + 1 :].split("/"):
        found = _QUALIFIER.fullmatch(part)
        if found is None:
            raise AddressError(f"not a qualifier of the form keyword=value: {part[:40]!r}")
        qualifiers.append((found[1], found[2]))
    return value[:slash], tuple(qualifiers)


def _normalise(kind: str, value: str, *, tolerant: bool) -> str:
    match kind:
        case "PLMN":
            digits = re.sub(r"[.\-]", "", value)
            if not _PHONE.fullmatch(value) or len(digits) < 2:
                raise AddressError("a PLMN address is + and digits")
            return digits
        case "IPV4" | "IPV6":
            return _ip_value(kind, value, tolerant=tolerant)
        case "MAN":
            if not _MAN.fullmatch(value):
                raise AddressError("a MAN address is eight digits")
            return value
        case "URI":
            return _uri_value(_unquoted_uri(value, tolerant=tolerant))
        case _:
            if not _ESCAPED.fullmatch(value):
                raise AddressError(f"the identifier has characters to be escaped: {value[:40]!r}")
            return _unescape(value)


def _ip_value(kind: str, value: str, *, tolerant: bool) -> str:
    if kind == IPV6 and not tolerant and not _STRICT_IPV6.fullmatch(value):
        raise AddressError("an IPv6 address is eight groups of four hexadecimal digits")
    if kind == IPV4:
        if not _DOTTED_QUAD.fullmatch(value):
            raise AddressError("an IPv4 address is four groups of one to three digits")
        # PPG 6.1 allows leading zeros.
        value = re.sub(r"(?<![0-9])0+(?=[0-9])", "", value)
    try:
        if kind == IPV4:
            return str(ipaddress.IPv4Address(value))
        return ipaddress.IPv6Address(value.partition("%")[0]).exploded
    except ValueError as error:
        raise AddressError(f"not an {kind} address: {value[:40]!r}") from error


def _unquoted_uri(value: str, *, tolerant: bool) -> str:
    quoted = len(value) >= 2 and value.startswith('"') and value.endswith('"')
    if not quoted and not tolerant:
        raise AddressError("a URI address stands in double quotes")
    inner = value[1:-1] if quoted else value
    if _QUOTED_URI.fullmatch(inner):
        return _unescape(inner)
    if tolerant and _RAW_URI.fullmatch(inner):
        # Its ":" is raw, so nothing of it was escaped for this address; "%" is its own.
        return inner
    raise AddressError(f"the URI has characters to be escaped: {inner[:40]!r}")


def _uri_value(text: str) -> str:
    """Return the URI so that URIs that mean the same are equal, as far as is safe to say."""
    scheme, colon, rest = text.partition(":")
    if not colon or not rest:
        raise AddressError(f"not a URI: {text[:40]!r}")
    scheme = scheme.lower()
    if scheme in ("sip", "sips"):
        # RFC 3261 19.1.4: the host compares without regard to case, the user part does not. What
        # stands in parameters, such as the gr of a GRUU (RFC 5627), is left as it is.
        name, at, place = rest.rpartition("@")
        rest = name + at + _HOST.sub(lambda host: host[0].lower(), place, count=1)
    elif scheme == "tel":
        # RFC 3966 4: without regard to case and to what merely makes the number readable.
        number, semicolon, parameters = rest.lower().partition(";")
        rest = f"{_VISUAL_SEPARATORS.sub('', number)}{semicolon}{parameters}"
    return f"{scheme}:{rest}"


def _unescape(value: str) -> str:
    octets = unquote_to_bytes(value)
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        text = octets.decode("latin-1")
    return text
