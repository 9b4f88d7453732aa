"""From the answer of a SIP client or core to what PAP says of the push: one test per row."""

from __future__ import annotations

import pytest

from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.ota.interface import PushOutcome
from omapush.ota.sip.core import NoFinalAnswer
from omapush.ota.sip.results import (
    Method,
    outcome_of_report,
    verdict_of,
    verdict_of_failure,
)
from omapush.pap.codes import StatusCode
from omapush.ppg.lifecycle import RetryPolicy, after_attempt, before_attempt
from omapush.ppg.store.contract import ClaimedDelivery, DeliveryKey, DeliveryState, Settlement
from omapush.protocols.sip.message import SipHeaders, SipResponse

NOW, EXPIRY = Instant(1_000_000), Instant(4_600_000)
POLICY = RetryPolicy()
ABORTED, DELIVERED, TIMEOUT = DeliveryState.ABORTED, DeliveryState.DELIVERED, DeliveryState.TIMEOUT
UNDELIVERABLE, QUEUED = DeliveryState.UNDELIVERABLE, DeliveryState.QUEUED


def last_try(*, confirmed: bool = True) -> ClaimedDelivery:
    """Return a delivery of which one more attempt that reaches the client is the last."""
    return ClaimedDelivery(
        key=DeliveryKey("0" * 32, 0),
        push_id="push@pi",
        initiator_id="pi",
        client_id="alice",
        address="WAPPUSH=sip%3Aalice%40push.test/TYPE=URI@ppg",
        owner="ppg-1/a",
        attempt=POLICY.max_sent_attempts,
        sent_attempts=POLICY.max_sent_attempts - 1,
        in_doubt=False,
        lease_until=Instant(NOW + 300_000),
        received_at=Instant(0),
        expires_at=EXPIRY,
        confirmed=confirmed,
        flags=0,
        message=PushMessage((("Content-Type", "text/plain"),), b"hello"),
    )


def settled(outcome: PushOutcome, *, confirmed: bool = True) -> Settlement:
    return after_attempt(last_try(confirmed=confirmed), outcome, NOW, POLICY)


@pytest.mark.parametrize(
    ("status", "state", "code"),
    [
        (200, DELIVERED, 1000),
        (302, UNDELIVERABLE, 4000),
        (400, ABORTED, 5235),
        (420, ABORTED, 5235),
        (493, ABORTED, 5235),
        (401, UNDELIVERABLE, 4000),
        (407, UNDELIVERABLE, 4000),
        (403, ABORTED, 5235),
        (603, ABORTED, 5235),
        (604, ABORTED, 5235),
        (404, UNDELIVERABLE, 2003),
        (410, UNDELIVERABLE, 2003),
        (485, UNDELIVERABLE, 2003),
        (405, UNDELIVERABLE, 3007),
        (501, UNDELIVERABLE, 3007),
        (406, ABORTED, 5238),
        (415, ABORTED, 5238),
        (488, ABORTED, 5238),
        (606, ABORTED, 5238),
        (408, TIMEOUT, 4000),
        (413, ABORTED, 5237),
        (513, ABORTED, 5237),
        (421, UNDELIVERABLE, 4000),
        (494, UNDELIVERABLE, 4000),
        (580, UNDELIVERABLE, 4000),
        (430, QUEUED, None),
        (480, QUEUED, None),
        (481, ABORTED, 5234),
        (486, ABORTED, 5237),
        (600, ABORTED, 5237),
        (489, UNDELIVERABLE, 4000),
        (500, QUEUED, None),
        (502, QUEUED, None),
        (503, QUEUED, None),
        (504, QUEUED, None),
        (422, ABORTED, 5235),
        (555, QUEUED, None),
        (699, ABORTED, 5235),
    ],
)
def test_answer_to_message_settles_delivery(
    status: int, state: DeliveryState, code: int | None
) -> None:
    verdict = verdict_of("d", Method.MESSAGE, SipResponse(status, "x"), confirmed=True)
    settlement = settled(verdict.outcome)
    assert (settlement.state, settlement.code) == (state, code)


@pytest.mark.parametrize(
    ("status", "state", "code"),
    [
        (200, DELIVERED, 1000),
        (400, ABORTED, 5235),
        (403, ABORTED, 5235),
        (408, TIMEOUT, 4000),
        (413, ABORTED, 5237),
        (415, ABORTED, 5238),
        (423, ABORTED, 5235),
        (481, ABORTED, 5234),
        (501, UNDELIVERABLE, 3007),
        (506, ABORTED, 5234),
        (499, ABORTED, 5235),
    ],
)
def test_msrp_report_settles_delivery(status: int, state: DeliveryState, code: int) -> None:
    settlement = settled(outcome_of_report("d", status, "x"))
    assert (settlement.state, settlement.code) == (state, code)


@pytest.mark.parametrize(("given", "code"), [(234, 5234), (235, 5235), (236, 5236), (238, 5238)])
def test_push_status_counts_more_than_answer(given: int, code: int) -> None:
    response = SipResponse(480, "x", SipHeaders((("X-Wap-Push-Status", f"{given} why"),)))
    settlement = settled(verdict_of("d", Method.MESSAGE, response, confirmed=True).outcome)
    assert (settlement.state, settlement.code) == (ABORTED, code)
    for status in (200, 403):
        settlement = settled(outcome_of_report("d", status, "x", f"{given} why"))
        assert (settlement.state, settlement.code) == (ABORTED, code)
    response = SipResponse(200, "OK", response.headers)
    settlement = settled(verdict_of("d", Method.MESSAGE, response, confirmed=True).outcome)
    assert (settlement.state, settlement.code) == (ABORTED, code)


@pytest.mark.parametrize("given", [235, 236, 238])
def test_unconfirmed_push_is_delivered_whatever_its_client_makes_of_it(given: int) -> None:
    response = SipResponse(603, "x", SipHeaders((("X-Wap-Push-Status", f"{given} why"),)))
    verdict = verdict_of("d", Method.MESSAGE, response, confirmed=False)
    assert settled(verdict.outcome, confirmed=False).state is DELIVERED
    assert "why" in verdict.outcome.reason


@pytest.mark.parametrize("status", [403, 415, 404])
def test_unconfirmed_push_that_reached_no_push_client_is_not_delivered(status: int) -> None:
    verdict = verdict_of("d", Method.MESSAGE, SipResponse(status, "x"), confirmed=False)
    assert settled(verdict.outcome, confirmed=False).state in (ABORTED, UNDELIVERABLE)


def test_stored_push_is_delivered_only_if_nobody_asked_for_confirmation() -> None:
    stored = SipResponse(202, "Accepted")
    verdict = verdict_of("d", Method.MESSAGE, stored, confirmed=False)
    assert settled(verdict.outcome, confirmed=False).state is DELIVERED
    verdict = verdict_of("d", Method.MESSAGE, stored, confirmed=True)
    settlement = settled(verdict.outcome)
    assert settlement.state is DeliveryState.HANDED_OVER
    assert settlement.due_at == EXPIRY


def test_no_answer_is_timeout_when_no_attempt_is_left() -> None:
    verdict = verdict_of_failure("d", Method.MESSAGE, NoFinalAnswer("timer F"))
    settlement = settled(verdict.outcome)
    assert (settlement.state, settlement.code) == (TIMEOUT, 4000)


def test_push_waits_for_registration_till_its_end() -> None:
    verdict = verdict_of("d", Method.MESSAGE, SipResponse(480, "x"), confirmed=True)
    assert settled(verdict.outcome).due_at is not None
    ended = before_attempt(last_try(), EXPIRY, POLICY)
    assert ended is not None
    assert (ended.state, ended.code) == (DeliveryState.EXPIRED, StatusCode.SERVICE_FAILURE)
