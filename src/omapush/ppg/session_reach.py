"""Reaching a client in its push session (OTA-WSP, WAP-235 6.2).

Only the client can open a session. One that has none is asked for one (``session_request``) when
nothing else leads to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.ota.interface import (
    BearerUnavailable,
    ClientCapabilities,
    PpgRequest,
    PushOutcome,
)
from omapush.ppg.client import Client
from omapush.ppg.contacts import SessionContact
from omapush.ppg.lifecycle import RetryPolicy
from omapush.ppg.profiles import Profiles
from omapush.ppg.push_sessions import PushSession, PushSessions
from omapush.ppg.reach import Reach, note, request_of
from omapush.ppg.service_registration.known import told_on_connection
from omapush.ppg.session_request import ASK_AGAIN_MS, SessionRequests
from omapush.ppg.store.contract import ClaimedDelivery, DeliveryKey, Store
from omapush.ppg.terminal.remembering import to_record
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
    wait_ms: int = ASK_AGAIN_MS


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
        self._store = store
        self._profiles = profiles
        self._settings = settings
        self._clock = clock
        self._requests = SessionRequests(
            client.client_id, "a push session", other, store, retry, clock, settings.wait_ms
        )
        self._remembered: PushSession | None = None

    @property
    def not_before(self) -> Instant:
        """The client is not asked for a session before."""
        return self._requests.not_before

    @property
    def is_open(self) -> bool:
        """Whether the client has a session that takes pushes."""
        return self._sessions.session_of(self._client.client_id) is not None

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
        session = await self._session(claimed)
        verdict = fit(message, await self._capabilities(session))
        if isinstance(verdict, Unfit):
            return verdict
        return SessionPassage(self._sessions, session, request_of(claimed, verdict))

    async def ask(self, claimed: ClaimedDelivery, message: PushMessage) -> str | None:
        """Ask the client for a session."""
        if self._sessions.session_of(self._client.client_id) is not None:
            return None  # it came meanwhile, and what waits for it is looked at again
        request = self._settings.request
        asked_for = None if request is None else request(ApplicationId.of(message))
        return await self._requests.ask(claimed, asked_for)

    async def _session(self, claimed: ClaimedDelivery) -> PushSession:
        session = self._sessions.session_of(self._client.client_id)
        if session is None:
            self._requests.check()
            raise BearerUnavailable(f"{self._where} has no push session open")
        self._requests.answered()
        if session is not self._remembered:
            await self._remember(session, claimed.key)
        return session

    async def _capabilities(self, session: PushSession) -> ClientCapabilities:
        registration = session.registration
        if self._profiles is None:
            return registration.capabilities
        return await self._profiles.complete(registration.capabilities, registration.cpi)

    async def _remember(self, session: PushSession, key: DeliveryKey) -> None:
        """Keep what the client said when it connected, for whoever asks for its capabilities."""
        known = told_on_connection(await self._store.registrations(self._client.client_id))
        record = to_record(
            self._client.client_id,
            session.registration,
            known.cpi if known is not None else {},
            str(session.peer),
            self._clock(),
        )
        await self._store.remember_registrations([record])
        self._remembered = session
        told = f"push session of {session.peer}"
        await note(self._store, key, self._clock(), "session_used", told)


@dataclass(frozen=True, slots=True)
class SessionPassage:
    """One push, ready for a session."""

    sessions: PushSessions
    session: PushSession
    request: PpgRequest

    async def push(self) -> PushOutcome:
        """Send it and wait for its end."""
        return await self.sessions.push(self.session, self.request)
