"""The responder of a transaction: what moves it (WAP-224, 9.6.5 to 9.6.10, with 7.14).

States: LISTEN, no transaction; RECEIVING while packets of a segmented Invoke come; TIDOK_WAIT while
the initiator is asked whether it means it; INVOKE_RESP_WAIT while the user looks at the Invoke;
RESULT_WAIT while the user works on the Result (class 2); RESULT_RESP_WAIT until the Result is
acknowledged; WAIT_TIMEOUT while repetitions of an acknowledged Invoke may come (class 1).

ABORT_WAIT is ours: who refused an Invoke remembers it as long as who acknowledged one, and says so
again. Otherwise a lost Abort would have the refused message delivered a second time.
"""

from __future__ import annotations

import enum

from omapush.protocols.wtp.events import Event
from omapush.protocols.wtp.table import Row, Table


class State(enum.Enum):
    """Where the responder is."""

    LISTEN = "LISTEN"
    RECEIVING = "RECEIVING"
    TIDOK_WAIT = "TIDOK WAIT"
    INVOKE_RESP_WAIT = "INVOKE RESP WAIT"
    RESULT_WAIT = "RESULT WAIT"
    RESULT_RESP_WAIT = "RESULT RESP WAIT"
    WAIT_TIMEOUT = "WAIT TIMEOUT"
    ABORT_WAIT = "ABORT WAIT"


class Guard(enum.Enum):
    """What a row asks before it applies."""

    CLASS_1 = "class = 1"
    CLASS_2 = "class = 2"
    TID_VALID = "TID valid"
    TOK = "Tok"
    COMPLETE = "the Invoke is complete"
    SEGMENTED = "the Invoke is segmented"
    RESULT_SEGMENTED = "the Result is segmented"
    REPETITION = "RID = 1"
    HELD_ON = "a hold-on Ack was sent"
    USER_ACKNOWLEDGES = "Uack = true"
    EXPIRATIONS_LEFT = "AEC < MAX"
    RETRIES_LEFT = "RCR < MAX"
    GROUP_ACKNOWLEDGED = "the group under way is acknowledged and another follows"
    STALE = "of an earlier group"


class Action(enum.Enum):
    """What a row does."""

    SEND_TVE = "send Ack(Tve)"
    ACCEPT_TID = "LastTID as verified"
    INDICATE_INVOKE = "TR-Invoke.ind"
    START_ACKNOWLEDGEMENT = "start timer A"
    START_WAIT = "start timer W"
    START_RETRY = "start timer R"
    START_LIMIT = "start the limit of the wait"
    START_NEGATIVE_ACKNOWLEDGEMENT = "start the delay of the Nack"
    COUNT_EXPIRATION = "AEC++"
    COUNT_RETRY = "RCR++"
    SEND_ACK = "send Ack"
    SEND_HOLD_ON = "send Ack (hold-on)"
    SEND_GROUP_ACK = "send Ack with PSN"
    SEND_NEGATIVE_ACK = "send Nack"
    SEND_RESULT = "send Result"
    REPEAT = "repeat what was sent last"
    REPEAT_MISSING = "repeat the packets listed"
    PAUSE_OR_NEXT_GROUP = "send the next group, now or after the pause asked for"
    NEXT_GROUP = "send the next group"
    CONFIRM_RESULT = "TR-Result.cnf"
    ABORT_USER = "send Abort(USER)"
    REPEAT_ABORT = "send the same Abort"
    REFUSE_PROTOERR = "send Abort(PROTOERR)"
    REFUSE_TOO_LARGE = "send Abort(MESSAGETOOLARGE)"
    ABORT_PROTOERR = "send Abort(PROTOERR); TR-Abort.ind"
    ABORT_NORESPONSE = "send Abort(NORESPONSE); TR-Abort.ind"
    ABORT_TOO_LARGE = "send Abort(MESSAGETOOLARGE); TR-Abort.ind"
    GIVE_UP = "TR-Abort.ind(NORESPONSE)"
    INDICATE_ABORT = "TR-Abort.ind"


_S, _E, _G, _A = State, Event, Guard, Action


def _row(
    *actions: Action, given: tuple[Guard, ...] = (), to: State | None = None
) -> Row[Guard, Action, State]:
    return Row(given, actions, to)


_INDICATE = _row(
    _A.INDICATE_INVOKE, _A.START_ACKNOWLEDGEMENT, given=(_G.TID_VALID,), to=_S.INVOKE_RESP_WAIT
)
_ASK = _row(_A.SEND_TVE, _A.START_LIMIT, to=_S.TIDOK_WAIT)
_GO_ON = _row(_A.SEND_GROUP_ACK, _A.START_LIMIT, given=(_G.TID_VALID,), to=_S.RECEIVING)
_PROTOERR = (_row(_A.ABORT_PROTOERR, _A.START_WAIT, to=_S.ABORT_WAIT),)
_USER_ABORT = (_row(_A.ABORT_USER, _A.START_WAIT, to=_S.ABORT_WAIT),)
_PEER_ABORT = (_row(_A.INDICATE_ABORT, to=_S.LISTEN),)
_LOST = _row(_A.ABORT_NORESPONSE, _A.START_WAIT, to=_S.ABORT_WAIT)
_TOO_LARGE = (_row(_A.ABORT_TOO_LARGE, _A.START_WAIT, to=_S.ABORT_WAIT),)
_REPLY = (_row(_A.SEND_RESULT, _A.START_RETRY, given=(_G.CLASS_2,), to=_S.RESULT_RESP_WAIT),)
_FORGET = (_row(to=_S.LISTEN),)
_NOTICE_GAP = (
    _row(_A.SEND_NEGATIVE_ACK, given=(_G.REPETITION,)),
    _row(_A.START_NEGATIVE_ACKNOWLEDGEMENT),
)

TABLE: Table[State, Event, Guard, Action] = {
    (_S.LISTEN, _E.RCV_MESSAGE): (_INDICATE, _ASK),
    (_S.LISTEN, _E.RCV_GROUP): (_GO_ON, _ASK),
    (_S.LISTEN, _E.RCV_PART): (_row(_A.START_LIMIT, to=_S.RECEIVING),),
    (_S.LISTEN, _E.RCV_TOO_LARGE): (_row(_A.REFUSE_TOO_LARGE),),
    (_S.RECEIVING, _E.RCV_MESSAGE): (_INDICATE, _ASK),
    (_S.RECEIVING, _E.RCV_GROUP): (_GO_ON, _ASK),
    (_S.RECEIVING, _E.RCV_PART): (_row(_A.START_LIMIT),),
    (_S.RECEIVING, _E.RCV_GAP): _NOTICE_GAP,
    (_S.RECEIVING, _E.RCV_TOO_LARGE): (_row(_A.REFUSE_TOO_LARGE, to=_S.LISTEN),),
    (_S.RECEIVING, _E.RCV_ABORT): _FORGET,
    (_S.RECEIVING, _E.RCV_ERROR): (_row(_A.REFUSE_PROTOERR, to=_S.LISTEN),),
    (_S.RECEIVING, _E.TIMER_NEGATIVE_ACKNOWLEDGEMENT): (_row(_A.SEND_NEGATIVE_ACK),),
    (_S.RECEIVING, _E.TIMER_LIMIT): _FORGET,
    (_S.TIDOK_WAIT, _E.RCV_ACK): (
        _row(
            _A.ACCEPT_TID,
            _A.INDICATE_INVOKE,
            _A.START_ACKNOWLEDGEMENT,
            given=(_G.TOK, _G.COMPLETE),
            to=_S.INVOKE_RESP_WAIT,
        ),
        _row(_A.ACCEPT_TID, _A.START_LIMIT, given=(_G.TOK,), to=_S.RECEIVING),
    ),
    # A later group shows that the answer to the question was lost.
    (_S.TIDOK_WAIT, _E.RCV_MESSAGE): (
        _row(_A.SEND_TVE, given=(_G.REPETITION,)),
        _row(_A.SEND_TVE, given=(_G.SEGMENTED,)),
        _row(),
    ),
    (_S.TIDOK_WAIT, _E.RCV_GROUP): (_row(_A.SEND_TVE),),
    (_S.TIDOK_WAIT, _E.RCV_PART): (_row(),),
    (_S.TIDOK_WAIT, _E.RCV_GAP): _NOTICE_GAP,
    (_S.TIDOK_WAIT, _E.TIMER_NEGATIVE_ACKNOWLEDGEMENT): (_row(_A.SEND_NEGATIVE_ACK),),
    (_S.TIDOK_WAIT, _E.RCV_TOO_LARGE): (_row(_A.REFUSE_TOO_LARGE, to=_S.LISTEN),),
    (_S.TIDOK_WAIT, _E.RCV_ABORT): _FORGET,
    (_S.TIDOK_WAIT, _E.RCV_ERROR): (_row(_A.REFUSE_PROTOERR, to=_S.LISTEN),),
    (_S.TIDOK_WAIT, _E.TIMER_LIMIT): _FORGET,
    (_S.INVOKE_RESP_WAIT, _E.TR_INVOKE_RES): (
        _row(_A.SEND_ACK, _A.START_WAIT, given=(_G.CLASS_1,), to=_S.WAIT_TIMEOUT),
        _row(_A.START_ACKNOWLEDGEMENT, to=_S.RESULT_WAIT),
    ),
    (_S.INVOKE_RESP_WAIT, _E.TR_RESULT_REQ): _REPLY,
    (_S.INVOKE_RESP_WAIT, _E.TR_RESULT_TOO_LARGE): _TOO_LARGE,
    (_S.INVOKE_RESP_WAIT, _E.TR_ABORT_REQ): _USER_ABORT,
    (_S.INVOKE_RESP_WAIT, _E.RCV_ABORT): _PEER_ABORT,
    (_S.INVOKE_RESP_WAIT, _E.RCV_MESSAGE): (
        _row(_A.START_ACKNOWLEDGEMENT, given=(_G.USER_ACKNOWLEDGES, _G.REPETITION)),
        _row(),
    ),
    (_S.INVOKE_RESP_WAIT, _E.RCV_ERROR): _PROTOERR,
    (_S.INVOKE_RESP_WAIT, _E.TIMER_ACKNOWLEDGEMENT): (
        _row(
            _A.COUNT_EXPIRATION,
            _A.START_ACKNOWLEDGEMENT,
            given=(_G.USER_ACKNOWLEDGES, _G.EXPIRATIONS_LEFT),
        ),
        Row((_G.USER_ACKNOWLEDGES,), _LOST.actions, _LOST.next),
        _row(_A.SEND_ACK, _A.START_WAIT, given=(_G.CLASS_1,), to=_S.WAIT_TIMEOUT),
        _row(_A.SEND_HOLD_ON, _A.START_LIMIT, to=_S.RESULT_WAIT),
    ),
    (_S.RESULT_WAIT, _E.TR_RESULT_REQ): _REPLY,
    (_S.RESULT_WAIT, _E.TR_RESULT_TOO_LARGE): _TOO_LARGE,
    (_S.RESULT_WAIT, _E.RCV_MESSAGE): (
        _row(_A.SEND_HOLD_ON, given=(_G.REPETITION, _G.HELD_ON)),
        _row(),
    ),
    (_S.RESULT_WAIT, _E.TIMER_ACKNOWLEDGEMENT): (_row(_A.SEND_HOLD_ON, _A.START_LIMIT),),
    (_S.RESULT_WAIT, _E.TIMER_LIMIT): (_LOST,),
    (_S.RESULT_WAIT, _E.TR_ABORT_REQ): _USER_ABORT,
    (_S.RESULT_WAIT, _E.RCV_ABORT): _PEER_ABORT,
    (_S.RESULT_WAIT, _E.RCV_ERROR): _PROTOERR,
    (_S.RESULT_RESP_WAIT, _E.RCV_ACK): (
        _row(given=(_G.TOK,)),
        _row(_A.PAUSE_OR_NEXT_GROUP, given=(_G.GROUP_ACKNOWLEDGED,)),
        _row(given=(_G.STALE,)),
        _row(_A.CONFIRM_RESULT, to=_S.LISTEN),
    ),
    (_S.RESULT_RESP_WAIT, _E.RCV_NEGATIVE_ACK): (
        _row(
            _A.COUNT_RETRY,
            _A.REPEAT_MISSING,
            _A.START_RETRY,
            given=(_G.RESULT_SEGMENTED, _G.RETRIES_LEFT),
        ),
    ),
    (_S.RESULT_RESP_WAIT, _E.TIMER_RETRY): (
        _row(_A.COUNT_RETRY, _A.REPEAT, _A.START_RETRY, given=(_G.RETRIES_LEFT,)),
        _row(_A.GIVE_UP, to=_S.LISTEN),
    ),
    (_S.RESULT_RESP_WAIT, _E.TIMER_DELAY): (_row(_A.NEXT_GROUP),),
    (_S.RESULT_RESP_WAIT, _E.TR_ABORT_REQ): _USER_ABORT,
    (_S.RESULT_RESP_WAIT, _E.RCV_ABORT): _PEER_ABORT,
    (_S.RESULT_RESP_WAIT, _E.RCV_ERROR): _PROTOERR,
    (_S.WAIT_TIMEOUT, _E.RCV_MESSAGE): (_row(_A.SEND_ACK, given=(_G.REPETITION,)), _row()),
    (_S.WAIT_TIMEOUT, _E.RCV_ACK): (_row(_A.SEND_ACK, given=(_G.TOK, _G.REPETITION)),),
    (_S.WAIT_TIMEOUT, _E.RCV_ERROR): _PROTOERR,
    (_S.WAIT_TIMEOUT, _E.RCV_ABORT): _PEER_ABORT,
    (_S.WAIT_TIMEOUT, _E.TR_ABORT_REQ): _USER_ABORT,
    (_S.WAIT_TIMEOUT, _E.TIMER_WAIT): _FORGET,
    (_S.ABORT_WAIT, _E.RCV_MESSAGE): (_row(_A.REPEAT_ABORT, given=(_G.REPETITION,)), _row()),
    (_S.ABORT_WAIT, _E.RCV_ACK): (_row(_A.REPEAT_ABORT, given=(_G.TOK,)), _row()),
    (_S.ABORT_WAIT, _E.TIMER_WAIT): _FORGET,
}
