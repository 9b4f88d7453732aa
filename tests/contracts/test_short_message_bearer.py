"""Every bearer of short messages passes the one contract suite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from omapush.bearers.smsc import SmscBearer
from omapush.bearers.smsc_account import Pace, SmscAccount
from omapush.daemon.clock import SystemClock
from omapush.ota.bearer_reports import BearerReport, ReportVerdict
from omapush.ota.short_messages import ShortMessageBearer, SubmissionVerdict
from omapush.protocols.smpp.pdu import Pdu
from omapush.protocols.smpp.receipt import normal_form
from omapush.protocols.smpp.status import CommandStatus
from omapush.protocols.smpp.values import MessageState
from omapush.testing.memory_short_messages import MemoryShortMessages
from omapush.testing.short_message_bearer_contract import (
    Carrier,
    ReportsRefused,
    ShortMessageBearerContract,
)
from omapush.testing.smsc_messages import KeptMessage
from omapush.testing.smsc_simulator import SmscSimulator, running_smsc

STATES = {
    ReportVerdict.DELIVERED: MessageState.DELIVERED,
    ReportVerdict.FAILED: MessageState.UNDELIVERABLE,
    ReportVerdict.EXPIRED: MessageState.EXPIRED,
    ReportVerdict.DELETED: MessageState.DELETED,
    ReportVerdict.REJECTED: MessageState.REJECTED,
    ReportVerdict.UNKNOWN: MessageState.UNKNOWN,
    ReportVerdict.EN_ROUTE: MessageState.ENROUTE,
    ReportVerdict.ACCEPTED: MessageState.ACCEPTED,
}
STATUSES = {
    SubmissionVerdict.TAKEN: CommandStatus.ESME_ROK,
    SubmissionVerdict.LATER: CommandStatus.ESME_RMSGQFUL,
    SubmissionVerdict.NEVER: CommandStatus.ESME_RINVDSTADR,
    SubmissionVerdict.IN_DOUBT: None,
}


class Above:
    """Whoever keeps reports."""

    def __init__(self) -> None:
        self.kept: list[BearerReport] = []
        self.refusals = 0

    async def take(self, reports: Sequence[BearerReport]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise ReportsRefused("not now")
        self.kept += reports


class SimulatedCarrier:
    """The real bearer and a simulated SMSC."""

    def __init__(self, bearer: ShortMessageBearer, smsc: SmscSimulator, above: Above) -> None:
        self.bearer = bearer
        self._smsc = smsc
        self._above = above
        self._answers: list[SubmissionVerdict] = []
        smsc.behaviour.answer = self._answer
        smsc.behaviour.fate = lambda _message: None

    def arrived(self) -> list[tuple[str, bytes]]:
        return [(each.number, *each.user_data()) for each in self._smsc.messages]  # type: ignore[misc] # one each

    def answer_next(self, *verdicts: SubmissionVerdict) -> None:
        self._answers += verdicts

    def _answer(self, _pdu: Pdu) -> int | None:
        return STATUSES[self._answers.pop(0)] if self._answers else CommandStatus.ESME_ROK

    async def report(self, reference: str, verdict: ReportVerdict) -> None:
        message = self._message(reference)
        message.state = STATES[verdict]
        await self._smsc.report(message)

    def reports(self) -> list[BearerReport]:
        return self._above.kept

    def refuse_reports(self, count: int) -> None:
        self._above.refusals = count

    def know(self, reference: str, verdict: ReportVerdict) -> None:
        self._message(reference).state = STATES[verdict]

    def _message(self, reference: str) -> KeptMessage:
        (message,) = [m for m in self._smsc.messages if normal_form(m.message_id) == reference]
        return message


class TestSmscBearer(ShortMessageBearerContract):
    @pytest.fixture
    async def carrier(self) -> AsyncIterator[Carrier]:
        above, clock = Above(), SystemClock()
        async with running_smsc({"omapush": "secret"}) as smsc:
            account = SmscAccount(
                "main", "127.0.0.1", smsc.port, "omapush", "secret",
                pace=Pace(response_timeout_ms=1_000, throttle_first_ms=1),
            )  # fmt: skip
            bearer = SmscBearer([account], clock, above.take, lambda: 0.0)
            async with bearer.running():
                await bearer.until_bound(5_000)
                yield SimulatedCarrier(bearer, smsc, above)


class MemoryCarrier:
    """The bearer in memory, which is its own SMSC."""

    def __init__(self, bearer: MemoryShortMessages, above: Above) -> None:
        self.bearer = bearer
        self.report = bearer.report
        self._above = above

    def arrived(self) -> list[tuple[str, bytes]]:
        return [(message.destination, message.user_data) for message, _ in self.bearer.taken]

    def answer_next(self, *verdicts: SubmissionVerdict) -> None:
        self.bearer.answers.extend(verdicts)

    def reports(self) -> list[BearerReport]:
        return self._above.kept

    def refuse_reports(self, count: int) -> None:
        self._above.refusals = count

    def know(self, reference: str, verdict: ReportVerdict) -> None:
        self.bearer.known[reference] = verdict


class TestMemoryShortMessages(ShortMessageBearerContract):
    @pytest.fixture
    def carrier(self) -> Carrier:
        above = Above()
        return MemoryCarrier(MemoryShortMessages(SystemClock(), above.take), above)
