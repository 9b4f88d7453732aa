"""One client's lane: its claimed deliveries, over its one connection, with its own patience.

A lane lives while its client has work. It keeps a slow or silent client from touching the others:
what waits in it is bounded by the claim, what is unanswered by the client's own MaxPushReq, and
after a failure the client's whole backlog is put off in one stroke instead of row by row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from omapush.content.message import PushMessage
from omapush.core.errors import DecodeError
from omapush.core.instants import HOUR_MS, Instant, later
from omapush.ota.interface import (
    BearerUnavailable,
    PoConfirmedPushReq,
    PoPushReq,
    PpgRequest,
    PushFlag,
    PushStatus,
)
from omapush.pap.codes import StatusCode, abort_code
from omapush.ppg.lifecycle import (
    DeliveryEvent,
    RetryPolicy,
    after_attempt,
    before_attempt,
    end,
    put_off,
)
from omapush.ppg.recipients import Client
from omapush.ppg.routing import Route, choose_route
from omapush.ppg.store.contract import (
    ClaimedDelivery,
    DeliveryKey,
    RegistrationRecord,
    Settlement,
    Store,
    TimelineEvent,
)
from omapush.ppg.terminals import (
    RegistrationFailedError,
    TerminalConnection,
    Terminals,
    to_record,
)
from omapush.ppg.transform import Unfit, fit, for_the_air

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """How a lane behaves.

    :ivar idle_close_ms: a connection that carried nothing for so long is closed.
    :ivar registration_age_ms: after this the terminal is registered again on a new connection
        (WAP-235 gives it no way to announce a change by itself).
    :ivar lease_margin_ms: work whose lease ends sooner than this is not begun any more.
    """

    retry: RetryPolicy = RetryPolicy()
    idle_close_ms: int = 300_000
    registration_age_ms: int = HOUR_MS
    lease_margin_ms: int = 60_000


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
        terminals: Terminals,
        ended: Callable[[Settlement | None], None],
        clock: Callable[[], Instant],
        settings: LaneSettings,
    ) -> None:
        self.client_id = client_id
        self._client = client
        self._store = store
        self._terminals = terminals
        self._ended = ended
        self._clock = clock
        self._settings = settings
        self._waiting: asyncio.Queue[ClaimedDelivery] = asyncio.Queue()
        self._attempts: set[asyncio.Task[None]] = set()
        self._load = 0
        self._connection: TerminalConnection | None = None
        self._opening = asyncio.Lock()
        self._failures = 0
        self._not_before = Instant(0)
        self._failure = ""
        self._stopping = False

    @property
    def load(self) -> int:
        """How many claimed deliveries wait or are under way; bounded by what is put in."""
        return self._load

    def put(self, claimed: ClaimedDelivery) -> None:
        """Add a delivery that this process has claimed for this client."""
        self._load += 1
        self._waiting.put_nowait(claimed)

    def stop(self) -> None:
        """Begin no further attempts; deliveries that wait are queued again."""
        self._stopping = True

    async def run(self) -> None:
        """Work until there was nothing to do for the idle time, then close the connection."""
        try:
            while await self._next_attempt():
                pass
        finally:
            for attempt in self._attempts:
                attempt.cancel()
            await asyncio.gather(*self._attempts, return_exceptions=True)
            self._retire_connection("no more pushes for now")

    async def _next_attempt(self) -> bool:
        try:
            async with asyncio.timeout(self._settings.idle_close_ms / 1000):
                claimed = await self._waiting.get()
        except TimeoutError:
            return bool(self._attempts)
        while len(self._attempts) >= self._outstanding_limit():
            await asyncio.wait(self._attempts, return_when=asyncio.FIRST_COMPLETED)
        attempt = asyncio.create_task(self._attempt(claimed))
        self._attempts.add(attempt)
        attempt.add_done_callback(self._attempt_done)
        return True

    def _attempt_done(self, attempt: asyncio.Task[None]) -> None:
        self._attempts.discard(attempt)
        self._load -= 1

    def _outstanding_limit(self) -> int:
        connection = self._connection
        if connection is None or not connection.usable:
            return 1  # never pipeline before registration has finished
        return max(1, min(connection.registration.capabilities.max_push_requests, 64))

    async def _attempt(self, claimed: ClaimedDelivery) -> None:
        bound = log.bind(push_id=claimed.push_id, delivery_id=str(claimed.key))
        try:
            settlement = await self._deliver(claimed)
        except Exception:  # noqa: BLE001 - whatever it is, the lane goes on
            # One bad row must not stop the others. Its lease runs out and it is looked at again.
            bound.exception("delivery_failed_unexpectedly", client=self.client_id)
            self._ended(None)
            return
        bound.debug(
            "attempt_ended",
            client=self.client_id,
            state=settlement.state.value,
            code=settlement.code,
            reason=settlement.reason,
        )
        self._ended(settlement)

    async def _deliver(self, claimed: ClaimedDelivery) -> Settlement:
        early = self._not_sent(claimed)
        if early is not None:
            return early
        route = choose_route(self._client)
        if route is None or self._client is None:
            reason = "no OTA variant leads to this client any more"
            return self._end(claimed, DeliveryEvent.UNREACHABLE, StatusCode.SERVICE_FAILURE, reason)
        try:
            message = for_the_air(claimed.message)
            connection, verdict = await self._fitting_connection(
                self._client, route, message, claimed.key
            )
        except DecodeError as error:
            return self._end(claimed, DeliveryEvent.UNFIT, StatusCode.BAD_REQUEST, str(error))
        except (BearerUnavailable, RegistrationFailedError) as error:
            return await self._unreachable(claimed, route, error)
        if isinstance(verdict, Unfit):
            return self._end(claimed, DeliveryEvent.UNFIT, verdict.code, verdict.reason)
        return await self._push(claimed, connection, verdict)

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

    async def _push(
        self, claimed: ClaimedDelivery, connection: TerminalConnection, message: PushMessage
    ) -> Settlement:
        delivery_id, flags = str(claimed.key), PushFlag(claimed.flags)
        request: PpgRequest
        if claimed.confirmed:
            request = PoConfirmedPushReq(delivery_id, message, flags)
        else:
            request = PoPushReq(delivery_id, message, flags)
        registration = connection.registration
        outcome = await connection.push(request)
        if connection.registration is not registration:
            await self._remember(connection)
        reason = f"{outcome.reason}; {connection.route.reason}"
        told = replace(outcome, reason=reason)
        return after_attempt(claimed, told, self._clock(), self._settings.retry)

    async def _fitting_connection(
        self, client: Client, route: Route, message: PushMessage, key: DeliveryKey
    ) -> tuple[TerminalConnection, PushMessage | Unfit]:
        """Return a connection, and ``message`` as its terminal takes it.

        A refusal by capabilities counts only when they are fresh: the client may have changed
        since it registered, and has no means to tell (WAP-235 7.2.5).
        """
        asked_at = self._clock()
        connection = await self._registered_connection(client, route, asked_at, key)
        verdict = fit(message, await self._terminals.capabilities(connection))
        if isinstance(verdict, Unfit) and connection.registered_at < asked_at:
            self._retire_connection("its capabilities may be out of date")
            connection = await self._registered_connection(client, route, asked_at, key)
            verdict = fit(message, await self._terminals.capabilities(connection))
        return connection, verdict

    async def _registered_connection(
        self, client: Client, route: Route, now: Instant, key: DeliveryKey
    ) -> TerminalConnection:
        """Return the lane's connection; ``key`` is the delivery that would see it opened."""
        async with self._opening:
            connection = self._connection
            if connection is not None and connection.usable:
                if now - connection.registered_at < self._settings.registration_age_ms:
                    return connection
                self._retire_connection("its registration has grown old")
            if now < self._not_before:
                raise BearerUnavailable(self._failure)
            remembered = await self._remembered()
            connection = await self._terminals.open(client, route, remembered)
            self._connection = connection
            await self._remember(connection)
            await self._note_registration(connection, key)
            if self._failures:
                self._failures = 0
                await self._store.hasten(self.client_id, self._clock())
            return connection

    async def _note_registration(self, connection: TerminalConnection, key: DeliveryKey) -> None:
        """Leave a line in the timeline of the delivery for which the connection was opened."""
        capabilities = await self._terminals.capabilities(connection)
        detail = (
            f"terminal {connection.registration.terminal_id}, {connection.route.reason}; takes "
            f"{', '.join(capabilities.accept_app_id[:4])} up to {capabilities.max_message_size} "
            "octets"
        )
        now = self._clock()
        line = TimelineEvent(key.push_key, key.position, now, "registered", detail)
        await self._store.record([line])

    async def _remembered(self) -> RegistrationRecord | None:
        return next(iter(await self._store.registrations(self.client_id)), None)

    async def _remember(self, connection: TerminalConnection) -> None:
        record = to_record(
            self.client_id,
            connection.registration,
            await self._remembered(),
            str(connection.route.contact),
            self._clock(),
        )
        await self._store.remember_registration(record)

    async def _unreachable(
        self,
        claimed: ClaimedDelivery,
        route: Route,
        error: BearerUnavailable | RegistrationFailedError,
    ) -> Settlement:
        """Put off this delivery and, once for each failure, all that waits for the client."""
        now = self._clock()
        reason = f"{route.reason}: {error.reason}"
        if isinstance(error, RegistrationFailedError) and not error.may_retry:
            return self._refused_for_good(claimed, error.status, reason)
        if now >= self._not_before:
            self._failures += 1
            wait = self._settings.retry.wait_ms(self._failures, self.client_id)
            self._not_before, self._failure = later(now, wait), error.reason
            await self._store.defer(self.client_id, self._not_before, now, reason)
            log.info("client_unreachable", client=self.client_id, reason=reason, wait_ms=wait)
        return self._put_off(claimed, reason, at_least_ms=self._not_before - now)

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

    def _retire_connection(self, reason: str) -> None:
        if self._connection is not None:
            self._connection.retire(reason)
            self._connection = None
