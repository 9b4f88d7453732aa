"""The server side of an endpoint: requests that come, and answers (RFC 3261 8.2, 9.2, 18.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from omapush.core.errors import EncodeError
from omapush.core.instants import Instant
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.client_transactions import MAGIC_COOKIE
from omapush.protocols.sip.header_fields import (
    Via,
    call_id,
    cseq,
    from_tag,
    to_tag,
    top_via,
)
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.listing import split_list
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse
from omapush.protocols.sip.outgoing import Outgoing
from omapush.protocols.sip.primitives import (
    AckInd,
    CancelledInd,
    EndpointSettings,
    RequestInd,
    SendMessage,
    UnacknowledgedInd,
)
from omapush.protocols.sip.remembered_answers import RememberedAnswers
from omapush.protocols.sip.responses import completed_response, plain_response
from omapush.protocols.sip.server_transactions import (
    InviteServer,
    NonInviteServer,
    ReturnPath,
    ServerTransaction,
)
from omapush.protocols.sip.writing import encode_message

_MAXIMUM_REASON = 80


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A request that can be answered.

    :ivar request: with its source in the topmost Via.
    """

    request: SipRequest
    via: Via
    path: ReturnPath
    source: Hop

    def key(self, method: str) -> str:
        """Return the key of the transaction that a ``method`` like this is of (17.2.3)."""
        via, request = self.via, self.request
        sent_by = f"{via.host.lower()}:{via.port or ''}"
        branch = via.branch or ""
        if branch.startswith(MAGIC_COOKIE):
            return f"{branch} {sent_by} {method}"
        # Software older than RFC 3261: what all messages of a transaction have in common.
        number = cseq(request).number
        parts = (branch, sent_by, method, request.uri, call_id(request), number, from_tag(request))
        return " ".join(str(part) for part in parts)


class UserAgentServer:
    """Requests that come; arguments as of ``SipEndpoint``."""

    def __init__(
        self, settings: EndpointSettings, new_token: Callable[[], str], outgoing: Outgoing
    ) -> None:
        self._settings = settings
        self._new_token = new_token
        self._outgoing = outgoing
        # 8.2.7: what is answered without a transaction must have the same tag each time.
        self._stateless_tag = new_token()
        self._transactions: dict[str, ServerTransaction] = {}
        self._open_octets = 0
        self._remembered = RememberedAnswers(settings.maximum_remembered, settings.maximum_octets)
        self._unmerged: dict[tuple[str, ...], str] = {}
        self._awaited_acks: dict[tuple[str, ...], InviteServer] = {}

    @property
    def is_idle(self) -> bool:
        """Whether nothing is open or remembered."""
        side_tables = self._remembered, self._unmerged, self._awaited_acks
        return not (self._transactions or any(side_tables) or self._open_octets)

    # -- for the user --

    def respond(self, key: str, response: SipResponse, now: Instant, *, once: bool = False) -> None:
        """Answer the request of a transaction that has had no final response."""
        transaction = self._transactions.get(key)
        if transaction is None or transaction.request is None or not transaction.is_unanswered:
            return
        if not transaction.tag:
            transaction.tag = self._stateless_tag if once else self._new_token()
        response = completed_response(response, transaction.request, transaction.tag)
        octets = encode_message(response)
        if isinstance(transaction, InviteServer) and response.is_success:
            transaction.ack_key = _ack_key(transaction.request, to_tag(response))
            self._awaited_acks[transaction.ack_key] = transaction
        transaction.respond(response, octets, now)
        if once and response.is_final:
            transaction.forget()
        self.settle(transaction)

    # -- for the endpoint --

    def receive(self, request: SipRequest, octets: int, source: Hop, now: Instant) -> None:
        """Take a request of so many octets.

        :raises BadSipMessage: it cannot be read so far as is needed.
        """
        arrival = _arrival(request, source)
        if request.method == "ACK":
            self._acknowledge(arrival, now)
            return
        key = arrival.key(request.method)
        known = self._transactions.get(key)
        if known is not None:
            known.repeated()
        elif request.method == "CANCEL":
            self._cancel(key, arrival, now)
        else:
            self._begin(key, arrival, octets, now)

    def refuse(self, error: BadSipMessage, source: Hop) -> None:
        """Answer what is no good request, as far as it can be answered; nothing answers an ACK."""
        request = error.readable
        if request is None or request.method == "ACK":
            return
        if request.headers.first("Via") is None:
            return  # nobody could tell what the answer is to
        path = ReturnPath(source)
        try:
            arrival = _arrival(request, source)
            request, path = arrival.request, arrival.path
        except BadSipMessage:
            pass  # RFC 4475 3.1.2.1: it is answered, and no other way is known than back
        reason = " ".join(error.reason.split())[:_MAXIMUM_REASON]
        self._answer(request, path, plain_response(error.status, reason=_printable(reason)))

    def settle(self, transaction: ServerTransaction) -> None:
        """Do what follows a change of a transaction: wait for it, or forget it."""
        if transaction.is_over:
            self._forget(transaction)
        elif transaction.is_settled:
            self._close(transaction)
            self._remembered.add(transaction)
            oldest = self._remembered.one_too_many()
            while oldest is not None:
                oldest.forget()
                self._forget(oldest)
                self._outgoing.queue.schedule(oldest)
                oldest = self._remembered.one_too_many()
        self._outgoing.queue.schedule(transaction)

    # -- what transactions ask for --

    def reply(self, octets: bytes, path: ReturnPath) -> None:
        """Send a response."""
        self._outgoing.send(SendMessage(octets, path.hop, path.fallback))

    def unanswered(self, transaction: ServerTransaction, now: Instant) -> None:
        """The user is slow: send 100."""
        self.respond(transaction.key, plain_response(100), now)

    def expired(self, transaction: InviteServer, now: Instant) -> None:
        """The user has forgotten an INVITE."""
        self._end_invite(transaction, now)

    def unacknowledged(self, transaction: InviteServer) -> None:
        """No ACK of a 2xx came."""
        if transaction.request is not None and transaction.response is not None:
            self._outgoing.tell(UnacknowledgedInd(transaction.request, transaction.response))

    # -- inside --

    def _forget(self, transaction: ServerTransaction) -> None:
        self._close(transaction)
        self._transactions.pop(transaction.key, None)
        if transaction.merge_key is not None:
            self._unmerged.pop(transaction.merge_key, None)
        self._remembered.discard(transaction)
        if isinstance(transaction, InviteServer) and transaction.ack_key is not None:
            self._awaited_acks.pop(transaction.ack_key, None)

    def _close(self, transaction: ServerTransaction) -> None:
        """Count it no longer among the open ones."""
        self._open_octets -= transaction.open_octets
        transaction.open_octets = 0

    def _begin(self, key: str, arrival: _Arrival, octets: int, now: Instant) -> None:
        """Take a new request, or refuse it; the refusal is made anew for each repetition."""
        merge_key = _merge_key(arrival.request)
        refusal = self._refusal(arrival.request, octets, merge_key)
        if refusal is not None:
            self._answer(arrival.request, arrival.path, refusal)
            return
        transaction = self._start(key, arrival, now)
        transaction.open_octets = octets
        self._open_octets += octets
        if merge_key is not None:
            transaction.merge_key = merge_key
            self._unmerged[merge_key] = key
        self._outgoing.tell(RequestInd(key, arrival.request, arrival.source))

    def _refusal(
        self, request: SipRequest, octets: int, merge_key: tuple[str, ...] | None
    ) -> SipResponse | None:
        if self._is_full(octets):
            return plain_response(503, ("Retry-After", str(self._settings.retry_after_s)))
        if merge_key in self._unmerged:
            return plain_response(482)  # 8.2.2.2: it came another way already
        wanted = request.headers.listed("Require")
        unknown = [one for one in wanted if one.lower() not in self._settings.supported]
        if unknown:
            return plain_response(420, ("Unsupported", ", ".join(unknown)))
        return None

    def _is_full(self, octets: int) -> bool:
        are_open = len(self._transactions) - len(self._remembered)
        return (
            are_open >= self._settings.maximum_server_transactions
            or self._open_octets + octets > self._settings.maximum_octets
        )

    def _start(self, key: str, arrival: _Arrival, now: Instant) -> ServerTransaction:
        kind = InviteServer if arrival.request.method == "INVITE" else NonInviteServer
        transaction = kind(key, arrival.request, arrival.path, self._settings.timers, self)
        self._transactions[key] = transaction
        transaction.start(now)
        self._outgoing.queue.schedule(transaction)
        return transaction

    def _acknowledge(self, arrival: _Arrival, now: Instant) -> None:
        ack = arrival.request
        transaction = self._awaited_acks.get(_ack_key(ack, to_tag(ack)))
        if transaction is None:
            refused = self._transactions.get(arrival.key("INVITE"))
            transaction = refused if isinstance(refused, InviteServer) else None
        if transaction is None:
            return
        if transaction.acknowledged(now):
            self._outgoing.tell(AckInd(ack))
        self.settle(transaction)

    def _cancel(self, key: str, arrival: _Arrival, now: Instant) -> None:
        # 9.2. It is answered at once, and needs no bound of its own.
        invite = self._transactions.get(arrival.key("INVITE"))
        if not isinstance(invite, InviteServer):
            self._answer(arrival.request, arrival.path, plain_response(481))
            return
        if not invite.tag:
            invite.tag = self._new_token()
        transaction = self._start(key, arrival, now)
        transaction.tag = invite.tag
        self.respond(key, plain_response(200), now)
        if invite.is_unanswered:
            self._end_invite(invite, now)

    def _end_invite(self, invite: InviteServer, now: Instant) -> None:
        if invite.request is not None:
            self._outgoing.tell(CancelledInd(invite.key, invite.request))
            self.respond(invite.key, plain_response(487), now)

    def _answer(self, request: SipRequest, path: ReturnPath, response: SipResponse) -> None:
        """Answer without a transaction (8.2.7)."""
        try:
            response = completed_response(response, request, self._stateless_tag)
            self.reply(encode_message(response), path)
        except EncodeError:
            return  # it is so malformed that its headers cannot be repeated


def _arrival(request: SipRequest, source: Hop) -> _Arrival:
    """Note the source in the topmost Via (18.2.1, RFC 3581 4), and find the way back (18.2.2)."""
    via = top_via(request)
    stamped = via.came_from(source.host, source.port)
    if stamped != via:
        request = request.with_headers(_with_top_via(request.headers, str(stamped)))
    return _Arrival(request, stamped, _return_path(via, source), source)


def _with_top_via(headers: SipHeaders, via: str) -> SipHeaders:
    """Return ``headers`` with another first element of their first Via."""
    fields = headers.fields
    at = next(at for at, (name, _) in enumerate(fields) if name.lower() == "via")
    name, value = fields[at]
    if "," in value:
        via = ", ".join((via, *split_list(value)[1:]))
    return SipHeaders((*fields[:at], (name, via), *fields[at + 1 :]))


def _return_path(via: Via, source: Hop) -> ReturnPath:
    port = via.port or source.transport.default_port
    named = Hop(source.transport, source.host, port)
    if source.transport is not Transport.UDP:
        return ReturnPath(source, named)
    return ReturnPath(source if via.parameters.has("rport") else named)


def _merge_key(request: SipRequest) -> tuple[str, ...] | None:
    """Return what a request has in common with itself on another way (8.2.2.2); within a dialog
    there is none.
    """
    if to_tag(request) is not None:
        return None
    number = str(cseq(request).number)
    return from_tag(request) or "", call_id(request), number, request.method


def _ack_key(request: SipRequest, local_tag: str | None) -> tuple[str, ...]:
    """Return what an INVITE and the ACK of its 2xx have in common (13.3.1.4)."""
    number = str(cseq(request).number)
    return call_id(request), from_tag(request) or "", local_tag or "", number


def _printable(reason: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in reason)
