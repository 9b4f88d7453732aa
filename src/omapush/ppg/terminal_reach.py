"""Reaching a terminal by OTA-HTTP: its connection, and what registration told about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from omapush.content.message import PushMessage
from omapush.core.instants import HOUR_MS, Instant
from omapush.ota.interface import (
    BearerUnavailable,
    PpgRequest,
    PushOutcome,
)
from omapush.ppg.client import Client
from omapush.ppg.contacts import HttpContact
from omapush.ppg.lifecycle import RetryPolicy
from omapush.ppg.reach import BackOff, RegistrationFailedError, request_of
from omapush.ppg.routing import Route
from omapush.ppg.store.contract import (
    ClaimedDelivery,
    DeliveryKey,
    RegistrationRecord,
    Store,
    TimelineEvent,
)
from omapush.ppg.terminals import TerminalConnection, Terminals, to_record
from omapush.ppg.transform import Unfit, fit

log = structlog.get_logger(__name__)

MAX_OUTSTANDING = 64


@dataclass(frozen=True, slots=True)
class TerminalReachSettings:
    """How a way to a client is kept.

    :ivar registration_age_ms: after this the terminal is registered again on a new connection
        (WAP-235 gives it no way to announce a change by itself).
    """

    retry: RetryPolicy = RetryPolicy()
    registration_age_ms: int = HOUR_MS


class TerminalReach:
    """The way to ``client`` over the OTA-HTTP contact ``where`` of ``route``."""

    def __init__(
        self,
        client: Client,
        route: Route,
        where: HttpContact,
        store: Store,
        terminals: Terminals,
        clock: Callable[[], Instant],
        settings: TerminalReachSettings,
    ) -> None:
        self._client = client
        self._route = route
        self._where = where
        self._store = store
        self._terminals = terminals
        self._clock = clock
        self._settings = settings
        self._connection: TerminalConnection | None = None
        self._opening = asyncio.Lock()
        self._back_off = BackOff(settings.retry, clock, client.client_id)

    @property
    def not_before(self) -> Instant:
        """The terminal is not dialled before."""
        return self._back_off.not_before

    @property
    def worth_keeping(self) -> bool:
        """Whether there is a connection, or a growing wait."""
        return self._connection is not None or self.not_before > 0

    @property
    def outstanding_limit(self) -> int:
        """Pushes that the terminal takes at a time; 1 until its registration has told."""
        connection = self._connection
        if connection is None or not connection.usable:
            return 1  # never pipeline before registration has finished
        allowed = connection.registration.capabilities.max_push_requests
        return max(1, min(allowed, MAX_OUTSTANDING))

    def retire(self, reason: str) -> None:
        """Close the connection when what is under way has ended."""
        if self._connection is not None:
            self._connection.retire(reason)
            self._connection = None

    async def passage(
        self, claimed: ClaimedDelivery, message: PushMessage
    ) -> TerminalPassage | Unfit:
        """Return a way for ``message`` as the terminal takes it.

        A refusal by capabilities counts only when they are fresh: the client may have changed
        since it registered, and has no means to tell (WAP-235 7.2.5).

        :raises BearerUnavailable: nobody answers there, or did a moment ago.
        :raises RegistrationFailedError: the terminal did not let itself be registered.
        """
        asked_at = self._clock()
        connection = await self._registered(asked_at, claimed.key)
        verdict = fit(message, await self._terminals.capabilities(connection))
        if isinstance(verdict, Unfit) and connection.registered_at < asked_at:
            self.retire("its capabilities may be out of date")
            connection = await self._registered(asked_at, claimed.key)
            verdict = fit(message, await self._terminals.capabilities(connection))
        if isinstance(verdict, Unfit):
            return verdict
        return TerminalPassage(self, connection, request_of(claimed, verdict))

    async def push(self, connection: TerminalConnection, request: PpgRequest) -> PushOutcome:
        """Send one push and wait for its end; what the terminal tells by the way is kept."""
        registration = connection.registration
        outcome = await connection.push(request)
        if connection.registration is not registration:
            await self._remember(connection)
        return outcome

    async def _registered(self, now: Instant, key: DeliveryKey) -> TerminalConnection:
        async with self._opening:
            connection = self._connection
            if connection is not None and connection.usable:
                if now - connection.registered_at < self._settings.registration_age_ms:
                    return connection
                self.retire("its registration has grown old")
            self._back_off.check(now)
            try:
                return await self._open(key)
            except (BearerUnavailable, RegistrationFailedError) as error:
                self._wait_after(error)
                raise

    async def _open(self, key: DeliveryKey) -> TerminalConnection:
        remembered = await self._remembered()
        connection = await self._terminals.open(self._client, self._route, self._where, remembered)
        self._connection = connection
        await self._remember(connection)
        await self._note_registration(connection, key)
        self._back_off.succeeded()
        return connection

    def _wait_after(self, error: BearerUnavailable | RegistrationFailedError) -> None:
        if isinstance(error, RegistrationFailedError) and not error.may_retry:
            return
        wait = self._back_off.failed(error.reason)
        reason = f"{self._route.reason}: {error.reason}"
        log.info("client_unreachable", client=self._client.client_id, reason=reason, wait_ms=wait)

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
        return next(iter(await self._store.registrations(self._client.client_id)), None)

    async def _remember(self, connection: TerminalConnection) -> None:
        record = to_record(
            self._client.client_id,
            connection.registration,
            await self._remembered(),
            str(self._where),
            self._clock(),
        )
        await self._store.remember_registrations([record])


@dataclass(frozen=True, slots=True)
class TerminalPassage:
    """One push, ready for a registered connection."""

    reach: TerminalReach
    connection: TerminalConnection
    request: PpgRequest

    async def push(self) -> PushOutcome:
        """Send it and wait for its end; the session bounds the wait."""
        return await self.reach.push(self.connection, self.request)
