"""Numbers that WTP assigns: PDU types, abort types and reasons, TPIs and options (WAP-224, 8 to 9).

Registers are open: a peer may send a number that is not listed, and then it stays a number.
"""

from __future__ import annotations

import enum

LAYER = "wtp"
"""How errors of these modules name their layer."""

VERSION = 0
"""The only version of WTP there is, written as 0."""

RESPONDER_BIT = 0x8000
"""Set in the transaction identifier of every PDU that the responder of the transaction sends."""

MAX_TRANSACTION_ID = 0x7FFF
"""Transaction identifiers have 15 bits beside the direction."""


class PduType(enum.IntEnum):
    """Bits 6 to 3 of the first octet."""

    INVOKE = 1
    RESULT = 2
    ACK = 3
    ABORT = 4
    SEGMENTED_INVOKE = 5
    SEGMENTED_RESULT = 6
    NEGATIVE_ACK = 7


class AbortType(enum.IntEnum):
    """Who aborted: WTP itself or its user."""

    PROVIDER = 0
    USER = 1


class AbortReason(enum.IntEnum):
    """Why the provider aborted. A user's reasons are its own (for WSP its abort reasons)."""

    UNKNOWN = 0x00
    PROTOERR = 0x01
    INVALIDTID = 0x02
    NOTIMPLEMENTEDCL2 = 0x03
    NOTIMPLEMENTEDSAR = 0x04
    NOTIMPLEMENTEDUACK = 0x05
    WTPVERSIONONE = 0x06
    CAPTEMPEXCEEDED = 0x07
    NORESPONSE = 0x08
    MESSAGETOOLARGE = 0x09
    NOTIMPLEMENTEDESAR = 0x0A


class TransactionClass(enum.IntEnum):
    """How much WTP does for a message."""

    UNRELIABLE = 0
    """Sent once; nobody answers."""
    RELIABLE = 1
    """Repeated until acknowledged."""
    RESULT = 2
    """Repeated until acknowledged or answered; the answer is repeated until acknowledged."""


class TpiIdentity(enum.IntEnum):
    """What a Transport Information Item is."""

    ERROR = 0
    INFO = 1
    OPTION = 2
    PACKET_SEQUENCE_NUMBER = 3
    SDU_BOUNDARY = 4
    FRAME_BOUNDARY = 5


class OptionIdentity(enum.IntEnum):
    """What an Option TPI is about."""

    MAXIMUM_RECEIVE_UNIT = 1
    """Octets that the initiator can take as the result."""
    TOTAL_MESSAGE_SIZE = 2
    """Octets of the whole message, said in its first packet."""
    DELAY_TRANSMISSION_TIMER = 3
    """Tenths of a second that the sender shall let pass before its next group."""
    MAXIMUM_GROUP = 4
    """Octets that one group of packets may hold."""
    CURRENT_TID = 5
    """The responder's cached transaction identifier."""
    NO_CACHED_TID = 6
    """The responder has none."""
    NUM_GROUPS = 7
    """Extended segmentation: groups that may be under way at once."""


class TpiErrorCode(enum.IntEnum):
    """Why a TPI was not understood."""

    UNKNOWN_TPI = 1
    UNKNOWN_CONTENT = 2
