"""Repeating a submission that was not answered, or not yet taken (PAP 8.2: one push-id, one push).

Repetition is safe because every attempt is the same submission under the same push-id: a gateway
that took an earlier one answers 2007, or 1001 again. It is bounded in number and in patience.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable

from omapush.core.errors import OmapushError
from omapush.initiator.exchange import (
    BadUrlError,
    HttpRefusalError,
    OutcomeUnknownError,
    PpgUnreachableError,
    TooFastError,
)
from omapush.initiator.results import SubmissionResult
from omapush.pap.codes import StatusCode

MAX_RETRIES = 10
"""The most repetitions that can be asked for."""
LONGEST_WAIT_SECONDS = 60
"""Before a repetition; a gateway that asks for more patience than this ends the repetitions."""

_LATER = (408, 503)
"""HTTP statuses that say: not taken, try again."""

Attempt = Callable[[], Awaitable[SubmissionResult]]
Sleep = Callable[[float], Awaitable[None]]


async def repeating(
    attempt: Attempt, retries: int, sleep: Sleep = asyncio.sleep
) -> SubmissionResult:
    """Call ``attempt`` until there is a verdict, but ``1 + retries`` times at most.

    Between attempts pass 1, 2, 4 ... seconds, or as many as the gateway asks for.

    :raises OutcomeUnknownError: some attempt was not answered, and no later one got a verdict.
    :raises OmapushError: otherwise, what the last attempt raised.
    """
    unanswered = False
    number = 0
    while True:
        verdict: SubmissionResult | OmapushError
        try:
            verdict = await attempt()
        except OmapushError as error:
            verdict = error
        wait = _wait(verdict, number)
        if wait is None or number >= retries:
            return _ended(verdict, earlier_unanswered=unanswered)
        unanswered = unanswered or isinstance(verdict, OutcomeUnknownError | SubmissionResult)
        number += 1
        await sleep(wait)


def _wait(verdict: SubmissionResult | OmapushError, number: int) -> float | None:
    """Return the seconds until the next attempt; ``None``: another one is in vain."""
    usual = float(min(2**number, LONGEST_WAIT_SECONDS))
    match verdict:
        case BadUrlError():
            return None
        case PpgUnreachableError() | OutcomeUnknownError():
            return usual
        case TooFastError(retry_after_seconds=asked):
            return max(usual, asked or 0) if (asked or 0) <= LONGEST_WAIT_SECONDS else None
        case HttpRefusalError(status=status):
            return usual if status in _LATER else None
        case SubmissionResult(code=StatusCode.INTERNAL_SERVER_ERROR):
            return usual  # the gateway itself does not know whether something was stored
        case _:
            return None


def _ended(
    verdict: SubmissionResult | OmapushError, *, earlier_unanswered: bool
) -> SubmissionResult:
    if isinstance(verdict, SubmissionResult):
        return dataclasses.replace(verdict, earlier_unanswered=earlier_unanswered)
    if earlier_unanswered and not isinstance(verdict, OutcomeUnknownError):
        # That nothing was taken is true of the last attempt only.
        reason = f"an earlier attempt was not answered, and then: {verdict}"
        raise OutcomeUnknownError(reason) from verdict
    raise verdict
