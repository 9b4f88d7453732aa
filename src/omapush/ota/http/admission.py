"""Who the gateway of one connection is, and who we are to it, as the terminal judges it.

::

    request ──► context (X-Wap-Push-ProvURL) ──► its Authorization ──► its X-Wap-Authenticate
                   │ none such                      │ wrong, missing      │ not answered
                   ▼                                ▼                     ▼
               302 or 257                     401, in the end 403    412, or the end of it

What is settled holds until the connection ends (WAP-235, 7.2.5.4 and 7.2.6.2). A wrong user name
and a wrong password get the same answer, and cost the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from omapush.core.errors import DecodeError, EncodeError
from omapush.ota.http import answers, authentication, contexts, headers
from omapush.ota.http.authentication import AuthStatus, Challenge, Refusal, Scheme
from omapush.ota.http.contexts import ProvisioningContext
from omapush.protocols.http import Header, Request, Response

MAX_FAILURES = 3
"""Wrong credentials in a row after which a gateway is refused."""
MAX_DEMANDS = 32
"""Requests in a row that are answered with a demand for credentials; pipelined pushes are some."""
MAX_REFUSALS = 3
"""Challenges on one connection that we may refuse with the advice to try another."""
MAX_REJECTIONS = 2
"""Times on one connection that a gateway may reject our credentials: another try may have met a
nonce that was used up, a third would be guessing."""

_NO_CONTEXT = ProvisioningContext("")
_CLOSE = ("Connection", "close")
_NOT_TAKEN = "the gateway does not take our credentials"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a request.

    :ivar refusal: the answer, if the request goes no further.
    :ivar shown: headers that belong to its answer, whatever that will be.
    :ivar end: why the connection ends; after ``refusal``, or at once without one.
    """

    refusal: Response | None = None
    shown: tuple[Header, ...] = ()
    end: str | None = None


class Admission:
    """Judges the requests of one connection.

    :param known: in the order of preference; empty: the terminal has none. It then passes over the
        names of contexts, asks nobody for credentials and has none to show.
    :param new_nonce: gives a text that nobody can guess and that was never used.
    """

    __slots__ = (
        "_authenticated",
        "_context",
        "_demands",
        "_failures",
        "_is_named",
        "_known",
        "_new_nonce",
        "_nonce",
        "_refusals",
        "_rejections",
    )

    def __init__(
        self,
        known: Sequence[ProvisioningContext],
        new_nonce: Callable[[], str],
    ) -> None:
        self._known = known
        self._context = contexts.choose(known, None) or _NO_CONTEXT
        self._is_named = False
        self._new_nonce = new_nonce
        self._authenticated = False
        self._nonce: str | None = None  # of our last challenge, if it has had no answer
        self._failures = 0
        self._demands = 0
        self._refusals = 0
        self._rejections = 0

    @property
    def gateway(self) -> str | None:
        """The name that the gateway has proved to be its own."""
        login = self._context.gateway
        return login.username if self._authenticated and login is not None else None

    @property
    def is_open(self) -> bool:
        """Whether the gateway has shown all that it has to."""
        return self._authenticated or self._context.demand is Scheme.NONE

    @property
    def terminal_id(self) -> str | None:
        """Our identity in the context; ``None`` without contexts."""
        return self._context.terminal_id or None

    def tells_identity(self, request: Request) -> bool:
        """Whether the answer to a registration names us (WAP-235, 7.2.6).

        It does not while we ask who the gateway is, nor where the gateway asks for a proof, which
        names us as well.
        """
        return self.is_open and request.get(authentication.X_WAP_CHALLENGE) is None

    def judge(self, request: Request) -> Verdict:
        """Take a request that is push or registration."""
        if not self._associate(request.get(headers.PROV_URL)):
            return Verdict(answers.unmatched_context(request))
        admitted = self._is_authenticated(request)
        if self._failures >= MAX_FAILURES or self._demands >= MAX_DEMANDS:
            reason = "too many requests without right credentials"
            return Verdict(answers.refused(request, reason, _CLOSE, http=403), end=reason)
        proof = self._proof(request)
        if isinstance(proof, str):
            return Verdict(end=proof)
        if isinstance(proof, Refusal):
            return Verdict(_unanswered(request, proof))
        return Verdict(None if admitted else self._demand(request), proof)

    # -- which context --

    def _associate(self, prov_url: str | None) -> bool:
        """Settle the context once a gateway names one; another name later finds nothing."""
        if prov_url is None or not self._known:
            return True
        if self._is_named:
            return prov_url == self._context.prov_url
        found = contexts.choose(self._known, prov_url)
        if found is None:
            return False
        self._is_named = True
        if found is not self._context:
            self._context = found
            self._authenticated, self._nonce = False, None
        return True

    # -- the gateway to us (WAP-235, 7.2.6.2.1) --

    def _is_authenticated(self, request: Request) -> bool:
        """Look at credentials with whatever request they come; without new ones, old ones count."""
        value = request.get(authentication.AUTHORIZATION)
        if self._context.demand is not Scheme.NONE and value is not None:
            self._authenticated = self._holds(value, request.method)
            self._failures = 0 if self._authenticated else self._failures + 1
            if self._authenticated:
                self._demands = 0
        return self.is_open

    def _holds(self, value: str, method: str) -> bool:
        context = self._context
        # Each nonce has one answer, right or wrong; without a nonce no answer is right.
        nonce, self._nonce = self._nonce or self._new_nonce(), None
        try:
            credentials = authentication.parse_credentials(value)
        except DecodeError:
            return False
        if isinstance(credentials, Refusal):
            return False
        login = context.gateway
        is_known = login is not None and credentials.username == login.username
        password = login.password if login is not None and is_known else None
        challenge = Challenge(context.demand, context.terminal_id, nonce)
        return authentication.verify(
            credentials, challenge, method, password, algorithms=context.algorithms
        )

    def _demand(self, request: Request) -> Response:
        self._demands += 1
        context, nonce = self._context, ""
        if context.demand is Scheme.DIGEST:
            nonce = self._nonce = self._new_nonce()
        algorithms = context.algorithms if nonce else context.algorithms[:1]
        given = [
            Challenge(context.demand, context.terminal_id, nonce, algorithm, domain=headers.TARGET)
            for algorithm in algorithms
        ]
        written = [
            (authentication.CHALLENGE, authentication.format_challenge(one, mirrored=False))
            for one in given
        ]
        if request.method == "OPTIONS":
            return answers.push_level(300, "Unauthorized", *written, http=401)
        # Nothing is said of the push itself: it was not looked at.
        return Response(401, tuple(written))

    # -- we to the gateway (WAP-235, 7.2.6.2.2) --

    def _proof(self, request: Request) -> tuple[Header, ...] | Refusal | str:
        """Return the answer to X-Wap-Authenticate, no header where there is none.

        A text instead says why the connection ends: the gateway has rejected what we showed.
        """
        given = [
            value
            for name, value in request.headers
            if name.lower() == authentication.X_WAP_CHALLENGE.lower()
        ]
        if not given:
            return ()
        try:
            asked = authentication.parse_challenges(given)
        except DecodeError:
            return Refusal(Scheme.DIGEST, AuthStatus.FAILED_NORETRY)
        if self._is_rejected(asked):
            return _NOT_TAKEN
        challenges = [one for one in asked if isinstance(one, Challenge)]
        for challenge in challenges:
            if self._may_answer(challenge):
                return self._answer(challenge, request.method)
        return self._refusal(challenges)

    def _is_rejected(self, asked: Sequence[Challenge | Refusal]) -> bool:
        """Whether the gateway has rejected our credentials, for good or often enough."""
        statuses = {one.auth_status for one in asked}
        if AuthStatus.FAILED_RETRY in statuses:
            self._rejections += 1
        return AuthStatus.FAILED_NORETRY in statuses or self._rejections >= MAX_REJECTIONS

    def _is_known_realm(self, challenge: Challenge) -> bool:
        return self._context.proxy_id in (None, challenge.realm)

    def _may_answer(self, challenge: Challenge) -> bool:
        login = self._context.login
        if login is None or not self._is_known_realm(challenge):
            return False
        if challenge.scheme is Scheme.BASIC:
            return login.scheme is not Scheme.DIGEST
        return challenge.algorithm in self._context.algorithms

    def _answer(self, challenge: Challenge, method: str) -> tuple[Header, ...] | Refusal:
        login = self._context.login
        try:
            if login is not None:
                proof = authentication.answer(challenge, login, method)
                written = authentication.format_credentials(proof, mirrored=True)
                return ((authentication.X_WAP_AUTHORIZATION, written),)
        except EncodeError:  # a user name with a colon, say, which Basic cannot have
            pass
        return Refusal(challenge.scheme, AuthStatus.FAILED_NORETRY)

    def _refusal(self, challenges: Sequence[Challenge]) -> Refusal:
        """Refuse a challenge; another scheme, of the right realm, may be answered."""
        self._refusals += 1
        scheme = challenges[0].scheme if challenges else Scheme.DIGEST
        may_retry = (
            self._context.login is not None
            and all(self._is_known_realm(one) for one in challenges)
            and self._refusals < MAX_REFUSALS
        )
        status = AuthStatus.FAILED_RETRY if may_retry else AuthStatus.FAILED_NORETRY
        return Refusal(scheme, status)


def _unanswered(request: Request, refusal: Refusal) -> Response:
    """Refuse to show who we are (WAP-235, 7.2.6.2.2.3)."""
    written = authentication.format_refusal(refusal)
    return answers.refused(
        request,
        "the challenge is not answered",
        (authentication.X_WAP_AUTHORIZATION, written),
        http=412,
        again=refusal.auth_status is AuthStatus.FAILED_RETRY,
    )
