"""The initiator of a transaction: what moves it (WAP-224, 9.6.1 to 9.6.4, with 7.14).

States: RESULT_WAIT from the Invoke on; RESULT_RESP_WAIT while the user looks at the Result;
WAIT_TIMEOUT while repetitions of the Result may come; NULL, no transaction.

Beside the rows of the specification stand those of segmentation, and ends of waits that it leaves
open: a result that never comes, a silent user who is told.
"""

from __future__ import annotations

import enum

from omapush.protocols.wtp.events import Event
from omapush.protocols.wtp.table import Row, Table


class State(enum.Enum):
    """Where the initiator is."""

    NULL = "NULL"
    RESULT_WAIT = "RESULT WAIT"
    RESULT_RESP_WAIT = "RESULT RESP WAIT"
    WAIT_TIMEOUT = "WAIT TIMEOUT"


class Guard(enum.Enum):
    """What a row asks before it applies."""

    CLASS_2 = "class = 2"
    HOLD_ON = "HoldOn = true"
    TVE = "Tve"
    RETRIES_LEFT = "RCR < MAX"
    GROUP_ACKNOWLEDGED = "the group under way is acknowledged and another follows"
    STALE = "of an earlier group"
    USER_ACKNOWLEDGES = "Uack = true"
    EXPIRATIONS_LEFT = "AEC < MAX"
    REPETITION = "RID = 1"
    SEGMENTED = "the Invoke is segmented"
    PEER_CANNOT_SEGMENT = "reason = NOTIMPLEMENTEDSAR and the Invoke is segmented"


class Action(enum.Enum):
    """What a row does."""

    SEND_TOK = "send Ack(Tok)"
    COUNT_RETRY = "RCR++"
    START_RETRY = "start timer R"
    START_ACKNOWLEDGEMENT = "start timer A"
    START_WAIT = "start timer W"
    START_LIMIT = "start the limit of the wait"
    START_NEGATIVE_ACKNOWLEDGEMENT = "start the delay of the Nack"
    STOP = "stop timer"
    COUNT_EXPIRATION = "AEC++"
    REPEAT = "repeat what was sent last"
    PAUSE_OR_NEXT_GROUP = "send the next group, now or after the pause asked for"
    NEXT_GROUP = "send the next group"
    REPEAT_MISSING = "repeat the packets listed"
    REPEAT_WHOLE = "begin again without segmentation"
    SEND_ACK = "send Ack"
    SEND_GROUP_ACK = "send Ack with PSN"
    SEND_NEGATIVE_ACK = "send Nack"
    CONFIRM_INVOKE = "TR-Invoke.cnf, once"
    INDICATE_RESULT = "TR-Result.ind"
    ABORT_USER = "send Abort(USER)"
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


TABLE: Table[State, Event, Guard, Action] = {
    (_S.RESULT_WAIT, _E.TR_ABORT_REQ): (_row(_A.ABORT_USER, to=_S.NULL),),
    # Rows about Tve come first: such an Ack acknowledges no message.
    (_S.RESULT_WAIT, _E.RCV_ACK): (
        _row(
            _A.SEND_TOK,
            _A.PAUSE_OR_NEXT_GROUP,
            given=(_G.TVE, _G.RETRIES_LEFT, _G.GROUP_ACKNOWLEDGED),
        ),
        _row(_A.SEND_TOK, _A.COUNT_RETRY, _A.START_RETRY, given=(_G.TVE, _G.RETRIES_LEFT)),
        _row(given=(_G.TVE,)),
        _row(_A.PAUSE_OR_NEXT_GROUP, given=(_G.GROUP_ACKNOWLEDGED,)),
        _row(given=(_G.STALE,)),
        _row(given=(_G.CLASS_2, _G.HOLD_ON)),
        _row(_A.CONFIRM_INVOKE, _A.START_LIMIT, given=(_G.CLASS_2,)),
        _row(_A.STOP, _A.CONFIRM_INVOKE, to=_S.NULL),
    ),
    (_S.RESULT_WAIT, _E.RCV_NEGATIVE_ACK): (
        _row(
            _A.COUNT_RETRY,
            _A.REPEAT_MISSING,
            _A.START_RETRY,
            given=(_G.SEGMENTED, _G.RETRIES_LEFT),
        ),
    ),
    (_S.RESULT_WAIT, _E.RCV_ABORT): (
        _row(_A.REPEAT_WHOLE, given=(_G.PEER_CANNOT_SEGMENT,)),
        _row(_A.INDICATE_ABORT, to=_S.NULL),
    ),
    (_S.RESULT_WAIT, _E.RCV_ERROR): (_row(_A.ABORT_PROTOERR, to=_S.NULL),),
    (_S.RESULT_WAIT, _E.RCV_TOO_LARGE): (_row(_A.ABORT_TOO_LARGE, to=_S.NULL),),
    (_S.RESULT_WAIT, _E.TIMER_RETRY): (
        _row(_A.COUNT_RETRY, _A.START_RETRY, _A.REPEAT, given=(_G.RETRIES_LEFT,)),
        _row(_A.GIVE_UP, to=_S.NULL),
    ),
    (_S.RESULT_WAIT, _E.TIMER_DELAY): (_row(_A.NEXT_GROUP),),
    (_S.RESULT_WAIT, _E.TIMER_LIMIT): (_row(_A.ABORT_NORESPONSE, to=_S.NULL),),
    (_S.RESULT_WAIT, _E.RCV_MESSAGE): (
        _row(
            _A.CONFIRM_INVOKE,
            _A.INDICATE_RESULT,
            _A.START_ACKNOWLEDGEMENT,
            given=(_G.CLASS_2,),
            to=_S.RESULT_RESP_WAIT,
        ),
    ),
    (_S.RESULT_WAIT, _E.RCV_PART): (_row(_A.CONFIRM_INVOKE, _A.START_LIMIT, given=(_G.CLASS_2,)),),
    (_S.RESULT_WAIT, _E.RCV_GROUP): (
        _row(_A.CONFIRM_INVOKE, _A.SEND_GROUP_ACK, _A.START_LIMIT, given=(_G.CLASS_2,)),
    ),
    (_S.RESULT_WAIT, _E.RCV_GAP): (
        _row(_A.CONFIRM_INVOKE, _A.SEND_NEGATIVE_ACK, given=(_G.CLASS_2, _G.REPETITION)),
        _row(
            _A.CONFIRM_INVOKE,
            _A.START_LIMIT,
            _A.START_NEGATIVE_ACKNOWLEDGEMENT,
            given=(_G.CLASS_2,),
        ),
    ),
    (_S.RESULT_WAIT, _E.TIMER_NEGATIVE_ACKNOWLEDGEMENT): (_row(_A.SEND_NEGATIVE_ACK),),
    (_S.RESULT_RESP_WAIT, _E.TR_RESULT_RES): (
        _row(_A.SEND_ACK, _A.START_WAIT, to=_S.WAIT_TIMEOUT),
    ),
    (_S.RESULT_RESP_WAIT, _E.TR_ABORT_REQ): (_row(_A.ABORT_USER, to=_S.NULL),),
    (_S.RESULT_RESP_WAIT, _E.RCV_ABORT): (_row(_A.INDICATE_ABORT, to=_S.NULL),),
    (_S.RESULT_RESP_WAIT, _E.RCV_ERROR): (_row(_A.ABORT_PROTOERR, to=_S.NULL),),
    (_S.RESULT_RESP_WAIT, _E.RCV_MESSAGE): (_row(),),
    (_S.RESULT_RESP_WAIT, _E.TIMER_ACKNOWLEDGEMENT): (
        _row(
            _A.COUNT_EXPIRATION,
            _A.START_ACKNOWLEDGEMENT,
            given=(_G.USER_ACKNOWLEDGES, _G.EXPIRATIONS_LEFT),
        ),
        # The user is told, which the specification leaves out: its transaction is over.
        _row(_A.ABORT_NORESPONSE, given=(_G.USER_ACKNOWLEDGES,), to=_S.NULL),
        _row(_A.SEND_ACK, _A.START_WAIT, to=_S.WAIT_TIMEOUT),
    ),
    (_S.WAIT_TIMEOUT, _E.RCV_MESSAGE): (_row(_A.SEND_ACK, given=(_G.REPETITION,)), _row()),
    (_S.WAIT_TIMEOUT, _E.RCV_ABORT): (_row(_A.INDICATE_ABORT, to=_S.NULL),),
    (_S.WAIT_TIMEOUT, _E.RCV_ERROR): (_row(_A.ABORT_PROTOERR, to=_S.NULL),),
    (_S.WAIT_TIMEOUT, _E.TR_ABORT_REQ): (_row(_A.ABORT_USER, to=_S.NULL),),
    (_S.WAIT_TIMEOUT, _E.TIMER_WAIT): (_row(to=_S.NULL),),
}
