"""Command identifiers (SMPP 3.4, 5.1.2.1; SMPP 5.0, 4.7.5)."""

from __future__ import annotations

import enum

RESPONSE = 0x8000_0000
"""The bit that makes a response of a request's identifier."""


class CommandId(enum.IntEnum):
    """What a PDU is; a response is its request with :data:`RESPONSE` set."""

    BIND_RECEIVER = 0x0000_0001
    BIND_TRANSMITTER = 0x0000_0002
    QUERY_SM = 0x0000_0003
    SUBMIT_SM = 0x0000_0004
    DELIVER_SM = 0x0000_0005
    UNBIND = 0x0000_0006
    REPLACE_SM = 0x0000_0007
    CANCEL_SM = 0x0000_0008
    BIND_TRANSCEIVER = 0x0000_0009
    OUTBIND = 0x0000_000B
    ENQUIRE_LINK = 0x0000_0015
    SUBMIT_MULTI = 0x0000_0021
    ALERT_NOTIFICATION = 0x0000_0102
    DATA_SM = 0x0000_0103
    BROADCAST_SM = 0x0000_0111
    QUERY_BROADCAST_SM = 0x0000_0112
    CANCEL_BROADCAST_SM = 0x0000_0113

    GENERIC_NACK = 0x8000_0000
    BIND_RECEIVER_RESP = 0x8000_0001
    BIND_TRANSMITTER_RESP = 0x8000_0002
    QUERY_SM_RESP = 0x8000_0003
    SUBMIT_SM_RESP = 0x8000_0004
    DELIVER_SM_RESP = 0x8000_0005
    UNBIND_RESP = 0x8000_0006
    REPLACE_SM_RESP = 0x8000_0007
    CANCEL_SM_RESP = 0x8000_0008
    BIND_TRANSCEIVER_RESP = 0x8000_0009
    ENQUIRE_LINK_RESP = 0x8000_0015
    SUBMIT_MULTI_RESP = 0x8000_0021
    DATA_SM_RESP = 0x8000_0103
    BROADCAST_SM_RESP = 0x8000_0111
    QUERY_BROADCAST_SM_RESP = 0x8000_0112
    CANCEL_BROADCAST_SM_RESP = 0x8000_0113


BIND_COMMANDS = frozenset(
    {CommandId.BIND_RECEIVER, CommandId.BIND_TRANSMITTER, CommandId.BIND_TRANSCEIVER}
)

BROADCAST_COMMANDS = frozenset(
    {CommandId.BROADCAST_SM, CommandId.QUERY_BROADCAST_SM, CommandId.CANCEL_BROADCAST_SM}
)
"""Operations that exist since version 5.0 only."""


def name_of(command_id: int) -> str:
    """Return the specification's name, such as ``submit_sm``, or the number in hexadecimal."""
    try:
        return CommandId(command_id).name.lower()
    except ValueError:
        return f"0x{command_id:08x}"
