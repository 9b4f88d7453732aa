"""Requests to the core, and the challenges with which it may answer (RFC 3261 22)."""

from __future__ import annotations

from omapush.ota.sip.core import SipCore
from omapush.protocols.sip.digest import DigestClient
from omapush.protocols.sip.header_fields import CSeq, cseq
from omapush.protocols.sip.message import SipRequest, SipResponse

MAX_CHALLENGES = 3
"""Challenges that are answered in a row: of a registrar or a proxy, each with a stale nonce."""


class AuthenticatedExchange:
    """Sends requests and answers challenges.

    :param digest: proves who the user is; ``None``: there is no password, challenges are final.
    """

    def __init__(self, core: SipCore, digest: DigestClient | None) -> None:
        self._core = core
        self._digest = digest

    async def send(self, request: SipRequest, within_ms: int | None = None) -> SipResponse:
        """Return the final response to a request other than INVITE.

        :raises BearerUnavailable: nothing was sent, or as ``NoFinalAnswer``, nothing came.
        """
        if self._digest is None:
            return await self._core.send(request, within_ms=within_ms)
        request = self._digest.authorise(request)
        for _ in range(MAX_CHALLENGES):
            response = await self._core.send(request, within_ms=within_ms)
            if response.status not in (401, 407):
                return response
            again = self._digest.answer(request, response)
            if again is None:
                return response
            request = counted_up(again)
        return await self._core.send(request, within_ms=within_ms)


def counted_up(request: SipRequest) -> SipRequest:
    """Return a request with the next CSeq: it is sent once more, as a new one (22.2)."""
    value = CSeq(cseq(request).number + 1, request.method)
    return request.with_headers(request.headers.replaced("CSeq", str(value)))
