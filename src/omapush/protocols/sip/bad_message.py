"""What is wrong with a SIP message, and with which answer it is refused."""

from __future__ import annotations

from omapush.core.errors import DecodeError
from omapush.protocols.sip.message import SipRequest


class BadSipMessage(DecodeError):
    """A message, or a part of it, does not have the form that RFC 3261 asks for.

    :ivar status: the status by which a request is refused: 400, 413, 416, 505 (RFC 3261 21).
    :ivar readable: the request as far as it could be read, from which an answer can be made;
        ``None``: a response, or nothing that could be answered. It must be dropped.
    """

    def __init__(
        self,
        reason: str,
        position: int | str | None = None,
        *,
        status: int = 400,
        readable: SipRequest | None = None,
    ) -> None:
        super().__init__(reason, position)
        self.status = status
        self.readable = readable
