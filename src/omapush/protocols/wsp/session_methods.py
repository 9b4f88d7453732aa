"""The methods of one session at the server (WSP 7.1.6.2).

A method is HOLDING until the session is granted or resumed, PROCESSING while the user works on it,
REPLYING until the client has the reply. Large methods in several parts are not negotiated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from omapush.core.errors import EncodeError
from omapush.core.instants import Instant
from omapush.protocols.wsp.assigned_numbers import AbortReason
from omapush.protocols.wsp.capabilities import Capabilities
from omapush.protocols.wsp.pdu import Get, Post, Reply
from omapush.protocols.wsp.pdu_codec import encode_pdu
from omapush.protocols.wsp.profile import HeaderProfile
from omapush.protocols.wsp.session_primitives import (
    ServerIndication,
    SMethodAbortInd,
    SMethodInvokeInd,
    SMethodResultCnf,
)
from omapush.protocols.wsp.session_transactions import Transaction, read_acknowledgement_headers
from omapush.protocols.wtp.primitives import TrResultCnf

NOT_IMPLEMENTED = Reply(501, (("Content-Type", "*/*"),))
"""The answer to a method where nobody serves methods."""

FAILED = Reply(500, (("Content-Type", "*/*"),))
"""The answer in place of a reply that cannot be written."""


@dataclass(slots=True)
class _Method:
    method_id: int
    pdu: Get | Post
    is_released: bool = False
    is_answered: bool = False


class ServerMethods:
    """Methods from their Invoke to the acknowledgement of their reply.

    :param owner: the session, as WTP is to know it. :param tell: tells the user.
    :param refuse: answer each with :data:`NOT_IMPLEMENTED`; the user hears of none.
    """

    def __init__(
        self, owner: object, tell: Callable[[ServerIndication], None], *, refuse: bool
    ) -> None:
        self._owner = owner
        self._tell = tell
        self._refuse = refuse
        self._methods: dict[Transaction, _Method] = {}
        self._next_method_id = 1

    def __contains__(self, transaction: Transaction) -> bool:
        return transaction in self._methods

    def add(
        self, transaction: Transaction, pdu: Get | Post, agreed: Capabilities, now: Instant
    ) -> None:
        """Hold a method that came, if the client may have another one."""
        if len(self._methods) >= (agreed.method_mor or 0):
            transaction.abort(AbortReason.MOREXCEEDED, now)
            return
        transaction.port.own(self._owner, transaction.handle)
        self._methods[transaction] = _Method(self._next_method_id, pdu)
        self._next_method_id += 1

    def release(self, profile: HeaderProfile, now: Instant) -> None:
        """Let the user have the methods that are held."""
        for transaction, method in self._methods.items():
            if method.is_released:
                continue
            method.is_released = True
            if self._refuse:
                method.is_answered = True
                transaction.answer(encode_pdu(NOT_IMPLEMENTED, profile), now)
            else:
                transaction.acknowledge(now)
                self._tell(SMethodInvokeInd(method.method_id, method.pdu))

    def answer(
        self,
        method_id: int,
        reply: Reply,
        agreed: Capabilities,
        profile: HeaderProfile,
        now: Instant,
    ) -> None:
        """Send the user's reply; one larger than the client takes aborts the method."""
        transaction = self._named(method_id)
        if transaction is None or self._methods[transaction].is_answered:
            return
        try:
            sdu = encode_pdu(reply, profile)
        except EncodeError:
            sdu = encode_pdu(FAILED)
        limit = agreed.client_sdu_size
        if limit and len(sdu) > limit:
            transaction.abort(AbortReason.MRUEXCEEDED, now)
            self._end(transaction, AbortReason.MRUEXCEEDED)
            return
        self._methods[transaction].is_answered = True
        transaction.answer(sdu, now)

    def abort(self, method_id: int, now: Instant) -> None:
        """End a method as the user wishes."""
        transaction = self._named(method_id)
        if transaction is not None:
            transaction.abort(AbortReason.PEERREQ, now)
            self._end(transaction, AbortReason.USERREQ)

    def confirmed(self, transaction: Transaction, indication: TrResultCnf) -> None:
        """The client has the reply."""
        method = self._methods.pop(transaction, None)
        if method is not None and not self._refuse:
            headers = read_acknowledgement_headers(indication.exit_info)
            self._tell(SMethodResultCnf(method.method_id, headers))

    def aborted(self, transaction: Transaction, reason: int) -> None:
        """The method has failed."""
        self._end(transaction, reason)

    def abort_all(self, reason: AbortReason, now: Instant) -> None:
        """End every method."""
        for transaction in list(self._methods):
            transaction.abort(reason, now)
            self._end(transaction, reason)

    def _end(self, transaction: Transaction, reason: int) -> None:
        method = self._methods.pop(transaction)
        if method.is_released and not self._refuse:
            self._tell(SMethodAbortInd(method.method_id, reason))

    def _named(self, method_id: int) -> Transaction | None:
        for transaction, method in self._methods.items():
            if method.method_id == method_id and method.is_released:
                return transaction
        return None
