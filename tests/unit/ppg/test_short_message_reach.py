"""Pushes as short messages: what goes out, what is not sent again, and what each end means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from omapush.content.message import PushMessage
from omapush.core.instants import HOUR_MS, Instant, later, parse_utc
from omapush.ota.bearer_reports import BearerReport, ReportVerdict
from omapush.ota.interface import CarriedPart, OutcomeKind, PushOutcome
from omapush.ota.short_messages import SubmissionVerdict
from omapush.ppg.contacts import SmsContact
from omapush.ppg.short_message_reach import (
    ReceiptPolicy,
    ShortMessagePassage,
    ShortMessageReach,
    ShortMessageSettings,
)
from omapush.ppg.store.contract import ClaimedDelivery, DeliveryKey, ReportedPart
from omapush.ppg.transform import Unfit
from omapush.protocols.sms.user_data_header import split
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


async def test_push_is_handed_over_in_parts_and_its_receipt_awaited(
    bearer: MemoryShortMessages,
) -> None:
    outcome = await push(bearer, claimed())
    assert outcome.kind is OutcomeKind.HANDED_OVER
    assert outcome.carried == (CarriedPart(BEARER, "1", 1, 2), CarriedPart(BEARER, "2", 2, 2))
    assert outcome.report_by_ms == ShortMessageSettings().report_within_ms
    assert "2 short messages" in outcome.reason
    assert [message.destination for message, _ in bearer.taken] == [PHONE, PHONE]
    assert all(wish.receipt and wish.via is None for _, wish in bearer.taken)
    carried = b"".join(split(message.user_data)[1] for message, _ in bearer.taken)
    assert carried.endswith(MESSAGE.body)


@pytest.mark.parametrize(
    ("policy", "notified", "asked"),
    [
        (ReceiptPolicy.ALWAYS, False, True),
        (ReceiptPolicy.NOTIFIED, True, True),
        (ReceiptPolicy.NOTIFIED, False, False),
        (ReceiptPolicy.NEVER, True, False),
    ],
)
async def test_receipt_is_asked_for_by_policy_and_without_one_the_push_is_done(
    bearer: MemoryShortMessages, policy: ReceiptPolicy, notified: bool, asked: bool
) -> None:
    settings = ShortMessageSettings(receipts=policy)
    outcome = await push(bearer, claimed(notified=notified), settings)
    assert outcome.kind is (OutcomeKind.HANDED_OVER if asked else OutcomeKind.DONE)
    assert {wish.receipt for _, wish in bearer.taken} == {asked}


async def test_datagram_that_the_smsc_took_as_one_is_one_part(
    bearer: MemoryShortMessages,
) -> None:
    bearer = MemoryShortMessages(lambda: NOW, bearer._on_reports, whole=True)
    outcome = await push(bearer, claimed())
    assert outcome.kind is OutcomeKind.HANDED_OVER
    assert outcome.carried == (CarriedPart(BEARER, "1"),)
    assert len(bearer.taken) == 2


async def test_part_that_was_taken_before_is_not_sent_again_and_the_rest_goes_the_same_way(
    bearer: MemoryShortMessages,
) -> None:
    bearer.answers.extend([TAKEN, LATER])
    first = await push(bearer, claimed())
    assert first.kind is OutcomeKind.LATER
    assert first.carried == (CarriedPart(BEARER, "1", 1, 2),)
    assert "1 of 2" in first.reason
    second = await push(bearer, claimed(parts=first.carried))
    assert second.kind is OutcomeKind.HANDED_OVER
    assert second.carried == (CarriedPart(BEARER, "1", 1, 2), CarriedPart(BEARER, "2", 2, 2))
    assert [wish.via for _, wish in bearer.taken] == [None, BEARER]


async def test_push_whose_parts_are_all_taken_sends_nothing(bearer: MemoryShortMessages) -> None:
    first = await push(bearer, claimed())
    again = await push(bearer, claimed(parts=first.carried))
    assert again.carried == first.carried
    assert len(bearer.taken) == 2


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ([LATER], OutcomeKind.LATER),
        ([TAKEN, LATER], OutcomeKind.LATER),
        ([NEVER], OutcomeKind.NEVER),
        ([TAKEN, NEVER], OutcomeKind.NEVER),
        ([IN_DOUBT], OutcomeKind.IN_DOUBT),
        ([TAKEN, IN_DOUBT], OutcomeKind.IN_DOUBT),
    ],
)
async def test_worst_answer_decides(
    bearer: MemoryShortMessages, answers: list[SubmissionVerdict], kind: OutcomeKind
) -> None:
    bearer.answers.extend(answers)
    outcome = await push(bearer, claimed())
    assert outcome.kind is kind
    assert len(outcome.carried) == answers.count(TAKEN)


async def test_push_of_too_many_messages_is_unfit_and_nothing_is_sent(
    bearer: MemoryShortMessages,
) -> None:
    reach = ShortMessageReach(SmsContact(PHONE), bearer, ShortMessageSettings(max_segments=1))
    unfit = await reach.passage(claimed(), MESSAGE)
    assert isinstance(unfit, Unfit)
    assert "2 short messages" in unfit.reason
    assert not bearer.taken


async def test_reference_is_as_wide_as_set_and_the_same_in_each_attempt(
    bearer: MemoryShortMessages,
) -> None:
    settings = ShortMessageSettings(reference_bits=8)
    for _ in range(2):
        await push(bearer, claimed(), settings)
    places = [split(message.user_data)[0].concatenation for message, _ in bearer.taken]
    assert {place.bits for place in places if place} == {8}
    assert len({place.reference for place in places if place}) == 1
    assert bearer.taken[0][0] == bearer.taken[2][0]


async def test_inquiry_asks_for_what_is_not_reported_finally(
    bearer: MemoryShortMessages,
) -> None:
    bearer.known = dict.fromkeys("123", ReportVerdict.DELIVERED)
    parts = [CarriedPart(BEARER, str(number), number, 4) for number in range(1, 5)]
    delivery = claimed(parts=parts)
    told = [ReportVerdict.DELIVERED, ReportVerdict.EN_ROUTE, None, None]
    carried = tuple(
        replace(part, verdict=verdict) for part, verdict in zip(delivery.carried, told, strict=True)
    )
    reach = ShortMessageReach(SmsContact(PHONE), bearer, ShortMessageSettings())
    reports = await reach.inquire(replace(delivery, carried=carried))
    assert [report.reference for report in reports] == ["2", "3"]
    assert {report.at for report in reports} == {Instant(NOW)}
