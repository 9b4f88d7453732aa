"""One push to one phone: its short messages, what the SMSC answers, and what follows from that."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest

from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.ota.bearer_reports import BearerReport, ReportVerdict
from omapush.ota.interface import CarriedPart, OutcomeKind, PushFlag
from omapush.ota.short_messages import ShortMessage, Submission, SubmissionVerdict, SubmissionWish
from omapush.ota.wsp.unit_push import decode_unit_push
from omapush.pap.codes import StatusCode
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
from omapush.testing.scripted_short_messages import SMSC, ScriptedShortMessages

NUMBER = "+358401234567"
NOW = Instant(1_700_000_000_000)
TAKEN, LATER = SubmissionVerdict.TAKEN, SubmissionVerdict.LATER
NEVER, IN_DOUBT = SubmissionVerdict.NEVER, SubmissionVerdict.IN_DOUBT
MMS = PushMessage(
    (("Content-Type", "application/vnd.wap.mms-message"), ("X-Wap-Application-Id", "4")),
    bytes(range(256)) + bytes(100),  # three short messages
)
SHORT = replace(MMS, body=b"\x8c\x82")
CLAIMED = ClaimedDelivery(
    key=DeliveryKey("0" * 32, 3),
    push_id="a@pi",
    initiator_id="weather",
    client_id="PLMN:" + NUMBER,
    address=NUMBER,
    owner="ppg-1/a",
    attempt=1,
    sent_attempts=0,
    in_doubt=False,
    lease_until=Instant(NOW + 300_000),
    received_at=NOW,
    expires_at=Instant(NOW + 3_600_000),
    confirmed=False,
    flags=0,
    message=MMS,
)


def carried(*numbers: int, parts: int = 3) -> tuple[ReportedPart, ...]:
    """Return parts that the SMSC took in an earlier attempt; their references are old-1, ..."""
    return tuple(ReportedPart(CarriedPart(SMSC, f"old-{n}", n, parts)) for n in numbers)


async def passage(
    smsc: ScriptedShortMessages,
    claimed: ClaimedDelivery = CLAIMED,
    settings: ShortMessageSettings | None = None,
    message: PushMessage = MMS,
) -> ShortMessagePassage:
    reach = ShortMessageReach(SmsContact(NUMBER), smsc, settings or ShortMessageSettings())
    made = await reach.passage(claimed, message)
    assert isinstance(made, ShortMessagePassage)
    return made


def reassembled(messages: Sequence[ShortMessage]) -> bytes:
    return b"".join(split(message.user_data)[1] for message in messages)


async def test_short_push_is_one_message_with_its_ports_and_no_concatenation() -> None:
    smsc = ScriptedShortMessages()
    outcome = await (await passage(smsc, message=SHORT)).push()
    [message] = smsc.messages
    assert message.destination == NUMBER
    assert message.user_data[:7].hex() == "0605040b8423f0"  # from 9200 to 2948
    push = decode_unit_push(message.user_data[7:])
    assert push.message.body == SHORT.body
    assert (outcome.kind, outcome.delivery_id) == (OutcomeKind.DONE, str(CLAIMED.key))
    assert outcome.reason == f"{SMSC} took 1 short message, {len(message.user_data) - 7} octets"


async def test_long_push_is_several_messages_that_together_are_the_datagram() -> None:
    smsc = ScriptedShortMessages()
    outcome = await (await passage(smsc, replace(CLAIMED, flags=3))).push()
    assert len(smsc.messages) == 3
    assert all(len(message.user_data) <= 140 for message in smsc.messages)
    push = decode_unit_push(reassembled(smsc.messages))
    assert push.message.body == MMS.body
    assert push.flags == PushFlag.INITIATOR_AUTHENTICATED | PushFlag.CONTENT_TRUSTED
    assert "took 3 short messages" in outcome.reason


@pytest.mark.parametrize("bits", [8, 16])
async def test_every_attempt_of_a_delivery_gives_the_same_octets_and_another_delivery_others(
    bits: int,
) -> None:
    settings = ShortMessageSettings(reference_bits=bits)
    smsc = ScriptedShortMessages()
    first = await passage(smsc, settings=settings)
    second = await passage(smsc, replace(CLAIMED, attempt=7, in_doubt=True), settings)
    other = await passage(smsc, replace(CLAIMED, key=DeliveryKey("0" * 32, 4)), settings)
    assert first.messages == second.messages
    assert first.messages != other.messages
    references = {
        header.concatenation.reference
        for header, _ in (split(each.user_data) for each in first.messages)
        if header.concatenation is not None
    }
    assert len(references) == 1


async def test_wish_says_until_when_how_urgent_and_by_whom() -> None:
    smsc = ScriptedShortMessages()
    urgent = replace(CLAIMED, control={"qos": {"priority": "high"}}, notified=True)
    await (await passage(smsc, urgent)).push()
    await (await passage(smsc, replace(CLAIMED, carried=carried(1)))).push()
    assert [call.wish for call in smsc.calls] == [
        SubmissionWish(CLAIMED.expires_at, receipt=True, urgent=True),
        SubmissionWish(CLAIMED.expires_at, via=SMSC),
    ]


@pytest.mark.parametrize(
    ("policy", "notified", "wanted"),
    [
        (ReceiptPolicy.ALWAYS, False, True),
        (ReceiptPolicy.ALWAYS, True, True),
        (ReceiptPolicy.NOTIFIED, False, False),
        (ReceiptPolicy.NOTIFIED, True, True),
        (ReceiptPolicy.NEVER, True, False),
    ],
)
async def test_receipt_is_asked_for_by_policy_and_then_awaited(
    policy: ReceiptPolicy, *, notified: bool, wanted: bool
) -> None:
    smsc = ScriptedShortMessages()
    settings = ShortMessageSettings(receipts=policy, report_within_ms=60_000)
    outcome = await (await passage(smsc, replace(CLAIMED, notified=notified), settings)).push()
    assert smsc.calls[0].wish.receipt is wanted
    if wanted:
        assert (outcome.kind, outcome.report_by_ms) == (OutcomeKind.HANDED_OVER, 60_000)
        assert outcome.carried == tuple(CarriedPart(SMSC, str(n), n, 3) for n in (1, 2, 3))
        assert outcome.reason.endswith("its receipt is awaited")
    else:
        assert (outcome.kind, outcome.carried) == (OutcomeKind.DONE, ())


async def test_push_whose_messages_got_no_reference_is_not_waited_for() -> None:
    # Nobody could tell which push a receipt without a known reference is about.
    smsc = ScriptedShortMessages()
    smsc.gives_references = False
    settings = ShortMessageSettings(receipts=ReceiptPolicy.ALWAYS)
    outcome = await (await passage(smsc, settings=settings)).push()
    assert outcome.kind is OutcomeKind.DONE
    assert "without" in outcome.reason


_ORDER = (NEVER, IN_DOUBT, LATER)
_KIND = {
    NEVER: OutcomeKind.NEVER,
    IN_DOUBT: OutcomeKind.IN_DOUBT,
    LATER: OutcomeKind.LATER,
}


@pytest.mark.parametrize("verdicts", list(itertools.product(SubmissionVerdict, repeat=3)))
async def test_worst_verdict_decides_and_what_was_taken_is_told(
    verdicts: tuple[SubmissionVerdict, ...],
) -> None:
    smsc = ScriptedShortMessages([verdicts])
    settings = ShortMessageSettings(receipts=ReceiptPolicy.ALWAYS)
    outcome = await (await passage(smsc, settings=settings)).push()
    worst = next((each for each in _ORDER if each in verdicts), None)
    assert outcome.kind is (OutcomeKind.HANDED_OVER if worst is None else _KIND[worst])
    taken = [n for n, verdict in enumerate(verdicts, 1) if verdict is TAKEN]
    assert [part.part for part in outcome.carried] == taken
    if worst is not None:
        assert outcome.reason == (
            f"SMSC says {worst.value}; the SMSC has {len(taken)} of 3 short messages"
        )


@pytest.mark.parametrize(
    "had", [numbers for size in (1, 2) for numbers in itertools.combinations((1, 2, 3), size)]
)
async def test_messages_that_were_taken_before_are_not_sent_again(had: tuple[int, ...]) -> None:
    smsc = ScriptedShortMessages()
    settings = ShortMessageSettings(receipts=ReceiptPolicy.ALWAYS)
    made = await passage(smsc, replace(CLAIMED, carried=carried(*had)), settings)
    outcome = await made.push()
    missing = [n for n in (1, 2, 3) if n not in had]
    assert smsc.messages == [made.messages[n - 1] for n in missing]
    assert outcome.kind is OutcomeKind.HANDED_OVER
    assert [part.part for part in outcome.carried] == [1, 2, 3]
    kept = {part.part: part.reference for part in outcome.carried if part.part in had}
    assert kept == {n: f"old-{n}" for n in had}


async def test_nothing_is_sent_when_the_smsc_has_it_all() -> None:
    smsc = ScriptedShortMessages()
    outcome = await (await passage(smsc, replace(CLAIMED, carried=carried(1, 2, 3)))).push()
    assert smsc.calls == []
    assert outcome.kind is OutcomeKind.DONE


async def test_parts_of_another_cutting_count_for_nothing() -> None:
    # The settings or the coding changed between two attempts: the phone cannot mix the two.
    smsc = ScriptedShortMessages()
    await (await passage(smsc, replace(CLAIMED, carried=carried(1, 2, parts=4)))).push()
    assert len(smsc.messages) == 3


async def test_wait_that_the_smsc_asks_for_is_kept() -> None:
    smsc = ScriptedShortMessages([(LATER,)])
    smsc.retry_after_ms = 9_000
    outcome = await (await passage(smsc, message=SHORT)).push()
    assert (outcome.kind, outcome.retry_after_ms) == (OutcomeKind.LATER, 9_000)
    assert outcome.reason == "SMSC says later"


async def test_bearer_that_leaves_an_answer_out_is_a_fault_and_no_success() -> None:
    class Forgetful(ScriptedShortMessages):
        async def submit(
            self, messages: Sequence[ShortMessage], wish: SubmissionWish
        ) -> list[Submission]:
            return (await super().submit(messages, wish))[:-1]

    with pytest.raises(ValueError, match="zip"):
        await (await passage(Forgetful())).push()


@pytest.mark.parametrize(("most", "fits"), [(2, False), (3, True)])
async def test_push_of_more_messages_than_allowed_is_unfit(most: int, *, fits: bool) -> None:
    reach = ShortMessageReach(
        SmsContact(NUMBER), ScriptedShortMessages(), ShortMessageSettings(max_segments=most)
    )
    verdict = await reach.passage(CLAIMED, MMS)
    assert isinstance(verdict, ShortMessagePassage if fits else Unfit)
    if isinstance(verdict, Unfit):
        assert verdict.code is StatusCode.REQUIRED_CAPABILITIES_NOT_SUPPORTED
        assert "take 3 short messages, and at most 2 are allowed" in verdict.reason


async def test_push_that_not_even_255_messages_hold_is_unfit() -> None:
    reach = ShortMessageReach(
        SmsContact(NUMBER), ScriptedShortMessages(), ShortMessageSettings(max_segments=255)
    )
    verdict = await reach.passage(CLAIMED, replace(MMS, body=bytes(255 * 140)))
    assert isinstance(verdict, Unfit)


async def test_content_that_cannot_be_compiled_is_unfit() -> None:
    broken = PushMessage((("Content-Type", "text/vnd.wap.si"),), b"<si>")
    reach = ShortMessageReach(SmsContact(NUMBER), ScriptedShortMessages(), ShortMessageSettings())
    verdict = await reach.passage(CLAIMED, broken)
    assert isinstance(verdict, Unfit)
    assert verdict.code is StatusCode.TRANSFORMATION_FAILURE


async def test_only_parts_without_a_final_report_are_asked_for() -> None:
    smsc = ScriptedShortMessages()
    smsc.reports["old-3"] = BearerReport(SMSC, "old-3", NOW, ReportVerdict.DELIVERED)
    first, second, third = carried(1, 2, 3)
    known = (
        replace(first, verdict=ReportVerdict.DELIVERED),
        replace(second, verdict=ReportVerdict.EN_ROUTE),
        third,
    )
    reach = ShortMessageReach(SmsContact(NUMBER), smsc, ShortMessageSettings())
    told = await reach.inquire(replace(CLAIMED, carried=known))
    assert sorted(smsc.queried) == [("old-2", NUMBER), ("old-3", NUMBER)]
    assert told == [smsc.reports["old-3"]]


def test_reach_keeps_nothing_between_pushes() -> None:
    reach = ShortMessageReach(SmsContact(NUMBER), ScriptedShortMessages(), ShortMessageSettings())
    assert not reach.worth_keeping
    assert reach.not_before == 0
    assert reach.outstanding_limit > 1
    reach.retire("no more pushes for now")
