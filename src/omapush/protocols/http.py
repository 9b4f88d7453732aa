"""HTTP/1.1 on a stream that is already open, in either role, without input or output.

OTA-HTTP turns roles around: the end that accepted the connection may be the HTTP client. These two
classes therefore know octets and messages only. h11 does the parsing; each message gets a parser of
its own, fed with what the one before left over, which makes pipelining possible in both roles.

h11 is liberal in places where two readers could disagree about where a message ends. Such messages
are refused here (RFC 9112, 11): lines without a carriage return, folded lines, control characters,
a length given twice or beside a transfer coding, a body where there is none, and requests that
are for a proxy.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

import h11

from omapush.core.errors import DecodeError, EncodeError, LimitError

Header = tuple[str, str]

MAX_HEAD = 16_384
"""Octets of start line and headers together."""
MAX_HEADERS = 100
"""Headers of one message."""
MAX_INTERIM = 8
"""Interim responses (1xx) before the final one."""
MAX_HELD = 65_536
"""Octets that may wait, unparsed, behind messages that are not answered yet."""

# A head, or its beginning, that two readers do not understand differently: no control characters,
# no line that ends with LF or CR alone, none that goes on in the next (RFC 9112, 5.2).
_CLEAR = re.compile(rb"(?:[\t -~\x80-\xff]*\r\n(?![ \t]))*[\t -~\x80-\xff]*\r?")
_FRAMING = re.compile(rb"\n(content-length|transfer-encoding)[ \t]*:([^\r]*)", re.IGNORECASE)
_END_OF_HEAD = b"\r\n\r\n"
# What nearly every answer to a push is: no body, the connection goes on, nothing beyond ASCII.
_PLAIN_RESPONSE = re.compile(
    rb"HTTP/1\.1 204(?: [\t -~]*+)?\r\n"
    rb"(?:(?!(?i:connection|content-length|transfer-encoding):)"
    rb"[!#$%%&'*+.^_`|~0-9A-Za-z-]++:[\t -~]*+\r\n){0,%d}+\r\n" % MAX_HEADERS
)
ALIKE = 64
"""Requests without a body whose octets are kept: many terminals are asked the same."""


class HttpError(DecodeError):
    """The peer does not speak HTTP/1.1. ``status`` is what a server may answer."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


class HttpLimitError(HttpError, LimitError):
    """The peer sends more than is taken."""


class IncompleteHttpError(HttpError):
    """The octets end before the message does."""


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request. The length of ``body`` is written by the end that sends it."""

    method: str
    target: str
    headers: tuple[Header, ...]
    body: bytes = b""

    def get(self, name: str) -> str | None:
        """Return the value of the first header called ``name``."""
        return _first(self.headers, name)


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response. The length of ``body`` is written by the end that sends it."""

    status: int
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    reason: str = ""

    def get(self, name: str) -> str | None:
        """Return the value of the first header called ``name``."""
        return _first(self.headers, name)

    def values(self, name: str) -> list[str]:
        """Return the values of all headers called ``name``."""
        return [value for known, value in self.headers if known.lower() == name.lower()]


class HttpClientEnd:
    """Writes requests and reads responses, in order; several requests may be outstanding.

    There may be very many ends that all ask the same and are answered nearly the same. Octets of
    such requests are kept, and the plainest of responses is read without h11, as h11 would.
    """

    __slots__ = ("_failure", "_max_body", "_must_close", "_outstanding")

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        # A list: an empty one costs next to nothing, and a gateway holds very many idle ends.
        # A request is its method until a response begins that is not of the plainest kind.
        self._outstanding: list[str | _ResponseReading] = []
        self._must_close = False
        self._failure: HttpError | None = None

    @property
    def outstanding(self) -> int:
        """How many requests wait for their response."""
        return len(self._outstanding)

    @property
    def must_close(self) -> bool:
        """Whether the peer said that no further request will be answered here."""
        return self._must_close

    @property
    def failure(self) -> HttpError | None:
        """Why nothing more can be read: not HTTP, too much of it, or what nobody asked for."""
        return self._failure

    def request(self, request: Request) -> bytes:
        """Return the octets of ``request``. :raises EncodeError: a header cannot be written."""
        octets = _written(request) if request.body else _written_once(request)
        self._outstanding.append(request.method)
        return octets

    def receive(self, octets: bytes) -> list[Response]:
        """Take octets; return the responses that are now complete, and see :attr:`failure`.

        What follows a response after which the peer closes is not looked at.
        """
        responses: list[Response] = []
        while octets and self._failure is None and not self._must_close:
            if not self._outstanding:
                self._failure = HttpError("a response that nobody asked for")
                break
            plain = _plain_response(octets) if isinstance(self._outstanding[0], str) else None
            if plain is not None:
                response, octets = plain
                del self._outstanding[0]
            else:
                reading = self._reading()
                if not self._complete(reading, octets):
                    break
                response, octets = reading.response(), reading.left_over
                self._finish(reading)
            responses.append(response)
        return responses

    def receive_end(self) -> list[Response]:
        """Take the end of the stream, which may complete a response without a length."""
        if not self._outstanding or self._failure is not None:
            return []
        reading = self._reading()
        if not self._complete(reading, b""):
            return []
        self._finish(reading)
        self._must_close = True
        return [reading.response()]

    def _reading(self) -> _ResponseReading:
        """Return what reads the response to the oldest request."""
        oldest = self._outstanding[0]
        if isinstance(oldest, str):
            oldest = _ResponseReading(_asking(oldest), self._max_body)
            self._outstanding[0] = oldest
        return oldest

    def _complete(self, reading: _Reading, octets: bytes) -> bool:
        try:
            return reading.feed(octets)
        except HttpError as error:
            self._failure = error
            return False

    def _finish(self, reading: _ResponseReading) -> None:
        del self._outstanding[0]
        self._must_close |= reading.is_last


class HttpServerEnd:
    """Reads requests and writes responses, in order; several requests may be unanswered.

    It is small while nothing happens: a process may have ten thousand such connections.
    """

    __slots__ = (
        "_failure",
        "_held",
        "_max_body",
        "_max_unanswered",
        "_must_close",
        "_no_more",
        "_reading",
        "_unanswered",
    )

    def __init__(self, max_body: int, max_unanswered: int) -> None:
        self._max_body = max_body
        self._max_unanswered = max_unanswered
        self._reading: _RequestReading | None = None  # made when octets come
        self._unanswered: list[h11.Connection] = []
        self._held = b""
        self._no_more = False
        self._must_close = False
        self._failure: HttpError | None = None

    @property
    def must_close(self) -> bool:
        """Whether the connection ends after the response that was written last."""
        return self._must_close

    @property
    def is_idle(self) -> bool:
        """Whether no request is unanswered, nor begun."""
        return not (self._unanswered or self._held or self._no_more or self.is_reading)

    @property
    def is_reading(self) -> bool:
        """Whether a request has begun and is not complete, and more of it would be read."""
        return self._reading is not None

    @property
    def failure(self) -> HttpError | None:
        """Why nothing more can be read; it wants an answer after those to whole requests."""
        return self._failure

    def receive(self, octets: bytes) -> list[Request]:
        """Take octets; return the requests that are now complete, and see :attr:`failure`.

        Behind ``max_unanswered`` requests octets are held, up to a limit, until :meth:`respond`.
        What follows a request after which the peer closes is not looked at.
        """
        octets = self._held + octets if self._held else octets
        self._held = b""
        requests: list[Request] = []
        while octets and not self._no_more:
            if len(self._unanswered) >= self._max_unanswered:
                self._hold(octets)
                break
            reading = self._reading = self._reading or self._new()
            try:
                if not reading.feed(octets):
                    self._reading = reading if reading.has_begun else None
                    break
            except HttpError as error:
                self._fail(error, reading)
                break
            requests.append(reading.request())
            self._unanswered.append(reading.connection)
            self._no_more = reading.is_last
            octets = reading.left_over
            self._reading = None
        return requests

    def respond(self, response: Response) -> tuple[bytes, list[Request]]:
        """Answer the oldest request; return the octets, and requests that were held till now.

        :raises EncodeError: a header cannot be written, or there is nothing to answer.
        """
        if not self._unanswered:
            raise EncodeError("there is no request to answer")
        # 204 has no body and no length (RFC 9110, 8.6).
        framed = response.status != 204
        headers = _framed(response.headers, response.body if framed else b"", always=framed)
        if self._failure is not None and len(self._unanswered) == 1:
            headers.append((b"Connection", b"close"))
        connection = self._unanswered[0]
        try:
            octets = connection.send(
                h11.Response(
                    status_code=response.status,
                    headers=headers,
                    reason=response.reason.encode("latin-1", "replace"),
                )
            )
            octets = (octets or b"") + _sent_body(connection, response.body if framed else b"")
        except h11.LocalProtocolError as error:
            raise EncodeError(f"not a response that can be written: {error}") from error
        del self._unanswered[0]
        self._must_close = self._no_more and not self._unanswered
        held, self._held = self._held, b""
        return octets, self.receive(held) if held else []

    def interim(self) -> bytes:
        """Return the go-ahead for a body, if the peer waits for it now (RFC 9110, 10.1.1)."""
        if self._reading is None or self._unanswered or self._no_more:
            return b""
        connection = self._reading.connection
        if not connection.they_are_waiting_for_100_continue:
            return b""
        return connection.send(h11.InformationalResponse(status_code=100, headers=[])) or b""

    def give_up(self, error: HttpError) -> None:
        """Read nothing more; ``error`` becomes the :attr:`failure` that wants an answer."""
        if not self._no_more:
            self._fail(error, self._reading or self._new())

    def _hold(self, octets: bytes) -> None:
        if len(octets) > MAX_HELD:
            error = HttpLimitError("too many requests before the first was answered", 503)
            self._fail(error, self._reading or self._new())
        else:
            self._held = octets

    def _fail(self, error: HttpError, reading: _RequestReading) -> None:
        self._failure = error
        self._no_more = True
        self._reading = None
        self._unanswered.append(reading.connection)

    def _new(self) -> _RequestReading:
        return _RequestReading(
            h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD), self._max_body
        )


def read_request(octets: bytes, max_body: int) -> tuple[Request, int]:
    """Return the request that ``octets`` begin with, and how many of them it has.

    :raises IncompleteHttpError: they end before it does. :raises HttpError: they are none.
    """
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
    reading = _RequestReading(connection, max_body)
    if not reading.feed(octets):
        raise IncompleteHttpError("the request is not complete")
    return reading.request(), len(octets) - len(reading.left_over)


def read_response(octets: bytes, max_body: int, method: str = "POST") -> tuple[Response, int]:
    """Return the response that ``octets`` begin with, and how many of them it has.

    Interim responses before it belong to it. One without a length has all octets that there are.

    :param method: of the request that it answers: an answer to HEAD has no body.
    :raises IncompleteHttpError: they end before it does. :raises HttpError: they are none.
    """
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "")]))
    connection.send(h11.EndOfMessage())
    reading = _ResponseReading(connection, max_body)
    if octets and reading.feed(octets):  # nothing means the end, to h11
        return reading.response(), len(octets) - len(reading.left_over)
    if not reading.has_head:
        raise IncompleteHttpError("the response is not complete")
    try:
        ended = reading.feed(b"")
    except HttpError as error:
        raise IncompleteHttpError("the response is not complete") from error
    if not ended:
        raise IncompleteHttpError("the response is not complete")
    return reading.response(), len(octets)


class _Reading:
    """One message being read."""

    def __init__(self, connection: h11.Connection, max_body: int) -> None:
        self.connection = connection
        self._max_body = max_body
        self._head: h11.Request | h11.Response | None = None
        self._headers: tuple[Header, ...] = ()
        self._body = bytearray()

    @property
    def has_head(self) -> bool:
        """Whether the head is complete."""
        return self._head is not None

    @property
    def left_over(self) -> bytes:
        """What follows the message."""
        return self.connection.trailing_data[0]

    @property
    def is_last(self) -> bool:
        """Whether the connection ends after this message and its answer."""
        states = self.connection.states.values()
        return h11.MUST_CLOSE in states or h11.CLOSED in states

    def feed(self, octets: bytes) -> bool:
        """Take octets (none: the stream has ended); return whether the message is complete.

        :raises HttpError: not HTTP. :raises HttpLimitError: a body larger than allowed.
        """
        try:
            self.connection.receive_data(octets)
            while True:
                event = self.connection.next_event()
                match event:
                    case h11.Request() | h11.Response() | h11.InformationalResponse():
                        self._begin(event)
                    case h11.Data(data=data):
                        self._body += data
                        if len(self._body) > self._max_body:
                            raise self._too_large()
                    case h11.EndOfMessage():
                        return True
                    case _:
                        return False
        except h11.RemoteProtocolError as error:
            raise HttpError(f"not HTTP: {error}", error.error_status_hint or 400) from error

    def _begin(self, event: h11.Request | h11.Response | h11.InformationalResponse) -> None:
        """Take a head, as soon as it is complete."""
        if not isinstance(event, h11.InformationalResponse):
            self._head, self._headers = event, _decoded(event)
            self._check_announced()

    def _check_announced(self) -> None:
        """Refuse a body that is announced as too large before it comes."""
        length = _first(self._headers, "content-length")
        # h11 has made sure that it is a number.
        if length is not None and int(length) > self._max_body:
            raise self._too_large()

    def _too_large(self) -> HttpLimitError:
        return HttpLimitError(f"a body of more than {self._max_body} octets", 413)

    def request(self) -> Request:
        head = self._head
        if not isinstance(head, h11.Request):
            raise HttpError("a response where a request belongs")
        method, target = head.method.decode("ascii"), head.target.decode("latin-1")
        return Request(method, target, self._headers, bytes(self._body))

    def response(self) -> Response:
        head = self._head
        if not isinstance(head, h11.Response):
            raise HttpError("a request where a response belongs")
        reason = bytes(head.reason).decode("latin-1")
        return Response(head.status_code, self._headers, bytes(self._body), reason)


class _ResponseReading(_Reading):
    """A response being read, and only in a form that every reader understands alike.

    Where another reader sees the response end elsewhere, it sees other answers to other requests.
    """

    def __init__(self, connection: h11.Connection, max_body: int) -> None:
        super().__init__(connection, max_body)
        self._start = bytearray()  # what came, until the head was complete
        self._interim = 0

    def feed(self, octets: bytes) -> bool:
        """Take octets (none: the stream has ended); return whether the response is complete.

        :raises HttpError: not HTTP, or ambiguous. :raises HttpLimitError: larger than allowed.
        """
        if self._head is None:
            self._start += octets
        return super().feed(octets)

    def _begin(self, event: h11.Request | h11.Response | h11.InformationalResponse) -> None:
        length = len(self._start) - len(self.left_over)
        if length > MAX_HEAD:
            raise HttpLimitError(f"a head of more than {MAX_HEAD} octets")
        head = bytes(self._start[:length])
        del self._start[:length]
        if not _CLEAR.fullmatch(head):
            raise HttpError("not HTTP: control characters, or lines that do not end with CR LF")
        if not isinstance(event, h11.Request):
            _check_response_head(head, event.status_code)
        self._interim += isinstance(event, h11.InformationalResponse)
        if self._interim > MAX_INTERIM:
            raise HttpLimitError("interim responses without end")
        super()._begin(event)
        if self._head is not None:
            self._start.clear()


class _RequestReading(_Reading):
    """A request being read, and only in a form that every reader understands alike.

    h11 takes forms of old that a device in between may read otherwise, and so see other requests
    than we do. They are refused before h11 is given anything.
    """

    def __init__(self, connection: h11.Connection, max_body: int) -> None:
        super().__init__(connection, max_body)
        self._start = bytearray()  # of a head that is not complete
        self._checked = 0

    @property
    def has_begun(self) -> bool:
        """Whether anything has come but empty lines, which may precede a request (RFC 9112, 2.2).

        Some senders end a body with one too many.
        """
        return bool(self._start) or self._head is not None

    def feed(self, octets: bytes) -> bool:
        """Take octets; return whether the request is complete.

        :raises HttpError: not HTTP, or ambiguous. :raises HttpLimitError: larger than allowed.
        """
        if self._head is None:
            octets = self._whole_head(octets)
        return super().feed(octets) if octets else False

    def _whole_head(self, octets: bytes) -> bytes:
        """Return everything so far if the head is complete, and nothing if it is not."""
        start = self._start
        start += octets
        while self._checked <= 1 and start.startswith(b"\r\n"):
            del start[:2]
            self._checked = 0
        end = start.find(_END_OF_HEAD, max(0, self._checked - 3))
        length = end + len(_END_OF_HEAD) if end >= 0 else len(start)
        if length > MAX_HEAD:
            raise HttpError(f"a head of more than {MAX_HEAD} octets", 431)
        # On from the end of the last line that was checked.
        line = max(0, start.rfind(b"\r\n", 0, self._checked))
        if not _CLEAR.fullmatch(start, line, length):
            raise HttpError("not HTTP: control characters, or lines that do not end with CR LF")
        self._checked = length
        if end < 0:
            return b""
        _check_request_head(bytes(start[:length]))
        self._start = bytearray()
        return bytes(start)


def _check_request_head(head: bytes) -> None:
    """Refuse a request of another kind than those that go to a server itself, once each.

    :raises HttpError: the length is not clear, the target is a proxy's, another HTTP, or very many
        headers.
    """
    line = head.partition(b"\r\n")[0]
    _, _, rest = line.partition(b" ")
    target, _, version = rest.partition(b" ")
    if version.startswith(b"HTTP/") and not version.startswith(b"HTTP/1."):
        raise HttpError("another version of HTTP", 505)
    if not target.startswith(b"/") and target != b"*":
        raise HttpError("not HTTP, or the target is not a path")
    framing = _framing(head)
    if version == b"HTTP/1.0" and any(name[:1] in b"tT" for name, _ in framing):
        raise HttpError("chunks in HTTP/1.0")


def _check_response_head(head: bytes, status: int) -> None:
    """Refuse a response whose end is not clear. :raises HttpError: so it is."""
    version = head.partition(b" ")[0]
    if not version.startswith(b"HTTP/1."):
        raise HttpError("another version of HTTP", 505)
    framing = _framing(head)
    if version == b"HTTP/1.0" and any(name[:1] in b"tT" for name, _ in framing):
        raise HttpError("chunks in HTTP/1.0")
    # RFC 9112 6.3: these end with their head.
    bodiless = status < 200 or status in (204, 304)
    if bodiless and any(value.strip(b" \t").strip(b"0") for _, value in framing):
        raise HttpError(f"not HTTP: a body with status {status}")


def _framing(head: bytes) -> list[tuple[bytes, bytes]]:
    """Return the header that says how long the body is, if there is one.

    :raises HttpError: the length is said twice or in two ways (RFC 9112, 6.1 and 6.3).
    """
    if head.count(b"\r\n") > MAX_HEADERS + 2:
        raise HttpError(f"more than {MAX_HEADERS} headers", 431)
    framing: list[tuple[bytes, bytes]] = _FRAMING.findall(head)
    if len(framing) > 1 or any(name[:1] in b"cC" and b"," in value for name, value in framing):
        raise HttpError("the length of the body is said more than once")
    return framing


def _written(request: Request) -> bytes:
    """Return the octets of ``request``. :raises EncodeError: a header cannot be written."""
    headers = _framed(request.headers, request.body, always=request.method == "POST")
    connection = h11.Connection(h11.CLIENT)
    try:
        octets = connection.send(
            h11.Request(method=request.method, target=request.target, headers=headers)
        )
        return (octets or b"") + _sent_body(connection, request.body)
    except h11.LocalProtocolError as error:
        raise EncodeError(f"not a request that can be written: {error}") from error


_written_once = functools.lru_cache(maxsize=ALIKE)(_written)


def _asking(method: str) -> h11.Connection:
    """Return a connection on which a request has gone out: h11 wants to know of which method."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "")]))
    connection.send(h11.EndOfMessage())
    return connection


def _plain_response(octets: bytes) -> tuple[Response, bytes] | None:
    """Return the response and what follows it, if it is whole and of the plainest kind."""
    found = _PLAIN_RESPONSE.match(octets)
    if found is None or found.end() > MAX_HEAD:
        return None
    status_line, *lines = found[0].decode("ascii").split("\r\n")
    headers = [line.partition(":") for line in lines[:-2]]
    return (
        Response(
            204,
            tuple((name, value.strip(" \t")) for name, _, value in headers),
            reason=status_line[len("HTTP/1.1 204 ") :],
        ),
        octets[found.end() :],
    )


def _sent_body(connection: h11.Connection, body: bytes) -> bytes:
    octets = connection.send(h11.Data(data=body)) or b"" if body else b""
    return octets + (connection.send(h11.EndOfMessage()) or b"")


def _framed(headers: Iterable[Header], body: bytes, *, always: bool) -> list[tuple[bytes, bytes]]:
    """Return the headers with the length of the body, which is never chunked.

    h11 refuses what could end a header line early; :raises EncodeError: no octets for a character.
    """
    try:
        framed = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
    except UnicodeEncodeError as error:
        raise EncodeError("a header that HTTP has no octets for") from error
    if body or always:
        framed.append((b"Content-Length", b"%d" % len(body)))
    return framed


def _decoded(head: h11.Request | h11.Response) -> tuple[Header, ...]:
    """Return the headers in the spelling in which they came."""
    return tuple(
        (name.decode("ascii"), value.decode("latin-1")) for name, value in head.headers.raw_items()
    )


def _first(headers: Iterable[Header], name: str) -> str | None:
    wanted = name.lower()
    for known, value in headers:
        if known.lower() == wanted:
            return value
    return None
