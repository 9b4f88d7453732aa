"""What initiator and responder have in common: clocks, packets going out, packets coming in."""

from __future__ import annotations

from typing import Protocol

from omapush.core.errors import LimitError
from omapush.core.instants import Instant, later
from omapush.protocols.wtp.codes import (
    AbortReason,
    AbortType,
    OptionIdentity,
    TpiErrorCode,
    TpiIdentity,
    TransactionClass,
)
from omapush.protocols.wtp.events import Cause, Event, Timer
from omapush.protocols.wtp.pdu import (
    Abort,
    Ack,
    Invoke,
    NegativeAck,
    Packet,
    Pdu,
    Result,
    SegmentedInvoke,
    SegmentedResult,
)
from omapush.protocols.wtp.primitives import Handle, Indication, TrAbortInd, TrAbortReq
from omapush.protocols.wtp.segmentation import Collected, OutgoingMessage, Reassembly
from omapush.protocols.wtp.settings import WtpSettings
from omapush.protocols.wtp.tpi import (
    ErrorTpi,
    PacketSequenceNumberTpi,
    Tpi,
    UnknownTpi,
    find_option,
    find_sequence_number,
)

_KIB = 1_024
_TENTH_MS = 100
_MAX_DELAY_TENTHS = 600
_MAX_COMPLAINTS = 4

_EVENTS = {
    Collected.PART: Event.RCV_PART,
    Collected.GAP: Event.RCV_GAP,
    Collected.GROUP: Event.RCV_GROUP,
    Collected.MESSAGE: Event.RCV_MESSAGE,
}


class Outlet(Protocol):
    """Where transactions leave what they want done: their endpoint."""

    settings: WtpSettings

    def send(self, pdu: Pdu) -> None:
        """Send a PDU to the peer."""

    def tell(self, indication: Indication) -> None:
        """Tell the user."""


def sequence_number(pdu: Packet) -> int:
    """Return the number of a packet: the one that begins the message is 0."""
    return pdu.sequence_number if isinstance(pdu, SegmentedInvoke | SegmentedResult) else 0


def ends_message(pdu: Packet) -> bool:
    """Tell whether the packet is the last one, or all there is."""
    return pdu.transmission_trailer


class Transaction:
    """State of one transaction.

    :ivar transaction_id: as this end writes it, direction bit included.
    :ivar outgoing: the Invoke or Result that this end sends, once it does.
    """

    def __init__(
        self, outlet: Outlet, handle: Handle, transaction_id: int, transaction_class: int
    ) -> None:
        self.handle = handle
        self.transaction_id = transaction_id
        self.transaction_class = transaction_class
        self.user_acknowledgement = False
        self.outgoing: OutgoingMessage | None = None
        self.incoming = Reassembly(outlet.settings.maximum_message_size)
        self._outlet = outlet
        self._timers = outlet.settings.timers
        self._due: dict[Timer, Instant] = {}
        self._retransmissions = 0
        self._expirations = 0
        self._complaints: list[ErrorTpi] = []

    # -- what the tables ask of both roles --

    def is_class_1(self, cause: Cause) -> bool:
        """Class = 1."""
        return self.transaction_class == TransactionClass.RELIABLE

    def is_class_2(self, cause: Cause) -> bool:
        """Class = 2."""
        return self.transaction_class == TransactionClass.RESULT

    def is_repetition(self, cause: Cause) -> bool:
        """RID = 1."""
        return cause.is_repetition

    def verifies(self, cause: Cause) -> bool:
        """Tve or Tok."""
        return cause.verifies

    def user_acknowledges(self, cause: Cause) -> bool:
        """Uack = true."""
        return self.user_acknowledgement

    def is_outgoing_segmented(self, cause: Cause) -> bool:
        """Whether what this end sends has several packets."""
        return self.outgoing is not None and self.outgoing.is_segmented

    # -- clocks --

    def next_timer(self) -> Instant | None:
        """Return when the next clock runs out, if one is running."""
        return min(self._due.values()) if self._due else None

    def expired(self, now: Instant) -> Timer | None:
        """Stop and return a clock that has run out by ``now``."""
        for timer, due in self._due.items():
            if due <= now:
                del self._due[timer]
                return timer
        return None

    def start(self, timer: Timer, now: Instant, milliseconds: int) -> None:
        """Start a clock, in place of the one that runs (the Nack's runs beside the others)."""
        if timer is not Timer.NEGATIVE_ACKNOWLEDGEMENT:
            nack = self._due.get(Timer.NEGATIVE_ACKNOWLEDGEMENT)
            self._due.clear()
            if nack is not None:
                self._due[Timer.NEGATIVE_ACKNOWLEDGEMENT] = nack
        self._due[timer] = later(now, milliseconds)

    def stop(self) -> None:
        """Stop every clock."""
        self._due.clear()

    def start_limit(self, cause: Cause) -> None:
        """Bound a wait for which the specification has no timer."""
        self.start(Timer.LIMIT, cause.now, self._outlet.settings.maximum_wait_ms)

    def start_wait(self, cause: Cause) -> None:
        """Remember the finished transaction for a while."""
        self.stop()
        self.start(Timer.WAIT, cause.now, self._timers.wait_ms)

    def start_negative_acknowledgement(self, cause: Cause) -> None:
        """Give missing packets a moment, once for each gap."""
        if Timer.NEGATIVE_ACKNOWLEDGEMENT not in self._due:
            delay_ms = self._outlet.settings.negative_acknowledgement_delay_ms
            self.start(Timer.NEGATIVE_ACKNOWLEDGEMENT, cause.now, delay_ms)

    def has_retries_left(self, cause: Cause) -> bool:
        """RCR < RCR_MAX."""
        return self._retransmissions < self._timers.maximum_retransmissions

    def count_retry(self, cause: Cause) -> None:
        """RCR++."""
        self._retransmissions += 1

    def has_expirations_left(self, cause: Cause) -> bool:
        """AEC < AEC_MAX."""
        return self._expirations < self._timers.maximum_acknowledgement_expirations

    def count_expiration(self, cause: Cause) -> None:
        """AEC++."""
        self._expirations += 1

    # -- the message going out --

    def message_retry_ms(self) -> int:
        """Return the retry interval of a whole message of this role and class."""
        raise NotImplementedError

    def packet(self, number: int, *, retransmitted: bool) -> Packet:
        """Return a packet of the message going out."""
        raise NotImplementedError

    def start_retry(self, cause: Cause) -> None:
        """Start timer R for what is under way: a group that others follow, or the last one."""
        outgoing = self._sent()
        if outgoing.in_last_group:
            interval_ms = self.message_retry_ms()
            further = max(0, len(outgoing.data) - _KIB) if not outgoing.is_segmented else 0
            interval_ms += self._timers.fragment_ms * further // _KIB
        else:
            interval_ms = self._timers.group_retry_ms
        growth = self._outlet.settings.retry_growth_percent
        percent = growth[min(self._retransmissions, len(growth) - 1)]
        self.start(Timer.RETRY, cause.now, interval_ms * percent // 100)

    def send_group(self, *, retransmitted: bool = False) -> None:
        """Send all packets of the group under way."""
        for number in self._sent().group:
            self._outlet.send(self.packet(number, retransmitted=retransmitted))

    def repeat_trailer(self) -> None:
        """Repeat the last packet of the group, all that silence asks for (WAP-224, 7.14.4)."""
        self._outlet.send(self.packet(self._sent().trailer, retransmitted=True))

    def repeat_missing(self, cause: Cause) -> None:
        """Repeat the packets that a Nack lists, the whole group if it lists none."""
        outgoing, pdu = self._sent(), cause.pdu
        if not isinstance(pdu, NegativeAck):
            return
        for number in sorted(set(pdu.missing)) or outgoing.group:
            # A packet of a group to come has not been sent yet.
            if number <= outgoing.trailer:
                self._outlet.send(self.packet(number, retransmitted=True))

    def pause_or_next_group(self, cause: Cause) -> None:
        """Go on to the next group as the acknowledgement of this one says."""
        tpis = () if cause.pdu is None else cause.pdu.tpis
        size = find_option(tpis, OptionIdentity.MAXIMUM_GROUP)
        if size is not None:
            self._sent().limit_group(size)
        tenths = find_option(tpis, OptionIdentity.DELAY_TRANSMISSION_TIMER) or 0
        if tenths:
            self.start(Timer.DELAY, cause.now, min(tenths, _MAX_DELAY_TENTHS) * _TENTH_MS)
        else:
            self.next_group(cause)

    def next_group(self, cause: Cause) -> None:
        """Send the next group."""
        self._retransmissions = 0
        self._sent().next_group()
        self.send_group()
        self.start_retry(cause)

    def acknowledges_group(self, cause: Cause) -> bool:
        """Tell whether an Ack is of the group under way and another one follows."""
        outgoing, pdu = self.outgoing, cause.pdu
        return (
            pdu is not None
            and outgoing is not None
            and not outgoing.in_last_group
            and Timer.DELAY not in self._due
            and find_sequence_number(pdu.tpis) == outgoing.trailer
        )

    def is_stale(self, cause: Cause) -> bool:
        """Tell whether an Ack is not of the whole message."""
        outgoing, pdu = self.outgoing, cause.pdu
        if pdu is None or outgoing is None or not outgoing.is_segmented:
            return False
        number = find_sequence_number(pdu.tpis)
        return not outgoing.in_last_group or (number is not None and number != outgoing.trailer)

    def _sent(self) -> OutgoingMessage:
        if self.outgoing is None:
            raise AssertionError("nothing was sent yet")
        return self.outgoing

    # -- the message coming in --

    def collect(self, pdu: Packet) -> Event:
        """Keep a packet and return the event that it makes."""
        self.complain(pdu)
        whole = isinstance(pdu, Invoke | Result) and ends_message(pdu)
        try:
            return _EVENTS[
                self.incoming.add(
                    sequence_number(pdu),
                    pdu.data,
                    # With TTR set GTR says only whether segmentation is in use.
                    group_trailer=pdu.group_trailer and not whole,
                    transmission_trailer=ends_message(pdu),
                )
            ]
        except LimitError:
            return Event.RCV_TOO_LARGE

    def send_group_acknowledgement(self, cause: Cause) -> None:
        """Acknowledge the group that is complete."""
        self.send_acknowledgement()

    def send_acknowledgement(
        self, *, verification: bool = False, retransmitted: bool = False, tpis: tuple[Tpi, ...] = ()
    ) -> None:
        """Send an Ack of what has come in; of a segmented message it names the packet."""
        if self.incoming.is_segmented and self.incoming.trailer >= 0:
            tpis = (PacketSequenceNumberTpi(self.incoming.trailer), *tpis)
        tpis = (*self._complaints, *tpis)
        self._complaints.clear()
        self._outlet.send(Ack(self.transaction_id, verification, retransmitted, tpis))

    def send_negative_acknowledgement(self, cause: Cause) -> None:
        """List the packets that are missing of the group that has ended."""
        missing = self.incoming.missing(self.incoming.trailer)
        if missing:
            # 255 fit; the rest shows when those have come.
            self._outlet.send(NegativeAck(self.transaction_id, missing[:255]))

    def complain(self, pdu: Pdu) -> None:
        """Note the TPIs that are not understood, for the next Ack (WAP-224, 8.4.1)."""
        for tpi in pdu.tpis:
            if isinstance(tpi, UnknownTpi) and len(self._complaints) < _MAX_COMPLAINTS:
                if tpi.identity in set(TpiIdentity):
                    content = tpi.octets[0] if tpi.octets else None
                    complaint = ErrorTpi(TpiErrorCode.UNKNOWN_CONTENT, tpi.identity, content)
                else:
                    complaint = ErrorTpi(TpiErrorCode.UNKNOWN_TPI, tpi.identity)
                self._complaints.append(complaint)

    # -- the end --

    def send_abort(self, reason: int, abort_type: AbortType = AbortType.PROVIDER) -> None:
        """Send an Abort."""
        self._outlet.send(Abort(self.transaction_id, abort_type, reason))

    def abort_user(self, cause: Cause) -> None:
        """Send the user's Abort."""
        if isinstance(cause.request, TrAbortReq):
            self.send_abort(cause.request.reason, AbortType.USER)

    def abort_proto_error(self, cause: Cause) -> None:
        """The peer sent what cannot be read."""
        self.end_with(AbortReason.PROTOERR)

    def abort_no_response(self, cause: Cause) -> None:
        """Somebody was silent for too long."""
        self.end_with(AbortReason.NORESPONSE)

    def abort_too_large(self, cause: Cause) -> None:
        """The peer's message is larger than what is taken."""
        self.end_with(AbortReason.MESSAGETOOLARGE)

    def end_with(self, reason: AbortReason) -> None:
        """Send an Abort and tell the user."""
        self.send_abort(reason)
        self._outlet.tell(TrAbortInd(self.handle, AbortType.PROVIDER, reason))

    def give_up(self, cause: Cause) -> None:
        """The peer is silent: tell the user only."""
        self._outlet.tell(TrAbortInd(self.handle, AbortType.PROVIDER, AbortReason.NORESPONSE))

    def indicate_abort(self, cause: Cause) -> None:
        """The peer aborted: tell the user."""
        pdu = cause.pdu
        if isinstance(pdu, Abort):
            self._outlet.tell(TrAbortInd(self.handle, pdu.abort_type, pdu.reason, by_peer=True))
