"""What a test wants a simulated SMSC to do, right or wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from omapush.protocols.smpp.pdu import Pdu
from omapush.protocols.smpp.status import CommandStatus
from omapush.protocols.smpp.values import MessageState
from omapush.testing.smsc_messages import KeptMessage, ReceiptForm


@dataclass(slots=True)
class Behaviour:
    """What a test wants the SMSC to do; without more it takes and delivers everything.

    :ivar bind_status: with which binds are refused, if not 0.
    :ivar answer: status for a message before it is taken; ``None``: it is taken, and the answer is
        never sent.
    :ivar cut: whether the connection is lost when a message has been taken, before its answer.
    :ivar new_id: gives the id of the n-th message, from 1.
    :ivar receipt_id: how receipts spell an id.
    :ivar fate: how a message ends that a phone took or that needs none; ``None``: no receipt comes.
    :ivar receipt_seconds: from the end of a message to its receipt.
    :ivar delay_seconds: from taking a message to its answer.
    :ivar answers_queries: whether query_sm is answered.
    """

    bind_status: int = CommandStatus.ESME_ROK
    answer: Callable[[Pdu], int | None] = lambda _pdu: CommandStatus.ESME_ROK
    cut: Callable[[KeptMessage], bool] = lambda _message: False
    new_id: Callable[[int], str] = "{:010d}".format
    receipt_id: Callable[[str], str] = str
    receipt_form: ReceiptForm = ReceiptForm.BOTH
    fate: Callable[[KeptMessage], MessageState | None] = lambda _message: MessageState.DELIVERED
    receipt_seconds: float = 0.0
    delay_seconds: float = 0.0
    answers_queries: bool = True
