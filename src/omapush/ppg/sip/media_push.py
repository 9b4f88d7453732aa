"""Sending one push over MSRP, in a session that an INVITE opens (OTA-SIP 7)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace

import structlog

from omapush.core.errors import DecodeError
from omapush.core.instants import SECOND_MS
from omapush.ota.interface import (
    BearerUnavailable,
    OutcomeKind,
    PoConfirmedPushReq,
    PpgRequest,
    PushOutcome,
    PushStatus,
    StreamBearer,
    StreamLink,
    Undelivered,
)
from omapush.ota.sip.envelope import CONTENT_TYPE, bare_headers, encode_envelope
from omapush.ota.sip.media import MediaStream, message_of
from omapush.ota.sip.requests import Circumstances, Target, invite, marks
from omapush.ota.sip.results import Method, Next, Verdict, verdict_of, verdict_of_failure
from omapush.ppg.sip.calling import Answered
from omapush.ppg.sip.line import SipLine
from omapush.ppg.sip.media_arrivals import Arrival, MediaArrivals
from omapush.ppg.sip.media_session import MediaSession
from omapush.protocols.msrp.connection import MsrpConnection
from omapush.protocols.msrp.session import (
    Ends,
    MsrpIndication,
    MsrpRequest,
    MsrpSettings,
    SendMessage,
)
from omapush.protocols.msrp.uri import MsrpUri, Path, parse_path
from omapush.protocols.sdp import (
    MSRP_PLAIN,
    MSRP_TLS,
    Description,
    Direction,
    Media,
    Setup,
    encode_description,
    parse_description,
)
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.dialog import Dialog
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse

log = structlog.get_logger(__name__)

IDLE_MS = 30 * SECOND_MS
OF_GATEWAY = MsrpSettings(max_octets=65_536, max_held_octets=65_536, max_messages=1)
"""A gateway is pushed nothing, and no device may have it hold much: what it offers is sendonly."""


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """How media sessions are offered.

    :ivar host: of this end, as devices see it. :ivar port: where they connect; 0: nowhere, and the
        gateway connects to them.
    :ivar secure: by TLS.
    :ivar idle_ms: an unused session is ended after so long.
    :ivar connect_ms: patience for the connection, whoever makes it.
    """

    host: str
    port: int = 0
    secure: bool = False
    idle_ms: int = IDLE_MS
    connect_ms: int = 32 * SECOND_MS
    msrp: MsrpSettings = OF_GATEWAY


class MediaRefusedError(BearerUnavailable):
    """What the device answered cannot be used; the session has been ended."""


class MediaPush:
    """Pushes over MSRP; several to the same device and application go through one session.

    :param bearer: connects to devices that wait for it.
    """

    def __init__(
        self, line: SipLine, bearer: StreamBearer, arrivals: MediaArrivals, settings: MediaSettings
    ) -> None:
        self._line = line
        self._bearer = bearer
        self._arrivals = arrivals
        self._settings = settings
        self._by_target: dict[str, MediaSession] = {}
        self._by_call: dict[str, MediaSession] = {}
        self._opening: dict[str, Arrival | None] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        line.metrics.watch_sessions(lambda: len(self._by_call))

    async def push(
        self,
        target: Target,
        push: PpgRequest,
        circumstances: Circumstances,
        within_ms: int,
        *,
        bare: bool,
    ) -> Verdict:
        """Send it, and return what came of it.

        :raises EncodeError: a header of the push cannot be written.
        """
        begun = self._line.clock()
        key = f"{target.uri} {target.headers()[0][1]}"
        session = self._by_target.get(key)
        if session is None or session.ended is not None:
            opened = await self._open(target, push, circumstances, within_ms)
            if isinstance(opened, Verdict):
                return opened
            session = self._by_target[key] = opened
        message = self._message(session.answer, push, bare=bare)
        if message is None:
            return Verdict(_unfit(push, session.answer), Next.OTHER_METHOD)
        left_ms = max(1, within_ms - (self._line.clock() - begun))
        return Verdict(await session.push(push.delivery_id, message, left_ms))

    def serve(self, request: SipRequest) -> SipResponse | None:
        """Answer a request within a dialog; see ``application_server.DialogRequests``."""
        call_id = request.headers.first("Call-ID") or ""
        session = self._by_call.get(call_id)
        if session is None and call_id not in self._opening:
            return None
        if session is not None and not session.dialog.has(request):
            return None  # of another device that the same INVITE was forked to
        if request.method == "INVITE":
            return SipResponse(488, "Not Acceptable Here")  # the media stay as they are
        if request.method != "BYE":
            return SipResponse(405, "Method Not Allowed", SipHeaders((("Allow", "BYE"),)))
        if session is not None:
            self._drop(session)
            session.hung_up("the device ended the media session")
        else:
            arrival = self._opening.pop(call_id)
            if arrival is not None:
                arrival.hung_up("the device hung up")
        return SipResponse(200, "OK")

    async def close(self) -> None:
        """End all sessions."""
        for session in list(self._by_call.values()):
            self._leave(session, "the gateway stops")
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=2)
        for task in self._leaving:
            task.cancel()

    # -- opening --

    async def _open(
        self, target: Target, push: PpgRequest, circumstances: Circumstances, within_ms: int
    ) -> MediaSession | Verdict:
        line, settings = self._line, self._settings
        until = line.clock() + within_ms
        own = MsrpUri(settings.host, settings.port or 9, line.new_token(), settings.secure)
        if settings.port and self._arrivals.is_full:
            reason = "too many media connections are open or awaited"
            return Verdict(PushOutcome(push.delivery_id, OutcomeKind.LATER, reason))
        arrival = self._arrivals.expect(own) if settings.port else None
        names = line.names()
        request = invite(
            line.sender,
            names,
            target,
            push,
            circumstances,
            contact=line.contact,
            offer=encode_description(self._offer(own, passive=arrival is not None)),
        )
        self._opening[names.call_id] = arrival
        try:
            response_ms = min(line.settings.response_ms, within_ms)
            answered = await line.caller.invite(request, response_ms)
            if not answered.response.is_success:
                return self._refused(push, answered.response)
            left_ms = max(1, until - line.clock())
            connect_ms = min(settings.connect_ms, left_ms)
            return await self._established(answered, own, arrival, connect_ms)
        except MediaRefusedError as error:
            outcome = PushOutcome(
                push.delivery_id,
                OutcomeKind.NEVER,
                error.reason,
                undelivered=Undelivered.METHOD_NOT_POSSIBLE,
            )
            return Verdict(outcome, Next.OTHER_METHOD)
        except BearerUnavailable as error:
            return verdict_of_failure(push.delivery_id, Method.INVITE, error)
        finally:
            self._opening.pop(names.call_id, None)
            if arrival is not None and arrival.session is None:
                self._arrivals.forget(arrival)

    def _offer(self, own: MsrpUri, *, passive: bool) -> Description:
        media = Media(
            port=own.port,
            protocol=MSRP_TLS if own.secure else MSRP_PLAIN,
            path=str(own),
            accept_types=(CONTENT_TYPE,),
            setup=Setup.ACTPASS if passive else Setup.ACTIVE,
            direction=Direction.SENDONLY,
        )
        number = self._line.clock()
        return Description(own.host, (media,), number, 1)

    def _refused(self, push: PpgRequest, response: SipResponse) -> Verdict:
        confirmed = isinstance(push, PoConfirmedPushReq)
        return verdict_of(push.delivery_id, Method.INVITE, response, confirmed=confirmed)

    async def _established(
        self, answered: Answered, own: MsrpUri, arrival: Arrival | None, connect_ms: int
    ) -> MediaSession:
        """Acknowledge the 2xx, and connect as both have agreed.

        :raises MediaRefusedError: nothing was agreed. :raises BearerUnavailable: no connection.
        """
        dialog = self._acknowledged(answered)
        try:
            answer, remote = _agreed(answered.response.body, secure=own.secure)
            if answer.setup is Setup.ACTIVE:
                session = await self._connected_by_device(dialog, answer, arrival, connect_ms)
            else:
                ends = Ends((own,), remote)
                session = await self._connected_by_gateway(dialog, answer, ends, connect_ms)
        except (BearerUnavailable, asyncio.CancelledError):
            if dialog.call_id in self._opening:  # else the device has hung up
                self._later(self._bye(dialog))
            raise
        self._by_call[dialog.call_id] = session
        return session

    def _acknowledged(self, answered: Answered) -> Dialog:
        try:
            dialog = Dialog.of_response(answered.request, answered.response)
            acknowledgement = dialog.acknowledge(answered.request)
        except BadSipMessage as error:
            raise MediaRefusedError(f"the answer to INVITE makes no dialog: {error}") from error
        self._line.caller.core.acknowledge(acknowledgement)
        return dialog

    async def _connected_by_device(
        self, dialog: Dialog, answer: Media, arrival: Arrival | None, connect_ms: int
    ) -> MediaSession:
        if arrival is None:
            raise MediaRefusedError("the device would connect, and nobody listens")
        try:
            async with asyncio.timeout(connect_ms / SECOND_MS):
                link = await arrival.link
        except TimeoutError as error:
            raise BearerUnavailable("the device made no media connection") from error
        arrival.session = self._session(dialog, answer, link)
        return arrival.session

    async def _connected_by_gateway(
        self, dialog: Dialog, answer: Media, ends: Ends, connect_ms: int
    ) -> MediaSession:
        stream = MediaStream(
            MsrpConnection(self._settings.msrp, self._line.new_token, ends=ends), binds=True
        )
        held: list[MediaSession] = []

        def indication(told: MsrpIndication) -> None:
            for session in held:
                session.indication(told)

        def closed(reason: str) -> None:
            for session in held:
                session.lost(reason)

        hop = ends.remote[0]
        link = await self._bearer.connect(
            hop.host, hop.port, stream, indication, closed, connect_ms
        )
        held.append(self._session(dialog, answer, link))
        return held[0]

    def _session(
        self, dialog: Dialog, answer: Media, link: StreamLink[MsrpRequest]
    ) -> MediaSession:
        return MediaSession(dialog, answer, link, self._leave, self._settings.idle_ms)

    # -- pushing --

    def _message(self, answer: Media, push: PpgRequest, *, bare: bool) -> SendMessage | None:
        """Return the message that carries the push; ``None``: the device does not take it."""
        confirmed = isinstance(push, PoConfirmedPushReq)
        message_id = self._line.new_token()
        if bare or not answer.accepts(CONTENT_TYPE):
            (_, content_type), *others = bare_headers(push.message)
            if not answer.accepts(content_type):
                return None
            body, more = push.message.body, (*marks(push), *others)
        else:
            content_type, body, more = CONTENT_TYPE, encode_envelope(push.message), marks(push)
        if answer.max_size is not None and len(body) > answer.max_size:
            return None
        return replace(message_of(message_id, content_type, body, confirmed=confirmed), more=more)

    # -- ending --

    def _leave(self, session: MediaSession, reason: str) -> None:
        self._drop(session)
        session.end(reason)
        self._later(self._bye(session.dialog))

    def _drop(self, session: MediaSession) -> None:
        self._by_call.pop(session.dialog.call_id, None)
        for key in [key for key, one in self._by_target.items() if one is session]:
            del self._by_target[key]

    def _later(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _bye(self, dialog: Dialog) -> None:
        try:
            await self._line.caller.send(dialog.request("BYE"), self._line.settings.response_ms)
        except (BearerUnavailable, BadSipMessage) as error:
            log.info("bye_failed", reason=error.reason)


def _agreed(body: bytes, *, secure: bool) -> tuple[Media, Path]:
    """Return the media that the device agreed to, and its path.

    :param secure: TLS was offered, and nothing less will do.

    :raises MediaRefusedError: it refused, or is not understood.
    """
    try:
        answer = parse_description(body).msrp
        if answer is None:
            raise MediaRefusedError("the device has refused the media")
        path = parse_path(answer.path)
    except DecodeError as error:
        raise MediaRefusedError(f"the device's description of the media: {error}") from error
    if answer.is_secure is not secure or path[0].secure is not secure:
        raise MediaRefusedError("the device wants TLS where there is none, or none where it is")
    return answer, path


def _unfit(push: PpgRequest, answer: Media) -> PushOutcome:
    too_large = answer.max_size is not None and len(push.message.body) > answer.max_size
    status = PushStatus.USERDCR if too_large else PushStatus.USERDCU
    types = " ".join(answer.accept_types)
    reason = f"the device takes {answer.max_size or 'any number of'} octets of {types}"
    return PushOutcome(push.delivery_id, OutcomeKind.NEVER, reason, status)
