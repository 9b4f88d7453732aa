"""Real gateway, simulated SMSC: pushes by SMS, their receipts, and what goes wrong between them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx2
import pytest

from omapush.initiator import NotificationReceiver, PushInitiator, serve
from omapush.pap.codes import MessageState as PapState
from omapush.pap.model import ResultNotificationMessage
from omapush.ppg.store.contract import PushRecord
from omapush.ppg.store.opening import open_store
from omapush.protocols.smpp.pdu import Pdu, SubmitSm
from omapush.protocols.smpp.values import MessageState
from omapush.protocols.sms.user_data_header import ApplicationPorts, Concatenation, split
from omapush.testing.daemons import Daemon, free_port
from omapush.testing.smsc_messages import KeptMessage
from omapush.testing.smsc_simulator import SmscSimulator

PATIENCE_SECONDS = 30
PHONE = "+358401234567"
MMS_TYPE = "application/vnd.wap.mms-message"
NOTIFICATION = bytes.fromhex(
    "8c82985431323334353637008d908919802b3335383430313233343536372f545950453d504c4d4e00964772656574"
    "696e67732066726f6d2074686520707573682074657374207375697465008a808e0278008805810303f48083687474"
    "703a2f2f6d6d73632e6578616d706c652e636f6d2f6d6d732f30313233343536373839616263646566303132333435"
    "3637383961626364656600"
)
SEGMENTS = (
    "0c08041234020105040b8423f07b0603beaf848c82985431323334353637008d908919802b33353834303132333435"
    "36372f545950453d504c4d4e00964772656574696e67732066726f6d20746865207075736820746573742073756974"
    "65008a808e0278008805810303f48083687474703a2f2f6d6d73632e6578616d706c652e636f6d2f6d6d732f3031",
    "0c08041234020205040b8423f032333435363738396162636465663031323334353637383961626364656600",
)
"""The published user data: reference 1234, transaction id 7b."""


class Ground:
    """A gateway, its SMSC and an initiator who wants to know how pushes end."""

    def __init__(self, folder: Path, smsc: SmscSimulator) -> None:
        self.smsc = smsc
        self.pap, self.admin = free_port(), free_port()
        self.settings = folder / "ppg.toml"
        self.gateway = Daemon("ppg", self.settings, port=self.pap)
        self.store = open_store(f"sqlite:///{folder}/omapush.db")
        self.receiver = NotificationReceiver()
        self.notify_to = ""

    def write_settings(self, smsc_port: int, ota_wsp: str) -> None:
        self.settings.write_text(
            f'[pap]\nlisten = "127.0.0.1:{self.pap}"\nanonymous_from = ["127.0.0.1/32"]\n'
            f'[admin]\nlisten = "127.0.0.1:{self.admin}"\n'
            f'[store]\nurl = "sqlite:///{self.settings.parent}/omapush.db"\n'
            "[delivery]\nretry_first_seconds = 0.1\nretry_longest_seconds = 0.3\n"
            'max_sent_attempts = 20\n[log]\nformat = "json"\n'
            f"[ota_wsp]\n{ota_wsp}\n"
            f'[[smsc]]\nname = "main"\nendpoint = "127.0.0.1:{smsc_port}"\n'
            'system_id = "omapush"\npassword = "s3cret"\nsource = "12345"\nwindow = 5\n'
            "reconnect_first_seconds = 0.05\nreconnect_longest_seconds = 0.2\n"
            '[[subscribers]]\nnumbers = ["+358*"]\n'
        )

    async def push(self, *numbers: str) -> str:
        """Submit the MMS notification; return its push-id."""
        async with PushInitiator(f"http://127.0.0.1:{self.pap}/pap") as initiator:
            result = await initiator.submit(
                numbers or (PHONE,),
                "x-wap-application:mms.ua",
                NOTIFICATION,
                MMS_TYPE,
                notify_to=self.notify_to,
            )
        assert result.code == 1001
        return result.push_id

    async def ended(self, push_id: str) -> ResultNotificationMessage:
        return await self.receiver.wait_for(push_id, PATIENCE_SECONDS)

    async def record(self, push_id: str) -> PushRecord:
        record = await self.store.push(push_id)
        assert record is not None
        return record

    async def events(self, push_id: str) -> list[str]:
        return [line.event for line in (await self.record(push_id)).timeline]

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                if await condition():
                    return
                await asyncio.sleep(0.02)

    async def until_event(self, push_id: str, event: str) -> None:
        async def happened() -> bool:
            return event in await self.events(push_id)

        await self.until(happened)

    async def until_taken(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.smsc.until(lambda smsc: len(smsc.messages) >= count)


@contextlib.asynccontextmanager
async def prepared(
    folder: Path, ota_wsp: str = "", *, smsc_is_there: bool = True
) -> AsyncIterator[Ground]:
    smsc = SmscSimulator(passwords={"omapush": "s3cret"})
    await smsc.start()
    ground = Ground(folder, smsc)
    ground.write_settings(smsc.port, ota_wsp)
    if not smsc_is_there:
        await smsc.stop()
    await ground.gateway.start()
    await ground.store.open()
    try:
        async with serve(ground.receiver) as ground.notify_to:
            yield ground
    finally:
        await ground.store.close()
        assert await ground.gateway.stop() == 0
        await smsc.close()
    assert "Traceback" not in ground.gateway.log
    assert "s3cret" not in ground.gateway.log


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with prepared(tmp_path) as ground:
        yield ground


def silent(_message: KeptMessage) -> None:
    """Let a message have no receipt."""


async def test_mms_notification_goes_out_as_published_and_is_delivered_by_its_receipts(
    ground: Ground,
) -> None:
    ground.smsc.behaviour.fate = silent
    push_id = await ground.push()
    await ground.until_taken(2)
    await ground.until_event(push_id, "handed_over")
    messages = list(ground.smsc.messages)
    user_data = [octets for message in messages for octets in message.user_data()]
    headers = [split(octets)[0] for octets in user_data]
    reference = headers[0].concatenation.reference if headers[0].concatenation else -1
    assert [header.concatenation for header in headers] == [
        Concatenation(reference, 2, 1),
        Concatenation(reference, 2, 2),
    ]
    assert {header.ports for header in headers} == {ApplicationPorts(2948, 9200)}
    transaction_id = user_data[0][13]
    as_published = [octets.replace(_two(reference), b"\x12\x34", 1) for octets in user_data]
    as_published[0] = as_published[0][:13] + b"\x7b" + as_published[0][14:]
    assert [octets.hex() for octets in as_published] == list(SEGMENTS), transaction_id
    for message in messages:
        assert isinstance(message.pdu, SubmitSm)
        assert (message.number, message.pdu.esm_class, message.pdu.data_coding) == (PHONE, 0x40, 4)
        assert message.pdu.registered_delivery == 1
        assert message.pdu.validity_period.endswith("R")
    for message in messages:
        message.state = MessageState.DELIVERED
        await ground.smsc.report(message)
    notification = await ground.ended(push_id)
    assert notification.message_state is PapState.DELIVERED
    assert [message.reports for message in messages] == [1, 1]
    async with httpx2.AsyncClient() as client:
        health = (await client.get(f"http://127.0.0.1:{ground.admin}/healthz")).text
    assert "smsc main: 1 of 1 binds, 0 unanswered, 0 waiting, 2 taken, 2 receipts" in health
    assert len(ground.smsc.messages) == 2


def _two(number: int) -> bytes:
    return number.to_bytes(2, "big")


async def test_push_waits_for_an_smsc_that_is_away_and_goes_when_it_is_back(
    tmp_path: Path,
) -> None:
    async with prepared(tmp_path, smsc_is_there=False) as ground:
        push_id = await ground.push()
        await ground.until_event(push_id, "retry")
        assert not ground.smsc.messages
        await ground.smsc.start()
        assert (await ground.ended(push_id)).message_state is PapState.DELIVERED
        assert len(ground.smsc.messages) == 2
        assert "in_doubt" not in await ground.events(push_id)


async def test_smsc_that_is_lost_amid_a_window_leaves_doubts_and_loses_nothing(
    ground: Ground,
) -> None:
    numbers = [f"+3584012345{number:02}" for number in range(20)]
    unanswered: list[KeptMessage] = []

    def cut(message: KeptMessage) -> bool:
        now = len(ground.smsc.messages) == 13
        if now:
            unanswered.append(message)
        return now

    ground.smsc.behaviour.cut = cut
    pushes = {number: await ground.push(number) for number in numbers}
    for push_id in pushes.values():
        assert (await ground.ended(push_id)).message_state is PapState.DELIVERED
    copies = Counter(
        (message.number, octets)
        for message in ground.smsc.messages
        for octets in message.user_data()
    )
    assert len(copies) == 2 * len(numbers)
    assert unanswered
    doubled = {number for (number, _octets), count in copies.items() if count > 1}
    assert doubled
    assert len([count for count in copies.values() if count > 1]) <= 5  # the window
    assert max(copies.values()) == 2
    for number, push_id in pushes.items():
        events = await ground.events(push_id)
        assert ("in_doubt" in events) == (number in doubled), events


async def test_part_that_was_taken_is_not_sent_again_when_the_next_one_is_in_doubt(
    ground: Ground,
) -> None:
    ground.smsc.behaviour.cut = lambda _message: len(ground.smsc.messages) == 2
    push_id = await ground.push()
    assert (await ground.ended(push_id)).message_state is PapState.DELIVERED
    first, second, again = (each.user_data()[0] for each in ground.smsc.messages)
    assert second == again != first
    assert "in_doubt" in await ground.events(push_id)


async def test_receipt_of_failure_makes_the_push_undeliverable(ground: Ground) -> None:
    ground.smsc.behaviour.fate = lambda _message: MessageState.UNDELIVERABLE
    notification = await ground.ended(await ground.push())
    assert notification.message_state is PapState.UNDELIVERABLE


async def test_refusal_by_the_smsc_makes_the_push_undeliverable_and_says_why(
    ground: Ground,
) -> None:
    def refuse(pdu: Pdu) -> int:
        return 0x0B

    ground.smsc.behaviour.answer = refuse
    push_id = await ground.push()
    assert (await ground.ended(push_id)).message_state is PapState.UNDELIVERABLE
    (delivery,) = (await ground.record(push_id)).deliveries
    assert "ESME_RINVDSTADR" in delivery.reason
    assert len(ground.smsc.refused) == 1


async def test_receipts_that_come_after_the_gateway_was_killed_end_the_delivery(
    ground: Ground,
) -> None:
    ground.smsc.behaviour.fate = silent
    push_id = await ground.push()
    await ground.until_event(push_id, "handed_over")
    await ground.gateway.kill()
    for message in ground.smsc.messages:
        message.state = MessageState.DELIVERED
    reporting = [asyncio.create_task(ground.smsc.report(each)) for each in ground.smsc.messages]
    await ground.gateway.start()
    assert (await ground.ended(push_id)).message_state is PapState.DELIVERED
    await asyncio.gather(*reporting)
    assert len(ground.smsc.messages) == 2


async def test_smsc_is_asked_when_receipts_are_overdue(tmp_path: Path) -> None:
    async with prepared(tmp_path, "report_within_minutes = 0.003") as ground:
        ground.smsc.behaviour.fate = silent
        push_id = await ground.push()
        await ground.until_event(push_id, "handed_over")
        await ground.gateway.kill()  # and all that it remembers of ids
        await ground.gateway.start()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await ground.smsc.until(lambda smsc: len(smsc.queries) >= 2)
        assert not (await ground.record(push_id)).deliveries[0].state.is_final
        for message in ground.smsc.messages:
            message.state = MessageState.DELIVERED
        assert (await ground.ended(push_id)).message_state is PapState.DELIVERED
        assert len(ground.smsc.messages) == 2
