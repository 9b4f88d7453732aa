"""Requests to the core, and the challenges with which it may answer (RFC 3261 22)."""

from __future__ import annotations

from omapush.ota.sip.core import SipCore
from omapush.ota.sip.repeating import Repeated
from omapush.protocols.sip.digest import DigestClient
from omapush.protocols.sip.message import SipRequest, SipResponse


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
        repeated = Repeated(request, self._digest)
        response = await self._core.send(repeated.request, within_ms=within_ms)
        while repeated.is_challenged_by(response):
            response = await self._core.send(repeated.request, within_ms=within_ms)
        return response
