"""One client's lane: its claimed deliveries, over its own connections, with its own patience.

A lane lives while its client has work. It keeps a slow or silent client from touching the others:
what waits in it is bounded by the claim, what is unanswered by the client's own MaxPushReq, and
after a failure the client's whole backlog is put off in one stroke instead of row by row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import structlog

from omapush.content.message import PushMessage
from omapush.core.errors import DecodeError
from omapush.core.instants import Instant, later
from omapush.ota.interface import BearerUnavailable, PushFlag, PushStatus
from omapush.pap.codes import StatusCode, abort_code
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact
from omapush.ppg.lifecycle import (
    DeliveryEvent,
    RetryPolicy,
    after_attempt,
    await_report,
    before_attempt,
    end,
    put_off,
)
from omapush.ppg.priority import HEAD_START_MS, is_urgent
from omapush.ppg.reach import Passage, Reach, RegistrationFailedError
from omapush.ppg.routing import Route, RouteRule, choose_routes
from omapush.ppg.store.contract import ClaimedDelivery, Settlement, Store
from omapush.ppg.transform import Unfit, for_the_air
from omapush.ppg.ways import Ways

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """How a lane behaves.

    :ivar idle_close_ms: a connection that carried nothing for so long is closed.
    :ivar lease_margin_ms: work whose lease ends sooner than this is not begun any more.
    :ivar rules: the operator's, for the choice among a client's contacts.
    """

    retry: RetryPolicy = RetryPolicy()
    idle_close_ms: int = 300_000
    lease_margin_ms: int = 60_000
    rules: tuple[RouteRule, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class _Turn:
    """What waits in a lane, in the order of its turn.

    :ivar claimed: ``None``: it is time to see whether there is anything left to do.
    """

    at: Instant
    number: int
    claimed: ClaimedDelivery | None = field(compare=False)


class Lane:
    """The lane of one client.

    ``ended`` is called once for each delivery that was put in: with its settlement, or with
    ``None`` when the attempt failed in a way that nobody foresaw and the lease must run out.
    """

    def __init__(
        self,
        client_id: str,
        client: Client | None,
        store: Store,
        ways: Ways,
        ended: Callable[[Settlement | None], None],
        clock: Callable[[], Instant],
        settings: LaneSettings,
    ) -> None:
        self.client_id = client_id
        self._client = client
        self._store = store
        self._ways = ways
        self._ended = ended
        self._clock = clock
        self._settings = settings
        self._waiting: asyncio.PriorityQueue[_Turn] = asyncio.PriorityQueue()
        self._numbers = count()
        self._attempts: set[asyncio.Task[None]] = set()
        self._load = 0
        self._reaches: dict[Contact, Reach] = {}
        self._deferred_until = Instant(0)
        self._stopping = False

    @property
    def load(self) -> int:
        """How many claimed deliveries wait or are under way; bounded by what is put in."""
        return self._load

    def put(self, claimed: ClaimedDelivery) -> None:
        """Add a delivery that this process has claimed for this client."""
        self._load += 1
        self._queue(claimed, HEAD_START_MS if is_urgent(claimed) else 0)

    def stop(self) -> None:
        """Begin no further attempts; deliveries that wait are queued again."""
        self._stopping = True

    async def run(self) -> None:
        """Work until there was nothing to do for the idle time, then close its connections."""
        try:
            while await self._next_attempt():
                pass
        finally:
            for attempt in self._attempts:
                attempt.cancel()
            await asyncio.gather(*self._attempts, return_exceptions=True)
            for reach in self._reaches.values():
                reach.retire("no more pushes for now")

    def _queue(self, claimed: ClaimedDelivery | None, head_start_ms: int = 0) -> None:
        at = later(self._clock(), -head_start_ms)
        self._waiting.put_nowait(_Turn(at, next(self._numbers), claimed))

    async def _next_attempt(self) -> bool:
        # Who is next is seen when there is room for it: somebody urgent may have come meanwhile.
        while len(self._attempts) >= self._outstanding_limit():
            await asyncio.wait(self._attempts, return_when=asyncio.FIRST_COMPLETED)
        try:
            async with asyncio.timeout(self._settings.idle_close_ms / 1000):
                claimed = (await self._waiting.get()).claimed
        except TimeoutError:
            return bool(self._attempts)
        if claimed is None:
            return self._load > 0
        attempt = asyncio.create_task(self._attempt(claimed))
        self._attempts.add(attempt)
        attempt.add_done_callback(self._attempt_done)
        return True

    def _attempt_done(self, attempt: asyncio.Task[None]) -> None:
        self._attempts.discard(attempt)
        self._load -= 1
        if not self._load and not any(reach.worth_keeping for reach in self._reaches.values()):
            # A push by SMS to very many clients would leave a lane for each for the idle time.
            self._queue(None)

    def _outstanding_limit(self) -> int:
        limits = [reach.outstanding_limit for reach in self._reaches.values()]
        return max(limits, default=1)

    async def _attempt(self, claimed: ClaimedDelivery) -> None:
        self._ended(await self.attempt(claimed))

    async def attempt(self, claimed: ClaimedDelivery) -> Settlement | None:
        """Make one attempt, outside the queue; what comes back is as for ``ended``."""
        try:
            settlement = await self._deliver(claimed)
        except Exception:
            # One bad row must not stop the others. Its lease runs out and it is looked at again.
            log.exception(
                "delivery_failed_unexpectedly",
                client=self.client_id,
                push_id=claimed.push_id,
                delivery_id=str(claimed.key),
            )
            return None
        log.debug(
            "attempt_ended",
            client=self.client_id,
            push_id=claimed.push_id,
            delivery_id=str(claimed.key),
            state=settlement.state.value,
            code=settlement.code,
            reason=settlement.reason,
        )
        return settlement

    async def _deliver(self, claimed: ClaimedDelivery) -> Settlement:
        early = self._not_sent(claimed)
        if early is not None:
            return early
        if claimed.handed_over:
            # A bearer has it: sending it again might show it twice.
            told, wait_ms = await self._ways.inquire(self._client, claimed)
            return await_report(claimed, told, self._clock(), wait_ms)
        routes = choose_routes(self._client, claimed, self._settings.rules)
        if not routes or self._client is None:
            reason = "no OTA variant leads to this client any more"
            return self._end(claimed, DeliveryEvent.UNREACHABLE, StatusCode.SERVICE_FAILURE, reason)
        try:
            message = for_the_air(claimed.message)
        except DecodeError as error:
            return self._end(claimed, DeliveryEvent.UNFIT, StatusCode.BAD_REQUEST, str(error))
        return await self._over(self._client, routes, claimed, message)

    async def _over(
        self,
        client: Client,
        routes: Sequence[Route],
        claimed: ClaimedDelivery,
        message: PushMessage,
        *,
        again: bool = False,
    ) -> Settlement:
        """Push over the first of ``routes`` that leads there and whose terminal takes it.

        :param again: all were tried a moment ago.
        """
        unfit: Unfit | None = None
        reasons: list[str] = []
        failure: BearerUnavailable | RegistrationFailedError | None = None
        for route in routes:
            reach = self._reach(client, route)
            try:
                passage = await reach.passage(self._marked(claimed, route), message)
            except (BearerUnavailable, RegistrationFailedError) as error:
                reasons.append(f"{route.reason}: {error.reason}")
                failure = error
                continue
            await self._reached()
            if not isinstance(passage, Unfit):
                return self._too_late(claimed) or await self._push(claimed, route, passage)
            unfit = passage
        if failure is None and unfit is not None:
            return self._end(claimed, DeliveryEvent.UNFIT, unfit.code, unfit.reason)
        failure = failure or BearerUnavailable("nowhere to go")
        reaches = [self._reach(client, route) for route in routes]
        for reach in reaches:
            told = await reach.ask(claimed, message)
            if told is not None:
                reasons.append(told)
                break
        if not again and any(reach.is_open for reach in reaches):
            # It came while others were tried, or while it was asked: nothing else would wake this.
            return await self._over(client, routes, claimed, message, again=True)
        return await self._unreachable(claimed, "; ".join(reasons), failure, reaches)

    def _marked(self, claimed: ClaimedDelivery, route: Route) -> ClaimedDelivery:
        """Tell a client in a connection that nothing follows, as far as is known (7.4.1.1)."""
        if self._load > 1 or not route.contact.confirms:
            return claimed
        return replace(claimed, flags=claimed.flags | PushFlag.LAST)

    def _not_sent(self, claimed: ClaimedDelivery) -> Settlement | None:
        """Return the settlement of a delivery that is not to be sent now, or ``None``: send it."""
        now = self._clock()
        settlement = before_attempt(claimed, now, self._settings.retry)
        if settlement is not None:
            return settlement
        if self._stopping:
            return self._put_off(claimed, "the gateway stopped before it was sent")
        if claimed.lease_until - now < self._settings.lease_margin_ms:
            return self._put_off(claimed, "waited too long behind other pushes")
        return None

    def _too_late(self, claimed: ClaimedDelivery) -> Settlement | None:
        """Judge once more: opening the way may have taken longer than there was time."""
        now = self._clock()
        if now >= claimed.lease_until:
            return self._put_off(claimed, "reaching the client took longer than the lease")
        return before_attempt(claimed, now, self._settings.retry)

    async def _push(self, claimed: ClaimedDelivery, route: Route, passage: Passage) -> Settlement:
        outcome = await passage.push()
        told = replace(outcome, reason=f"{outcome.reason}; {route.reason}")
        settlement = after_attempt(claimed, told, self._clock(), self._settings.retry)
        contact = route.contact
        return replace(
            settlement,
            confirmed=settlement.confirmed and contact.confirms,
            network=contact.network,
            bearer=contact.bearer,
        )

    def _reach(self, client: Client, route: Route) -> Reach:
        reach = self._reaches.get(route.contact)
        if reach is None:
            reach = self._reaches[route.contact] = self._ways.reach(client, route)
        return reach

    async def _reached(self) -> None:
        """Bring the client's backlog back, if it was put off while the client was away."""
        if self._deferred_until:
            self._deferred_until = Instant(0)
            await self._store.hasten([self.client_id], self._clock())

    async def _unreachable(
        self,
        claimed: ClaimedDelivery,
        reason: str,
        error: BearerUnavailable | RegistrationFailedError,
        reaches: Iterable[Reach],
    ) -> Settlement:
        """Put off this delivery and, once for each failure, all that waits for the client."""
        now = self._clock()
        if isinstance(error, RegistrationFailedError) and not error.may_retry:
            return self._refused_for_good(claimed, error.status, reason)
        until = min(reach.not_before for reach in reaches)
        if until > self._deferred_until:
            self._deferred_until = until
            node = claimed.owner.partition("/")[0]
            await self._store.defer(self.client_id, until, now, reason, node)
        return self._put_off(claimed, reason, at_least_ms=max(0, until - now))

    def _refused_for_good(
        self, claimed: ClaimedDelivery, status: int | None, reason: str
    ) -> Settlement:
        """End a delivery to a terminal that will not be registered (WAP-235, 7.4.2.1)."""
        if status == PushStatus.VERSION:
            return self._end(claimed, DeliveryEvent.REFUSED, abort_code(status), reason)
        return self._end(claimed, DeliveryEvent.UNREACHABLE, StatusCode.SERVICE_FAILURE, reason)

    def _put_off(
        self, claimed: ClaimedDelivery, reason: str, *, at_least_ms: int = 0
    ) -> Settlement:
        now, retry = self._clock(), self._settings.retry
        return put_off(claimed, reason, now, retry, at_least_ms=at_least_ms)

    def _end(
        self, claimed: ClaimedDelivery, event: DeliveryEvent, code: int, reason: str
    ) -> Settlement:
        return end(claimed, event, code, reason, self._clock())
