"""WTP between one address quadruplet, in both roles at once.

:class:`WtpEndpoint` takes datagrams apart, finds or makes the transaction that each PDU is of, and
checks what can be checked without one (WAP-224, 9.5: the pre-checks before any table).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

from omapush.core.errors import DecodeError, EncodeError
from omapush.core.instants import Instant
from omapush.protocols.wtp.codes import (
    MAX_TRANSACTION_ID,
    RESPONDER_BIT,
    AbortReason,
    AbortType,
    OptionIdentity,
    PduType,
    TransactionClass,
)
from omapush.protocols.wtp.concatenation import MAX_PDUS, Part, join, joined_size, split
from omapush.protocols.wtp.events import Cause, Event
from omapush.protocols.wtp.initiator import Initiator
from omapush.protocols.wtp.pdu import (
    Abort,
    Ack,
    Invoke,
    NegativeAck,
    Pdu,
    Result,
    SegmentedInvoke,
    SegmentedResult,
    VersionError,
    decode,
    encode,
    peek_header,
)
from omapush.protocols.wtp.primitives import (
    DatagramDropped,
    Handle,
    Indication,
    Request,
    SendDatagram,
    TrAbortInd,
    TrAbortReq,
    TrInvokeInd,
    TrInvokeReq,
    TrInvokeRes,
    TrResultReq,
    TrResultRes,
)
from omapush.protocols.wtp.responder import Responder
from omapush.protocols.wtp.settings import WtpSettings
from omapush.protocols.wtp.tid import TransactionIdCache
from omapush.protocols.wtp.tpi import find_option

_REQUEST_EVENTS = {
    TrInvokeRes: Event.TR_INVOKE_RES,
    TrResultReq: Event.TR_RESULT_REQ,
    TrResultRes: Event.TR_RESULT_RES,
    TrAbortReq: Event.TR_ABORT_REQ,
}


class WtpEndpoint:
    """Sans-IO machine: requests and datagrams with ``now`` in, effects and indications out.

    :param transaction_ids: what is known of initiators, shared by all endpoints of a process.
    :param peer: the name of this endpoint's peer in that cache.
    :param first_transaction_id: 0 to 0x7FFF; better not the same after every start.
    """

    def __init__(
        self,
        settings: WtpSettings,
        transaction_ids: TransactionIdCache,
        peer: Hashable = None,
        first_transaction_id: int = 0,
    ) -> None:
        self.settings = settings
        self._transaction_ids = transaction_ids
        self._peer = peer
        self._next_id = first_transaction_id & MAX_TRANSACTION_ID
        self._last_id = -1
        self._next_handle = -1
        self._initiators: dict[int, Initiator] = {}
        self._responders: dict[int, Responder] = {}
        self._by_handle: dict[Handle, Initiator | Responder] = {}
        self._verifying: Initiator | None = None
        self._held: deque[TrInvokeReq] = deque()
        self._pdus: list[bytes] = []
        self._indications: list[Indication] = []

    @property
    def is_idle(self) -> bool:
        """Whether there is no transaction, so that the endpoint may be forgotten."""
        return not self._by_handle and not self._held

    @property
    def next_transaction_id(self) -> int:
        """Where another endpoint should begin that takes over from this one."""
        return self._next_id

    # -- the machine's outside --

    def request(self, primitive: Request, now: Instant) -> None:
        """Hand down a primitive; one for a transaction that is over does nothing.

        :raises ValueError: TR-Invoke.req with a handle that is not positive, or in use.
        """
        if isinstance(primitive, TrInvokeReq):
            if primitive.handle <= 0 or self._is_known(primitive.handle):
                raise ValueError(f"handle {primitive.handle} is in use or not positive")
            self._invoke(primitive, now)
            return
        if isinstance(primitive, TrAbortReq):
            self._held = deque(one for one in self._held if one.handle != primitive.handle)
        transaction = self._by_handle.get(primitive.handle)
        if transaction is None:
            return
        if isinstance(primitive, TrResultReq) and isinstance(transaction, Responder):
            try:
                transaction.take_result(primitive)
            except EncodeError:
                self._handle(transaction, Event.TR_RESULT_TOO_LARGE, Cause(now))
                return
        self._handle(transaction, _REQUEST_EVENTS[type(primitive)], Cause(now, None, primitive))

    def receive(self, datagram: bytes, now: Instant) -> None:
        """Take a datagram of the peer, whatever it holds; nothing is raised for it."""
        try:
            parts = split(datagram)
        except DecodeError as error:
            self._drop(error.reason, _offset(error))
            return
        for part in parts:
            self._receive_part(part, now)

    def next_timer(self) -> Instant | None:
        """Return when :meth:`handle_timer` is to be called, ``None`` for never."""
        dues = (one.next_timer() for one in self._by_handle.values())
        return min((due for due in dues if due is not None), default=None)

    def handle_timer(self, now: Instant) -> None:
        """Do what is due."""
        for transaction in list(self._by_handle.values()):
            due = transaction.next_timer()
            if due is not None and due <= now:
                transaction.handle_timer(now)
                self._settle(transaction, now)

    def effects(self) -> list[SendDatagram]:
        """Return and forget the datagrams to be sent, in order."""
        pdus, self._pdus = self._pdus, []
        if not self.settings.concatenate:
            return [SendDatagram(pdu) for pdu in pdus]
        return [SendDatagram(join(group)) for group in self._grouped(pdus)]

    def indications(self) -> list[Indication]:
        """Return and forget what the user is to be told, in order."""
        told, self._indications = self._indications, []
        return told

    # -- what transactions ask for --

    def send(self, pdu: Pdu) -> None:
        """Send a PDU to the peer."""
        self._pdus.append(encode(pdu))

    def tell(self, indication: Indication) -> None:
        """Tell the user."""
        self._indications.append(indication)

    def renumber(self, transaction: Initiator) -> None:
        """Have ``transaction`` go on under a new identifier."""
        self._initiators.pop(transaction.transaction_id, None)
        transaction.transaction_id, transaction.tid_new = self._new_id()
        self._initiators[transaction.transaction_id] = transaction

    def accept_verified(self, transaction_id: int, now: Instant, *, tid_new: bool) -> None:
        """The initiator has affirmed this transaction."""
        self._transaction_ids.verified(self._peer, transaction_id, tid_new=tid_new, now=now)

    # -- as initiator --

    def _invoke(self, primitive: TrInvokeReq, now: Instant) -> None:
        if len(self._initiators) + len(self._held) >= self.settings.maximum_transactions:
            self._give_up(primitive.handle, AbortReason.CAPTEMPEXCEEDED)
        elif self._verifying is not None:
            # WAP-224 7.8.3: nothing else may begin until the peer has accepted the new start.
            self._held.append(primitive)
        else:
            self._begin(primitive, now)

    def _begin(self, primitive: TrInvokeReq, now: Instant) -> None:
        transaction_id, tid_new = self._new_id()
        reliable = primitive.transaction_class != TransactionClass.UNRELIABLE
        try:
            transaction = Initiator(self, primitive, transaction_id, tid_new=tid_new and reliable)
        except EncodeError:
            self._give_up(primitive.handle, AbortReason.MESSAGETOOLARGE)
            return
        transaction.begin(now)
        if reliable:
            self._initiators[transaction_id] = transaction
            self._by_handle[primitive.handle] = transaction
            if tid_new:
                self._verifying = transaction

    def _new_id(self) -> tuple[int, bool]:
        """Return the next identifier, and whether it is lower than the one before."""
        while self._next_id in self._initiators:
            self._next_id = (self._next_id + 1) & MAX_TRANSACTION_ID
        transaction_id, last = self._next_id, self._last_id
        self._last_id = transaction_id
        self._next_id = (transaction_id + 1) & MAX_TRANSACTION_ID
        return transaction_id, transaction_id < last

    def _give_up(self, handle: Handle, reason: AbortReason) -> None:
        self.tell(TrAbortInd(handle, AbortType.PROVIDER, reason))

    # -- what comes in --

    def _receive_part(self, part: Part, now: Instant) -> None:
        try:
            pdu = decode(part.octets)
        except VersionError as error:
            header = peek_header(part.octets)
            if header is not None and not header.transaction_id & RESPONDER_BIT:
                self._refuse(header.transaction_id, AbortReason.WTPVERSIONONE, error.reason)
            return
        except DecodeError as error:
            self._malformed(part, error, now)
            return
        if pdu.transaction_id & RESPONDER_BIT:
            self._receive_from_responder(pdu, now)
        else:
            self._receive_from_initiator(pdu, now)

    def _malformed(self, part: Part, error: DecodeError, now: Instant) -> None:
        header = peek_header(part.octets)
        position = part.offset + _offset(error)
        if header is None:
            self._drop(error.reason, position)
            return
        identity = header.transaction_id
        from_responder = bool(identity & RESPONDER_BIT)
        transaction: Initiator | Responder | None = (
            self._initiators.get(identity & MAX_TRANSACTION_ID)
            if from_responder
            else self._responders.get(identity)
        )
        if transaction is not None:
            self._drop(error.reason, position, AbortReason.PROTOERR)
            self._handle(transaction, Event.RCV_ERROR, Cause(now))
        elif from_responder or header.pdu_type in _NEVER_ANSWERED:
            self._drop(error.reason, position)
        else:
            self._refuse(identity, AbortReason.PROTOERR, error.reason, position)

    def _receive_from_responder(self, pdu: Pdu, now: Instant) -> None:
        transaction = self._initiators.get(pdu.transaction_id & MAX_TRANSACTION_ID)
        match pdu:
            case Result() | SegmentedResult() if transaction is not None:
                if transaction.transaction_class == TransactionClass.RESULT:
                    self._handle(transaction, transaction.collect(pdu), Cause(now, pdu))
            case Ack() | NegativeAck() | Abort() if transaction is not None:
                self._handle(transaction, _PLAIN_EVENTS[type(pdu)], Cause(now, pdu))
            case Ack(verification=True):
                identity = pdu.transaction_id & MAX_TRANSACTION_ID
                self.send(Abort(identity, AbortType.PROVIDER, AbortReason.INVALIDTID))
                self._drop("asked to verify what was not sent", None, AbortReason.INVALIDTID)
            case _:
                self._drop(f"{type(pdu).__name__} of no transaction")

    def _receive_from_initiator(self, pdu: Pdu, now: Instant) -> None:
        transaction = self._responders.get(pdu.transaction_id)
        match pdu:
            case Invoke() if transaction is None:
                self._new_invoke(pdu, now)
            case Invoke() | SegmentedInvoke() if transaction is not None:
                self._handle(transaction, transaction.collect(pdu), Cause(now, pdu))
            case Ack() | NegativeAck() | Abort() if transaction is not None:
                self._handle(transaction, _PLAIN_EVENTS[type(pdu)], Cause(now, pdu))
            case SegmentedInvoke() if self.settings.segmentation and (
                pdu.group_trailer or pdu.transmission_trailer
            ):
                # WAP-224 7.14: packet 0 was lost, without which nothing is known: all once more.
                self.send(NegativeAck(pdu.transaction_id | RESPONDER_BIT))
            case _:
                self._drop(f"{type(pdu).__name__} of no transaction")

    def _new_invoke(self, invoke: Invoke, now: Instant) -> None:
        if invoke.transaction_class == TransactionClass.UNRELIABLE:
            self._unreliable(invoke)
            return
        reason = self._unacceptable(invoke)
        if reason is not None:
            self._refuse(invoke.transaction_id, reason, f"refused: {reason.name}")
            return
        if not self._has_capacity():
            self._drop("no capacity for another transaction")
            return
        valid = self._transaction_ids.accepts(
            self._peer, invoke.transaction_id, tid_new=invoke.tid_new, now=now
        )
        transaction = Responder(self, self._new_handle(), invoke, tid_valid=valid)
        self._responders[invoke.transaction_id] = transaction
        self._by_handle[transaction.handle] = transaction
        self._handle(transaction, transaction.collect(invoke), Cause(now, invoke))

    def _has_capacity(self) -> bool:
        waiting = sum(one.is_waiting for one in self._responders.values())
        return (
            waiting < self.settings.maximum_remembered
            and len(self._responders) - waiting < self.settings.maximum_transactions
        )

    def _unreliable(self, invoke: Invoke) -> None:
        if not invoke.transmission_trailer:
            self._drop("a segmented Invoke of class 0")
        elif len(invoke.data) > self.settings.maximum_message_size:
            self._drop("a message larger than what is taken")
        else:
            self.tell(TrInvokeInd(self._new_handle(), 0, invoke.data, user_acknowledgement=False))

    def _unacceptable(self, invoke: Invoke) -> AbortReason | None:
        settings = self.settings
        is_class_2 = invoke.transaction_class == TransactionClass.RESULT
        if is_class_2 and not settings.class_2_responder:
            return AbortReason.NOTIMPLEMENTEDCL2
        if not invoke.transmission_trailer and not settings.segmentation:
            return AbortReason.NOTIMPLEMENTEDSAR
        announced = find_option(invoke.tpis, OptionIdentity.TOTAL_MESSAGE_SIZE) or 0
        if max(announced, len(invoke.data)) > settings.maximum_message_size:
            return AbortReason.MESSAGETOOLARGE
        return None

    # -- about transactions --

    def _handle(self, transaction: Initiator | Responder, event: Event, cause: Cause) -> None:
        transaction.handle_event(event, cause)
        self._settle(transaction, cause.now)

    def _settle(self, transaction: Initiator | Responder, now: Instant) -> None:
        if transaction.has_ended:
            self._by_handle.pop(transaction.handle, None)
            if isinstance(transaction, Initiator):
                self._initiators.pop(transaction.transaction_id, None)
            else:
                self._responders.pop(transaction.transaction_id & MAX_TRANSACTION_ID, None)
        verifying = self._verifying
        if verifying is not None and (verifying.has_ended or verifying.is_verified):
            self._verifying = None
            while self._held and self._verifying is None:
                self._begin(self._held.popleft(), now)

    def _new_handle(self) -> Handle:
        handle = Handle(self._next_handle)
        self._next_handle -= 1
        return handle

    def _is_known(self, handle: Handle) -> bool:
        return handle in self._by_handle or any(one.handle == handle for one in self._held)

    def _refuse(
        self, transaction_id: int, reason: AbortReason, why: str, position: int | None = None
    ) -> None:
        self.send(Abort(transaction_id | RESPONDER_BIT, AbortType.PROVIDER, reason))
        self._drop(why, position, reason)

    def _drop(
        self, reason: str, position: int | None = None, answered: AbortReason | None = None
    ) -> None:
        self.tell(DatagramDropped(reason, position, answered))

    def _grouped(self, pdus: list[bytes]) -> list[list[bytes]]:
        groups: list[list[bytes]] = []
        for pdu in pdus:
            sizes = [len(one) for one in (*groups[-1], pdu)] if groups else []
            fits = sizes and joined_size(sizes) <= self.settings.datagram_size
            if fits and len(sizes) <= MAX_PDUS:
                groups[-1].append(pdu)
            else:
                groups.append([pdu])
        return groups


_PLAIN_EVENTS = {
    Ack: Event.RCV_ACK,
    NegativeAck: Event.RCV_NEGATIVE_ACK,
    Abort: Event.RCV_ABORT,
}

_NEVER_ANSWERED = frozenset(
    (PduType.RESULT, PduType.ACK, PduType.ABORT, PduType.SEGMENTED_RESULT, PduType.NEGATIVE_ACK)
)
"""WAP-224 9.5: ignored when there is no such transaction, the more so when they are malformed."""


def _offset(error: DecodeError) -> int:
    return error.position if isinstance(error.position, int) else 0
