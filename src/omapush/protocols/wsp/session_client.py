"""The session of a client with one server (WSP 7.1.5): what the rows of its table ask and do.

:class:`WspClient` is a sans-IO machine with its own WTP endpoint. Its methods and pushes
have states of their own, in ``session_client_calls``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from omapush.core.errors import DecodeError, EncodeError
from omapush.core.instants import Instant
from omapush.protocols.wsp.assigned_numbers import AbortReason
from omapush.protocols.wsp.capabilities import Capabilities, ProtocolOption, in_force
from omapush.protocols.wsp.headers import Header, encode_headers
from omapush.protocols.wsp.pdu import (
    ConfirmedPush,
    Connect,
    ConnectReply,
    Disconnect,
    Pdu,
    Push,
    Redirect,
    Reply,
    Resume,
    Suspend,
)
from omapush.protocols.wsp.pdu_codec import decode_pdu, encode_pdu
from omapush.protocols.wsp.profile import HeaderProfile
from omapush.protocols.wsp.session_client_calls import ClientMethods, ClientPushes
from omapush.protocols.wsp.session_primitives import (
    ClientIndication,
    ClientRequest,
    SConfirmedPushRes,
    SConnectCnf,
    SConnectReq,
    SDisconnectInd,
    SDisconnectReq,
    SessionTrouble,
    SMethodAbortReq,
    SMethodInvokeReq,
    SMethodResultRes,
    SPushAbortReq,
    SPushInd,
    SResumeCnf,
    SResumeReq,
    SSuspendInd,
    SSuspendReq,
)
from omapush.protocols.wsp.session_states import CLIENT_TABLE as TABLE
from omapush.protocols.wsp.session_states import ClientAction as Action
from omapush.protocols.wsp.session_states import ClientEvent as Event
from omapush.protocols.wsp.session_states import ClientGuard as Guard
from omapush.protocols.wsp.session_states import ClientState as State
from omapush.protocols.wsp.session_transactions import (
    Transaction,
    TransactionPort,
    aborts_session,
    profile_of,
    suspends_session,
)
from omapush.protocols.wtp.codes import TransactionClass
from omapush.protocols.wtp.endpoint import WtpEndpoint
from omapush.protocols.wtp.primitives import (
    DatagramDropped,
    Handle,
    Indication,
    Request,
    SendDatagram,
    TrAbortInd,
    TrInvokeCnf,
    TrInvokeInd,
    TrInvokeReq,
    TrResultInd,
)
from omapush.protocols.wtp.settings import WtpSettings
from omapush.protocols.wtp.table import take_row
from omapush.protocols.wtp.tid import TransactionIdCache


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What a client bears.

    :ivar transaction_id_lifetime_ms: how long the server's last identifier is remembered; longer
        than WTP remembers a finished transaction.
    :ivar maximum_methods: methods open at once, whatever the server allows.
    """

    wtp: WtpSettings = field(default_factory=lambda: WtpSettings(class_2_responder=False))
    transaction_id_lifetime_ms: int = 300_000
    maximum_methods: int = 16


@dataclass(frozen=True, slots=True)
class Cause:
    """When an event happened and what came with it."""

    now: Instant
    transaction: Transaction | None = None
    pdu: Pdu | None = None
    request: ClientRequest | None = None
    reason: int = AbortReason.DISCONNECT


class _ServerPort(TransactionPort):
    """WTP with the server, at the address that is in use."""

    def __init__(self, endpoint: WtpEndpoint) -> None:
        self.endpoint = endpoint
        self._handles = itertools.count(1)

    @property
    def address(self) -> Hashable:
        return None

    def invoke(
        self, owner: object, transaction_class: int, data: bytes, now: Instant
    ) -> Transaction:
        handle = Handle(next(self._handles))
        self.endpoint.request(TrInvokeReq(handle, transaction_class, data), now)
        return Transaction(self, handle)

    def request(self, primitive: Request, now: Instant) -> None:
        self.endpoint.request(primitive, now)

    def own(self, owner: object, handle: Handle) -> None:
        """Nothing: there is one session."""

    def release(self, handle: Handle) -> None:
        """Nothing: what is not known any more is ignored."""


class WspClient:
    """Sans-IO machine: primitives and datagrams with ``now`` in, effects and indications out.

    :param started: since when everything was seen that came (see ``TransactionIdCache``).
    :param first_transaction_id: 0 to 0x7FFF; better not the same after every start.
    :ivar session_id: as the server named it.
    :ivar agreed: the capabilities that hold, nothing ``None``.
    """

    def __init__(
        self, settings: ClientSettings, started: Instant, first_transaction_id: int = 0
    ) -> None:
        self.state = State.NULL
        self.session_id = 0
        self.agreed = in_force(Capabilities(), Capabilities())
        self._settings = settings
        self._transaction_ids = TransactionIdCache(2, settings.transaction_id_lifetime_ms, started)
        self._path = 0
        self._port = self._new_port(first_transaction_id)
        self._proposed = Capabilities()
        self._profile = HeaderProfile()
        self._main: Transaction | None = None
        self._pushes = ClientPushes(self._tell)
        self._methods = ClientMethods(self._tell)
        self._effects: list[SendDatagram] = []
        self._indications: list[ClientIndication] = []

    # -- the machine's outside --

    def request(self, primitive: ClientRequest, now: Instant) -> None:
        """Take a primitive of the user; one that the state does not allow does nothing.

        :raises EncodeError: S-Connect.req, S-Resume.req or S-MethodInvoke.req with headers that
            cannot be written.
        """
        match primitive:
            case SConfirmedPushRes(push_id=push_id, headers=headers):
                self._pushes.confirm(push_id, self._exit_info(headers), now)
            case SPushAbortReq(push_id=push_id, reason=reason):
                self._pushes.refuse(push_id, reason, now)
            case SMethodResultRes(method_id=method_id, headers=headers):
                self._methods.take_reply(method_id, self._exit_info(headers), now)
            case SMethodAbortReq(method_id=method_id):
                self._methods.abort(method_id, now)
            case _:
                self._handle(_REQUEST_EVENTS[type(primitive)], Cause(now, request=primitive))
        self._settle(now)

    def receive(self, datagram: bytes, now: Instant) -> None:
        """Take a datagram of the server, whatever it holds; nothing is raised for it."""
        self._port.endpoint.receive(datagram, now)
        self._settle(now)

    def suspend(self, now: Instant) -> None:
        """The pseudo-event Suspend: the bearer is gone for a while."""
        self._handle(Event.SUSPEND, Cause(now))
        self._settle(now)

    def disconnect(self, now: Instant) -> None:
        """The pseudo-event Disconnect: the session is to end without a word."""
        self._handle(Event.DISCONNECT, Cause(now))
        self._settle(now)

    def next_timer(self) -> Instant | None:
        """Return when :meth:`handle_timer` is to be called, ``None`` for never."""
        return self._port.endpoint.next_timer()

    def handle_timer(self, now: Instant) -> None:
        """Do what is due."""
        self._port.endpoint.handle_timer(now)
        self._settle(now)

    def effects(self) -> list[SendDatagram]:
        """Return and forget the datagrams to be sent, in order."""
        effects, self._effects = self._effects, []
        return effects

    def indications(self) -> list[ClientIndication]:
        """Return and forget what the user is to be told, in order."""
        told, self._indications = self._indications, []
        return told

    # -- what WTP says --

    def _settle(self, now: Instant) -> None:
        while True:
            port = self._port
            self._effects += port.endpoint.effects()
            indications = port.endpoint.indications()
            if not indications:
                return
            for indication in indications:
                self._take(port, indication, now)

    def _take(self, port: _ServerPort, indication: Indication, now: Instant) -> None:
        if isinstance(indication, DatagramDropped):
            self._tell(SessionTrouble("wtp", indication.reason, indication.position))
            return
        transaction = Transaction(port, indication.handle)
        match indication:
            case TrInvokeInd():
                self._invoked(transaction, indication, now)
            case TrAbortInd():
                self._aborted(transaction, indication, now)
            case TrResultInd():
                self._answered(transaction, indication, now)
            case TrInvokeCnf():
                self._methods.invoked(transaction)

    def _invoked(self, transaction: Transaction, indication: TrInvokeInd, now: Instant) -> None:
        is_reliable = indication.transaction_class != TransactionClass.UNRELIABLE
        limit = self.agreed.client_sdu_size
        reason: AbortReason | None = None
        if limit and len(indication.data) > limit:
            self._tell(SessionTrouble("wsp", f"an SDU of over {limit} octets"))
            reason = AbortReason.MRUEXCEEDED
        else:
            pdu = self._read(indication.data)
            event = _INVOKE_EVENTS.get((indication.transaction_class, type(pdu)))
            handled = event is not None and self._is_mine(pdu)
            if (
                event is None
                or not handled
                or not self._handle(event, Cause(now, transaction, pdu))
            ):
                reason = AbortReason.PROTOERR
                if self.state is State.NULL:
                    reason = AbortReason.DISCONNECT
        if reason is not None and is_reliable:
            transaction.abort(reason, now)

    def _is_mine(self, pdu: Pdu | None) -> bool:
        # A Disconnect of an earlier session may still be under way.
        return not isinstance(pdu, Disconnect) or pdu.session_id == self.session_id

    def _answered(self, transaction: Transaction, indication: TrResultInd, now: Instant) -> None:
        limit = self.agreed.client_sdu_size
        too_large = bool(limit) and len(indication.data) > (limit or 0)
        pdu = None if too_large else self._read(indication.data)
        if transaction == self._main:
            event = Event.TOO_LARGE if too_large else self._answer_event(pdu)
            self._handle(event, Cause(now, transaction, pdu))
        else:
            reason = AbortReason.MRUEXCEEDED if too_large else AbortReason.PROTOERR
            self._methods.answered(transaction, pdu, reason, now)

    def _answer_event(self, pdu: Pdu | None) -> Event:
        match pdu:
            case ConnectReply() if self._agrees(pdu):
                return Event.CONNECT_REPLY
            case Reply(status=200):
                return Event.REPLY_200
            case Reply() | Redirect():
                return Event.REFUSED
        return Event.OTHER

    def _agrees(self, reply: ConnectReply) -> bool:
        """Tell whether the server granted no more than was asked for (WSP 6.1)."""
        try:
            in_force(self._proposed, reply.capabilities)
        except DecodeError as error:
            self._tell(SessionTrouble("wsp", error.reason))
            return False
        return True

    def _aborted(self, transaction: Transaction, indication: TrAbortInd, now: Instant) -> None:
        if transaction == self._main:
            self._handle(Event.MAIN_ABORTED, Cause(now, reason=indication.reason))
        elif transaction not in self._pushes and transaction not in self._methods:
            return
        elif aborts_session(indication):
            self._handle(Event.DISCONNECT, Cause(now))
        elif suspends_session(indication):
            self._handle(Event.SUSPEND, Cause(now))
        elif transaction in self._pushes:
            self._pushes.aborted(transaction, indication)
        else:
            self._methods.aborted(transaction, indication)

    def _read(self, sdu: bytes) -> Pdu | None:
        try:
            return decode_pdu(sdu, tolerant=True)
        except DecodeError as error:
            position = error.position if isinstance(error.position, int) else None
            self._tell(SessionTrouble("wsp", error.reason, position))
            return None

    # -- pushes and methods --

    def _new_push(self, cause: Cause) -> None:
        if cause.transaction is not None and isinstance(cause.pdu, ConfirmedPush):
            most = self.agreed.push_mor or 0
            self._pushes.add(cause.transaction, cause.pdu, most, cause.now)

    def _exit_info(self, headers: tuple[Header, ...]) -> bytes:
        if not headers or not self._has(ProtocolOption.ACKNOWLEDGEMENT_HEADERS):
            return b""
        try:
            exit_info = encode_headers(headers, self._profile)
        except EncodeError:
            return b""
        return exit_info if len(exit_info) <= _MAX_EXIT_INFO else b""

    def _new_method(self, cause: Cause) -> None:
        request = cause.request
        if not isinstance(request, SMethodInvokeReq):
            return
        most = min(self.agreed.method_mor or 0, self._settings.maximum_methods)
        if self._methods.may_add(request.method_id, most):
            sdu = encode_pdu(request.method, self._profile)
            transaction = self._invoke(TransactionClass.RESULT, sdu, cause.now)
            self._methods.add(transaction, request.method_id)

    # -- actions --

    def _handle(self, event: Event, cause: Cause) -> bool:
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

    def _tell(self, indication: ClientIndication) -> None:
        self._indications.append(indication)

    def _invoke(self, transaction_class: TransactionClass, sdu: bytes, now: Instant) -> Transaction:
        return self._port.invoke(self, transaction_class, sdu, now)

    def _send_connect(self, cause: Cause) -> None:
        request = cause.request
        if isinstance(request, SConnectReq):
            sdu = encode_pdu(Connect(request.capabilities, request.headers))
            self._proposed = request.capabilities
            self.agreed = in_force(Capabilities(), Capabilities())
            self._profile = HeaderProfile()
            self._main = self._invoke(TransactionClass.RESULT, sdu, cause.now)

    def _send_resume(self, cause: Cause) -> None:
        headers = cause.request.headers if isinstance(cause.request, SResumeReq) else ()
        sdu = encode_pdu(Resume(self.session_id, headers), self._profile)
        self._main = self._invoke(TransactionClass.RESULT, sdu, cause.now)

    def _send_disconnect(self, cause: Cause) -> None:
        sdu = encode_pdu(Disconnect(self.session_id))
        self._invoke(TransactionClass.UNRELIABLE, sdu, cause.now)

    def _send_suspend(self, cause: Cause) -> None:
        sdu = encode_pdu(Suspend(self.session_id))
        self._invoke(TransactionClass.UNRELIABLE, sdu, cause.now)

    def _bind(self, cause: Cause) -> None:
        if isinstance(cause.request, SResumeReq) and cause.request.address_changed:
            # What the old endpoint still wants to send would leave from the new address.
            self._port = self._new_port(self._port.endpoint.next_transaction_id)

    def _new_port(self, first_transaction_id: int) -> _ServerPort:
        self._path += 1
        return _ServerPort(
            WtpEndpoint(self._settings.wtp, self._transaction_ids, self._path, first_transaction_id)
        )

    def _indicate_push(self, cause: Cause) -> None:
        if isinstance(cause.pdu, Push):
            self._tell(SPushInd(cause.pdu.headers, cause.pdu.body))

    def _take_result(self, cause: Cause) -> None:
        if self._main is not None:
            self._main.take_answer(cause.now)
            self._main = None

    def _confirm_connect(self, cause: Cause) -> None:
        if isinstance(cause.pdu, ConnectReply):
            self.session_id = cause.pdu.session_id
            self.agreed = in_force(self._proposed, cause.pdu.capabilities)
            self._profile = profile_of(cause.pdu.headers)
            self._tell(SConnectCnf(self.session_id, self.agreed, cause.pdu.headers))

    def _confirm_resume(self, cause: Cause) -> None:
        if isinstance(cause.pdu, Reply):
            self._tell(SResumeCnf(cause.pdu.headers))

    def _refuse_proto_error(self, cause: Cause) -> None:
        if cause.transaction is not None:
            cause.transaction.abort(AbortReason.PROTOERR, cause.now)

    def _refuse_suspend(self, cause: Cause) -> None:
        if cause.transaction is not None:
            cause.transaction.abort(AbortReason.SUSPEND, cause.now)

    def _abort_main(self, reason: AbortReason, now: Instant) -> None:
        if self._main is not None:
            self._main.abort(reason, now)
            self._main = None

    def _forget_main(self, cause: Cause) -> None:
        self._main = None

    def _abort_all(self, reason: AbortReason, now: Instant) -> None:
        self._pushes.abort_all(reason, now)
        self._methods.abort_all(reason, now)

    def _end_with_answer(self, cause: Cause) -> None:
        said = cause.pdu if isinstance(cause.pdu, Reply | Redirect) else None
        self._tell(SDisconnectInd(AbortReason.CONNECTERR, said))

    # -- what rows ask --

    def _has(self, facility: ProtocolOption) -> bool:
        return bool((self.agreed.protocol_options or ProtocolOption(0)) & facility)

    _GUARDS: ClassVar[Mapping[Guard, Callable[[WspClient, Cause], bool]]] = {
        Guard.CAN_RESUME: lambda self, _: self._has(ProtocolOption.SESSION_RESUME),
        Guard.CAN_PUSH: lambda self, _: self._has(ProtocolOption.PUSH),
        Guard.CAN_CONFIRM: lambda self, _: self._has(ProtocolOption.CONFIRMED_PUSH),
        Guard.REASON_DISCONNECT: lambda _, cause: cause.reason == AbortReason.DISCONNECT,
    }

    _ACTIONS: ClassVar[Mapping[Action, Callable[[WspClient, Cause], None]]] = {
        Action.SEND_CONNECT: _send_connect,
        Action.SEND_RESUME: _send_resume,
        Action.SEND_DISCONNECT: _send_disconnect,
        Action.SEND_SUSPEND: _send_suspend,
        Action.BIND: _bind,
        Action.NEW_METHOD: _new_method,
        Action.INDICATE_PUSH: _indicate_push,
        Action.NEW_PUSH: _new_push,
        Action.TAKE_RESULT: _take_result,
        Action.CONFIRM_CONNECT: _confirm_connect,
        Action.CONFIRM_RESUME: _confirm_resume,
        Action.REFUSE_PROTOERR: _refuse_proto_error,
        Action.REFUSE_SUSPEND: _refuse_suspend,
        Action.FORGET_MAIN: _forget_main,
        Action.ENDED_ANSWER: _end_with_answer,
        Action.ENDED_REASON: lambda self, cause: self._tell(SDisconnectInd(cause.reason)),
        Action.RESTS_REASON: lambda self, cause: self._tell(SSuspendInd(cause.reason)),
    }


_MAIN_ABORTS = {
    Action.MAIN_DISCONNECT: AbortReason.DISCONNECT,
    Action.MAIN_SUSPEND: AbortReason.SUSPEND,
    Action.MAIN_PROTOERR: AbortReason.PROTOERR,
    Action.MAIN_MRUEXCEEDED: AbortReason.MRUEXCEEDED,
}

_ABORTS_OF_ALL = {
    Action.ALL_DISCONNECT: AbortReason.DISCONNECT,
    Action.ALL_SUSPEND: AbortReason.SUSPEND,
    Action.ALL_CONNECTERR: AbortReason.CONNECTERR,
    Action.ALL_USERREQ: AbortReason.USERREQ,
}

_ENDS = {
    Action.ENDED_USERREQ: AbortReason.USERREQ,
    Action.ENDED_DISCONNECT: AbortReason.DISCONNECT,
    Action.ENDED_SUSPEND: AbortReason.SUSPEND,
    Action.ENDED_PROTOERR: AbortReason.PROTOERR,
    Action.ENDED_MRUEXCEEDED: AbortReason.MRUEXCEEDED,
}

_RESTS = {
    Action.RESTS_USERREQ: AbortReason.USERREQ,
    Action.RESTS_SUSPEND: AbortReason.SUSPEND,
    Action.RESTS_PROTOERR: AbortReason.PROTOERR,
    Action.RESTS_MRUEXCEEDED: AbortReason.MRUEXCEEDED,
}

_MAX_EXIT_INFO = 0xFF
"""Octets that an Info TPI holds."""

_REQUEST_EVENTS = {
    SConnectReq: Event.S_CONNECT_REQ,
    SDisconnectReq: Event.S_DISCONNECT_REQ,
    SSuspendReq: Event.S_SUSPEND_REQ,
    SResumeReq: Event.S_RESUME_REQ,
    SMethodInvokeReq: Event.S_METHOD_REQ,
}

_INVOKE_EVENTS: dict[tuple[int, type[object]], Event] = {
    (TransactionClass.UNRELIABLE, Disconnect): Event.SERVER_DISCONNECT,
    (TransactionClass.UNRELIABLE, Push): Event.PUSH,
    (TransactionClass.RELIABLE, ConfirmedPush): Event.CONFIRMED_PUSH,
}
"""What a server's Invoke of that class and content is; nothing else is one (WSP 7.1.3)."""
