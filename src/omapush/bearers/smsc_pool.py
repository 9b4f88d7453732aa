"""One SMSC: its binds, and the queue in front of them.

::

    submit ─► queue ─► (bucket, pause, window) ─► a bind with room ─► answer ─► Submission
                                                    │
    receipts and messages ◄── Inbox ◄───────────────┘

Which SMSC a push goes to is decided above; here it waits for its turn (``smsc_queue``), is sent,
and gets exactly one answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from omapush.bearers.driving import Clock
from omapush.bearers.smsc_account import SmscAccount
from omapush.bearers.smsc_ids import MessageIds
from omapush.bearers.smsc_link import Connection, SmscLink
from omapush.bearers.smsc_queue import SmscQueue
from omapush.bearers.smsc_rate import Throttle
from omapush.bearers.smsc_receipts import VERDICTS, Inbox, OnMessage, Reporter
from omapush.bearers.smsc_writing import Writer
from omapush.bearers.tcp import TcpBearer
from omapush.core.errors import EncodeError
from omapush.core.instants import Instant
from omapush.ota.bearer_reports import BearerReport
from omapush.ota.short_messages import (
    ShortMessage,
    Submission,
    SubmissionVerdict,
    SubmissionWish,
)
from omapush.protocols.smpp.pdu import DataSmResp, Pdu, QuerySmResp, SubmitSmResp
from omapush.protocols.smpp.primitives import BindType, SendCnf, SendKind
from omapush.protocols.smpp.status import StatusClass
from omapush.protocols.smpp.values import MessageState

log = structlog.get_logger(__name__)

_NEVER = (StatusClass.PERMANENT,)


@dataclass(frozen=True, slots=True)
class SmscStatus:
    """How an SMSC fares, for people and monitors.

    :ivar bound: binds that are there, of ``binds``.
    :ivar outstanding: messages sent and not answered; ``waiting`` those in the queue.
    :ivar throttled_ms: how long it is still spared because it said that it is too much.
    :ivar failure: why a bind is not there, if one is not.
    """

    name: str
    bound: int
    binds: int
    outstanding: int
    window: int
    waiting: int
    throttled_ms: int
    failure: str
    taken: int
    receipts: int
    messages: int

    def __str__(self) -> str:
        said = (
            f"smsc {self.name}: {self.bound} of {self.binds} binds, {self.outstanding} unanswered, "
            f"{self.waiting} waiting, {self.taken} taken, {self.receipts} receipts"
        )
        if self.throttled_ms:
            said += f", throttled for {self.throttled_ms} ms"
        return f"{said}; {self.failure}" if self.failure else said


class SmscPool:
    """The binds of one SMSC.

    :param spread: gives numbers from 0 to 1, so that binds do not all come back at once.
    """

    def __init__(
        self,
        account: SmscAccount,
        tcp: TcpBearer,
        clock: Clock,
        reporter: Reporter,
        spread: Callable[[], float],
        on_message: OnMessage | None = None,
    ) -> None:
        pace = account.pace
        self.account = account
        self.ids = MessageIds(account.reading.message_id_form)
        self._clock = clock
        self._writer = Writer(account.writing)
        self._throttle = Throttle(pace.throttle_first_ms, pace.throttle_longest_ms)
        self._taken = 0
        self._changed = asyncio.Event()
        self._inbox = Inbox(
            account.name, account.bearer, account.reading, self.ids, reporter, on_message
        )
        self._links = [
            SmscLink(account, kind, number, tcp, clock, spread, self)
            for number, kind in enumerate(account.bind_types(), start=1)
        ]
        self._senders = [one for one in self._links if one.bind_type is not BindType.RECEIVER]
        self._queue = SmscQueue(self._senders, pace, self._throttle, clock)

    async def run(self) -> None:
        """Keep the binds up until :meth:`close` is called."""
        async with asyncio.TaskGroup() as binds:
            for link in self._links:
                binds.create_task(link.run())

    async def close(self, patience_ms: int) -> None:
        """Take no more, and unbind."""
        self._queue.give_back("the gateway stops")
        await asyncio.gather(*(link.close(patience_ms) for link in self._links))

    # -- whether it can be used --

    @property
    def is_bound(self) -> bool:
        """Whether a bind is there that can send."""
        return self._queue.is_bound

    @property
    def is_useful(self) -> bool:
        """Whether it is bound, and answers."""
        return self.is_bound and not self._queue.is_stuck

    async def until_bound(self) -> None:
        """Wait until it can be sent to."""
        while not self.is_bound:
            self._changed.clear()
            await self._changed.wait()

    def pause_ms(self) -> int:
        """How long it is still spared because it said that it is too much."""
        return self._throttle.wait_ms(self._clock())

    def status(self) -> SmscStatus:
        """Return how it fares."""
        return SmscStatus(
            name=self.account.name,
            bound=sum(link.is_bound for link in self._links),
            binds=len(self._links),
            outstanding=sum(link.outstanding for link in self._links),
            window=self.account.pace.window * len(self._senders),
            waiting=self._queue.waiting,
            throttled_ms=self.pause_ms(),
            failure=next((one.failure for one in self._links if one.failure), ""),
            taken=self._taken,
            receipts=self._inbox.receipts,
            messages=self._inbox.messages,
        )

    # -- submitting --

    async def submit(
        self, messages: Sequence[ShortMessage], wish: SubmissionWish, deadline: Instant
    ) -> list[Submission]:
        """Return one answer for each message; see ``ota.short_messages.ShortMessageBearer``.

        :param deadline: what has not been sent by then is not sent any more.
        """
        try:
            requests = self._writer.requests(messages, wish, self._clock())
        except EncodeError as error:
            return self._filled([self._never(f"cannot be written in SMPP: {error}")], messages)
        pause_ms = self.pause_ms()
        if self._clock() + pause_ms > deadline:
            reason = f"spared for {pause_ms} ms, since it said that it is too much"
            return self._filled([self._later(reason, pause_ms)], messages)
        answers: list[Submission] = []
        for request in requests:
            destination = messages[len(answers)].destination
            confirmation = await self._queue.send(request.pdu, deadline)
            answer = self._answer(confirmation, destination)
            answers.append(answer)
            if answer.verdict is not SubmissionVerdict.TAKEN:
                break
            answers += [_also_taken(answer)] * (request.covers - 1)
        return self._filled(answers, messages)

    async def query(self, reference: str, deadline: Instant) -> BearerReport | None:
        """Ask what became of a message (SMPP 3.4, 4.8)."""
        for message_id in self.ids.to_ask(reference):
            try:
                asked = await self._queue.send(self._writer.query(message_id), deadline)
            except EncodeError:
                return None
            response = asked.response
            if isinstance(response, QuerySmResp) and not response.command_status:
                self.ids.understood(message_id)
                return self._report(reference, response)
            if asked.kind is not SendKind.ANSWERED:
                return None
        return None

    def _report(self, reference: str, response: QuerySmResp) -> BearerReport | None:
        try:
            verdict = VERDICTS[MessageState(response.message_state)]
        except ValueError:
            return None
        code = response.error_code
        detail = f"query_sm, error {code}" if code else "query_sm"
        return BearerReport(self.account.bearer, reference, self._clock(), verdict, detail)

    # -- what becomes of it --

    def _answer(self, confirmation: SendCnf, destination: str) -> Submission:
        match confirmation.kind:
            case SendKind.ANSWERED if confirmation.status_class is StatusClass.SUCCESS:
                return self._took(confirmation, destination)
            case SendKind.ANSWERED:
                return self._refused(confirmation)
            case SendKind.NOT_SENT if confirmation.status_class not in _NEVER:
                return self._later(confirmation.reason)
            case SendKind.NOT_SENT:
                return self._never(confirmation.reason)
            case _:
                bearer = self.account.bearer
                reason = f"{bearer}: {confirmation.reason}"
                return Submission(SubmissionVerdict.IN_DOUBT, reason, bearer)

    def _took(self, confirmation: SendCnf, destination: str) -> Submission:
        self._throttle.took(self._clock())
        self._taken += 1
        response, bearer = confirmation.response, self.account.bearer
        message_id = ""
        if isinstance(response, SubmitSmResp | DataSmResp):
            message_id = response.message_id.strip()
        reference = self.ids.given(message_id, destination) if message_id else None
        said = f"as {message_id}" if message_id else "without giving it an id"
        return Submission(SubmissionVerdict.TAKEN, f"{bearer} took it {said}", bearer, reference)

    def _refused(self, confirmation: SendCnf) -> Submission:
        if confirmation.status_class in _NEVER:
            return self._never(confirmation.reason)
        if confirmation.status_class is not StatusClass.THROTTLED:
            return self._later(confirmation.reason)
        now = self._clock()
        self._throttle.throttled(now)
        return self._later(confirmation.reason, max(1, self._throttle.wait_ms(now)))

    def _later(self, reason: str, retry_after_ms: int | None = None) -> Submission:
        said = f"{self.account.bearer}: {reason}"
        return Submission(
            SubmissionVerdict.LATER, said, self.account.bearer, retry_after_ms=retry_after_ms
        )

    def _never(self, reason: str) -> Submission:
        said = f"{self.account.bearer}: {reason}"
        return Submission(SubmissionVerdict.NEVER, said, self.account.bearer)

    def _filled(
        self, answers: list[Submission], messages: Sequence[ShortMessage]
    ) -> list[Submission]:
        """Add an answer for each message that was not tried because one before it failed."""
        missing = len(messages) - len(answers)
        return answers + [self._later("not tried after the one before it")] * missing

    # -- told by the binds --

    def link_changed(self, link: SmscLink) -> None:
        """Let the queue go on."""
        self._changed.set()
        self._queue.go_on()

    def answered(self) -> None:
        """Let the queue know that the SMSC is alive."""
        self._queue.answered()

    def requested(self, pdu: Pdu, connection: Connection) -> None:
        """Take what the SMSC brings."""
        self._inbox.take(pdu, connection, self._clock())

    def answered_late(self, pdu: Pdu) -> None:
        """Say what came too late: the gateway has counted the message as in doubt."""
        message_id = pdu.message_id if isinstance(pdu, SubmitSmResp | DataSmResp) else None
        log.warning(
            "smsc_answered_late",
            smsc=self.account.name,
            status=pdu.command_status,
            message_id=message_id,
        )


def _also_taken(answer: Submission) -> Submission:
    """Return the answer for a message that went along under the same id."""
    return Submission(SubmissionVerdict.TAKEN, answer.reason, answer.bearer)
