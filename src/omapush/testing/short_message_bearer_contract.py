"""The contract suite of bearers of short messages: ``ota.short_messages.ShortMessageBearer``.

Subclass :class:`ShortMessageBearerContract` in a test module and give it a fixture ``carrier``;
pytest (with pytest-asyncio in automatic mode) collects the rest. A :class:`Carrier` is the bearer
with what stands behind it, as far as tests have to move that.
"""

# ruff: noqa: S101 # a suite asserts

from __future__ import annotations

import asyncio
from typing import Protocol

import pytest

from omapush.core.errors import OmapushError
from omapush.core.instants import Instant
from omapush.ota.bearer_reports import BearerReport, ReportVerdict
from omapush.ota.short_messages import (
    ShortMessage,
    ShortMessageBearer,
    SubmissionVerdict,
    SubmissionWish,
)
from omapush.protocols.sms.segmentation import segment

PHONE = "+358401234567"
SHORT = segment(b"hello", 2948, 9200, 7)
LONG = segment(bytes(range(256)), 2948, 9200, 7)
NEVER_EXPIRES = Instant(4_102_444_800_000)
TAKEN = SubmissionVerdict.TAKEN


class Carrier(Protocol):
    """A bearer and the SMSC behind it."""

    @property
    def bearer(self) -> ShortMessageBearer:
        """The bearer under test."""

    def arrived(self) -> list[tuple[str, bytes]]:
        """Return number and user data of what the SMSC took, in order."""

    def answer_next(self, *verdicts: SubmissionVerdict) -> None:
        """Have the next messages answered so; those after them are taken."""

    async def report(self, reference: str, verdict: ReportVerdict) -> None:
        """Have the SMSC report a message; return when it knows that the report came."""

    def reports(self) -> list[BearerReport]:
        """Return what was reported to those above, in order."""

    def refuse_reports(self, count: int) -> None:
        """Have those above fail to keep the next reports."""

    def know(self, reference: str, verdict: ReportVerdict) -> None:
        """Have the SMSC answer so when it is asked for a message."""


def messages(parts: tuple[bytes, ...], number: str = PHONE) -> list[ShortMessage]:
    """Return the short messages of one datagram."""
    return [ShortMessage(number, octets) for octets in parts]


def wish(*, receipt: bool = True, urgent: bool = False, via: str | None = None) -> SubmissionWish:
    """Return a wish that never expires."""
    return SubmissionWish(NEVER_EXPIRES, receipt, urgent, via)


class ReportsRefused(OmapushError):
    """What those above raise when they cannot keep reports."""


class ShortMessageBearerContract:
    """Each test has a carrier of its own, which takes everything unless it is told."""

    async def test_bearer_hands_message_over_as_it_is(self, carrier: Carrier) -> None:
        (answer,) = await carrier.bearer.submit(messages(SHORT), wish())
        assert answer.verdict is TAKEN
        assert answer.bearer
        assert answer.reference
        assert carrier.arrived() == [(PHONE, SHORT[0])]

    async def test_bearer_hands_messages_of_a_datagram_over_in_order_through_one_smsc(
        self, carrier: Carrier
    ) -> None:
        answers = await carrier.bearer.submit(messages(LONG), wish())
        assert [answer.verdict for answer in answers] == [TAKEN] * len(LONG)
        assert len({answer.bearer for answer in answers}) == 1
        assert len({answer.reference for answer in answers}) == len(LONG)
        assert carrier.arrived() == [(PHONE, octets) for octets in LONG]

    async def test_bearer_takes_what_is_left_of_a_datagram_via_the_same_smsc(
        self, carrier: Carrier
    ) -> None:
        carrier.answer_next(TAKEN, SubmissionVerdict.LATER)
        first, second, *_ = await carrier.bearer.submit(messages(LONG), wish())
        assert (first.verdict, second.verdict) == (TAKEN, SubmissionVerdict.LATER)
        rest = messages(LONG)[1:]
        answers = await carrier.bearer.submit(rest, wish(via=first.bearer))
        assert {answer.bearer for answer in answers} == {first.bearer}
        assert [octets for _, octets in carrier.arrived()] == list(LONG)

    @pytest.mark.parametrize(
        "verdict",
        [SubmissionVerdict.LATER, SubmissionVerdict.NEVER, SubmissionVerdict.IN_DOUBT],
    )
    async def test_bearer_does_not_try_messages_behind_one_that_was_not_taken(
        self, carrier: Carrier, verdict: SubmissionVerdict
    ) -> None:
        carrier.answer_next(verdict)
        answers = await carrier.bearer.submit(messages(LONG), wish())
        assert len(answers) == len(LONG)
        assert answers[0].verdict is verdict
        assert answers[0].reason
        assert all(answer.verdict is not TAKEN for answer in answers)
        assert [octets for _, octets in carrier.arrived()] in ([], [LONG[0]])

    async def test_bearer_takes_nothing_for_nothing(self, carrier: Carrier) -> None:
        assert await carrier.bearer.submit([], wish()) == []
        assert carrier.arrived() == []

    async def test_bearer_keeps_many_datagrams_apart(self, carrier: Carrier) -> None:
        numbers = [f"+35840{number:07}" for number in range(50)]
        answers = await asyncio.gather(
            *(carrier.bearer.submit(messages(SHORT, number), wish()) for number in numbers)
        )
        references = {answer.reference for (answer,) in answers}
        assert len(references) == len(numbers)
        assert sorted(number for number, _ in carrier.arrived()) == sorted(numbers)

    @pytest.mark.parametrize("verdict", list(ReportVerdict))
    async def test_bearer_reports_by_the_reference_it_gave(
        self, carrier: Carrier, verdict: ReportVerdict
    ) -> None:
        (answer,) = await carrier.bearer.submit(messages(SHORT), wish())
        assert answer.reference is not None
        await carrier.report(answer.reference, verdict)
        (report,) = carrier.reports()
        assert (report.bearer, report.reference) == (answer.bearer, answer.reference)
        assert report.verdict is verdict

    async def test_bearer_reports_again_what_could_not_be_kept(self, carrier: Carrier) -> None:
        (answer,) = await carrier.bearer.submit(messages(SHORT), wish())
        assert answer.reference is not None
        carrier.refuse_reports(1)
        await carrier.report(answer.reference, ReportVerdict.DELIVERED)
        (report,) = carrier.reports()
        assert report.reference == answer.reference

    async def test_bearer_asks_the_smsc_that_has_the_message(self, carrier: Carrier) -> None:
        (answer,) = await carrier.bearer.submit(messages(SHORT), wish())
        assert answer.reference is not None
        carrier.know(answer.reference, ReportVerdict.DELIVERED)
        report = await carrier.bearer.query(answer.bearer, answer.reference, PHONE)
        assert report is not None
        assert (report.bearer, report.reference) == (answer.bearer, answer.reference)
        assert report.verdict is ReportVerdict.DELIVERED

    async def test_bearer_tells_nothing_of_what_no_smsc_knows(self, carrier: Carrier) -> None:
        (answer,) = await carrier.bearer.submit(messages(SHORT), wish())
        assert await carrier.bearer.query(answer.bearer, "999999", PHONE) is None
        assert await carrier.bearer.query("smsc:unheard-of", "1", PHONE) is None
