"""The pushes and methods of one session at the client (WSP 7.1.5.2 and 7.1.5.3).

A confirmed push is RECEIVING until the user has answered it. A method is open from its Invoke until
the user has taken the reply; large methods in several parts are not negotiated.
"""

from __future__ import annotations

from collections.abc import Callable

from omapush.core.instants import Instant
from omapush.protocols.wsp.assigned_numbers import AbortReason
from omapush.protocols.wsp.pdu import ConfirmedPush, Pdu, Reply
from omapush.protocols.wsp.session_primitives import (
    ClientIndication,
    SConfirmedPushInd,
    SMethodAbortInd,
    SMethodInvokeCnf,
    SMethodResultInd,
    SPushAbortInd,
)
from omapush.protocols.wsp.session_transactions import Transaction
from omapush.protocols.wtp.primitives import TrAbortInd

Tell = Callable[[ClientIndication], None]


class ClientPushes:
    """Confirmed pushes that the user has not answered yet."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._receiving: dict[Transaction, int] = {}
        self._next_push_id = 1

    def __contains__(self, transaction: Transaction) -> bool:
        return transaction in self._receiving

    def add(self, transaction: Transaction, pdu: ConfirmedPush, most: int, now: Instant) -> None:
        """Indicate a push, unless ``most`` are open."""
        if len(self._receiving) >= most:
            transaction.abort(AbortReason.MOREXCEEDED, now)
            return
        push_id = self._next_push_id
        self._next_push_id += 1
        self._receiving[transaction] = push_id
        self._tell(SConfirmedPushInd(push_id, pdu.headers, pdu.body))

    def confirm(self, push_id: int, exit_info: bytes, now: Instant) -> None:
        """The user has taken the push."""
        transaction = self._take(push_id)
        if transaction is not None:
            transaction.acknowledge(now, exit_info)

    def refuse(self, push_id: int, reason: int, now: Instant) -> None:
        """The user does not take it."""
        transaction = self._take(push_id)
        if transaction is not None:
            transaction.abort(reason, now)
            self._tell(SPushAbortInd(push_id, AbortReason.USERREQ))

    def aborted(self, transaction: Transaction, indication: TrAbortInd) -> None:
        """The push is over before the user has answered."""
        push_id = self._receiving.pop(transaction)
        self._tell(SPushAbortInd(push_id, indication.reason, indication.by_peer))

    def abort_all(self, reason: AbortReason, now: Instant) -> None:
        """End every push."""
        receiving, self._receiving = self._receiving, {}
        for transaction, push_id in receiving.items():
            transaction.abort(reason, now)
            self._tell(SPushAbortInd(push_id, reason))

    def _take(self, push_id: int) -> Transaction | None:
        for transaction, known in self._receiving.items():
            if known == push_id:
                del self._receiving[transaction]
                return transaction
        return None


class ClientMethods:
    """Methods whose reply the user has not taken yet."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._open: dict[Transaction, int] = {}

    def __contains__(self, transaction: Transaction) -> bool:
        return transaction in self._open

    def may_add(self, method_id: int, most: int) -> bool:
        """Tell whether another method may begin; tell the user if not."""
        if len(self._open) < most and method_id not in self._open.values():
            return True
        self._tell(SMethodAbortInd(method_id, AbortReason.MOREXCEEDED))
        return False

    def add(self, transaction: Transaction, method_id: int) -> None:
        """Keep a method that has begun."""
        self._open[transaction] = method_id

    def invoked(self, transaction: Transaction) -> None:
        """The server has the method."""
        if transaction in self._open:
            self._tell(SMethodInvokeCnf(self._open[transaction]))

    def answered(
        self, transaction: Transaction, pdu: Pdu | None, reason: AbortReason, now: Instant
    ) -> None:
        """The server has answered; what is no reply aborts the method with ``reason``."""
        if transaction not in self._open:
            return
        if isinstance(pdu, Reply):
            self._tell(SMethodResultInd(self._open[transaction], pdu))
            return
        transaction.abort(reason, now)
        self._tell(SMethodAbortInd(self._open.pop(transaction), reason))

    def take_reply(self, method_id: int, exit_info: bytes, now: Instant) -> None:
        """The user has taken the reply."""
        transaction = self._take(method_id)
        if transaction is not None:
            transaction.take_answer(now, exit_info)

    def abort(self, method_id: int, now: Instant) -> None:
        """End a method as the user wishes."""
        transaction = self._take(method_id)
        if transaction is not None:
            transaction.abort(AbortReason.PEERREQ, now)
            self._tell(SMethodAbortInd(method_id, AbortReason.USERREQ))

    def aborted(self, transaction: Transaction, indication: TrAbortInd) -> None:
        """The method has failed."""
        self._tell(SMethodAbortInd(self._open.pop(transaction), indication.reason))

    def abort_all(self, reason: AbortReason, now: Instant) -> None:
        """End every method."""
        methods, self._open = self._open, {}
        for transaction, method_id in methods.items():
            transaction.abort(reason, now)
            self._tell(SMethodAbortInd(method_id, reason))

    def _take(self, method_id: int) -> Transaction | None:
        for transaction, known in self._open.items():
            if known == method_id:
                del self._open[transaction]
                return transaction
        return None
