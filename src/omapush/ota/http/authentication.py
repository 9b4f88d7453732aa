"""Who terminal and gateway are, and how they prove it (WAP-235, 7.2.6.2, as SIN-101 corrects it).

Gateway to terminal it is RFC 2617: WWW-Authenticate and Authorization. Terminal to gateway, where
the one that is asked is the HTTP server, the same stands mirrored in X-Wap-Authenticate (of a
request) and X-Wap-Authorization (of a response). Both: Basic, or Digest with SHA-1 and without
qop. Who refuses in the mirrored direction says whether to try again (:class:`AuthStatus`).

Nothing is kept here. What a nonce was used for is the matter of the session that made it.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import hmac
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.ota.http.headers import TARGET
from omapush.protocols.http_authentication import (
    basic_credentials,
    parse_parameters,
    quoted,
    split_scheme,
)
from omapush.protocols.http_authentication import parse_challenges as _parse_challenges

CHALLENGE = "WWW-Authenticate"
AUTHORIZATION = "Authorization"
X_WAP_CHALLENGE = "X-Wap-Authenticate"
X_WAP_AUTHORIZATION = "X-Wap-Authorization"

MAX_HEADER = 4_096
"""Characters of an authentication header that is read."""
MAX_CHALLENGES = 8
"""Challenges of one message."""

_AUTH_STATUS = "x-wap-auth-status"
_NOBODY = "a password that nobody has"


class Scheme(enum.Enum):
    """An authentication scheme, by its name in a header; NONE where nothing is asked."""

    NONE = ""
    BASIC = "Basic"
    DIGEST = "Digest"


class AuthStatus(enum.Enum):
    """Whether to try again after a refusal (WAP-235, 7.2.6.2.2.3)."""

    FAILED_RETRY = "failed_retry"
    FAILED_NORETRY = "failed_noretry"


class Algorithm(enum.Enum):
    """A hash function of Digest: SHA-1 (SIN-101), and that of stock RFC 2617 clients."""

    SHA_1 = "SHA-1"
    MD5 = "MD5"

    def hexdigest(self, octets: bytes) -> str:
        """Return the hash in lower-case hexadecimal digits."""
        function = hashlib.sha1 if self is Algorithm.SHA_1 else hashlib.md5
        return function(octets, usedforsecurity=False).hexdigest()  # what the standard has


@dataclass(frozen=True, slots=True)
class Login:
    """What one end shows to the other.

    :ivar username: the PROXY-ID of a gateway, the Terminal-ID of a terminal.
    :ivar scheme: DIGEST: the password is proved, never sent. BASIC: may be sent before the other
        end has asked. NONE: by the scheme that the other end asks for, when it asks.
    """

    username: str
    password: str = field(repr=False)
    scheme: Scheme = Scheme.NONE


@dataclass(frozen=True, slots=True)
class Challenge:
    """A demand for credentials.

    :ivar realm: who asks: Terminal-ID of a terminal, PROXY-ID of a gateway.
    :ivar nonce: of Digest, as it stands in the header; good for one answer.
    :ivar domain: in a terminal's: where the credentials hold, ``/wappush``.
    :ivar opaque: RFC 2617 wants it back; the standard has none.
    :ivar auth_status: FAILED_RETRY if this comes because the answer before was wrong.
    """

    scheme: Scheme
    realm: str
    nonce: str = ""
    algorithm: Algorithm = Algorithm.SHA_1
    domain: str | None = None
    opaque: str | None = None
    auth_status: AuthStatus | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """No challenge, or no answer to one: that it failed, and whether to try again."""

    scheme: Scheme
    auth_status: AuthStatus


@dataclass(frozen=True, slots=True)
class BasicCredentials:
    """User name and password."""

    username: str
    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DigestCredentials:
    """A user name, and the proof that its password is known; ``nonce`` as in the header."""

    username: str
    realm: str
    nonce: str
    response: str = field(repr=False)
    uri: str = TARGET
    algorithm: Algorithm = Algorithm.SHA_1
    opaque: str | None = None


Credentials: TypeAlias = BasicCredentials | DigestCredentials


# -- challenges --


def parse_challenges(values: Iterable[str]) -> list[Challenge | Refusal]:
    """Read the challenges of WWW-Authenticate or X-Wap-Authenticate headers, strongest first.

    Challenges of other schemes or algorithms are left out, as nobody here can answer them.

    :raises DecodeError: not challenges, or ones that lack what they need.
    :raises LimitError: more text or more challenges than anybody needs.
    """
    text = ", ".join(values)
    _check_size(text)
    found: list[Challenge | Refusal] = []
    for given in _parse_challenges(text, MAX_CHALLENGES):
        scheme = _SCHEMES.get(given.scheme)
        read = _challenge(scheme, given.parameters) if scheme is not None else None
        if read is not None:
            found.append(read)
    return sorted(found, key=_strength)


def format_challenge(challenge: Challenge | Refusal, *, mirrored: bool) -> str:
    """Write a challenge; ``mirrored`` for X-Wap-Authenticate.

    :raises EncodeError: a header cannot hold it.
    """
    if isinstance(challenge, Refusal):
        return format_refusal(challenge)
    parameters = [f"realm={_quoted_text(challenge.realm)}"]
    if challenge.domain is not None:
        parameters.append(f"domain={quoted(challenge.domain)}")
    if challenge.scheme is Scheme.DIGEST:
        parameters.append(f"nonce={quoted(challenge.nonce)}")
        parameters.append(_algorithm_parameter(challenge.algorithm, mirrored=mirrored))
    if challenge.opaque is not None:
        parameters.append(f"opaque={quoted(challenge.opaque)}")
    if challenge.auth_status is not None:
        parameters.append(f"{_AUTH_STATUS}={quoted(challenge.auth_status.value)}")
    return f"{challenge.scheme.value} {', '.join(parameters)}"


def format_refusal(refusal: Refusal) -> str:
    """Write a refusal, for X-Wap-Authenticate or X-Wap-Authorization (SIN-101)."""
    return f"{refusal.scheme.value} {_AUTH_STATUS}={quoted(refusal.auth_status.value)}"


def _challenge(scheme: Scheme, given: dict[str, str]) -> Challenge | Refusal | None:
    status = _auth_status(given)
    if status is AuthStatus.FAILED_NORETRY or (status is not None and "realm" not in given):
        return Refusal(scheme, status)
    if scheme is Scheme.BASIC:
        _check_given(given, ("realm",))
        return Challenge(
            scheme, _text(given["realm"]), domain=given.get("domain"), auth_status=status
        )
    _check_given(given, ("realm", "nonce"))
    algorithm = _algorithm(given.get("algorithm"), Algorithm.MD5)  # RFC 2617 3.2.1
    if algorithm is None:
        return None
    return Challenge(
        scheme,
        _text(given["realm"]),
        given["nonce"],
        algorithm,
        given.get("domain"),
        given.get("opaque"),
        status,
    )


def _strength(challenge: Challenge | Refusal) -> int:
    if isinstance(challenge, Refusal):
        return 0
    if challenge.scheme is Scheme.BASIC:
        return 3
    return 1 if challenge.algorithm is Algorithm.SHA_1 else 2


# -- credentials --


def parse_credentials(value: str) -> Credentials | Refusal:
    """Read Authorization or X-Wap-Authorization.

    :raises DecodeError: another scheme, not credentials, or some that lack what they need.
    :raises LimitError: more text than anybody needs.
    """
    _check_size(value)
    name, rest = split_scheme(value)
    scheme = _SCHEMES.get(name)
    if scheme is None:
        raise DecodeError("another authentication scheme than Basic or Digest")
    if scheme is Scheme.BASIC and _AUTH_STATUS not in rest.lower():
        username, password = basic_credentials(rest)
        return BasicCredentials(_text(username.decode("latin-1")), password)
    given = parse_parameters(rest)
    status = _auth_status(given)
    if status is not None:
        return Refusal(scheme, status)
    return _digest_credentials(given)


def format_credentials(credentials: Credentials | Refusal, *, mirrored: bool) -> str:
    """Write credentials; ``mirrored`` for X-Wap-Authorization.

    :raises EncodeError: the scheme or a header cannot hold them.
    """
    if isinstance(credentials, Refusal):
        return format_refusal(credentials)
    if isinstance(credentials, BasicCredentials):
        if ":" in credentials.username:  # RFC 7617 2: the first colon ends the user name
            raise EncodeError("Basic has no user names with a colon")
        token = _octets(credentials.username) + b":" + credentials.password
        return f"{Scheme.BASIC.value} {base64.b64encode(token).decode('ascii')}"
    parameters = [
        f"username={_quoted_text(credentials.username)}",
        f"realm={_quoted_text(credentials.realm)}",
        f"nonce={quoted(credentials.nonce)}",
        f"uri={quoted(credentials.uri)}",
        f"response={quoted(credentials.response)}",
        _algorithm_parameter(credentials.algorithm, mirrored=mirrored),
    ]
    if credentials.opaque is not None:
        parameters.append(f"opaque={quoted(credentials.opaque)}")
    return f"{Scheme.DIGEST.value} {', '.join(parameters)}"


def answer(challenge: Challenge, login: Login, method: str) -> Credentials:
    """Return what answers ``challenge``; ``method`` is that of the request that carries either.

    :raises EncodeError: a text that has no octets.
    """
    if challenge.scheme is Scheme.BASIC:
        return basic(login)
    response = _response(
        challenge.algorithm,
        (login.username, challenge.realm, login.password),
        challenge.nonce,
        (method, TARGET),
    )
    return DigestCredentials(
        login.username,
        challenge.realm,
        challenge.nonce,
        response,
        algorithm=challenge.algorithm,
        opaque=challenge.opaque,
    )


def basic(login: Login) -> BasicCredentials:
    """Return credentials that need no challenge. :raises EncodeError: a text without octets."""
    return BasicCredentials(login.username, _octets(login.password))


def verify(
    credentials: Credentials,
    challenge: Challenge,
    method: str,
    password: str | None,
    algorithms: Collection[Algorithm] = (Algorithm.SHA_1,),
) -> bool:
    """Return whether ``credentials`` answer ``challenge`` and are right.

    Takes the same work for a right and a wrong password, and for none.

    :param method: of the request that the challenge or the credentials came with.
    :param password: of the user that the credentials name; ``None``: there is no such user.
    """
    expected = _NOBODY if password is None else password
    if isinstance(credentials, BasicCredentials):
        right = hmac.compare_digest(credentials.password, _octets(expected))
        return right and challenge.scheme is Scheme.BASIC and password is not None
    response = _response(
        credentials.algorithm,
        (credentials.username, challenge.realm, expected),
        challenge.nonce,
        (method, TARGET),
    )
    right = hmac.compare_digest(response.encode(), credentials.response.encode())
    same = (
        challenge.scheme is Scheme.DIGEST
        and credentials.algorithm in algorithms
        and (credentials.realm, credentials.nonce, credentials.uri)
        == (challenge.realm, challenge.nonce, TARGET)
    )
    return right and same and password is not None


def _response(
    algorithm: Algorithm,
    secret: tuple[str, str, str],
    nonce: str,
    request: tuple[str, str],
) -> str:
    """Compute request-digest without qop (RFC 2617 3.2.2.1, WAP-235 7.2.6.2.2.2)."""
    a1 = algorithm.hexdigest(b":".join(_octets(part) for part in secret))
    a2 = algorithm.hexdigest(":".join(request).encode())
    return algorithm.hexdigest(f"{a1}:{nonce}:{a2}".encode("latin-1"))


def _digest_credentials(given: dict[str, str]) -> DigestCredentials:
    _check_given(given, ("username", "realm", "nonce", "uri", "response"))
    response = given["response"].lower()
    # Without its name the length tells which it is.
    unnamed = Algorithm.MD5 if len(response) == 32 else Algorithm.SHA_1
    algorithm = _algorithm(given.get("algorithm"), unnamed)
    if algorithm is None:
        raise DecodeError("another algorithm than SHA-1 or MD5")
    digits = 40 if algorithm is Algorithm.SHA_1 else 32
    if not re.fullmatch(f"[0-9a-f]{{{digits}}}", response):
        raise DecodeError("no response, or not one of this algorithm")
    if not given.keys().isdisjoint(("qop", "nc", "cnonce")):
        raise DecodeError("a quality of protection that was not asked for")
    return DigestCredentials(
        _text(given["username"]),
        _text(given["realm"]),
        given["nonce"],
        response,
        given["uri"],
        algorithm,
        given.get("opaque"),
    )


# -- what both have --

_SCHEMES = {scheme.value.lower(): scheme for scheme in Scheme if scheme is not Scheme.NONE}
_ALGORITHMS = {algorithm.value: algorithm for algorithm in Algorithm}


def _algorithm(name: str | None, unnamed: Algorithm) -> Algorithm | None:
    return unnamed if name is None else _ALGORITHMS.get(name.upper())


def _algorithm_parameter(algorithm: Algorithm, *, mirrored: bool) -> str:
    # RFC 2617 has a token there, WAP-235 7.2.6.2.2 a quoted string.
    return f"algorithm={quoted(algorithm.value) if mirrored else algorithm.value}"


def _auth_status(given: dict[str, str]) -> AuthStatus | None:
    value = given.get(_AUTH_STATUS)
    if value is None:
        return None
    try:
        return AuthStatus(value.lower())
    except ValueError as error:
        raise DecodeError(f"{_AUTH_STATUS} has another value than those there are") from error


def _check_size(text: str) -> None:
    if len(text) > MAX_HEADER:
        raise LimitError(f"an authentication header of {len(text)} characters")


def _check_given(given: dict[str, str], names: Iterable[str]) -> None:
    for name in names:
        if name not in given:
            raise DecodeError(f"no {name}")


def _octets(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise EncodeError("a text that has no octets") from error


def _text(value: str) -> str:
    """Read text of a header, one character per octet, as the UTF-8 that it mostly is."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return value


def _quoted_text(text: str) -> str:
    return quoted(_octets(text).decode("latin-1"))
