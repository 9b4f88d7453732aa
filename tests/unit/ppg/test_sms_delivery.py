"""Pushes by SMS through the delivery loop: from the due row to the last report."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
import structlog

from omapush.content.message import PushMessage
from omapush.core.instants import HOUR_MS, MINUTE_MS
from omapush.ota.bearer_reports import BearerReport, ReportVerdict
from omapush.ota.interface import BearerUnavailable
from omapush.ota.short_messages import SubmissionVerdict
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact, HttpContact, SmsContact
from omapush.ppg.lifecycle import InDoubtPolicy, RetryPolicy
from omapush.ppg.recipients import Recipients
from omapush.ppg.short_message_reach import ReceiptPolicy, ShortMessageSettings
from omapush.ppg.store.contract import Cancellation, CancelOutcome, DeliveryState
from omapush.ppg.subscribers import Range, Subscribers
from omapush.protocols.sms.user_data_header import split
from omapush.testing.delivery_bench import RETRY, DeliveryBench
from omapush.testing.scripted_short_messages import SMSC, ScriptedShortMessages

TAKEN, LATER = SubmissionVerdict.TAKEN, SubmissionVerdict.LATER
NEVER, IN_DOUBT = SubmissionVerdict.NEVER, SubmissionVerdict.IN_DOUBT
ANNA, BERTA = "PLMN:+358401", "PLMN:+358402"
ALWAYS = ShortMessageSettings(receipts=ReceiptPolicy.ALWAYS, report_within_ms=30 * MINUTE_MS)
MMS = PushMessage(
    (("Content-Type", "application/vnd.wap.mms-message"), ("X-Wap-Application-Id", "4")),
    bytes(300),  # three short messages
)
SUBSCRIBERS = Recipients([], Subscribers([Range(("+358*",), network="GSM", bearer="SMS")]))


def parts_of(smsc: ScriptedShortMessages) -> list[list[int]]:
    """Return for each call which parts of the push it was about."""
    found = []
    for call in smsc.calls:
        places = [split(message.user_data)[0].concatenation for message in call.messages]
        found.append([place.number for place in places if place is not None])
    return found


@pytest.fixture
def smsc() -> ScriptedShortMessages:
    return ScriptedShortMessages()


@pytest.fixture
async def bench(smsc: ScriptedShortMessages) -> AsyncIterator[DeliveryBench]:
    made = DeliveryBench(SUBSCRIBERS)
    await made.start(smsc, ALWAYS)
    yield made
    await made.close()


@pytest.fixture
async def careless(smsc: ScriptedShortMessages) -> AsyncIterator[DeliveryBench]:
    """A gateway that asks for no receipts."""
    made = DeliveryBench(SUBSCRIBERS)
    await made.start(smsc, ShortMessageSettings(receipts=ReceiptPolicy.NEVER))
    yield made
    await made.close()


async def test_push_without_receipts_is_delivered_when_the_smsc_has_it(
    careless: DeliveryBench, smsc: ScriptedShortMessages
) -> None:
    await careless.accept("a@pi", ANNA, message=MMS)
    await careless.rest()
    delivery = await careless.delivery("a@pi")
    assert (delivery.state, delivery.code) == (DeliveryState.DELIVERED, 1000)
    assert (delivery.network, delivery.bearer) == ("GSM", "SMS")
    assert f"{SMSC} took 3 short messages" in delivery.reason
    assert "connectionless by SMS to +358401 (GSM/SMS)" in delivery.reason
    assert {message.destination for message in smsc.messages} == {"+358401"}
    assert careless.notified == 1


@pytest.mark.parametrize("method", ["preferconfirmed", "notspecified", "unconfirmed"])
async def test_push_by_sms_is_reported_as_unconfirmed_whatever_was_preferred(
    careless: DeliveryBench, method: str
) -> None:
    await careless.accept(
        "a@pi",
        ANNA,
        message=MMS,
        confirmed=method != "unconfirmed",
        control={"qos": {"delivery_method": method}},
    )
    await careless.rest()
    delivery = await careless.delivery("a@pi")
    assert (delivery.state, delivery.confirmed) == (DeliveryState.DELIVERED, False)


async def test_push_that_must_be_confirmed_does_not_go_by_sms(
    careless: DeliveryBench, smsc: ScriptedShortMessages
) -> None:
    # The settings changed after it was accepted; otherwise it had been refused (PAP 8.14.3, 3007).
    wish = {"qos": {"delivery_method": "confirmed"}}
    await careless.accept("a@pi", ANNA, message=MMS, confirmed=True, control=wish)
    await careless.rest()
    delivery = await careless.delivery("a@pi")
    assert (delivery.state, delivery.code) == (DeliveryState.UNDELIVERABLE, 4000)
    assert smsc.calls == []


@pytest.mark.parametrize(
    ("verdict", "state", "code"),
    [
        (ReportVerdict.DELIVERED, DeliveryState.DELIVERED, 1000),
        (ReportVerdict.FAILED, DeliveryState.UNDELIVERABLE, 4000),
        (ReportVerdict.EXPIRED, DeliveryState.EXPIRED, 4000),
        (ReportVerdict.REJECTED, DeliveryState.UNDELIVERABLE, 4000),
        (ReportVerdict.UNKNOWN, DeliveryState.UNKNOWN, 4000),
    ],
)
async def test_push_that_was_handed_over_ends_as_the_last_part_is_reported(
    bench: DeliveryBench, verdict: ReportVerdict, state: DeliveryState, code: int
) -> None:
    await bench.accept("a@pi", ANNA, message=MMS)
    await bench.rest()
    assert (await bench.delivery("a@pi")).state is DeliveryState.HANDED_OVER
    for reference in ("1", "2"):
        await bench.report(SMSC, reference, ReportVerdict.DELIVERED)
        assert (await bench.delivery("a@pi")).state is DeliveryState.HANDED_OVER
    await bench.report(SMSC, "3", verdict)
    delivery = await bench.delivery("a@pi")
    assert (delivery.state, delivery.code, delivery.confirmed) == (state, code, False)
    await bench.pass_time(2 * HOUR_MS)
    assert (await bench.delivery("a@pi")).state is state


async def test_report_that_comes_before_the_submission_is_settled_counts(
    bench: DeliveryBench,
) -> None:
    for reference in ("1", "2", "3"):
        await bench.report(SMSC, reference, ReportVerdict.DELIVERED)
    await bench.accept("a@pi", ANNA, message=MMS)
    await bench.rest()
    assert (await bench.delivery("a@pi")).state is DeliveryState.DELIVERED


async def test_push_in_doubt_is_sent_again_without_the_parts_that_were_taken(
    bench: DeliveryBench, smsc: ScriptedShortMessages
) -> None:
    smsc.script = [(TAKEN, IN_DOUBT), (TAKEN, LATER)]
    await bench.accept("a@pi", ANNA, message=MMS)
    await bench.rest()
    assert (await bench.delivery("a@pi")).state is DeliveryState.IN_DOUBT
    await bench.pass_time(2_000)
    assert (await bench.delivery("a@pi")).state is DeliveryState.IN_DOUBT  # as it was before
    await bench.pass_time(5_000)
    assert parts_of(smsc) == [[1, 2, 3], [2, 3], [3]]
    assert (await bench.delivery("a@pi")).state is DeliveryState.HANDED_OVER
    for reference in smsc.taken:
        await bench.report(SMSC, reference, ReportVerdict.DELIVERED)
    assert (await bench.delivery("a@pi")).state is DeliveryState.DELIVERED


async def test_push_in_doubt_is_given_up_where_policy_says_so(smsc: ScriptedShortMessages) -> None:
    bench = DeliveryBench(SUBSCRIBERS, RetryPolicy(in_doubt=InDoubtPolicy.GIVE_UP))
    await bench.start(smsc, ALWAYS)
    smsc.script = [(TAKEN, IN_DOUBT)]
    await bench.accept("a@pi", ANNA, message=MMS)
    await bench.rest()
    await bench.pass_time(5_000)
    assert (await bench.delivery("a@pi")).state is DeliveryState.UNKNOWN
    assert parts_of(smsc) == [[1, 2, 3]]
    await bench.close()


async def test_push_that_stays_in_doubt_ends_as_timeout(
    bench: DeliveryBench, smsc: ScriptedShortMessages
) -> None:
    smsc.script = [(IN_DOUBT,)] * 10
    await bench.accept("a@pi", ANNA, message=MMS)
    for _ in range(5):
        await bench.pass_time(10_000)
    delivery = await bench.delivery("a@pi")
    assert (delivery.state, delivery.code) == (DeliveryState.TIMEOUT, 4000)
    assert len(smsc.calls) == RETRY.max_sent_attempts


async def test_push_that_the_smsc_refuses_is_undeliverable(
    bench: DeliveryBench, smsc: ScriptedShortMessages
) -> None:
    smsc.script = [(TAKEN, NEVER)]
    await bench.accept("a@pi", ANNA, message=MMS)
    await bench.rest()
    delivery = await bench.delivery("a@pi")
    assert (delivery.state, delivery.code) == (DeliveryState.UNDELIVERABLE, 4000)
    assert "SMSC says never; the SMSC has 1 of 3 short messages" in delivery.reason


async def test_smsc_that_is_busy_is_asked_again_until_the_push_expires(
    bench: DeliveryBench, smsc: ScriptedShortMessages
) -> None:
    smsc.script = [(LATER,)] * 200
    smsc.retry_after_ms = 20_000
    await bench.accept("a@pi", ANNA, message=MMS, life_ms=5 * MINUTE_MS)
    await bench.rest()
    await bench.pass_time(19_000)
    assert len(smsc.calls) == 1  # not before it wants to
    for _ in range(20):
        await bench.pass_time(20_000)
    delivery = await bench.delivery("a@pi")
    assert (delivery.state, delivery.sent_attempts) == (DeliveryState.EXPIRED, 0)


async def test_push_that_was_handed_over_cannot_be_cancelled(
    bench: DeliveryBench, smsc: ScriptedShortMessages
) -> None:
    await bench.accept("a@pi", ANNA, message=MMS)
    await bench.rest()
    wish = Cancellation("a@pi", "weather", bench.clock(), "changed my mind")
    [cancelled] = (await bench.store.cancel(wish)) or ()
    assert cancelled.outcome is CancelOutcome.ON_ITS_WAY
    for reference in smsc.taken:
        await bench.report(SMSC, reference, ReportVerdict.DELIVERED)
    assert (await bench.delivery("a@pi")).state is DeliveryState.DELIVERED


async def test_overdue_report_is_asked_for_and_a_push_without_answer_ends_as_unknown(
    bench: DeliveryBench, smsc: ScriptedShortMessages
) -> None:
    await bench.accept("a@pi", ANNA, message=MMS)
    await bench.rest()
    await bench.report(SMSC, "2", ReportVerdict.DELIVERED)
    await bench.pass_time(30 * MINUTE_MS)
    assert sorted(smsc.queried) == [("1", "+358401"), ("3", "+358401")]
    assert (await bench.delivery("a@pi")).state is DeliveryState.HANDED_OVER
    await bench.pass_time(30 * MINUTE_MS)
    delivery = await bench.delivery("a@pi")
    assert delivery.state is DeliveryState.UNKNOWN
    assert f"handed to {SMSC}, no report came" in delivery.reason
    assert len(smsc.calls) == 1


async def test_answer_to_a_query_in_time_ends_the_push(
    bench: DeliveryBench, smsc: ScriptedShortMessages
) -> None:
    await bench.accept("a@pi", ANNA, message=MMS)
    await bench.rest()
    for reference in smsc.taken:
        smsc.reports[reference] = BearerReport(
            SMSC, reference, bench.clock(), ReportVerdict.DELIVERED
        )
    await bench.pass_time(30 * MINUTE_MS)
    assert (await bench.delivery("a@pi")).state is DeliveryState.DELIVERED
    assert len(smsc.calls) == 1


async def test_group_of_phones_ends_with_the_last_of_its_members(
    bench: DeliveryBench, smsc: ScriptedShortMessages
) -> None:
    await bench.accept("a@pi", ANNA, BERTA, message=MMS, group=True)
    await bench.rest()
    assert {message.destination for message in smsc.messages} == {"+358401", "+358402"}
    references = list(smsc.taken)
    for reference in references[:-1]:
        await bench.report(SMSC, reference, ReportVerdict.DELIVERED)
    assert not (await bench.delivery("a@pi")).state.is_final
    await bench.report(SMSC, references[-1], ReportVerdict.DELIVERED)
    assert (await bench.delivery("a@pi")).state is DeliveryState.DELIVERED


async def test_client_with_a_connection_and_a_phone_gets_the_push_by_sms_when_away(
    smsc: ScriptedShortMessages, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise BearerUnavailable("nobody there")

    monkeypatch.setattr("omapush.ppg.terminal.dialling.Terminals.open", away)
    ways = (Contact(HttpContact("192.0.2.1", 4035)), Contact(SmsContact("+1555"), "GSM", "SMS"))
    bench = DeliveryBench(Recipients([Client("anna", (), ways)]))
    await bench.start(smsc, ALWAYS)
    await bench.accept("a@pi", "anna", message=MMS, confirmed=True)
    await bench.rest()
    delivery = await bench.delivery("a@pi")
    assert delivery.state is DeliveryState.HANDED_OVER
    assert (delivery.bearer, delivery.confirmed) == ("SMS", False)
    await bench.close()


async def test_push_by_sms_waits_while_no_smsc_is_configured() -> None:
    bench = DeliveryBench(SUBSCRIBERS)
    await bench.start()
    await bench.accept("a@pi", ANNA, message=MMS, life_ms=5 * MINUTE_MS)
    await bench.rest()
    delivery = await bench.delivery("a@pi")
    assert delivery.state is DeliveryState.QUEUED
    assert "no bearer is configured" in delivery.reason
    for _ in range(6):
        await bench.pass_time(MINUTE_MS)
    assert (await bench.delivery("a@pi")).state is DeliveryState.EXPIRED
    await bench.close()


@pytest.mark.parametrize("verdict", [TAKEN, LATER])
async def test_thousands_of_phones_leave_no_lanes(
    careless: DeliveryBench,
    smsc: ScriptedShortMessages,
    verdict: SubmissionVerdict,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quiet = structlog.make_filtering_bound_logger(logging.WARNING)
    monkeypatch.setattr("omapush.ppg.lane.log", structlog.wrap_logger(None, [], quiet))
    smsc.script = [(verdict,)] * 3_000
    short = PushMessage(MMS.headers, b"x")
    phones = [f"PLMN:+358{number:07d}" for number in range(3_000)]
    await careless.accept("a@pi", *phones, message=short, life_ms=30 * MINUTE_MS)
    most = 0

    def all_tried() -> bool:
        nonlocal most
        most = max(most, careless.lanes)
        return len(smsc.calls) >= len(phones) and not careless.lanes

    await careless.until(all_tried)
    assert most <= 1_024  # those that the loop has claimed, and those that are just closing
    states = {each.state for each in (await careless.push("a@pi")).deliveries}
    assert len(states) == 1
