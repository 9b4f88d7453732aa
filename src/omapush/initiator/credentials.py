"""How an initiator proves who it is: HTTP Basic, HTTP Digest, or an API key (AD 6.1).

Digest itself is in ``web.authentication``. A TLS certificate, which goes with any of them, is the
business of ``tls``.
"""

from __future__ import annotations

import re
from collections.abc import Generator

import httpx2

from omapush.web.authentication import CredentialsError, Digest

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750 2.1


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
