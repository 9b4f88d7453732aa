"""Requests of the gateway to the core, with the credentials that it asks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from omapush.ota.interface import BearerUnavailable
from omapush.ota.sip.core import SipCore
from omapush.ppg.sip.metrics import SipMetrics
from omapush.protocols.sip.digest import DigestClient
from omapush.protocols.sip.header_fields import CSeq, cseq
from omapush.protocols.sip.message import SipRequest, SipResponse

MAX_CHALLENGES = 3
"""Challenges of several proxies that are answered one after the other, for one request."""

_CHALLENGES = frozenset({401, 407})


@dataclass(frozen=True, slots=True)
class Answered:
    """A request with its final answer.

    :ivar request: as it was sent last, with the credentials that were asked for.
    """

    request: SipRequest
    response: SipResponse


class Caller:
    """Sends requests through ``core``.

    :param digest: proves to the core who the gateway is; ``None``: it has no account there.
    """

    def __init__(
        self, core: SipCore, metrics: SipMetrics, digest: DigestClient | None = None
    ) -> None:
        self.core = core
        self._metrics = metrics
        self._digest = digest

    async def send(self, request: SipRequest, within_ms: int) -> Answered:
        """Send a request other than INVITE and ACK.

        :raises NoFinalAnswer: none came in time. :raises BearerUnavailable: nothing was sent.
        """
        return await self._exchange(request, lambda each: self.core.send(each, None, within_ms))

    async def invite(self, request: SipRequest, within_ms: int) -> Answered:
        """Send an INVITE; what is answered by a 2xx must be acknowledged.

        :raises NoFinalAnswer: none came in time. :raises BearerUnavailable: nothing was sent.
        """
        return await self._exchange(request, lambda each: self.core.invite(each, None, within_ms))

    async def _exchange(
        self, request: SipRequest, carry: Callable[[SipRequest], Awaitable[SipResponse]]
    ) -> Answered:
        if self._digest is not None:
            request = self._digest.authorise(request)
        for _ in range(MAX_CHALLENGES):
            response = await self._counted(request, carry)
            again = self._with_credentials(request, response)
            if again is None:
                return Answered(request, response)
            request = again
        return Answered(request, await self._counted(request, carry))

    def _with_credentials(self, request: SipRequest, response: SipResponse) -> SipRequest | None:
        """Return the request to be sent instead; ``None``: the answer stands."""
        if self._digest is None or response.status not in _CHALLENGES:
            return None
        answered = self._digest.answer(request, response)
        if answered is None:
            return None
        before = cseq(request)
        number = CSeq(before.number + 1, before.method)  # a new request (RFC 3261 22.2)
        return answered.with_headers(answered.headers.replaced("CSeq", str(number)))

    async def _counted(
        self, request: SipRequest, carry: Callable[[SipRequest], Awaitable[SipResponse]]
    ) -> SipResponse:
        try:
            response = await carry(request)
        except BearerUnavailable:
            self._metrics.answered(request.method, 0)
            raise
        self._metrics.answered(request.method, response.status)
        return response
