"""SMPP with others: an SMSC from npm takes what we send, smpplib binds to our simulator."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from omapush.bearers.smsc import SmscBearer
from omapush.bearers.smsc_account import Number, SmscAccount, SubmissionStyle, Writing
from omapush.daemon.clock import SystemClock
from omapush.ota.bearer_reports import BearerReport, ReportVerdict
from omapush.ota.short_messages import SubmissionVerdict
from omapush.protocols.smpp.values import MessageState
from omapush.testing.short_message_bearer_contract import LONG, PHONE, messages, wish
from omapush.testing.smsc_messages import KeptMessage
from omapush.testing.smsc_simulator import running_smsc

SERVER = Path(__file__).parent / "smsc"
DATAGRAM = bytes(range(256))
TIMEOUT_SECONDS = 30


def missing(peer: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{peer} is missing")
    pytest.skip(f"{peer} is missing")


# -- an SMSC from npm --


@dataclass
class NpmSmsc:
    """The SMSC and what it said."""

    port: int
    said: list[dict[str, Any]] = field(default_factory=list)
    reports: list[BearerReport] = field(default_factory=list)

    async def take(self, reports: Sequence[BearerReport]) -> None:
        self.reports += reports

    def pdus(self) -> list[dict[str, Any]]:
        return [line["pdu"] for line in self.said if "pdu" in line]

    async def until(self, what: str, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                found = [line for line in self.said if what in line]
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.01)


@pytest.fixture
async def npm() -> AsyncIterator[NpmSmsc]:
    node = shutil.which("node")
    if node is None or not (SERVER / "node_modules/smpp").is_dir():
        missing("the npm package smpp")
    process = await asyncio.create_subprocess_exec(
        str(node), str(SERVER / "server.js"), "us", "s3cret", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    output = process.stdout
    first = json.loads(await asyncio.wait_for(output.readline(), TIMEOUT_SECONDS))
    smsc = NpmSmsc(first["port"])

    async def listen() -> None:
        while line := await output.readline():
            smsc.said.append(json.loads(line))

    listening = asyncio.create_task(listen())
    try:
        yield smsc
    finally:
        process.kill()
        await process.wait()
        await listening


@contextlib.asynccontextmanager
async def bound(npm: NpmSmsc, style: SubmissionStyle) -> AsyncIterator[SmscBearer]:
    writing = Writing(style, source=Number("12345", 0, 1))
    account = SmscAccount("npm", "127.0.0.1", npm.port, "us", "s3cret", writing=writing)
    bearer = SmscBearer([account], SystemClock(), npm.take, lambda: 0.0)
    async with bearer.running():
        assert await bearer.until_bound(TIMEOUT_SECONDS * 1_000)
        yield bearer


async def test_npm_smsc_takes_segments_with_their_headers(npm: NpmSmsc) -> None:
    async with bound(npm, SubmissionStyle.UDH) as bearer:
        answers = await bearer.submit(messages(LONG), wish())
        assert [each.verdict for each in answers] == [SubmissionVerdict.TAKEN] * len(LONG)
        await npm.until("receipt", len(LONG))
        asked = await bearer.query("smsc:npm", str(answers[0].reference), PHONE)
        assert asked is not None
        assert asked.verdict is ReportVerdict.DELIVERED
        assert await bearer.query("smsc:npm", "4711", PHONE) is None
    for pdu, octets in zip(npm.pdus(), LONG, strict=True):
        assert (pdu["command"], pdu["esm_class"], pdu["data_coding"]) == ("submit_sm", 0x40, 4)
        assert (pdu["dest_addr_ton"], pdu["dest_addr_npi"]) == (1, 1)
        assert pdu["destination_addr"] == PHONE[1:]
        assert pdu["source_addr"] == "12345"
        elements = "".join(pdu["short_message"]["udh"])
        assert bytes.fromhex(elements + pdu["short_message"]["message"]) == octets[1:]
    assert [each.reference for each in npm.reports] == [each.reference for each in answers]
    assert {each.verdict for each in npm.reports} == {ReportVerdict.DELIVERED}


async def test_npm_smsc_reads_ports_and_places_in_tlvs(npm: NpmSmsc) -> None:
    async with bound(npm, SubmissionStyle.SAR) as bearer:
        answers = await bearer.submit(messages(LONG), wish(receipt=False))
        assert {each.verdict for each in answers} == {SubmissionVerdict.TAKEN}
    pdus = npm.pdus()
    assert [pdu["sar_segment_seqnum"] for pdu in pdus] == list(range(1, len(LONG) + 1))
    for pdu in pdus:
        assert (pdu["source_port"], pdu["dest_port"]) == (9200, 2948)
        assert (pdu["sar_msg_ref_num"], pdu["sar_total_segments"]) == (7, len(LONG))
    carried = "".join(pdu["short_message"]["message"] for pdu in pdus)
    assert bytes.fromhex(carried) == DATAGRAM
    assert not npm.reports


@pytest.mark.parametrize(
    ("style", "command"),
    [(SubmissionStyle.PAYLOAD, "submit_sm"), (SubmissionStyle.DATA_SM, "data_sm")],
)
async def test_npm_smsc_takes_a_datagram_whole(
    npm: NpmSmsc, style: SubmissionStyle, command: str
) -> None:
    async with bound(npm, style) as bearer:
        answers = await bearer.submit(messages(LONG, PHONE[:-1] + "9"), wish())
        assert {each.verdict for each in answers} == {SubmissionVerdict.TAKEN}
        await npm.until("receipt", 1)
    (pdu,) = npm.pdus()
    assert (pdu["command"], pdu["dest_port"]) == (command, 2948)
    payload = pdu["message_payload"]
    message = payload["message"] if isinstance(payload, dict) else payload
    assert bytes.fromhex(message) == DATAGRAM
    (report,) = npm.reports
    assert (report.reference, report.verdict) == (answers[0].reference, ReportVerdict.FAILED)
    assert report.detail == "err:01B"


async def test_npm_smsc_refuses_a_wrong_password_and_we_say_so(npm: NpmSmsc) -> None:
    account = SmscAccount("npm", "127.0.0.1", npm.port, "us", "wr0ng")
    bearer = SmscBearer([account], SystemClock(), npm.take, lambda: 0.0)
    async with bearer.running(), asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            if "ESME_RINVPASWD" in bearer.status()[0].failure:
                break
            await asyncio.sleep(0.01)


# -- smpplib as an ESME --


@pytest.fixture
def smpplib() -> Any:
    """Return smpplib's modules."""
    try:
        return importlib.import_module("smpplib.client"), importlib.import_module("smpplib.smpp")
    except ImportError:
        return missing("smpplib")


class Esme:
    """A client of smpplib, which blocks: everything it does runs in a thread."""

    def __init__(self, modules: Any, port: int) -> None:
        client, self._smpp = modules
        self.client = client.Client("127.0.0.1", port, timeout=10, allow_unknown_opt_params=True)
        self.sent: list[str] = []
        self.received: list[Any] = []
        self.states: list[int] = []
        self.client.set_message_sent_handler(lambda pdu: self.sent.append(pdu.message_id.decode()))
        self.client.set_message_received_handler(self._receive)
        self.client.set_query_resp_handler(lambda pdu: self.states.append(pdu.message_state))

    def _receive(self, pdu: Any) -> int:
        self.received.append(pdu)
        return 0

    async def bind(self, password: str) -> None:
        await asyncio.to_thread(self.client.connect)
        await asyncio.to_thread(self.client.bind_transceiver, system_id="them", password=password)

    async def submit(self, **fields: Any) -> None:
        await asyncio.to_thread(self.client.send_message, **fields)

    async def query(self, message_id: str) -> None:
        await asyncio.to_thread(
            self.client.query_message,
            message_id=message_id,
            source_addr_ton=0,
            source_addr_npi=0,
            source_addr="12345",
        )

    async def read(self, count: int) -> None:
        for _ in range(count):
            await asyncio.to_thread(self.client.read_once)

    async def leave(self) -> None:
        await asyncio.to_thread(self.client.unbind)
        self.client.disconnect()


async def test_smpplib_submits_asks_and_gets_receipts(smpplib: Any) -> None:
    kept: list[KeptMessage] = []
    async with running_smsc({"them": "pw"}) as smsc:
        smsc.behaviour.fate = lambda _message: MessageState.DELIVERED
        esme = Esme(smpplib, smsc.port)
        await esme.bind("pw")
        for octets in LONG:
            await esme.submit(
                source_addr_ton=0,
                source_addr_npi=1,
                source_addr="12345",
                dest_addr_ton=1,
                dest_addr_npi=1,
                destination_addr=PHONE[1:],
                short_message=octets,
                esm_class=0x40,
                data_coding=4,
                registered_delivery=True,
            )
        await esme.read(2 * len(LONG))  # responses and receipts
        await esme.query(esme.sent[0])
        await esme.read(1)
        await esme.leave()
        kept += smsc.messages
    assert [message.message_id for message in kept] == esme.sent
    assert [message.user_data() for message in kept] == [(octets,) for octets in LONG]
    assert [message.number for message in kept] == [PHONE] * len(LONG)
    assert [pdu.receipted_message_id.decode() for pdu in esme.received] == esme.sent
    for pdu in esme.received:
        assert b"stat:DELIVRD" in pdu.short_message
        assert pdu.esm_class == 4
    assert [int(state) for state in esme.states] == [MessageState.DELIVERED]
    assert all(message.reported for message in kept)


async def test_smpplib_is_refused_with_a_wrong_password(smpplib: Any) -> None:
    errors = importlib.import_module("smpplib.exceptions")
    async with running_smsc({"them": "pw"}) as smsc:
        esme = Esme(smpplib, smsc.port)
        try:
            with pytest.raises(errors.PDUError, match="Invalid Password"):
                await esme.bind("guessed")
        finally:
            esme.client.disconnect()
        assert smsc.binds == 0
