"""The port to bearers that carry short messages, implemented by ``bearers.smsc``.

A datagram that is too long for one short message comes as several, whose user data begins with a
header that says so; the bearer neither reads nor changes it. All messages of a datagram are handed
over in one call, so that they take the same road.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from omapush.core.instants import Instant
from omapush.ota.bearer_reports import BearerReport


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
    :ivar via: the SMSC that took the other messages of the datagram in an earlier try.
    """

    expires_at: Instant
    receipt: bool = False
    urgent: bool = False
    via: str | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """The end of one try.

    :ivar bearer: which SMSC answered or was asked, as in ``CarriedPart``; empty when none could be.
    :ivar reference: the SMSC's id of the message, in the form in which its reports are matched.
        ``None``, if it was taken: it has none of its own. Where the first of a datagram has one and
        no other, the SMSC took the whole datagram under that.
    :ivar reason: one sentence for the timeline.
    """

    verdict: SubmissionVerdict
    reason: str
    bearer: str = ""
    reference: str | None = None
    retry_after_ms: int | None = None


class ShortMessageBearer(Protocol):
    """Hands short messages over to whoever carries them."""

    async def submit(
        self, messages: Sequence[ShortMessage], wish: SubmissionWish
    ) -> list[Submission]:
        """Return one answer for each message of a datagram, in order; the wait is bounded.

        A message behind one that was not taken is not tried.
        """

    async def query(self, bearer: str, reference: str, destination: str) -> BearerReport | None:
        """Ask what became of a message; ``None``: the SMSC cannot tell, or did not in time."""

    def health(self) -> Sequence[str]:
        """Return a line for each SMSC, for people: whether it is bound, and how it fares."""
