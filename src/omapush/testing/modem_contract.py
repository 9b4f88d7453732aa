"""The contract suite of modems: what every ``ota.modem.Modem`` passes.

Subclass :class:`ModemContract` in a test module and give it a fixture ``harness``, a
:class:`ModemHarness`: the modem, and the other side of it. pytest (with pytest-asyncio in automatic
mode) collects the rest.
"""

# ruff: noqa: S101 # a suite asserts

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Protocol

from omapush.ota.modem import (
    FailureCause,
    Modem,
    ModemState,
    ReceivedMessage,
    ReceivedPayload,
    Refused,
    Taken,
    Verdict,
)
from omapush.protocols.sms.reading import decode
from omapush.protocols.sms.tpdu import SmsDeliver

PATIENCE_SECONDS = 10
REFUSED = Refused(FailureCause.ERROR_IN_MS, "for a test")


class ModemHarness(Protocol):
    """A modem together with the network behind it."""

    @property
    def modem(self) -> Modem:
        """The modem; whoever runs it does so once."""

    async def put(self, payload: bytes) -> None:
        """Let a whole short message with 8 bit data arrive. It waits if nobody listens."""

    async def forgot(self, payload: bytes) -> bool:
        """Wait for what the modem does once it has a verdict; whether it forgot the message."""

    async def restart(self) -> None:
        """Let the modem go away and come back."""


class Taker:
    """Takes messages as it is told.

    :ivar payloads: of the messages that came, without user data header.
    :ivar verdict: what is said of each.
    :ivar states: what was told of the modem.
    """

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.states: list[ModemState] = []
        self.verdict: Verdict = Taken()
        self.at_a_time = 0
        self._changed = asyncio.Condition()
        self._at_work = 0
        self._telling: set[asyncio.Task[None]] = set()

    async def take(self, message: ReceivedMessage) -> Verdict:
        """Note a message."""
        self._at_work += 1
        self.at_a_time = max(self.at_a_time, self._at_work)
        await asyncio.sleep(0)
        self._at_work -= 1
        self.payloads.append(payload_of(message))
        await self._notify()
        return self.verdict

    def told(self, state: ModemState) -> None:
        """Note a state."""
        self.states.append(state)
        task = asyncio.ensure_future(self._notify())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def messages(self, count: int) -> list[bytes]:
        """Wait until so many have come."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
            await self._changed.wait_for(lambda: len(self.payloads) >= count)
        return self.payloads

    async def changes(self, count: int) -> list[ModemState]:
        """Wait until so many changes of state were told."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
            await self._changed.wait_for(lambda: len(self.states) >= count)
        return self.states

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def payload_of(message: ReceivedMessage) -> bytes:
    """Return the payload of a message, whichever form it has."""
    if isinstance(message, ReceivedPayload):
        return message.payload
    tpdu = decode(message.tpdu)
    assert isinstance(tpdu, SmsDeliver)
    return tpdu.user_data.payload


@contextlib.asynccontextmanager
async def listening(modem: Modem, taker: Taker) -> AsyncIterator[asyncio.Task[None]]:
    """Run ``modem`` with ``taker`` until the end of the block."""
    task = asyncio.create_task(modem.run(taker.take, taker.told))
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class ModemContract:
    """What holds for every modem."""

    async def test_message_comes_whole_and_is_forgotten_once_taken(
        self, harness: ModemHarness
    ) -> None:
        """The payload octet for octet."""
        taker, payload = Taker(), bytes(range(120))
        async with listening(harness.modem, taker):
            await harness.put(payload)
            assert await taker.messages(1) == [payload]
            assert await harness.forgot(payload)

    async def test_message_that_is_refused_is_not_forgotten(self, harness: ModemHarness) -> None:
        """The network, or the modem's memory, still has it."""
        taker = Taker()
        taker.verdict = REFUSED
        async with listening(harness.modem, taker):
            await harness.put(b"push")
            await taker.messages(1)
            assert not await harness.forgot(b"push")

    async def test_messages_come_one_after_the_other_in_order(self, harness: ModemHarness) -> None:
        """However fast they arrive."""
        taker = Taker()
        async with listening(harness.modem, taker):
            payloads = [bytes([number]) * 3 for number in range(1, 21)]
            for payload in payloads:
                await harness.put(payload)
            assert await taker.messages(len(payloads)) == payloads
        assert taker.at_a_time == 1

    async def test_state_is_told(self, harness: ModemHarness) -> None:
        """Up while it can be heard, down when nobody listens any more."""
        taker = Taker()
        async with listening(harness.modem, taker):
            assert await taker.changes(1) == [ModemState.UP]
        assert taker.states == [ModemState.UP, ModemState.DOWN]

    async def test_modem_that_went_away_is_waited_for(self, harness: ModemHarness) -> None:
        """And heard again."""
        taker = Taker()
        async with listening(harness.modem, taker):
            await taker.changes(1)
            await harness.restart()
            await harness.put(b"after")
            assert await taker.messages(1) == [b"after"]
            assert taker.states[-1] is ModemState.UP
