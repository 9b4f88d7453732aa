"""Pushes that come by INVITE and MSRP: each session from its offer to its BYE.

A session carries any number of pushes, one message each. What the application says of a push is
reported, if the gateway wants that; a push of which no report is wanted is kept until somebody
takes it. A connection that breaks ends its session, and the gateway learns that by BYE.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from omapush.client.binding.push_receiver import PushReceiver
from omapush.client.sip.media_offer import SDP, Agreed, MediaTerms, OfferRefused, agree
from omapush.core.errors import DecodeError, OmapushError
from omapush.core.instants import MINUTE_MS, SECOND_MS
from omapush.ota.interface import (
    BearerUnavailable,
    ClientRequest,
    ConnectionLink,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PoPushAbortReq,
    PoUnitPushInd,
    PushStatus,
    StreamLink,
)
from omapush.ota.message_format import MAX_HEAD
from omapush.ota.sip.core import Answer
from omapush.ota.sip.media import Answered, MediaSessions, MediaStream, report_of
from omapush.ota.sip.results import refusal
from omapush.protocols.msrp.connection import MsrpConnection
from omapush.protocols.msrp.session import (
    BoundInd,
    EndedInd,
    EndSession,
    MessageInd,
    MsrpIndication,
    MsrpRequest,
    MsrpSettings,
)
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.dialog import Dialog
from omapush.protocols.sip.header_fields import call_id, to_tag
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse

log = structlog.get_logger(__name__)

MAX_SESSIONS = 16
"""Sessions at a time; a gateway needs one for all its pushes."""
IDLE_MS = 30 * MINUTE_MS
"""A session in which no push has come for so long is ended."""
CONNECT_MS = 10 * SECOND_MS
UNCONNECTED_MS = MINUTE_MS
"""So long after the offer its session is kept without a connection."""

Read = Callable[[str, tuple[tuple[str, str], ...], bytes], PoConfirmedPushInd]
"""Reads a push: its content type, the headers beside it, its body. Raises ``DecodeError``."""


Connect = Callable[
    [Agreed, MediaStream, Callable[[MsrpIndication], None], Callable[[str], None], int],
    Awaitable[ConnectionLink[MsrpRequest]],
]
"""Connects to where an offer says, and starts a session there: it is given the session, what takes
its indications and the reason of its end, and its patience in milliseconds. Raises
``BearerUnavailable``."""


@dataclass(frozen=True, slots=True)
class MediaPorts:
    """What sessions need of their surroundings.

    :ivar terms: returns what is taken now. :ivar contact: the URI at which this end receives.
    :ivar send: sends a request of a dialog.
    :ivar new_id: returns a text that nobody can guess, of letters and digits.
    """

    terms: Callable[[], MediaTerms]
    contact: Callable[[], str]
    send: Callable[[SipRequest], Awaitable[SipResponse]]
    connect: Connect
    new_id: Callable[[], str]


class MediaPushes:
    """The sessions of this client.

    :ivar waiting: those whose gateway is to connect, for whoever listens.
    """

    def __init__(
        self,
        receiver: PushReceiver,
        ports: MediaPorts,
        clock: Callable[[], int],
        max_octets: int,
    ) -> None:
        self.waiting = MediaSessions(MAX_SESSIONS)
        self.settings = MsrpSettings(
            # The headers of a push stand in its envelope.
            max_octets=max_octets + MAX_HEAD,
            max_held_octets=2 * (max_octets + MAX_HEAD),
            max_messages=4,
        )
        self._receiver = receiver
        self._ports = ports
        self._clock = clock
        self._sessions: dict[str, _Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # -- from the core --

    def invited(self, invite: SipRequest, answer: Answer, read: Read) -> None:
        """Take an offer, or refuse it."""
        if len(self._sessions) >= MAX_SESSIONS:
            answer(refusal(PushStatus.USERDCR, "too many sessions"))
            return
        ports = self._ports
        try:
            agreed = agree(invite, ports.terms(), ports.new_id())
            response = _accepting(invite, agreed, ports.contact(), ports.new_id())
            dialog = Dialog.of_request(invite, response)
        except OfferRefused as error:
            log.info("push_session_refused", status=error.response.status)
            answer(error.response)
            return
        except BadSipMessage as error:
            answer(SipResponse(error.status, "Bad Request"))
            return
        session = _Session(self, dialog, agreed, read)
        self._sessions[_key(dialog.call_id, dialog.local_tag)] = session
        if not agreed.connects:
            self.waiting.expect(agreed.ends)
        session.live()
        answer(response)

    def acknowledged(self, ack: SipRequest) -> None:
        """The gateway is ready: connect, if that is for this end to do."""
        session = self._session_of(ack)
        if session is not None and session.agreed.connects and not session.is_connecting:
            session.is_connecting = True
            self._spawn(self._connect(session))

    def unacknowledged(self, response: SipResponse) -> None:
        """Nobody acknowledged the answer: the session is over."""
        session = self._session_of(response)
        if session is not None:
            self.end(session, "the answer was not acknowledged")

    def bye(self, request: SipRequest) -> SipResponse:
        """End a session because the gateway says so; return the answer."""
        session = self._session_of(request)
        if session is None:
            return SipResponse(481, "Call/Transaction Does Not Exist")
        if not session.dialog.takes(request):
            return SipResponse(500, "Server Internal Error")
        self._drop(session, "the gateway ended the session")
        return SipResponse(200, "OK")

    def has(self, request: SipRequest) -> bool:
        """Whether a request is of a session that is open."""
        return self._session_of(request) is not None

    # -- from the connections that were accepted --

    def accepted_stream(self) -> MediaStream:
        """Return what drives a connection that a gateway has opened."""
        return MediaStream(
            MsrpConnection(self.settings, self._ports.new_id, find=self.waiting.find)
        )

    def indication(self, link: ConnectionLink[MsrpRequest], indication: MsrpIndication) -> None:
        """Take what a connection that a gateway has opened indicates."""
        if isinstance(indication, BoundInd):
            own = indication.ends.own[-1]
            for session in self._sessions.values():
                if session.agreed.ends.own[-1] == own:
                    session.link = link
                    link.identified()
        for session in list(self._sessions.values()):
            if session.link is link:
                session.indication(indication)

    # -- life --

    def end(self, session: _Session, reason: str) -> None:
        """End a session from this side."""
        if self._drop(session, reason):
            self._spawn(self._say_bye(session))

    async def close(self) -> None:
        """End every session."""
        for session in list(self._sessions.values()):
            self.end(session, "the client stops")
        pending = [task for task in self._tasks if not task.done()]
        if pending:
            _, late = await asyncio.wait(pending, timeout=1)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    # -- for sessions --

    @property
    def receiver(self) -> PushReceiver:
        """Who takes the pushes."""
        return self._receiver

    # -- inside --

    def _session_of(self, message: SipRequest | SipResponse) -> _Session | None:
        try:
            return self._sessions.get(_key(call_id(message), to_tag(message)))
        except BadSipMessage:
            return None

    async def _connect(self, session: _Session) -> None:
        stream = MediaStream(
            MsrpConnection(self.settings, self._ports.new_id, ends=session.agreed.ends),
            binds=True,
        )
        closed = functools.partial(self._closed, session)
        try:
            link = await self._ports.connect(
                session.agreed, stream, session.indication, closed, CONNECT_MS
            )
        except BearerUnavailable as error:
            self.end(session, f"no connection to {session.agreed.next_hop}: {error.reason}")
            return
        session.link = link
        if session.is_over:
            link.close("the session is over")

    def _closed(self, session: _Session, reason: str) -> None:
        self.end(session, reason)

    def _drop(self, session: _Session, reason: str) -> bool:
        """Forget a session; return whether it was there."""
        dialog = session.dialog
        if self._sessions.pop(_key(dialog.call_id, dialog.local_tag), None) is None:
            return False
        self.waiting.forget(session.agreed.ends)
        log.info("push_session_ended", peer=dialog.remote_target, reason=reason)
        session.over(reason)
        return True

    async def _say_bye(self, session: _Session) -> None:
        try:
            await self._ports.send(session.dialog.request("BYE"))
        except OmapushError as error:
            log.debug("bye_not_answered", reason=error.reason)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Session:
    """One session.

    :ivar link: its connection, once there is one.
    """

    def __init__(
        self,
        of: MediaPushes,
        dialog: Dialog,
        agreed: Agreed,
        read: Read,
    ) -> None:
        self.dialog = dialog
        self.agreed = agreed
        self.link: StreamLink[MsrpRequest] | None = None
        self.is_connecting = False
        self.is_over = False
        self._of = of
        self._read = read
        self._idle: asyncio.TimerHandle | None = None

    def live(self) -> None:
        """Begin to count the time in which nothing comes; a session without its connection ends
        sooner, for its place is another's.
        """
        if self._idle is not None:
            self._idle.cancel()
        loop = asyncio.get_running_loop()
        why, wait_ms = "no push has come for long", IDLE_MS
        if self.link is None:
            why, wait_ms = "nobody has connected", UNCONNECTED_MS
        end = functools.partial(self._of.end, self, why)
        self._idle = loop.call_later(wait_ms / SECOND_MS, end)

    def over(self, reason: str) -> None:
        """The session has ended; the connection goes with it."""
        self.is_over = True
        if self._idle is not None:
            self._idle.cancel()
        if self.link is not None:
            self.link.request(EndSession(reason))

    def indication(self, indication: MsrpIndication) -> None:
        """Take what the connection indicates."""
        if self.is_over:
            return
        match indication:
            case MessageInd():
                self.live()
                self._take(indication)
            case BoundInd():
                self.live()
            case EndedInd(reason=reason):
                self._of.end(self, reason)
            case _:
                pass

    def report(self, message: MessageInd, answered: Answered) -> None:
        """Report what became of a push, while there is somebody to report to."""
        report = report_of(message, answered)
        if report is not None and self.link is not None and not self.is_over:
            self.link.request(report)

    def _take(self, message: MessageInd) -> None:
        try:
            push = self._read(message.content_type, message.more, message.body)
        except DecodeError as error:
            log.warning("push_malformed", source=self.dialog.remote_target, why=str(error))
            self.report(message, Answered(PushStatus.USERRFS, str(error)))
            return
        if message.success_report:
            self._of.receiver.indication(_ReportLink(self, message), push)
        else:
            unit = PoUnitPushInd(push.message, push.source, push.flags, push.push_id)
            self._of.receiver.unit_push(unit)


class _ReportLink:
    """In place of the link to a gateway: the answer to a push becomes a REPORT."""

    def __init__(self, session: _Session, message: MessageInd) -> None:
        self.peer = session.dialog.remote_target
        self._session = session
        self._message = message

    def request(self, primitive: ClientRequest) -> None:
        """Report it."""
        match primitive:
            case PoConfirmedPushRes():
                self._session.report(self._message, Answered())
            case PoPushAbortReq(status=status, reason=reason):
                self._session.report(self._message, Answered(status, reason))

    def close(self, reason: str) -> None:
        """The session is not the push's to close."""


def _accepting(invite: SipRequest, agreed: Agreed, contact: str, tag: str) -> SipResponse:
    to = invite.headers.first("To") or ""
    headers = SipHeaders(
        (
            ("To", f"{to};tag={tag}"),
            ("Contact", f"<{contact}>"),
            ("Content-Type", SDP),
        )
    )
    return SipResponse(200, "OK", headers, agreed.answer)


def _key(call_id: str, tag: str | None) -> str:
    return f"{call_id} {tag}"
