"""The client as a SIP server: what comes to it from the core, and from whomever else.

A push is answered when its application has answered, and the final response says what that was
(``ota.sip.results``). OPTIONS are answered with what is taken now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count

import structlog

from omapush.client.binding.push_receiver import PushReceiver
from omapush.client.dispatch import ANYBODY, names_of
from omapush.client.sip.binder import IMS
from omapush.client.sip.media import MediaPushes, Read
from omapush.client.sip.message_push import AnswerToMessage
from omapush.content.application_id import ApplicationId
from omapush.core.errors import OmapushError
from omapush.core.instants import SECOND_MS, Instant
from omapush.ota.interface import ClientCapabilities, PoConfirmedPushInd, PushStatus
from omapush.ota.push_headers import PUSH_ID, PUSH_INFO
from omapush.ota.sip.capabilities import to_headers
from omapush.ota.sip.core import Answer, Origin
from omapush.ota.sip.reception import Recipient, read_invite, read_message, read_session_push
from omapush.ota.sip.requests import CLIENT_METHODS
from omapush.ota.sip.results import refusal, untrusted
from omapush.protocols.sip.header_fields import to_tag
from omapush.protocols.sip.message import Field, SipHeaders, SipRequest, SipResponse

log = structlog.get_logger(__name__)

SUPPORTED = ("gruu", "path", "outbound")
"""Extensions of SIP that requests may require (RFC 3261 20.32)."""
_OF_FIRST_PUSH = frozenset((PUSH_ID.lower(), PUSH_INFO.lower()))
_ALLOW = ("Allow", ", ".join(CLIENT_METHODS))


@dataclass(frozen=True, slots=True)
class UserAgentRules:
    """What this user agent does.

    :ivar acceptance_ms: how long an application may take to accept a push.
    :ivar max_message_size: octets of the longest push message.
    :ivar anybody_may_send: requests of others than elements of the core are served.
    :ivar hides_applications: nobody is told which ones there are (REQ22).
    """

    acceptance_ms: int = 10 * SECOND_MS
    max_message_size: int = 1_048_576
    anybody_may_send: bool = False
    hides_applications: bool = False

    def told(self, takes: ClientCapabilities) -> tuple[tuple[str, str], ...]:
        """Return the headers that tell others what is taken."""
        own = replace(takes, max_message_size=self.max_message_size)
        return to_headers(own, hidden=self.hides_applications)


class SipUserAgent:
    """Implements ``ota.sip.core.SipServer``.

    :param contact: returns the value of Contact, with the features of this end.
    """

    def __init__(
        self,
        receiver: PushReceiver,
        media: MediaPushes,
        rules: UserAgentRules,
        contact: Callable[[], str],
        clock: Callable[[], Instant],
    ) -> None:
        self._receiver = receiver
        self._media = media
        self._rules = rules
        self._contact = contact
        self._clock = clock
        self._references = count(1)

    # -- ota.sip.core.SipServer --

    def arrived(self, request: SipRequest, origin: Origin, answer: Answer) -> None:
        """Serve a request; whatever happens, it gets an answer."""
        try:
            self._serve(request, origin, answer)
        except OmapushError as error:
            log.info("sip_request_refused", method=request.method, reason=error.reason)
            answer(SipResponse(400, "Bad Request"))
        except Exception:  # a fault of ours: the sender is not to wait for nothing
            log.exception("sip_request_broke", method=request.method)
            answer(SipResponse(500, "Server Internal Error"))

    def acknowledged(self, ack: SipRequest) -> None:
        self._media.acknowledged(ack)

    def unacknowledged(self, invite: SipRequest, response: SipResponse) -> None:
        self._media.unacknowledged(response)

    def cancelled(self, invite: SipRequest) -> None:
        """Every INVITE has been answered by then."""

    # -- inside --

    def _serve(self, request: SipRequest, origin: Origin, answer: Answer) -> None:
        unknown = [one for one in request.headers.listed("Require") if one not in SUPPORTED]
        is_stranger = not (origin.is_trusted or self._rules.anybody_may_send)
        in_dialog = to_tag(request) is not None
        if is_stranger and not (in_dialog and self._media.has(request)):
            log.warning("sip_stranger", method=request.method, source=str(origin.hop))
            answer(untrusted("not from the core"))
        elif unknown:
            headers = SipHeaders((("Unsupported", ", ".join(unknown)),))
            answer(SipResponse(420, "Bad Extension", headers))
        elif request.method == "BYE":
            answer(self._media.bye(request))
        elif in_dialog:
            known = self._media.has(request)
            answer(
                SipResponse(488, "Not Acceptable Here")  # sessions are as they were offered
                if known
                else SipResponse(481, "Call/Transaction Does Not Exist")
            )
        else:
            self._serve_new(request, origin, answer)

    def _serve_new(self, request: SipRequest, origin: Origin, answer: Answer) -> None:
        match request.method:
            case "MESSAGE":
                self._pushed(request, origin, answer)
            case "INVITE":
                self._invited(request, origin, answer)
            case "OPTIONS":
                answer(SipResponse(200, "OK", self._described()))
            case "SUBSCRIBE" | "NOTIFY":
                answer(SipResponse(489, "Bad Event"))
            case _:
                answer(SipResponse(405, "Method Not Allowed", SipHeaders((_ALLOW,))))

    def _pushed(self, request: SipRequest, origin: Origin, answer: Answer) -> None:
        found = read_message(request, origin, self._next(), self._recipient(), self._clock())
        if isinstance(found, SipResponse):
            log.warning("push_malformed", source=str(origin.hop), status=found.status)
            answer(found)
            return
        push = _by_ims(found)
        link = AnswerToMessage(
            answer,
            push.source.identity or str(origin.hop),
            self._rules.acceptance_ms,
            lambda: self._receiver.capabilities().accept,
        )
        self._receiver.indication(link, push)

    def _invited(self, invite: SipRequest, origin: Origin, answer: Answer) -> None:
        recipient = self._recipient()
        early = read_invite(invite, origin, recipient)
        if isinstance(early, SipResponse):
            answer(early)
        elif early.application is not None and not _is_there(early.application, recipient):
            # Known before anything of the push flows [design].
            reason = f"no application is registered for {early.application}"
            answer(refusal(PushStatus.USERPND, reason))
        else:
            self._media.invited(invite, answer, self._reader(invite, origin))

    def _reader(self, invite: SipRequest, origin: Origin) -> Read:
        """Return what reads the pushes of one session.

        What the INVITE says of how a push goes is of the first one.
        """
        of_first = tuple(
            (name, value) for name, value in invite.headers.fields if name.lower() in _OF_FIRST_PUSH
        )

        def read(content_type: str, headers: tuple[Field, ...], body: bytes) -> PoConfirmedPushInd:
            nonlocal of_first
            beside, of_first = (("Content-Type", content_type), *headers, *of_first), ()
            found = read_session_push(invite, beside, body, origin, self._next(), self._recipient())
            return _by_ims(found)

        return read

    def _recipient(self) -> Recipient:
        takes = self._receiver.capabilities()
        return Recipient(takes.accept_app_id, self._rules.max_message_size)

    def _next(self) -> str:
        return str(next(self._references))

    def _described(self) -> SipHeaders:
        return SipHeaders(
            (
                ("Contact", self._contact()),
                *self._rules.told(self._receiver.capabilities()),
                _ALLOW,
                ("Supported", ", ".join(SUPPORTED)),
            )
        )


def _by_ims(push: PoConfirmedPushInd) -> PoConfirmedPushInd:
    # Connection profiles name the bearer so, by whichever transport the core is reached.
    return replace(push, source=replace(push.source, bearer=IMS))


def _is_there(application: ApplicationId, recipient: Recipient) -> bool:
    names = names_of(application)
    return any(one in (*names, ANYBODY, "*") for one in recipient.applications)
