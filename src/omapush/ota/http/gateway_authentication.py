"""The gateway's part in authentication, both directions (WAP-235, 7.2.6.2).

:class:`GatewayCredentials` shows who we are, when a terminal asks with 401. :class:`Examination`
asks the terminal, in the mirrored headers, and judges what it shows. Both hold for one connection.
How often they may go to and fro is bounded here, and by :mod:`omapush.ota.http.registration`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from omapush.core.errors import DecodeError
from omapush.ota.http import authentication
from omapush.ota.http.accounts import TerminalAccounts
from omapush.ota.http.authentication import (
    AuthStatus,
    BasicCredentials,
    Challenge,
    Login,
    Refusal,
    Scheme,
)
from omapush.protocols.http import Header, Response

MAX_WRONG = 2
"""Answers of a terminal that may be wrong on one connection."""
MAX_CHALLENGES = 4
"""Challenges that a terminal is given on one connection, whatever it does with them."""


@dataclass(frozen=True, slots=True)
class Unanswerable:
    """A demand for credentials that cannot be met.

    :ivar refused: we showed credentials, and they were not taken.
    """

    reason: str
    refused: bool


class GatewayCredentials:
    """What we show on one connection.

    A challenge is answered in the next request, whatever its method. Basic, once shown, stands in
    every later request: nothing more is given away, and a terminal that asks each time is content.
    """

    __slots__ = ("_accounts", "_owed", "_standing")

    def __init__(self, accounts: TerminalAccounts, terminal_id: str | None) -> None:
        self._accounts = accounts
        self._owed: tuple[Challenge, Login] | None = None
        self._standing: Login | None = None
        login = accounts.login_at(terminal_id)
        if login is not None and login.scheme is Scheme.BASIC:
            self._standing = login  # may go unasked (WAP-235, 7.2.6.2.1)

    @property
    def owed(self) -> bool:
        """Whether a challenge waits to be answered."""
        return self._owed is not None

    def demanded(
        self,
        response: Response,
        shown: Scheme,
        terminal_id: str | None,
        *,
        terminal_is_proved: bool = True,
    ) -> Unanswerable | None:
        """Take a 401; the next request answers it, unless it cannot be answered.

        :param shown: what the request showed that is answered so.
        :param terminal_id: which terminal we believe to talk to. To any other the password is not
            sent as it is: who answers can name any realm.
        :param terminal_is_proved: false while the terminal owes us a proof. Until then only a login
            that may go unasked is sent as it is.
        """
        try:
            challenges = authentication.parse_challenges(response.values(authentication.CHALLENGE))
        except DecodeError as error:
            return Unanswerable(f"a challenge that cannot be read: {error}", refused=False)
        for challenge in challenges:
            login = self._login(challenge, terminal_id, proved=terminal_is_proved)
            if login is None or not isinstance(challenge, Challenge):
                continue
            if shown is Scheme.DIGEST or shown is challenge.scheme:
                return Unanswerable("our credentials were refused", refused=True)
            # Basic beside a proof would only take the proof back.
            self._owed, self._standing = (challenge, login), None
            return None
        if shown is not Scheme.NONE:
            return Unanswerable("our credentials were refused", refused=True)
        return Unanswerable("there are no credentials for its challenge", refused=False)

    def header(self, method: str) -> tuple[tuple[Header, ...], Scheme]:
        """Return what the next request shows, and by which scheme.

        :raises EncodeError: the login cannot be written in a header.
        """
        owed, self._owed = self._owed, None
        if owed is not None:
            challenge, login = owed
            credentials = authentication.answer(challenge, login, method)
            if isinstance(credentials, BasicCredentials):
                self._standing = login
        elif self._standing is not None:
            credentials = authentication.basic(self._standing)
        else:
            return (), Scheme.NONE
        value = authentication.format_credentials(credentials, mirrored=False)
        basic = isinstance(credentials, BasicCredentials)
        shown = Scheme.BASIC if basic else Scheme.DIGEST
        return ((authentication.AUTHORIZATION, value),), shown

    def _login(
        self, challenge: Challenge | Refusal, terminal_id: str | None, *, proved: bool
    ) -> Login | None:
        """Return the login with which a challenge may be answered."""
        if isinstance(challenge, Refusal):
            return None
        login = self._accounts.login_at(challenge.realm)
        if login is None or challenge.scheme is Scheme.DIGEST:
            return login
        may_be_seen = login.scheme is Scheme.BASIC or (login.scheme is Scheme.NONE and proved)
        return login if may_be_seen and terminal_id in (None, challenge.realm) else None


class Proof(enum.Enum):
    """What the answer of a terminal to our challenge comes to."""

    PROVED = "proved"
    ABSENT = "absent"
    """It shows nothing: it wants us to go first, or does not know the scheme."""
    WRONG = "wrong"
    DECLINED = "declined"
    """Not this time: it may be challenged anew."""
    REFUSED = "refused"
    """It will not be authenticated."""


class Examination:
    """Asks one terminal who it is, until it has proved it. A nonce is good for one answer.

    :param identity: our PROXY-ID, the realm.
    :param new_nonce: returns text that nobody can foresee, for each challenge.
    :param required: a terminal that shows nothing has failed.
    """

    __slots__ = (
        "_accounts", "_asked", "_challenge", "_identity", "_new_nonce", "_required", "_scheme",
        "_status", "terminal_id", "wrong",
    )  # fmt: skip

    def __init__(
        self,
        scheme: Scheme,
        identity: str,
        accounts: TerminalAccounts,
        new_nonce: Callable[[], str],
        *,
        required: bool = True,
    ) -> None:
        self._required = required
        self._scheme = scheme
        self._identity = identity
        self._accounts = accounts
        self._new_nonce = new_nonce
        self._challenge: Challenge | None = None
        self._status: AuthStatus | None = None
        self._asked = 0
        self.wrong = 0
        self.terminal_id: str | None = None

    @property
    def exhausted(self) -> bool:
        """Whether the terminal had its chances."""
        return self.wrong >= MAX_WRONG or self._asked >= MAX_CHALLENGES

    @property
    def may_be_left(self) -> bool:
        """Whether it may end without a proof: none is required, and nothing wrong was shown."""
        return not self._required and not self.wrong

    def challenge(self) -> Header:
        """Return a challenge for the next request, after a wrong answer with that said (SIN-101).

        :raises EncodeError: our identity or the nonce cannot be written in a header.
        """
        nonce = self._new_nonce() if self._scheme is Scheme.DIGEST else ""
        asked = Challenge(self._scheme, self._identity, nonce, auth_status=self._status)
        self._challenge = asked
        self._asked += 1
        value = authentication.format_challenge(asked, mirrored=True)
        return authentication.X_WAP_CHALLENGE, value

    def last_word(self) -> Header:
        """Return the refusal after which the terminal has to close (SIN-101)."""
        refusal = Refusal(self._scheme, AuthStatus.FAILED_NORETRY)
        return authentication.X_WAP_CHALLENGE, authentication.format_refusal(refusal)

    def judge(self, response: Response, method: str) -> Proof:
        """Judge the answer to the request that carried the last challenge."""
        challenge, self._challenge = self._challenge, None
        shown = response.values(authentication.X_WAP_AUTHORIZATION)
        if not shown:
            return Proof.REFUSED if response.status == 412 else Proof.ABSENT
        proof = self._judge(shown, challenge, method)
        self._status = AuthStatus.FAILED_RETRY if proof is Proof.WRONG else None
        self.wrong += proof is Proof.WRONG
        return proof

    def _judge(self, shown: Sequence[str], challenge: Challenge | None, method: str) -> Proof:
        try:
            given = authentication.parse_credentials(shown[0])
        except DecodeError:
            return Proof.WRONG
        if isinstance(given, Refusal):
            again = given.auth_status is AuthStatus.FAILED_RETRY
            return Proof.DECLINED if again else Proof.REFUSED
        if challenge is None or len(shown) > 1:
            return Proof.WRONG
        password = self._accounts.terminal_password(given.username)
        if not authentication.verify(given, challenge, method, password):
            return Proof.WRONG
        self.terminal_id = given.username
        return Proof.PROVED
