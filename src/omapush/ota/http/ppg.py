"""The gateway's end of OTA-HTTP: the HTTP client, whoever dialled (WAP-235, 7.2 and 7.4).

Pushes wait, bounded, until the terminal is registered; then as many are outstanding as it allows
(MaxPushReq). Each gets exactly one outcome, whatever happens to the connection. The states stand
in :mod:`omapush.ota.http.states`; :mod:`omapush.ota.http.registration` is what precedes them.

There may be very many sessions on which nothing happens: they keep little, and share what is equal.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from omapush.core.errors import EncodeError
from omapush.core.instants import SECOND_MS, Instant, later
from omapush.ota import push_headers
from omapush.ota.http import entity, headers
from omapush.ota.http.accounts import NO_ACCOUNTS, KnownCpi, TerminalAccounts
from omapush.ota.http.authentication import Login, Scheme
from omapush.ota.http.cpi import ToldCpi
from omapush.ota.http.gateway_authentication import Examination, GatewayCredentials
from omapush.ota.http.registration import (
    Assumed,
    NotRegistered,
    Registered,
    Registration,
    find,
    not_authenticated,
    readable,
)
from omapush.ota.http.states import TRANSITIONS, Event, State
from omapush.ota.http.status import outcome_of, push_status
from omapush.ota.interface import (
    CloseConnection,
    Effect,
    OutcomeKind,
    PoConfirmedPushReq,
    PomRegisterReq,
    PpgIndication,
    PpgRequest,
    PushOutcome,
    PushStatus,
    RegistrationInd,
    SendOctets,
    SessionFailedInd,
)
from omapush.protocols.http import Header, HttpClientEnd, Request, Response

__all__ = [
    "NO_ACCOUNTS",
    "HttpPpgRequest",
    "HttpPpgSession",
    "HttpPpgSettings",
    "KnownCpi",
    "Login",
    "Scheme",
    "TerminalAccounts",
    "fresh_nonce",
]

MAX_ANSWER_BODY = 65_536
"""Octets of an answer's body that are taken."""
MAX_RENEWALS = 2
"""How often one push may meet a stale CPITag before it is given up."""
MAX_TAGS = 8
"""Tags of one terminal under which CPI is kept at a time."""

HttpPpgRequest: TypeAlias = PpgRequest | PomRegisterReq


def fresh_nonce() -> str:
    """Return a nonce that nobody can foresee."""
    return os.urandom(16).hex()


@dataclass(frozen=True, slots=True)
class HttpPpgSettings:
    """How the session behaves.

    :ivar registration_timeout_ms: patience for registration, all its rounds together.
    :ivar response_timeout_ms: patience for the answer to a push: longer than an application has.
    :ivar max_waiting: pushes that may wait for registration or for their turn.
    :ivar max_outstanding: unanswered pushes at a time, however many more the terminal allows.
    :ivar identity: our PROXY-ID, the realm in which terminals are challenged.
    :ivar challenge: how terminals prove who they are; NONE: they are not asked to.
    :ivar proof_required: a terminal that shows nothing is not registered. Otherwise it is, as not
        authenticated, and whoever uses the session judges; wrong credentials never do.
    :ivar profile_warning: tell terminals that we read their profiles (WAP-248, 6.3.3).
    """

    registration_timeout_ms: int = 20 * SECOND_MS
    response_timeout_ms: int = 30 * SECOND_MS
    max_waiting: int = 256
    max_outstanding: int = 16
    identity: str = ""
    challenge: Scheme = Scheme.NONE
    proof_required: bool = True
    profile_warning: bool = False


@dataclass(slots=True)
class _Push:
    """A push on its way; ``shown`` and ``alone`` say how it was sent."""

    request: PpgRequest
    body: bytes
    deadline: Instant = Instant(0)
    sent_tag: str | None = None
    renewals: int = 0
    shown: Scheme = Scheme.NONE
    alone: bool = False


class HttpPpgSession:
    """One active connection to a terminal, as the gateway sees it.

    :param assumed_cpi_tag: the tag that the terminal is believed to have.
    :param known_cpi: CPI headers known under each tag, so that they need not be sent again.
    :param assumed_terminal_id: the Terminal-ID that is believed to answer.
    :param accounts: what is known of terminals, by Terminal-ID.
    :param new_nonce: returns text that nobody can foresee, for each challenge.
    :param prov_url: names the provisioning context that the terminal is to use (WAP-235, 7.2.5.4).
    """

    __slots__ = (
        "_accounts", "_again", "_assumed_terminal_id", "_authenticated", "_bearer_indication",
        "_credentials", "_effects", "_http", "_indications", "_known", "_max_outstanding",
        "_new_nonce", "_outstanding", "_prov_url", "_registration", "_settings", "_state", "_tag",
        "_terminal_id", "_waiting",
    )  # fmt: skip

    def __init__(
        self,
        settings: HttpPpgSettings,
        *,
        assumed_cpi_tag: str | None = None,
        known_cpi: Mapping[str, tuple[Header, ...]] | None = None,
        assumed_terminal_id: str | None = None,
        accounts: TerminalAccounts = NO_ACCOUNTS,
        new_nonce: Callable[[], str] = fresh_nonce,
        prov_url: str | None = None,
    ) -> None:
        self._settings = settings
        self._accounts = accounts
        self._new_nonce = new_nonce
        self._prov_url = prov_url
        given = (readable(*item) for item in (known_cpi or {}).items())
        self._known: tuple[ToldCpi, ...] = tuple(one for one in given if one is not None)
        # A tag without its CPI is of no use: "matching" would tell us nothing.
        self._tag = assumed_cpi_tag if find(self._known, assumed_cpi_tag) is not None else None
        self._assumed_terminal_id = assumed_terminal_id
        self._terminal_id: str | None = None
        self._authenticated = False
        self._bearer_indication: str | None = None
        self._credentials = GatewayCredentials(accounts, assumed_terminal_id)
        self._http = HttpClientEnd(MAX_ANSWER_BODY)
        self._state = State.IDLE
        # Lists, as they are bounded and empty ones are small.
        self._waiting: list[_Push] = []
        self._again: list[_Push] = []  # answered, but to be sent again; before those waiting
        self._outstanding: list[_Push] = []
        self._registration: Registration | None = None  # while it goes on
        self._max_outstanding = 1
        self._effects: list[Effect] = []
        self._indications: list[PpgIndication] = []

    @property
    def state(self) -> State:
        """Where the session is."""
        return self._state

    def connected(self, now: Instant) -> None:
        """Begin by registering the terminal (WAP-235, 7.2.5)."""
        self._move(Event.CONNECTED)
        self._go_on(now)

    def request(self, primitive: HttpPpgRequest, now: Instant) -> None:
        """Take a push, which is sent when the terminal is ready for it, or register again."""
        if isinstance(primitive, PomRegisterReq):
            if self._state is State.READY:  # else a registration is to come, or never will
                self._move(Event.REREGISTER)
                self._go_on(now)
            return
        if self._state.has_ended:
            self._end(primitive, OutcomeKind.LATER, "the session has ended")
        elif len(self._waiting) + len(self._again) >= self._settings.max_waiting:
            self._end(primitive, OutcomeKind.LATER, "too many pushes wait for the terminal")
        else:
            try:
                self._waiting.append(_Push(primitive, entity.encode(primitive.message)))
            except EncodeError as error:
                self._end(primitive, OutcomeKind.NEVER, error.reason)
            self._go_on(now)

    def receive(self, octets: bytes, now: Instant) -> None:
        """Take octets of answers."""
        if self._state.has_ended:
            return
        self._responses(self._http.receive(octets), now)
        failure = self._http.failure
        if failure is not None:
            self._fail(f"the terminal does not speak HTTP: {failure.reason}")

    def disconnected(self, reason: str, now: Instant) -> None:
        """Take the end of the connection: what was sent is in doubt, what was not is not."""
        if self._state is State.CLOSED:
            return
        if not self._state.has_ended:
            self._responses(self._http.receive_end(), now)
        registering = self._state in (State.IDLE, State.REGISTERING)
        self._move(Event.DISCONNECTED)
        if registering:
            failed = SessionFailedInd(
                f"not registered: {reason}", authentication=self._met_wrong_credentials()
            )
            self._indications.append(failed)
        self._end_all(reason)
        self._effects.clear()

    def next_timer(self) -> Instant | None:
        """When the oldest answer is overdue."""
        if self._state.has_ended:
            return None
        if self._outstanding:
            return self._outstanding[0].deadline
        return self._registration.deadline if self._registration is not None else None

    def handle_timer(self, now: Instant) -> None:
        """Give up the connection when an answer is overdue: the order of answers is lost."""
        due = self.next_timer()
        if due is None or now < due:
            return
        what = "push" if self._outstanding else "registration"
        self._fail(f"the terminal did not answer the {what} in time")

    def effects(self) -> list[Effect]:
        """Hand out what is to be done below."""
        effects, self._effects = self._effects, []
        return effects

    def indications(self) -> list[PpgIndication]:
        """Hand out what is to be told above."""
        indications, self._indications = self._indications, []
        return indications

    def _responses(self, responses: list[Response], now: Instant) -> None:
        for response in responses:
            if self._state.has_ended:
                return
            # OPTIONS goes out only when no push is outstanding, and no push before its answer.
            if self._registration is not None:
                self._registration_answer(self._registration, response)
            else:
                self._push_answer(response)
            self._go_on(now)
        if self._http.must_close:
            self._fail("the terminal closes the connection")

    def _go_on(self, now: Instant) -> None:
        """Send what may be sent now."""
        if self._state.has_ended or self._http.must_close:
            return
        if self._state is State.REGISTERING and not self._outstanding:
            self._go_on_registering(now)
        elif self._state is State.READY:
            self._send_pushes(now)

    # -- registration (WAP-235, 7.2.5) --

    def _go_on_registering(self, now: Instant) -> None:
        if self._registration is None:
            self._registration = self._new_registration(now)
        if self._registration.is_outstanding:
            return
        try:
            octets = self._http.request(self._registration.options())
        except EncodeError as error:
            self._fail(f"registration cannot be written: {error.reason}", may_retry=False)
        else:
            self._effects.append(SendOctets(octets))

    def _new_registration(self, now: Instant) -> Registration:
        settings, examination = self._settings, None
        # Who was registered without a proof has none to show, and can be nobody else by now.
        settled = self._terminal_id is not None and not settings.proof_required
        if settings.challenge is not Scheme.NONE and not (self._authenticated or settled):
            examination = Examination(
                settings.challenge,
                settings.identity,
                self._accounts,
                self._new_nonce,
                required=settings.proof_required,
            )
        assumed = Assumed(
            tag=self._tag,
            known=self._known,
            expected=self._assumed_terminal_id,
            settled=self._terminal_id,
            prov_url=self._prov_url,
            profile_warning=settings.profile_warning,
        )
        deadline = later(now, settings.registration_timeout_ms)
        return Registration(assumed, self._accounts, self._credentials, examination, deadline)

    def _registration_answer(self, registration: Registration, response: Response) -> None:
        result = registration.take(response)
        match result:
            case Registered():
                self._registered(result)
            case NotRegistered():
                self._not_registered(result)

    def _registered(self, result: Registered) -> None:
        self._registration = None
        self._prov_url = None  # it holds until the connection ends
        self._terminal_id = result.terminal_id
        self._bearer_indication = result.bearer_indication
        self._authenticated |= result.authenticated
        told = result.told
        if told.tag is not None:
            others = tuple(one for one in self._known if one.tag != told.tag)
            self._known = (*others, told)[-MAX_TAGS:]
        self._move(Event.REGISTERED)
        self._indicate_registration(told)

    def _not_registered(self, result: NotRegistered) -> None:
        if result.last_word is not None and not self._http.must_close:
            try:
                self._effects.append(SendOctets(self._http.request(result.last_word)))
            except EncodeError as error:
                self._fail(f"registration cannot be written: {error.reason}", may_retry=False)
                return
        self._fail(
            result.reason,
            may_retry=result.may_retry,
            status=result.status,
            authentication=result.authentication,
        )

    def _indicate_registration(self, told: ToldCpi) -> None:
        self._tag = told.tag
        allowed = min(told.capabilities.max_push_requests, self._settings.max_outstanding)
        self._max_outstanding = max(1, allowed)
        self._indications.append(
            RegistrationInd(
                terminal_id=self._terminal_id,
                bearer_indication=self._bearer_indication,
                cpi_tag=told.tag,
                capabilities=told.capabilities,
                cpi=told.headers,
                authenticated=self._authenticated,
            )
        )

    # -- push (WAP-235, 7.4) --

    def _send_pushes(self, now: Instant) -> None:
        while self._may_send():
            queue = self._again or self._waiting
            if not queue:
                return
            push = queue.pop(0)
            push.alone = self._credentials.owed
            try:
                authorization, push.shown = self._credentials.header("POST")
                octets = self._http.request(self._post(push, authorization))
            except EncodeError as error:
                self._end(push.request, OutcomeKind.NEVER, error.reason)
                continue
            push.deadline = later(now, self._settings.response_timeout_ms)
            push.sent_tag = self._tag
            self._outstanding.append(push)
            self._effects.append(SendOctets(octets))

    def _may_send(self) -> bool:
        """Whether one more push may be outstanding; none beside one that authenticates us."""
        if not self._outstanding:
            return True
        authenticating = self._credentials.owed or self._outstanding[-1].alone
        return not authenticating and len(self._outstanding) < self._max_outstanding

    def _post(self, push: _Push, authorization: tuple[Header, ...]) -> Request:
        request = push.request
        given: list[Header] = [
            ("Host", ""),
            ("Content-Type", entity.CONTENT_TYPE),
            (headers.VERSION, headers.OUR_VERSION),
            (push_headers.PUSH_ID, request.delivery_id),
        ]
        if self._tag is not None:
            given.append((headers.CPI_TAG, self._tag))
        response_allowed = isinstance(request, PoConfirmedPushReq) and request.response_allowed
        info = push_headers.format_push_info(request.flags, response_allowed=response_allowed)
        if info is not None:
            given.append((push_headers.PUSH_INFO, info))
        return Request("POST", headers.TARGET, (*given, *authorization), push.body)

    def _push_answer(self, response: Response) -> None:
        push = self._outstanding.pop(0)
        if response.status == 401:
            self._demanded(push, response)
            return
        status, words = push_status(response)
        stale = status == PushStatus.CPITAG
        self._follow(headers.cpi_tag(response), push.sent_tag, stale=stale)
        if stale and push.renewals < MAX_RENEWALS:
            push.renewals += 1
            self._again.append(push)
        elif isinstance(push.request, PoConfirmedPushReq):
            self._indications.append(outcome_of(push.request, response))
        else:
            # PPG 5.1.2.2.5.1: an unconfirmed push is reported as if nobody had answered.
            self._end(push.request, OutcomeKind.DONE, f"sent unconfirmed; {words}")

    def _demanded(self, push: _Push, response: Response) -> None:
        """Send a push again with what the terminal demands, if we have it (RFC 2617, 1.2)."""
        terminal_id = self._terminal_id or self._assumed_terminal_id
        refused = self._credentials.demanded(
            response,
            push.shown,
            terminal_id,
            terminal_is_proved=self._authenticated or self._settings.challenge is Scheme.NONE,
        )
        if refused is None:
            self._again.append(push)
            return
        failure = not_authenticated(refused)
        if isinstance(push.request, PoConfirmedPushReq):
            self._end(push.request, OutcomeKind.NEVER, failure.reason)
        else:
            self._end(push.request, OutcomeKind.DONE, f"sent unconfirmed; {failure.reason}")
        if failure.authentication:
            self._fail(failure.reason, may_retry=False, authentication=True)

    def _follow(self, tag: str | None, sent_tag: str | None, *, stale: bool) -> None:
        """Follow the terminal to its new tag; ask for its CPI only if we never saw it."""
        if self._state is not State.READY or not (stale or tag is not None):
            return
        if tag in (None, self._tag) and (sent_tag != self._tag or not stale):
            return  # an answer to a push from before we followed, or no news
        known = self._remembered(tag) if tag not in (None, self._tag) else None
        if known is None:
            self._tag = None
            self._move(Event.REREGISTER)
        else:
            self._indicate_registration(known)

    def _remembered(self, tag: str | None) -> ToldCpi | None:
        known = find(self._known, tag)
        if known is not None or tag is None or self._terminal_id is None:
            return known
        account = self._accounts.known_cpi(self._terminal_id)
        return readable(tag, account.cpi[tag]) if account and tag in account.cpi else None

    def _end(self, request: PpgRequest, kind: OutcomeKind, reason: str) -> None:
        self._indications.append(PushOutcome(request.delivery_id, kind, reason))

    def _end_all(self, reason: str) -> None:
        for push in self._outstanding:
            self._end(push.request, OutcomeKind.IN_DOUBT, f"sent, but no answer: {reason}")
        for push in (*self._again, *self._waiting):
            self._end(push.request, OutcomeKind.LATER, f"not sent: {reason}")
        for queue in (self._outstanding, self._again, self._waiting):
            queue.clear()

    def _fail(
        self,
        reason: str,
        *,
        may_retry: bool = True,
        status: int | None = None,
        authentication: bool = False,
    ) -> None:
        if self._state.has_ended:
            return
        authentication = authentication or self._met_wrong_credentials()
        self._move(Event.REFUSED)
        self._indications.append(SessionFailedInd(reason, may_retry, status, authentication))
        self._end_all(reason)
        self._effects.append(CloseConnection(reason))

    def _met_wrong_credentials(self) -> bool:
        return self._registration is not None and self._registration.met_wrong_credentials

    def _move(self, event: Event) -> None:
        self._state = TRANSITIONS[self._state][event]
