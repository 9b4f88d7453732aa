"""Who is submitting (Architecture 6.1)? Pure decisions; what an initiator may do is not asked here.

An initiator proves who it is by one of its means, or by its certificate *and* its HTTP credentials
if the operator wants both (:class:`Initiator`). The ``Authorization`` header counts first: it names
an initiator, and wrong credentials are refused even where none are needed. Without the header the
client's certificate counts, and then the network that the request comes from.

A refusal never tells which part was wrong, neither by its text nor by its cost.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from omapush.core.errors import DecodeError
from omapush.core.instants import Instant
from omapush.core.networks import Network, contains
from omapush.ppg import digest
from omapush.ppg.credentials import (
    ClientCertificate,
    Initiator,
    Mark,
    Means,
    RequestCredentials,
    Scheme,
)
from omapush.ppg.digest import Algorithm, DigestCredentials, Nonces
from omapush.ppg.lockout import DEFAULT_LOCKOUT, Lockout, LockoutSettings
from omapush.ppg.passwords import Passwords, Verification

ANONYMOUS = "anonymous"
"""Initiator id of submissions that a setting lets in without credentials."""

MAX_AUTHORIZATION = 8_192
"""Octets of the longest Authorization header that is looked at."""

_ALGORITHMS = {Algorithm.SHA_256: Scheme.DIGEST_SHA_256, Algorithm.MD5: Scheme.DIGEST_MD5}
_NO_SECRET = "0" * 64
_WRONG = "the credentials are not right"


@dataclass(frozen=True, slots=True)
class Identified:
    """The submission comes from this initiator; ``authenticated`` if it proved it, by ``means``."""

    initiator_id: str
    authenticated: bool
    idempotent_resubmission: bool = False
    means: tuple[Means, ...] = ()


@dataclass(frozen=True, slots=True)
class Unidentified:
    """No, or wrong, credentials: HTTP 401 with ``challenges``, values of WWW-Authenticate."""

    reason: str
    challenges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Forbidden:
    """The credentials are right but the place is not: HTTP 403."""

    reason: str


@dataclass(frozen=True, slots=True)
class LockedOut:
    """Too many failures from there: HTTP 429, whatever the credentials, for ``retry_after_ms``."""

    retry_after_ms: int


@dataclass(frozen=True, slots=True)
class NeedsVerification:
    """Run ``verification.verify()`` in a thread, then :meth:`Initiators.settle` with its result."""

    verification: Verification
    request: RequestCredentials
    initiator: Initiator | None = field(repr=False)


Verdict = Identified | Unidentified | Forbidden | LockedOut


class Initiators:
    """The initiators that the settings name, and the networks that need no credentials.

    :param secret: at least 32 random octets, new in each process.
    :param schemes: HTTP authentication schemes taken; one is offered if some initiator can use it.
    :param realm: what they prove themselves for, as HTTP names it.
    """

    def __init__(
        self,
        initiators: Iterable[Initiator],
        anonymous_networks: Sequence[Network] = (),
        *,
        secret: bytes,
        schemes: Collection[Scheme] = tuple(Scheme),
        lockout: LockoutSettings = DEFAULT_LOCKOUT,
        realm: str = digest.REALM,
    ) -> None:
        known = tuple(initiators)
        self._by_username = {one.username.encode(): one for one in known if one.username}
        self._passwords = Passwords(
            {one.username.encode(): one.password for one in known if one.username and one.password},
            secret,
        )
        self._realm = realm
        self._ha1 = {
            (one.initiator_id, way): ha1 for one in known for way, ha1 in one.digest_secrets(realm)
        }
        self._secret = secret
        self._by_api_key = {self._blinded(key): one for one in known for key in one.api_keys_sha256}
        self._by_certificate: defaultdict[Mark, list[Initiator]] = defaultdict(list)
        for one in known:
            for mark in one.certificate_marks():
                self._by_certificate[mark].append(one)
        self._nonces = Nonces(secret)
        self._lockout = Lockout(lockout)
        self._schemes = frozenset(schemes)
        # RFC 9110 11.6.1: a 401 has at least one challenge.
        offered = self._schemes & self._usable(known) or self._schemes
        self._offered = tuple(one for one in Scheme if one in offered)
        # The same few hosts ask again and again.
        self._may_be_anonymous = functools.lru_cache(maxsize=1_024)(
            functools.partial(contains, tuple(anonymous_networks))
        )

    def identify(self, request: RequestCredentials, now: Instant) -> Verdict | NeedsVerification:
        """Judge a request by what it says of its sender; never raises."""
        if request.authorization is None:
            return self._without_header(request, now)
        remaining_ms = self._lockout.remaining_ms(request.source, now)
        if remaining_ms:
            return LockedOut(remaining_ms)
        return self._with_header(request.authorization, request, now)

    def settle(self, needed: NeedsVerification, *, right: bool, now: Instant) -> Verdict:
        """Go on when the verification that was needed has ended."""
        remaining_ms = self._lockout.remaining_ms(needed.request.source, now)
        if remaining_ms:  # many were verified at the same time, and others failed meanwhile
            return LockedOut(remaining_ms)
        if not right or needed.initiator is None:
            return self._wrong(needed.request, now)
        self._passwords.settle(needed.verification)
        return self._admit(needed.initiator, Means.PASSWORD, needed.request)

    def _without_header(self, request: RequestCredentials, now: Instant) -> Verdict:
        alone = [one for one in self._holders(request.certificate) if not one.require_all]
        if len(alone) > 1:
            reason = "the certificate stands for more than one initiator"
            return Unidentified(reason, self._challenges(now))
        if alone:
            return _in_its_place(alone[0], (Means.CERTIFICATE,), request.source)
        if self._may_be_anonymous(request.source):
            return Identified(ANONYMOUS, authenticated=False)
        return Unidentified("credentials are needed", self._challenges(now))

    def _with_header(
        self, header: str, request: RequestCredentials, now: Instant
    ) -> Verdict | NeedsVerification:
        scheme, _, credentials = header.partition(" ")
        if len(credentials) > MAX_AUTHORIZATION:
            return self._unreadable(now)
        match scheme.lower():
            case "basic" if Scheme.BASIC in self._schemes:
                return self._basic(credentials.strip(), request, now)
            case "digest":
                return self._digest(credentials, request, now)
            case "bearer" if Scheme.BEARER in self._schemes:
                return self._bearer(credentials.strip(), request, now)
        return self._unreadable(now)

    def _basic(
        self, token: str, request: RequestCredentials, now: Instant
    ) -> Verdict | NeedsVerification:
        """RFC 7617."""
        credentials = _basic_credentials(token)
        if credentials is None:
            return self._unreadable(now)
        username, password = credentials
        initiator = self._claimed(self._by_username.get(username), request)
        judged = self._passwords.judge(username, password, known=initiator is not None)
        if isinstance(judged, Verification):
            return NeedsVerification(judged, request, initiator)
        if not judged or initiator is None:
            return self._wrong(request, now)
        return self._admit(initiator, Means.PASSWORD, request)

    def _digest(self, text: str, request: RequestCredentials, now: Instant) -> Verdict:
        """RFC 7616."""
        try:
            given = digest.parse_credentials(text)
        except DecodeError:
            return self._unreadable(now)
        if _ALGORITHMS[given.algorithm] not in self._schemes:
            return self._unreadable(now)
        initiator = self._claimed(self._by_username.get(given.username), request)
        # Worked out in any case: the time does not tell which user names exist.
        proved = self._proved(initiator, given, request)
        if initiator is None or not proved:
            return self._wrong(request, now)
        if not self._nonces.take(initiator.initiator_id, given.nonce, given.nonce_count, now):
            # RFC 7616 3.3: who knows the password is asked to try again, with another nonce.
            return Unidentified("the nonce is used up", self._challenges(now, stale=True))
        return self._admit(initiator, Means.DIGEST, request)

    def _proved(
        self, initiator: Initiator | None, given: DigestCredentials, request: RequestCredentials
    ) -> bool:
        initiator_id = initiator.initiator_id if initiator is not None else ""
        ha1 = self._ha1.get((initiator_id, given.algorithm))
        expected = digest.response(ha1 or _NO_SECRET, request.method, given)
        right = hmac.compare_digest(expected, given.response)
        same = given.uri == request.target.encode("latin-1") and given.realm == self._realm.encode()
        return right and same and ha1 is not None

    def _bearer(self, key: str, request: RequestCredentials, now: Instant) -> Verdict:
        """RFC 6750 2.1, with an API key as the token."""
        hashed = hashlib.sha256(key.encode("latin-1")).hexdigest()
        # Looked up by a keyed hash: the time of the look-up tells nothing about the stored one.
        initiator = self._claimed(self._by_api_key.get(self._blinded(hashed)), request)
        if initiator is None:
            return self._wrong(request, now)
        return self._admit(initiator, Means.API_KEY, request)

    def _blinded(self, hashed: str) -> bytes:
        return hmac.digest(self._secret, b"api key" + hashed.encode(), "sha256")

    def _claimed(
        self, initiator: Initiator | None, request: RequestCredentials
    ) -> Initiator | None:
        """Return ``initiator``, unless it lacks the certificate that it needs besides.

        Asked before the secret is judged, so that the answer tells nothing about the secret.
        """
        if initiator is None or not initiator.require_all:
            return initiator
        return initiator if initiator in self._holders(request.certificate) else None

    def _holders(self, certificate: ClientCertificate | None) -> list[Initiator]:
        """Return the initiators that a certificate stands for."""
        if certificate is None:
            return []
        found = (one for mark in certificate.marks() for one in self._by_certificate.get(mark, ()))
        return list(dict.fromkeys(found))

    def _admit(self, initiator: Initiator, means: Means, request: RequestCredentials) -> Verdict:
        self._lockout.succeeded(request.source)
        certified = initiator in self._holders(request.certificate)
        proofs = (means, Means.CERTIFICATE) if certified else (means,)
        return _in_its_place(initiator, proofs, request.source)

    def _wrong(self, request: RequestCredentials, now: Instant) -> Unidentified:
        self._lockout.failed(request.source, now)
        return Unidentified(_WRONG, self._challenges(now))

    def _unreadable(self, now: Instant) -> Unidentified:
        reason = "the Authorization header cannot be read, or is of a scheme that is not taken"
        return Unidentified(reason, self._challenges(now))

    def _challenges(self, now: Instant, *, stale: bool = False) -> tuple[str, ...]:
        return tuple(self._challenge(scheme, now, stale=stale) for scheme in self._offered)

    def _challenge(self, scheme: Scheme, now: Instant, *, stale: bool) -> str:
        match scheme:
            case Scheme.BASIC:
                return f'Basic realm="{self._realm}", charset="UTF-8"'
            case Scheme.BEARER:
                return f'Bearer realm="{self._realm}"'
        algorithm = Algorithm.SHA_256 if scheme is Scheme.DIGEST_SHA_256 else Algorithm.MD5
        return digest.challenge(algorithm, self._nonces.make(now), stale=stale, realm=self._realm)

    def _usable(self, known: Iterable[Initiator]) -> set[Scheme]:
        usable = {_ALGORITHMS[algorithm] for _initiator_id, algorithm in self._ha1}
        for one in known:
            if one.password is not None:
                usable.add(Scheme.BASIC)
            if one.api_keys_sha256:
                usable.add(Scheme.BEARER)
        return usable or {Scheme.BASIC}


def _in_its_place(
    initiator: Initiator, means: tuple[Means, ...], source: str
) -> Identified | Forbidden:
    if initiator.networks and not contains(initiator.networks, source):
        return Forbidden(f"{initiator.initiator_id} may not submit from {source}")
    return Identified(
        initiator.initiator_id,
        authenticated=True,
        idempotent_resubmission=initiator.idempotent_resubmission,
        means=means,
    )


def _basic_credentials(token: str) -> tuple[bytes, bytes] | None:
    try:
        username, colon, password = base64.b64decode(token, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (username, password) if colon else None
