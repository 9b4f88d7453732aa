"""Pushes as short messages that an SMSC takes as one and segments itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from omapush.content.message import PushMessage
from omapush.core.instants import HOUR_MS, later, parse_utc
from omapush.ota.bearer_reports import BearerReport
from omapush.ota.interface import CarriedPart, OutcomeKind, PushOutcome
from omapush.ota.short_messages import SubmissionVerdict
from omapush.ppg.contacts import SmsContact
from omapush.ppg.short_message_reach import (
    ShortMessagePassage,
    ShortMessageReach,
    ShortMessageSettings,
)
from omapush.ppg.store.contract import ClaimedDelivery, DeliveryKey, ReportedPart
from omapush.testing.memory_short_messages import BEARER, MemoryShortMessages

NOW = parse_utc("2026-11-21T12:00:00Z")
PHONE = "+358401234567"
TAKEN, LATER = SubmissionVerdict.TAKEN, SubmissionVerdict.LATER
NEVER, IN_DOUBT = SubmissionVerdict.NEVER, SubmissionVerdict.IN_DOUBT
MESSAGE = PushMessage(
    (("Content-Type", "application/vnd.wap.mms-message"), ("X-Wap-Application-Id", "4")),
    bytes(range(200)),
)
"""Two short messages."""


def claimed(
    message: PushMessage = MESSAGE, *, notified: bool = True, parts: Sequence[CarriedPart] = ()
) -> ClaimedDelivery:
    carried = tuple(ReportedPart(part) for part in parts)
    return ClaimedDelivery(
        DeliveryKey("0" * 32, 0), "a@pi", "pi", "plmn:+358401234567", "", "ppg/1", 1, 0, False,
        later(NOW, HOUR_MS), NOW, later(NOW, HOUR_MS), False, 0, message,
        notified=notified, carried=carried,
    )  # fmt: skip


@pytest.fixture
def bearer() -> MemoryShortMessages:
    async def take(reports: Sequence[BearerReport]) -> None:
        """Nobody wants to know."""

    return MemoryShortMessages(lambda: NOW, take)


async def passage(
    bearer: MemoryShortMessages,
    delivery: ClaimedDelivery,
    settings: ShortMessageSettings | None = None,
) -> ShortMessagePassage:
    reach = ShortMessageReach(SmsContact(PHONE), bearer, settings or ShortMessageSettings())
    found = await reach.passage(delivery, delivery.message)
    assert isinstance(found, ShortMessagePassage)
    return found


async def push(
    bearer: MemoryShortMessages,
    delivery: ClaimedDelivery,
    settings: ShortMessageSettings | None = None,
) -> PushOutcome:
    return await (await passage(bearer, delivery, settings)).push()


async def test_datagram_that_the_smsc_took_as_one_is_one_part(
    bearer: MemoryShortMessages,
) -> None:
    bearer = MemoryShortMessages(lambda: NOW, bearer._on_reports, whole=True)
    outcome = await push(bearer, claimed())
    assert outcome.kind is OutcomeKind.HANDED_OVER
    assert outcome.carried == (CarriedPart(BEARER, "1"),)
    assert len(bearer.taken) == 2


async def test_datagram_taken_as_one_is_not_sent_again_without_a_receipt(
    bearer: MemoryShortMessages,
) -> None:
    bearer = MemoryShortMessages(lambda: NOW, bearer._on_reports, whole=True)
    outcome = await push(bearer, claimed(notified=False))
    assert outcome.kind is OutcomeKind.DONE
