"""HTTP/1.1 on a stream that is already open, in either role, without input or output.

OTA-HTTP turns roles around: the end that accepted the connection may be the HTTP client. These two
classes therefore know octets and messages only. h11 does the parsing; each message gets a parser of
its own, fed with what the one before left over, which makes pipelining possible in both roles.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import h11

from omapush.core.errors import DecodeError, EncodeError, LimitError

Header = tuple[str, str]

MAX_HEAD = 16_384
"""Octets of start line and headers together."""
MAX_HELD = 65_536
"""Octets that may wait, unparsed, behind messages that are not answered yet."""


class HttpError(DecodeError):
    """The peer does not speak HTTP/1.1. ``status`` is what a server may answer."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


class HttpLimitError(HttpError, LimitError):
    """The peer sends more than is taken."""


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request. ``close`` tells that the peer ends the connection after it."""

    method: str
    target: str
    headers: tuple[Header, ...]
    body: bytes = b""

    def get(self, name: str) -> str | None:
        """Return the value of the first header called ``name``."""
        return _first(self.headers, name)


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response."""

    status: int
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    reason: str = ""

    def get(self, name: str) -> str | None:
        """Return the value of the first header called ``name``."""
        return _first(self.headers, name)


class HttpClientEnd:
    """Writes requests and reads responses, in order; several requests may be outstanding."""

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self._outstanding: deque[_Reading] = deque()
        self._must_close = False

    @property
    def outstanding(self) -> int:
        """How many requests wait for their response."""
        return len(self._outstanding)

    @property
    def must_close(self) -> bool:
        """Whether the peer said that no further request will be answered here."""
        return self._must_close

    def request(self, request: Request) -> bytes:
        """Return the octets of ``request``. :raises EncodeError: a header cannot be written."""
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        headers = _framed(request.headers, request.body, always=request.method == "POST")
        try:
            octets = connection.send(
                h11.Request(method=request.method, target=request.target, headers=headers)
            )
            octets = (octets or b"") + _sent_body(connection, request.body)
        except h11.LocalProtocolError as error:
            raise EncodeError(f"not a request that can be written: {error}") from error
        self._outstanding.append(_Reading(connection, self._max_body))
        return octets

    def receive(self, octets: bytes) -> list[Response]:
        """Take octets; return the responses that are now complete.

        :raises HttpError: not HTTP, or a response that nobody asked for.
        """
        responses: list[Response] = []
        while octets:
            if not self._outstanding:
                raise HttpError("a response that nobody asked for")
            reading = self._outstanding[0]
            if not reading.feed(octets):
                break
            responses.append(reading.response())
            self._finish()
            octets = reading.left_over
        return responses

    def receive_end(self) -> list[Response]:
        """Take the end of the stream, which may complete a response without a length."""
        if self._outstanding and self._outstanding[0].feed(b""):
            response = self._outstanding[0].response()
            self._finish()
            return [response]
        return []

    def _finish(self) -> None:
        reading = self._outstanding.popleft()
        self._must_close |= reading.connection.our_state is h11.MUST_CLOSE


class HttpServerEnd:
    """Reads requests and writes responses, in order; several requests may be unanswered."""

    def __init__(self, max_body: int, max_unanswered: int) -> None:
        self._max_body = max_body
        self._max_unanswered = max_unanswered
        self._reading = self._new()
        self._unanswered: deque[h11.Connection] = deque()
        self._held = b""
        self._must_close = False

    @property
    def must_close(self) -> bool:
        """Whether the connection ends after the response that was written last."""
        return self._must_close

    def receive(self, octets: bytes) -> list[Request]:
        """Take octets; return the requests that are now complete.

        Behind ``max_unanswered`` requests octets are held, up to a limit, until :meth:`respond`.

        :raises HttpError: not HTTP, or too much of it.
        """
        octets = self._held + octets
        self._held = b""
        requests: list[Request] = []
        while octets:
            if len(self._unanswered) >= self._max_unanswered:
                if len(octets) > MAX_HELD:
                    raise HttpLimitError("too many requests before the first was answered")
                self._held = octets
                break
            if not self._reading.feed(octets):
                break
            requests.append(self._reading.request())
            self._unanswered.append(self._reading.connection)
            octets = self._reading.left_over
            self._reading = self._new()
        return requests

    def respond(self, response: Response) -> tuple[bytes, list[Request]]:
        """Answer the oldest request; return the octets, and requests that were held till now.

        :raises EncodeError: a header cannot be written, or there is nothing to answer.
        """
        if not self._unanswered:
            raise EncodeError("there is no request to answer")
        connection = self._unanswered.popleft()
        headers = (
            list(response.headers)
            if response.status == 204
            else _framed(response.headers, response.body, always=True)
        )
        try:
            octets = connection.send(
                h11.Response(
                    status_code=response.status, headers=headers, reason=response.reason.encode()
                )
            )
            octets = (octets or b"") + _sent_body(connection, response.body)
        except h11.LocalProtocolError as error:
            raise EncodeError(f"not a response that can be written: {error}") from error
        self._must_close = connection.our_state is h11.MUST_CLOSE
        held, self._held = self._held, b""
        return octets, self.receive(held) if held and not self._must_close else []

    def _new(self) -> _Reading:
        return _Reading(
            h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD), self._max_body
        )


class _Reading:
    """One message being read."""

    def __init__(self, connection: h11.Connection, max_body: int) -> None:
        self.connection = connection
        self._max_body = max_body
        self._head: h11.Request | h11.Response | None = None
        self._body = bytearray()

    @property
    def left_over(self) -> bytes:
        """What follows the message."""
        return self.connection.trailing_data[0]

    def feed(self, octets: bytes) -> bool:
        """Take octets (none: the stream has ended); return whether the message is complete."""
        try:
            self.connection.receive_data(octets)
            while True:
                event = self.connection.next_event()
                match event:
                    case h11.Request() | h11.Response():
                        self._head = event
                    case h11.Data(data=data):
                        self._body += data
                        if len(self._body) > self._max_body:
                            raise HttpLimitError(
                                f"a body of more than {self._max_body} octets", 413
                            )
                    case h11.EndOfMessage():
                        return True
                    case h11.InformationalResponse():
                        pass
                    case _:
                        return False
        except h11.RemoteProtocolError as error:
            raise HttpError(f"not HTTP: {error}", error.error_status_hint or 400) from error

    def request(self) -> Request:
        head = self._head
        if not isinstance(head, h11.Request):
            raise HttpError("a response where a request belongs")
        method, target = head.method.decode("ascii"), head.target.decode("latin-1")
        return Request(method, target, _decoded(head), bytes(self._body))

    def response(self) -> Response:
        head = self._head
        if not isinstance(head, h11.Response):
            raise HttpError("a request where a response belongs")
        reason = bytes(head.reason).decode("latin-1")
        return Response(head.status_code, _decoded(head), bytes(self._body), reason)


def _sent_body(connection: h11.Connection, body: bytes) -> bytes:
    octets = connection.send(h11.Data(data=body)) or b"" if body else b""
    return octets + (connection.send(h11.EndOfMessage()) or b"")


def _framed(headers: Iterable[Header], body: bytes, *, always: bool) -> list[Header]:
    """Return the headers with the length of the body, which is never chunked."""
    framed = list(headers)
    if body or always:
        framed.append(("Content-Length", str(len(body))))
    return framed


def _decoded(head: h11.Request | h11.Response) -> tuple[Header, ...]:
    """Return the headers in the spelling in which they came."""
    return tuple(
        (name.decode("ascii"), value.decode("latin-1")) for name, value in head.headers.raw_items()
    )


def _first(headers: Iterable[Header], name: str) -> str | None:
    wanted = name.lower()
    return next((value for known, value in headers if known.lower() == wanted), None)
