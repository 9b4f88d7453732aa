"""A push over MSRP: what carries its session, and what its messages and reports mean.

:class:`MediaStream` lets a bearer drive an MSRP session; the rest says how a push, its acceptance
and its refusal are written and read. One push is one message ([design]).
"""

from __future__ import annotations

from dataclasses import dataclass

from omapush.core.instants import Instant
from omapush.ota.interface import (
    CloseConnection,
    Effect,
    OutcomeKind,
    PushOutcome,
    PushStatus,
    SendOctets,
)
from omapush.ota.push_headers import PUSH_STATUS, format_push_status, printable
from omapush.ota.sip import results
from omapush.protocols.msrp.connection import MsrpConnection
from omapush.protocols.msrp.frame import FailureReport, Status
from omapush.protocols.msrp.session import (
    Bind,
    Ends,
    MessageFailedInd,
    MessageInd,
    MsrpIndication,
    MsrpRequest,
    ReportInd,
    SendMessage,
    SendReport,
)
from omapush.protocols.msrp.uri import MsrpUri


class MediaStream:
    """An MSRP session as a bearer drives it. Implements ``ota.interface.StreamSession``.

    :param binds: this end is the active one: as soon as it is connected it says whose connection
        it is (RFC 4975 5.4).
    """

    def __init__(self, connection: MsrpConnection, *, binds: bool = False) -> None:
        self._connection = connection
        self._binds = binds
        self._is_closing = False

    def connected(self, now: Instant) -> None:
        """The connection is open."""
        if self._binds:
            self._connection.request(Bind(), now)

    def request(self, primitive: MsrpRequest, now: Instant) -> None:
        """Take a request from above."""
        self._connection.request(primitive, now)

    def receive(self, octets: bytes, now: Instant) -> None:
        """Take octets from below."""
        self._connection.receive(octets, now)

    def disconnected(self, reason: str, now: Instant) -> None:
        """The connection ended."""
        self._connection.disconnected(reason)

    def next_timer(self) -> Instant | None:
        """When the oldest request is to be answered."""
        return self._connection.next_timer()

    def handle_timer(self, now: Instant) -> None:
        """Give up what was not answered."""
        self._connection.handle_timer(now)

    def effects(self) -> list[Effect]:
        """Hand out what is to be sent, in one piece unless it is large, and whether to close."""
        effects: list[Effect] = [SendOctets(each) for each in _gathered(self._connection.written())]
        closing = self._connection.closing
        if closing is not None and not self._is_closing:
            self._is_closing = True
            effects.append(CloseConnection(closing))
        return effects

    def indications(self) -> list[MsrpIndication]:
        """Hand out what is to be told above."""
        return self._connection.indications()


class MediaSessions:
    """The sessions that wait for a connection at a listener, by the names in their URIs.

    :param limit: so many may wait.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._waiting: dict[str, Ends] = {}
        self._bound: set[str] = set()

    @property
    def is_full(self) -> bool:
        """Whether no more may wait."""
        return len(self._waiting) + len(self._bound) >= self._limit

    def expect(self, ends: Ends) -> None:
        """A connection will come for this session."""
        self._waiting[_name(ends.own[-1])] = ends

    def forget(self, ends: Ends) -> None:
        """None will come any more, or the one that came has ended."""
        self._waiting.pop(_name(ends.own[-1]), None)
        self._bound.discard(_name(ends.own[-1]))

    def find(self, uri: MsrpUri) -> Ends | Status:
        """Return the session, and bind it: another connection is refused from then on (506)."""
        name = _name(uri)
        if name in self._bound:
            return Status.OTHER_CONNECTION
        ends = self._waiting.get(name)
        if ends is None or not uri.is_same(ends.own[-1]):
            return Status.NO_SESSION
        del self._waiting[name]
        self._bound.add(name)
        return ends


def _name(uri: MsrpUri) -> str:
    return uri.session_id or ""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a client says of a push that came over MSRP.

    :ivar status: ``None``: the application took it.
    """

    status: PushStatus | None = None
    reason: str = ""


def message_of(message_id: str, content_type: str, body: bytes, *, confirmed: bool) -> SendMessage:
    """Return the message that carries a push (RFC 4975 7.1.1: what is reported)."""
    failure_report = FailureReport.YES if confirmed else FailureReport.PARTIAL
    return SendMessage(message_id, content_type, body, confirmed, failure_report)


def report_of(message: MessageInd, answered: Answered) -> SendReport | None:
    """Return the report on a push, once it is known what became of it; ``None``: none is wanted."""
    octets = len(message.body)
    if answered.status is None:
        return SendReport(message.message_id, octets) if message.success_report else None
    if message.failure_report is FailureReport.NO:
        return None
    code = _CODES.get(answered.status, Status.FORBIDDEN)
    said = format_push_status(answered.status, answered.reason)
    return SendReport(message.message_id, octets, code, code.comment, ((PUSH_STATUS, said),))


_CODES = {
    PushStatus.USERDCR: Status.STOP_SENDING,
    PushStatus.USERDCU: Status.UNSUPPORTED_TYPE,
}
_STATUSES = {
    Status.UNINTELLIGIBLE: PushStatus.USERRFS,
    Status.FORBIDDEN: PushStatus.USERRFS,
    Status.STOP_SENDING: PushStatus.USERDCR,
    Status.UNSUPPORTED_TYPE: PushStatus.USERDCU,
    Status.NO_SESSION: PushStatus.USERREQ,
}


def outcome_of_report(delivery_id: str, report: ReportInd) -> PushOutcome:
    """Return the outcome of a push that was reported on: what the client says of it counts more
    than the status that all of MSRP knows (``results``).
    """
    said = next((value for name, value in report.more if name.lower() == PUSH_STATUS.lower()), None)
    return results.outcome_of_report(delivery_id, report.status, report.comment, said)


def outcome_of_failure(delivery_id: str, failed: MessageFailedInd) -> PushOutcome:
    """Return the outcome of a push whose message did not arrive whole."""
    if failed.was_written and failed.status == Status.TIMEOUT:
        reason = f"sent by MSRP, and then: {failed.comment}"
        return PushOutcome(delivery_id, OutcomeKind.IN_DOUBT, reason)
    return _failed(delivery_id, failed.status, failed.comment)


def _failed(delivery_id: str, code: int, comment: str) -> PushOutcome:
    status = _STATUSES.get(code)  # type: ignore[call-overload]
    reason = f"MSRP {code} {printable(comment)}".rstrip()
    if status is None:
        return PushOutcome(delivery_id, OutcomeKind.LATER, reason)
    return _refused(delivery_id, status, reason)


def _refused(delivery_id: str, status: int, reason: str) -> PushOutcome:
    may_retry = status in (PushStatus.USERREQ, PushStatus.USERDCR)
    kind = OutcomeKind.LATER if may_retry else OutcomeKind.NEVER
    return PushOutcome(delivery_id, kind, reason, status)


_LARGE = 4_096


def _gathered(written: list[bytes]) -> list[bytes]:
    """Join small pieces, so that each write is worth it; large content is not copied."""
    gathered: list[bytes] = []
    small: list[bytes] = []
    for piece in written:
        if len(piece) < _LARGE:
            small.append(piece)
            continue
        if small:
            gathered.append(b"".join(small))
            small = []
        gathered.append(piece)
    if small:
        gathered.append(b"".join(small))
    return gathered
