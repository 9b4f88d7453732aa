"""The initiator of one transaction (WAP-224, 9): what the rows of its table ask and do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Protocol

from omapush.core.instants import Instant
from omapush.protocols.wtp.codes import (
    AbortReason,
    AbortType,
    OptionIdentity,
    TransactionClass,
)
from omapush.protocols.wtp.events import TIMER_EVENTS, Cause, Event, Timer
from omapush.protocols.wtp.initiator_states import TABLE, Action, Guard, State
from omapush.protocols.wtp.pdu import Abort, Ack, Invoke, Packet, SegmentedInvoke
from omapush.protocols.wtp.primitives import (
    TrInvokeCnf,
    TrInvokeReq,
    TrResultInd,
    TrResultRes,
)
from omapush.protocols.wtp.segmentation import OutgoingMessage
from omapush.protocols.wtp.table import take_row
from omapush.protocols.wtp.tpi import InfoTpi, OptionTpi, Tpi, find_info
from omapush.protocols.wtp.transaction import Outlet, Transaction


class Renumbering(Outlet, Protocol):
    """The endpoint of initiators: it can give a transaction another identifier."""

    def renumber(self, transaction: Initiator) -> None:
        """Have ``transaction`` go on under a new identifier."""


class Initiator(Transaction):
    """One transaction that this end began.

    :ivar is_verified: the responder has shown that it knows the transaction, so that it asks
        nothing more about its identifier.
    :raises EncodeError: the message needs too many packets.
    """

    def __init__(
        self, outlet: Renumbering, request: TrInvokeReq, transaction_id: int, *, tid_new: bool
    ) -> None:
        super().__init__(outlet, request.handle, transaction_id, request.transaction_class)
        self.state = State.NULL
        self.is_verified = False
        self.tid_new = tid_new
        self._renumbering = outlet
        self._request = request
        self._hold_on = False
        self._confirmed = False
        self._tok_sent = False
        self._exit_info = b""
        self._acknowledged_once = False
        settings = outlet.settings
        reliable = request.transaction_class != TransactionClass.UNRELIABLE
        self.user_acknowledgement = request.user_acknowledgement and reliable
        size = settings.segment_size if settings.segmentation and reliable else None
        self.outgoing: OutgoingMessage = OutgoingMessage(request.data, size, settings.maximum_group)

    @property
    def has_ended(self) -> bool:
        """Whether nothing is to be remembered any more."""
        return self.state is State.NULL

    def begin(self, now: Instant) -> None:
        """TR-Invoke.req: send the Invoke; of class 0 that is all."""
        self.send_group()
        if self.transaction_class != TransactionClass.UNRELIABLE:
            self.start_retry(Cause(now))
            self.state = State.RESULT_WAIT

    def handle_event(self, event: Event, cause: Cause) -> bool:
        """Do what the table says; return whether it says anything."""
        if cause.pdu is not None and not cause.verifies:
            self.is_verified = True
        if isinstance(cause.pdu, Ack):
            self.complain(cause.pdu)
        following = take_row(
            TABLE,
            self.state,
            event,
            lambda guard: self._GUARDS[guard](self, cause),
            lambda action: self._ACTIONS[action](self, cause),
        )
        if following is None:
            return False
        self.state = following
        if self.has_ended:
            self.stop()
        return True

    def handle_timer(self, now: Instant) -> None:
        """Do what is due."""
        while (timer := self.expired(now)) is not None:
            self.handle_event(TIMER_EVENTS[timer], Cause(now))

    # -- what goes out --

    def message_retry_ms(self) -> int:
        is_class_2 = self.transaction_class == TransactionClass.RESULT
        interval = self._timers.base_retry if is_class_2 else self._timers.short_retry
        return interval.choose(user_acknowledgement=self.user_acknowledgement)

    def packet(self, number: int, *, retransmitted: bool) -> Packet:
        data = self.outgoing.packet(number)
        gtr, ttr = self._trailers(number)
        if number:
            return SegmentedInvoke(self.transaction_id, number, data, gtr, ttr, retransmitted)
        return Invoke(
            self.transaction_id,
            self.transaction_class,
            data,
            gtr,
            ttr,
            retransmitted,
            self.tid_new,
            self.user_acknowledgement,
            tpis=self._invoke_tpis(),
        )

    def _trailers(self, number: int) -> tuple[bool, bool]:
        if self.outgoing.is_segmented:
            return self.outgoing.trailers(number)
        settings = self._outlet.settings
        return not (settings.segmentation and settings.announce_segmentation), True

    def _invoke_tpis(self) -> tuple[Tpi, ...]:
        size = self._request.maximum_receive_unit
        if size is None:
            return ()
        octets = size.to_bytes(max(1, (size.bit_length() + 7) // 8), "big")
        return (OptionTpi(OptionIdentity.MAXIMUM_RECEIVE_UNIT, octets),)

    def _send_tok(self, cause: Cause) -> None:
        self._outlet.send(Ack(self.transaction_id, verification=True, retransmitted=self._tok_sent))
        self._tok_sent = True

    def _repeat(self, cause: Cause) -> None:
        if self._tok_sent:
            self._send_tok(cause)
        else:
            self.repeat_trailer()

    def _pause_or_next_group(self, cause: Cause) -> None:
        self.pause_or_next_group(cause)
        # What silence repeats from now on is the new group.
        self._tok_sent = False

    def _repeat_whole(self, cause: Cause) -> None:
        # WAP-224 7.14: the responder has forgotten the transaction, so this is another one.
        self.outgoing = OutgoingMessage(self._request.data, None, 0)
        self._retransmissions = 0
        self._tok_sent = False
        self._renumbering.renumber(self)
        self.send_group()
        self.start_retry(cause)

    def _send_ack(self, cause: Cause) -> None:
        if isinstance(cause.request, TrResultRes):
            self._exit_info = cause.request.exit_info
        info = (InfoTpi(self._exit_info),) if self._exit_info else ()
        self.send_acknowledgement(retransmitted=self._acknowledged_once, tpis=info)
        self._acknowledged_once = True

    def _stop(self, cause: Cause) -> None:
        self.stop()

    def _start_acknowledgement(self, cause: Cause) -> None:
        interval = self._timers.long_acknowledgement
        due_ms = interval.choose(user_acknowledgement=self.user_acknowledgement)
        self.stop()
        self.start(Timer.ACKNOWLEDGEMENT, cause.now, due_ms)

    # -- what the user is told --

    def _confirm_invoke(self, cause: Cause) -> None:
        self._hold_on = True
        if not self._confirmed:
            self._confirmed = True
            # WAP-224 8.4.2: exit information is of the last Ack only, never of the hold-on one.
            is_last = self.is_class_1(cause) and cause.pdu is not None
            info = find_info(cause.pdu.tpis) if is_last and cause.pdu else b""
            self._outlet.tell(TrInvokeCnf(self.handle, info))

    def _indicate_result(self, cause: Cause) -> None:
        self._outlet.tell(TrResultInd(self.handle, self.incoming.take_message()))

    # -- what rows ask --

    def _holds_on(self, cause: Cause) -> bool:
        return self._hold_on

    def _peer_cannot_segment(self, cause: Cause) -> bool:
        return (
            self.outgoing.is_segmented
            and isinstance(cause.pdu, Abort)
            and cause.pdu.abort_type == AbortType.PROVIDER
            and cause.pdu.reason == AbortReason.NOTIMPLEMENTEDSAR
        )

    _GUARDS: ClassVar[Mapping[Guard, Callable[[Initiator, Cause], bool]]] = {
        Guard.CLASS_2: Transaction.is_class_2,
        Guard.HOLD_ON: _holds_on,
        Guard.TVE: Transaction.verifies,
        Guard.RETRIES_LEFT: Transaction.has_retries_left,
        Guard.GROUP_ACKNOWLEDGED: Transaction.acknowledges_group,
        Guard.STALE: Transaction.is_stale,
        Guard.USER_ACKNOWLEDGES: Transaction.user_acknowledges,
        Guard.EXPIRATIONS_LEFT: Transaction.has_expirations_left,
        Guard.REPETITION: Transaction.is_repetition,
        Guard.SEGMENTED: Transaction.is_outgoing_segmented,
        Guard.PEER_CANNOT_SEGMENT: _peer_cannot_segment,
    }

    _ACTIONS: ClassVar[Mapping[Action, Callable[[Initiator, Cause], None]]] = {
        Action.SEND_TOK: _send_tok,
        Action.COUNT_RETRY: Transaction.count_retry,
        Action.START_RETRY: Transaction.start_retry,
        Action.START_ACKNOWLEDGEMENT: _start_acknowledgement,
        Action.START_WAIT: Transaction.start_wait,
        Action.START_LIMIT: Transaction.start_limit,
        Action.START_NEGATIVE_ACKNOWLEDGEMENT: Transaction.start_negative_acknowledgement,
        Action.STOP: _stop,
        Action.COUNT_EXPIRATION: Transaction.count_expiration,
        Action.REPEAT: _repeat,
        Action.PAUSE_OR_NEXT_GROUP: _pause_or_next_group,
        Action.NEXT_GROUP: Transaction.next_group,
        Action.REPEAT_MISSING: Transaction.repeat_missing,
        Action.REPEAT_WHOLE: _repeat_whole,
        Action.SEND_ACK: _send_ack,
        Action.SEND_GROUP_ACK: Transaction.send_group_acknowledgement,
        Action.SEND_NEGATIVE_ACK: Transaction.send_negative_acknowledgement,
        Action.CONFIRM_INVOKE: _confirm_invoke,
        Action.INDICATE_RESULT: _indicate_result,
        Action.ABORT_USER: Transaction.abort_user,
        Action.ABORT_PROTOERR: Transaction.abort_proto_error,
        Action.ABORT_NORESPONSE: Transaction.abort_no_response,
        Action.ABORT_TOO_LARGE: Transaction.abort_too_large,
        Action.GIVE_UP: Transaction.give_up,
        Action.INDICATE_ABORT: Transaction.indicate_abort,
    }
