"""What moves a session, at the server and at the client (WSP 7.1, tables of session states).

The tables are read by the rule of :mod:`omapush.protocols.wtp.table`. "Main" is the transaction of
the Connect or Resume under way; "all" are the methods and confirmed pushes of the session. What is
not in a table is refused with PROTOERR or ignored, as WSP 7.1.3 says, by the machines.

CONNECTED at the server stands beside CONNECTING_2 and RESUMING_2 in every row that they share: the
action on the main transaction does nothing when there is none.
"""

from __future__ import annotations

import enum

from omapush.protocols.wtp.table import Row, Table


class ServerState(enum.Enum):
    """Where a session is at the server."""

    NULL = "NULL"
    CONNECTING = "CONNECTING"
    """The user is asked."""
    CONNECTING_2 = "CONNECTING_2"
    """Granted; the client has not acknowledged that yet."""
    TERMINATING = "TERMINATING"
    """Refused; the client has not acknowledged that yet."""
    CONNECTED = "CONNECTED"
    SUSPENDED = "SUSPENDED"
    RESUMING = "RESUMING"
    RESUMING_2 = "RESUMING_2"


class ServerEvent(enum.Enum):
    """What a session meets at the server."""

    CONNECT = "TR-Invoke.ind, class 2 Connect"
    METHOD = "TR-Invoke.ind, class 2 method"
    RESUME = "TR-Invoke.ind, class 2 Resume"
    CLIENT_SUSPEND = "TR-Invoke.ind, class 0 Suspend"
    CLIENT_DISCONNECT = "TR-Invoke.ind, class 0 Disconnect"
    MAIN_CONFIRMED = "TR-Result.cnf of the main transaction"
    MAIN_ABORTED = "TR-Abort.ind of the main transaction"
    S_CONNECT_RES = "S-Connect.res"
    S_RESUME_RES = "S-Resume.res"
    S_DISCONNECT_REQ = "S-Disconnect.req"
    S_PUSH_REQ = "S-Push.req or S-ConfirmedPush.req"
    DISCONNECT = "Disconnect"
    SUSPEND = "Suspend"


class ServerGuard(enum.Enum):
    """What a row asks before it applies."""

    CAN_RESUME = "the resume facility is on"
    REASON_DISCONNECT = "reason = DISCONNECT"


class ServerAction(enum.Enum):
    """What a row does."""

    TAKE_INVOKE = "TR-Invoke.res; it is the main transaction"
    INDICATE_CONNECT = "S-Connect.ind"
    INDICATE_RESUME = "S-Resume.ind"
    REPLACE_OTHERS = "drop other sessions of the quadruplet"
    BIND = "bind to the quadruplet of the main transaction"
    SEND_CONNECT_REPLY = "TR-Result.req(ConnectReply)"
    SEND_RESUME_REPLY = "TR-Result.req(Reply 200)"
    SEND_REFUSAL = "TR-Result.req(Redirect or Reply)"
    SEND_DISCONNECT = "TR-Invoke.req(0, Disconnect)"
    RELEASE = "Release all held methods"
    RELEASE_PUSHES = "send the pushes that wait"
    NEW_METHOD = "new method"
    NEW_PUSH = "new push"
    REFUSE_DISCONNECT = "TR-Abort.req(DISCONNECT) of what came"
    REFUSE_SUSPEND = "TR-Abort.req(SUSPEND) of what came"
    MAIN_DISCONNECT = "TR-Abort.req(DISCONNECT) of the main transaction"
    MAIN_SUSPEND = "TR-Abort.req(SUSPEND) of the main transaction"
    MAIN_RESUME = "TR-Abort.req(RESUME) of the main transaction"
    FORGET_MAIN = "the main transaction is over"
    ALL_DISCONNECT = "Abort(DISCONNECT) all"
    ALL_SUSPEND = "Abort(SUSPEND) all"
    ALL_RESUME = "Abort(RESUME) all"
    ENDED_USERREQ = "S-Disconnect.ind(USERREQ)"
    ENDED_DISCONNECT = "S-Disconnect.ind(DISCONNECT)"
    ENDED_SUSPEND = "S-Disconnect.ind(SUSPEND)"
    ENDED_REASON = "S-Disconnect.ind(reason)"
    RESTS_SUSPEND = "S-Suspend.ind(SUSPEND)"
    RESTS_RESUME = "S-Suspend.ind(RESUME)"
    RESTS_REASON = "S-Suspend.ind(reason)"


_S, _E, _G, _A = ServerState, ServerEvent, ServerGuard, ServerAction
_ServerRow = Row[ServerGuard, ServerAction, ServerState]
ServerTable = Table[ServerState, ServerEvent, ServerGuard, ServerAction]


def _row(
    *actions: ServerAction,
    given: tuple[ServerGuard, ...] = (),
    to: ServerState | None = None,
) -> _ServerRow:
    return Row(given, actions, to)


_DISCONNECTED = _row(_A.MAIN_DISCONNECT, _A.ALL_DISCONNECT, _A.ENDED_DISCONNECT, to=_S.NULL)
_SUSPENDED = _row(_A.MAIN_SUSPEND, _A.ALL_SUSPEND, _A.RESTS_SUSPEND, to=_S.SUSPENDED)
_USER_ENDS = _row(
    _A.MAIN_DISCONNECT, _A.ALL_DISCONNECT, _A.SEND_DISCONNECT, _A.ENDED_USERREQ, to=_S.NULL
)
_MAIN_LOST = _row(_A.FORGET_MAIN, _A.ALL_DISCONNECT, _A.ENDED_REASON, to=_S.NULL)
_RESUME_LOST = (
    _row(
        _A.FORGET_MAIN,
        _A.ALL_DISCONNECT,
        _A.ENDED_DISCONNECT,
        given=(_G.REASON_DISCONNECT,),
        to=_S.NULL,
    ),
    _row(_A.FORGET_MAIN, _A.ALL_SUSPEND, _A.RESTS_REASON, to=_S.SUSPENDED),
)
_RESUMES = _row(
    _A.MAIN_RESUME,
    _A.ALL_RESUME,
    _A.TAKE_INVOKE,
    _A.RESTS_RESUME,
    _A.INDICATE_RESUME,
    given=(_G.CAN_RESUME,),
    to=_S.RESUMING,
)


def _open_rows(state: ServerState) -> dict[tuple[ServerState, ServerEvent], tuple[_ServerRow, ...]]:
    """Return the rows that CONNECTED, CONNECTING_2 and RESUMING_2 have in common."""
    return {
        (state, _E.S_DISCONNECT_REQ): (_USER_ENDS,),
        (state, _E.DISCONNECT): (_DISCONNECTED,),
        (state, _E.S_PUSH_REQ): (_row(_A.NEW_PUSH),),
        (state, _E.SUSPEND): (
            Row((_G.CAN_RESUME,), _SUSPENDED.actions, _SUSPENDED.next),
            _row(_A.MAIN_DISCONNECT, _A.ALL_DISCONNECT, _A.ENDED_SUSPEND, to=_S.NULL),
        ),
        (state, _E.METHOD): (_row(_A.NEW_METHOD, _A.RELEASE),),
        (state, _E.RESUME): (_RESUMES, _row(_A.REFUSE_DISCONNECT)),
        (state, _E.CLIENT_DISCONNECT): (_DISCONNECTED,),
        (state, _E.CLIENT_SUSPEND): (Row((_G.CAN_RESUME,), _SUSPENDED.actions, _SUSPENDED.next),),
        (state, _E.MAIN_CONFIRMED): (_row(_A.FORGET_MAIN, _A.RELEASE_PUSHES, to=_S.CONNECTED),),
    }


SERVER_TABLE: ServerTable = {
    (_S.NULL, _E.CONNECT): (_row(_A.TAKE_INVOKE, _A.INDICATE_CONNECT, to=_S.CONNECTING),),
    (_S.CONNECTING, _E.S_CONNECT_RES): (
        _row(_A.REPLACE_OTHERS, _A.BIND, _A.SEND_CONNECT_REPLY, _A.RELEASE, to=_S.CONNECTING_2),
    ),
    (_S.CONNECTING, _E.S_DISCONNECT_REQ): (
        _row(_A.SEND_REFUSAL, _A.ALL_DISCONNECT, _A.ENDED_USERREQ, to=_S.TERMINATING),
    ),
    (_S.CONNECTING, _E.DISCONNECT): (_DISCONNECTED,),
    (_S.CONNECTING, _E.SUSPEND): (
        _row(_A.MAIN_DISCONNECT, _A.ALL_DISCONNECT, _A.ENDED_SUSPEND, to=_S.NULL),
    ),
    (_S.CONNECTING, _E.METHOD): (_row(_A.NEW_METHOD),),
    (_S.CONNECTING, _E.RESUME): (_row(_A.REFUSE_DISCONNECT),),
    (_S.CONNECTING, _E.MAIN_ABORTED): (_MAIN_LOST,),
    (_S.TERMINATING, _E.DISCONNECT): (_row(_A.MAIN_DISCONNECT, to=_S.NULL),),
    (_S.TERMINATING, _E.SUSPEND): (_row(_A.MAIN_DISCONNECT, to=_S.NULL),),
    (_S.TERMINATING, _E.MAIN_CONFIRMED): (_row(_A.FORGET_MAIN, to=_S.NULL),),
    (_S.TERMINATING, _E.MAIN_ABORTED): (_row(_A.FORGET_MAIN, to=_S.NULL),),
    **_open_rows(_S.CONNECTING_2),
    (_S.CONNECTING_2, _E.MAIN_ABORTED): (_MAIN_LOST,),
    **_open_rows(_S.CONNECTED),
    (_S.SUSPENDED, _E.S_DISCONNECT_REQ): (_row(_A.ENDED_USERREQ, to=_S.NULL),),
    (_S.SUSPENDED, _E.DISCONNECT): (_row(_A.ENDED_DISCONNECT, to=_S.NULL),),
    (_S.SUSPENDED, _E.METHOD): (_row(_A.REFUSE_SUSPEND),),
    (_S.SUSPENDED, _E.RESUME): (_row(_A.TAKE_INVOKE, _A.INDICATE_RESUME, to=_S.RESUMING),),
    (_S.SUSPENDED, _E.CLIENT_DISCONNECT): (_row(_A.ENDED_DISCONNECT, to=_S.NULL),),
    (_S.RESUMING, _E.S_DISCONNECT_REQ): (_USER_ENDS,),
    (_S.RESUMING, _E.DISCONNECT): (_DISCONNECTED,),
    (_S.RESUMING, _E.S_RESUME_RES): (
        _row(_A.REPLACE_OTHERS, _A.BIND, _A.SEND_RESUME_REPLY, _A.RELEASE, to=_S.RESUMING_2),
    ),
    (_S.RESUMING, _E.SUSPEND): (_SUSPENDED,),
    (_S.RESUMING, _E.METHOD): (_row(_A.NEW_METHOD),),
    (_S.RESUMING, _E.RESUME): (_RESUMES,),
    (_S.RESUMING, _E.CLIENT_SUSPEND): (_SUSPENDED,),
    (_S.RESUMING, _E.CLIENT_DISCONNECT): (_DISCONNECTED,),
    (_S.RESUMING, _E.MAIN_ABORTED): _RESUME_LOST,
    **_open_rows(_S.RESUMING_2),
    (_S.RESUMING_2, _E.SUSPEND): (_SUSPENDED,),
    (_S.RESUMING_2, _E.MAIN_ABORTED): _RESUME_LOST,
}
"""The server's table (WSP 7.1.6.1)."""


class ClientState(enum.Enum):
    """Where a session is at the client."""

    NULL = "NULL"
    CONNECTING = "CONNECTING"
    CONNECTED = "CONNECTED"
    SUSPENDED = "SUSPENDED"
    RESUMING = "RESUMING"


class ClientEvent(enum.Enum):
    """What a session meets at the client."""

    S_CONNECT_REQ = "S-Connect.req"
    S_DISCONNECT_REQ = "S-Disconnect.req"
    S_SUSPEND_REQ = "S-Suspend.req"
    S_RESUME_REQ = "S-Resume.req"
    S_METHOD_REQ = "S-MethodInvoke.req"
    DISCONNECT = "Disconnect"
    SUSPEND = "Suspend"
    SERVER_DISCONNECT = "TR-Invoke.ind, class 0 Disconnect"
    PUSH = "TR-Invoke.ind, class 0 Push"
    CONFIRMED_PUSH = "TR-Invoke.ind, class 1 ConfirmedPush"
    CONNECT_REPLY = "TR-Result.ind of the main transaction, ConnectReply"
    REFUSED = "TR-Result.ind of the main transaction, Redirect or Reply"
    REPLY_200 = "TR-Result.ind of the main transaction, Reply 200"
    TOO_LARGE = "TR-Result.ind of the main transaction, SDU over MRU"
    OTHER = "TR-Result.ind of the main transaction, anything else"
    MAIN_ABORTED = "TR-Abort.ind of the main transaction"


class ClientGuard(enum.Enum):
    """What a row asks before it applies."""

    CAN_RESUME = "the resume facility is on"
    CAN_PUSH = "the push facility is on"
    CAN_CONFIRM = "the confirmed push facility is on"
    REASON_DISCONNECT = "reason = DISCONNECT"


class ClientAction(enum.Enum):
    """What a row does."""

    SEND_CONNECT = "TR-Invoke.req(2, Connect)"
    SEND_RESUME = "TR-Invoke.req(2, Resume)"
    SEND_DISCONNECT = "TR-Invoke.req(0, Disconnect)"
    SEND_SUSPEND = "TR-Invoke.req(0, Suspend)"
    BIND = "bind to the new quadruplet, if it is one"
    NEW_METHOD = "new method"
    INDICATE_PUSH = "S-Push.ind"
    NEW_PUSH = "new push"
    TAKE_RESULT = "TR-Result.res of the main transaction"
    CONFIRM_CONNECT = "S-Connect.cnf"
    CONFIRM_RESUME = "S-Resume.cnf"
    REFUSE_PROTOERR = "TR-Abort.req(PROTOERR) of what came"
    REFUSE_SUSPEND = "TR-Abort.req(SUSPEND) of what came"
    MAIN_DISCONNECT = "TR-Abort.req(DISCONNECT) of the main transaction"
    MAIN_SUSPEND = "TR-Abort.req(SUSPEND) of the main transaction"
    MAIN_PROTOERR = "TR-Abort.req(PROTOERR) of the main transaction"
    MAIN_MRUEXCEEDED = "TR-Abort.req(MRUEXCEEDED) of the main transaction"
    FORGET_MAIN = "the main transaction is over"
    ALL_DISCONNECT = "Abort(DISCONNECT) all"
    ALL_SUSPEND = "Abort(SUSPEND) all"
    ALL_CONNECTERR = "Abort(CONNECTERR) all"
    ALL_USERREQ = "Abort(USERREQ) all"
    ENDED_USERREQ = "S-Disconnect.ind(USERREQ)"
    ENDED_DISCONNECT = "S-Disconnect.ind(DISCONNECT)"
    ENDED_SUSPEND = "S-Disconnect.ind(SUSPEND)"
    ENDED_PROTOERR = "S-Disconnect.ind(PROTOERR)"
    ENDED_MRUEXCEEDED = "S-Disconnect.ind(MRUEXCEEDED)"
    ENDED_ANSWER = "S-Disconnect.ind(what the server said)"
    ENDED_REASON = "S-Disconnect.ind(reason)"
    RESTS_USERREQ = "S-Suspend.ind(USERREQ)"
    RESTS_SUSPEND = "S-Suspend.ind(SUSPEND)"
    RESTS_PROTOERR = "S-Suspend.ind(PROTOERR)"
    RESTS_MRUEXCEEDED = "S-Suspend.ind(MRUEXCEEDED)"
    RESTS_REASON = "S-Suspend.ind(reason)"


_C, _V, _H, _B = ClientState, ClientEvent, ClientGuard, ClientAction
ClientTable = Table[ClientState, ClientEvent, ClientGuard, ClientAction]


def _line(
    *actions: ClientAction,
    given: tuple[ClientGuard, ...] = (),
    to: ClientState | None = None,
) -> Row[ClientGuard, ClientAction, ClientState]:
    return Row(given, actions, to)


CLIENT_TABLE: ClientTable = {
    (_C.NULL, _V.S_CONNECT_REQ): (_line(_B.SEND_CONNECT, to=_C.CONNECTING),),
    (_C.CONNECTING, _V.S_DISCONNECT_REQ): (
        _line(_B.MAIN_DISCONNECT, _B.ALL_DISCONNECT, _B.ENDED_USERREQ, to=_C.NULL),
    ),
    (_C.CONNECTING, _V.DISCONNECT): (
        _line(_B.MAIN_DISCONNECT, _B.ALL_DISCONNECT, _B.ENDED_DISCONNECT, to=_C.NULL),
    ),
    (_C.CONNECTING, _V.SUSPEND): (
        _line(_B.MAIN_DISCONNECT, _B.ALL_DISCONNECT, _B.ENDED_SUSPEND, to=_C.NULL),
    ),
    (_C.CONNECTING, _V.S_METHOD_REQ): (_line(_B.NEW_METHOD),),
    (_C.CONNECTING, _V.CONFIRMED_PUSH): (_line(_B.REFUSE_PROTOERR),),
    (_C.CONNECTING, _V.TOO_LARGE): (
        _line(_B.MAIN_MRUEXCEEDED, _B.ALL_CONNECTERR, _B.ENDED_MRUEXCEEDED, to=_C.NULL),
    ),
    (_C.CONNECTING, _V.CONNECT_REPLY): (
        _line(_B.TAKE_RESULT, _B.CONFIRM_CONNECT, to=_C.CONNECTED),
    ),
    (_C.CONNECTING, _V.REFUSED): (
        _line(_B.TAKE_RESULT, _B.ALL_CONNECTERR, _B.ENDED_ANSWER, to=_C.NULL),
    ),
    (_C.CONNECTING, _V.REPLY_200): (
        _line(_B.TAKE_RESULT, _B.ALL_CONNECTERR, _B.ENDED_ANSWER, to=_C.NULL),
    ),
    (_C.CONNECTING, _V.OTHER): (
        _line(_B.MAIN_PROTOERR, _B.ALL_CONNECTERR, _B.ENDED_PROTOERR, to=_C.NULL),
    ),
    (_C.CONNECTING, _V.MAIN_ABORTED): (
        _line(_B.FORGET_MAIN, _B.ALL_CONNECTERR, _B.ENDED_REASON, to=_C.NULL),
    ),
    (_C.CONNECTED, _V.S_DISCONNECT_REQ): (
        _line(_B.ALL_DISCONNECT, _B.SEND_DISCONNECT, _B.ENDED_USERREQ, to=_C.NULL),
    ),
    (_C.CONNECTED, _V.DISCONNECT): (_line(_B.ALL_DISCONNECT, _B.ENDED_DISCONNECT, to=_C.NULL),),
    (_C.CONNECTED, _V.S_METHOD_REQ): (_line(_B.NEW_METHOD),),
    (_C.CONNECTED, _V.S_SUSPEND_REQ): (
        _line(
            _B.ALL_SUSPEND,
            _B.SEND_SUSPEND,
            _B.RESTS_USERREQ,
            given=(_H.CAN_RESUME,),
            to=_C.SUSPENDED,
        ),
    ),
    (_C.CONNECTED, _V.SUSPEND): (
        _line(_B.ALL_SUSPEND, _B.RESTS_SUSPEND, given=(_H.CAN_RESUME,), to=_C.SUSPENDED),
        _line(_B.ALL_DISCONNECT, _B.ENDED_SUSPEND, to=_C.NULL),
    ),
    (_C.CONNECTED, _V.S_RESUME_REQ): (
        _line(_B.ALL_USERREQ, _B.BIND, _B.SEND_RESUME, given=(_H.CAN_RESUME,), to=_C.RESUMING),
    ),
    (_C.CONNECTED, _V.SERVER_DISCONNECT): (
        _line(_B.ALL_DISCONNECT, _B.ENDED_DISCONNECT, to=_C.NULL),
    ),
    (_C.CONNECTED, _V.PUSH): (_line(_B.INDICATE_PUSH, given=(_H.CAN_PUSH,)),),
    (_C.CONNECTED, _V.CONFIRMED_PUSH): (_line(_B.NEW_PUSH, given=(_H.CAN_CONFIRM,)),),
    (_C.SUSPENDED, _V.S_DISCONNECT_REQ): (_line(_B.ENDED_USERREQ, to=_C.NULL),),
    (_C.SUSPENDED, _V.DISCONNECT): (_line(_B.ENDED_DISCONNECT, to=_C.NULL),),
    (_C.SUSPENDED, _V.S_RESUME_REQ): (_line(_B.BIND, _B.SEND_RESUME, to=_C.RESUMING),),
    (_C.SUSPENDED, _V.SERVER_DISCONNECT): (_line(_B.ENDED_DISCONNECT, to=_C.NULL),),
    (_C.SUSPENDED, _V.CONFIRMED_PUSH): (_line(_B.REFUSE_SUSPEND, given=(_H.CAN_CONFIRM,)),),
    (_C.RESUMING, _V.S_DISCONNECT_REQ): (
        _line(_B.MAIN_DISCONNECT, _B.ALL_DISCONNECT, _B.ENDED_USERREQ, to=_C.NULL),
    ),
    (_C.RESUMING, _V.DISCONNECT): (
        _line(_B.MAIN_DISCONNECT, _B.ALL_DISCONNECT, _B.ENDED_DISCONNECT, to=_C.NULL),
    ),
    (_C.RESUMING, _V.S_METHOD_REQ): (_line(_B.NEW_METHOD),),
    (_C.RESUMING, _V.S_SUSPEND_REQ): (
        _line(_B.MAIN_SUSPEND, _B.ALL_SUSPEND, _B.SEND_SUSPEND, _B.RESTS_USERREQ, to=_C.SUSPENDED),
    ),
    (_C.RESUMING, _V.SUSPEND): (
        _line(_B.MAIN_SUSPEND, _B.ALL_SUSPEND, _B.RESTS_SUSPEND, to=_C.SUSPENDED),
    ),
    (_C.RESUMING, _V.SERVER_DISCONNECT): (
        _line(_B.MAIN_DISCONNECT, _B.ALL_DISCONNECT, _B.ENDED_DISCONNECT, to=_C.NULL),
    ),
    (_C.RESUMING, _V.CONFIRMED_PUSH): (_line(_B.REFUSE_PROTOERR, given=(_H.CAN_CONFIRM,)),),
    (_C.RESUMING, _V.TOO_LARGE): (
        _line(_B.MAIN_MRUEXCEEDED, _B.ALL_SUSPEND, _B.RESTS_MRUEXCEEDED, to=_C.SUSPENDED),
    ),
    (_C.RESUMING, _V.REPLY_200): (_line(_B.TAKE_RESULT, _B.CONFIRM_RESUME, to=_C.CONNECTED),),
    (_C.RESUMING, _V.REFUSED): (
        _line(_B.TAKE_RESULT, _B.ALL_DISCONNECT, _B.ENDED_ANSWER, to=_C.NULL),
    ),
    (_C.RESUMING, _V.CONNECT_REPLY): (
        _line(_B.MAIN_PROTOERR, _B.ALL_SUSPEND, _B.RESTS_PROTOERR, to=_C.SUSPENDED),
    ),
    (_C.RESUMING, _V.OTHER): (
        _line(_B.MAIN_PROTOERR, _B.ALL_SUSPEND, _B.RESTS_PROTOERR, to=_C.SUSPENDED),
    ),
    (_C.RESUMING, _V.MAIN_ABORTED): (
        _line(
            _B.FORGET_MAIN,
            _B.ALL_DISCONNECT,
            _B.ENDED_DISCONNECT,
            given=(_H.REASON_DISCONNECT,),
            to=_C.NULL,
        ),
        _line(_B.FORGET_MAIN, _B.ALL_SUSPEND, _B.RESTS_REASON, to=_C.SUSPENDED),
    ),
}
"""The client's table (WSP 7.1.5.1)."""
