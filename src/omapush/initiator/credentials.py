"""How an initiator proves who it is: HTTP Basic, HTTP Digest, or an API key (AD 6.1).

A TLS certificate, which goes with any of them, is the business of ``tls``.
"""

from __future__ import annotations

import re
from collections.abc import Generator

import httpx2

from omapush.core.errors import OmapushError

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750 2.1
_ALGORITHM = re.compile(r'[\s,]algorithm\s*=\s*"?([A-Za-z0-9-]+)', re.IGNORECASE)
_ALGORITHMS = ("SHA-256", "MD5")
"""What Digest is spoken with, best first (RFC 7616 3.7)."""


class CredentialsError(OmapushError):
    """Credentials that contradict each other or cannot be sent. Never says what they are."""


class UnusableChallengeError(OmapushError):
    """The gateway asks for Digest in a way that cannot be answered."""


class ApiKey(httpx2.Auth):
    """Sends an API key as a bearer token (RFC 6750 2.1).

    :raises CredentialsError: the key has characters that no bearer token has.
    """

    def __init__(self, api_key: str) -> None:
        if not _TOKEN.fullmatch(api_key):
            raise CredentialsError("the API key is empty or has characters that no key has")
        self._header = f"Bearer {api_key}"

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Send the key with the request."""
        request.headers["Authorization"] = self._header
        yield request


class Digest(httpx2.Auth):
    """HTTP Digest with SHA-256 or MD5, whichever is the best that the gateway offers (RFC 7616).

    The password is never sent, also not to a gateway that offers Basic alone. The first request
    goes out without credentials, to be given a challenge; later ones use it until it is stale.

    :raises CredentialsError: the user name holds a quotation mark or a backslash.
    """

    def __init__(self, username: str, password: str) -> None:
        if '"' in username or "\\" in username:
            raise CredentialsError("Digest has no user names with a quotation mark or a backslash")
        self._answering = httpx2.DigestAuth(username, password)

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Answer the challenge, if there is one.

        :raises UnusableChallengeError: it cannot be answered.
        """
        request.headers.encoding = "utf-8"  # as the user name may need, in the header
        flow = self._answering.auth_flow(request)
        response = yield next(flow)
        if response.status_code != 401 or not _choose(response):
            return
        try:
            answered = flow.send(response)
        except StopIteration:
            return
        except (httpx2.ProtocolError, NotImplementedError, ValueError) as error:
            # Malformed, or only with auth-int, which protects the body and hardly anybody has.
            raise UnusableChallengeError("the gateway's Digest challenge is not usable") from error
        yield answered


def authentication(
    username: str | None, password: str | None, *, digest: bool, api_key: str | None
) -> httpx2.Auth | None:
    """Return what puts the credentials on requests.

    :raises CredentialsError: they contradict each other.
    """
    if api_key is not None:
        if username is not None or digest:
            raise CredentialsError("give either a user name or an API key")
        return ApiKey(api_key)
    if username is None:
        if digest:
            raise CredentialsError("Digest needs a user name")
        return None
    if digest:
        return Digest(username, password or "")
    if ":" in username:  # RFC 7617 2: the first colon ends the user name
        raise CredentialsError("Basic has no user names with a colon")
    return httpx2.BasicAuth(username, password or "")


def _choose(response: httpx2.Response) -> bool:
    """Leave the best challenge alone in ``response``; false: there is none to be answered.

    :raises UnusableChallengeError: only algorithms that we do not speak.
    """
    offered = {}
    for challenge in reversed(response.headers.get_list("WWW-Authenticate")):
        if challenge[:7].lower() == "digest ":
            named = _ALGORITHM.search(challenge)
            offered[named[1].upper() if named else "MD5"] = challenge
    if not offered:
        return False
    best = next((offered[each] for each in _ALGORITHMS if each in offered), None)
    if best is None:
        raise UnusableChallengeError(f"the gateway offers Digest with {', '.join(offered)} only")
    response.headers["WWW-Authenticate"] = best
    return True
