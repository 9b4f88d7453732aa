"""The gateway's end of OTA-HTTP: the HTTP client, whoever dialled (WAP-235, 7.2 and 7.4).

Pushes wait, bounded, until the terminal is registered; then as many are outstanding as it allows
(MaxPushReq). Each gets exactly one outcome, whatever happens to the connection. The states stand
in :mod:`omapush.ota.http.states`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from omapush.core.errors import DecodeError, EncodeError
from omapush.core.instants import SECOND_MS, Instant, later
from omapush.ota.http import cpi, entity, headers
from omapush.ota.http.states import TRANSITIONS, Event, State
from omapush.ota.http.status import (
    NO_AUTHENTICATION,
    demands_authentication,
    outcome_of,
    push_status,
)
from omapush.ota.interface import (
    ClientCapabilities,
    CloseConnection,
    Effect,
    OutcomeKind,
    PoConfirmedPushReq,
    PpgIndication,
    PpgRequest,
    PushOutcome,
    PushStatus,
    RegistrationInd,
    SendOctets,
    SessionFailedInd,
)
from omapush.protocols.http import Header, HttpClientEnd, Request, Response

MAX_ANSWER_BODY = 65_536
"""Octets of an answer's body that are taken; nothing is done with it yet."""
MAX_RENEWALS = 2
"""How often one push may meet a stale CPITag before it is given up."""
MAX_TAGS = 8
"""Tags of one terminal under which CPI is kept at a time."""

# Registration refused for now (WAP-235, 7.4.2.1), or what a busy terminal's HTTP status amounts to.
_PASSING = (None, 300, PushStatus.USERREQ, PushStatus.USERDCR)


@dataclass(frozen=True, slots=True)
class HttpPpgSettings:
    """How the session behaves.

    :ivar registration_timeout_ms: patience for the answer to OPTIONS.
    :ivar response_timeout_ms: patience for the answer to a push: longer than an application has.
    :ivar max_waiting: pushes that may wait for registration or for their turn.
    :ivar max_outstanding: unanswered pushes at a time, however many more the terminal allows.
    """

    registration_timeout_ms: int = 20 * SECOND_MS
    response_timeout_ms: int = 30 * SECOND_MS
    max_waiting: int = 256
    max_outstanding: int = 16


@dataclass(slots=True)
class _Push:
    request: PpgRequest
    body: bytes
    deadline: Instant = Instant(0)
    sent_tag: str | None = None
    renewals: int = 0


class HttpPpgSession:
    """One active connection to a terminal, as the gateway sees it.

    :param assumed_cpi_tag: the tag that the terminal is believed to have.
    :param known_cpi: CPI headers known under each tag, so that they need not be sent again.
    """

    def __init__(
        self,
        settings: HttpPpgSettings,
        *,
        assumed_cpi_tag: str | None = None,
        known_cpi: Mapping[str, tuple[Header, ...]] | None = None,
    ) -> None:
        self._settings = settings
        self._known_cpi = dict(known_cpi or {})
        # A tag without its CPI is of no use: "matching" would tell us nothing.
        self._tag = assumed_cpi_tag if assumed_cpi_tag in self._known_cpi else None
        self._terminal_id: str | None = None
        self._bearer_indication: str | None = None
        self._http = HttpClientEnd(MAX_ANSWER_BODY)
        self._state = State.IDLE
        self._waiting: deque[_Push] = deque()
        self._again: deque[_Push] = deque()  # answered with a stale tag; before those waiting
        self._outstanding: deque[_Push] = deque()
        self._options_deadline: Instant | None = None  # of the OPTIONS that is outstanding
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

    def request(self, primitive: PpgRequest, now: Instant) -> None:
        """Take a push; it is sent when the terminal is ready for it."""
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
            self._indications.append(SessionFailedInd(f"not registered: {reason}"))
        self._end_all(reason)
        self._effects.clear()

    def next_timer(self) -> Instant | None:
        """When the oldest answer is overdue."""
        if self._state.has_ended:
            return None
        return self._outstanding[0].deadline if self._outstanding else self._options_deadline

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
            if self._options_deadline is not None:
                self._registration_answer(response)
            else:
                self._push_answer(response)
            self._go_on(now)
        if self._http.must_close:
            self._fail("the terminal closes the connection")

    def _go_on(self, now: Instant) -> None:
        """Send what may be sent now."""
        if self._http.must_close or self._options_deadline is not None:
            return
        if self._state is State.REGISTERING and not self._outstanding:
            self._send_options(now)
        elif self._state is State.READY:
            self._send_pushes(now)

    # -- registration (WAP-235, 7.2.5) --

    def _send_options(self, now: Instant) -> None:
        given: list[Header] = [("Host", ""), (headers.VERSION, headers.OUR_VERSION)]
        if self._tag is not None:
            given.append((headers.CPI_TAG, self._tag))
        options = self._http.request(Request("OPTIONS", headers.TARGET, tuple(given)))
        self._effects.append(SendOctets(options))
        self._options_deadline = later(now, self._settings.registration_timeout_ms)

    def _registration_answer(self, response: Response) -> None:
        self._options_deadline = None
        status, words = push_status(response)
        version = response.get(headers.VERSION)
        if demands_authentication(response):
            self._fail(f"HTTP {response.status}: {NO_AUTHENTICATION}", may_retry=False)
        elif status is None or not (500 <= status <= 599 or status == 400):
            # 400 stands for a good HTTP status without X-Wap-Push-Status.
            reason = f"registration refused: {words}"
            self._fail(reason, may_retry=status in _PASSING, status=status)
        elif version is not None and headers.choose_version(version) is None:
            self._fail(f"the terminal answers in OTA version {version[:40]!r}", may_retry=False)
        else:
            self._registered(response, matching=status == 500)

    def _registered(self, response: Response, *, matching: bool) -> None:
        tag, given = headers.cpi_tag(response), cpi.of_headers(response.headers)
        if matching and self._tag is not None:
            tag, given = self._tag, self._known_cpi[self._tag]
        try:
            capabilities = cpi.to_capabilities(given)
            self._terminal_id = headers.terminal_id(response)
        except DecodeError as error:
            self._fail(f"registration with an unreadable header: {error}")
            return
        self._bearer_indication = headers.bearer_indication(response)
        self._tag = tag
        if tag is not None:
            self._remember(tag, given)
        self._move(Event.REGISTERED)
        self._indicate_registration(capabilities, given)

    def _remember(self, tag: str, given: tuple[Header, ...]) -> None:
        self._known_cpi.pop(tag, None)
        self._known_cpi[tag] = given
        while len(self._known_cpi) > MAX_TAGS:
            del self._known_cpi[next(iter(self._known_cpi))]

    def _indicate_registration(
        self, capabilities: ClientCapabilities, given: tuple[Header, ...]
    ) -> None:
        allowed = min(capabilities.max_push_requests, self._settings.max_outstanding)
        self._max_outstanding = max(1, allowed)
        self._indications.append(
            RegistrationInd(
                terminal_id=self._terminal_id,
                bearer_indication=self._bearer_indication,
                cpi_tag=self._tag,
                capabilities=capabilities,
                cpi=given,
            )
        )

    # -- push (WAP-235, 7.4) --

    def _send_pushes(self, now: Instant) -> None:
        while len(self._outstanding) < self._max_outstanding:
            queue = self._again or self._waiting
            if not queue:
                return
            push = queue.popleft()
            try:
                octets = self._http.request(self._post(push))
            except EncodeError as error:
                self._end(push.request, OutcomeKind.NEVER, error.reason)
                continue
            push.deadline = later(now, self._settings.response_timeout_ms)
            push.sent_tag = self._tag
            self._outstanding.append(push)
            self._effects.append(SendOctets(octets))

    def _post(self, push: _Push) -> Request:
        request = push.request
        given: list[Header] = [
            ("Host", ""),
            ("Content-Type", entity.CONTENT_TYPE),
            (headers.VERSION, headers.OUR_VERSION),
            (headers.PUSH_ID, request.delivery_id),
        ]
        if self._tag is not None:
            given.append((headers.CPI_TAG, self._tag))
        response_allowed = isinstance(request, PoConfirmedPushReq) and request.response_allowed
        info = headers.format_push_info(request.flags, response_allowed=response_allowed)
        if info is not None:
            given.append((headers.PUSH_INFO, info))
        return Request("POST", headers.TARGET, tuple(given), push.body)

    def _push_answer(self, response: Response) -> None:
        push = self._outstanding.popleft()
        status, words = push_status(response)
        stale = status == PushStatus.CPITAG
        self._follow(headers.cpi_tag(response), push.sent_tag, stale=stale)
        if stale and push.renewals < MAX_RENEWALS:
            push.renewals += 1
            self._again.append(push)
        elif isinstance(push.request, PoConfirmedPushReq):
            self._indications.append(outcome_of(push.request.delivery_id, response))
        else:
            # PPG 5.1.2.2.5.1: an unconfirmed push is reported as if nobody had answered.
            self._end(push.request, OutcomeKind.DONE, f"sent unconfirmed; {words}")

    def _follow(self, tag: str | None, sent_tag: str | None, *, stale: bool) -> None:
        """Follow the terminal to its new tag; ask for its CPI only if we never saw it."""
        if self._state is not State.READY or not (stale or tag is not None):
            return
        if tag in (None, self._tag) and (sent_tag != self._tag or not stale):
            return  # an answer to a push from before we followed, or no news
        known = self._known_cpi.get(tag) if tag not in (None, self._tag) else None
        if known is None:
            self._tag = None
            self._move(Event.REREGISTER)
            return
        try:
            capabilities = cpi.to_capabilities(known)
        except DecodeError:  # kept by someone who did not read it
            self._tag = None
            self._move(Event.REREGISTER)
        else:
            self._tag = tag
            self._indicate_registration(capabilities, known)

    def _end(self, request: PpgRequest, kind: OutcomeKind, reason: str) -> None:
        self._indications.append(PushOutcome(request.delivery_id, kind, reason))

    def _end_all(self, reason: str) -> None:
        for push in self._outstanding:
            self._end(push.request, OutcomeKind.IN_DOUBT, f"sent, but no answer: {reason}")
        for push in (*self._again, *self._waiting):
            self._end(push.request, OutcomeKind.LATER, f"not sent: {reason}")
        for queue in (self._outstanding, self._again, self._waiting):
            queue.clear()

    def _fail(self, reason: str, *, may_retry: bool = True, status: int | None = None) -> None:
        if self._state.has_ended:
            return
        self._move(Event.REFUSED)
        self._indications.append(SessionFailedInd(reason, may_retry, status))
        self._end_all(reason)
        self._effects.append(CloseConnection(reason))

    def _move(self, event: Event) -> None:
        self._state = TRANSITIONS[self._state][event]
