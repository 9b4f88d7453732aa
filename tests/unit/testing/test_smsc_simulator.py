"""The simulated SMSC: modems on the line port, and its command line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from omapush.bearers.modem_line import LineModem, LineSettings
from omapush.bearers.smsc import SmscBearer
from omapush.bearers.smsc_account import Number, SmscAccount, Writing
from omapush.daemon.clock import SystemClock
from omapush.ota.bearer_reports import BearerReport, ReportVerdict
from omapush.ota.modem import (
    FailureCause,
    ReceivedMessage,
    ReceivedTpdu,
    Refused,
    Taken,
    Verdict,
)
from omapush.ota.short_messages import SubmissionVerdict
from omapush.protocols.smpp.values import MessageState
from omapush.protocols.sms.reading import decode
from omapush.protocols.sms.tpdu import Direction, SmsDeliver
from omapush.testing.daemons import clean_environment, free_port
from omapush.testing.short_message_bearer_contract import LONG, PHONE, messages, wish
from omapush.testing.smsc_simulator import SmscSimulator, running_smsc

TIMEOUT_SECONDS = 20


class Modem:
    """The far end of the line port."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def delivered(self, answer: str) -> SmsDeliver:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            word, _, octets = (await self.reader.readline()).decode().strip().partition(" ")
        assert word == "DELIVER"
        message = decode(bytes.fromhex(octets), Direction.TO_MOBILE)
        assert isinstance(message, SmsDeliver)
        self.writer.write(answer.encode() + b"\n")
        return message

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


@pytest.fixture
async def smsc() -> AsyncIterator[SmscSimulator]:
    async with running_smsc() as smsc:
        yield smsc


@pytest.fixture
def reports() -> list[BearerReport]:
    return []


@pytest.fixture
async def bearer(smsc: SmscSimulator, reports: list[BearerReport]) -> AsyncIterator[SmscBearer]:
    async def take(told: list[BearerReport]) -> None:
        reports.extend(told)

    writing = Writing(source=Number("12345", 0, 1))
    account = SmscAccount("main", "127.0.0.1", smsc.port, "us", writing=writing)
    bearer = SmscBearer([account], SystemClock(), take, lambda: 0.0)  # type: ignore[arg-type] # a list is a sequence
    async with bearer.running():
        assert await bearer.until_bound(TIMEOUT_SECONDS * 1_000)
        yield bearer


async def until(smsc: SmscSimulator, count: int) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await smsc.until(lambda it: sum(message.reported for message in it.messages) == count)


async def test_modem_gets_each_short_message_as_a_tpdu(
    smsc: SmscSimulator, bearer: SmscBearer, reports: list[BearerReport]
) -> None:
    port = await smsc.phones.listen("127.0.0.1", 0)
    answers = await bearer.submit(messages(LONG), wish())
    assert {each.verdict for each in answers} == {SubmissionVerdict.TAKEN}
    modem = Modem(*await asyncio.open_connection("127.0.0.1", port))
    heard = [await modem.delivered("OK") for _ in LONG]
    await until(smsc, len(LONG))
    assert sorted(each.user_data.octets for each in heard) == sorted(LONG)
    assert {str(each.originating_address) for each in heard} == {"12345"}
    assert {each.user_data.coding.value for each in heard} == {4}
    assert {each.verdict for each in reports} == {ReportVerdict.DELIVERED}
    await modem.close()


async def test_message_that_the_modem_refuses_is_undeliverable(
    smsc: SmscSimulator, bearer: SmscBearer, reports: list[BearerReport], tmp_path: Path
) -> None:
    await smsc.phones.listen_at(tmp_path / "phones")
    modem = Modem(*await asyncio.open_unix_connection(str(tmp_path / "phones")))
    await bearer.submit(messages(LONG[:1]), wish())
    await modem.delivered("FAIL D3")
    await until(smsc, 1)
    assert [each.verdict for each in reports] == [ReportVerdict.FAILED]
    assert smsc.messages[0].state is MessageState.UNDELIVERABLE
    await modem.close()


async def test_modem_that_says_its_number_gets_no_others(
    smsc: SmscSimulator, bearer: SmscBearer
) -> None:
    port = await smsc.phones.listen("127.0.0.1", 0)
    mine = Modem(*await asyncio.open_connection("127.0.0.1", port))
    mine.writer.write(f"NUMBER {PHONE}\n".encode())
    anybody = Modem(*await asyncio.open_connection("127.0.0.1", port))
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            if smsc.phones.numbers == [PHONE, "*"]:
                break
            await asyncio.sleep(0.005)
    await bearer.submit(messages(LONG[:1], "+44700"), wish())
    assert (await anybody.delivered("OK")).user_data.octets == LONG[0]
    await bearer.submit(messages(LONG[:1]), wish())
    assert (await mine.delivered("OK")).user_data.octets == LONG[0]
    await until(smsc, 2)
    await mine.close()
    await anybody.close()


async def test_clients_modem_on_a_line_takes_what_the_simulator_brings(
    smsc: SmscSimulator, bearer: SmscBearer, reports: list[BearerReport]
) -> None:
    """Both ends are ours: that they agree on the line is what is seen here."""
    port = await smsc.phones.listen("127.0.0.1", 0)
    heard: list[bytes] = []

    async def on_message(message: ReceivedMessage) -> Verdict:
        assert isinstance(message, ReceivedTpdu)
        heard.append(message.tpdu)
        if len(heard) == 1:
            return Taken()
        return Refused(FailureCause.MEMORY_CAPACITY_EXCEEDED, "full")

    modem = LineModem(LineSettings(("127.0.0.1", port)))
    listening = asyncio.create_task(modem.run(on_message, lambda _state: None))
    try:
        await bearer.submit(messages(LONG[:2]), wish())
        await until(smsc, 2)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    data = [decode(octets, Direction.TO_MOBILE) for octets in heard]
    octets = [each.user_data.octets for each in data if isinstance(each, SmsDeliver)]
    assert sorted(octets) == sorted(LONG[:2])
    verdicts = {each.verdict for each in reports}
    assert verdicts == {ReportVerdict.DELIVERED, ReportVerdict.FAILED}


async def test_message_waits_when_its_modem_hangs_up(
    smsc: SmscSimulator, bearer: SmscBearer
) -> None:
    port = await smsc.phones.listen("127.0.0.1", 0)
    modem = Modem(*await asyncio.open_connection("127.0.0.1", port))
    await bearer.submit(messages(LONG[:1]), wish())
    await modem.reader.readline()
    await modem.close()
    again = Modem(*await asyncio.open_connection("127.0.0.1", port))
    assert (await again.delivered("OK")).user_data.octets == LONG[0]
    await until(smsc, 1)
    await again.close()


async def test_simulator_runs_from_the_command_line() -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "omapush.testing.smsc_simulator",
        "--listen", f"127.0.0.1:{port}", "--system-id", "us", "--password", "s3cret",
        stdout=asyncio.subprocess.PIPE, env=clean_environment({}),
    )  # fmt: skip
    assert process.stdout is not None

    async def take(told: object) -> None:
        """Nobody wants to know."""

    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await process.stdout.readline() == b"SMSC listens on 127.0.0.1:%d\n" % port
            account = SmscAccount("main", "127.0.0.1", port, "us", "s3cret")
            bearer = SmscBearer([account], SystemClock(), take, lambda: 0.0)
            async with bearer.running():
                assert await bearer.until_bound(TIMEOUT_SECONDS * 1_000)
                await bearer.submit(messages(LONG[:1]), wish(receipt=False))
                line = (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.wait()
    assert line == f"0000000001 from us to {PHONE}: 140 octets"
