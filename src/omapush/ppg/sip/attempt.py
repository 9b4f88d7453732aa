"""One attempt to push to a user: by one method, and by the next if that is refused for its form."""

from __future__ import annotations

from dataclasses import dataclass

from omapush.ota.interface import OutcomeKind, PpgRequest, PushOutcome, Undelivered
from omapush.ota.sip.requests import Circumstances, Target
from omapush.ota.sip.results import Method, Next, Verdict
from omapush.ppg.sip.line import SipLine
from omapush.ppg.sip.media_push import MediaPush
from omapush.ppg.sip.message_push import MessagePush
from omapush.protocols.sip.message import SipRequest


@dataclass(frozen=True, slots=True)
class Means:
    """What carries pushes to users. :ivar media: ``None``: none goes by INVITE."""

    line: SipLine
    messages: MessagePush
    media: MediaPush | None = None


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

    :ivar methods: by which it goes, the best first; at least one.
    :ivar within_ms: so long it may take, by all methods together.
    :ivar bare: without the envelope.
    :ivar request: the MESSAGE, if it has been written.
    """

    push: PpgRequest
    target: Target
    circumstances: Circumstances
    methods: tuple[Method, ...]
    within_ms: int
    bare: bool = False
    request: SipRequest | None = None

    async def run(self, means: Means) -> Ended:
        """Send it, in another way as long as the answer says that this may help."""
        ended = Ended(self._impossible(), Method.MESSAGE)
        until = means.line.clock() + self.within_ms
        bare = self.bare
        for method in self.methods:
            verdict = await self._by(method, means, until - means.line.clock(), bare=bare)
            if verdict.next is Next.BARE_FORM and not bare:
                bare = True
                verdict = await self._by(method, means, until - means.line.clock(), bare=bare)
            ended = Ended(verdict.outcome, method, verdict.next is Next.REGISTRATION)
            if verdict.next is not Next.OTHER_METHOD:
                break
        return ended

    async def _by(self, method: Method, means: Means, left_ms: int, *, bare: bool) -> Verdict:
        if left_ms <= 0:
            # Whoever takes the push over when its lease ends would send it beside this one.
            reason = "no time was left for another way"
            return Verdict(PushOutcome(self.push.delivery_id, OutcomeKind.LATER, reason))
        if method is Method.INVITE and means.media is not None:
            return await means.media.push(
                self.target, self.push, self.circumstances, left_ms, bare=bare
            )
        request = self.request
        if request is None or bare != self.bare:
            written = means.messages.write(self.target, self.push, self.circumstances, bare=bare)
            request = written.request
        if request is None:
            return Verdict(self._impossible())
        within_ms = min(left_ms, means.line.settings.response_ms)
        return await means.messages.send(self.push, request, within_ms, bare=bare)

    def _impossible(self) -> PushOutcome:
        return PushOutcome(
            self.push.delivery_id,
            OutcomeKind.NEVER,
            "no method of SIP carries the push",
            undelivered=Undelivered.METHOD_NOT_POSSIBLE,
        )
