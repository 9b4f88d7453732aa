"""The responder of one transaction (WAP-224, 9): what the rows of its table ask and do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Protocol

from omapush.core.instants import Instant
from omapush.protocols.wtp.codes import (
    RESPONDER_BIT,
    AbortReason,
    AbortType,
    OptionIdentity,
)
from omapush.protocols.wtp.events import TIMER_EVENTS, Cause, Event, Timer
from omapush.protocols.wtp.pdu import Invoke, Packet, Result, SegmentedResult
from omapush.protocols.wtp.primitives import (
    Handle,
    TrInvokeInd,
    TrInvokeRes,
    TrResultCnf,
    TrResultReq,
)
from omapush.protocols.wtp.responder_states import TABLE, Action, Guard, State
from omapush.protocols.wtp.segmentation import OutgoingMessage
from omapush.protocols.wtp.table import take_row
from omapush.protocols.wtp.tpi import InfoTpi, find_info, find_option
from omapush.protocols.wtp.transaction import Outlet, Transaction


class Verifying(Outlet, Protocol):
    """The endpoint of responders: it keeps what is known of the initiator's identifiers."""

    def accept_verified(self, transaction_id: int, now: Instant, *, tid_new: bool) -> None:
        """The initiator has affirmed this transaction."""


class Responder(Transaction):
    """One transaction of class 1 or 2 that the peer began with ``invoke``.

    :param tid_valid: its identifier is certainly new, so that the peer need not be asked.
    """

    def __init__(
        self, outlet: Verifying, handle: Handle, invoke: Invoke, *, tid_valid: bool
    ) -> None:
        transaction_id = invoke.transaction_id | RESPONDER_BIT
        super().__init__(outlet, handle, transaction_id, invoke.transaction_class)
        self.state = State.LISTEN
        self.user_acknowledgement = invoke.user_acknowledgement
        self.outgoing: OutgoingMessage | None = None
        self._verifying = outlet
        self._invoke = invoke
        self._tid_valid = tid_valid
        self._held_on = False
        self._acknowledged_once = False
        self._exit_info = b""
        self._abort: tuple[int, AbortType] | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing is to be remembered any more."""
        return self.state is State.LISTEN

    @property
    def is_waiting(self) -> bool:
        """Whether it is over and only remembered for the sake of repetitions."""
        return self.state in (State.WAIT_TIMEOUT, State.ABORT_WAIT)

    def handle_event(self, event: Event, cause: Cause) -> bool:
        """Do what the table says; return whether it says anything."""
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
        interval = self._timers.long_retry
        return interval.choose(user_acknowledgement=self.user_acknowledgement)

    def packet(self, number: int, *, retransmitted: bool) -> Packet:
        outgoing = self._sent()
        data = outgoing.packet(number)
        if not outgoing.is_segmented:
            return Result(self.transaction_id, data, retransmitted=retransmitted)
        gtr, ttr = outgoing.trailers(number)
        if number:
            return SegmentedResult(self.transaction_id, number, data, gtr, ttr, retransmitted)
        return Result(self.transaction_id, data, gtr, ttr, retransmitted)

    def take_result(self, request: TrResultReq) -> None:
        """Keep the Result to be sent. :raises EncodeError: it needs too many packets."""
        settings = self._outlet.settings
        # WAP-224 7.14: who sends GTR=TTR=1 gets no segmented result.
        peer_segments = not (self._invoke.group_trailer and self._invoke.transmission_trailer)
        size = settings.segment_size if settings.segmentation and peer_segments else None
        self.outgoing = OutgoingMessage(request.data, size, settings.maximum_group)

    def _send_result(self, cause: Cause) -> None:
        self._retransmissions = 0
        self.send_group()

    def _repeat(self, cause: Cause) -> None:
        self.repeat_trailer()

    def _send_tve(self, cause: Cause) -> None:
        self.send_acknowledgement(verification=True, retransmitted=cause.is_repetition)

    def _send_ack(self, cause: Cause) -> None:
        if isinstance(cause.request, TrInvokeRes):
            self._exit_info = cause.request.exit_info
        info = (InfoTpi(self._exit_info),) if self._exit_info else ()
        self.send_acknowledgement(retransmitted=self._acknowledged_once, tpis=info)
        self._acknowledged_once = True

    def _send_hold_on(self, cause: Cause) -> None:
        self.send_acknowledgement(retransmitted=self._held_on)
        self._held_on = True

    # -- clocks --

    def _start_acknowledgement(self, cause: Cause) -> None:
        timers = self._timers
        is_class_2 = self.is_class_2(cause)
        interval = timers.base_acknowledgement if is_class_2 else timers.short_acknowledgement
        due_ms = interval.choose(user_acknowledgement=self.user_acknowledgement)
        self.stop()
        self.start(Timer.ACKNOWLEDGEMENT, cause.now, due_ms)

    # -- what the user is told --

    def _indicate_invoke(self, cause: Cause) -> None:
        self._outlet.tell(
            TrInvokeInd(
                self.handle,
                self.transaction_class,
                self.incoming.take_message(),
                self.user_acknowledgement,
                find_option(self._invoke.tpis, OptionIdentity.MAXIMUM_RECEIVE_UNIT),
            )
        )

    def _confirm_result(self, cause: Cause) -> None:
        info = find_info(cause.pdu.tpis) if cause.pdu is not None else b""
        self._outlet.tell(TrResultCnf(self.handle, info))

    def _accept_tid(self, cause: Cause) -> None:
        self._tid_valid = True
        self._verifying.accept_verified(
            self._invoke.transaction_id, cause.now, tid_new=self._invoke.tid_new
        )

    # -- the end --

    def send_abort(self, reason: int, abort_type: AbortType = AbortType.PROVIDER) -> None:
        self._abort = (reason, abort_type)
        super().send_abort(reason, abort_type)

    def _repeat_abort(self, cause: Cause) -> None:
        if self._abort is not None:
            self.send_abort(*self._abort)

    def _refuse_proto_error(self, cause: Cause) -> None:
        self.send_abort(AbortReason.PROTOERR)

    def _refuse_too_large(self, cause: Cause) -> None:
        self.send_abort(AbortReason.MESSAGETOOLARGE)

    # -- what rows ask --

    def _is_tid_valid(self, cause: Cause) -> bool:
        return self._tid_valid

    def _is_complete(self, cause: Cause) -> bool:
        return self.incoming.is_complete

    def _is_segmented(self, cause: Cause) -> bool:
        return self.incoming.is_segmented

    def _has_held_on(self, cause: Cause) -> bool:
        return self._held_on

    _GUARDS: ClassVar[Mapping[Guard, Callable[[Responder, Cause], bool]]] = {
        Guard.CLASS_1: Transaction.is_class_1,
        Guard.CLASS_2: Transaction.is_class_2,
        Guard.TID_VALID: _is_tid_valid,
        Guard.TOK: Transaction.verifies,
        Guard.COMPLETE: _is_complete,
        Guard.SEGMENTED: _is_segmented,
        Guard.RESULT_SEGMENTED: Transaction.is_outgoing_segmented,
        Guard.REPETITION: Transaction.is_repetition,
        Guard.HELD_ON: _has_held_on,
        Guard.USER_ACKNOWLEDGES: Transaction.user_acknowledges,
        Guard.EXPIRATIONS_LEFT: Transaction.has_expirations_left,
        Guard.RETRIES_LEFT: Transaction.has_retries_left,
        Guard.GROUP_ACKNOWLEDGED: Transaction.acknowledges_group,
        Guard.STALE: Transaction.is_stale,
    }

    _ACTIONS: ClassVar[Mapping[Action, Callable[[Responder, Cause], None]]] = {
        Action.SEND_TVE: _send_tve,
        Action.ACCEPT_TID: _accept_tid,
        Action.INDICATE_INVOKE: _indicate_invoke,
        Action.START_ACKNOWLEDGEMENT: _start_acknowledgement,
        Action.START_WAIT: Transaction.start_wait,
        Action.START_RETRY: Transaction.start_retry,
        Action.START_LIMIT: Transaction.start_limit,
        Action.START_NEGATIVE_ACKNOWLEDGEMENT: Transaction.start_negative_acknowledgement,
        Action.COUNT_EXPIRATION: Transaction.count_expiration,
        Action.COUNT_RETRY: Transaction.count_retry,
        Action.SEND_ACK: _send_ack,
        Action.SEND_HOLD_ON: _send_hold_on,
        Action.SEND_GROUP_ACK: Transaction.send_group_acknowledgement,
        Action.SEND_NEGATIVE_ACK: Transaction.send_negative_acknowledgement,
        Action.SEND_RESULT: _send_result,
        Action.REPEAT: _repeat,
        Action.REPEAT_MISSING: Transaction.repeat_missing,
        Action.PAUSE_OR_NEXT_GROUP: Transaction.pause_or_next_group,
        Action.NEXT_GROUP: Transaction.next_group,
        Action.CONFIRM_RESULT: _confirm_result,
        Action.ABORT_USER: Transaction.abort_user,
        Action.REPEAT_ABORT: _repeat_abort,
        Action.REFUSE_PROTOERR: _refuse_proto_error,
        Action.REFUSE_TOO_LARGE: _refuse_too_large,
        Action.ABORT_PROTOERR: Transaction.abort_proto_error,
        Action.ABORT_NORESPONSE: Transaction.abort_no_response,
        Action.ABORT_TOO_LARGE: Transaction.abort_too_large,
        Action.GIVE_UP: Transaction.give_up,
        Action.INDICATE_ABORT: Transaction.indicate_abort,
    }
