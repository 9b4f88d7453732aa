"""Whatever an SMSC answers and reports, a push by SMS ends once and no part is taken twice."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.content.message import PushMessage
from omapush.core.instants import HOUR_MS, MINUTE_MS
from omapush.ota.bearer_reports import ReportVerdict
from omapush.ota.short_messages import SubmissionVerdict
from omapush.ppg.lifecycle import InDoubtPolicy, RetryPolicy
from omapush.ppg.recipients import Recipients
from omapush.ppg.short_message_reach import ReceiptPolicy, ShortMessageSettings
from omapush.ppg.store.contract import DeliveryState
from omapush.ppg.subscribers import Range, Subscribers
from omapush.testing.delivery_bench import DeliveryBench
from omapush.testing.scripted_short_messages import SMSC, ScriptedShortMessages

SUBSCRIBERS = Recipients([], Subscribers([Range(("+358*",))]))
LIFE_MS = 2 * HOUR_MS
VERDICTS = st.lists(
    st.lists(st.sampled_from(SubmissionVerdict), min_size=1, max_size=4), max_size=8
)
REPORTS = st.lists(
    st.tuples(st.integers(1, 8), st.sampled_from(ReportVerdict), st.integers(0, 3)), max_size=8
)


async def _live(
    verdicts: list[list[SubmissionVerdict]],
    reports: list[tuple[int, ReportVerdict, int]],
    receipts: ReceiptPolicy,
    in_doubt: InDoubtPolicy,
) -> tuple[DeliveryBench, ScriptedShortMessages]:
    """Let a push of three short messages live its whole life, and the reports come in between."""
    smsc = ScriptedShortMessages(verdicts)
    retry = RetryPolicy(first_ms=1_000, longest_ms=MINUTE_MS, in_doubt=in_doubt)
    bench = DeliveryBench(SUBSCRIBERS, retry)
    await bench.start(smsc, ShortMessageSettings(receipts=receipts))
    message = PushMessage((("Content-Type", "application/vnd.wap.mms-message"),), bytes(300))
    await bench.accept("a@pi", "PLMN:+358401", message=message, life_ms=LIFE_MS)
    await bench.rest(15)
    for reference, verdict, minutes in reports:
        await bench.report(SMSC, str(reference), verdict)
        bench.clock.advance(minutes * MINUTE_MS)
        await bench.rest(15)
    for _ in range(40):
        bench.clock.advance(LIFE_MS // 30)
        await bench.rest(15)
    return bench, smsc


async def _check(
    verdicts: list[list[SubmissionVerdict]],
    reports: list[tuple[int, ReportVerdict, int]],
    receipts: ReceiptPolicy,
    in_doubt: InDoubtPolicy,
) -> None:
    bench, smsc = await _live(verdicts, reports, receipts, in_doubt)
    record = await bench.push("a@pi")
    await bench.close()
    [delivery] = record.deliveries
    assert delivery.state.is_final
    ends = [line.event for line in record.timeline if line.event in _FINAL]
    assert ends == [delivery.state.value]
    assert not delivery.confirmed
    taken = Counter(message.user_data for message in smsc.taken.values())
    assert all(count == 1 for count in taken.values())
    if delivery.state is DeliveryState.DELIVERED:
        assert len(taken) == 3
    # The same octets in every attempt, or the phone could not put them together.
    assert len({message.user_data for message in smsc.messages}) == 3
    if in_doubt is InDoubtPolicy.GIVE_UP:
        in_doubt_at = [
            number
            for number, (entry, call) in enumerate(zip(verdicts, smsc.calls, strict=False))
            if SubmissionVerdict.IN_DOUBT in entry[: len(call.messages)]
        ]
        assert in_doubt_at in ([], [len(smsc.calls) - 1])  # at most once: nothing follows a doubt


_FINAL = {state.value for state in DeliveryState if state.is_final}


@settings(max_examples=60, deadline=None)
@given(VERDICTS, REPORTS, st.sampled_from(ReceiptPolicy), st.sampled_from(InDoubtPolicy))
def test_push_by_sms_ends_once_and_no_part_is_taken_twice(
    verdicts: list[list[SubmissionVerdict]],
    reports: list[tuple[int, ReportVerdict, int]],
    receipts: ReceiptPolicy,
    in_doubt: InDoubtPolicy,
) -> None:
    asyncio.run(_check(verdicts, reports, receipts, in_doubt))
