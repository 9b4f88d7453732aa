"""What reports of a bearer mean for a delivery: pure, and the same for every ledger.

A delivery may have been attempted more than once, each time in parts. It has arrived when all parts
of one attempt have; it has failed when a part of the latest attempt has, for what an earlier one
lost a later one may have brought.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from omapush.core.instants import Instant
from omapush.ota.bearer_reports import BearerReport, ReportVerdict
from omapush.ota.interface import CarriedPart
from omapush.ppg.lifecycle import REPORTS, after_reports, next_state
from omapush.ppg.store.contract import (
    LONGEST_DETAIL,
    LONGEST_REFERENCE,
    DeliveryKey,
    DeliveryState,
    ReportedPart,
    ReportResult,
    Settlement,
    TimelineEvent,
)

Reference = tuple[str, str]
"""The bearer and its reference: what reports are matched by."""


def reference_of(named: CarriedPart | BearerReport) -> Reference:
    """Return by what a part and the reports of it are matched."""
    return named.bearer, named.reference


def can_be_kept(named: CarriedPart | BearerReport) -> bool:
    """Return whether a ledger can keep this reference; a bearer may send anything."""
    return all(0 < len(n) <= LONGEST_REFERENCE and n.isprintable() for n in reference_of(named))


@dataclass(slots=True)
class Part:
    """A part that a bearer took of a delivery, in which attempt, and the last known of it."""

    key: DeliveryKey
    attempt: int
    carried: CarriedPart
    verdict: ReportVerdict | None = None
    reported_at: Instant | None = None
    detail: str = ""

    def take(self, report: BearerReport) -> bool:
        """Learn from ``report``; return whether it said something new."""
        if report.verdict is self.verdict:
            return False
        if self.verdict is None or not self.verdict.is_final:
            self.verdict, self.reported_at = report.verdict, report.at
            self.detail = report.detail[:LONGEST_DETAIL]
        return True


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the reports of a delivery together say: how it ended, and a sentence."""

    verdict: ReportVerdict
    reason: str


def judge(parts: Iterable[Part], latest_attempt: int | None) -> Judgement | None:
    """Return how a delivery ended by the reports of its parts; ``None``: they do not tell yet.

    :param latest_attempt: the latest by which the client may have got it.
    """
    attempts: dict[int, list[Part]] = defaultdict(list)
    for part in parts:
        attempts[part.attempt].append(part)
    for of_attempt in attempts.values():
        arrived = [each for each in of_attempt if each.verdict is ReportVerdict.DELIVERED]
        numbers = {each.carried.part for each in arrived}
        if len(numbers) >= max(each.carried.parts for each in of_attempt):
            return Judgement(ReportVerdict.DELIVERED, _delivered(arrived))
    latest = attempts.get(latest_attempt, []) if latest_attempt is not None else []
    for part in sorted(latest, key=lambda each: (each.carried.part, reference_of(each.carried))):
        verdict = part.verdict
        if verdict is not None and verdict.is_final and verdict is not ReportVerdict.DELIVERED:
            return Judgement(verdict, _sentence(part.carried, verdict, part.detail))
    return None


def keep_orphan(standing: BearerReport | None, report: BearerReport) -> BearerReport:
    """Return which of two reports of an unknown part is kept: the later, but a final one first."""
    if standing is not None and standing.verdict.is_final and not report.verdict.is_final:
        return standing
    return replace(report, detail=report.detail[:LONGEST_DETAIL])


@dataclass(slots=True)
class Standing:
    """What taking reports needs to know of a delivery.

    :ivar owned: a process has claimed it; its settlement will apply what is reported.
    :ivar latest_attempt: as for :func:`judge`.
    """

    state: DeliveryState
    owned: bool
    latest_attempt: int | None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a report ended a delivery."""

    key: DeliveryKey
    at: Instant
    state: DeliveryState
    code: int
    reason: str


class Reporting:
    """Takes reports one by one and gathers what they change; the caller writes it down.

    :param parts: all parts of the deliveries that the reports are about.
    :ivar changed: parts of which something new is known.
    """

    def __init__(self, parts: Iterable[Part], deliveries: Mapping[DeliveryKey, Standing]) -> None:
        self._parts = {reference_of(part.carried): part for part in parts}
        self._deliveries = deliveries
        self._of_delivery: dict[DeliveryKey, list[Part]] = defaultdict(list)
        for part in self._parts.values():
            self._of_delivery[part.key].append(part)
        self.changed: dict[Reference, Part] = {}
        self.events: list[TimelineEvent] = []
        self.ended: list[Ended] = []

    def take(self, report: BearerReport) -> ReportResult | None:
        """Take the next report; ``None``: it names no part among those given."""
        reference = reference_of(report)
        part = self._parts.get(reference)
        if part is None:
            return None
        if not part.take(report):
            return ReportResult(known=True, key=part.key)
        self.changed[reference] = part
        self.events.append(_event_of(part, report))
        return ReportResult(known=True, key=part.key, ended=self._end(part.key, report.at))

    def _end(self, key: DeliveryKey, at: Instant) -> DeliveryState | None:
        standing = self._deliveries[key]
        if standing.owned or standing.state.is_final:
            return None
        judgement = judge(self._of_delivery[key], standing.latest_attempt)
        if judgement is None:
            return None
        meaning = REPORTS[judgement.verdict]
        standing.state = next_state(standing.state, meaning.event)
        reason = judgement.reason
        self.ended.append(Ended(key, at, standing.state, meaning.code, reason))
        state = standing.state.value
        self.events.append(TimelineEvent(key.push_key, key.position, at, state, reason))
        return standing.state


def latest_attempt(settlement: Settlement, before: int | None) -> int | None:
    """Return which attempt of a delivery with parts is the latest, after ``settlement``.

    :param before: what it was before; ``None``: no bearer took any part of it.
    """
    if settlement.carried or (settlement.sent and before is not None):
        return settlement.attempt
    return before


def settle_reported(
    settlement: Settlement, parts: Iterable[Part], adopted: Iterable[Part], latest: int | None
) -> tuple[Settlement, list[TimelineEvent]]:
    """Return how a settlement goes on with what has been reported already, and its events.

    :param parts: all parts of the delivery.
    :param adopted: those of them of which a report came before the settlement.
    """
    reports = [_event_of(part, report) for part in adopted if (report := _kept_by(part))]
    judgement = judge(parts, latest)
    if judgement is None:
        return settlement, [settled_event(settlement), *reports]
    after = after_reports(settlement, judgement.verdict, judgement.reason)
    if after is settlement or settlement.state.is_final:
        return after, [*reports, settled_event(after)]
    return after, [settled_event(settlement), *reports, settled_event(after)]


def settled_event(settlement: Settlement) -> TimelineEvent:
    """Return the line that a settlement leaves in the timeline of its push."""
    state = settlement.state
    told = (
        state.is_final
        or state is DeliveryState.HANDED_OVER
        or (state is DeliveryState.IN_DOUBT and settlement.sent)
    )
    return TimelineEvent(
        settlement.key.push_key,
        settlement.key.position,
        settlement.at,
        state.value if told else "retry",
        settlement.reason,
    )


def _kept_by(part: Part) -> BearerReport | None:
    if part.verdict is None or part.reported_at is None:
        return None
    named = part.carried
    return BearerReport(named.bearer, named.reference, part.reported_at, part.verdict, part.detail)


def _event_of(part: Part, report: BearerReport) -> TimelineEvent:
    sentence = _sentence(part.carried, report.verdict, report.detail[:LONGEST_DETAIL])
    return TimelineEvent(part.key.push_key, part.key.position, report.at, "report", sentence)


def in_order(parts: Iterable[Part]) -> tuple[ReportedPart, ...]:
    """Return the parts of the latest attempt among ``parts`` by number, as a claim tells them."""
    listed = list(parts)
    latest = max((each.attempt for each in listed), default=None)
    listed = [each for each in listed if each.attempt == latest]
    listed.sort(key=lambda each: (each.carried.part, reference_of(each.carried)))
    return tuple(ReportedPart(each.carried, each.verdict) for each in listed)


def _delivered(parts: list[Part]) -> str:
    bearers = " and ".join(sorted({each.carried.bearer for each in parts}))
    number = parts[0].carried.parts
    return f"{bearers} reported {'it' if number == 1 else f'all {number} parts'} delivered"


def _sentence(carried: CarriedPart, verdict: ReportVerdict, detail: str) -> str:
    part = "" if carried.parts == 1 else f" part {carried.part} of {carried.parts}"
    said = f"{carried.bearer} {carried.reference}{part}: {verdict.value}"
    return f"{said}; {detail}" if detail else said
