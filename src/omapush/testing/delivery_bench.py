"""A delivery loop on a ledger in memory, with time that the test moves.

::

    bench = DeliveryBench(recipients)
    await bench.start(datagrams=…, short_messages=smsc)
    await bench.accept("a@pi", "PLMN:+358401234567")
    await bench.rest()                    # let everything run that can without time passing
    (await bench.delivery("a@pi")).state
    await bench.close()
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping

from omapush.bearers.tcp import TcpBearer
from omapush.content.message import PushMessage
from omapush.core.instants import HOUR_MS, later
from omapush.ota.bearer_reports import BearerReport, ReportVerdict
from omapush.ota.http.ppg import HttpPpgSettings
from omapush.ota.short_messages import ShortMessageBearer
from omapush.ppg.datagram_reach import Datagrams
from omapush.ppg.delivery import DeliveryLoop, DeliverySettings
from omapush.ppg.lane import LaneSettings
from omapush.ppg.lifecycle import RetryPolicy
from omapush.ppg.metrics import Metrics
from omapush.ppg.recipients import Recipients
from omapush.ppg.reports import Reports
from omapush.ppg.short_message_reach import ShortMessageSettings
from omapush.ppg.store.contract import (
    DeliveryRecord,
    NewDelivery,
    NewPush,
    PushRecord,
)
from omapush.ppg.terminal.dialling import Dialling, Terminals
from omapush.ppg.terminal.reach import TerminalReachSettings
from omapush.ppg.ways import Sessions, ShortMessages, Ways
from omapush.testing.memory_store import MemoryStore
from omapush.testing.virtual_clock import VirtualClock

OWNER = "ppg-1/a"
RETRY = RetryPolicy(first_ms=1_000, longest_ms=60_000, max_sent_attempts=3)


class DeliveryBench:
    """See the module.

    :ivar notified: how often the notification loop was woken.
    """

    def __init__(self, recipients: Recipients, retry: RetryPolicy = RETRY) -> None:
        self.store = MemoryStore()
        self.clock = VirtualClock()
        self.metrics = Metrics()
        self.notified = 0
        self.reports = Reports(self.store, self.metrics, self._ended)
        self._retry = retry
        self._recipients = recipients
        self._push_keys = (f"{number:032x}" for number in itertools.count(1))
        self._task: asyncio.Task[None] | None = None

    async def start(
        self,
        short_messages: ShortMessageBearer | None = None,
        sms_settings: ShortMessageSettings | None = None,
        datagrams: Datagrams | None = None,
        sessions: Sessions | None = None,
    ) -> None:
        """Open the ledger and begin to deliver over the bearers that are given."""
        await self.store.open()
        sms = None
        if short_messages is not None:
            settings = sms_settings or ShortMessageSettings()
            sms = ShortMessages(short_messages, settings, self.reports)
        self.ways = Ways(
            self.store,
            Terminals(Dialling(TcpBearer(self.clock), HttpPpgSettings(), str), self.clock),
            self.clock,
            TerminalReachSettings(self._retry),
            datagrams,
            sms,
            sessions,
        )
        self.loop = DeliveryLoop(
            self.store,
            self._recipients,
            self.ways,
            self.metrics,
            self._ended,
            self.clock,
            OWNER,
            DeliverySettings(LaneSettings(self._retry)),
        )
        self._task = asyncio.create_task(self.loop.run())

    def _dialling(self) -> Dialling:
        return Dialling(TcpBearer(self.clock), HttpPpgSettings(), lambda: "nonce", 1_000)

    async def close(self) -> None:
        """End the loop; what is under way stays so in the ledger."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def lanes(self) -> int:
        """Return how many lanes there are."""
        return self.loop.lanes

    async def accept(
        self,
        push_id: str,
        *clients: str,
        message: PushMessage,
        confirmed: bool = False,
        life_ms: int = HOUR_MS,
        notify: bool = True,
        control: Mapping[str, object] | None = None,
        group: bool = False,
    ) -> None:
        """Put a push into the ledger, due now.

        :param group: the clients are the members of one recipient.
        """
        now = self.clock()
        shift = int(group)
        members = tuple(
            NewDelivery(
                position,
                f"address of {client}",
                client,
                now,
                client,
                part_of=0 if group else None,
            )
            for position, client in enumerate(clients, shift)
        )
        whole = NewDelivery(0, "group", "group", later(now, life_ms), "group", members=len(clients))
        push = NewPush(
            push_key=next(self._push_keys),
            push_id=push_id,
            initiator_id="weather",
            pap_version="2.0",
            received_at=now,
            expires_at=later(now, life_ms),
            content_digest="",
            confirmed=confirmed,
            flags=0,
            notify_url="http://pi.example.net/" if notify else None,
            control=control or {},
            message=message,
            deliveries=(whole, *members) if group else members,
        )
        await self.store.accept([push])

    async def rest(self, turns: int = 60) -> None:
        """Let everything run that can without time passing."""
        self.loop.wake()
        for _ in range(turns):
            await asyncio.sleep(0)

    async def pass_time(self, milliseconds: int) -> None:
        """Move the clock, and rest."""
        self.clock.advance(milliseconds)
        await self.rest()

    async def report(self, bearer: str, reference: str, verdict: ReportVerdict) -> None:
        """Let a bearer report."""
        await self.reports.take([BearerReport(bearer, reference, self.clock(), verdict)])

    async def until(self, condition: Callable[[], bool]) -> None:
        """Rest until ``condition`` holds."""
        for _ in range(10_000):
            if condition():
                return
            await self.rest(1)
        raise AssertionError("it did not come to hold")

    async def push(self, push_id: str) -> PushRecord:
        """Return a push as the ledger knows it."""
        record = await self.store.push(push_id)
        if record is None:
            raise AssertionError(f"no push {push_id}")
        return record

    async def delivery(self, push_id: str) -> DeliveryRecord:
        """Return the first delivery of a push."""
        return (await self.push(push_id)).deliveries[0]

    async def events(self, push_id: str) -> list[str]:
        """Return the events of a push's timeline."""
        return [line.event for line in (await self.push(push_id)).timeline]

    def _ended(self) -> None:
        self.notified += 1
