"""The small parts of the SMSC bearer: waits, limits, and the ids of messages."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.bearers.smsc_account import MessageIdForm, SmscAccount
from omapush.bearers.smsc_ids import MessageIds
from omapush.bearers.smsc_rate import BURST_MS, Throttle, TokenBucket
from omapush.bearers.smsc_receipts import VERDICTS, report_of
from omapush.core.backoff import Backoff
from omapush.core.instants import Instant
from omapush.ota.bearer_reports import ReportVerdict
from omapush.protocols.smpp.primitives import BindType
from omapush.protocols.smpp.receipt import NetworkError, Receipt
from omapush.protocols.smpp.values import MessageState

AUTO = MessageIdForm.AUTO


def receipt(message_id: str | None, text_id: str | None = None) -> Receipt:
    return Receipt(message_id, MessageState.DELIVERED, text_message_id=text_id)


# -- how fast --


@settings(max_examples=50, deadline=None)
@given(
    st.floats(0.5, 5_000),
    st.lists(st.integers(0, 400), min_size=1, max_size=200),
)
def test_bucket_lets_never_more_pass_than_its_rate_and_a_short_burst(
    per_second: float, steps: list[int]
) -> None:
    bucket, passed = TokenBucket(per_second), 0
    instants = list(itertools.accumulate(steps))
    for now in instants:
        while bucket.take(Instant(now)):
            passed += 1
    elapsed_ms = instants[-1] - instants[0]
    most = (elapsed_ms + BURST_MS) * per_second / 1_000 + 1
    assert passed <= most + 1e-6


def test_bucket_says_when_it_has_a_token_and_has_it_then() -> None:
    bucket = TokenBucket(10)
    assert bucket.take(Instant(1_000))
    assert not bucket.take(Instant(1_000))
    assert bucket.wait_ms(Instant(1_000)) == 100
    assert bucket.take(Instant(1_100))


def test_bucket_without_a_rate_has_no_end() -> None:
    bucket = TokenBucket(None)
    assert all(bucket.take(Instant(5)) for _ in range(1_000))
    assert bucket.wait_ms(Instant(5)) == 0


def test_waits_double_up_to_the_longest_and_start_again() -> None:
    backoff = Backoff(100, 500, lambda: 0.0)
    assert [backoff.wait_ms() for _ in range(5)] == [100, 200, 400, 500, 500]
    backoff.reset()
    assert backoff.next_ms == 100
    assert Backoff(100, 500, lambda: 1.0).wait_ms() == 50


def test_pause_grows_only_when_the_smsc_complains_after_it() -> None:
    throttle = Throttle(100, 1_000)
    for _ in range(10):
        throttle.throttled(Instant(1_000))
    assert throttle.wait_ms(Instant(1_000)) == 100
    throttle.throttled(Instant(1_100))
    assert throttle.wait_ms(Instant(1_100)) == 200
    throttle.took(Instant(1_200))  # sent before the pause: says nothing
    throttle.took(Instant(1_300))
    throttle.throttled(Instant(1_300))
    assert throttle.wait_ms(Instant(1_300)) == 100
    assert throttle.wait_ms(Instant(9_999)) == 0


# -- ids --


@pytest.mark.parametrize(
    ("form", "given_id", "reported_id"),
    [
        (AUTO, "0000000007", "7"),
        (AUTO, "ABCDEF", "abcdef"),
        (AUTO, "3039", "12345"),
        (AUTO, "12345", "3039"),
        (MessageIdForm.AS_IS, "0042", "42"),
        (MessageIdForm.HEX_IN_RECEIPT, "12345", "3039"),
        (MessageIdForm.DECIMAL_IN_RECEIPT, "3039", "12345"),
        (MessageIdForm.HEX_IN_RECEIPT, "no-number", "NO-NUMBER"),
    ],
)
def test_receipt_finds_the_reference_however_it_spells_the_id(
    form: MessageIdForm, given_id: str, reported_id: str
) -> None:
    ids = MessageIds(form)
    reference = ids.given(given_id, "+358401")
    assert ids.reported(receipt(reported_id), "358401") == reference


def test_receipt_of_another_phone_is_not_guessed_to_be_of_this_one() -> None:
    ids = MessageIds(AUTO)
    ids.given("12345", "+358401")
    assert ids.reported(receipt("3039"), "358402") == "3039"


def test_text_of_a_receipt_helps_where_its_tlv_says_another_id() -> None:
    ids = MessageIds(AUTO)
    ids.given("777", "+358401")
    assert ids.reported(receipt("internal-1", "777"), "358401") == "777"


def test_receipt_without_an_id_has_no_reference() -> None:
    for nothing in (None, "", "  "):
        assert MessageIds(AUTO).reported(receipt(nothing), "") is None


def test_configured_form_needs_no_memory() -> None:
    ids = MessageIds(MessageIdForm.HEX_IN_RECEIPT)
    assert ids.reported(receipt("3039"), "358401") == "12345"
    assert ids.reported(receipt("9" * 60), "358401") == "9" * 60


def test_memory_of_ids_is_bounded() -> None:
    ids = MessageIds(AUTO, limit=3)
    for number in range(10):
        ids.given(f"{number:08}", "+358401")
    assert ids.to_ask("9") == ("00000009",)
    assert len(ids._given) == 3


def test_question_spells_ids_as_given_then_as_the_smsc_spells_others() -> None:
    ids = MessageIds(AUTO)
    assert ids.to_ask("a7") == ("a7", "00000000a7")
    ids.given("000000B8", "+358401")
    assert ids.to_ask("b8") == ("000000B8",)
    assert ids.to_ask("a7") == ("000000A7", "A7", "00000000A7")
    ids.understood("00A7")
    assert ids.to_ask("a9") == ("00A9", "A9", "00000000A9")


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(list(MessageIdForm)), st.text(max_size=80), st.text(max_size=30))
def test_hostile_ids_raise_nothing(form: MessageIdForm, message_id: str, number: str) -> None:
    ids = MessageIds(form)
    ids.given("12345", "+358401")
    reported = ids.reported(receipt(message_id), number)
    assert bool(reported) is bool(message_id.strip())
    assert len(ids.to_ask(message_id)) <= 3


# -- receipts --


def test_every_state_has_a_verdict() -> None:
    assert set(VERDICTS) == set(MessageState)
    finals = {state for state, verdict in VERDICTS.items() if verdict.is_final}
    assert finals == {state for state in MessageState if state.is_final}


def test_report_tells_errors_and_no_zeros() -> None:
    told = Receipt("7", MessageState.UNDELIVERABLE, "013", NetworkError(3, 27))
    report = report_of(told, "7", "smsc:a", Instant(5))
    assert report is not None
    assert (report.verdict, report.at) == (ReportVerdict.FAILED, Instant(5))
    assert report.detail == "err:013, network 3 error 27"
    well = report_of(Receipt("7", MessageState.DELIVERED, "000"), "7", "smsc:a", Instant(5))
    assert well is not None
    assert well.detail == ""


def test_intermediate_notification_ends_nothing() -> None:
    told = Receipt("7", MessageState.UNDELIVERABLE, is_intermediate=True)
    report = report_of(told, "7", "smsc:a", Instant(5))
    assert report is not None
    assert report.verdict is ReportVerdict.EN_ROUTE


def test_receipt_without_a_state_reports_nothing() -> None:
    assert report_of(Receipt("7", None), "7", "smsc:a", Instant(5)) is None


# -- accounts --


def account(**other: object) -> SmscAccount:
    return SmscAccount("main", "smsc.example.net", 2775, "us", "s3cret", **other)  # type: ignore[arg-type] # by name


def test_account_serves_the_numbers_of_its_patterns() -> None:
    assert account().serves("12345")
    nordic = account(numbers=("+358*", "+46*", "1610?"))
    assert nordic.serves("+358401")
    assert not nordic.serves("+44123")
    assert not nordic.serves("358401")


def test_account_never_shows_its_password() -> None:
    assert "s3cret" not in repr(account())
    assert "s3cret" not in repr(account().esme(BindType.TRANSCEIVER))


def test_separate_binds_come_in_pairs() -> None:
    assert account(separate=True, binds=2).bind_types() == (
        BindType.TRANSMITTER,
        BindType.RECEIVER,
        BindType.TRANSMITTER,
        BindType.RECEIVER,
    )
