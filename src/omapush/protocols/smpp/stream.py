"""A stream of octets cut into PDUs (SMPP 3.4, 3.2: command_length)."""

from __future__ import annotations

from omapush.protocols.smpp.codec import HEADER_SIZE
from omapush.protocols.smpp.errors import PduError, PduLimitError
from omapush.protocols.smpp.status import CommandStatus

MAX_PDU = 70_000
"""Octets of a PDU: room for a message_payload of 65,535 octets and everything around it."""


class PduBuffer:
    """Holds octets until a PDU is whole; never more than one PDU and what came with its end."""

    __slots__ = ("_max_pdu", "_octets", "_position")

    def __init__(self, max_pdu: int = MAX_PDU) -> None:
        self._max_pdu = max_pdu
        self._octets = bytearray()
        self._position = 0

    @property
    def held(self) -> int:
        """Octets that wait for more."""
        return len(self._octets) - self._position

    def append(self, octets: bytes) -> None:
        """Take octets from the stream; take all PDUs out before the next ones come."""
        if self._position:
            del self._octets[: self._position]
            self._position = 0
        self._octets += octets

    def take(self) -> bytes | None:
        """Return the next whole PDU, or ``None`` if more octets must come first.

        :raises PduError: the length cannot be true. Where the next PDU begins is then unknown for
            ever: the session has to end.
        """
        start = self._position
        held = len(self._octets) - start
        if held < 4:
            return None
        length = int.from_bytes(self._octets[start : start + 4], "big")
        if length < HEADER_SIZE:
            raise PduError(
                f"command_length {length} is below {HEADER_SIZE}",
                0,
                CommandStatus.ESME_RINVCMDLEN,
            )
        if length > self._max_pdu:
            raise PduLimitError(
                f"command_length {length}, and {self._max_pdu} is the most",
                0,
                CommandStatus.ESME_RINVCMDLEN,
            )
        if held < length:
            return None
        self._position = start + length
        return bytes(self._octets[start : self._position])
