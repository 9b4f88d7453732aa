"""Digest authentication, the client's side (RFC 3261 22, RFC 7616, RFC 8760, AKA by RFC 3310).

:class:`DigestClient` answers the challenges of registrars (401) and proxies (407) and keeps their
nonces, so that later requests are let through at once. ``digest_challenge`` reads challenges,
``digest_response`` computes the proof.
"""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from omapush.core.errors import DecodeError, OmapushError
from omapush.protocols.http_authentication import parse_parameters, quoted, split_scheme
from omapush.protocols.sip.digest_challenge import (
    Challenge,
    as_header_text,
    as_octets_text,
    challenges_of,
)
from omapush.protocols.sip.digest_response import (
    Algorithm,
    Proven,
    QualityOfProtection,
    Secret,
    digest_response,
    hashed_username,
)
from omapush.protocols.sip.message import SipRequest, SipResponse

MAX_REALMS = 8
"""Realms whose nonces are kept, of registrars and of proxies."""
MAX_STALE = 3
"""Nonces that may turn out stale one after the other, before nothing is answered any more."""
_RAND_OCTETS = 16
_AUTN_OCTETS = 16
_MAX_COUNT = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class AkaResult:
    """What a SIM says to a challenge.

    :ivar res: what proves it, used in place of a password.
    :ivar auts: instead, when the SIM has counted otherwise than its home: what tells home so.
    """

    res: bytes = field(repr=False, default=b"")
    auts: bytes | None = None


class AkaRefused(OmapushError):
    """The SIM says that the challenge is not from its home."""


class AkaCredentials(Protocol):
    """A SIM, or what stands for one (RFC 3310, 3GPP TS 33.102)."""

    def respond(self, rand: bytes, autn: bytes) -> AkaResult:
        """Answer a challenge of 16 octets each. :raises AkaRefused: the home is not authentic."""


Credentials = str | AkaCredentials
"""A password, or a SIM."""


@dataclass(slots=True)
class _Space:
    """What is kept of one realm."""

    challenge: Challenge
    password: bytes = field(repr=False)
    cnonce: str
    count: int = 0
    stale: int = 0


class DigestClient:
    """Proves who sends requests: one user, to every realm that asks or to one only.

    Credentials are never shown, neither by ``repr`` nor in an error.

    :param new_cnonce: returns a new random text of token characters.
    :param realm: the only realm that is answered; ``None``: every one.
    :param protects_body: whether ``auth-int`` is used where it is offered beside ``auth``.
    """

    def __init__(
        self,
        username: str,
        credentials: Credentials,
        new_cnonce: Callable[[], str],
        *,
        realm: str | None = None,
        protects_body: bool = False,
    ) -> None:
        self._username = username.encode()
        self._credentials = credentials
        self._new_cnonce = new_cnonce
        self._realm = None if realm is None else as_octets_text(realm)
        self._protects_body = protects_body
        self._spaces: OrderedDict[tuple[str, str, bool], _Space] = OrderedDict()

    def authorise(self, request: SipRequest) -> SipRequest:
        """Return ``request`` with credentials made of the nonces that are kept (RFC 7616 3.6).

        Those of registrars go into REGISTER only, for a request of another kind is the business of
        other servers. A SIM's first REGISTER says whose it is, for the challenge is made for that
        SIM (3GPP TS 24.229 5.1.1.2.2); this needs the realm.
        """
        for (header, realm, is_register), space in list(self._spaces.items()):
            can_count = space.challenge.qop and space.count < _MAX_COUNT
            if is_register == (request.method == "REGISTER") and can_count:
                request = _without(request, header, realm)
                request = self._with_credentials(request, space, None)
                space.stale = 0
        if request.method == "REGISTER" and self._is_unannounced(request):
            return self._announced(request)
        return request

    def answer(self, request: SipRequest, response: SipResponse) -> SipRequest | None:
        """Return ``request`` with credentials that answer the challenges of a 401 or 407.

        It has to be sent as a new request, with a higher CSeq, which is the caller's to raise
        (RFC 3261 22.2). ``None``: nothing can be answered, or the answer was wrong: credentials
        made of a fresh nonce were refused, and the nonce was not stale.

        :param request: as it was sent.
        """
        challenges = [one for one in challenges_of(response) if self._realm in (None, one.realm)]
        answered = self._counted_again(request, {one.realm for one in challenges})
        for challenge in challenges:
            before = _credentials(request, challenge.answered_by, challenge.realm)
            if before is not None and not before.get("nonce"):
                before = None  # they proved nothing, and only said who asks
            space, auts = self._space(request, challenge, before)
            if space is None:
                return None  # one refusal is enough: the others would be answered in vain
            answered = _without(answered, challenge.answered_by, challenge.realm)
            answered = self._with_credentials(answered, space, auts)
        return answered if challenges else None

    def forget(self) -> None:
        """Forget all nonces."""
        self._spaces.clear()

    def _is_unannounced(self, request: SipRequest) -> bool:
        if isinstance(self._credentials, str) or self._realm is None:
            return False
        return _credentials(request, "Authorization", self._realm) is None

    def _announced(self, request: SipRequest) -> SipRequest:
        parameters = (
            f"username={quoted(self._username.decode('latin-1'))}",
            f"realm={quoted(self._realm or '')}",
            'nonce=""',
            f"uri={quoted(as_octets_text(request.uri))}",
            'response=""',
        )
        value = as_header_text(f"Digest {', '.join(parameters)}")
        return request.with_headers(request.headers.added(("Authorization", value)))

    def _counted_again(self, request: SipRequest, challenged: set[str]) -> SipRequest:
        """Return ``request`` with new credentials for the realms that did not refuse it: nobody
        takes the same count twice.
        """
        for (header, realm, _), space in list(self._spaces.items()):
            before = _credentials(request, header, realm)
            if realm in challenged or before is None or not space.challenge.qop:
                continue
            if before.get("nonce") == space.challenge.nonce:
                request = self._with_credentials(_without(request, header, realm), space, None)
        return request

    def _space(
        self, request: SipRequest, challenge: Challenge, before: dict[str, str] | None
    ) -> tuple[_Space | None, bytes | None]:
        """Return what a challenge is answered with, and what a SIM tells its home."""
        key = (challenge.answered_by, challenge.realm, request.method == "REGISTER")
        kept = self._spaces.pop(key, None)
        stale = 0 if kept is None else kept.stale
        if before is not None:
            was_fresh = before.get("nc", "00000001") == "00000001" and "auts" not in before
            if challenge.is_stale:
                stale += 1
            elif was_fresh:
                return None, None
        if stale > MAX_STALE:
            return None, None
        password, auts = self._password(challenge)
        if password is None or (auts is not None and before is not None and "auts" in before):
            return None, None
        space = _Space(challenge, password, self._new_cnonce(), 0, stale)
        if auts is None:
            self._spaces[key] = space
            if len(self._spaces) > MAX_REALMS:
                self._spaces.popitem(last=False)
        return space, auts

    def _password(self, challenge: Challenge) -> tuple[bytes | None, bytes | None]:
        """Return the secret for a challenge (``None``: there is none), and a SIM's AUTS."""
        is_aka = challenge.algorithm is Algorithm.AKA_V1_MD5
        if isinstance(self._credentials, str):
            return (None if is_aka else self._credentials.encode()), None
        if not is_aka:
            return None, None
        try:
            nonce = base64.b64decode(challenge.nonce, validate=True)
        except (binascii.Error, ValueError):
            return None, None
        if len(nonce) < _RAND_OCTETS + _AUTN_OCTETS:
            return None, None
        rand, autn = nonce[:_RAND_OCTETS], nonce[_RAND_OCTETS : _RAND_OCTETS + _AUTN_OCTETS]
        try:
            result = self._credentials.respond(rand, autn)
        except AkaRefused:
            return None, None
        # RFC 3310 3.4: what tells of another count goes with an empty password.
        return (result.res, None) if result.auts is None else (b"", result.auts)

    def _with_credentials(
        self, request: SipRequest, space: _Space, auts: bytes | None
    ) -> SipRequest:
        challenge = space.challenge
        space.count += 1
        qop = self._qop(challenge)
        count = f"{space.count:08x}"
        realm = challenge.realm.encode("latin-1")
        proven = Proven(
            request.method.encode(),
            request.uri.encode("utf-8", "surrogateescape"),
            challenge.nonce.encode("latin-1"),
            count.encode(),
            space.cnonce.encode(),
            qop,
            request.body,
        )
        response = digest_response(
            challenge.algorithm, Secret(self._username, realm, space.password), proven
        )
        parameters = [
            f"username={quoted(self._shown_username(challenge))}",
            f"realm={quoted(challenge.realm)}",
            f"nonce={quoted(challenge.nonce)}",
            f"uri={quoted(as_octets_text(request.uri))}",
            f'response="{response}"',
        ]
        if challenge.names_algorithm:
            parameters.append(f"algorithm={challenge.algorithm.value}")
        if qop is not QualityOfProtection.NONE:
            parameters += [f"qop={qop.value}", f"nc={count}", f"cnonce={quoted(space.cnonce)}"]
        if challenge.opaque is not None:
            parameters.append(f"opaque={quoted(challenge.opaque)}")
        if challenge.hashes_username:
            parameters.append("userhash=true")
        if auts is not None:
            parameters.append(f'auts="{base64.b64encode(auts).decode()}"')
        value = as_header_text(f"Digest {', '.join(parameters)}")
        return request.with_headers(request.headers.added((challenge.answered_by, value)))

    def _qop(self, challenge: Challenge) -> QualityOfProtection:
        if not challenge.qop:
            return QualityOfProtection.NONE
        return challenge.qop[-1] if self._protects_body else challenge.qop[0]

    def _shown_username(self, challenge: Challenge) -> str:
        if not challenge.hashes_username:
            return self._username.decode("latin-1")
        realm = challenge.realm.encode("latin-1")
        return hashed_username(challenge.algorithm, self._username, realm)


def _credentials(request: SipRequest, header: str, realm: str) -> dict[str, str] | None:
    """Return the parameters of the credentials for a realm that a request has, if it has any."""
    for value in request.headers.every(header):
        parameters = _parameters(value)
        if parameters.get("realm") == realm:
            return parameters
    return None


def _without(request: SipRequest, header: str, realm: str) -> SipRequest:
    """Return a request without the credentials for a realm; those for others stay."""
    kept = tuple(
        (name, value)
        for name, value in request.headers.fields
        if name.lower() != header.lower() or _parameters(value).get("realm") != realm
    )
    return request.with_headers(type(request.headers)(kept))


def _parameters(value: str) -> dict[str, str]:
    try:
        scheme, rest = split_scheme(as_octets_text(value))
        return parse_parameters(rest) if scheme == "digest" else {}
    except DecodeError:
        return {}
