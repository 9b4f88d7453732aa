"""How a caller proves who it is when a server asks: HTTP Digest and HTTP Basic."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field

import httpx2

from omapush.core.errors import OmapushError
from omapush.web.policy import Target

_ALGORITHM = re.compile(r'[\s,]algorithm\s*=\s*"?([A-Za-z0-9-]+)', re.IGNORECASE)
_REALM = re.compile(r'[\s,]realm\s*=\s*"((?:[^"\\]|\\.)*+)"', re.IGNORECASE)
_ALGORITHMS = ("SHA-256", "MD5")
"""What Digest is spoken with, best first (RFC 7616 3.7)."""

MAX_ORIGINS = 64
"""Servers whose last challenge is remembered."""

_Flow = Generator[httpx2.Request, httpx2.Response, None]


class CredentialsError(OmapushError):
    """Credentials that contradict each other or cannot be sent. Never says what they are."""


class UnusableChallengeError(OmapushError):
    """A server asks for Digest in a way that cannot be answered."""


class Digest(httpx2.Auth):
    """HTTP Digest with SHA-256 or MD5, whichever is the best that the server offers (RFC 7616).

    The password is never sent, also not to a server that offers Basic alone. The first request
    goes out without credentials, to be given a challenge; later ones use it until it is stale.

    :param realm: answer challenges of this realm only; ``None``: of any.
    :raises CredentialsError: the user name holds a quotation mark or a backslash.
    """

    def __init__(self, username: str, password: str, realm: str | None = None) -> None:
        if '"' in username or "\\" in username:
            raise CredentialsError("Digest has no user names with a quotation mark or a backslash")
        self._answering = httpx2.DigestAuth(username, password)
        self._realm = realm

    def auth_flow(self, request: httpx2.Request) -> _Flow:
        """Answer the challenge, if there is one.

        :raises UnusableChallengeError: it cannot be answered.
        """
        request.headers.encoding = "utf-8"  # as the user name may need, in the header
        flow = self._answering.auth_flow(request)
        response = yield next(flow)
        if response.status_code != 401 or not _choose(response, self._realm):
            return
        try:
            answered = flow.send(response)
        except StopIteration:
            return
        except (httpx2.ProtocolError, NotImplementedError, ValueError) as error:
            # Malformed, or only with auth-int, which protects the body and hardly anybody has.
            raise UnusableChallengeError("the server's Digest challenge is not usable") from error
        yield answered


class DigestOrBasic(httpx2.Auth):
    """Digest where the server offers it, else Basic; for https only, as Basic sends the password.

    :raises CredentialsError: neither scheme has such a user name.
    """

    def __init__(self, username: str, password: str, realm: str | None = None) -> None:
        if ":" in username:  # RFC 7617 2: the first colon ends the user name
            raise CredentialsError("Basic has no user names with a colon")
        self._digest = Digest(username, password, realm)
        self._basic = httpx2.BasicAuth(username, password)
        self._realm = realm

    def auth_flow(self, request: httpx2.Request) -> _Flow:
        """Answer the challenge, if there is one.

        :raises UnusableChallengeError: it cannot be answered.
        """
        flow = self._digest.auth_flow(request)
        response = yield next(flow)
        offers_basic = any(_challenges(response, "basic", self._realm))
        try:
            answered = flow.send(response)
        except StopIteration:
            if response.status_code != 401 or not offers_basic:
                return
            answered = next(self._basic.auth_flow(request))
        yield answered


@dataclass(frozen=True, slots=True)
class HostCredentials:
    """What a server of this name, and no other, may ask for.

    :ivar realm: the only realm that it is for; ``None``: any that the server names.
    """

    host: str
    username: str
    password: str = field(repr=False)
    realm: str | None = None


class CredentialsByHost:
    """Finds the credentials for a server. Without TLS only Digest is answered, never Basic.

    :raises CredentialsError: a host is listed twice, or a user name cannot be sent.
    """

    def __init__(self, entries: Iterable[HostCredentials] = ()) -> None:
        self._entries: dict[str, HostCredentials] = {}
        self._known: dict[tuple[str, str, int], httpx2.Auth] = {}
        for entry in entries:
            if entry.host.lower() in self._entries:
                raise CredentialsError(f"two credentials for {entry.host}")
            self._entries[entry.host.lower()] = entry
            DigestOrBasic(entry.username, entry.password)

    def of(self, target: Target) -> httpx2.Auth | None:
        """Return what answers this server's challenges, or ``None`` if nothing is known for it."""
        entry = self._entries.get(target.host.lower())
        if entry is None:
            return None
        known = self._known.get(target.origin)
        if known is None:
            if len(self._known) >= MAX_ORIGINS:
                self._known.clear()  # each server then challenges once more
            scheme = DigestOrBasic if target.scheme == "https" else Digest
            known = scheme(entry.username, entry.password, entry.realm)
            self._known[target.origin] = known
        return known


def _choose(response: httpx2.Response, realm: str | None) -> bool:
    """Leave the best challenge alone in ``response``; false: there is none to be answered.

    :raises UnusableChallengeError: only algorithms that we do not speak.
    """
    offered = {}
    for challenge in reversed(list(_challenges(response, "digest", realm))):
        named = _ALGORITHM.search(challenge)
        offered[named[1].upper() if named else "MD5"] = challenge
    if not offered:
        return False
    best = next((offered[each] for each in _ALGORITHMS if each in offered), None)
    if best is None:
        raise UnusableChallengeError(f"the server offers Digest with {', '.join(offered)} only")
    response.headers["WWW-Authenticate"] = best
    return True


def _challenges(response: httpx2.Response, scheme: str, realm: str | None) -> Iterator[str]:
    for challenge in response.headers.get_list("WWW-Authenticate"):
        if challenge[: len(scheme) + 1].lower() == f"{scheme} ":
            named = _REALM.search(challenge)
            if realm is None or (named is not None and named[1] == realm):
                yield challenge
