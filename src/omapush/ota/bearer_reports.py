"""What a bearer tells, later, about what it took: delivery receipts and their like."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from omapush.core.instants import Instant


class ReportVerdict(enum.StrEnum):
    """What a bearer reports of a part that it took: the message states of SMPP (3.4, 5.2.28)."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """It cannot be delivered (SMPP: UNDELIVERABLE)."""
    EXPIRED = "expired"
    DELETED = "deleted"
    """Somebody removed it from the bearer's own store."""
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    """The bearer itself no longer knows."""
    EN_ROUTE = "en_route"
    ACCEPTED = "accepted"

    @property
    def is_final(self) -> bool:
        """Whether the bearer has done with the part."""
        return self not in (self.EN_ROUTE, self.ACCEPTED)


@dataclass(frozen=True, slots=True)
class BearerReport:
    """What a bearer tells of a part that it took, by itself or because it was asked.

    :ivar bearer: as in :class:`~omapush.ota.interface.CarriedPart`; ``reference`` likewise.
    :ivar at: when the report came to us, by our own clock.
    :ivar detail: for people, such as the bearer's error code.
    """

    bearer: str
    reference: str
    at: Instant
    verdict: ReportVerdict
    detail: str = ""


OnReports = Callable[[Sequence[BearerReport]], Awaitable[None]]
"""Takes reports; returns when they are durable, and only then the bearer is told that they came.

:raises OmapushError: they could not be kept; the bearer will repeat them.
"""
