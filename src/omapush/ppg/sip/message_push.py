"""Sending one push in a MESSAGE (OTA-SIP 6)."""

from __future__ import annotations

from omapush.ota.interface import BearerUnavailable, PoConfirmedPushReq, PpgRequest
from omapush.ota.sip.requests import Circumstances, Target, message
from omapush.ota.sip.results import Method, Verdict, verdict_of, verdict_of_failure
from omapush.ppg.sip.line import SipLine
from omapush.protocols.sip.message import SipRequest


class MessagePush:
    """Pushes by MESSAGE. The next one to a user is not sent before the answer to the one before
    (RFC 3428 8): whoever calls sees to that.
    """

    def __init__(self, line: SipLine) -> None:
        self._line = line

    def size(
        self, target: Target, push: PpgRequest, circumstances: Circumstances, *, bare: bool
    ) -> int:
        """Return the octets of the whole request, as it leaves.

        :raises EncodeError: a header of the push cannot be written.
        """
        request = self._request(target, push, circumstances, bare=bare)
        return self._line.caller.core.request_size(request)

    async def push(
        self,
        target: Target,
        push: PpgRequest,
        circumstances: Circumstances,
        within_ms: int,
        *,
        bare: bool,
    ) -> Verdict:
        """Send it, and return what the answer means.

        :raises EncodeError: a header of the push cannot be written.
        """
        request = self._request(target, push, circumstances, bare=bare)
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

    def _request(
        self, target: Target, push: PpgRequest, circumstances: Circumstances, *, bare: bool
    ) -> SipRequest:
        line = self._line
        return message(line.sender, line.names(), target, push, circumstances, bare=bare)
