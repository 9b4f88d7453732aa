"""Reads the challenges of a 401 or 407 (RFC 3261 22, RFC 7616 3.3, RFC 8760).

Header values are text with octets that are no UTF-8 preserved; the grammar of authentication is of
octets. ``as_octets_text`` and ``as_header_text`` lead from one to the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from omapush.core.errors import DecodeError
from omapush.protocols.http_authentication import GivenChallenge, parse_challenges
from omapush.protocols.sip.digest_response import Algorithm, QualityOfProtection
from omapush.protocols.sip.message import SipResponse

MAX_CHALLENGES = 16
"""Challenges of one header that are read."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge that can be answered. ``realm``, ``nonce`` and ``opaque`` are octets' text.

    :ivar is_proxy: it came in a 407, and is answered by Proxy-Authorization.
    :ivar qop: what it offers of what we can; empty: it has the form of RFC 2069.
    :ivar hashes_username: the user name is not to be shown.
    """

    is_proxy: bool
    realm: str
    nonce: str
    algorithm: Algorithm
    names_algorithm: bool
    qop: tuple[QualityOfProtection, ...]
    opaque: str | None = None
    is_stale: bool = False
    hashes_username: bool = False

    @property
    def answered_by(self) -> str:
        """The name of the header that answers it."""
        return "Proxy-Authorization" if self.is_proxy else "Authorization"


def challenges_of(response: SipResponse) -> list[Challenge]:
    """Return what can be answered of a 401 or 407, the first for each realm (RFC 8760 2.4).

    What is no challenge of Digest, or one by an algorithm or protection of which nothing is known,
    or cannot be read, is left out.
    """
    is_proxy = response.status == 407
    if response.status not in (401, 407):
        return []
    found: dict[str, Challenge] = {}
    name = "Proxy-Authenticate" if is_proxy else "WWW-Authenticate"
    for value in response.headers.every(name):
        try:
            given = parse_challenges(as_octets_text(value), MAX_CHALLENGES)
        except DecodeError:
            continue
        for one in given:
            challenge = _challenge(one, is_proxy=is_proxy)
            if challenge is not None:
                found.setdefault(challenge.realm, challenge)
    return list(found.values())


def as_octets_text(value: str) -> str:
    """Return a header value with one character for each of its octets."""
    return value.encode("utf-8", "surrogateescape").decode("latin-1")


def as_header_text(octets_text: str) -> str:
    """Return the header value of which :func:`as_octets_text` makes this."""
    return octets_text.encode("latin-1").decode("utf-8", "surrogateescape")


def _challenge(given: GivenChallenge, *, is_proxy: bool) -> Challenge | None:
    parameters = given.parameters
    realm, nonce = parameters.get("realm"), parameters.get("nonce")
    algorithm = Algorithm.named(parameters.get("algorithm", Algorithm.MD5.value))
    if given.scheme != "digest" or realm is None or nonce is None or algorithm is None:
        return None
    offered = [one.strip().lower() for one in parameters.get("qop", "").split(",")]
    qop = tuple(
        one
        for one in (QualityOfProtection.AUTH, QualityOfProtection.AUTH_INT)
        if one.value in offered
    )
    if any(offered) and not qop:
        return None  # RFC 7616 3.4: what is offered has to be used
    if not qop and algorithm.is_of_session:
        return None  # without qop there is no cnonce that it could be made of
    return Challenge(
        is_proxy,
        realm,
        nonce,
        algorithm,
        "algorithm" in parameters,
        qop,
        parameters.get("opaque"),
        parameters.get("stale", "").lower() == "true",
        parameters.get("userhash", "").lower() == "true",
    )
