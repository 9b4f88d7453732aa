"""Command status codes, and what each means for whoever sent the request.

Names and numbers: SMPP 3.4, 5.1.3; SMPP 5.0, 4.7.6 (which calls optional parameters TLVs; both
names of such a code are given). The classes are ours: the specification does not say which failures
pass.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class StatusClass(enum.Enum):
    """What to do after a response with some status; no message was taken unless ``SUCCESS``."""

    SUCCESS = "success"
    """The request was carried out."""
    THROTTLED = "throttled"
    """The SMSC takes nothing more for now: wait, slow down, send the same again."""
    TEMPORARY = "temporary"
    """The same request may succeed later."""
    PERMANENT = "permanent"
    """The same request will never succeed."""
    LINK = "link"
    """The session or the account is at fault, not the message; another link may carry it."""
    UNKNOWN = "unknown"
    """The vendor's own code (0x400 to 0x4FF), or a reserved one: policy decides."""

    @property
    def may_retry(self) -> bool:
        """Whether sending the same again, later or elsewhere, makes sense."""
        return self in (StatusClass.THROTTLED, StatusClass.TEMPORARY, StatusClass.LINK)


class CommandStatus(enum.IntEnum):
    """The codes that the specification names."""

    ESME_ROK = 0x000
    ESME_RINVMSGLEN = 0x001
    ESME_RINVCMDLEN = 0x002
    ESME_RINVCMDID = 0x003
    ESME_RINVBNDSTS = 0x004
    ESME_RALYBND = 0x005
    ESME_RINVPRTFLG = 0x006
    ESME_RINVREGDLVFLG = 0x007
    ESME_RSYSERR = 0x008
    ESME_RINVSRCADR = 0x00A
    ESME_RINVDSTADR = 0x00B
    ESME_RINVMSGID = 0x00C
    ESME_RBINDFAIL = 0x00D
    ESME_RINVPASWD = 0x00E
    ESME_RINVSYSID = 0x00F
    ESME_RCANCELFAIL = 0x011
    ESME_RREPLACEFAIL = 0x013
    ESME_RMSGQFUL = 0x014
    ESME_RINVSERTYP = 0x015
    ESME_RINVNUMDESTS = 0x033
    ESME_RINVDLNAME = 0x034
    ESME_RINVDESTFLAG = 0x040
    ESME_RINVSUBREP = 0x042
    ESME_RINVESMCLASS = 0x043
    ESME_RCNTSUBDL = 0x044
    ESME_RSUBMITFAIL = 0x045
    ESME_RINVSRCTON = 0x048
    ESME_RINVSRCNPI = 0x049
    ESME_RINVDSTTON = 0x050
    ESME_RINVDSTNPI = 0x051
    ESME_RINVSYSTYP = 0x053
    ESME_RINVREPFLAG = 0x054
    ESME_RINVNUMMSGS = 0x055
    ESME_RTHROTTLED = 0x058
    ESME_RINVSCHED = 0x061
    ESME_RINVEXPIRY = 0x062
    ESME_RINVDFTMSGID = 0x063
    ESME_RX_T_APPN = 0x064
    ESME_RX_P_APPN = 0x065
    ESME_RX_R_APPN = 0x066
    ESME_RQUERYFAIL = 0x067
    ESME_RINVOPTPARSTREAM = 0x0C0
    ESME_ROPTPARNOTALLWD = 0x0C1
    ESME_RINVPARLEN = 0x0C2
    ESME_RMISSINGOPTPARAM = 0x0C3
    ESME_RINVOPTPARAMVAL = 0x0C4
    ESME_RDELIVERYFAILURE = 0x0FE
    ESME_RUNKNOWNERR = 0x0FF
    ESME_RSERTYPUNAUTH = 0x100
    ESME_RPROHIBITED = 0x101
    ESME_RSERTYPUNAVAIL = 0x102
    ESME_RSERTYPDENIED = 0x103
    ESME_RINVDCS = 0x104
    ESME_RINVSRCADDRSUBUNIT = 0x105
    ESME_RINVDSTADDRSUBUNIT = 0x106
    ESME_RINVBCASTFREQINT = 0x107
    ESME_RINVBCASTALIAS_NAME = 0x108
    ESME_RINVBCASTAREAFMT = 0x109
    ESME_RINVNUMBCAST_AREAS = 0x10A
    ESME_RINVBCASTCNTTYPE = 0x10B
    ESME_RINVBCASTMSGCLASS = 0x10C
    ESME_RBCASTFAIL = 0x10D
    ESME_RBCASTQUERYFAIL = 0x10E
    ESME_RBCASTCANCELFAIL = 0x10F
    ESME_RINVBCAST_REP = 0x110
    ESME_RINVBCASTSRVGRP = 0x111
    ESME_RINVBCASTCHANIND = 0x112


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a status says, in a few words, and its class."""

    description: str
    status_class: StatusClass


_S = CommandStatus
_OK, _SLOW, _LATER = StatusClass.SUCCESS, StatusClass.THROTTLED, StatusClass.TEMPORARY
_NEVER, _LINK, _UNKNOWN = StatusClass.PERMANENT, StatusClass.LINK, StatusClass.UNKNOWN

MEANINGS: dict[int, Meaning] = {
    _S.ESME_ROK: Meaning("no error", _OK),
    _S.ESME_RINVMSGLEN: Meaning("message length is invalid", _NEVER),
    _S.ESME_RINVCMDLEN: Meaning("command length is invalid", _NEVER),
    _S.ESME_RINVCMDID: Meaning("command is not known here", _NEVER),
    _S.ESME_RINVBNDSTS: Meaning("command is not allowed in this bind state", _LINK),
    _S.ESME_RALYBND: Meaning("already bound", _LINK),
    _S.ESME_RINVPRTFLG: Meaning("priority flag is invalid", _NEVER),
    _S.ESME_RINVREGDLVFLG: Meaning("registered delivery flag is invalid", _NEVER),
    _S.ESME_RSYSERR: Meaning("system error", _LATER),
    _S.ESME_RINVSRCADR: Meaning("source address is invalid", _NEVER),
    _S.ESME_RINVDSTADR: Meaning("destination address is invalid", _NEVER),
    _S.ESME_RINVMSGID: Meaning("message id is invalid", _NEVER),
    _S.ESME_RBINDFAIL: Meaning("bind failed", _LINK),
    _S.ESME_RINVPASWD: Meaning("password is invalid", _LINK),
    _S.ESME_RINVSYSID: Meaning("system id is invalid", _LINK),
    _S.ESME_RCANCELFAIL: Meaning("cancellation failed", _NEVER),
    _S.ESME_RREPLACEFAIL: Meaning("replacement failed", _NEVER),
    _S.ESME_RMSGQFUL: Meaning("message queue is full", _SLOW),
    _S.ESME_RINVSERTYP: Meaning("service type is invalid", _NEVER),
    _S.ESME_RINVNUMDESTS: Meaning("number of destinations is invalid", _NEVER),
    _S.ESME_RINVDLNAME: Meaning("distribution list name is invalid", _NEVER),
    _S.ESME_RINVDESTFLAG: Meaning("destination flag is invalid", _NEVER),
    _S.ESME_RINVSUBREP: Meaning("submit with replace is not supported", _NEVER),
    _S.ESME_RINVESMCLASS: Meaning("esm_class is invalid", _NEVER),
    _S.ESME_RCNTSUBDL: Meaning("cannot submit to the distribution list", _NEVER),
    # Says nothing of the cause; certain is only that nothing was taken.
    _S.ESME_RSUBMITFAIL: Meaning("submission failed", _LATER),
    _S.ESME_RINVSRCTON: Meaning("source type of number is invalid", _NEVER),
    _S.ESME_RINVSRCNPI: Meaning("source numbering plan is invalid", _NEVER),
    _S.ESME_RINVDSTTON: Meaning("destination type of number is invalid", _NEVER),
    _S.ESME_RINVDSTNPI: Meaning("destination numbering plan is invalid", _NEVER),
    _S.ESME_RINVSYSTYP: Meaning("system type is invalid", _LINK),
    _S.ESME_RINVREPFLAG: Meaning("replace_if_present flag is invalid", _NEVER),
    _S.ESME_RINVNUMMSGS: Meaning("number of messages is invalid", _NEVER),
    _S.ESME_RTHROTTLED: Meaning("throttled: allowed message rate exceeded", _SLOW),
    _S.ESME_RINVSCHED: Meaning("scheduled delivery time is invalid", _NEVER),
    _S.ESME_RINVEXPIRY: Meaning("validity period is invalid", _NEVER),
    _S.ESME_RINVDFTMSGID: Meaning("predefined message is invalid or not found", _NEVER),
    _S.ESME_RX_T_APPN: Meaning("temporary error of the receiving application", _LATER),
    _S.ESME_RX_P_APPN: Meaning("permanent error of the receiving application", _NEVER),
    _S.ESME_RX_R_APPN: Meaning("rejected by the receiving application", _NEVER),
    _S.ESME_RQUERYFAIL: Meaning("query failed", _LATER),
    _S.ESME_RINVOPTPARSTREAM: Meaning("optional part of the PDU is invalid", _NEVER),
    _S.ESME_ROPTPARNOTALLWD: Meaning("optional parameter is not allowed", _NEVER),
    _S.ESME_RINVPARLEN: Meaning("parameter length is invalid", _NEVER),
    _S.ESME_RMISSINGOPTPARAM: Meaning("expected optional parameter is missing", _NEVER),
    _S.ESME_RINVOPTPARAMVAL: Meaning("optional parameter value is invalid", _NEVER),
    # In transaction mode; delivery_failure_reason may say more.
    _S.ESME_RDELIVERYFAILURE: Meaning("delivery failed", _LATER),
    _S.ESME_RUNKNOWNERR: Meaning("unknown error", _LATER),
    _S.ESME_RSERTYPUNAUTH: Meaning("not authorised to use the service type", _NEVER),
    _S.ESME_RPROHIBITED: Meaning("not allowed to use the operation", _NEVER),
    _S.ESME_RSERTYPUNAVAIL: Meaning("service type is unavailable", _LATER),
    _S.ESME_RSERTYPDENIED: Meaning("service type is denied", _NEVER),
    _S.ESME_RINVDCS: Meaning("data coding is invalid", _NEVER),
    _S.ESME_RINVSRCADDRSUBUNIT: Meaning("source address subunit is invalid", _NEVER),
    _S.ESME_RINVDSTADDRSUBUNIT: Meaning("destination address subunit is invalid", _NEVER),
    _S.ESME_RINVBCASTFREQINT: Meaning("broadcast frequency interval is invalid", _NEVER),
    _S.ESME_RINVBCASTALIAS_NAME: Meaning("broadcast alias name is invalid", _NEVER),
    _S.ESME_RINVBCASTAREAFMT: Meaning("broadcast area format is invalid", _NEVER),
    _S.ESME_RINVNUMBCAST_AREAS: Meaning("number of broadcast areas is invalid", _NEVER),
    _S.ESME_RINVBCASTCNTTYPE: Meaning("broadcast content type is invalid", _NEVER),
    _S.ESME_RINVBCASTMSGCLASS: Meaning("broadcast message class is invalid", _NEVER),
    _S.ESME_RBCASTFAIL: Meaning("broadcast failed", _LATER),
    _S.ESME_RBCASTQUERYFAIL: Meaning("broadcast query failed", _LATER),
    _S.ESME_RBCASTCANCELFAIL: Meaning("broadcast cancellation failed", _NEVER),
    _S.ESME_RINVBCAST_REP: Meaning("number of repeated broadcasts is invalid", _NEVER),
    _S.ESME_RINVBCASTSRVGRP: Meaning("broadcast service group is invalid", _NEVER),
    _S.ESME_RINVBCASTCHANIND: Meaning("broadcast channel indicator is invalid", _NEVER),
}
"""Every named code; a test holds the table complete."""


# delivery_failure_reason (SMPP 3.4, 5.3.2.33): what does not pass by waiting.
_LASTING_FAILURES = frozenset({1, 2})
"""Destination address invalid, permanent network error; 0 is unavailable, 3 temporary."""


def classify(command_status: int, delivery_failure_reason: int | None = None) -> StatusClass:
    """Return what to do after a response with ``command_status``; see :data:`MEANINGS`.

    :param delivery_failure_reason: the TLV of that name in the response, if it is there.
    """
    meaning = MEANINGS.get(command_status)
    if meaning is None:
        return _UNKNOWN
    failed = command_status == CommandStatus.ESME_RDELIVERYFAILURE
    if failed and delivery_failure_reason in _LASTING_FAILURES:
        return _NEVER
    return meaning.status_class


def describe(command_status: int) -> str:
    """Return the name and meaning of a code, for logs and people."""
    meaning = MEANINGS.get(command_status)
    if meaning is not None:
        return f"{CommandStatus(command_status).name} ({meaning.description})"
    if 0x400 <= command_status <= 0x4FF:
        return f"0x{command_status:08x} (vendor's own code)"
    return f"0x{command_status:08x} (reserved code)"
