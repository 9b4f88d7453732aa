"""A carrier of short messages that answers as a test tells it, and notes what it was given.

Every call of ``submit`` uses up one entry of ``script``: the verdicts of its messages, in order;
messages beyond the entry, and calls beyond the script, are taken. A message behind one that was not
taken is not tried, unless the entry says something of it (as a carrier with several messages under
way might)::

    smsc = ScriptedShortMessages([(TAKEN, LATER)])
    await smsc.submit(messages, wish)
    smsc.taken["1"]                       # the message that got the reference 1
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from omapush.ota.bearer_reports import BearerReport
from omapush.ota.short_messages import (
    ShortMessage,
    Submission,
    SubmissionVerdict,
    SubmissionWish,
)

SMSC = "smsc:test"


@dataclass(frozen=True, slots=True)
class Submitted:
    """One call of ``submit``."""

    messages: tuple[ShortMessage, ...]
    wish: SubmissionWish


class ScriptedShortMessages:
    """See the module. Implements ``ota.short_messages.ShortMessageBearer``.

    :ivar calls: every call of ``submit``.
    :ivar taken: the messages that were taken, by reference.
    :ivar reports: what a query for a reference is answered; nothing for others.
    :ivar queried: references and numbers that were asked for.
    :ivar gives_references: whether what is taken gets a reference.
    """

    def __init__(self, script: Iterable[Sequence[SubmissionVerdict]] = ()) -> None:
        self.script = list(script)
        self.calls: list[Submitted] = []
        self.taken: dict[str, ShortMessage] = {}
        self.reports: dict[str, BearerReport] = {}
        self.queried: list[tuple[str, str]] = []
        self.retry_after_ms: int | None = None
        self.gives_references = True

    @property
    def messages(self) -> list[ShortMessage]:
        """Return every message that was handed over, in order."""
        return [message for call in self.calls for message in call.messages]

    async def submit(
        self, messages: Sequence[ShortMessage], wish: SubmissionWish
    ) -> list[Submission]:
        """Answer by the script."""
        self.calls.append(Submitted(tuple(messages), wish))
        told = self.script.pop(0) if self.script else ()
        answers: list[Submission] = []
        for place, message in enumerate(messages):
            if place < len(told):
                answers.append(self._answer(told[place], message))
            elif all(each.verdict is SubmissionVerdict.TAKEN for each in answers):
                answers.append(self._answer(SubmissionVerdict.TAKEN, message))
            else:
                answers.append(Submission(SubmissionVerdict.LATER, "not tried"))
        return answers

    async def query(self, bearer: str, reference: str, destination: str) -> BearerReport | None:
        """Answer from ``reports``."""
        self.queried.append((reference, destination))
        return self.reports.get(reference)

    def health(self) -> list[str]:
        """Return one line."""
        return [f"{SMSC}: {len(self.taken)} taken"]

    def _answer(self, verdict: SubmissionVerdict, message: ShortMessage) -> Submission:
        if verdict is not SubmissionVerdict.TAKEN:
            wait = self.retry_after_ms if verdict is SubmissionVerdict.LATER else None
            return Submission(verdict, f"SMSC says {verdict.value}", SMSC, retry_after_ms=wait)
        reference = str(len(self.taken) + 1)
        self.taken[reference] = message
        return Submission(verdict, "taken", SMSC, reference if self.gives_references else None)
