"""Repeating a submission: when, how often, and what the verdict is then worth."""

from __future__ import annotations

import pytest

from omapush.core.errors import OmapushError
from omapush.initiator.exchange import (
    BadAnswerError,
    BadUrlError,
    HttpRefusalError,
    OutcomeUnknownError,
    PpgUnreachableError,
    TooFastError,
)
from omapush.initiator.results import SubmissionRefusedError, SubmissionResult
from omapush.initiator.retrying import repeating

ACCEPTED = SubmissionResult("a@pi", 1001, "Accepted")
DUPLICATE = SubmissionResult("a@pi", 2007, "used")
LEDGER_FAILED = SubmissionResult("a@pi", 3000, "later")
UNREACHABLE = PpgUnreachableError("refused")
UNKNOWN = OutcomeUnknownError("cut off")


class Attempts:
    """Plays the verdicts in turn, and notes the waits between them."""

    def __init__(self, *verdicts: SubmissionResult | OmapushError) -> None:
        self.verdicts = list(verdicts)
        self.waits: list[float] = []

    async def attempt(self) -> SubmissionResult:
        verdict = self.verdicts.pop(0)
        if isinstance(verdict, OmapushError):
            raise verdict
        return verdict

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def run(self, retries: int) -> SubmissionResult:
        return await repeating(self.attempt, retries, self.sleep)


async def test_verdict_ends_the_repetition_and_waits_grow() -> None:
    attempts = Attempts(UNREACHABLE, HttpRefusalError(503, ""), HttpRefusalError(408, ""), ACCEPTED)
    result = await attempts.run(10)
    assert (result.accepted, result.earlier_unanswered) == (True, False)
    assert attempts.waits == [1, 2, 4]


async def test_no_wait_is_longer_than_a_minute() -> None:
    attempts = Attempts(*[UNREACHABLE] * 11)
    with pytest.raises(PpgUnreachableError):
        await attempts.run(10)
    assert attempts.waits == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]


async def test_gateway_that_asks_for_patience_gets_it_within_reason() -> None:
    attempts = Attempts(TooFastError(503, "", 7), TooFastError(429, "", None), ACCEPTED)
    assert (await attempts.run(2)).accepted
    assert attempts.waits == [7, 2]
    attempts = Attempts(TooFastError(503, "", 61))
    with pytest.raises(TooFastError) as caught:
        await attempts.run(2)
    assert caught.value.retry_after_seconds == 61
    assert attempts.waits == []


@pytest.mark.parametrize("unanswered", [UNKNOWN, LEDGER_FAILED])
async def test_duplicate_after_an_unanswered_attempt_is_probably_accepted(
    unanswered: SubmissionResult | OmapushError,
) -> None:
    result = await Attempts(unanswered, UNREACHABLE, DUPLICATE).run(2)
    assert (result.code, result.accepted, result.probably_accepted) == (2007, False, True)
    assert result.raise_for_refusal() is result


async def test_duplicate_without_an_unanswered_attempt_is_a_refusal() -> None:
    result = await Attempts(UNREACHABLE, TooFastError(429, "", 0), DUPLICATE).run(2)
    assert not result.probably_accepted
    with pytest.raises(SubmissionRefusedError):
        result.raise_for_refusal()


async def test_refusal_after_an_unanswered_attempt_says_that_there_was_one() -> None:
    result = await Attempts(UNKNOWN, SubmissionResult("a@pi", 2001, "too late")).run(2)
    assert (result.probably_accepted, result.earlier_unanswered) == (False, True)


@pytest.mark.parametrize(
    "last", [UNREACHABLE, HttpRefusalError(403, ""), BadAnswerError("?"), TooFastError(429, "", 90)]
)
async def test_outcome_stays_unknown_once_an_attempt_was_unanswered(last: OmapushError) -> None:
    with pytest.raises(OutcomeUnknownError) as caught:
        await Attempts(UNKNOWN, last).run(1)
    assert str(last) in str(caught.value)


@pytest.mark.parametrize(
    "final",
    [
        BadUrlError("no URL"),
        HttpRefusalError(401, ""),
        HttpRefusalError(404, ""),
        BadAnswerError(""),
    ],
)
async def test_what_will_not_change_is_not_repeated(final: OmapushError) -> None:
    attempts = Attempts(final)
    with pytest.raises(type(final)):
        await attempts.run(5)
    assert attempts.waits == []


async def test_nothing_is_repeated_unless_asked_for() -> None:
    with pytest.raises(OutcomeUnknownError):
        await Attempts(UNKNOWN, ACCEPTED).run(0)
    assert (await Attempts(LEDGER_FAILED).run(0)).code == 3000
