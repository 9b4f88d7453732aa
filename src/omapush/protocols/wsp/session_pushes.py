"""The pushes of one session at the server (WSP 7.1.6.3).

A confirmed push is PUSHING from its TR-Invoke.req to the confirmation or an abort; the client sets
how many may be at once (Push-MOR), and those above wait here in order, a bounded number. Each push
that is handed in ends once: sent, confirmed, or aborted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from omapush.core.errors import EncodeError
from omapush.core.instants import Instant
from omapush.protocols.wsp.assigned_numbers import AbortReason
from omapush.protocols.wsp.capabilities import Capabilities, ProtocolOption
from omapush.protocols.wsp.pdu import ConfirmedPush, Push
from omapush.protocols.wsp.pdu_codec import encode_pdu
from omapush.protocols.wsp.profile import HeaderProfile
from omapush.protocols.wsp.session_primitives import (
    SConfirmedPushCnf,
    SConfirmedPushReq,
    ServerIndication,
    SPushAbortInd,
    SPushReq,
    SPushSent,
)
from omapush.protocols.wsp.session_transactions import (
    Transaction,
    TransactionPort,
    read_acknowledgement_headers,
)
from omapush.protocols.wtp.codes import TransactionClass
from omapush.protocols.wtp.primitives import TrAbortInd, TrInvokeCnf


class ServerPushes:
    """Pushes under way and waiting.

    :param owner: the session, as WTP is to know it. :param tell: tells the user.
    :param maximum_waiting: pushes kept until the client may get them.
    """

    def __init__(
        self, owner: object, tell: Callable[[ServerIndication], None], maximum_waiting: int
    ) -> None:
        self._owner = owner
        self._tell = tell
        self._maximum_waiting = maximum_waiting
        self._pushing: dict[Transaction, int] = {}
        self._waiting: deque[SPushReq | SConfirmedPushReq] = deque()

    def __contains__(self, transaction: Transaction) -> bool:
        return transaction in self._pushing

    def add(self, push: SPushReq | SConfirmedPushReq, agreed: Capabilities) -> None:
        """Take a push, to be sent by :meth:`send_waiting`, if the client agreed to such."""
        confirmed = isinstance(push, SConfirmedPushReq)
        facility = ProtocolOption.CONFIRMED_PUSH if confirmed else ProtocolOption.PUSH
        if not (agreed.protocol_options or ProtocolOption(0)) & facility:
            self.refuse(push.push_id, AbortReason.PROTOERR)
        elif len(self._waiting) >= self._maximum_waiting:
            self.refuse(push.push_id, AbortReason.MOREXCEEDED)
        else:
            self._waiting.append(push)

    def send_waiting(
        self, port: TransactionPort, agreed: Capabilities, profile: HeaderProfile, now: Instant
    ) -> None:
        """Send as many as the client may get now."""
        while self._waiting:
            confirmed = isinstance(self._waiting[0], SConfirmedPushReq)
            if confirmed and len(self._pushing) >= (agreed.push_mor or 0):
                return
            self._send(self._waiting.popleft(), port, agreed, profile, now)

    def _send(
        self,
        push: SPushReq | SConfirmedPushReq,
        port: TransactionPort,
        agreed: Capabilities,
        profile: HeaderProfile,
        now: Instant,
    ) -> None:
        confirmed = isinstance(push, SConfirmedPushReq)
        kind = ConfirmedPush if confirmed else Push
        try:
            sdu = encode_pdu(kind(push.headers, push.body), profile)
        except EncodeError:
            self.refuse(push.push_id, AbortReason.PROTOERR)
            return
        limit = agreed.client_sdu_size
        if limit and len(sdu) > limit:
            self.refuse(push.push_id, AbortReason.MRUEXCEEDED)
        elif confirmed:
            transaction = port.invoke(self._owner, TransactionClass.RELIABLE, sdu, now)
            self._pushing[transaction] = push.push_id
        else:
            port.invoke(self._owner, TransactionClass.UNRELIABLE, sdu, now)
            self._tell(SPushSent(push.push_id))

    def refuse(self, push_id: int, reason: int) -> None:
        """End a push that has not left."""
        self._tell(SPushAbortInd(push_id, reason, sent=False))

    def confirmed(self, transaction: Transaction, indication: TrInvokeCnf) -> None:
        """The client's user has taken the push."""
        push_id = self._pushing.pop(transaction)
        headers = read_acknowledgement_headers(indication.exit_info)
        self._tell(SConfirmedPushCnf(push_id, headers))

    def aborted(self, transaction: Transaction, indication: TrAbortInd) -> None:
        """The push has failed."""
        push_id = self._pushing.pop(transaction)
        self._tell(SPushAbortInd(push_id, indication.reason, indication.by_peer))

    def abort_all(self, reason: AbortReason, now: Instant) -> None:
        """End every push, those that wait too."""
        pushing, self._pushing = self._pushing, {}
        waiting, self._waiting = self._waiting, deque()
        for transaction, push_id in pushing.items():
            transaction.abort(reason, now)
            self._tell(SPushAbortInd(push_id, reason))
        for push in waiting:
            self.refuse(push.push_id, reason)
