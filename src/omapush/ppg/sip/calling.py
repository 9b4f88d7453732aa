"""Requests of the gateway to the core: with the credentials that it asks for, and where it says.

Redirections are followed within the own domain only (OTA-SIP 9): elsewhere nobody knows who is
behind an address.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from omapush.ota.interface import BearerUnavailable
from omapush.ota.sip.core import SipCore
from omapush.ota.sip.repeating import Repeated
from omapush.ppg.sip.address_of_record import domain_of
from omapush.ppg.sip.metrics import SipMetrics
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.digest import DigestClient
from omapush.protocols.sip.header_fields import contacts
from omapush.protocols.sip.message import SipRequest, SipResponse
from omapush.protocols.sip.uri import SipUri


@dataclass(frozen=True, slots=True)
class Answered:
    """A request with its final answer.

    :ivar request: as it was sent last, with the credentials that were asked for.
    """

    request: SipRequest
    response: SipResponse


class Caller:
    """Sends requests through ``core``.

    :ivar trouble: why the last request was not answered; empty: it was.
    :param digest: proves to the core who the gateway is; ``None``: it has no account there.
    :param domains: in lower case; redirections lead to users of these.
    """

    def __init__(
        self,
        core: SipCore,
        metrics: SipMetrics,
        digest: DigestClient | None = None,
        domains: frozenset[str] = frozenset(),
    ) -> None:
        self.core = core
        self.trouble = ""
        self._metrics = metrics
        self._digest = digest
        self._domains = domains

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
        repeated = Repeated(request, self._digest)
        while True:
            response = await self._counted(repeated.request, carry)
            if not (repeated.is_challenged_by(response) or self._is_redirected(repeated, response)):
                return Answered(repeated.request, response)

    def _is_redirected(self, repeated: Repeated, response: SipResponse) -> bool:
        if not 300 <= response.status < 400:
            return False
        try:
            offered = [contact.uri for contact in contacts(response)]
        except BadSipMessage:
            return False
        return any(self._leads_to_our_own(uri) and repeated.is_for(uri) for uri in offered)

    def _leads_to_our_own(self, uri: str) -> bool:
        try:
            read = SipUri.parse(uri)
        except BadSipMessage:
            return False
        # A user of ours by name, and by the address that is written beside it another place.
        leads_away = read.parameters.has("maddr") or read.headers
        return domain_of(uri) in self._domains and not leads_away

    async def _counted(
        self, request: SipRequest, carry: Callable[[SipRequest], Awaitable[SipResponse]]
    ) -> SipResponse:
        try:
            response = await carry(request)
        except BearerUnavailable as error:
            self._metrics.answered(request.method, 0)
            self.trouble = error.reason
            raise
        self.trouble = ""
        self._metrics.answered(request.method, response.status)
        return response
