"""The SMSC bearer against simulated SMSCs: which one, how much, what comes back, what fails."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from omapush.bearers import smsc as smsc_bearer
from omapush.bearers import smsc_receipts
from omapush.bearers.smsc import SmscBearer
from omapush.bearers.smsc_account import Pace, Reading, SmscAccount, SubmissionStyle, Writing
from omapush.bearers.smsc_receipts import OriginatedMessage, Reporter
from omapush.core.errors import OmapushError
from omapush.core.instants import Instant
from omapush.daemon.clock import SystemClock
from omapush.ota.bearer_reports import BearerReport, ReportVerdict
from omapush.ota.short_messages import Submission, SubmissionVerdict
from omapush.protocols.smpp.pdu import DeliverSm, Pdu
from omapush.protocols.smpp.primitives import DeliverSmRes, EsmeRequest, SendKind
from omapush.protocols.smpp.status import CommandStatus
from omapush.protocols.smpp.values import MessageState, MessageType
from omapush.protocols.sms.tpdu import SmsDeliver
from omapush.testing.authority import Authority
from omapush.testing.short_message_bearer_contract import LONG, PHONE, SHORT, messages, wish
from omapush.testing.smsc_messages import ReceiptForm
from omapush.testing.smsc_simulator import SmscSimulator, running_smsc
from omapush.testing.virtual_clock import VirtualClock

TAKEN, LATER = SubmissionVerdict.TAKEN, SubmissionVerdict.LATER
NEVER, IN_DOUBT = SubmissionVerdict.NEVER, SubmissionVerdict.IN_DOUBT
QUICK = Pace(
    response_timeout_ms=5_000,
    reconnect_first_ms=5,
    reconnect_longest_ms=20,
    throttle_first_ms=60_000,
)
BOUND_MS = 5_000


def account(smsc: SmscSimulator, name: str = "main", **other: Any) -> SmscAccount:
    made = SmscAccount(name, "127.0.0.1", smsc.port, "us", "s3cret", pace=QUICK)
    return dataclasses.replace(made, **other)


def paced(**other: Any) -> Pace:
    return dataclasses.replace(QUICK, **other)


class Above:
    """Whoever keeps reports and is told of messages."""

    def __init__(self) -> None:
        self.calls: list[list[BearerReport]] = []
        self.messages: list[OriginatedMessage] = []
        self.gate: asyncio.Event | None = None
        self.came = asyncio.Event()

    async def take(self, reports: Sequence[BearerReport]) -> None:
        self.calls.append(list(reports))
        self.came.set()
        if self.gate is not None:
            await self.gate.wait()

    @property
    def reports(self) -> list[BearerReport]:
        return [report for call in self.calls for report in call]


@contextlib.asynccontextmanager
async def running(
    *accounts: SmscAccount,
    above: Above | None = None,
    patience_ms: int = 5_000,
    bound: bool = True,
    clock: Callable[[], Instant] | None = None,
) -> AsyncIterator[SmscBearer]:
    above = above or Above()
    bearer = SmscBearer(
        accounts,
        clock or SystemClock(),
        above.take,
        lambda: 0.0,
        above.messages.append,
        patience_ms,
    )
    async with bearer.running():
        if bound:
            assert await bearer.until_bound(BOUND_MS)
        yield bearer


@pytest.fixture
async def smsc() -> AsyncIterator[SmscSimulator]:
    async with running_smsc({"us": "s3cret"}) as smsc:
        yield smsc


@pytest.fixture
async def other() -> AsyncIterator[SmscSimulator]:
    async with running_smsc() as smsc:
        yield smsc


async def verdicts(bearer: SmscBearer, parts: tuple[bytes, ...] = SHORT) -> list[SubmissionVerdict]:
    return [answer.verdict for answer in await bearer.submit(messages(parts), wish())]


async def settled(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(BOUND_MS / 1000):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


def refusing(status: int) -> Callable[[Pdu], int]:
    return lambda _pdu: status


# -- which SMSC --


async def test_smsc_that_is_away_is_passed_over(smsc: SmscSimulator, other: SmscSimulator) -> None:
    gone = account(smsc, "gone", port=1)
    async with running(gone, account(other, "spare"), bound=False) as bearer:
        await settled(lambda: bearer.status()[1].bound == 1)
        (answer,) = await bearer.submit(messages(SHORT), wish())
    assert (answer.verdict, answer.bearer) == (TAKEN, "smsc:spare")


async def test_smsc_that_throttles_is_passed_over_and_spared(
    smsc: SmscSimulator, other: SmscSimulator
) -> None:
    smsc.behaviour.answer = refusing(CommandStatus.ESME_RTHROTTLED)
    async with running(account(smsc, "first"), account(other, "spare")) as bearer:
        for _ in range(3):
            answers = await bearer.submit(messages(LONG), wish())
            assert {(each.verdict, each.bearer) for each in answers} == {(TAKEN, "smsc:spare")}
        first, spare = bearer.status()
    assert len(smsc.refused) == 1
    assert first.throttled_ms > 0
    assert (first.taken, spare.taken) == (0, 3 * len(LONG))


async def test_all_that_throttle_say_when_to_come_again(smsc: SmscSimulator) -> None:
    smsc.behaviour.answer = refusing(CommandStatus.ESME_RMSGQFUL)
    async with running(account(smsc)) as bearer:
        first, second = await bearer.submit(messages(LONG[:2]), wish())
        (again,) = await bearer.submit(messages(SHORT), wish())
    assert again.verdict is LATER
    assert again.retry_after_ms is not None
    assert len(smsc.refused) == 1
    assert (first.verdict, second.verdict) == (LATER, LATER)
    assert first.retry_after_ms is not None
    assert 0 < first.retry_after_ms <= QUICK.throttle_first_ms
    assert "ESME_RMSGQFUL" in first.reason


async def test_datagram_stays_with_the_smsc_that_took_its_first_message(
    smsc: SmscSimulator, other: SmscSimulator
) -> None:
    statuses = iter([0, CommandStatus.ESME_RSYSERR])
    smsc.behaviour.answer = lambda _pdu: next(statuses)
    async with running(account(smsc, "first"), account(other, "spare")) as bearer:
        answers = await bearer.submit(messages(LONG), wish())
        assert [each.verdict for each in answers] == [TAKEN] + [LATER] * (len(LONG) - 1)
        smsc.behaviour.answer = refusing(CommandStatus.ESME_RSYSERR)
        (again, *_) = await bearer.submit(messages(LONG[1:]), wish(via="smsc:first"))
        assert (again.verdict, again.bearer) == (LATER, "smsc:first")
        (gone, *_) = await bearer.submit(messages(LONG[1:]), wish(via="smsc:unheard-of"))
        assert (gone.verdict, gone.bearer) == (TAKEN, "smsc:spare")


@pytest.mark.parametrize(
    "status", [CommandStatus.ESME_RSYSERR, 0x444, CommandStatus.ESME_RBINDFAIL]
)
async def test_refusal_that_may_pass_is_tried_elsewhere(
    smsc: SmscSimulator, other: SmscSimulator, status: int
) -> None:
    smsc.behaviour.answer = refusing(status)
    async with running(account(smsc, "first"), account(other, "spare")) as bearer:
        (answer,) = await bearer.submit(messages(SHORT), wish())
    assert (answer.verdict, answer.bearer) == (TAKEN, "smsc:spare")


async def test_refusal_for_good_is_not_tried_elsewhere(
    smsc: SmscSimulator, other: SmscSimulator
) -> None:
    smsc.behaviour.answer = refusing(CommandStatus.ESME_RINVDSTADR)
    async with running(account(smsc, "first"), account(other, "spare")) as bearer:
        (answer,) = await bearer.submit(messages(SHORT), wish())
    assert answer.verdict is NEVER
    assert not other.messages


async def test_number_decides_which_smsc_serves_it(
    smsc: SmscSimulator, other: SmscSimulator
) -> None:
    nordic = account(smsc, "nordic", numbers=("+358*", "+46*"))
    british = account(other, "british", numbers=("+44*",))
    async with running(british, nordic) as bearer:
        for number, expected in (("+46700", "smsc:nordic"), ("+44700", "smsc:british")):
            (answer,) = await bearer.submit(messages(SHORT, number), wish())
            assert (answer.verdict, answer.bearer) == (TAKEN, expected)
        (answer,) = await bearer.submit(messages(SHORT, "+1555"), wish())
    assert answer == Submission(NEVER, "no SMSC serves +1555")


async def test_number_that_smpp_cannot_carry_is_refused_for_good(smsc: SmscSimulator) -> None:
    for style in SubmissionStyle:
        async with running(account(smsc, writing=Writing(style=style))) as bearer:
            answers = await bearer.submit(messages(LONG, "+" + "1" * 99), wish())
            assert answers[0].verdict is NEVER
            assert len(answers) == len(LONG)
    assert not smsc.messages


@pytest.mark.parametrize("message_id", ["", "   "])
async def test_message_taken_without_an_id_has_no_reference(
    smsc: SmscSimulator, message_id: str
) -> None:
    smsc.behaviour.new_id = lambda _number: message_id
    async with running(account(smsc)) as bearer:
        (answer,) = await bearer.submit(messages(SHORT), wish(receipt=False))
    assert (answer.verdict, answer.reference) == (TAKEN, None)


async def test_health_has_a_line_for_each_smsc(smsc: SmscSimulator) -> None:
    gone = account(smsc, "gone", port=1)
    async with running(account(smsc), gone, bound=False) as bearer:
        await settled(lambda: bearer.status()[0].bound == 1)
        await settled(lambda: "refused" in bearer.status()[1].failure)
        await bearer.submit(messages(SHORT), wish(receipt=False))
        well, badly = bearer.health()
    assert well == "smsc main: 1 of 1 binds, 0 unanswered, 0 waiting, 1 taken, 0 receipts"
    assert badly.startswith("smsc gone: 0 of 1 binds")
    assert badly.endswith("; Connection refused")


# -- how much --


async def test_window_bounds_what_is_unanswered_and_the_queue_what_waits(
    smsc: SmscSimulator,
) -> None:
    smsc.behaviour.answer = lambda _pdu: None
    pace = paced(window=3, max_waiting=4, response_timeout_ms=60_000)
    async with running(account(smsc, binds=2, pace=pace), patience_ms=200) as bearer:
        await settled(lambda: bearer.status()[0].bound == 2)
        trying = [asyncio.create_task(verdicts(bearer)) for _ in range(12)]
        await settled(lambda: len(smsc.messages) == 6)
        status = bearer.status()[0]
        assert (status.outstanding, status.window, status.waiting) == (6, 6, 4)
        ended = [task for task in trying if task.done()]
        assert [task.result() for task in ended] == [[LATER]] * 2  # no room in the queue
        await settled(lambda: sum(task.done() for task in trying) == 6)  # the queue's patience
        assert len(smsc.messages) == 6
        smsc.cut()
        results = [(await task)[0] for task in trying]
    assert sorted(each.value for each in results) == ["in_doubt"] * 6 + ["later"] * 6


async def test_messages_that_wait_go_elsewhere_when_the_bind_is_lost(
    smsc: SmscSimulator, other: SmscSimulator
) -> None:
    smsc.behaviour.answer = lambda _pdu: None
    first = account(smsc, "first", pace=paced(window=1, response_timeout_ms=60_000))
    async with running(first, account(other, "spare")) as bearer:
        doubtful = asyncio.create_task(verdicts(bearer))
        await settled(lambda: len(smsc.messages) == 1)
        waiting = asyncio.create_task(verdicts(bearer))
        await asyncio.sleep(0)
        await smsc.stop()
        assert await doubtful == [IN_DOUBT]
        assert await waiting == [TAKEN]
    assert len(other.messages) == 1


async def test_nobody_waits_for_an_smsc_that_is_stuck(
    smsc: SmscSimulator, other: SmscSimulator
) -> None:
    silent: list[int | None] = [None, None]
    smsc.behaviour.answer = lambda _pdu: silent.pop() if silent else CommandStatus.ESME_ROK
    pace = paced(window=2, stuck_ms=30, response_timeout_ms=800)
    spare = account(other, "spare", numbers=("+44*",))
    async with running(account(smsc, "stuck", pace=pace), spare) as bearer:
        sent = [asyncio.create_task(verdicts(bearer)) for _ in range(2)]
        await settled(lambda: len(smsc.messages) == 2)
        waited = await asyncio.gather(*(bearer.submit(messages(SHORT), wish()) for _ in range(20)))
        assert {(each.verdict, each.reason) for (each,) in waited} == {
            (LATER, "smsc:stuck: it does not answer")
        }
        assert await verdicts(bearer) == [LATER]
        (elsewhere,) = await bearer.submit(messages(SHORT, "+44700"), wish())
        assert (elsewhere.verdict, elsewhere.bearer) == (TAKEN, "smsc:spare")
        assert [await task for task in sent] == [[IN_DOUBT]] * 2
        assert await verdicts(bearer) == [TAKEN]  # the windows have room: it is tried again


async def test_caller_that_gives_up_leaves_the_others_their_turn(smsc: SmscSimulator) -> None:
    held: list[int | None] = [None]
    smsc.behaviour.answer = lambda _pdu: held.pop() if held else CommandStatus.ESME_ROK
    pace = paced(window=1, response_timeout_ms=800)
    async with running(account(smsc, pace=pace)) as bearer:
        tasks = [asyncio.create_task(verdicts(bearer)) for _ in range(3)]
        await settled(lambda: len(smsc.messages) == 1)
        tasks[1].cancel()
        assert await tasks[0] == [IN_DOUBT]
        assert await tasks[2] == [TAKEN]
        assert bearer.status()[0].outstanding == 0
    assert tasks[1].cancelled()


async def test_rate_is_shared_by_all_binds(smsc: SmscSimulator) -> None:
    pace = paced(per_second=20)
    clock = VirtualClock()
    async with running(account(smsc, binds=2, pace=pace), patience_ms=1, clock=clock) as bearer:
        await settled(lambda: bearer.status()[0].bound == 2)
        for _ in range(3):
            answers = await asyncio.gather(*(verdicts(bearer) for _ in range(10)))
            assert sorted(each.value for (each,) in answers) == ["later"] * 8 + ["taken"] * 2
            clock.advance(100)
    assert len(smsc.messages) == 6


# -- styles, seen from the phone --


@pytest.mark.parametrize("style", list(SubmissionStyle))
async def test_phone_gets_the_same_datagram_in_every_style(
    smsc: SmscSimulator, style: SubmissionStyle
) -> None:
    heard: list[SmsDeliver] = []

    async def phone(message: SmsDeliver) -> int | None:
        heard.append(message)
        return None

    smsc.phones.attach(PHONE, phone)
    above = Above()
    async with running(account(smsc, writing=Writing(style=style)), above=above) as bearer:
        answers = await bearer.submit(messages(LONG), wish())
        assert [each.verdict for each in answers] == [TAKEN] * len(LONG)
        references = [each.reference for each in answers]
        await settled(lambda: len(above.reports) == len(smsc.messages))
    as_one = style in (SubmissionStyle.PAYLOAD, SubmissionStyle.DATA_SM)
    assert len(smsc.messages) == (1 if as_one else len(LONG))
    assert [each is None for each in references] == [False] + [as_one] * (len(LONG) - 1)
    assert {r.reference for r in above.reports} == {r for r in references if r is not None}
    carried = b"".join(each.user_data.payload for each in heard)
    assert carried == bytes(range(256))
    ports = {each.user_data.header.ports for each in heard if each.user_data.header}
    assert {(p.destination, p.source) for p in ports if p} == {(2948, 9200)}


# -- what comes back --


@pytest.mark.parametrize("form", list(ReceiptForm))
async def test_receipts_of_every_form_are_reported(smsc: SmscSimulator, form: ReceiptForm) -> None:
    smsc.behaviour.receipt_form = form
    smsc.behaviour.fate = lambda _message: MessageState.EXPIRED
    above = Above()
    async with running(account(smsc), above=above) as bearer:
        (answer,) = await bearer.submit(messages(SHORT), wish())
        await settled(lambda: smsc.messages[0].reported)
    (report,) = above.reports
    assert (report.bearer, report.reference) == ("smsc:main", answer.reference)
    assert report.verdict is ReportVerdict.EXPIRED


async def test_receipts_come_over_the_receiver_of_a_separate_pair(smsc: SmscSimulator) -> None:
    above = Above()
    async with running(account(smsc, separate=True), above=above) as bearer:
        assert await verdicts(bearer) == [TAKEN]
        await settled(lambda: smsc.messages[0].reported)
        assert bearer.status()[0].bound == 2
    assert smsc.binds == 2
    assert len(above.reports) == 1


async def test_receipts_that_come_while_others_are_written_go_together(
    smsc: SmscSimulator,
) -> None:
    above = Above()
    above.gate = asyncio.Event()
    async with running(account(smsc), above=above) as bearer:
        await verdicts(bearer)
        await above.came.wait()
        for number in range(20):
            await bearer.submit(messages(SHORT, f"+358{number}"), wish())
        await settled(lambda: bearer.status()[0].receipts == 21)
        assert not any(message.reported for message in smsc.messages)
        above.gate.set()
        await settled(lambda: all(message.reported for message in smsc.messages))
    assert [len(call) for call in above.calls] == [1, 20]


async def test_receipt_that_cannot_be_kept_is_brought_again(smsc: SmscSimulator) -> None:
    failing = [OmapushError("the ledger is away"), RuntimeError("a surprise")]
    kept: list[BearerReport] = []

    async def take(reports: Sequence[BearerReport]) -> None:
        if failing:
            raise failing.pop(0)
        kept.extend(reports)

    bearer = SmscBearer([account(smsc)], SystemClock(), take, lambda: 0.0)
    async with bearer.running():
        assert await bearer.until_bound(BOUND_MS)
        await verdicts(bearer)
        await settled(lambda: smsc.messages[0].reported)
    assert smsc.messages[0].reports == 3
    assert len(kept) == 1


async def test_receipts_are_put_off_when_too_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smsc_receipts, "MAX_GATHERED", 2)
    above = Above()
    answered: list[EsmeRequest] = []

    class Connection:
        peer = "nobody"

        def request(self, primitive: Sequence[EsmeRequest]) -> None:
            answered.extend(primitive)

        def close(self, reason: str) -> None:
            """Nothing is open."""

    reporter = Reporter(above.take)
    report = BearerReport("smsc:a", "1", Instant(1), ReportVerdict.DELIVERED)
    for number in range(1, 5):
        reporter.take(report, number, Connection())
    put_off = CommandStatus.ESME_RX_T_APPN
    assert answered == [DeliverSmRes(3, put_off), DeliverSmRes(4, put_off)]
    running_reporter = asyncio.create_task(reporter.run())
    await settled(lambda: len(answered) == 4)
    running_reporter.cancel()
    assert answered[2:] == [DeliverSmRes(1), DeliverSmRes(2)]


async def test_message_of_a_phone_is_acknowledged_and_told(smsc: SmscSimulator) -> None:
    above = Above()
    async with running(account(smsc), above=above) as bearer:
        for kind in (0, MessageType.MANUAL_ACKNOWLEDGEMENT):
            message = DeliverSm(
                source_addr="358401", destination_addr="12345", esm_class=kind, short_message=b"hi"
            )
            confirmed = await smsc.send(message)
            assert confirmed.kind is SendKind.ANSWERED
            assert confirmed.response is not None
            assert confirmed.response.command_status == 0
        assert bearer.status()[0].messages == 2
    assert above.messages[0] == OriginatedMessage("main", "358401", "12345", 0, b"hi", False)
    assert not above.reports


async def test_receipt_that_says_nothing_is_acknowledged_and_counted(smsc: SmscSimulator) -> None:
    above = Above()
    async with running(account(smsc), above=above) as bearer:
        for text in (b"stat:DELIVRD", b"id:7", b"", b"\xff" * 200):
            confirmed = await smsc.send(
                DeliverSm(esm_class=MessageType.DELIVERY_RECEIPT, short_message=text)
            )
            assert confirmed.response is not None
            assert confirmed.response.command_status == 0
        assert bearer.status()[0].receipts == 4
    assert not above.reports


async def test_text_that_looks_like_a_receipt_is_believed_only_where_that_is_set(
    smsc: SmscSimulator,
) -> None:
    text = DeliverSm(source_addr="358401", short_message=b"id:7 stat:DELIVRD err:000")
    for unmarked, expected in ((False, 0), (True, 1)):
        above = Above()
        async with running(account(smsc, reading=Reading(unmarked=unmarked)), above=above):
            await smsc.send(text)
        assert len(above.reports) == expected
        assert len(above.messages) == 1 - expected


async def test_thousands_of_receipts_for_unknown_messages_stall_nobody(
    smsc: SmscSimulator, other: SmscSimulator
) -> None:
    above = Above()
    async with running(account(smsc, "flooding"), account(other, "calm"), above=above) as bearer:
        flood = [
            smsc.send(
                DeliverSm(
                    esm_class=MessageType.DELIVERY_RECEIPT,
                    short_message=b"id:%d stat:DELIVRD" % number,
                )
            )
            for number in range(2_000)
        ]
        flooding = asyncio.gather(*flood)
        answers = await bearer.submit(messages(LONG), wish(via="smsc:calm"))
        assert {each.verdict for each in answers} == {TAKEN}
        confirmed = await flooding
    assert {each.response.command_status for each in confirmed if each.response} == {0}
    assert len(above.reports) >= 2_000
    assert len(above.calls) < 1_000


# -- what goes wrong --


async def test_bind_is_made_again_when_the_smsc_comes_back(smsc: SmscSimulator) -> None:
    async with running(account(smsc)) as bearer:
        assert await verdicts(bearer) == [TAKEN]
        await smsc.stop()
        await settled(lambda: bearer.status()[0].bound == 0)
        (answer,) = await bearer.submit(messages(SHORT), wish())
        assert answer.verdict is LATER
        assert "not bound" in answer.reason
        await smsc.start()
        assert await bearer.until_bound(BOUND_MS)
        assert await verdicts(bearer) == [TAKEN]
    assert smsc.binds == 2


async def test_refused_credentials_are_an_error_and_are_not_tried_again_soon(
    smsc: SmscSimulator,
) -> None:
    with capture_logs() as logs:
        wrong = account(smsc, password="wr0ng")
        async with running(wrong, bound=False) as bearer:
            await settled(lambda: "ESME_RINVPASWD" in bearer.status()[0].failure)
            (answer,) = await bearer.submit(messages(SHORT), wish())
    (refused,) = [line for line in logs if line["log_level"] == "error"]
    assert refused["again_in_ms"] == QUICK.reconnect_refused_ms
    assert "ESME_RINVPASWD" in answer.reason
    assert "wr0ng" not in str(logs)
    assert smsc.binds == 0


async def test_bind_refused_for_another_reason_is_tried_again_soon(smsc: SmscSimulator) -> None:
    smsc.behaviour.bind_status = CommandStatus.ESME_RBINDFAIL
    async with running(account(smsc), bound=False) as bearer:
        await settled(lambda: "ESME_RBINDFAIL" in bearer.status()[0].failure)
        smsc.behaviour.bind_status = 0
        assert await bearer.until_bound(BOUND_MS)


async def test_answer_that_comes_too_late_is_logged_with_its_id(smsc: SmscSimulator) -> None:
    smsc.behaviour.delay_seconds = 0.4
    with capture_logs() as logs:
        pace = paced(response_timeout_ms=100, enquire_link_ms=60_000)
        async with running(account(smsc, pace=pace)) as bearer:
            (answer,) = await bearer.submit(messages(SHORT), wish())
            assert answer.verdict is IN_DOUBT
            await settled(lambda: any(line["event"] == "smsc_answered_late" for line in logs))
    (line,) = [line for line in logs if line["event"] == "smsc_answered_late"]
    assert line["message_id"] == smsc.messages[0].message_id


async def test_bearer_unbinds_when_it_ends(smsc: SmscSimulator) -> None:
    with capture_logs() as logs:
        async with running(account(smsc, binds=3)) as bearer:
            await settled(lambda: bearer.status()[0].bound == 3)
    ended = [line for line in logs if line["event"] == "smsc_bind_ended"]
    assert [(line["reason"], line["again_in_ms"]) for line in ended] == [("unbound", None)] * 3


async def test_messages_after_the_end_are_put_off(smsc: SmscSimulator) -> None:
    async with running(account(smsc)) as bearer:
        pass
    assert await verdicts(bearer) == [LATER]
    assert await bearer.query("smsc:main", "1", PHONE) is None


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(65_536):
        pass


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the bind, then send enquire_link without reading the answers."""
    bind = await reader.readexactly(16)
    writer.write(bytes.fromhex("00000011800000090000000000000001") + b"\0")
    assert bind
    while True:
        writer.write(bytes.fromhex("00000010000000150000000000000001") * 1_000)
        await writer.drain()


async def huge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(16)
    writer.write(bytes.fromhex("7fffffff800000090000000000000001") + bytes(100_000))
    await writer.drain()


@pytest.mark.parametrize("peer", [garbage, silence, hang_up, endless, huge])
async def test_hostile_smsc_stalls_nobody_else(
    smsc: SmscSimulator, peer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smsc_bearer, "STOP_PATIENCE_MS", 100)
    tasks: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())  # type: ignore[arg-type] # we are in one
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                await peer(reader, writer)
            finally:
                writer.transport.abort()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    hostile = account(smsc, "hostile", port=port)
    try:
        async with running(hostile, account(smsc, "good"), bound=False) as bearer:
            await settled(lambda: bearer.status()[1].bound == 1)
            await settled(lambda: bool(tasks))
            for number in range(20):
                answers = await bearer.submit(
                    messages(LONG, f"+358{number}"), wish(via="smsc:good")
                )
                assert {each.verdict for each in answers} == {TAKEN}
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


# -- TLS --


def contexts(folder: Path, *, name: str = "IP:127.0.0.1") -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = Authority(folder)
    authority.sign("smsc", name)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "smsc.pem", folder / "smsc.key")
    return server, ssl.create_default_context(cafile=str(folder / "ca.pem"))


async def test_bind_by_tls_is_verified(tmp_path: Path) -> None:
    server, trusting = contexts(tmp_path)
    async with running_smsc(tls=server) as smsc:
        async with running(account(smsc, tls=trusting)) as bearer:
            assert await verdicts(bearer) == [TAKEN]
        stranger = account(smsc, "stranger", tls=ssl.create_default_context())
        async with running(stranger, bound=False) as bearer:
            await settled(lambda: "TLS" in bearer.status()[0].failure)
            assert await verdicts(bearer) == [LATER]
    assert smsc.binds == 1


async def test_bind_by_tls_to_another_name_is_refused(tmp_path: Path) -> None:
    server, trusting = contexts(tmp_path, name="DNS:smsc.example.net")
    async with (
        running_smsc(tls=server) as smsc,
        running(account(smsc, tls=trusting), bound=False) as bearer,
    ):
        await settled(lambda: "TLS: IP address mismatch" in bearer.status()[0].failure)
    assert smsc.binds == 0


async def test_bind_by_tls_to_a_plain_port_is_refused(smsc: SmscSimulator) -> None:
    plain = account(smsc, tls=ssl.create_default_context())
    async with running(plain, bound=False) as bearer:
        await settled(lambda: bearer.status()[0].failure not in ("", "not connected yet"))
        assert bearer.status()[0].bound == 0
