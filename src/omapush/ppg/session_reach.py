"""Reaching a client in its push session (OTA-WSP, WAP-235 6.2).

Only the client can open a session. One that has none is asked for one by a session request (SIR,
WAP-235 8), which goes out as a connectionless push over another of its contacts. The push then goes
back to the ledger, due again when the session is there or when the client is to be asked again:
waiting for clients holds up nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.core.instants import SECOND_MS, Instant
from omapush.ota.interface import (
    BearerUnavailable,
    ClientCapabilities,
    OutcomeKind,
    PpgRequest,
    PushOutcome,
)
from omapush.ppg.client import Client
from omapush.ppg.contacts import SessionContact
from omapush.ppg.lifecycle import RetryPolicy
from omapush.ppg.profiles import Profiles
from omapush.ppg.push_sessions import PushSession, PushSessions
from omapush.ppg.reach import BackOff, Reach, request_of
from omapush.ppg.store.contract import ClaimedDelivery, DeliveryKey, Store, TimelineEvent
from omapush.ppg.terminals import to_record
from omapush.ppg.transform import Unfit, fit

MAX_OUTSTANDING = 16


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How push sessions are used.

    :ivar request: the message that asks a client for a session, for the application that the push
        is for; ``None``: clients are not asked.
    :ivar wait_ms: a client is not asked again before.
    """

    request: Callable[[ApplicationId], PushMessage] | None
    wait_ms: int = 30 * SECOND_MS


class SessionReach:
    """The way to ``client`` in its session.

    :param other: a connectionless way to the same client, for the session request.
    """

    def __init__(
        self,
        client: Client,
        where: SessionContact,
        sessions: PushSessions,
        other: Reach | None,
        store: Store,
        profiles: Profiles | None,
        retry: RetryPolicy,
        settings: SessionSettings,
        clock: Callable[[], Instant],
    ) -> None:
        self._client = client
        self._where = where
        self._sessions = sessions
        self._other = other
        self._store = store
        self._profiles = profiles
        self._settings = settings
        self._clock = clock
        self._back_off = BackOff(retry, clock, client.client_id)
        self._remembered: PushSession | None = None
        self._asking = asyncio.Lock()  # pushes that come together ask once

    @property
    def not_before(self) -> Instant:
        """The client is not asked for a session before."""
        return self._back_off.not_before

    @property
    def worth_keeping(self) -> bool:
        """Whether a wait for the session has begun; the session itself is not the lane's."""
        return self.not_before > 0

    @property
    def outstanding_limit(self) -> int:
        """Pushes that the session takes at a time."""
        session = self._sessions.session_of(self._client.client_id)
        if session is None:
            return 1
        return max(1, min(session.registration.capabilities.max_push_requests, MAX_OUTSTANDING))

    def retire(self, reason: str) -> None:
        """The session is the client's to close."""

    async def passage(
        self, claimed: ClaimedDelivery, message: PushMessage
    ) -> SessionPassage | Unfit:
        """Return the way for one push; see :class:`omapush.ppg.reach.Reach`."""
        session = await self._session(claimed, message)
        verdict = fit(message, await self._capabilities(session))
        if isinstance(verdict, Unfit):
            return verdict
        return SessionPassage(self._sessions, session, request_of(claimed, verdict))

    async def _session(self, claimed: ClaimedDelivery, message: PushMessage) -> PushSession:
        async with self._asking:
            session = self._sessions.session_of(self._client.client_id)
            if session is None:
                self._back_off.check(self._clock())
                reason = await self._ask(claimed, message)
                self._back_off.failed(reason, at_least_ms=self._settings.wait_ms)
                session = self._sessions.session_of(self._client.client_id)
                if session is None:
                    raise BearerUnavailable(reason)
            self._back_off.succeeded()
            if session is not self._remembered:
                await self._remember(session, claimed.key)
            return session

    async def _ask(self, claimed: ClaimedDelivery, message: PushMessage) -> str:
        """Ask the client for a session; return for the timeline what came of it."""
        if self._other is None or self._settings.request is None:
            return f"{self._where} has no push session open"
        request = self._settings.request(ApplicationId.of(message))
        try:
            passage = await self._other.passage(_asking(claimed, request), request)
        except BearerUnavailable as error:
            return f"the session request cannot be sent: {error.reason}"
        if isinstance(passage, Unfit):
            return f"the session request is not possible: {passage.reason}"
        outcome = await passage.push()
        if outcome.kind in (OutcomeKind.LATER, OutcomeKind.NEVER):
            return f"the session request failed: {outcome.reason}"
        await self._note(claimed.key, "session_requested", f"SIR: {outcome.reason}")
        return f"asked for a push session: {outcome.reason}"

    async def _capabilities(self, session: PushSession) -> ClientCapabilities:
        registration = session.registration
        if self._profiles is None:
            return registration.capabilities
        return await self._profiles.complete(registration.capabilities, registration.cpi)

    async def _remember(self, session: PushSession, key: DeliveryKey) -> None:
        """Keep what the client said when it connected, for whoever asks for its capabilities."""
        known = await self._store.registrations(self._client.client_id)
        record = to_record(
            self._client.client_id,
            session.registration,
            next(iter(known), None),
            str(session.peer),
            self._clock(),
        )
        await self._store.remember_registrations([record])
        self._remembered = session
        await self._note(key, "session_used", f"push session of {session.peer}")

    async def _note(self, key: DeliveryKey, event: str, detail: str) -> None:
        line = TimelineEvent(key.push_key, key.position, self._clock(), event, detail)
        await self._store.record([line])


def _asking(claimed: ClaimedDelivery, request: PushMessage) -> ClaimedDelivery:
    """Return the session request as a delivery of its own.

    Nothing that is known of the push's short messages is of this one. Its name differs from one
    attempt to the next: the client would take a request with the same transaction id for a
    repetition by the bearer, and pay no heed to it.
    """
    key = DeliveryKey(f"{claimed.key.push_key}.sir{claimed.attempt}", claimed.key.position)
    return replace(
        claimed,
        key=key,
        message=request,
        flags=0,
        carried=(),
        notified=False,
        handed_over=False,
        in_doubt=False,
    )


@dataclass(frozen=True, slots=True)
class SessionPassage:
    """One push, ready for a session."""

    sessions: PushSessions
    session: PushSession
    request: PpgRequest

    async def push(self) -> PushOutcome:
        """Send it and wait for its end."""
        return await self.sessions.push(self.session, self.request)
