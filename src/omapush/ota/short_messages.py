"""The port to bearers that carry short messages, implemented by ``bearers.smsc``.

A datagram that is too long for one short message comes as several, whose user data begins with a
header that says so; the bearer neither reads nor changes it. All messages of a datagram are handed
over in one call, so that they take the same road.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from omapush.core.instants import Instant


class SubmissionVerdict(enum.Enum):
    """What became of the try to hand one short message over."""

    TAKEN = "taken"
    """The bearer has taken it over and gave it a reference."""
    LATER = "later"
    """It was certainly not taken; another try may succeed."""
    NEVER = "never"
    """It was refused for good: another try of the same message is pointless."""
    IN_DOUBT = "in_doubt"
    """It was sent, and the answer never came."""


@dataclass(frozen=True, slots=True)
class ShortMessage:
    """One short message with binary user data, header first (3GPP TS 23.040, 9.2.3.24).

    :ivar destination: a number in international form with its ``+``, or a short code without.
    :ivar user_data: at most 140 octets, beginning with the user data header.
    """

    destination: str
    user_data: bytes


@dataclass(frozen=True, slots=True)
class SubmissionWish:
    """What holds for all messages of one datagram.

    :ivar receipt: whether the bearer is to report if the message arrived.
    :ivar expires_at: after this the bearer need not try any more.
    :ivar urgent: the initiator asked for high priority.
    :ivar via: the carrier that took the other messages of the datagram in an earlier try.
    """

    expires_at: Instant
    receipt: bool = False
    urgent: bool = False
    via: str | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """The end of one try.

    :ivar carrier: name of the SMSC that answered or was asked, in the operator's words; empty when
        none could be asked.
    :ivar reference: the carrier's id of the message, in the form in which its reports are matched.
    :ivar reason: one sentence for the timeline.
    """

    verdict: SubmissionVerdict
    reason: str
    carrier: str = ""
    reference: str | None = None
    retry_after_ms: int | None = None


class ReportVerdict(enum.StrEnum):
    """What a bearer says, later, about a message that it took (SMPP 3.4, 5.2.28)."""

    EN_ROUTE = "en_route"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    EXPIRED = "expired"
    DELETED = "deleted"
    FAILED = "failed"
    """It cannot be delivered (SMPP: UNDELIVERABLE)."""
    REJECTED = "rejected"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Whether no other verdict will follow."""
        return self not in (self.EN_ROUTE, self.ACCEPTED)


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """A report about one message, come by itself or asked for.

    :ivar carrier: and ``reference``: as in :class:`Submission`.
    :ivar detail: what else the carrier said, such as a network error code.
    """

    carrier: str
    reference: str
    verdict: ReportVerdict
    at: Instant
    detail: str = ""


OnReport = Callable[[DeliveryReport], Awaitable[None]]
"""Takes a report; returns when it is durable, and only then the carrier is told that it came.

:raises OmapushError: it could not be kept; the carrier will repeat it.
"""


class ShortMessageBearer(Protocol):
    """Hands short messages over to whoever carries them."""

    async def submit(
        self, messages: Sequence[ShortMessage], wish: SubmissionWish
    ) -> list[Submission]:
        """Return one answer for each message of a datagram, in order; the wait is bounded.

        A message behind one that was not taken is not tried.
        """

    async def query(self, carrier: str, reference: str, destination: str) -> DeliveryReport | None:
        """Ask what became of a message; ``None``: the carrier cannot tell, or did not."""
