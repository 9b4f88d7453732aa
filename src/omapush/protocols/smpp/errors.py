"""What is wrong with a PDU, and what to answer."""

from __future__ import annotations

from omapush.core.errors import DecodeError, LimitError
from omapush.protocols.smpp.status import CommandStatus

LAYER = "smpp"


class PduError(DecodeError):
    """Not a PDU that can be read.

    :param command_status: what the peer is to be told.
    """

    def __init__(
        self,
        reason: str,
        position: int | str | None = None,
        command_status: CommandStatus = CommandStatus.ESME_RSYSERR,
    ) -> None:
        super().__init__(reason, position, LAYER)
        self.command_status = command_status


class PduLimitError(PduError, LimitError):
    """A PDU, or a field of one, is longer than it may be."""
