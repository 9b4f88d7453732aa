"""One MSRP session on one connection (RFC 4975), without input or output of its own.

An active end knows whose session it is; a passive one learns it by the To-Path of the first
request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from omapush.core.instants import Instant, later
from omapush.protocols.msrp.assembling import IncomingMessage, OutOfBounds, TooLarge
from omapush.protocols.msrp.bad_frame import BadFrame
from omapush.protocols.msrp.byte_range import ByteRange
from omapush.protocols.msrp.frame import (
    Content,
    End,
    FailureReport,
    Flag,
    Piece,
    Request,
    Response,
    Status,
)
from omapush.protocols.msrp.reading import FrameReader
from omapush.protocols.msrp.sending import Chunk, Outbox
from omapush.protocols.msrp.session import (
    Authorise,
    AuthorisedInd,
    Bind,
    BoundInd,
    EndedInd,
    Ends,
    EndSession,
    FarEnd,
    Find,
    MessageFailedInd,
    MessageInd,
    MessageSentInd,
    MsrpIndication,
    MsrpRequest,
    MsrpSettings,
    ReportInd,
    SendMessage,
    SendReport,
    StopMessage,
)
from omapush.protocols.msrp.uri import parse_path
from omapush.protocols.msrp.writing import (
    encode_end,
    encode_head,
    encode_request,
    encode_response,
    response_to,
)

MAX_STOPPED = 64
"""So many messages are remembered of which no more is taken."""


@dataclass(slots=True)
class _Transaction:
    """A request that is to be answered; ``message_id`` is ``None`` for one without a message."""

    deadline: Instant
    message_id: str | None = None
    is_authorisation: bool = False


@dataclass(slots=True)
class _Incoming:
    """The chunk that is being read.

    :ivar refusal: by which it is answered, and its content is dropped.
    :ivar is_answered: it has been, before its end. :ivar dropped: octets of its content.
    """

    request: Request
    refusal: tuple[int, str] | None = None
    is_answered: bool = False
    dropped: int = 0


class MsrpConnection:
    """One end of a session on its connection.

    :param find: finds the session of the first request; for an active end it is not asked.
    :param new_id: returns identifiers that nobody can guess, 16 characters or so, alphanumeric.
    """

    def __init__(
        self,
        settings: MsrpSettings,
        new_id: Callable[[], str],
        *,
        ends: Ends | None = None,
        find: Find | None = None,
    ) -> None:
        self._settings = settings
        self._new_id = new_id
        self._ends = ends
        self._find = find
        self._reader = FrameReader()
        self._outbox = Outbox(settings)
        self._transactions: dict[str, _Transaction] = {}
        self._chunk: _Incoming | None = None
        self._coming: dict[str, IncomingMessage] = {}
        self._first_chunks: dict[str, Request] = {}
        self._stopped: dict[str, Status] = {}
        self._written: list[bytes] = []
        self._indications: list[MsrpIndication] = []
        self._bound = False
        self._ended = ""
        self._closing: str | None = None

    # -- from above --

    def request(self, primitive: MsrpRequest, now: Instant) -> None:
        """Take a request; what cannot be sent any more fails at once."""
        if self._closing is not None or self._ended:
            self._refuse_late(primitive)
            return
        match primitive:
            case SendMessage():
                self._outbox.put(primitive)
            case SendReport():
                self._write_report(primitive)
            case Bind():
                self._write_bind(now)
            case Authorise():
                self._write_authorisation(primitive, now)
            case FarEnd(path=path):
                self._ends = Ends(self._known_ends().own, path)
            case StopMessage(message_id=message_id, status=status):
                self._stop(message_id, status)
            case EndSession(reason=reason):
                self._closing = reason
        self._send_chunks(now)

    # -- from below --

    def receive(self, octets: bytes, now: Instant) -> None:
        """Take octets of the connection."""
        if self._closing is not None or self._ended:
            return
        try:
            for piece in self._reader.receive(octets):
                self._take(piece)
        except BadFrame as error:
            self._closing = str(error)
        self._send_chunks(now)

    def disconnected(self, reason: str) -> None:
        """The connection ended: what was not answered has failed."""
        if self._ended:
            return
        self._ended = self._closing or reason
        for message_id in self._outbox.message_ids:
            self._fail(message_id, Status.TIMEOUT, self._ended)
        self._coming.clear()
        self._indications.append(EndedInd(self._ended))

    def next_timer(self) -> Instant | None:
        """When the oldest request is to be answered."""
        first = next(iter(self._transactions.values()), None)
        return None if first is None else first.deadline

    def handle_timer(self, now: Instant) -> None:
        """Give up what was not answered in time: 408 of this end's own (RFC 4975 7.1.1)."""
        while self._transactions:
            transaction_id, one = next(iter(self._transactions.items()))
            if one.deadline > now:
                break
            del self._transactions[transaction_id]
            self._not_taken(one, Status.TIMEOUT, "no answer in time")
        self._send_chunks(now)

    def written(self) -> list[bytes]:
        """Hand out and forget the octets that are to be sent."""
        written, self._written = self._written, []
        return written

    @property
    def closing(self) -> str | None:
        """Why the connection is to be closed, once what is written has been sent."""
        return self._closing

    def indications(self) -> list[MsrpIndication]:
        """Hand out and forget what is to be told above."""
        indications, self._indications = self._indications, []
        return indications

    # -- sending --

    def _send_chunks(self, now: Instant) -> None:
        while self._closing is None and not self._ended:
            chunk = self._outbox.next_chunk(through_relays=self._has_relays())
            if chunk is None:
                return
            self._write_chunk(chunk, now)

    def _write_chunk(self, chunk: Chunk, now: Instant) -> None:
        message, ends = chunk.message, self._known_ends()
        failure_report = self._outbox.failure_report(message)
        request = Request(
            self._unused_id(chunk.content),
            "SEND",
            ends.remote,
            ends.own,
            message.message_id,
            message.success_report,
            failure_report,
            chunk.byte_range,
            content_type=message.content_type,
            more=message.more,
        )
        self._written += (encode_head(request), chunk.content, encode_end(request, chunk.flag))
        if failure_report is FailureReport.YES:
            self._await(request, message.message_id, now)
        elif self._outbox.settled(message.message_id):
            self._indications.append(MessageSentInd(message.message_id))

    def _write_report(self, report: SendReport) -> None:
        ends = self._known_ends()
        request = Request(
            self._new_id(),
            "REPORT",
            ends.remote,
            ends.own,
            report.message_id,
            byte_range=ByteRange(1, report.octets, report.octets),
            status=(report.status, report.comment),
            more=report.more,
        )
        self._written.append(encode_request(request))

    def _write_bind(self, now: Instant) -> None:
        ends = self._known_ends()
        request = Request(
            self._new_id(),
            "SEND",
            ends.remote,
            ends.own,
            self._new_id(),
            byte_range=ByteRange(1, 0, 0),
        )
        self._written.append(encode_request(request))
        self._await(request, None, now)

    def _write_authorisation(self, wish: Authorise, now: Instant) -> None:
        more: list[tuple[str, str]] = []
        if wish.authorization is not None:
            more.append(("Authorization", wish.authorization))
        if wish.expires_seconds is not None:
            more.append(("Expires", str(wish.expires_seconds)))
        own = self._known_ends().own[-1:]
        request = Request(self._new_id(), "AUTH", (wish.relay,), own, more=tuple(more))
        self._written.append(encode_request(request))
        self._await(request, None, now)
        self._transactions[request.transaction_id].is_authorisation = True

    def _await(self, request: Request, message_id: str | None, now: Instant) -> None:
        deadline = later(now, self._settings.response_ms)
        self._transactions[request.transaction_id] = _Transaction(deadline, message_id)

    def _unused_id(self, content: bytes) -> str:
        """Return an identifier whose end-line does not stand in the content (7.1)."""
        while True:
            found = self._new_id()
            if b"-------" + found.encode() not in content:
                return found

    def _has_relays(self) -> bool:
        return self._ends is not None and len(self._ends.own) + len(self._ends.remote) > 2

    def _known_ends(self) -> Ends:
        if self._ends is None:
            # Only a passive end that has not been bound: whoever asks it to send is wrong.
            raise RuntimeError("whose connection this is, is not known yet")
        return self._ends

    def _refuse_late(self, primitive: MsrpRequest) -> None:
        if isinstance(primitive, SendMessage):
            reason = self._ended or self._closing or ""
            failed = MessageFailedInd(primitive.message_id, Status.NO_SESSION, reason)
            self._indications.append(failed)

    # -- receiving --

    def _take(self, piece: Piece) -> None:
        match piece:
            case Request():
                self._chunk = self._begun(piece)
            case Content(octets=octets):
                self._take_content(octets)
            case End(flag=flag):
                self._take_end(flag)
            case Response():
                self._take_response(piece)

    def _begun(self, request: Request) -> _Incoming:
        """A request begins: judge by its head whether it is served."""
        refusal = self._not_ours(request)
        if refusal is None and request.method not in ("SEND", "REPORT"):
            refusal = Status.UNKNOWN_METHOD
        incoming = _Incoming(request, None if refusal is None else (refusal, refusal.comment))
        if incoming.refusal is None and request.method == "SEND":
            self._begin_chunk(incoming)
        return incoming

    def _not_ours(self, request: Request) -> Status | None:
        """Return why a request with this To-Path is not for here; bind the connection if it is."""
        to = request.to_path[-1]
        if self._ends is None:
            found = Status.NO_SESSION if self._find is None else self._find(to)
            if isinstance(found, Status):
                return found
            # The other end may be quicker than the description that says where it is.
            self._ends = found if found.remote else Ends(found.own, request.from_path)
        elif not to.is_same(self._ends.own[-1]):
            return Status.NO_SESSION
        elif not self._ends.remote:  # it asked a relay for a place, and is the passive end
            self._ends = Ends(self._ends.own, request.from_path)
        if not self._bound:
            self._bound = True
            self._indications.append(BoundInd(self._ends))
        return None

    def _begin_chunk(self, incoming: _Incoming) -> None:
        request = incoming.request
        if request.message_id is None or request.content_type is None:
            return
        stopped = self._stopped.get(request.message_id)
        if stopped is not None:
            incoming.refusal = (stopped, stopped.comment)
            return
        if not self._is_accepted(request.content_type):
            status = Status.UNSUPPORTED_TYPE
            incoming.refusal = (status, status.comment)
            return
        message = self._coming.get(request.message_id)
        if message is None:
            if len(self._coming) >= self._settings.max_messages:
                incoming.refusal = (Status.STOP_SENDING, "too many messages at a time")
                return
            message = self._coming[request.message_id] = IncomingMessage(self._settings.max_octets)
            self._first_chunks[request.message_id] = request
        self._guarded(incoming, lambda: message.begin(request.byte_range or ByteRange()))

    def _is_accepted(self, content_type: str) -> bool:
        accepted = self._settings.accept_types
        media_type = content_type.partition(";")[0].strip().lower()
        return not accepted or "*" in accepted or media_type in accepted

    def _take_content(self, octets: bytes) -> None:
        incoming = self._chunk
        message = None
        if incoming is not None and incoming.refusal is None:
            message = self._coming.get(incoming.request.message_id or "")
        if incoming is None or message is None:
            self._drop(incoming, len(octets))
            return
        self._guarded(incoming, lambda: message.add(octets))
        held = sum(one.octets for one in self._coming.values())
        if held > self._settings.max_held_octets and incoming.refusal is None:
            self._refuse(incoming, Status.STOP_SENDING, "too much at a time")

    def _drop(self, incoming: _Incoming | None, octets: int) -> None:
        """Content that nobody wants. :raises BadFrame: it does not end."""
        if incoming is None:
            return
        incoming.dropped += octets
        if incoming.dropped > self._settings.max_octets:
            raise BadFrame(f"more than {self._settings.max_octets} octets that were refused")

    def _take_end(self, flag: Flag) -> None:
        incoming, self._chunk = self._chunk, None
        if incoming is None:
            return
        request = incoming.request
        if request.method == "REPORT":
            self._take_report(request)
            return
        message = self._coming.get(request.message_id or "")
        if message is not None and incoming.refusal is None and request.content_type is not None:
            if flag is Flag.ABORTED:
                self._forget(request.message_id or "")
            else:
                last = flag is Flag.LAST
                self._guarded(incoming, lambda: message.finish(last=last))
        self._answer(incoming)
        if incoming.refusal is None and message is not None:
            self._complete(request, message)

    def _complete(self, request: Request, message: IncomingMessage) -> None:
        content = message.content
        if content is None or request.message_id is None:
            return
        first = self._first_chunks[request.message_id]
        self._forget(request.message_id)
        self._indications.append(
            MessageInd(
                request.message_id,
                first.content_type or "",
                content,
                first.success_report,
                first.failure_report,
                first.more,
            )
        )

    def _answer(self, incoming: _Incoming) -> None:
        """Answer a request at its end, as its Failure-Report wants it (7.2)."""
        if incoming.is_answered:
            return
        incoming.is_answered = True
        request = incoming.request
        wanted = request.failure_report
        status, comment = incoming.refusal or (Status.OK, Status.OK.comment)
        is_silent = wanted is FailureReport.NO or (
            wanted is FailureReport.PARTIAL and status == Status.OK
        )
        if not is_silent:
            self._written.append(encode_response(response_to(request, status, comment)))

    def _guarded(self, incoming: _Incoming, step: Callable[[], None]) -> None:
        """Do a step of assembling; if the chunk lies, or is too much, refuse it."""
        try:
            step()
        except OutOfBounds as error:
            self._refuse(incoming, Status.OUT_OF_BOUNDS, error.reason)
        except TooLarge as error:
            self._refuse(incoming, Status.STOP_SENDING, error.reason)

    def _refuse(self, incoming: _Incoming, status: Status, comment: str) -> None:
        incoming.refusal = (status, comment)
        if incoming.request.message_id is not None:
            self._stop(incoming.request.message_id, status)
        self._answer(incoming)  # before the rest of the chunk has come: it is not wanted (7.2)

    def _stop(self, message_id: str, status: Status) -> None:
        self._forget(message_id)
        self._stopped[message_id] = status
        while len(self._stopped) > MAX_STOPPED:
            del self._stopped[next(iter(self._stopped))]

    def _forget(self, message_id: str) -> None:
        self._coming.pop(message_id, None)
        self._first_chunks.pop(message_id, None)

    def _take_report(self, request: Request) -> None:
        """A report is never answered (7.1.2). One about what was not sent says nothing."""
        if request.message_id is None or request.status is None or self._chunk_refused(request):
            return
        status, comment = request.status
        if status != Status.OK:
            self._abort(request.message_id)
            self._outbox.failed(request.message_id)
        self._indications.append(ReportInd(request.message_id, status, comment, request.more))

    def _chunk_refused(self, request: Request) -> bool:
        return self._ends is None or not request.to_path[-1].is_same(self._ends.own[-1])

    def _take_response(self, response: Response) -> None:
        one = self._transactions.pop(response.transaction_id, None)
        if one is None:
            return  # an unknown transaction: late, or a lie
        if one.is_authorisation:
            self._indications.append(_authorised(response))
        elif not response.is_success:
            self._not_taken(one, response.status, response.comment)
        elif one.message_id is None:
            self._bound_by_answer()
        elif self._outbox.answered(one.message_id):
            self._indications.append(MessageSentInd(one.message_id))

    def _bound_by_answer(self) -> None:
        if not self._bound:
            self._bound = True
            self._indications.append(BoundInd(self._known_ends()))

    def _not_taken(self, one: _Transaction, status: int, comment: str) -> None:
        """A request was refused, or nobody answered it."""
        if one.is_authorisation:
            self._indications.append(AuthorisedInd(status))
        elif one.message_id is None:
            self._closing = f"the session was refused: {status} {comment}".rstrip()
        else:
            self._outbox.release()
            self._fail(one.message_id, status, comment)

    def _fail(self, message_id: str, status: int, comment: str) -> None:
        self._abort(message_id)
        was_written = self._outbox.failed(message_id)
        if was_written is not None:
            failed = MessageFailedInd(message_id, status, comment, was_written)
            self._indications.append(failed)

    def _abort(self, message_id: str) -> None:
        """Tell the other end that no more of a message follows (5.1): an empty, aborted chunk."""
        message = self._outbox.unfinished(message_id)
        if message is None or self._ended:
            return
        ends = self._known_ends()
        request = Request(
            self._new_id(),
            "SEND",
            ends.remote,
            ends.own,
            message_id,
            failure_report=FailureReport.NO,
            byte_range=ByteRange(1, None, len(message.body)),
            content_type=message.content_type,
        )
        self._written.append(encode_request(request, b"", Flag.ABORTED))


def _authorised(response: Response) -> AuthorisedInd:
    """Read what a relay says (RFC 4976 5.1). What it says wrongly counts as a refusal."""
    use_path, expires = response.header("Use-Path"), response.header("Expires")
    if not response.is_success:
        challenge = response.header("WWW-Authenticate")
        return AuthorisedInd(response.status, challenge=challenge)
    try:
        path = parse_path(use_path or "")
    except BadFrame:
        return AuthorisedInd(Status.UNINTELLIGIBLE)
    seconds = int(expires) if expires is not None and expires.isdecimal() else None
    return AuthorisedInd(response.status, path, seconds)
