"""One attempt to push to a user: by which method, and by which other if that is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace

from omapush.core.errors import EncodeError
from omapush.ota.interface import PoConfirmedPushReq, PpgRequest, PushOutcome
from omapush.ota.sip.requests import Circumstances, Target
from omapush.ota.sip.results import Method, Next, Verdict
from omapush.pap.codes import StatusCode
from omapush.ppg.sip.line import SipLineSettings
from omapush.ppg.sip.media_push import MediaPush
from omapush.ppg.sip.message_push import MessagePush
from omapush.ppg.transform import Unfit


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended.

    :ivar method: by which it was sent last.
    :ivar is_absent: the core says that nobody is registered there.
    """

    outcome: PushOutcome
    method: Method
    is_absent: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """A push on its way to a target.

    :ivar within_ms: so long it may take.
    :ivar methods: of the device.
    :ivar bare: without the envelope.
    """

    push: PpgRequest
    target: Target
    circumstances: Circumstances
    within_ms: int
    methods: frozenset[str]
    bare: bool = False

    def method(
        self, messages: MessagePush, media: MediaPush | None, settings: SipLineSettings
    ) -> Method | Unfit:
        """Return how it goes (OTA-SIP 6.2, 8), or why it cannot."""
        try:
            by_message = self._goes_by_message(messages)
        except EncodeError as error:
            return Unfit(f"a header of the push cannot be sent: {error}", StatusCode.BAD_REQUEST)
        by_media = media is not None and Method.INVITE.value in self.methods
        confirmed = isinstance(self.push, PoConfirmedPushReq)
        forced = confirmed and settings.force_media_for_confirmed
        if by_message and not (forced and by_media):
            return Method.MESSAGE
        if by_media:
            return Method.INVITE
        octets = len(self.push.message.body)
        reason = f"no method of SIP carries {octets} octets to this device"
        return Unfit(reason, StatusCode.SPECIFIED_DELIVERY_METHOD_NOT_POSSIBLE)

    async def run(
        self,
        method: Method,
        messages: MessagePush,
        media: MediaPush | None,
        response_ms: int,
    ) -> Ended:
        """Send it, and once more in another way if the first is refused for its form."""
        attempt, tried = self, {method}
        while True:
            verdict = await attempt._by(method, messages, media, response_ms)
            ended = Ended(verdict.outcome, method, verdict.next is Next.REGISTRATION)
            if verdict.next is Next.BARE_FORM and not attempt.bare:
                attempt = replace(attempt, bare=True)
                continue
            other = _OTHER[method]
            if verdict.next is not Next.OTHER_METHOD or other in tried:
                return ended
            if other is Method.INVITE and media is None:
                return ended
            if other is Method.MESSAGE and not attempt._goes_by_message(messages):
                return ended
            method = other
            tried.add(method)

    def _goes_by_message(self, messages: MessagePush) -> bool:
        if Method.MESSAGE.value not in self.methods:
            return False
        return messages.fits(self.target, self.push, self.circumstances, bare=self.bare)

    async def _by(
        self, method: Method, messages: MessagePush, media: MediaPush | None, response_ms: int
    ) -> Verdict:
        if method is Method.INVITE and media is not None:
            return await media.push(
                self.target, self.push, self.circumstances, self.within_ms, bare=self.bare
            )
        within_ms = min(self.within_ms, response_ms)
        return await messages.push(
            self.target, self.push, self.circumstances, within_ms, bare=self.bare
        )


_OTHER = {Method.MESSAGE: Method.INVITE, Method.INVITE: Method.MESSAGE}
