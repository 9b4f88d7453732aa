"""Requests of the gateway to the core: with the credentials that it asks for, and where it says.

Redirections are followed within the own domain only (OTA-SIP 9): elsewhere nobody knows who is
behind an address.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from omapush.ota.interface import BearerUnavailable
from omapush.ota.sip.core import SipCore
from omapush.ppg.sip.address_of_record import domain_of
from omapush.ppg.sip.metrics import SipMetrics
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.digest import DigestClient
from omapush.protocols.sip.header_fields import CSeq, contacts, cseq
from omapush.protocols.sip.message import SipRequest, SipResponse
from omapush.protocols.sip.uri import SipUri

MAX_REPETITIONS = 4
"""So often a request is sent again: with credentials for several proxies, or to another address."""

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
        if self._digest is not None:
            request = self._digest.authorise(request)
        tried = {request.uri}
        for _ in range(MAX_REPETITIONS):
            response = await self._counted(request, carry)
            again = self._instead(request, response, tried)
            if again is None:
                return Answered(request, response)
            tried.add(again.uri)
            # It is a new request (RFC 3261 8.1.3.4, 22.2).
            before = cseq(request)
            number = CSeq(before.number + 1, before.method)
            request = again.with_headers(again.headers.replaced("CSeq", str(number)))
        return Answered(request, await self._counted(request, carry))

    def _instead(
        self, request: SipRequest, response: SipResponse, tried: set[str]
    ) -> SipRequest | None:
        """Return the request to be sent instead; ``None``: the answer stands."""
        if response.status in _CHALLENGES and self._digest is not None:
            return self._digest.answer(request, response)
        if 300 <= response.status < 400:
            return self._redirected(request, response, tried)
        return None

    def _redirected(
        self, request: SipRequest, response: SipResponse, tried: set[str]
    ) -> SipRequest | None:
        try:
            offered = [contact.uri for contact in contacts(response)]
        except BadSipMessage:
            return None
        for uri in offered:
            if uri not in tried and self._leads_to_our_own(uri):
                return replace(request, uri=uri)
        return None

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
