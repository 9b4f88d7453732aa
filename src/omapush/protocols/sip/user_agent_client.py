"""The client side of an endpoint: own requests, their ways and their ends (RFC 3261 8.1, 13.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from omapush.core.errors import OmapushError
from omapush.core.instants import Instant
from omapush.protocols.sip.ack_and_cancel import cancel_of
from omapush.protocols.sip.client_transactions import (
    MAGIC_COOKIE,
    ClientTransaction,
    InviteClient,
    InviteKey,
    NonInviteClient,
)
from omapush.protocols.sip.dialog import Dialog
from omapush.protocols.sip.header_fields import call_id, cseq, from_tag, to_tag, top_via
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.message import SipRequest, SipResponse
from omapush.protocols.sip.outgoing import Outgoing
from omapush.protocols.sip.primitives import (
    EndpointSettings,
    ResponseInd,
    SendMessage,
    TransactionFailedInd,
)
from omapush.protocols.sip.writing import encode_message


class UserAgentClient:
    """Own requests; arguments as of ``SipEndpoint``."""

    def __init__(
        self,
        local: Callable[[Hop], str],
        settings: EndpointSettings,
        new_token: Callable[[], str],
        outgoing: Outgoing,
    ) -> None:
        self._local = local
        self._settings = settings
        self._new_token = new_token
        self._outgoing = outgoing
        self._transactions: dict[str, ClientTransaction] = {}
        self._invites: dict[InviteKey, InviteClient] = {}
        self._by_hop: dict[Hop, dict[str, ClientTransaction]] = {}

    @property
    def is_idle(self) -> bool:
        """Whether nothing is open or remembered."""
        return not (self._transactions or self._invites or self._by_hop)

    # -- for the user --

    def send(self, request: SipRequest, hop: Hop, now: Instant, *, is_quiet: bool = False) -> str:
        """Begin a transaction and return its key; nobody is told of the end of a quiet one."""
        branch = MAGIC_COOKIE + self._new_token()
        key = f"{branch} {request.method}"
        prepared, octets, way = self._prepare(request, hop, branch)
        if len(self._transactions) >= self._settings.maximum_client_transactions:
            if not is_quiet:
                self._tell_failed(key, "too many requests are under way", timed_out=False)
            return key
        transaction = self._new(key, prepared, way)
        transaction.is_quiet = is_quiet
        if way.transport is not hop.transport:
            transaction.original = (request, hop)
        self._start(transaction, prepared, octets, way, now)
        return key

    def acknowledge(self, ack: SipRequest, hop: Hop) -> None:
        """Send the ACK of a 2xx, and keep it for repetitions of that."""
        octets, way = self._encode(ack, hop, MAGIC_COOKIE + self._new_token())
        self.transmit(octets, way)
        invite = self._invites.get(_invite_key(ack))
        tag = to_tag(ack) or ""
        if invite is not None and tag == invite.wanted_tag:
            invite.acks[tag] = (octets, way)

    def cancel_request(self, key: str, now: Instant) -> None:
        """End a transaction before its final response."""
        transaction = self._transactions.get(key)
        if isinstance(transaction, InviteClient):
            transaction.cancel(now)
            self.settle(transaction)
        elif transaction is not None and transaction.is_unanswered:
            transaction.fail()
            self.settle(transaction)

    def unreachable(self, hop: Hop, reason: str, now: Instant, *, after_sending: bool) -> None:
        """Nothing gets to ``hop``: fail what is under way to it, or try UDP after all."""
        for transaction in list(self._by_hop.get(hop, {}).values()):
            if transaction.original is not None and not after_sending:
                self._send_by_datagram(transaction, now)
                continue
            transaction.fail()
            if not transaction.is_quiet:
                self._tell_failed(transaction.key, reason, timed_out=after_sending)
            self.settle(transaction)

    def size(self, request: SipRequest, hop: Hop) -> int:
        """Return the octets of ``request`` as it leaves for ``hop``.

        What is too long for UDP goes by TCP, where it is a little shorter, but may come back to UDP
        if there is no TCP: the longer of the two counts.
        """
        prepared = self._with_via(request, hop, MAGIC_COOKIE + self._new_token())
        return len(encode_message(prepared))

    # -- for the endpoint --

    def receive(self, response: SipResponse, now: Instant) -> None:
        """Take a response; what belongs to no transaction is dropped (18.1.2).

        :raises BadSipMessage: it cannot be read.
        """
        key = f"{top_via(response).branch} {cseq(response).method}"
        transaction = self._transactions.get(key)
        # 8.1.3.3: with a second Via it is on its way to somebody else.
        if transaction is None or len(response.headers.listed("Via")) != 1:
            return
        if isinstance(transaction, InviteClient):
            to_tag(response)  # before anything is done, it must be certain that it can be read
        transaction.receive(response, now)
        self.settle(transaction)

    def settle(self, transaction: ClientTransaction) -> None:
        """Do what follows a change of a transaction: wait for it, or forget it."""
        if transaction.is_over:
            self._transactions.pop(transaction.key, None)
            if isinstance(transaction, InviteClient) and transaction.invite_key is not None:
                self._invites.pop(transaction.invite_key, None)
        if not transaction.is_unanswered:
            self._leave_hop(transaction)
        self._outgoing.queue.schedule(transaction)

    # -- what transactions ask for --

    def transmit(self, octets: bytes, hop: Hop) -> None:
        """Send a message."""
        self._outgoing.send(SendMessage(octets, hop))

    def answered(self, transaction: ClientTransaction, response: SipResponse, now: Instant) -> None:
        """The first final response is there."""
        if isinstance(transaction, InviteClient) and response.is_success:
            if transaction.is_cancelled:
                # The 2xx was faster than the CANCEL (9.1): nobody waits for it any more.
                self._tell_failed(transaction.key, "it was cancelled", timed_out=True)
                self.succeeded_again(transaction, response, now)
                return
            transaction.wanted_tag = to_tag(response) or ""
        if not transaction.is_quiet:
            self._outgoing.tell(ResponseInd(transaction.key, response))

    def succeeded_again(
        self, transaction: InviteClient, response: SipResponse, now: Instant
    ) -> None:
        """Acknowledge a repeated 2xx again; end the dialog of one that nobody wants (13.2.2.4)."""
        tag = to_tag(response) or ""
        if tag in transaction.acks:
            self.transmit(*transaction.acks[tag])
        elif tag != transaction.wanted_tag:
            self._end_dialog(transaction, response, now)

    def timed_out(self, transaction: ClientTransaction) -> None:
        """No final response came."""
        if not transaction.is_quiet:
            self._tell_failed(transaction.key, "nobody answered in time", timed_out=True)

    def cancel(self, invite: InviteClient, now: Instant) -> None:
        """Send the CANCEL of an INVITE, which has its Via and goes where it went (9.1)."""
        if invite.request is None:
            return
        cancel = cancel_of(invite.request)
        key = f"{invite.key.partition(' ')[0]} CANCEL"
        transaction = self._new(key, cancel, invite.hop)
        transaction.is_quiet = True
        self._start(transaction, cancel, encode_message(cancel), invite.hop, now)

    # -- inside --

    def _new(self, key: str, request: SipRequest, hop: Hop) -> ClientTransaction:
        timers = self._settings.timers
        if request.method != "INVITE":
            return NonInviteClient(key, hop, timers, self)
        invite = InviteClient(key, hop, timers, self)
        invite.invite_key = _invite_key(request)
        self._invites[invite.invite_key] = invite
        return invite

    def _start(
        self,
        transaction: ClientTransaction,
        request: SipRequest,
        octets: bytes,
        hop: Hop,
        now: Instant,
    ) -> None:
        self._transactions[transaction.key] = transaction
        self._by_hop.setdefault(hop, {})[transaction.key] = transaction
        transaction.start(request, octets, hop, now)
        self._outgoing.queue.schedule(transaction)

    def _send_by_datagram(self, transaction: ClientTransaction, now: Instant) -> None:
        """TCP was refused: the long request goes by UDP (18.1.1)."""
        if transaction.original is None:
            return
        request, hop = transaction.original
        transaction.original = None
        self._leave_hop(transaction)
        prepared = self._with_via(request, hop, transaction.key.partition(" ")[0])
        self._start(transaction, prepared, encode_message(prepared), hop, now)

    def _prepare(self, request: SipRequest, hop: Hop, branch: str) -> tuple[SipRequest, bytes, Hop]:
        """Return the request as it is sent, its octets, and by which way they go."""
        prepared = self._with_via(request, hop, branch)
        octets = encode_message(prepared)
        if hop.transport is Transport.UDP and len(octets) > self._settings.datagram_limit:
            hop = replace(hop, transport=Transport.TCP)
            prepared = self._with_via(request, hop, branch)
            octets = encode_message(prepared)
        return prepared, octets, hop

    def _encode(self, request: SipRequest, hop: Hop, branch: str) -> tuple[bytes, Hop]:
        _, octets, way = self._prepare(request, hop, branch)
        return octets, way

    def _with_via(self, request: SipRequest, hop: Hop, branch: str) -> SipRequest:
        port = ";rport" if hop.transport is Transport.UDP else ""  # RFC 3581 3
        via = f"SIP/2.0/{hop.transport.value} {self._local(hop)};branch={branch}{port}"
        headers = request.headers
        if headers.first("Max-Forwards") is None:
            headers = headers.before("Max-Forwards", str(self._settings.max_forwards))
        return request.with_headers(headers.before("Via", via))

    def _leave_hop(self, transaction: ClientTransaction) -> None:
        there = self._by_hop.get(transaction.hop)
        if there is not None and there.pop(transaction.key, None) is not None and not there:
            del self._by_hop[transaction.hop]

    def _end_dialog(self, transaction: InviteClient, response: SipResponse, now: Instant) -> None:
        ended = len(transaction.acks.keys() - {transaction.wanted_tag})
        if transaction.request is None or ended >= self._settings.maximum_forks:
            return
        try:
            dialog = Dialog.of_response(transaction.request, response)
            ack = dialog.acknowledge(transaction.request)
            branch = MAGIC_COOKIE + self._new_token()
            acknowledgement = self._encode(ack, transaction.hop, branch)
            transaction.acks[dialog.remote_tag or ""] = acknowledgement
            self.transmit(*acknowledgement)
            self.send(dialog.request("BYE"), transaction.hop, now, is_quiet=True)
        except OmapushError:
            return  # what cannot be read cannot be ended; its sender gives up after 64*T1

    def _tell_failed(self, key: str, reason: str, *, timed_out: bool) -> None:
        self._outgoing.tell(TransactionFailedInd(key, reason, timed_out))


def _invite_key(request: SipRequest) -> InviteKey:
    return call_id(request), cseq(request).number, from_tag(request) or ""
