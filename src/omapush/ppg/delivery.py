"""The delivery loop: claims what is due and gives each client's share to its lane.

The ledger is the only schedule: due times, retries and expiries are rows, and this loop sleeps
until the next falls due, until it is woken by an acceptance, or for its polling time, whichever
comes first. A wake-up that is lost costs at most one polling time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

import structlog

from omapush.core.instants import Instant
from omapush.ppg.client import Client
from omapush.ppg.lane import Lane, LaneSettings
from omapush.ppg.metrics import Metrics
from omapush.ppg.recipients import Recipients
from omapush.ppg.store.contract import (
    ClaimedDelivery,
    DeliveryState,
    Settlement,
    Store,
    StoreUnavailable,
)
from omapush.ppg.ways import Ways

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How the loop behaves.

    :ivar in_flight: at most so many deliveries are claimed by this process at a time.
    :ivar per_client: at most so many of them for one client.
    :ivar lease_ms: how long a claim lasts; a crash leaves a delivery alone for this long at most.
    :ivar poll_ms: the longest sleep.
    """

    lane: LaneSettings = LaneSettings()
    in_flight: int = 512
    per_client: int = 16
    lease_ms: int = 300_000
    poll_ms: int = 1_000


class DeliveryLoop:
    """Runs until stopped.

    :param ended: is told when a delivery has ended and a notification may be due.
    :param owner: ``node/incarnation``, as in the ledger.
    """

    def __init__(
        self,
        store: Store,
        recipients: Recipients,
        ways: Ways,
        metrics: Metrics,
        ended: Callable[[], None],
        clock: Callable[[], Instant],
        owner: str,
        settings: DeliverySettings,
    ) -> None:
        self._store = store
        self._recipients = recipients
        self._ways = ways
        self._metrics = metrics
        self._notify = ended
        self._clock = clock
        self._owner = owner
        self._settings = settings
        self._lanes: dict[str, Lane] = {}
        self._alone: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._in_flight = 0
        self._stopping = False

    @property
    def lanes(self) -> int:
        """How many clients have work, or a connection that is kept for a while."""
        return len(self._lanes)

    def wake(self) -> None:
        """Look at the ledger now: something may have become due."""
        self._wake.set()

    async def stop(self, patience_ms: int) -> None:
        """Claim nothing more and let what is under way end, for at most ``patience_ms``."""
        self._stopping = True
        for lane in self._lanes.values():
            lane.stop()
        self._wake.set()
        try:
            async with asyncio.timeout(patience_ms / 1000):
                while self._in_flight:
                    self._wake.clear()
                    await self._wake.wait()
        except TimeoutError:
            log.warning("stopped_in_flight", deliveries=self._in_flight)

    async def run(self) -> None:
        """Deliver until stopped or cancelled.

        What is then under way is left to its lease, or to the next start of the same node, and
        comes back in doubt.
        """
        try:
            while not self._stopping:
                self._wake.clear()
                try:
                    claimed = await self._claim()
                    wait_ms = 0 if claimed else await self._wait_ms()
                except StoreUnavailable as error:
                    log.warning("ledger_unavailable", reason=error.reason)
                    wait_ms = self._settings.poll_ms
                if wait_ms:
                    await self._sleep(wait_ms)
            await asyncio.Event().wait()  # stop() watches the rest; then we are cancelled
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _claim(self) -> int:
        free = self._settings.in_flight - self._in_flight
        if free <= 0:
            return 0
        # By halves: a client's next pushes are there when its first have ended, and none has more
        # than its bound.
        per_client = self._settings.per_client
        share = max(1, per_client // 2)
        full = [name for name, lane in self._lanes.items() if lane.load + share > per_client]
        full += [name for name, load in self._alone.items() if load + share > per_client]
        claimed = await self._store.claim(
            self._owner,
            self._clock(),
            self._settings.lease_ms,
            min(free, 256),
            share,
            full,
        )
        for delivery in claimed:
            self._in_flight += 1
            self._begin(delivery)
        return len(claimed)

    def _begin(self, delivery: ClaimedDelivery) -> None:
        client_id = delivery.client_id
        lane = self._lanes.get(client_id)
        if lane is None:
            client = self._recipients.client(client_id)
            if client is not None and client.is_connectionless:
                self._alone[client_id] += 1
                self._spawn(self._deliver_alone(self._new_lane(client_id, client), delivery))
                return
            lane = self._lanes[client_id] = self._new_lane(client_id, client)
            self._spawn(self._run_lane(lane))
        lane.put(delivery)

    async def _deliver_alone(self, lane: Lane, delivery: ClaimedDelivery) -> None:
        """Make one attempt to reach a client of which nothing is kept between pushes.

        A push by SMS goes to very many clients, and each gets one: lanes would be in the way.
        """
        settlement = None
        try:
            settlement = await lane.attempt(delivery)
        finally:
            client_id = lane.client_id
            self._alone[client_id] -= 1
            if not self._alone[client_id]:
                del self._alone[client_id]
            if settlement is None:
                self._release()
        if settlement is not None:
            await self._settle(settlement)

    async def _wait_ms(self) -> int:
        if self._in_flight >= self._settings.in_flight:
            return self._settings.poll_ms  # woken as soon as one ends
        now = self._clock()
        due = await self._store.next_due(now)
        if due is None:
            return self._settings.poll_ms
        # What is due now but was not claimed belongs to a full lane, which wakes us.
        ahead = due - now if due > now else self._settings.poll_ms
        return max(1, min(ahead, self._settings.poll_ms))

    async def _sleep(self, milliseconds: int) -> None:
        try:
            async with asyncio.timeout(milliseconds / 1000):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _new_lane(self, client_id: str, client: Client | None) -> Lane:
        lane = Lane(
            client_id,
            client,
            self._store,
            self._ways,
            self._ended,
            self._clock,
            self._settings.lane,
        )
        if self._stopping:
            lane.stop()
        return lane

    async def _run_lane(self, lane: Lane) -> None:
        await lane.run()
        while lane.load:  # put in while the lane was closing its connection
            await lane.run()
        del self._lanes[lane.client_id]

    def _ended(self, settlement: Settlement | None) -> None:
        """Take over from a lane how an attempt ended; ``None``: it failed and keeps its lease."""
        if settlement is None:
            self._release()
        else:
            self._spawn(self._settle(settlement))

    async def _settle(self, settlement: Settlement) -> None:
        try:
            settled = await self._store.settle([settlement])
            if settled[0]:
                self._metrics.settled(settlement)
                # A report that was quicker than the settlement may have ended it.
                if settlement.notify or settlement.state is DeliveryState.HANDED_OVER:
                    self._notify()
            else:
                log.warning("lease_lost", delivery_id=str(settlement.key), owner=self._owner)
        except StoreUnavailable as error:
            # The lease runs out and the delivery is looked at again, in doubt.
            log.error("settlement_lost", delivery_id=str(settlement.key), reason=error.reason)
        finally:
            self._release()

    def _release(self) -> None:
        self._in_flight -= 1
        self._wake.set()

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
