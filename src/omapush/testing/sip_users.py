"""Users with passwords, for ``sip_link``: who sends has to prove himself (RFC 3261 22)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

from omapush.core.errors import DecodeError
from omapush.protocols.http_authentication import parse_parameters, split_scheme
from omapush.protocols.sip.digest_response import (
    Algorithm,
    Proven,
    QualityOfProtection,
    Secret,
    digest_response,
)
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse


class SipUsers:
    """Challenges by 401 as registrar and by 407 as proxy.

    :param passwords: by user name. :param realm: also the domain.
    """

    def __init__(
        self,
        passwords: Mapping[str, str],
        realm: str = "push.test",
        algorithms: tuple[Algorithm, ...] = (Algorithm.SHA_256, Algorithm.MD5),
    ) -> None:
        self._passwords = passwords
        self._realm = realm
        self._algorithms = algorithms
        self._numbers = count(1)
        self._good: set[str] = set()
        self._given: set[str] = set()

    def make_stale(self) -> None:
        """Let no nonce that was given be good any more."""
        self._good.clear()

    def refusal(self, request: SipRequest) -> SipResponse | None:
        """Return the challenge, unless the request proves that it is of one of the users."""
        is_register = request.method == "REGISTER"
        header = "Authorization" if is_register else "Proxy-Authorization"
        stale = False
        for value in request.headers.every(header):
            given = _credentials(value)
            if given.get("realm") == self._realm and self._is_proof(given, request):
                if given["nonce"] in self._good:
                    return None
                stale = given["nonce"] in self._given
        return self._challenge(is_register=is_register, stale=stale)

    def _is_proof(self, given: dict[str, str], request: SipRequest) -> bool:
        password = self._passwords.get(given.get("username", ""))
        algorithm = Algorithm.named(given.get("algorithm", "MD5"))
        if password is None or algorithm not in self._algorithms:
            return False
        proven = Proven(
            request.method.encode(),
            given.get("uri", "").encode(),
            given.get("nonce", "").encode(),
            given.get("nc", "").encode(),
            given.get("cnonce", "").encode(),
            QualityOfProtection(given.get("qop", "")),
            request.body,
        )
        secret = Secret(given["username"].encode(), self._realm.encode(), password.encode())
        return given.get("response") == digest_response(algorithm, secret, proven)

    def _challenge(self, *, is_register: bool, stale: bool) -> SipResponse:
        name = "WWW-Authenticate" if is_register else "Proxy-Authenticate"
        nonce = f"nonce{next(self._numbers)}"
        self._good.add(nonce)
        self._given.add(nonce)
        more = ", stale=true" if stale else ""
        shared = f'Digest realm="{self._realm}", nonce="{nonce}", qop="auth"'
        fields = tuple(
            (name, f"{shared}, algorithm={algorithm.value}{more}") for algorithm in self._algorithms
        )
        status, reason = (
            (401, "Unauthorized") if is_register else (407, "Proxy Authentication Required")
        )
        return SipResponse(status, reason, SipHeaders(fields))


def _credentials(value: str) -> dict[str, str]:
    try:
        scheme, rest = split_scheme(value)
        return parse_parameters(rest) if scheme == "digest" else {}
    except DecodeError:
        return {}
