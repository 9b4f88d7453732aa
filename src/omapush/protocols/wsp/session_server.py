"""One session at the server (WSP 7.1.6): what the rows of its table ask and do.

``sessions`` finds the session that a transaction is of and calls :meth:`ServerSession.handle_event`
and its neighbours; this calls back through :class:`SessionOutlet`. Its methods and pushes have
states of their own: ``session_methods``, ``session_pushes``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol

from omapush.core.errors import EncodeError
from omapush.core.instants import Instant
from omapush.protocols.wsp.assigned_numbers import AbortReason
from omapush.protocols.wsp.capabilities import Capabilities, ProtocolOption, answer, in_force
from omapush.protocols.wsp.pdu import (
    Connect,
    ConnectReply,
    Disconnect,
    Get,
    Pdu,
    Post,
    Redirect,
    Reply,
    Resume,
)
from omapush.protocols.wsp.pdu_codec import encode_pdu
from omapush.protocols.wsp.profile import HeaderProfile
from omapush.protocols.wsp.session_methods import ServerMethods
from omapush.protocols.wsp.session_primitives import (
    SConfirmedPushReq,
    SConnectInd,
    SConnectRes,
    SDisconnectInd,
    SDisconnectReq,
    ServerIndication,
    ServerRequest,
    SMethodAbortReq,
    SMethodResultReq,
    SPushReq,
    SResumeInd,
    SResumeRes,
    SSuspendInd,
)
from omapush.protocols.wsp.session_pushes import ServerPushes
from omapush.protocols.wsp.session_states import SERVER_TABLE as TABLE
from omapush.protocols.wsp.session_states import ServerAction as Action
from omapush.protocols.wsp.session_states import ServerEvent as Event
from omapush.protocols.wsp.session_states import ServerGuard as Guard
from omapush.protocols.wsp.session_states import ServerState as State
from omapush.protocols.wsp.session_transactions import (
    Transaction,
    TransactionPort,
    aborts_session,
    profile_of,
    suspends_session,
)
from omapush.protocols.wtp.codes import TransactionClass
from omapush.protocols.wtp.primitives import (
    Indication,
    TrAbortInd,
    TrInvokeCnf,
    TrResultCnf,
)
from omapush.protocols.wtp.table import take_row

UNAVAILABLE = Reply(503, (("Content-Type", "*/*"),))
"""How a session is refused when the user does not say how (WSP 8.2.2.4)."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What a server offers and bears.

    :ivar capabilities: what it can and will do, where that differs from WSP's defaults.
    :ivar refuse_methods: answer every method with 501 itself; the user hears of none.
    :ivar maximum_waiting_pushes: pushes of a session kept until the client may get them.
    """

    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(
            protocol_options=ProtocolOption.PUSH
            | ProtocolOption.CONFIRMED_PUSH
            | ProtocolOption.SESSION_RESUME
            | ProtocolOption.ACKNOWLEDGEMENT_HEADERS,
            client_sdu_size=0,
            push_mor=8,
        )
    )
    refuse_methods: bool = True
    maximum_waiting_pushes: int = 64


class SessionOutlet(Protocol):
    """Where sessions leave what they want done: the server."""

    settings: ServerSettings

    def tell(self, session: ServerSession, indication: ServerIndication) -> None:
        """Tell the user."""

    def replace_others(self, session: ServerSession, port: TransactionPort, now: Instant) -> None:
        """End every other session with that peer."""

    def bind(self, session: ServerSession, port: TransactionPort) -> None:
        """Have ``session`` be the one with that peer, and no longer with the one it has now."""


@dataclass(frozen=True, slots=True)
class Cause:
    """When an event happened and what came with it."""

    now: Instant
    transaction: Transaction | None = None
    pdu: Pdu | None = None
    request: ServerRequest | None = None
    reason: int = AbortReason.DISCONNECT


class ServerSession:
    """State of one session.

    :ivar session_id: as the client names it.
    :ivar port: WTP with the peer that it is bound to, ``None`` before the first.
    :ivar asking_port: WTP with the peer that asks for it or wants to resume it.
    :ivar address: of the peer that was heard last.
    :ivar agreed: the capabilities that hold, nothing ``None`` once granted.
    """

    def __init__(self, outlet: SessionOutlet, session_id: int) -> None:
        self.session_id = session_id
        self.state = State.NULL
        self.port: TransactionPort | None = None
        self.asking_port: TransactionPort | None = None
        self.address: Hashable = None
        self.agreed = in_force(Capabilities(), Capabilities())
        self._outlet = outlet
        self._main: Transaction | None = None
        self._proposed = Capabilities()
        self._profile = HeaderProfile()
        settings = outlet.settings
        self._methods = ServerMethods(self, self._tell, refuse=settings.refuse_methods)
        self._pushes = ServerPushes(self, self._tell, settings.maximum_waiting_pushes)

    @property
    def has_ended(self) -> bool:
        """Whether nothing is to be remembered any more."""
        return self.state is State.NULL

    # -- what happens to it --

    def request(self, primitive: ServerRequest, now: Instant) -> None:
        """Take a primitive of the user; one that the state does not allow does nothing.

        A push always comes to an end of its own, whatever the state.
        """
        match primitive:
            case SMethodResultReq(method_id=method_id, reply=reply):
                self._methods.answer(method_id, reply, self.agreed, self._profile, now)
            case SMethodAbortReq(method_id=method_id):
                self._methods.abort(method_id, now)
            case SPushReq() | SConfirmedPushReq():
                if not self.handle_event(Event.S_PUSH_REQ, Cause(now, request=primitive)):
                    self._pushes.refuse(primitive.push_id, AbortReason.DISCONNECT)
            case _:
                self.handle_event(_REQUEST_EVENTS[type(primitive)], Cause(now, request=primitive))

    def handle_event(self, event: Event, cause: Cause) -> bool:
        """Do what the table says; return whether it says anything."""
        following = take_row(
            TABLE,
            self.state,
            event,
            lambda guard: self._GUARDS[guard](self, cause),
            lambda action: self._act(action, cause),
        )
        if following is None:
            return False
        self.state = following
        return True

    def _act(self, action: Action, cause: Cause) -> None:
        if action in _MAIN_ABORTS:
            self._abort_main(_MAIN_ABORTS[action], cause.now)
        elif action in _ABORTS_OF_ALL:
            self._abort_all(_ABORTS_OF_ALL[action], cause.now)
        elif action in _ENDS:
            self._tell(SDisconnectInd(_ENDS[action]))
        elif action in _RESTS:
            self._tell(SSuspendInd(_RESTS[action]))
        else:
            self._ACTIONS[action](self, cause)

    def handle_transaction(
        self, transaction: Transaction, indication: Indication, now: Instant
    ) -> None:
        """Take what WTP says of a transaction of this session."""
        if isinstance(indication, TrAbortInd):
            self._aborted(transaction, indication, now)
        elif isinstance(indication, TrResultCnf):
            if transaction == self._main:
                self.handle_event(Event.MAIN_CONFIRMED, Cause(now))
            else:
                self._methods.confirmed(transaction, indication)
        elif isinstance(indication, TrInvokeCnf) and transaction in self._pushes:
            self._pushes.confirmed(transaction, indication)
            self._send_waiting(now)

    def _aborted(self, transaction: Transaction, indication: TrAbortInd, now: Instant) -> None:
        if transaction == self._main:
            self.handle_event(Event.MAIN_ABORTED, Cause(now, reason=indication.reason))
        elif transaction not in self._pushes and transaction not in self._methods:
            return
        elif aborts_session(indication):
            self.handle_event(Event.DISCONNECT, Cause(now))
        elif suspends_session(indication):
            self.handle_event(Event.SUSPEND, Cause(now))
        elif transaction in self._pushes:
            self._pushes.aborted(transaction, indication)
            self._send_waiting(now)
        else:
            self._methods.aborted(transaction, indication.reason)

    def _tell(self, indication: ServerIndication) -> None:
        self._outlet.tell(self, indication)

    # -- pushes and methods --

    def _new_push(self, cause: Cause) -> None:
        if isinstance(cause.request, SPushReq | SConfirmedPushReq):
            self._pushes.add(cause.request, self.agreed)
            self._send_waiting(cause.now)

    def _send_waiting(self, now: Instant) -> None:
        # A push that overtakes ConnectReply would be aborted by the client (WSP 7.1.5, race note).
        if self.state is State.CONNECTED and self.port is not None:
            self._pushes.send_waiting(self.port, self.agreed, self._profile, now)

    def _new_method(self, cause: Cause) -> None:
        if cause.transaction is not None and isinstance(cause.pdu, Get | Post):
            self._methods.add(cause.transaction, cause.pdu, self.agreed, cause.now)

    def _release(self, cause: Cause) -> None:
        self._methods.release(self._profile, cause.now)

    # -- actions on the main transaction --

    def _take_invoke(self, cause: Cause) -> None:
        if cause.transaction is None:
            return
        cause.transaction.port.own(self, cause.transaction.handle)
        cause.transaction.acknowledge(cause.now)
        self._main = cause.transaction
        self.asking_port = cause.transaction.port
        self.address = self.asking_port.address

    def _indicate_connect(self, cause: Cause) -> None:
        if isinstance(cause.pdu, Connect):
            self._proposed = cause.pdu.capabilities
            self._profile = profile_of(cause.pdu.headers)
            self._tell(SConnectInd(self._proposed, cause.pdu.headers))

    def _indicate_resume(self, cause: Cause) -> None:
        if isinstance(cause.pdu, Resume):
            self._tell(SResumeInd(cause.pdu.headers))

    def _replace_others(self, cause: Cause) -> None:
        if self._main is not None:
            self._outlet.replace_others(self, self._main.port, cause.now)

    def _bind(self, cause: Cause) -> None:
        if self._main is not None:
            self._outlet.bind(self, self._main.port)
            self.port = self._main.port

    def _send_connect_reply(self, cause: Cause) -> None:
        response = cause.request
        if not isinstance(response, SConnectRes) or self._main is None:
            return
        own = response.capabilities or self._outlet.settings.capabilities
        answered = answer(self._proposed, own)
        self.agreed = in_force(self._proposed, answered)
        own_version = profile_of(response.headers, self._profile.encoding_version).encoding_version
        if own_version < self._profile.encoding_version:
            # WSP 8.4.2.70: what is said in the answer holds for both ends.
            self._profile = HeaderProfile(encoding_version=own_version)
        reply = ConnectReply(self.session_id, answered, response.headers)
        self._main.answer(self._encoded(reply), cause.now)

    def _send_resume_reply(self, cause: Cause) -> None:
        headers = cause.request.headers if isinstance(cause.request, SResumeRes) else ()
        if self._main is not None:
            self._main.answer(self._encoded(Reply(200, (*_NO_CONTENT, *headers))), cause.now)

    def _send_refusal(self, cause: Cause) -> None:
        said = cause.request.answer if isinstance(cause.request, SDisconnectReq) else None
        if self._main is not None:
            self._main.answer(self._encoded(said or UNAVAILABLE), cause.now)

    def _encoded(self, pdu: ConnectReply | Reply | Redirect) -> bytes:
        """Encode an answer; if the user's headers make that fail, without them.

        The same goes for echoes of capabilities that the client named by what is no name.
        """
        try:
            return encode_pdu(pdu, self._profile)
        except EncodeError:
            if isinstance(pdu, ConnectReply):
                known = replace(pdu.capabilities, unknown=())
                return encode_pdu(ConnectReply(pdu.session_id, known))
            return encode_pdu(Reply(200, _NO_CONTENT) if _is_granted(pdu) else UNAVAILABLE)

    def _abort_main(self, reason: int, now: Instant) -> None:
        if self._main is not None:
            self._main.abort(reason, now)
            self._main = None

    def _forget_main(self, cause: Cause) -> None:
        self._main = None

    # -- other actions --

    def _send_disconnect(self, cause: Cause) -> None:
        port = self.port
        if port is not None:
            sdu = encode_pdu(Disconnect(self.session_id))
            port.invoke(self, TransactionClass.UNRELIABLE, sdu, cause.now)

    def _release_pushes(self, cause: Cause) -> None:
        # The row's next state is CONNECTED; it is needed now.
        self.state = State.CONNECTED
        self._send_waiting(cause.now)

    def _refuse_disconnect(self, cause: Cause) -> None:
        if cause.transaction is not None:
            cause.transaction.abort(AbortReason.DISCONNECT, cause.now)

    def _refuse_suspend(self, cause: Cause) -> None:
        if cause.transaction is not None:
            cause.transaction.abort(AbortReason.SUSPEND, cause.now)

    def _abort_all(self, reason: AbortReason, now: Instant) -> None:
        self._methods.abort_all(reason, now)
        self._pushes.abort_all(reason, now)

    def _ended_reason(self, cause: Cause) -> None:
        self._tell(SDisconnectInd(cause.reason))

    def _rests_reason(self, cause: Cause) -> None:
        self._tell(SSuspendInd(cause.reason))

    # -- what rows ask --

    def _has(self, facility: ProtocolOption) -> bool:
        return bool((self.agreed.protocol_options or ProtocolOption(0)) & facility)

    def _can_resume(self, cause: Cause) -> bool:
        return self._has(ProtocolOption.SESSION_RESUME)

    def _is_reason_disconnect(self, cause: Cause) -> bool:
        return cause.reason == AbortReason.DISCONNECT

    _GUARDS: ClassVar[Mapping[Guard, Callable[[ServerSession, Cause], bool]]] = {
        Guard.CAN_RESUME: _can_resume,
        Guard.REASON_DISCONNECT: _is_reason_disconnect,
    }

    _ACTIONS: ClassVar[Mapping[Action, Callable[[ServerSession, Cause], None]]] = {
        Action.TAKE_INVOKE: _take_invoke,
        Action.INDICATE_CONNECT: _indicate_connect,
        Action.INDICATE_RESUME: _indicate_resume,
        Action.REPLACE_OTHERS: _replace_others,
        Action.BIND: _bind,
        Action.SEND_CONNECT_REPLY: _send_connect_reply,
        Action.SEND_RESUME_REPLY: _send_resume_reply,
        Action.SEND_REFUSAL: _send_refusal,
        Action.SEND_DISCONNECT: _send_disconnect,
        Action.RELEASE: _release,
        Action.RELEASE_PUSHES: _release_pushes,
        Action.NEW_METHOD: _new_method,
        Action.NEW_PUSH: _new_push,
        Action.REFUSE_DISCONNECT: _refuse_disconnect,
        Action.REFUSE_SUSPEND: _refuse_suspend,
        Action.FORGET_MAIN: _forget_main,
        Action.ENDED_REASON: _ended_reason,
        Action.RESTS_REASON: _rests_reason,
    }


_MAIN_ABORTS = {
    Action.MAIN_DISCONNECT: AbortReason.DISCONNECT,
    Action.MAIN_SUSPEND: AbortReason.SUSPEND,
    Action.MAIN_RESUME: AbortReason.RESUME,
}

_ABORTS_OF_ALL = {
    Action.ALL_DISCONNECT: AbortReason.DISCONNECT,
    Action.ALL_SUSPEND: AbortReason.SUSPEND,
    Action.ALL_RESUME: AbortReason.RESUME,
}

_ENDS = {
    Action.ENDED_USERREQ: AbortReason.USERREQ,
    Action.ENDED_DISCONNECT: AbortReason.DISCONNECT,
    Action.ENDED_SUSPEND: AbortReason.SUSPEND,
}

_RESTS = {
    Action.RESTS_SUSPEND: AbortReason.SUSPEND,
    Action.RESTS_RESUME: AbortReason.RESUME,
}

_NO_CONTENT = (("Content-Type", "*/*"),)

_REQUEST_EVENTS = {
    SConnectRes: Event.S_CONNECT_RES,
    SResumeRes: Event.S_RESUME_RES,
    SDisconnectReq: Event.S_DISCONNECT_REQ,
}


def _is_granted(pdu: Reply | Redirect) -> bool:
    return isinstance(pdu, Reply) and pdu.status == 200
