"""Reaching a terminal by OTA-HTTP: by its own connection, by dialling it, or by asking it to come.

    connected (TO-TCP) ──► use that
    else it listens (PO-TCP) ──► dial
    else ──► session request (SIR); the push waits in the ledger until the terminal registers

Each step leaves a line in the timeline of the push for which it was made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.core.instants import HOUR_MS, Instant
from omapush.ota.http.cpi import tag_octets
from omapush.ota.interface import BearerUnavailable, PpgRequest, PushOutcome
from omapush.ppg.client import Client
from omapush.ppg.contacts import HttpContact
from omapush.ppg.lifecycle import RetryPolicy
from omapush.ppg.reach import BackOff, Reach, RegistrationFailedError, note, request_of
from omapush.ppg.service_registration.known import told_on_connection
from omapush.ppg.session_request import ASK_AGAIN_MS, SessionRequests
from omapush.ppg.store.contract import (
    ClaimedDelivery,
    DeliveryKey,
    RegistrationRecord,
    Store,
    StoreUnavailable,
)
from omapush.ppg.terminal.connection import TerminalConnection
from omapush.ppg.terminal.dialling import Terminals
from omapush.ppg.terminal.live import LiveTerminals
from omapush.ppg.terminal.remembering import to_record
from omapush.ppg.transform import Unfit, fit

log = structlog.get_logger(__name__)

MAX_OUTSTANDING = 64
SHOWN = 4
"""Applications and types that the timeline names."""
MOST_TOLD = 200
"""Characters of a terminal's own words that stand in a timeline, of each of these."""

ConnectionRequest = Callable[[ApplicationId, bytes | None], PushMessage]
"""Makes the request to connect, for an application; with the four octets of the terminal's CPITag,
if that is known."""


@dataclass(frozen=True, slots=True)
class TerminalReachSettings:
    """How a way to a client is kept.

    :ivar registration_age_ms: a terminal that registered longer ago is asked again before a push
        (WAP-235 gives it no way to announce a change by itself).
    :ivar request: asks terminals that dial in for a connection; ``None``: they are not asked.
    :ivar ask_again_ms: a terminal is not asked again before.
    """

    retry: RetryPolicy = RetryPolicy()
    registration_age_ms: int = HOUR_MS
    request: ConnectionRequest | None = None
    ask_again_ms: int = ASK_AGAIN_MS


class TerminalReach:
    """The way to ``client`` over its OTA-HTTP contact ``where``.

    :param live: the connections that terminals have made to this process.
    :param other: a connectionless way to the same client, for the request to connect.
    """

    def __init__(
        self,
        client: Client,
        where: HttpContact,
        store: Store,
        terminals: Terminals,
        live: LiveTerminals,
        other: Reach | None,
        clock: Callable[[], Instant],
        settings: TerminalReachSettings,
    ) -> None:
        self._client = client
        self._where = where
        self._store = store
        self._terminals = terminals
        self._live = live
        self._clock = clock
        self._settings = settings
        self._other = other
        self._dialled: TerminalConnection | None = None
        self._opening = asyncio.Lock()
        self._back_off = BackOff(settings.retry, clock, client.client_id)
        self._requests = SessionRequests(
            client.client_id, "a connection", other, store, settings.retry, clock,
            settings.ask_again_ms, self._asked,
        )  # fmt: skip

    @property
    def _absence(self) -> str:
        """What is said of a terminal that nobody can dial and that is not connected."""
        absent = "the terminal is not connected"
        if self._settings.request is None:
            return f"{absent}, and this gateway asks nobody to connect: it has no contact point"
        if self._other is None:
            return f"{absent}, and cannot be asked to connect: no way by UDP or SMS leads to it"
        return absent

    @property
    def not_before(self) -> Instant:
        """The terminal is not dialled before, or not asked again if nobody can dial it."""
        return self._back_off.not_before if self._where.host else self._requests.not_before

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, whoever made it."""
        return self._connection() is not None

    @property
    def worth_keeping(self) -> bool:
        """Whether there is a connection that was dialled, or a growing wait."""
        return self._dialled is not None or self.not_before > 0

    @property
    def outstanding_limit(self) -> int:
        """Pushes that the terminal takes at a time, over all its connections (WAP-235 7.2.5.5.7).

        1 until its registration has told: nothing is pipelined before.
        """
        connection = self._connection()
        if connection is None:
            return 1
        allowed = connection.registration.capabilities.max_push_requests
        return max(1, min(allowed, MAX_OUTSTANDING))

    def retire(self, reason: str) -> None:
        """Close what was dialled when the pushes under way have ended.

        What the terminal has opened is its own to close.
        """
        if self._dialled is not None:
            self._dialled.retire(reason)
            self._dialled = None

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
        verdict = await self._fitted(message, connection)
        if isinstance(verdict, Unfit) and connection.registered_at < asked_at:
            await self._register_again(connection)
            verdict = await self._fitted(message, connection)
        if isinstance(verdict, Unfit):
            return verdict
        return TerminalPassage(self, connection, request_of(claimed, verdict))

    async def _fitted(
        self, message: PushMessage, connection: TerminalConnection
    ) -> PushMessage | Unfit:
        return fit(message, await self._terminals.capabilities(connection), coded=True)

    async def ask(self, claimed: ClaimedDelivery, message: PushMessage) -> str | None:
        """Ask the terminal to connect, if it is one that dials in."""
        if not self._where.dials_in or self._live.connection_of(self._client.client_id):
            return None
        request, make = None, self._settings.request
        if make is not None:
            remembered = await self._remembered()
            tag = remembered.cpi_tag if remembered is not None else None
            octets = tag_octets(tag) if tag is not None else None
            request = make(ApplicationId.of(message), octets)
        return await self._requests.ask(claimed, request)

    async def push(self, connection: TerminalConnection, request: PpgRequest) -> PushOutcome:
        """Send one push and wait for its end; what the terminal tells by the way is kept."""
        registration = connection.registration
        outcome = await connection.push(request)
        self._terminals.metrics.pushed(connection.method, outcome.kind)
        if connection.registration is not registration:
            await self._remember(connection)  # which must not lose the outcome
        return outcome

    def _asked(self, sent: bool) -> None:  # noqa: FBT001 - it is what is told
        self._terminals.metrics.session_requested(sent=sent)

    def _connection(self) -> TerminalConnection | None:
        live = self._live.connection_of(self._client.client_id) if self._where.dials_in else None
        if live is not None:
            return live
        return self._dialled if self._dialled is not None and self._dialled.usable else None

    async def _registered(self, now: Instant, key: DeliveryKey) -> TerminalConnection:
        async with self._opening:
            connection = self._connection()
            if connection is None:
                return await self._open(now, key)
            self._requests.answered()
            if now - connection.registered_at >= self._settings.registration_age_ms:
                await self._register_again(connection)
            if not connection.is_noted:
                await self._note_use(connection, key)
            return connection

    async def _open(self, now: Instant, key: DeliveryKey) -> TerminalConnection:
        if self._where.host is None:
            self._requests.check()
            raise BearerUnavailable(self._absence)
        self._back_off.check(now)
        try:
            connection = await self._dial(key)
        except (BearerUnavailable, RegistrationFailedError) as error:
            self._wait_after(error)
            came = self._connection()
            if came is None:
                raise
            await self._note_use(came, key)  # meanwhile, by itself
            return came
        self._back_off.succeeded()
        return connection

    async def _dial(self, key: DeliveryKey) -> TerminalConnection:
        remembered = await self._remembered()
        connection = await self._terminals.open(self._client, self._where, remembered)
        self._dialled = connection
        await self._remember(connection)
        await self._note_use(connection, key)
        return connection

    async def _register_again(self, connection: TerminalConnection) -> None:
        await self._terminals.register_again(self._client, connection)
        await self._remember(connection)

    def _wait_after(self, error: BearerUnavailable | RegistrationFailedError) -> None:
        if isinstance(error, RegistrationFailedError) and not error.may_retry:
            return
        wait = self._back_off.failed(error.reason)
        reason = f"{self._where.way}: {error.reason}"
        log.info("client_unreachable", client=self._client.client_id, reason=reason, wait_ms=wait)

    async def _note_use(self, connection: TerminalConnection, key: DeliveryKey) -> None:
        """Leave a line in the timeline of the delivery for which the connection is used first."""
        connection.is_noted = True
        capabilities = await self._terminals.capabilities(connection)
        registration = connection.registration
        proved = ", authenticated" if registration.authenticated else ""
        detail = (
            f"terminal {registration.terminal_id}{proved}, {connection.how}; takes pushes for "
            f"{_in_words(capabilities.accept_app_id, 'applications')} of "
            f"{_in_words(capabilities.accept, 'types')}, up to {capabilities.max_message_size} "
            "octets"
        )
        await note(self._store, key, self._clock(), "registered", detail)

    async def _remembered(self) -> RegistrationRecord | None:
        try:
            return told_on_connection(await self._store.registrations(self._client.client_id))
        except StoreUnavailable as error:
            # The terminal tells what it takes, as if it had never been here.
            log.warning("ledger_unavailable", reason=error.reason)
            return None

    async def _remember(self, connection: TerminalConnection) -> None:
        """Keep what a terminal told that was dialled; what others told is kept as they tell it."""
        if connection is not self._dialled:
            return
        try:
            remembered = await self._remembered()
            record = to_record(
                self._client.client_id,
                connection.registration,
                remembered.cpi if remembered is not None else {},
                str(self._where),
                self._clock(),
            )
            await self._store.remember_registrations([record])
        except StoreUnavailable as error:
            # It will be told again; the push goes on.
            log.warning("ledger_unavailable", reason=error.reason)


def _in_words(named: Sequence[str], what: str) -> str:
    """Return the first of what a terminal takes, for people."""
    if any(each in ("*", "*/*") for each in named):
        return f"all {what}"
    others = " and others" if len(named) > SHOWN else ""
    return f"{', '.join(named[:SHOWN])[:MOST_TOLD]}{others}"


@dataclass(frozen=True, slots=True)
class TerminalPassage:
    """One push, ready for a registered connection."""

    reach: TerminalReach
    connection: TerminalConnection
    request: PpgRequest

    async def push(self) -> PushOutcome:
        """Send it and wait for its end; the session bounds the wait."""
        return await self.reach.push(self.connection, self.request)
