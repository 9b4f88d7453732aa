"""The service primitives of WSP in connection mode (WSP 6.3), of both ends.

``push_id`` and ``method_id`` are integers that name a push or a method within the session: the
requester chooses them where it makes the request, the provider where it indicates one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from omapush.protocols.wsp.assigned_numbers import AbortReason
from omapush.protocols.wsp.capabilities import Capabilities
from omapush.protocols.wsp.headers import Header
from omapush.protocols.wsp.pdu import Get, Post, Redirect, Reply
from omapush.protocols.wtp.codes import AbortReason as WtpAbortReason

USER_REASONS = 0xE0
"""Reasons from here on are WSP's (WSP 8.4.4); those below are WTP's own."""


def reason_name(reason: int) -> str:
    """Return a reason's name in the specifications, its number if it has none."""
    register = AbortReason if reason >= USER_REASONS else WtpAbortReason
    return register(reason).name if reason in set(register) else hex(reason)


# -- requests and responses of a client --


@dataclass(frozen=True, slots=True)
class SConnectReq:
    """S-Connect.req: ask for a session."""

    capabilities: Capabilities = Capabilities()
    headers: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True)
class SSuspendReq:
    """S-Suspend.req: let the session rest."""


@dataclass(frozen=True, slots=True)
class SResumeReq:
    """S-Resume.req: go on.

    :ivar address_changed: the client now speaks from another address, or to one.
    """

    headers: tuple[Header, ...] = ()
    address_changed: bool = False


@dataclass(frozen=True, slots=True)
class SConfirmedPushRes:
    """S-ConfirmedPush.res: the application has taken the push.

    :ivar headers: acknowledgement headers, which go out if they were negotiated.
    """

    push_id: int
    headers: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True)
class SPushAbortReq:
    """S-PushAbort.req: the application does not take the push; USERREQ to USERDCU."""

    push_id: int
    reason: int


@dataclass(frozen=True, slots=True)
class SMethodInvokeReq:
    """S-MethodInvoke.req: ask the server something."""

    method_id: int
    method: Get | Post


@dataclass(frozen=True, slots=True)
class SMethodResultRes:
    """S-MethodResult.res: the reply was taken."""

    method_id: int
    headers: tuple[Header, ...] = ()


# -- requests and responses of a server --


@dataclass(frozen=True, slots=True)
class SConnectRes:
    """S-Connect.res: grant the session.

    :ivar capabilities: what the server can and will do, where it differs from its settings.
    """

    headers: tuple[Header, ...] = ()
    capabilities: Capabilities | None = None


@dataclass(frozen=True, slots=True)
class SResumeRes:
    """S-Resume.res: the session may go on."""

    headers: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True)
class SPushReq:
    """S-Push.req: send without confirmation."""

    push_id: int
    headers: tuple[Header, ...]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class SConfirmedPushReq:
    """S-ConfirmedPush.req: send and learn whether the client's user took it."""

    push_id: int
    headers: tuple[Header, ...]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class SMethodResultReq:
    """S-MethodResult.req: answer a method."""

    method_id: int
    reply: Reply


# -- of both --


@dataclass(frozen=True, slots=True)
class SDisconnectReq:
    """S-Disconnect.req: end the session.

    :ivar answer: how a server refuses a session that is only asked for; 503 if it does not say.
    """

    answer: Reply | Redirect | None = None


@dataclass(frozen=True, slots=True)
class SMethodAbortReq:
    """S-MethodAbort.req: end a method."""

    method_id: int


ClientRequest: TypeAlias = (
    SConnectReq
    | SSuspendReq
    | SResumeReq
    | SDisconnectReq
    | SConfirmedPushRes
    | SPushAbortReq
    | SMethodInvokeReq
    | SMethodResultRes
    | SMethodAbortReq
)
ServerRequest: TypeAlias = (
    SConnectRes
    | SResumeRes
    | SDisconnectReq
    | SPushReq
    | SConfirmedPushReq
    | SMethodResultReq
    | SMethodAbortReq
)


# -- indications and confirmations --


@dataclass(frozen=True, slots=True)
class SConnectInd:
    """S-Connect.ind: a client asks for a session; ``capabilities`` are what it proposes."""

    capabilities: Capabilities
    headers: tuple[Header, ...]


@dataclass(frozen=True, slots=True)
class SConnectCnf:
    """S-Connect.cnf: the session is there; ``capabilities`` are what holds, nothing ``None``."""

    session_id: int
    capabilities: Capabilities
    headers: tuple[Header, ...]


@dataclass(frozen=True, slots=True)
class SDisconnectInd:
    """S-Disconnect.ind: there is no session any more.

    :ivar reason: a reason of WSP, or of WTP below 0xE0.
    :ivar answer: what the server said instead of granting it, if it said something.
    """

    reason: int
    answer: Reply | Redirect | None = None


@dataclass(frozen=True, slots=True)
class SSuspendInd:
    """S-Suspend.ind: the session rests, and may be resumed."""

    reason: int


@dataclass(frozen=True, slots=True)
class SResumeInd:
    """S-Resume.ind: the client wants to go on."""

    headers: tuple[Header, ...]


@dataclass(frozen=True, slots=True)
class SResumeCnf:
    """S-Resume.cnf: the session goes on."""

    headers: tuple[Header, ...]


@dataclass(frozen=True, slots=True)
class SPushInd:
    """S-Push.ind: content came."""

    headers: tuple[Header, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class SPushSent:
    """An unconfirmed push has left: nothing more will be known of it. No primitive of WSP."""

    push_id: int


@dataclass(frozen=True, slots=True)
class SConfirmedPushInd:
    """S-ConfirmedPush.ind: content came and somebody must answer for it."""

    push_id: int
    headers: tuple[Header, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class SConfirmedPushCnf:
    """S-ConfirmedPush.cnf: the client's user took it."""

    push_id: int
    headers: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True)
class SPushAbortInd:
    """S-PushAbort.ind: the push failed.

    :ivar reason: a reason of WSP, or of WTP below 0xE0.
    :ivar by_peer: the client said so; it was not delivered.
    :ivar sent: it has left; unless ``by_peer`` it may have been delivered all the same.
    """

    push_id: int
    reason: int
    by_peer: bool = False
    sent: bool = True


@dataclass(frozen=True, slots=True)
class SMethodInvokeInd:
    """S-MethodInvoke.ind: a client asks something."""

    method_id: int
    method: Get | Post


@dataclass(frozen=True, slots=True)
class SMethodInvokeCnf:
    """S-MethodInvoke.cnf: the server has the method."""

    method_id: int


@dataclass(frozen=True, slots=True)
class SMethodResultInd:
    """S-MethodResult.ind: the server's reply."""

    method_id: int
    reply: Reply


@dataclass(frozen=True, slots=True)
class SMethodResultCnf:
    """S-MethodResult.cnf: the client has the reply."""

    method_id: int
    headers: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True)
class SMethodAbortInd:
    """S-MethodAbort.ind: the method failed."""

    method_id: int
    reason: int


@dataclass(frozen=True, slots=True)
class SessionTrouble:
    """Something a peer sent was refused or ignored. No primitive of WSP; for logs.

    :ivar layer: ``wtp`` or ``wsp``. :ivar reason: in words.
    """

    layer: str
    reason: str
    position: int | None = None


ClientIndication: TypeAlias = (
    SConnectCnf
    | SDisconnectInd
    | SSuspendInd
    | SResumeCnf
    | SPushInd
    | SConfirmedPushInd
    | SPushAbortInd
    | SMethodInvokeCnf
    | SMethodResultInd
    | SMethodAbortInd
    | SessionTrouble
)
ServerIndication: TypeAlias = (
    SConnectInd
    | SDisconnectInd
    | SSuspendInd
    | SResumeInd
    | SPushSent
    | SConfirmedPushCnf
    | SPushAbortInd
    | SMethodInvokeInd
    | SMethodResultCnf
    | SMethodAbortInd
    | SessionTrouble
)
