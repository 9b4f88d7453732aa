"""The gateway's end of OTA-HTTP: the HTTP client, whoever dialled (WAP-235, 7.2 and 7.4).

::

      IDLE ──connected──► REGISTERING ──registered──► READY
                             ▲   │                     │
                             │   └──refused──► FAILED  │
                             └────────reregister───────┘     and CLOSED from everywhere

Pushes wait, bounded, until the terminal is registered; then as many are outstanding as it allows
(MaxPushReq). Each gets exactly one outcome, whatever happens to the connection.
"""

from __future__ import annotations

import contextlib
import enum
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from omapush.core.errors import DecodeError, EncodeError
from omapush.core.instants import SECOND_MS, Instant, later
from omapush.ota.http import cpi, entity, headers
from omapush.ota.http.status import outcome_of, push_status
from omapush.ota.interface import (
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
from omapush.protocols.http import Header, HttpClientEnd, HttpError, Request, Response

MAX_ANSWER_BODY = 65_536
"""Octets of an answer's body that are taken; nothing is done with it yet."""
MAX_RENEWALS = 2
"""How often one push may meet a stale CPITag before it is given up."""


class State(enum.Enum):
    """Where the session is."""

    IDLE = "idle"
    REGISTERING = "registering"
    READY = "ready"
    FAILED = "failed"
    CLOSED = "closed"


class Event(enum.Enum):
    """What moves the session."""

    CONNECTED = "connected"
    REGISTERED = "registered"
    REFUSED = "refused"
    REREGISTER = "reregister"
    DISCONNECTED = "disconnected"


_S, _E = State, Event
TRANSITIONS: dict[State, dict[Event, State]] = {
    _S.IDLE: {_E.CONNECTED: _S.REGISTERING, _E.DISCONNECTED: _S.CLOSED},
    _S.REGISTERING: {
        _E.REGISTERED: _S.READY,
        _E.REFUSED: _S.FAILED,
        _E.DISCONNECTED: _S.CLOSED,
    },
    _S.READY: {
        _E.REREGISTER: _S.REGISTERING,
        _E.REFUSED: _S.FAILED,
        _E.DISCONNECTED: _S.CLOSED,
    },
    _S.FAILED: {_E.REFUSED: _S.FAILED, _E.DISCONNECTED: _S.CLOSED},
    _S.CLOSED: {},
}


@dataclass(frozen=True, slots=True)
class HttpPpgSettings:
    """How the session behaves.

    :ivar registration_timeout_ms: patience for the answer to OPTIONS.
    :ivar response_timeout_ms: patience for the answer to a push: longer than an application has.
    :ivar max_waiting: pushes that may wait for registration or for their turn.
    """

    registration_timeout_ms: int = 20 * SECOND_MS
    response_timeout_ms: int = 30 * SECOND_MS
    max_waiting: int = 256


@dataclass(slots=True)
class _Push:
    request: PpgRequest
    body: bytes
    deadline: Instant = field(default=Instant(0))
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
        self._http = HttpClientEnd(MAX_ANSWER_BODY)
        self._state = State.IDLE
        self._waiting: deque[_Push] = deque()
        self._outstanding: deque[_Push] = deque()
        self._registration_deadline: Instant | None = None
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
        self._send_options(now)

    def request(self, primitive: PpgRequest, now: Instant) -> None:
        """Take a push; it is sent when the terminal is ready for it."""
        if self._state in (State.FAILED, State.CLOSED):
            self._end(primitive, OutcomeKind.LATER, "the session has ended")
        elif len(self._waiting) >= self._settings.max_waiting:
            self._end(primitive, OutcomeKind.LATER, "too many pushes wait for the terminal")
        else:
            try:
                self._waiting.append(_Push(primitive, entity.encode(primitive.message)))
            except EncodeError as error:
                self._end(primitive, OutcomeKind.NEVER, error.reason)
            self._send_pushes(now)

    def receive(self, octets: bytes, now: Instant) -> None:
        """Take octets of answers."""
        if self._state in (State.FAILED, State.CLOSED):
            return
        try:
            responses = self._http.receive(octets)
        except HttpError as error:
            self._fail(f"the terminal does not speak HTTP: {error.reason}")
            return
        self._responses(responses, now)

    def disconnected(self, reason: str, now: Instant) -> None:
        """Take the end of the connection: what was sent is in doubt, what was not is not."""
        if self._state is State.CLOSED:
            return
        if self._state is not State.FAILED:
            with contextlib.suppress(HttpError):  # an answer that was cut off is no answer
                self._responses(self._http.receive_end(), now)
        registering = self._state in (State.IDLE, State.REGISTERING)
        self._move(Event.DISCONNECTED)
        if registering:
            self._indications.append(SessionFailedInd(f"not registered: {reason}"))
        self._end_all(reason)

    def next_timer(self) -> Instant | None:
        """When the oldest answer is overdue."""
        if self._state not in (State.REGISTERING, State.READY):
            return None
        if self._outstanding:
            return self._outstanding[0].deadline
        return self._registration_deadline

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
            # OPTIONS goes out only when no push is outstanding, and no push before its answer.
            if self._outstanding:
                self._push_answer(response)
            elif self._state is State.REGISTERING:
                self._registration_answer(response)
        if self._http.must_close and self._state in (State.REGISTERING, State.READY):
            self._fail("the terminal closes the connection")
        if self._state is State.REGISTERING and self._http.outstanding == 0:
            self._send_options(now)
        self._send_pushes(now)

    # -- registration (WAP-235, 7.2.5) --

    def _send_options(self, now: Instant) -> None:
        given: list[Header] = [("Host", ""), (headers.VERSION, headers.OUR_VERSION)]
        if self._tag is not None:
            given.append((headers.CPI_TAG, self._tag))
        options = self._http.request(Request("OPTIONS", headers.TARGET, tuple(given)))
        self._effects.append(SendOctets(options))
        self._registration_deadline = later(now, self._settings.registration_timeout_ms)

    def _registration_answer(self, response: Response) -> None:
        status, words = push_status(response)
        if response.status in (401, 412):
            self._refused(f"HTTP {response.status}: the terminal asks for authentication", status)
        elif status is not None and (500 <= status <= 599 or status == 400):
            # 400 stands for a good HTTP status without X-Wap-Push-Status.
            self._registered(response, matching=status == 500)
        else:
            self._refused(f"registration refused: {words}", status)

    def _registered(self, response: Response, *, matching: bool) -> None:
        given = cpi.of_headers(response.headers)
        known = self._known_cpi.get(self._tag) if self._tag is not None else None
        if matching and known is not None:
            given, tag = known, self._tag
        else:
            tag = (response.get(headers.CPI_TAG) or "").strip() or None
        try:
            capabilities = cpi.to_capabilities(given)
        except DecodeError as error:
            self._refused(f"registration with an unreadable capability: {error}", None)
            return
        self._tag = tag
        self._registration_deadline = None
        if tag is not None:
            self._known_cpi[tag] = given
        self._max_outstanding = max(1, capabilities.max_push_requests)
        self._move(Event.REGISTERED)
        self._indications.append(
            RegistrationInd(
                terminal_id=response.get(headers.TERMINAL_ID),
                bearer_indication=response.get(headers.BEARER_INDICATION),
                cpi_tag=tag,
                capabilities=capabilities,
                cpi=given,
            )
        )

    def _refused(self, reason: str, status: int | None) -> None:
        self._fail(reason, may_retry=status not in (301, 302, PushStatus.VERSION), status=status)

    # -- push (WAP-235, 7.4) --

    def _send_pushes(self, now: Instant) -> None:
        while (
            self._state is State.READY
            and self._waiting
            and len(self._outstanding) < self._max_outstanding
        ):
            push = self._waiting.popleft()
            try:
                octets = self._http.request(self._post(push))
            except EncodeError as error:
                self._end(push.request, OutcomeKind.NEVER, error.reason)
                continue
            push.deadline = later(now, self._settings.response_timeout_ms)
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
        if status == PushStatus.CPITAG and push.renewals < MAX_RENEWALS:
            push.renewals += 1
            self._waiting.appendleft(push)
            self._renew(response.get(headers.CPI_TAG))
            return
        if isinstance(push.request, PoConfirmedPushReq):
            self._indications.append(outcome_of(push.request.delivery_id, response))
        else:
            # PPG 5.1.2.2.5.1: an unconfirmed push is reported as if nobody had answered.
            self._end(push.request, OutcomeKind.DONE, f"sent unconfirmed; {words}")

    def _renew(self, tag: str | None) -> None:
        """Follow the terminal to its new tag; ask for its CPI only if we never saw it."""
        tag = (tag or "").strip() or None
        if tag is not None and tag in self._known_cpi and tag != self._tag:
            try:
                capabilities = cpi.to_capabilities(self._known_cpi[tag])
            except DecodeError:
                del self._known_cpi[tag]
            else:
                self._tag = tag
                self._indications.append(
                    RegistrationInd(None, None, tag, capabilities, self._known_cpi[tag])
                )
                return
        self._tag = None
        if self._state is State.READY:
            self._move(Event.REREGISTER)

    def _end(self, request: PpgRequest, kind: OutcomeKind, reason: str) -> None:
        self._indications.append(PushOutcome(request.delivery_id, kind, reason))

    def _end_all(self, reason: str) -> None:
        for push in self._outstanding:
            self._end(push.request, OutcomeKind.IN_DOUBT, f"sent, but no answer: {reason}")
        for push in self._waiting:
            self._end(push.request, OutcomeKind.LATER, f"not sent: {reason}")
        self._outstanding.clear()
        self._waiting.clear()

    def _fail(self, reason: str, *, may_retry: bool = True, status: int | None = None) -> None:
        self._move(Event.REFUSED)
        self._indications.append(SessionFailedInd(reason, may_retry, status))
        self._end_all(reason)
        self._effects.append(CloseConnection(reason))

    def _move(self, event: Event) -> None:
        self._state = TRANSITIONS[self._state][event]
