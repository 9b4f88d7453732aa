"""The terminal's end of OTA-HTTP: the HTTP server, whoever dialled (WAP-235, 7.2 and 7.4).

OPTIONS is answered here, from the capabilities that the client has at that moment. A push becomes
an indication, and its HTTP answer waits for the application's: answers leave in the order of the
requests, so one that is ready early is kept until its turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from omapush.content.message import Header, PushMessage
from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.core.instants import Instant
from omapush.ota.http import cpi, entity, headers
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    CloseConnection,
    Effect,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PoPushAbortReq,
    PoPushVoidInd,
    PushSource,
    PushStatus,
    SendOctets,
)
from omapush.protocols.http import HttpError, HttpServerEnd, Request, Response

ALLOW = ("Allow", "POST, OPTIONS")
MAX_REASON = 120
"""Characters of a refusal's text that go into X-Wap-Push-Status."""

# Hop-by-hop headers of a POST that carries the push without application/http inside.
_OUTER = frozenset(
    name.lower()
    for name in (
        "Host",
        "Date",
        "Connection",
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
    """

    terminal_id: str
    bearer_indication: str = "00"


@dataclass(slots=True)
class _Unanswered:
    reference: str | None
    versioned: bool
    response_allowed: bool = False
    response: Response | None = None


class HttpTerminalSession:
    """One active connection from a gateway, as the terminal sees it.

    :param capabilities: what the client takes; asked anew for each request, for it may change.
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
        self._http = HttpServerEnd(
            # What may stand beside the message: the inner status line is part of it already.
            max_body=limits.max_message_size + entity.MAX_HEAD,
            # One more than announced, so that a gateway that sends too many is told so (237).
            max_unanswered=limits.max_push_requests + 1,
        )
        self._max_push_requests = limits.max_push_requests
        self._unanswered: deque[_Unanswered] = deque()
        self._count = 0
        self._ended = False
        self._effects: list[Effect] = []
        self._indications: list[ClientIndication] = []

    def connected(self, now: Instant) -> None:
        """Wait: the gateway speaks first (WAP-235, 7.2.4)."""

    def request(self, primitive: ClientRequest, now: Instant) -> None:
        """Take the application's answer to a push; one for a push that is gone changes nothing."""
        for waiting in self._unanswered:
            if waiting.reference == primitive.reference and waiting.response is None:
                waiting.response = _answer(primitive, waiting)
        self._flush()

    def receive(self, octets: bytes, now: Instant) -> None:
        """Take octets of requests."""
        if self._ended:
            return
        try:
            self._requests(self._http.receive(octets))
        except HttpError as error:
            self._refuse_connection(error)
        self._flush()

    def disconnected(self, reason: str, now: Instant) -> None:
        """Take the end of the connection: pushes that were not answered yet are void."""
        self._ended = True
        for waiting in self._unanswered:
            if waiting.reference is not None and waiting.response is None:
                self._indications.append(PoPushVoidInd(waiting.reference, reason))
        self._unanswered.clear()

    def next_timer(self) -> Instant | None:
        """Return ``None``: the application's deadline is kept by the client."""
        return None

    def handle_timer(self, now: Instant) -> None:
        """Do nothing: there is no timer."""

    def effects(self) -> list[Effect]:
        """Hand out what is to be done below."""
        effects, self._effects = self._effects, []
        return effects

    def indications(self) -> list[ClientIndication]:
        """Hand out what is to be told above."""
        indications, self._indications = self._indications, []
        return indications

    def _requests(self, requests: list[Request]) -> None:
        for request in requests:
            versioned = request.get(headers.VERSION) is not None
            waiting = _Unanswered(None, versioned)
            self._unanswered.append(waiting)
            waiting.response = self._dispatch(request, waiting)

    def _dispatch(self, request: Request, waiting: _Unanswered) -> Response | None:
        """Return the answer, or ``None`` when the application has to give it."""
        is_options = request.method == "OPTIONS"
        if request.target != headers.TARGET and not (is_options and request.target == "*"):
            return Response(404)
        if request.method not in ("OPTIONS", "POST"):
            return Response(405, (ALLOW,))
        offered = request.get(headers.VERSION)
        if offered is not None and not headers.offers_our_version(offered):
            return self._push_level(PushStatus.VERSION, "Version Not Supported", waiting)
        if is_options:
            return self._registration(request, waiting)
        return self._push(request, waiting)

    # -- registration (WAP-235, 7.2.5) --

    def _registration(self, request: Request, waiting: _Unanswered) -> Response:
        capabilities = cpi.to_headers(self._capabilities())
        tag = cpi.tag(capabilities)
        matching = request.get(headers.CPI_TAG) == tag
        status, text = (500, "Accepted") if matching else (501, "Accepted, CPI included")
        answer = self._push_level(status, text, waiting)
        given: tuple[Header, ...] = (
            *answer.headers,
            (headers.BEARER_INDICATION, self._settings.bearer_indication),
            (headers.TERMINAL_ID, self._settings.terminal_id),
        )
        if not matching:
            given += ((headers.CPI_TAG, tag), *capabilities)
        return Response(204, given)

    # -- push (WAP-235, 7.4) --

    def _push(self, request: Request, waiting: _Unanswered) -> Response | None:
        stale = self._stale_tag(request, waiting)
        if stale is not None:
            return stale
        try:
            message = self._message(request)
        except LimitError as error:
            status = PushStatus.USERDCR
            return Response(413, self._push_level(status, error.reason, waiting).headers)
        except DecodeError as error:
            status = PushStatus.USERRFS
            return Response(400, self._push_level(status, str(error), waiting).headers)
        pending = sum(1 for one in self._unanswered if one.reference and one.response is None)
        if pending >= self._max_push_requests:
            return self._push_level(PushStatus.USERDCR, "too many pushes at a time", waiting)
        self._indicate(request, message, waiting)
        return None

    def _stale_tag(self, request: Request, waiting: _Unanswered) -> Response | None:
        """Refuse a push that was made for other capabilities; without a tag it is taken."""
        assumed = request.get(headers.CPI_TAG)
        if assumed is None:
            return None
        tag = cpi.tag(cpi.to_headers(self._capabilities()))
        if assumed == tag:
            return None
        answer = self._push_level(PushStatus.CPITAG, "CPITag is out of date", waiting)
        return Response(204, (*answer.headers, (headers.CPI_TAG, tag)))

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

    def _push_level(self, status: int, text: str, waiting: _Unanswered) -> Response:
        given: list[Header] = [(headers.PUSH_STATUS, f"{int(status)} {_printable(text)}".rstrip())]
        if waiting.versioned:
            given.append((headers.VERSION, headers.OUR_VERSION))
        return Response(204, tuple(given))

    def _flush(self) -> None:
        """Write the answers whose turn has come."""
        while not self._ended and self._unanswered and self._unanswered[0].response is not None:
            response = self._unanswered.popleft().response
            if response is None:
                return
            try:
                octets, held = self._http.respond(response)
                self._effects.append(SendOctets(octets))
                self._requests(held)
            except HttpError as error:
                self._refuse_connection(error)
            except EncodeError as error:
                self._close(error.reason)
            if self._http.must_close:
                self._close("the gateway asked for it")

    def _refuse_connection(self, error: HttpError) -> None:
        """Say what is wrong, if nothing is waiting before it, and close."""
        if not self._unanswered:
            status = error.status
            head = f"HTTP/1.1 {status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n"
            push_status = PushStatus.USERDCR if status == 413 else PushStatus.USERRFS
            told = f"{headers.PUSH_STATUS}: {int(push_status)}\r\n\r\n"
            self._effects.append(SendOctets((head + told).encode("ascii")))
        self._close(error.reason)

    def _close(self, reason: str) -> None:
        if not self._ended:
            self._effects.append(CloseConnection(reason))
        self._ended = True


def _answer(primitive: ClientRequest, waiting: _Unanswered) -> Response:
    versioned: tuple[Header, ...] = (
        ((headers.VERSION, headers.OUR_VERSION),) if waiting.versioned else ()
    )
    match primitive:
        case PoPushAbortReq(status=status, reason=reason):
            text = f"{int(status)} {_printable(reason)}".rstrip()
            return Response(204, ((headers.PUSH_STATUS, text), *versioned))
        case PoConfirmedPushRes(body=body, content_type=content_type):
            given: tuple[Header, ...] = ((headers.PUSH_STATUS, "400 Accepted"), *versioned)
            if not body or not waiting.response_allowed:
                return Response(204, given)
            media_type = content_type or "application/octet-stream"
            return Response(200, (*given, ("Content-Type", media_type)), body)


def _printable(text: str) -> str:
    """Return ``text`` as it may stand in a header."""
    return "".join(c if " " <= c <= "~" else "?" for c in text[:MAX_REASON])
