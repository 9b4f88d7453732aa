"""A SIP user agent's transport and transaction layers (RFC 3261 17 and 18), without input and
output: requests, messages and ``now`` in, effects and indications out.

Whoever uses it calls ``receive``, ``handle_timer`` and the rest, and after each of these calls
carries out :meth:`SipEndpoint.effects` and reads :meth:`SipEndpoint.indications`.
"""

from __future__ import annotations

from collections.abc import Callable

from omapush.core.instants import Instant
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.client_transactions import ClientTransaction
from omapush.protocols.sip.hop import Hop
from omapush.protocols.sip.message import SipRequest, SipResponse
from omapush.protocols.sip.outgoing import Outgoing
from omapush.protocols.sip.parsing import parse_message
from omapush.protocols.sip.primitives import EndpointSettings, Indication, SendMessage
from omapush.protocols.sip.user_agent_client import UserAgentClient
from omapush.protocols.sip.user_agent_server import UserAgentServer


class SipEndpoint:
    """One user agent, client and server at once.

    :param local: returns ``host:port`` of this end for a Via header, for a message to that hop.
    :param new_token: returns a new random text of token characters, at least 64 bits worth.
    """

    def __init__(
        self,
        local: Callable[[Hop], str],
        settings: EndpointSettings,
        new_token: Callable[[], str],
    ) -> None:
        self._outgoing = Outgoing()
        self._client = UserAgentClient(local, settings, new_token, self._outgoing)
        self._server = UserAgentServer(settings, new_token, self._outgoing)

    # -- as client --

    def send(self, request: SipRequest, hop: Hop, now: Instant) -> str:
        """Send a request other than ACK and CANCEL, and return the key of its transaction.

        Via (with branch and rport), Max-Forwards if it is missing and Content-Length are added. It
        goes by TCP instead of UDP if it is longer than the settings allow, and by UDP after all if
        TCP is unreachable. Exactly one of :class:`ResponseInd` and :class:`TransactionFailedInd`
        follows, maybe at once.

        :raises EncodeError: the request cannot be written.
        :raises BadSipMessage: it lacks what each request has.
        """
        return self._client.send(request, hop, now)

    def acknowledge(self, ack: SipRequest, hop: Hop, now: Instant) -> None:
        """Send the ACK of a 2xx; it is sent again for each repetition of that 2xx.

        :raises EncodeError: it cannot be written.
        :raises BadSipMessage: it lacks what each request has.
        """
        self._client.acknowledge(ack, hop)

    def cancel(self, key: str, now: Instant) -> None:
        """End an own request before its final response; nothing happens if it has ended.

        An INVITE is cancelled, as soon as a provisional response allows it (9.1), and ends with
        :class:`ResponseInd` (487, as a rule) or :class:`TransactionFailedInd`. A 2xx that was
        faster is acknowledged and its dialog ended by BYE, and the transaction has failed for the
        user. Other requests cannot be cancelled: they are only repeated no longer, and no
        indication follows.
        """
        self._client.cancel_request(key, now)

    def unreachable(
        self, hop: Hop, reason: str, now: Instant, *, after_sending: bool = False
    ) -> None:
        """Take note that sending to ``hop`` failed: requests under way to it fail.

        :param hop: equal to that of :class:`SendMessage`.
        :param after_sending: the messages had left, then the connection broke: they may have
            arrived, so that nothing is tried by UDP.
        """
        self._client.unreachable(hop, reason, now, after_sending=after_sending)

    def size(self, request: SipRequest, hop: Hop) -> int:
        """Return the octets that ``request`` would have as it leaves.

        :raises EncodeError: it cannot be written.
        """
        return self._client.size(request, hop)

    # -- as server --

    def respond(self, key: str, response: SipResponse, now: Instant, *, once: bool = False) -> None:
        """Answer the request of :class:`RequestInd`; nothing happens after its final response.

        Via, From, To, Call-ID and CSeq are copied from the request where they are missing, with a
        tag in To unless it has one, and Record-Route into what makes a dialog. A 2xx to INVITE is
        repeated until its ACK comes.

        :param once: the request is forgotten with its final response, which is sent once for each
            time that the request comes: so a stranger is refused, who may have written somebody
            else's address there, and wants him to get what is repeated (26.3.2.4).

        :raises EncodeError: the response cannot be written.
        :raises BadSipMessage: its own To cannot be read.
        """
        self._server.respond(key, response, now, once=once)

    # -- from below --

    def receive(self, octets: bytes, source: Hop, now: Instant) -> None:
        """Take one whole message: a datagram, or what the framing of a stream has cut out.

        Nothing is raised for it: what is no message is refused or dropped.

        :param source: where it came from; with TCP and TLS with its connection.
        """
        try:
            message = parse_message(octets)
            if isinstance(message, SipRequest):
                self._receive_request(message, len(octets), source, now)
            else:
                self._client.receive(message, now)
        except BadSipMessage as error:
            self._server.refuse(error, source)

    def _receive_request(self, request: SipRequest, octets: int, source: Hop, now: Instant) -> None:
        try:
            self._server.receive(request, octets, source, now)
        except BadSipMessage as error:
            error.readable = request
            raise

    # -- time --

    def next_timer(self) -> Instant | None:
        """Return when :meth:`handle_timer` is to be called, ``None`` for never."""
        return self._outgoing.queue.next_due()

    def handle_timer(self, now: Instant) -> None:
        """Do what is due."""
        while (transaction := self._outgoing.queue.take_due(now)) is not None:
            transaction.wake(now)
            if isinstance(transaction, ClientTransaction):
                self._client.settle(transaction)
            else:
                self._server.settle(transaction)

    # -- what follows --

    def effects(self) -> list[SendMessage]:
        """Return and forget the messages to be sent, in order."""
        return self._outgoing.effects()

    def indications(self) -> list[Indication]:
        """Return and forget what the user is to be told, in order."""
        return self._outgoing.indications()

    @property
    def is_idle(self) -> bool:
        """Whether no transaction is open or remembered."""
        return self._client.is_idle and self._server.is_idle
