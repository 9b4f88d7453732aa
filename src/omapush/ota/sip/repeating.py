"""A request that is sent again because its answer asks for that: with credentials, or elsewhere.

Each time it is a new request, with the next CSeq and the same Call-ID (RFC 3261 8.1.3.4, 22.2).
Whoever sends it, gateway or client, sends :attr:`Repeated.request` as long as the answer to it
says so::

    repeated = Repeated(request, authenticator)
    response = await core.send(repeated.request)
    while repeated.is_challenged_by(response):
        response = await core.send(repeated.request)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from omapush.core.errors import OmapushError
from omapush.protocols.sip.header_fields import CSeq, cseq
from omapush.protocols.sip.message import SipRequest, SipResponse

CHALLENGES = frozenset((401, 407))
MAX_REPETITIONS = 4
"""So often one is sent again: for several proxies, with stale nonces, or to other addresses."""


class Authenticator(Protocol):
    """Proves who the sender is: ``protocols.sip.digest.DigestClient``."""

    def authorise(self, request: SipRequest) -> SipRequest:
        """Return the request with credentials for what is known to ask for them."""

    def answer(self, request: SipRequest, response: SipResponse) -> SipRequest | None:
        """Return the request with credentials for these challenges; ``None``: there are none.

        :raises OmapushError: a challenge that makes no sense, or is not authentic.
        """


class Repeated:
    """A request and what became of it.

    :ivar request: as it is to be sent now, or was sent last.
    :param authenticator: ``None``: challenges are final.
    """

    def __init__(self, request: SipRequest, authenticator: Authenticator | None) -> None:
        self._authenticator = authenticator
        self._left = MAX_REPETITIONS
        self._tried = {request.uri}
        self.request = self._authorised(request)

    def is_challenged_by(self, response: SipResponse) -> bool:
        """Take credentials into the request if the answer asks for some that can be given.

        :raises BadSipMessage: the request has no CSeq.
        """
        if response.status not in CHALLENGES or self._authenticator is None or not self._left:
            return False
        try:
            proved = self._authenticator.answer(self.request, response)
        except OmapushError:
            return False
        if proved is None:
            return False
        self._go_on(proved)
        return True

    def is_for(self, uri: str) -> bool:
        """Have it go to another address; return whether it may: not where it has been already.

        :raises BadSipMessage: the request has no CSeq.
        """
        if uri in self._tried or not self._left:
            return False
        self._tried.add(uri)
        # Credentials are for the address that they were made for (RFC 7616 3.4.3).
        headers = self.request.headers.without("Authorization", "Proxy-Authorization")
        self._go_on(self._authorised(replace(self.request, uri=uri, headers=headers)))
        return True

    def _authorised(self, request: SipRequest) -> SipRequest:
        return request if self._authenticator is None else self._authenticator.authorise(request)

    def _go_on(self, request: SipRequest) -> None:
        self._left -= 1
        self.request = counted_up(request)


def counted_up(request: SipRequest) -> SipRequest:
    """Return a request with the next CSeq. :raises BadSipMessage: it has none."""
    before = cseq(request)
    value = CSeq(before.number + 1, before.method)
    return request.with_headers(request.headers.replaced("CSeq", str(value)))
