"""SIP and SIPS URIs (RFC 3261 19.1), with the parameters of GRUUs (RFC 5627)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.lexical import HOST, PORT
from omapush.protocols.sip.parameters import Parameters

_ESCAPE = r"%[0-9A-Fa-f]{2}"
_USER = rf"(?:[A-Za-z0-9_.!~*'()&=+$,;?/-]|{_ESCAPE})++"
_PASSWORD = rf"(?:[A-Za-z0-9_.!~*'()&=+$,-]|{_ESCAPE})*+"
_PARAMETER = rf"(?:[A-Za-z0-9_.!~*'()\[\]/:&+$-]|{_ESCAPE})++"
_HEADER = rf"(?:[A-Za-z0-9_.!~*'()\[\]/?:+$-]|{_ESCAPE})"
_HEADERS = rf"{_HEADER}++={_HEADER}*+"
_LOCATION = rf"(?:({_USER})(?::({_PASSWORD}))?+@)?+({HOST})(?::({PORT}))?+"
_PARAMETERS = rf"((?:;{_PARAMETER}(?:={_PARAMETER})?+)*+)"
_URI = re.compile(
    rf"(sips?):{_LOCATION}{_PARAMETERS}(?:\?({_HEADERS}(?:&{_HEADERS})*+))?+", re.IGNORECASE
)
REQUEST_URI_SHAPE = re.compile(rf"sips?:{_LOCATION}{_PARAMETERS}", re.IGNORECASE)
"""What a Request-URI looks like, in which no headers may stand (RFC 3261 19.1.1)."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*+):")
# These make two URIs different if only one has them (RFC 3261 19.1.4, RFC 5627 5.2).
_DECISIVE = frozenset({"user", "ttl", "method", "maddr", "transport", "gr"})
# What quote() must leave alone in a user and in a parameter's value.
_OF_USER = "-_.!~*'()&=+$,;?/"
_OF_PARAMETER = "-_.!~*'()[]/:&+$"


@dataclass(frozen=True, slots=True)
class SipUri:
    """A ``sip:`` or ``sips:`` URI; its parts are as they are written, with their escapes.

    :ivar scheme: ``sip`` or ``sips``.
    :ivar host: an address or a name; an IPv6 address in its brackets.
    :ivar headers: names and values behind ``?``.
    """

    scheme: str
    user: str | None
    password: str | None
    host: str
    port: int | None = None
    parameters: Parameters = Parameters()
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> SipUri:
        """Read a URI.

        :raises BadSipMessage: with status 416 if it has another scheme, else 400.
        """
        match = _URI.fullmatch(text)
        if match is None:
            raise _not_sip(text)
        scheme, user, password, host, port, parameters, headers = match.groups()
        return cls(
            scheme.lower(),
            user,
            password,
            host,
            None if port is None else int(port),
            _uri_parameters(parameters),
            tuple(_pair(one) for one in headers.split("&")) if headers else (),
        )

    @classmethod
    def of(
        cls, user: str | None, host: str, port: int | None = None, scheme: str = "sip"
    ) -> SipUri:
        """Make a URI of a user's name, which is escaped as it needs it."""
        written = quote(user, safe=_OF_USER, errors="surrogateescape") if user else None
        return cls(scheme, written, None, host, port)

    @property
    def user_name(self) -> str | None:
        """The user without escapes."""
        return None if self.user is None else unquote(self.user, errors="surrogateescape")

    @property
    def transport(self) -> str | None:
        """The transport it asks for, in small letters."""
        value = self.parameters.written("transport")
        return None if value is None else value.lower()

    @property
    def lr(self) -> bool:
        """Whether it is of a loose router (RFC 3261 19.1.1)."""
        return self.parameters.has("lr")

    @property
    def gr(self) -> str | None:
        """What makes it a GRUU: the instance, or nothing (``""``) in a temporary one (RFC 5627).

        ``None``: it is no GRUU.
        """
        if not self.parameters.has("gr"):
            return None
        return unquote(self.parameters.written("gr") or "", errors="surrogateescape")

    def aor(self) -> SipUri:
        """Return the address of record, in one form (RFC 3261 10.3): no password, parameters or
        headers, the host in small letters, the user's escapes only where they are needed.
        """
        return SipUri.of(self.user_name, self.host.lower(), self.port, self.scheme)

    def with_parameter(self, name: str, value: str | None = None) -> SipUri:
        """Return it with one parameter set, escaped as it needs it."""
        written = None
        if value is not None:
            written = quote(value, safe=_OF_PARAMETER, errors="surrogateescape")
        return replace(self, parameters=self.parameters.with_(name, written))

    def without_parameters(self, *names: str) -> SipUri:
        """Return it without these parameters; none named: without any."""
        kept = self.parameters.without(*names) if names else Parameters()
        return replace(self, parameters=kept)

    def is_equivalent(self, other: SipUri) -> bool:
        """Return whether both are the same by RFC 3261 19.1.4; not a transitive relation."""
        return (
            self.scheme == other.scheme
            and _plain(self.user) == _plain(other.user)
            and _plain(self.password) == _plain(other.password)
            and self.host.lower() == other.host.lower()
            and self.port == other.port
            and _same_parameters(self.parameters, other.parameters)
            and _header_set(self.headers) == _header_set(other.headers)
        )

    def __str__(self) -> str:
        user = "" if self.user is None else self.user
        password = "" if self.password is None else f":{self.password}"
        at = "" if self.user is None else "@"
        port = "" if self.port is None else f":{self.port}"
        headers = "&".join(f"{name}={value}" for name, value in self.headers)
        mark = "?" if headers else ""
        return (
            f"{self.scheme}:{user}{password}{at}{self.host}{port}{self.parameters}{mark}{headers}"
        )


def _not_sip(text: str) -> BadSipMessage:
    scheme = _SCHEME.match(text)
    if scheme is not None and scheme[1].lower() not in ("sip", "sips"):
        return BadSipMessage(f"URIs of the scheme {scheme[1][:40]!r} are not served", status=416)
    return BadSipMessage(f"not a SIP URI: {text[:80]!r}")


def _uri_parameters(text: str) -> Parameters:
    if not text:
        return Parameters()
    items: list[tuple[str, str | None]] = []
    for one in text[1:].split(";"):
        name, equals, value = one.partition("=")
        items.append((name, value if equals else None))
    return Parameters(tuple(items))


def _pair(header: str) -> tuple[str, str]:
    name, _, value = header.partition("=")
    return name, value


def _plain(text: str | None) -> str | None:
    return None if text is None else unquote(text, errors="surrogateescape")


def _same_parameters(one: Parameters, other: Parameters) -> bool:
    left, right = _by_name(one), _by_name(other)
    if any((name in left) != (name in right) for name in _DECISIVE):
        return False
    return all(left[name] == right[name] for name in left.keys() & right.keys())


def _by_name(parameters: Parameters) -> dict[str, str | None]:
    return {
        unquote(name).lower(): None if value is None else unquote(value).lower()
        for name, value in reversed(parameters.items)
    }


def _header_set(headers: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    return sorted((unquote(name).lower(), unquote(value)) for name, value in headers)
