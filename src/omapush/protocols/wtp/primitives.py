"""The service primitives of WTP (WAP-224, 5.3) and what an endpoint wants done.

A :data:`Handle` names one transaction at this endpoint. The user chooses a positive one in
TR-Invoke.req; the endpoint chooses negative ones for transactions that the peer began.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType, TypeAlias

from omapush.protocols.wtp.codes import AbortReason, AbortType

Handle = NewType("Handle", int)
"""Names a transaction at one endpoint while it is open."""


@dataclass(frozen=True, slots=True)
class TrInvokeReq:
    """TR-Invoke.req: begin a transaction.

    :ivar handle: positive, and of no other open transaction.
    :ivar user_acknowledgement: the peer shall acknowledge only when its user has answered.
    :ivar maximum_receive_unit: octets that are taken as the result, told to the responder.
    """

    handle: Handle
    transaction_class: int
    data: bytes
    user_acknowledgement: bool = True
    maximum_receive_unit: int | None = None


@dataclass(frozen=True, slots=True)
class TrInvokeRes:
    """TR-Invoke.res: the user has taken the Invoke; ``exit_info`` (class 1) goes into the Ack."""

    handle: Handle
    exit_info: bytes = b""


@dataclass(frozen=True, slots=True)
class TrResultReq:
    """TR-Result.req: answer an Invoke of class 2."""

    handle: Handle
    data: bytes


@dataclass(frozen=True, slots=True)
class TrResultRes:
    """TR-Result.res: the user has taken the Result; ``exit_info`` goes into the Ack."""

    handle: Handle
    exit_info: bytes = b""


@dataclass(frozen=True, slots=True)
class TrAbortReq:
    """TR-Abort.req: end the transaction; ``reason`` is of the user's own numbers, one octet."""

    handle: Handle
    reason: int


Request: TypeAlias = TrInvokeReq | TrInvokeRes | TrResultReq | TrResultRes | TrAbortReq


@dataclass(frozen=True, slots=True)
class TrInvokeInd:
    """TR-Invoke.ind: the peer sent this. Of class 0 the transaction is already over.

    :ivar maximum_receive_unit: octets that the peer takes as the result, if it said so.
    """

    handle: Handle
    transaction_class: int
    data: bytes
    user_acknowledgement: bool
    maximum_receive_unit: int | None = None


@dataclass(frozen=True, slots=True)
class TrInvokeCnf:
    """TR-Invoke.cnf: the peer has the Invoke. Of class 1 the transaction is over."""

    handle: Handle
    exit_info: bytes = b""


@dataclass(frozen=True, slots=True)
class TrResultInd:
    """TR-Result.ind: the peer's answer."""

    handle: Handle
    data: bytes


@dataclass(frozen=True, slots=True)
class TrResultCnf:
    """TR-Result.cnf: the peer has the Result; the transaction is over."""

    handle: Handle
    exit_info: bytes = b""


@dataclass(frozen=True, slots=True)
class TrAbortInd:
    """TR-Abort.ind: the transaction is over and failed.

    :ivar by_peer: the peer said so; otherwise this endpoint gave up.
    """

    handle: Handle
    abort_type: int
    reason: int
    by_peer: bool = False

    @property
    def by_user(self) -> bool:
        """Whether ``reason`` is of the peer's user, not of a provider."""
        return self.abort_type == AbortType.USER


@dataclass(frozen=True, slots=True)
class DatagramDropped:
    """Something of a datagram was refused or ignored.

    :ivar reason: what was wrong with it, in words.
    :ivar position: octet of the datagram at which that showed, if it is malformed.
    :ivar answered: the reason with which it was aborted, if it was.
    """

    reason: str
    position: int | None = None
    answered: AbortReason | None = None


Indication: TypeAlias = (
    TrInvokeInd | TrInvokeCnf | TrResultInd | TrResultCnf | TrAbortInd | DatagramDropped
)


@dataclass(frozen=True, slots=True)
class SendDatagram:
    """Effect: send these octets to the peer of this endpoint."""

    octets: bytes
