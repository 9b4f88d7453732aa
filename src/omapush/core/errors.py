"""The root of all errors that omapush raises on purpose.

Every error says in ``reason`` what is wrong, in words for whoever sent the input, and in
``position`` where: an octet offset, an element path or a header name, whichever the input has.
A fresh object is raised each time and chained with ``from`` when another error caused it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omapush.core.explanation import Field


class OmapushError(Exception):
    """Something went wrong that omapush knows and names.

    :param reason: one sentence without a final full stop, fit to be shown to the peer.
    :param position: where in the input, or ``None`` when the input has no positions.
    :param layer: the protocol that found it (``wsp``, ``wbxml`` ...), where several are stacked.
    """

    def __init__(
        self, reason: str, position: int | str | None = None, layer: str | None = None
    ) -> None:
        super().__init__(reason, position, layer)
        self.reason = reason
        self.position = position
        self.layer = layer

    def __str__(self) -> str:
        said = self.reason if self.layer is None else f"{self.layer}: {self.reason}"
        if self.position is None:
            return said
        where = f"octet {self.position}" if isinstance(self.position, int) else self.position
        return f"{said} (at {where})"


class DecodeError(OmapushError):
    """Input from a peer does not have the form that its specification asks for.

    :ivar explained: what an ``explain`` function had made of the octets before the fault.
    """

    explained: tuple[Field, ...] = ()


class LimitError(DecodeError):
    """Input is well formed so far but larger or deeper than the limit in force allows."""


class EncodeError(OmapushError):
    """A value cannot be written in the form asked for: the caller's fault, not a peer's."""
