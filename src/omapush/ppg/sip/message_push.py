"""Sending one push in a MESSAGE (OTA-SIP 6)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from omapush.content.message import PushMessage
from omapush.ota.interface import BearerUnavailable, PoConfirmedPushReq, PpgRequest
from omapush.ota.sip.requests import Circumstances, Target, message
from omapush.ota.sip.results import Method, Verdict, verdict_of, verdict_of_failure
from omapush.ppg.sip.line import SipLine
from omapush.protocols.sip.message import SipRequest


@dataclass(frozen=True, slots=True)
class Written:
    """A push as a MESSAGE.

    :ivar size: octets of the whole request, as it leaves.
    :ivar request: ``None``: it is too long to be one.
    """

    size: int
    request: SipRequest | None


class MessagePush:
    """Pushes by MESSAGE. The next one to a user is not sent before the answer to the one before
    (RFC 3428 8): whoever calls sees to that.
    """

    def __init__(self, line: SipLine) -> None:
        self._line = line

    def write(
        self, target: Target, push: PpgRequest, circumstances: Circumstances, *, bare: bool
    ) -> Written:
        """Return the request.

        :raises EncodeError: a header of the push cannot be written.
        """
        line, octets = self._line, len(push.message.body)
        core = line.caller.core
        if line.settings.methods.fits(octets):
            request = message(line.sender, line.names(), target, push, circumstances, bare=bare)
            return Written(core.request_size(request), request)
        # Nothing so long is written for its size only; what is wrong with its head shows now.
        empty = replace(push, message=PushMessage(push.message.headers, b""))
        head = message(line.sender, line.names(), target, empty, circumstances, bare=bare)
        return Written(core.request_size(head) + octets, None)

    async def send(
        self, push: PpgRequest, request: SipRequest, within_ms: int, *, bare: bool
    ) -> Verdict:
        """Send it, and return what the answer means.

        :param bare: it goes without the envelope.
        """
        try:
            answered = await self._line.caller.send(request, within_ms)
        except BearerUnavailable as error:
            return verdict_of_failure(push.delivery_id, Method.MESSAGE, error)
        return verdict_of(
            push.delivery_id,
            Method.MESSAGE,
            answered.response,
            confirmed=isinstance(push, PoConfirmedPushReq),
            media_type="" if bare else push.message.media_type,
        )
