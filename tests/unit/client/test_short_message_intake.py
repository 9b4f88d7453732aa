"""From a modem's message to the application: what is on disk, what comes again, what is dropped."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from omapush.client.short_messages.intake import IntakeLimits, ShortMessageIntake
from omapush.client.short_messages.messages import ShortMessages
from omapush.client.short_messages.store import ShortMessageStore, ShortMessageStoreError
from omapush.core.instants import MINUTE_MS
from omapush.ota.interface import (
    ClientRequest,
    PoConfirmedPushRes,
    PoPushAbortReq,
    PoUnitPushInd,
    PushStatus,
)
from omapush.ota.modem import (
    FailureCause,
    NotOurs,
    ReceivedPayload,
    ReceivedTpdu,
    Refused,
    Taken,
)
from omapush.protocols.sms.address import Address
from omapush.protocols.sms.reassembly import ReassemblyLimits
from omapush.protocols.sms.timestamps import Timestamp
from omapush.protocols.sms.tpdu import SmsDeliver
from omapush.protocols.sms.user_data import UserData
from omapush.protocols.wdp import to_short_messages
from omapush.testing.virtual_clock import VirtualClock

HEAD = bytes.fromhex("0603beaf84")
TAKEN = PoConfirmedPushRes("")


def push(number: int, size: int = 10) -> bytes:
    return bytes([number]) + HEAD + bytes([number]) * size


def messages_of(datagram: bytes, sender: str = "12345", reference: int = 7) -> list[ReceivedTpdu]:
    return [
        ReceivedTpdu(
            SmsDeliver(
                Address.parse(sender), Timestamp(bytes(7)), UserData.of_octets(user_data)
            ).encode()
        )
        for user_data in to_short_messages(datagram, 2948, 9200, reference)
    ]


def refusal(status: PushStatus) -> PoPushAbortReq:
    return PoPushAbortReq("", status, "for a test")


class Client:
    """Answers offers as it is told.

    :ivar bodies: first octet of each push that was offered.
    """

    def __init__(self) -> None:
        self.answer: ClientRequest | None = TAKEN
        self.bodies: list[int] = []
        self._changed = asyncio.Condition()

    async def offer(self, indication: PoUnitPushInd) -> ClientRequest:
        self.bodies.append(indication.message.body[0])
        async with self._changed:
            self._changed.notify_all()
        if self.answer is None:
            await asyncio.Event().wait()
            raise AssertionError
        return self.answer

    async def offered(self, count: int) -> list[int]:
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: len(self.bodies) >= count)
        return self.bodies


NewIntake = Callable[..., Awaitable[ShortMessageIntake]]


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def new_intake(
    tmp_path: Path, client: Client, clock: VirtualClock
) -> AsyncIterator[NewIntake]:
    async with contextlib.AsyncExitStack() as stack:

        async def start(
            limits: IntakeLimits | None = None, reassembly: ReassemblyLimits | None = None
        ) -> ShortMessageIntake:
            store = ShortMessageStore(tmp_path / "messages.db")
            intake = ShortMessageIntake(
                ShortMessages(reassembly), store, client.offer, clock, limits
            )
            await intake.start()
            stack.push_async_callback(intake.close)
            return intake

        yield start


async def until_idle(intake: ShortMessageIntake) -> None:
    async with asyncio.timeout(10):
        while intake.waiting:  # noqa: ASYNC110 - it has nobody to tell
            await asyncio.sleep(0)


async def rows(path: Path) -> tuple[int, int]:
    """Return how many segments and datagrams a closed store holds."""
    store = ShortMessageStore(path)
    await store.open()
    try:
        return len(await store.segments()), len(await store.datagrams())
    finally:
        await store.close()


async def test_push_is_offered_and_leaves_nothing_behind(
    new_intake: NewIntake, client: Client, tmp_path: Path
) -> None:
    intake = await new_intake()
    for message in messages_of(push(1, 200)):
        assert await intake.take(message) == Taken()
    assert await client.offered(1) == [1]
    await until_idle(intake)
    await intake.close()
    assert await rows(tmp_path / "messages.db") == (0, 0)


async def test_segments_survive_a_restart(
    new_intake: NewIntake, client: Client, tmp_path: Path
) -> None:
    first, second = messages_of(push(1, 200))
    intake = await new_intake()
    assert await intake.take(second) == Taken()
    await intake.close()
    assert await rows(tmp_path / "messages.db") == (1, 0)
    intake = await new_intake()
    assert await intake.take(first) == Taken()
    assert await client.offered(1) == [1]
    await until_idle(intake)


async def test_segments_that_wait_for_too_long_are_gone_after_a_restart(
    new_intake: NewIntake, clock: VirtualClock, tmp_path: Path
) -> None:
    intake = await new_intake()
    await intake.take(messages_of(push(1, 200))[0])
    await intake.close()
    clock.advance(11 * MINUTE_MS)
    await (await new_intake()).close()
    assert await rows(tmp_path / "messages.db") == (0, 0)


async def test_push_that_was_taken_over_survives_a_restart(
    new_intake: NewIntake, client: Client
) -> None:
    client.answer = None  # never comes to an answer
    intake = await new_intake()
    assert await intake.take(messages_of(push(1))[0]) == Taken()
    await client.offered(1)
    await intake.close()
    client.answer = TAKEN
    intake = await new_intake()
    assert await client.offered(2) == [1, 1]
    await until_idle(intake)


@pytest.mark.parametrize("status", [PushStatus.USERREQ, PushStatus.USERDCR, PushStatus.USERPND])
async def test_push_whose_application_is_away_is_offered_when_one_comes(
    new_intake: NewIntake, client: Client, status: PushStatus
) -> None:
    client.answer = refusal(status)
    intake = await new_intake()
    await intake.take(messages_of(push(1))[0])
    await client.offered(1)
    await asyncio.sleep(0)
    client.answer = TAKEN
    intake.try_again()
    assert await client.offered(2) == [1, 1]
    await until_idle(intake)


async def test_push_is_offered_again_after_a_while(new_intake: NewIntake, client: Client) -> None:
    client.answer = refusal(PushStatus.USERREQ)
    intake = await new_intake(IntakeLimits(first_wait_ms=1, longest_wait_ms=2))
    await intake.take(messages_of(push(1))[0])
    await client.offered(4)
    assert intake.waiting == 1


@pytest.mark.parametrize("status", [PushStatus.USERRFS, PushStatus.USERDCU])
async def test_push_that_is_refused_for_good_is_dropped(
    new_intake: NewIntake, client: Client, status: PushStatus
) -> None:
    client.answer = refusal(status)
    intake = await new_intake()
    assert await intake.take(messages_of(push(1))[0]) == Taken()
    await until_idle(intake)
    assert client.bodies == [1]


async def test_push_that_nobody_took_in_time_is_dropped(
    new_intake: NewIntake, client: Client, clock: VirtualClock
) -> None:
    client.answer = refusal(PushStatus.USERPND)
    intake = await new_intake(IntakeLimits(hold_ms=MINUTE_MS))
    await intake.take(messages_of(push(1))[0])
    await client.offered(1)
    clock.advance(MINUTE_MS)
    intake.try_again()
    await until_idle(intake)


async def test_push_that_waits_is_not_doubled_when_it_comes_again(
    new_intake: NewIntake, client: Client
) -> None:
    client.answer = None
    intake = await new_intake()
    for reference in (7, 8):
        for message in messages_of(push(1, 200), reference=reference):
            assert await intake.take(message) == Taken()
    assert intake.waiting == 1
    assert await client.offered(1) == [1]


async def test_originator_of_too_many_pushes_loses_its_own_oldest(
    new_intake: NewIntake, client: Client
) -> None:
    client.answer = refusal(PushStatus.USERPND)
    intake = await new_intake(IntakeLimits(of_originator=2))
    await intake.take(messages_of(push(1), "+1")[0])
    for number in range(2, 12):
        await intake.take(messages_of(push(number), "+2")[0])
    assert intake.waiting == 3
    client.answer, client.bodies = TAKEN, []
    intake.try_again()
    await until_idle(intake)
    assert sorted(client.bodies) == [1, 10, 11]


async def test_messages_are_refused_while_too_many_pushes_wait(
    new_intake: NewIntake, client: Client
) -> None:
    client.answer = None
    intake = await new_intake(IntakeLimits(waiting=2))
    for number in (1, 2):
        await intake.take(messages_of(push(number), f"+{number}")[0])
    verdict = await intake.take(messages_of(push(3), "+3")[0])
    assert isinstance(verdict, Refused)
    assert verdict.cause is FailureCause.MEMORY_CAPACITY_EXCEEDED


async def test_segments_in_overflow_are_no_longer_on_disk(
    new_intake: NewIntake, tmp_path: Path
) -> None:
    intake = await new_intake(None, ReassemblyLimits(originator_datagrams=2))
    for reference in range(10):
        await intake.take(messages_of(push(1, 200), reference=reference)[0])
    await intake.close()
    assert await rows(tmp_path / "messages.db") == (2, 0)


async def test_reference_used_anew_replaces_what_was_left_of_the_old(
    new_intake: NewIntake, client: Client, tmp_path: Path
) -> None:
    intake = await new_intake()
    await intake.take(messages_of(push(1, 300))[0])
    await intake.take(messages_of(push(1, 300))[1])
    for message in messages_of(push(2, 300)):
        assert await intake.take(message) == Taken()
    assert await client.offered(1) == [2]
    await until_idle(intake)
    await intake.close()
    assert await rows(tmp_path / "messages.db") == (0, 0)


async def test_datagram_that_is_no_push_is_dropped(new_intake: NewIntake, tmp_path: Path) -> None:
    """The short messages themselves were in order: there is nothing to send again."""
    intake = await new_intake()
    for message in messages_of(b"\x01\x06\xff" + bytes(200)):
        assert await intake.take(message) == Taken()
    await intake.close()
    assert await rows(tmp_path / "messages.db") == (0, 0)


async def test_payload_that_is_no_push_is_left_to_others(new_intake: NewIntake) -> None:
    intake = await new_intake()
    assert isinstance(await intake.take(ReceivedPayload("12345", b"BEGIN:VCARD")), NotOurs)
    assert await intake.take(ReceivedPayload("12345", push(1))) == Taken()


async def test_malformed_tpdu_is_refused(new_intake: NewIntake) -> None:
    verdict = await (await new_intake()).take(ReceivedTpdu(b"\x44"))
    assert isinstance(verdict, Refused)
    assert verdict.cause is FailureCause.UNSPECIFIED


async def test_message_that_the_disk_does_not_take_is_refused(
    new_intake: NewIntake, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = await new_intake()

    async def full(*_: object) -> None:
        raise ShortMessageStoreError("the disk is full")

    monkeypatch.setattr(ShortMessageStore, "keep_datagram", full)
    first, second = messages_of(push(1, 200))
    assert await intake.take(first) == Taken()
    verdict = await intake.take(second)
    assert isinstance(verdict, Refused)
    assert verdict.cause is FailureCause.ERROR_IN_MS
    # It was whole, and the network sends its last segment again at most.
    assert await client.offered(1) == [1]
    await until_idle(intake)
    monkeypatch.undo()
    assert await intake.take(second) == Taken()
