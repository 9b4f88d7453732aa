"""The port to the SIP/IP core: requests go there, and come from there, with their final answers.

Transactions, their timers and repetitions are the business of whoever implements the port
(``bearers.sip_core``), and so are UDP, TCP and TLS and the choice among them (RFC 3261 17 and 18).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from omapush.core.peer_certificate import PeerCertificate
from omapush.ota.interface import BearerUnavailable
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.message import SipRequest, SipResponse


class NoFinalAnswer(BearerUnavailable):
    """Nobody answered within the time that SIP allows: timer B or F (RFC 3261 17.1).

    The request may have arrived.
    """


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from.

    :ivar hop: the element that sent it; answers go back there.
    :ivar is_trusted: it is an element of the core: by its address, or by its verified certificate.
    :ivar certificate: what its verified certificate says, with TLS.
    """

    hop: Hop
    is_trusted: bool
    certificate: PeerCertificate | None = None


class Answer(Protocol):
    """Answers one request that came; each call after the final answer does nothing."""

    def __call__(self, response: SipResponse) -> None:
        """Send ``response``.

        Via, From, To, Call-ID and CSeq are copied from the request if they are not there, with a
        tag in To unless it has one; Record-Route is copied into what makes a dialog.
        """


class SipServer(Protocol):
    """Serves the requests that come; calls must not block and must not raise."""

    def arrived(self, request: SipRequest, origin: Origin, answer: Answer) -> None:
        """A request came that is no repetition; every one but ACK and CANCEL."""

    def acknowledged(self, ack: SipRequest) -> None:
        """The ACK of a 2xx to an INVITE came. It is recognised by Call-ID and To tag."""

    def unacknowledged(self, invite: SipRequest, response: SipResponse) -> None:
        """No ACK came for the 2xx, repeated as long as SIP says (RFC 3261 13.3.1.4)."""

    def cancelled(self, invite: SipRequest) -> None:
        """The INVITE was cancelled before its final answer; it has been answered with 487."""


class FlowListener(Protocol):
    """Hears how a connection that was kept fares (RFC 5626)."""

    def lost(self, reason: str) -> None:
        """It has ended, or its keep-alive was not answered."""


class SipCore(Protocol):
    """Carries requests to a SIP/IP core. Implemented by ``bearers.sip_core``.

    ``hop`` is where a request goes; ``None``: the core's own address, from the settings. Requests
    longer than 1,300 octets go by TCP instead of UDP, and back only if TCP is refused (RFC 3261
    18.1.1). Via, Content-Length and, if it is missing, Max-Forwards are written by the core's
    implementation.

    Repeated 2xx to an INVITE are acknowledged again, and 2xx of other branches are acknowledged and
    ended by BYE (13.2.2.4), without anybody here being told.
    """

    def contact(self, transport: Transport | None = None) -> str:
        """Return ``host:port`` where this end receives; by default with the core's own transport.

        For a Contact header; the address that the connection has, once there is one.
        """

    async def send(
        self, request: SipRequest, hop: Hop | None = None, within_ms: int | None = None
    ) -> SipResponse:
        """Send a request other than INVITE and ACK, and return the final response.

        :param within_ms: patience; ``None``: as long as the transaction lives (32 s).
        :raises NoFinalAnswer: none came in time.
        :raises BearerUnavailable: the request could not be sent: nothing was.
        """

    async def invite(
        self, request: SipRequest, hop: Hop | None = None, within_ms: int | None = None
    ) -> SipResponse:
        """Send an INVITE and return the final response; after a 2xx ``acknowledge`` must be called.

        What is not answered in time is cancelled, and so it is when the caller is.

        :raises NoFinalAnswer: none came in time. :raises BearerUnavailable: nothing was sent.
        """

    def acknowledge(self, ack: SipRequest, hop: Hop | None = None) -> None:
        """Send the ACK of a 2xx, and again for each repetition of that 2xx."""

    async def open_flow(self, listener: FlowListener) -> None:
        """Open the connection to the core, if it is by TCP or TLS, and keep it alive (RFC 5626
        4.4.1).

        With UDP nothing is opened. :raises BearerUnavailable: it cannot be reached.
        """

    def request_size(self, request: SipRequest) -> int:
        """Return the octets that ``request`` would have as it leaves, with the Via of this end."""
