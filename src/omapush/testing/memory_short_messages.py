"""Short messages that go nowhere: a bearer in memory that obeys the port's contract.

``short_message_bearer_contract`` is the suite that it passes, as the real one does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from omapush.core.errors import OmapushError
from omapush.core.instants import Instant
from omapush.ota.bearer_reports import BearerReport, OnReports, ReportVerdict
from omapush.ota.short_messages import (
    ShortMessage,
    Submission,
    SubmissionVerdict,
    SubmissionWish,
)

BEARER = "smsc:memory"


class MemoryShortMessages:
    """Implements ``ota.short_messages.ShortMessageBearer``.

    :param whole: takes all messages of a datagram as one, as SMSCs do that segment themselves.
    :ivar taken: what was taken, with the wish that came with it.
    :ivar answers: the verdicts of the next messages; those after them are taken.
    :ivar known: what :meth:`query` says, by reference.
    """

    def __init__(
        self, clock: Callable[[], Instant], on_reports: OnReports, *, whole: bool = False
    ) -> None:
        self._clock = clock
        self._on_reports = on_reports
        self._whole = whole
        self.taken: list[tuple[ShortMessage, SubmissionWish]] = []
        self.answers: deque[SubmissionVerdict] = deque()
        self.known: dict[str, ReportVerdict] = {}
        self._ids = 0

    async def submit(
        self, messages: Sequence[ShortMessage], wish: SubmissionWish
    ) -> list[Submission]:
        """Answer as :attr:`answers` says."""
        submissions: list[Submission] = []
        for message in messages:
            if submissions and submissions[-1].verdict is not SubmissionVerdict.TAKEN:
                reason = "not tried after the one before it"
                submissions.append(Submission(SubmissionVerdict.LATER, reason, BEARER))
                continue
            verdict = self.answers.popleft() if self.answers else SubmissionVerdict.TAKEN
            reference = None
            if verdict is SubmissionVerdict.TAKEN:
                self.taken.append((message, wish))
                if not (self._whole and submissions):
                    self._ids += 1
                    reference = str(self._ids)
            submissions.append(Submission(verdict, verdict.value, BEARER, reference))
        return submissions

    async def query(self, bearer: str, reference: str, destination: str) -> BearerReport | None:
        """Answer as :attr:`known` says."""
        verdict = self.known.get(reference) if bearer == BEARER else None
        if verdict is None:
            return None
        return BearerReport(BEARER, reference, self._clock(), verdict, "asked")

    def health(self) -> list[str]:
        """Nothing is ever wrong."""
        return [f"{BEARER}: {len(self.taken)} taken"]

    async def report(self, reference: str, verdict: ReportVerdict) -> None:
        """Report a message until it is taken note of."""
        while True:
            try:
                await self._on_reports([BearerReport(BEARER, reference, self._clock(), verdict)])
            except OmapushError:
                continue
            return
