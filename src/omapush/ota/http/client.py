"""The terminal's end of OTA-HTTP: the HTTP server, whoever dialled (WAP-235, 7.2 and 7.4).

OPTIONS is answered here, from the capabilities that the client has at that moment. A push becomes
an indication, and its HTTP answer waits for the application's: answers leave in the order of the
requests, so one that is ready early is kept until its turn.

The terminal has no message that says that its capabilities have changed. It ends a connection on
which others were told, and the gateway asks again on the next.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from omapush.content.message import Header, PushMessage
from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.core.instants import MINUTE_MS, Instant, later
from omapush.ota.http import cpi, entity, headers
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    CloseConnection,
    Effect,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PomCapabilitiesChangedReq,
    PoPushAbortReq,
    PoPushVoidInd,
    PushSource,
    PushStatus,
    SendOctets,
)
from omapush.protocols.http import HttpError, HttpServerEnd, Request, Response

ALLOW = ("Allow", "POST, OPTIONS")
LINGER_MS = 2_000
"""How long a refused gateway may go on sending: closing at once could destroy the refusal."""
CAPABILITIES_CHANGED = "what the client takes has changed"
SILENT = "the gateway was silent for too long"
"""Why the terminal itself ends connections on which all is well."""
MAX_REASON = 120
"""Characters of a refusal's text that go into X-Wap-Push-Status."""

HttpClientRequest: TypeAlias = ClientRequest | PomCapabilitiesChangedReq

# Hop-by-hop headers of a POST that carries the push without application/http inside.
_OUTER = frozenset(
    name.lower()
    for name in (
        "Host",
        "Date",
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
        "User-Agent",
        "Accept",
        "Content-Length",
        "Transfer-Encoding",
        "Authorization",
        headers.VERSION,
        headers.CPI_TAG,
        headers.PROV_URL,
        headers.PUSH_INFO,
        headers.PUSH_ID,
    )
)


@dataclass(frozen=True, slots=True)
class HttpTerminalSettings:
    """Who the terminal is and what it takes at a time.

    :ivar terminal_id: X-Wap-Terminal-Id, a Client ID (WAP-235, 7.2.6; WAP-196).
    :ivar bearer_indication: two hexadecimal digits (WAP-235, 7.6).
    :ivar idle_timeout_ms: how long a gateway may say nothing before its connection is closed,
        unless a push of its waits for the application.
    """

    terminal_id: str
    bearer_indication: str = "00"
    idle_timeout_ms: int = 10 * MINUTE_MS


@dataclass(slots=True)
class _Unanswered:
    reference: str | None = None
    versioned: bool = False
    response_allowed: bool = False
    response: Response | None = None

    @property
    def waits_for_application(self) -> bool:
        return self.reference is not None and self.response is None


class HttpTerminalSession:
    """One active connection from a gateway, as the terminal sees it.

    :param capabilities: what the client takes; asked anew for each request, for it may change. How
        large and how many pushes may be holds as it was when the connection began.
    :param source: where the pushes of this connection come from.
    """

    def __init__(
        self,
        settings: HttpTerminalSettings,
        capabilities: Callable[[], ClientCapabilities],
        source: PushSource,
    ) -> None:
        self._settings = settings
        self._capabilities = capabilities
        self._source = source
        limits = capabilities()
        self._max_message_size = limits.max_message_size
        self._max_push_requests = limits.max_push_requests
        self._http = HttpServerEnd(
            # A push beyond the limit is read and told so (413); one far beyond is not read.
            max_body=limits.max_message_size + entity.MAX_HEAD,
            # One more than announced, so that a gateway that sends too many is told so (237).
            max_unanswered=limits.max_push_requests + 1,
        )
        self._cpi: tuple[ClientCapabilities, tuple[Header, ...], str] | None = None
        self._told_tag: str | None = None
        self._changed = False
        self._unanswered: deque[_Unanswered] = deque()
        self._count = 0
        self._idle_since = Instant(0)
        self._refused = False
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
            self._changed = True
        else:
            self._answered(primitive, now)
        self._end_outdated()

    def _answered(self, primitive: ClientRequest, now: Instant) -> None:
        for waiting in self._unanswered:
            if waiting.reference == primitive.reference and waiting.response is None:
                waiting.response = _answer(primitive, response_allowed=waiting.response_allowed)
        self._idle_since = now
        self._flush(now)

    def receive(self, octets: bytes, now: Instant) -> None:
        """Take octets of requests."""
        if self._ended or self._linger_until is not None:
            return
        self._idle_since = now
        self._take(self._http.receive(octets))
        self._flush(now)
        self._end_outdated()

    def disconnected(self, reason: str, now: Instant) -> None:
        """Take the end of the connection: pushes that were not answered yet are void."""
        self._ended = True
        for waiting in self._unanswered:
            if waiting.waits_for_application and waiting.reference is not None:
                self._indications.append(PoPushVoidInd(waiting.reference, reason))
        self._unanswered.clear()
        self._effects.clear()

    def next_timer(self) -> Instant | None:
        """When the gateway has been silent for too long.

        While a push waits for the application there is none: the client keeps that deadline.
        """
        if self._ended or any(one.waits_for_application for one in self._unanswered):
            return None
        if self._linger_until is not None:
            return self._linger_until
        return later(self._idle_since, self._settings.idle_timeout_ms)

    def handle_timer(self, now: Instant) -> None:
        """Close the connection of a gateway that is silent, or that was refused."""
        due = self.next_timer()
        if due is not None and now >= due:
            failure = self._http.failure
            self._close(failure.reason if failure else SILENT)

    def effects(self) -> list[Effect]:
        """Hand out what is to be done below."""
        effects, self._effects = self._effects, []
        return effects

    def indications(self) -> list[ClientIndication]:
        """Hand out what is to be told above."""
        indications, self._indications = self._indications, []
        return indications

    def _take(self, requests: list[Request]) -> None:
        for request in requests:
            waiting = _Unanswered(versioned=request.get(headers.VERSION) is not None)
            self._unanswered.append(waiting)
            waiting.response = self._dispatch(request, waiting)
        failure = self._http.failure
        if failure is not None and not self._refused:
            self._refused = True
            self._unanswered.append(_Unanswered(response=_refusal(failure)))

    def _dispatch(self, request: Request, waiting: _Unanswered) -> Response | None:
        """Return the answer, or ``None`` when the application has to give it."""
        is_options = request.method == "OPTIONS"
        if request.target != headers.TARGET and not (is_options and request.target == "*"):
            return Response(404)
        if request.method not in ("OPTIONS", "POST"):
            return Response(405, (ALLOW,))
        offered = request.get(headers.VERSION)
        if offered is not None and headers.choose_version(offered) is None:
            return _push_level(PushStatus.VERSION, "Version Not Supported")
        if is_options:
            return self._registration(request)
        return self._push(request, waiting)

    def _current_cpi(self) -> tuple[tuple[Header, ...], str]:
        """Return the CPI headers and their tag, computed again only after a change."""
        capabilities = self._capabilities()
        if self._cpi is None or self._cpi[0] != capabilities:
            self._cpi = capabilities, *_announcement(capabilities)
        return self._cpi[1], self._cpi[2]

    # -- registration (WAP-235, 7.2.5) --

    def _registration(self, request: Request) -> Response:
        capabilities, tag = self._current_cpi()
        self._told_tag = tag
        identity: tuple[Header, ...] = (
            (headers.BEARER_INDICATION, self._settings.bearer_indication),
            (headers.TERMINAL_ID, self._settings.terminal_id),
        )
        if request.get(headers.CPI_TAG) == tag:
            return _push_level(500, "Accepted", *identity)
        given = (*identity, (headers.CPI_TAG, tag), *capabilities)
        return _push_level(501, "Accepted, CPI included", *given)

    # -- push (WAP-235, 7.4) --

    def _push(self, request: Request, waiting: _Unanswered) -> Response | None:
        assumed, tag = request.get(headers.CPI_TAG), self._current_cpi()[1]
        if assumed is not None and assumed != tag:
            # Made for other capabilities; without a tag a push is taken (WAP-235, 7.2.5.2).
            return _push_level(PushStatus.CPITAG, "CPITag is out of date", (headers.CPI_TAG, tag))
        try:
            message = self._message(request)
        except LimitError as error:
            return Response(413, _push_level(PushStatus.USERDCR, error.reason).headers)
        except DecodeError as error:
            return Response(400, _push_level(PushStatus.USERRFS, str(error)).headers)
        pending = sum(1 for one in self._unanswered if one.waits_for_application)
        if pending >= self._max_push_requests:
            return _push_level(PushStatus.USERDCR, "too many pushes at a time")
        self._indicate(request, message, waiting)
        return None

    def _message(self, request: Request) -> PushMessage:
        media_type = (request.get("Content-Type") or "").partition(";")[0].strip().lower()
        outer = request.get("Content-Encoding")
        if media_type != entity.CONTENT_TYPE:
            # Some gateways send the push message as the POST itself.
            kept = tuple((n, v) for n, v in request.headers if n.lower() not in _OUTER)
            message = PushMessage(kept, request.body)
            self._check_size(len(request.body))
            return entity.inflated(message, self._max_message_size)
        body = request.body
        if outer is not None:
            coded = PushMessage((("Content-Encoding", outer),), body)
            body = entity.inflated(coded, self._max_message_size).body
        self._check_size(len(body))
        return entity.decode(body, self._max_message_size)

    def _check_size(self, octets: int) -> None:
        if octets > self._max_message_size:
            raise LimitError(f"{octets} octets, and {self._max_message_size} are taken")

    def _indicate(self, request: Request, message: PushMessage, waiting: _Unanswered) -> None:
        flags, response_allowed = headers.parse_push_info(request.get(headers.PUSH_INFO))
        self._count += 1
        waiting.reference = str(self._count)
        waiting.response_allowed = response_allowed
        self._indications.append(
            PoConfirmedPushInd(
                reference=waiting.reference,
                message=message,
                source=self._source,
                flags=flags,
                push_id=request.get(headers.PUSH_ID),
                response_allowed=response_allowed,
            )
        )

    # -- answers --

    def _flush(self, now: Instant) -> None:
        """Write the answers whose turn has come."""
        while self._unanswered and not self._ended:
            waiting = self._unanswered[0]
            if waiting.response is None:
                return
            self._unanswered.popleft()
            try:
                octets, held = self._http.respond(_versioned(waiting.response, waiting))
            except EncodeError as error:  # a capability that HTTP cannot carry
                self._close(error.reason)
                return
            self._effects.append(SendOctets(octets))
            if self._http.must_close and self._refused:
                self._linger_until = later(now, LINGER_MS)
            elif self._http.must_close:
                self._close("no request can follow")
            self._take(held)
        interim = self._http.interim() if not self._ended else b""
        if interim:
            self._effects.append(SendOctets(interim))

    def _end_outdated(self) -> None:
        """End the connection if other capabilities were told on it, as soon as it is idle (T-35).

        The gateway asks with OPTIONS on its next one. Where it never asked there is nothing to
        correct.
        """
        if not self._changed or self._ended or self._linger_until is not None:
            return
        if self._unanswered or not self._http.is_idle:
            return
        self._changed = False
        if self._told_tag is not None and self._told_tag != self._current_cpi()[1]:
            self._close(CAPABILITIES_CHANGED)

    def _close(self, reason: str) -> None:
        if not self._ended:
            self._effects.append(CloseConnection(reason))
        self._ended = True


@functools.lru_cache(maxsize=64)
def _announcement(capabilities: ClientCapabilities) -> tuple[tuple[Header, ...], str]:
    """Return the CPI headers and their tag; connections of clients alike share them."""
    given = cpi.to_headers(capabilities)
    return given, cpi.tag(given)


def _answer(primitive: ClientRequest, *, response_allowed: bool) -> Response:
    match primitive:
        case PoPushAbortReq(status=status, reason=reason):
            return _push_level(status, reason)
        case PoConfirmedPushRes(body=body, content_type=content_type):
            accepted = _push_level(400, "Accepted")
            if not body or not response_allowed:
                return accepted
            media_type = _printable(content_type or "") or "application/octet-stream"
            return Response(200, (*accepted.headers, ("Content-Type", media_type)), body)


def _push_level(status: int, text: str, *more: Header) -> Response:
    """Answer at the level of push, for which HTTP has done its duty (WAP-235, 7.4.2)."""
    given = (headers.PUSH_STATUS, f"{int(status)} {_printable(text)}".rstrip())
    return Response(204, (given, *more))


def _versioned(response: Response, waiting: _Unanswered) -> Response:
    """Add our version if the request gave one (WAP-235, 7.5)."""
    if not waiting.versioned:
        return response
    version = (headers.VERSION, headers.OUR_VERSION)
    given = (*response.headers[:1], version, *response.headers[1:])
    return Response(response.status, given, response.body)


def _refusal(failure: HttpError) -> Response:
    """Say to a gateway why nothing more is read from it."""
    too_much = isinstance(failure, LimitError)
    status = PushStatus.USERDCR if too_much else PushStatus.USERRFS
    return Response(failure.status, _push_level(status, failure.reason).headers)


def _printable(text: str) -> str:
    """Return ``text`` as it may stand in a header."""
    return "".join(c if " " <= c <= "~" else "?" for c in text[:MAX_REASON]).strip()
