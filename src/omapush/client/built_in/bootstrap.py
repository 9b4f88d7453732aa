"""Provisioning documents that are pushed: who may configure this client (WAP-184).

The client does not configure itself. A handler does, which the program that embeds the client
gives; it is offered only what may bootstrap a device at all, together with what is known of its
origin. Without a handler the content type is not taken.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from omapush.cai.model import Answer, PushEvent, Reject, RejectReason
from omapush.content.provisioning.bootstrap_security import (
    Verification,
    may_bootstrap,
    security_parameters,
    verify,
)
from omapush.content.provisioning.documents import read_wbxml
from omapush.content.provisioning.model import ProvisioningDocument

MAX_PIN_ATTEMPTS = 3
"""How often the user may mistype a PIN."""


class ProvisioningOffer:
    """A document that somebody wants this client to be configured by.

    :ivar document: what it says; use it only when :attr:`verification` is ``AUTHENTIC``, or
        ``NOT_SECURED`` where the bearer protects.
    :ivar verification: what is known; ``PIN_WANTED`` until :meth:`try_pin` has changed it.
    :ivar method: what the shared secret is, ``None`` for a document that is not secured.
    :ivar source: the address that it came from.
    """

    def __init__(self, event: PushEvent, network_secret: bytes | None) -> None:
        self._parameters = security_parameters(event.content_type)
        self._octets = event.content
        self._network_secret = network_secret
        self._attempts = 0
        self.document: ProvisioningDocument = read_wbxml(event.content)
        self.verification = verify(self._parameters, self._octets, network_secret=network_secret)
        self.method = self._parameters.method
        self.source = event.source

    def try_pin(self, pin: str) -> Verification:
        """Verify with what the user typed, three times at most; then it stays a mismatch."""
        if self.verification is not Verification.PIN_WANTED:
            return self.verification
        self._attempts += 1
        found = verify(self._parameters, self._octets, pin=pin, network_secret=self._network_secret)
        if found is not Verification.MISMATCH or self._attempts >= MAX_PIN_ATTEMPTS:
            self.verification = found
        return found


ProvisioningHandler = Callable[[ProvisioningOffer], Awaitable[Answer | None]]
"""Returns as the handler of an application does: nothing means taken."""


class Bootstrap:
    """Judges documents before ``handler`` sees them.

    :param network_secret: what the network shares with this device, if it is known: see
        :func:`~omapush.content.provisioning.bootstrap_security.gsm_network_secret`.
    :param bearer_protects: nobody but the operator can send to this client; then documents without
        any method are offered too.
    """

    def __init__(
        self,
        handler: ProvisioningHandler,
        *,
        network_secret: bytes | None = None,
        bearer_protects: bool = False,
    ) -> None:
        self._handler = handler
        self._network_secret = network_secret
        self._bearer_protects = bearer_protects

    async def receive(self, event: PushEvent) -> Answer | None:
        """Take a document that was pushed; return what its gateway is told.

        :raises DecodeError: it is malformed, or names a method that does not exist.
        """
        offer = ProvisioningOffer(event, self._network_secret)
        if not may_bootstrap(offer.method, bearer_protects=self._bearer_protects):
            return Reject(RejectReason.REFUSED, "the document is not secured")
        if offer.verification in (Verification.MISMATCH, Verification.NETWORK_KEY_WANTED):
            return Reject(RejectReason.REFUSED, f"bootstrap: {offer.verification.value}")
        if not offer.document.usable:
            return Reject(RejectReason.REFUSED, "the version of the document is not known")
        return await self._handler(offer)
