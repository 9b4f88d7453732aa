"""The terminal's end of OTA-HTTP: the HTTP server, whoever dialled (WAP-235, 7.2 and 7.4).

OPTIONS is answered here, from the capabilities that the client has at that moment. A push becomes
an indication, and its HTTP answer waits for the application's: answers leave in the order of the
requests, so one that is ready early is kept until its turn. Before either, :mod:`admission` judges
who asks; :mod:`answers` has the words.

The terminal has no message that says that its capabilities have changed. It ends a connection on
which others were told, and the gateway asks again on the next.
"""

from __future__ import annotations

import dataclasses
import functools
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from omapush.content.message import Header, PushMessage
from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.core.instants import MINUTE_MS, SECOND_MS, Instant, later
from omapush.ota import message_format, push_headers
from omapush.ota.http import answers, authentication, cpi, entity, headers
from omapush.ota.http.admission import Admission
from omapush.ota.http.contexts import ProvisioningContext
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    CloseConnection,
    Effect,
    PoConfirmedPushInd,
    PomCapabilitiesChangedReq,
    PoPushVoidInd,
    PushFlag,
    PushSource,
    PushStatus,
    SendOctets,
)
from omapush.protocols.http import HttpError, HttpServerEnd, Request, Response

LINGER_MS = 2_000
"""How long a refused gateway may go on sending: closing at once could destroy the refusal."""
CAPABILITIES_CHANGED = "what the client takes has changed"
SILENT = "the gateway was silent for too long"
LAST_PUSH = "the gateway has no more pushes for now"
"""Why the terminal itself ends connections on which all is well."""

HttpClientRequest: TypeAlias = ClientRequest | PomCapabilitiesChangedReq


@dataclass(frozen=True, slots=True)
class HttpTerminalSettings:
    """Who the terminal is and what it takes at a time.

    :ivar terminal_id: X-Wap-Terminal-Id, a Client ID (WAP-235, 7.2.6; WAP-196), where there are no
        contexts.
    :ivar bearer_indication: two hexadecimal digits (WAP-235, 7.6).
    :ivar idle_timeout_ms: how long a gateway may say nothing before its connection is closed,
        unless a push of its waits for the application.
    :ivar first_request_timeout_ms: how long it may say nothing at first: it speaks first, at once
        (WAP-235, 7.2.5). A system that is overrun may drop a connection without telling this end.
    :ivar request_timeout_ms: how long a request may take from its first octet to its last.
    :ivar contexts: provisioned, the preferred one first. Without any the terminal asks nobody for
        credentials and shows none.
    :ivar profile: x-wap-profile headers, which are CPI as well (:func:`cpi.profile_headers`).
    :ivar close_after_last: end the connection when the gateway says that it has no more pushes.
    :ivar takes_mismatched: take a push although its CPITag is not ours (WAP-235, 7.2.5.2).
    :ivar takes_untagged: take a push without CPITag.
    """

    terminal_id: str
    bearer_indication: str = "00"
    idle_timeout_ms: int = 10 * MINUTE_MS
    first_request_timeout_ms: int = MINUTE_MS
    request_timeout_ms: int = 60 * SECOND_MS
    contexts: tuple[ProvisioningContext, ...] = ()
    profile: tuple[Header, ...] = ()
    close_after_last: bool = False
    takes_mismatched: bool = False
    takes_untagged: bool = True


@dataclass(slots=True)
class _Unanswered:
    """A request and, once it is there, its answer.

    :ivar reference: of the push that it is.
    :ivar new_tag: ours, if the push was taken although made for another.
    :ivar added: headers that its answer gets besides.
    :ivar end: why the connection ends with its answer, or without one.
    """

    reference: str | None = None
    response_allowed: bool = False
    new_tag: str | None = None
    added: tuple[Header, ...] = ()
    response: Response | None = None
    end: str | None = None

    @property
    def waits_for_application(self) -> bool:
        return self.reference is not None and self.response is None


class HttpTerminalSession:
    """One active connection from a gateway, as the terminal sees it.

    :param capabilities: what the client takes; asked anew for each request, for it may change. How
        large and how many pushes may be holds as it was when the connection began.
    :param source: where the pushes of this connection come from; if it has no identity yet, it gets
        the one that the gateway proves.
    :param sir_cpi_tag: the CPITag, in base64, of the SIR that led to this connection: counts for
        the first request if that brings none (WAP-235, 8.4).
    :param new_nonce: gives a text that nobody can guess.
    """

    __slots__ = (
        "_admission",
        "_begun",
        "_capabilities",
        "_count",
        "_cpi",
        "_effects",
        "_end",
        "_ended",
        "_heard",
        "_http",
        "_idle_since",
        "_indications",
        "_is_outdated",
        "_is_past_last",
        "_linger_until",
        "_max_message_size",
        "_max_push_requests",
        "_new_nonce",
        "_settings",
        "_sir_cpi_tag",
        "_source",
        "_told_tag",
        "_unanswered",
    )

    def __init__(
        self,
        settings: HttpTerminalSettings,
        capabilities: Callable[[], ClientCapabilities],
        source: PushSource,
        *,
        sir_cpi_tag: str | None = None,
        new_nonce: Callable[[], str] = secrets.token_hex,
    ) -> None:
        self._settings = settings
        self._capabilities = capabilities
        self._source = source
        self._sir_cpi_tag = sir_cpi_tag
        self._new_nonce = new_nonce
        limits = capabilities()
        self._max_message_size = limits.max_message_size
        self._max_push_requests = limits.max_push_requests
        self._http = HttpServerEnd(
            # A push beyond the limit is read and told so (413); one far beyond is not read.
            max_body=limits.max_message_size + message_format.MAX_HEAD,
            # One more than announced, so that a gateway that sends too many is told so (237).
            max_unanswered=limits.max_push_requests + 1,
        )
        self._admission: Admission | None = None
        self._cpi: tuple[ClientCapabilities, tuple[Header, ...], str] | None = None
        self._told_tag: str | None = None
        self._is_outdated = False
        self._is_past_last = False
        self._unanswered: list[_Unanswered] = []
        self._count = 0
        self._heard = False
        self._idle_since = Instant(0)
        self._begun: Instant | None = None  # the request that is not complete yet
        self._end: str | None = None  # why no further request is taken
        self._linger_until: Instant | None = None
        self._ended = False
        self._effects: list[Effect] = []
        self._indications: list[ClientIndication] = []

    def connected(self, now: Instant) -> None:
        """Wait: the gateway speaks first (WAP-235, 7.2.4)."""
        self._idle_since = now

    def request(self, primitive: HttpClientRequest, now: Instant) -> None:
        """Take the application's answer to a push; one for a push that is gone changes nothing."""
        if isinstance(primitive, PomCapabilitiesChangedReq):
            self._is_outdated = True
        else:
            self._answered(primitive, now)
        self._end_if_done()

    def _answered(self, primitive: ClientRequest, now: Instant) -> None:
        for waiting in self._unanswered:
            if waiting.reference == primitive.reference and waiting.response is None:
                waiting.response = answers.of_application(
                    primitive, response_allowed=waiting.response_allowed, new_tag=waiting.new_tag
                )
        self._idle_since = now
        self._flush(now)

    def receive(self, octets: bytes, now: Instant) -> None:
        """Take octets of requests."""
        if self._ended or self._end is not None:
            return
        self._heard, self._idle_since = True, now
        self._take(self._http.receive(octets), now)
        self._flush(now)
        self._end_if_done()

    def disconnected(self, reason: str, now: Instant) -> None:
        """Take the end of the connection: pushes that were not answered yet are void."""
        self._ended = True
        for waiting in self._unanswered:
            if waiting.waits_for_application and waiting.reference is not None:
                self._indications.append(PoPushVoidInd(waiting.reference, reason))
        self._unanswered.clear()
        self._effects.clear()

    def next_timer(self) -> Instant | None:
        """When the gateway has been silent, or has taken over one request, for too long.

        Silence does not count while a push waits for the application: the client keeps that
        deadline.
        """
        if self._ended or self._linger_until is not None:
            return None if self._ended else self._linger_until
        if any(one.waits_for_application for one in self._unanswered):
            return self._request_deadline()
        patience = self._settings.idle_timeout_ms
        if not self._heard:
            patience = min(patience, self._settings.first_request_timeout_ms)
        idle = later(self._idle_since, patience)
        return min(idle, self._request_deadline() or idle)

    def _request_deadline(self) -> Instant | None:
        if self._begun is None:
            return None
        return later(self._begun, self._settings.request_timeout_ms)

    def handle_timer(self, now: Instant) -> None:
        """Close the connection of a gateway that is silent, too slow, or that was refused."""
        due, deadline = self.next_timer(), self._request_deadline()
        if due is None or now < due:
            return
        if self._linger_until is not None:
            self._close(self._end or SILENT)
        elif deadline is not None and now >= deadline:
            self._http.give_up(HttpError("the request takes too long", 408))
            self._take([], now)
            self._flush(now)
        else:
            self._close(SILENT)

    def effects(self) -> list[Effect]:
        """Hand out what is to be done below."""
        effects, self._effects = self._effects, []
        return effects

    def indications(self) -> list[ClientIndication]:
        """Hand out what is to be told above."""
        indications, self._indications = self._indications, []
        return indications

    def _take(self, requests: list[Request], now: Instant) -> None:
        for request in requests:
            if self._end is not None:
                return
            waiting = _Unanswered()
            self._unanswered.append(waiting)
            waiting.response = self._dispatch(request, waiting)
            self._end = waiting.end
        if requests or not self._http.is_reading:
            self._begun = None
        if self._http.is_reading and self._begun is None:
            self._begun = now
        failure = self._http.failure
        if failure is not None and self._end is None:
            self._end = failure.reason
            refusal = _Unanswered(response=answers.failed(failure), end=failure.reason)
            self._unanswered.append(refusal)

    def _dispatch(self, request: Request, waiting: _Unanswered) -> Response | None:
        """Return the answer, or ``None`` when the application has to give it, or nobody."""
        offered = request.get(headers.VERSION)
        if offered is not None:
            # Said in the answer if the request does (WAP-235, 7.5).
            waiting.added = ((headers.VERSION, headers.OUR_VERSION),)
        response = answers.not_for_us(request)
        if response is not None:
            return response
        admission = self._admission_for(request)
        if offered is not None and headers.choose_version(offered) is None:
            response = answers.push_level(PushStatus.VERSION, "Version Not Supported")
        elif admission is not None:
            verdict = admission.judge(request)
            waiting.end, response = verdict.end, verdict.refusal
            waiting.added += verdict.shown
        may_go_on = response is None and waiting.end is None
        if request.method == "OPTIONS":
            waiting.added += self._identity(request, response)
            return self._registration(request) if may_go_on else response
        return self._push(request, waiting) if may_go_on else response

    def _admission_for(self, request: Request) -> Admission | None:
        """Return who judges the gateway; nobody where neither end ever asks for a proof."""
        contexts = self._settings.contexts
        if self._admission is None:
            if not contexts and request.get(authentication.X_WAP_CHALLENGE) is None:
                return None
            self._admission = Admission(contexts, self._new_nonce)
        return self._admission

    def _assumed_tag(self, request: Request) -> str | None:
        """Return the tag that the gateway believes is ours; that of the SIR counts once."""
        from_sir, self._sir_cpi_tag = self._sir_cpi_tag, None
        return (request.get(headers.CPI_TAG) or "").strip() or from_sir

    def _current_cpi(self) -> tuple[tuple[Header, ...], str]:
        """Return the CPI headers and their tag, computed again only after a change."""
        capabilities = self._capabilities()
        if self._cpi is None or self._cpi[0] != capabilities:
            self._cpi = capabilities, *_announcement(capabilities, self._settings.profile)
        return self._cpi[1], self._cpi[2]

    # -- registration (WAP-235, 7.2.5) --

    def _identity(self, request: Request, refusal: Response | None) -> tuple[Header, ...]:
        """Return what every answer to OPTIONS says of us (WAP-235, 7.2.5.1 and 7.2.6)."""
        bearer = (headers.BEARER_INDICATION, self._settings.bearer_indication)
        terminal_id: str | None = self._settings.terminal_id
        if self._admission is not None:
            # Where no context is meant there is no identity to name.
            is_lost = refusal is not None and answers.is_of_no_context(refusal)
            tells = not is_lost and self._admission.tells_identity(request)
            terminal_id = (self._admission.terminal_id or terminal_id) if tells else None
        return (bearer, (headers.TERMINAL_ID, terminal_id)) if terminal_id else (bearer,)

    def _registration(self, request: Request) -> Response:
        capabilities, tag = self._current_cpi()
        self._told_tag = tag
        if self._assumed_tag(request) == tag:
            return answers.push_level(500, "Accepted")
        given = ((headers.CPI_TAG, tag), *capabilities)
        return answers.push_level(501, "Accepted, CPI included", *given)

    # -- push (WAP-235, 7.4) --

    def _push(self, request: Request, waiting: _Unanswered) -> Response | None:
        stale = self._check_tag(request, waiting)
        if stale is not None:
            return stale
        try:
            message = entity.posted(request, self._max_message_size)
        except LimitError as error:
            return answers.push_level(PushStatus.USERDCR, error.reason, http=413)
        except DecodeError as error:
            return answers.push_level(PushStatus.USERRFS, str(error), http=400)
        pending = sum(1 for one in self._unanswered if one.waits_for_application)
        if pending >= self._max_push_requests:
            return answers.push_level(PushStatus.USERDCR, "too many pushes at a time")
        self._indicate(request, message, waiting)
        return None

    def _check_tag(self, request: Request, waiting: _Unanswered) -> Response | None:
        """Refuse a push that was made for other capabilities, as set up (WAP-235, 7.2.5.2)."""
        assumed, tag = self._assumed_tag(request), self._current_cpi()[1]
        if assumed is None and self._settings.takes_untagged:
            return None
        self._told_tag = tag
        if assumed == tag:
            return None
        if assumed is not None and self._settings.takes_mismatched:
            waiting.new_tag = tag
            return None
        text = "no CPITag" if assumed is None else "CPITag is out of date"
        return answers.push_level(PushStatus.CPITAG, text, (headers.CPI_TAG, tag))

    def _indicate(self, request: Request, message: PushMessage, waiting: _Unanswered) -> None:
        flags, response_allowed = push_headers.parse_push_info(request.get(push_headers.PUSH_INFO))
        self._is_past_last = PushFlag.LAST in flags
        self._count += 1
        waiting.reference = str(self._count)
        waiting.response_allowed = response_allowed
        self._indications.append(
            PoConfirmedPushInd(
                reference=waiting.reference,
                message=message,
                source=self._proven_source(),
                flags=flags,
                push_id=request.get(push_headers.PUSH_ID),
                response_allowed=response_allowed,
            )
        )

    def _proven_source(self) -> PushSource:
        identity = self._admission.gateway if self._admission is not None else None
        if identity is None or self._source.identity is not None:
            return self._source
        return dataclasses.replace(self._source, identity=identity)

    # -- answers --

    def _flush(self, now: Instant) -> None:
        """Write the answers whose turn has come."""
        while self._unanswered and not self._ended and self._linger_until is None:
            waiting = self._unanswered[0]
            if waiting.response is None:
                if waiting.end is not None:
                    self._close(waiting.end)
                return
            del self._unanswered[0]
            try:
                octets, held = self._http.respond(
                    answers.with_headers(waiting.response, *waiting.added)
                )
            except EncodeError as error:  # a capability that HTTP cannot carry
                self._close(error.reason)
                return
            self._effects.append(SendOctets(octets))
            if waiting.end is not None:
                self._linger_until = later(now, LINGER_MS)
            elif self._http.must_close:
                self._close("no request can follow")
            self._take(held, now)
        interim = self._http.interim() if not self._ended and self._end is None else b""
        if interim:
            self._effects.append(SendOctets(interim))

    def _end_if_done(self) -> None:
        """End an idle connection that has served its turn.

        One on which other capabilities were told (T-35): the gateway asks with OPTIONS on its next
        one. Where it never asked there is nothing to correct. And one on which the gateway has
        nothing more to send, for the bearer costs (WAP-235, 7.4.1.1).
        """
        if self._ended or self._end is not None or self._unanswered or not self._http.is_idle:
            return
        if self._is_outdated:
            self._is_outdated = False
            if self._told_tag is not None and self._told_tag != self._current_cpi()[1]:
                self._close(CAPABILITIES_CHANGED)
        if self._is_past_last and self._settings.close_after_last:
            self._close(LAST_PUSH)

    def _close(self, reason: str) -> None:
        if not self._ended:
            self._effects.append(CloseConnection(reason))
        self._ended = True


@functools.lru_cache(maxsize=64)
def _announcement(
    capabilities: ClientCapabilities, profile: tuple[Header, ...]
) -> tuple[tuple[Header, ...], str]:
    """Return the CPI headers and their tag; connections of clients alike share them."""
    given = (*cpi.to_headers(capabilities), *cpi.in_tag_order(profile))
    return given, cpi.tag(given)
