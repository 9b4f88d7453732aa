"""The root of all errors that omapush raises on purpose.

Every error says in ``reason`` what is wrong, in words for whoever sent the input, and in
``position`` where: an octet offset, an element path or a header name, whichever the input has.
A fresh object is raised each time and chained with ``from`` when another error caused it.
"""

from __future__ import annotations


class OmapushError(Exception):
    """Something went wrong that omapush knows and names.

    :param reason: one sentence without a final full stop, fit to be shown to the peer.
    :param position: where in the input, or ``None`` when the input has no positions.
    """

    def __init__(self, reason: str, position: int | str | None = None) -> None:
        super().__init__(reason, position)
        self.reason = reason
        self.position = position

    def __str__(self) -> str:
        if self.position is None:
            return self.reason
        where = f"octet {self.position}" if isinstance(self.position, int) else self.position
        return f"{self.reason} (at {where})"


class DecodeError(OmapushError):
    """Input from a peer does not have the form that its specification asks for."""


class LimitError(DecodeError):
    """Input is well formed so far but larger or deeper than the limit in force allows."""


class EncodeError(OmapushError):
    """A value cannot be written in the form asked for: the caller's fault, not a peer's."""
