"""Connections to terminals, seen from the PPG: open, register, push, one outcome each.

A :class:`TerminalConnection` is one active connection with its session. It turns the session's
indications into awaitable results, and nothing else: no queue, no retry, no store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from omapush.core.instants import Instant
from omapush.ota.http.ppg import HttpPpgSession, HttpPpgSettings
from omapush.ota.interface import (
    BearerUnavailable,
    ClientCapabilities,
    OutcomeKind,
    PpgIndication,
    PpgRequest,
    PushOutcome,
    RegistrationInd,
    SessionFailedInd,
    StreamBearer,
    StreamLink,
)
from omapush.ppg.client import Client
from omapush.ppg.contacts import HttpContact
from omapush.ppg.profiles import Profiles
from omapush.ppg.reach import RegistrationFailedError
from omapush.ppg.routing import Route
from omapush.ppg.store.contract import RegistrationRecord


class TerminalConnection:
    """One active connection to a terminal, registered and ready for pushes."""

    def __init__(self, route: Route, contact: HttpContact) -> None:
        loop = asyncio.get_running_loop()
        self.route = route
        self._contact = contact
        self.registered_at = Instant(0)
        self._link: StreamLink[PpgRequest] | None = None
        self._registered: asyncio.Future[RegistrationInd] = loop.create_future()
        self._registration: RegistrationInd | None = None
        self._outcomes: dict[str, asyncio.Future[PushOutcome]] = {}
        self._closed = False
        self._retired = ""

    @property
    def usable(self) -> bool:
        """Whether pushes can be handed to it."""
        return self._registration is not None and not self._closed and not self._retired

    @property
    def registration(self) -> RegistrationInd:
        """The latest registration. :raises RuntimeError: not registered yet."""
        if self._registration is None:
            raise RuntimeError("the terminal has not registered yet")
        return self._registration

    async def open(
        self, bearer: StreamBearer, session: HttpPpgSession, timeout_ms: int
    ) -> RegistrationInd:
        """Dial the contact and register the terminal (WAP-235 7.2.5).

        :raises BearerUnavailable: nobody answers there.
        :raises RegistrationFailedError: the terminal answered, but not with a registration.
        """
        contact = self._contact
        self._link = await bearer.connect(
            contact.host, contact.port, session, self._indication, self._on_closed, timeout_ms
        )
        return await self._registered

    async def push(self, request: PpgRequest) -> PushOutcome:
        """Send one push and wait for its end; the session bounds the wait."""
        if self._closed or self._link is None:
            reason = "the connection closed before the push was sent"
            return PushOutcome(request.delivery_id, OutcomeKind.LATER, reason)
        outcome: asyncio.Future[PushOutcome] = asyncio.get_running_loop().create_future()
        self._outcomes[request.delivery_id] = outcome
        try:
            self._link.request(request)
            return await outcome
        finally:
            self._outcomes.pop(request.delivery_id, None)
            self._close_if_retired()

    def retire(self, reason: str) -> None:
        """Take no more pushes; close when those under way have ended."""
        self._retired = reason
        self._close_if_retired()

    def _close_if_retired(self) -> None:
        if self._retired and not self._outcomes and self._link is not None:
            self._link.close(self._retired)

    def _indication(self, indication: PpgIndication) -> None:
        match indication:
            case RegistrationInd():
                self._registration = indication
                if not self._registered.done():
                    self._registered.set_result(indication)
            case PushOutcome(delivery_id=delivery_id):
                outcome = self._outcomes.get(delivery_id)
                if outcome is not None and not outcome.done():
                    outcome.set_result(indication)
            case SessionFailedInd(reason=reason, may_retry=may_retry, status=status):
                self._closed = True
                if not self._registered.done():
                    error = RegistrationFailedError(reason, may_retry=may_retry, status=status)
                    self._registered.set_exception(error)

    def _on_closed(self, reason: str) -> None:
        self._closed = True
        if not self._registered.done():
            self._registered.set_exception(BearerUnavailable(reason))
            # Mark as seen: open() may have been cancelled, and then nobody awaits it.
            self._registered.exception()
        for delivery_id, outcome in self._outcomes.items():
            if not outcome.done():
                outcome.set_result(PushOutcome(delivery_id, OutcomeKind.IN_DOUBT, reason))


class Terminals:
    """Opens connections to terminals, with what is remembered about each.

    :param profiles: completes what terminals say that they take; default: that counts alone.
    """

    def __init__(
        self,
        bearer: StreamBearer,
        settings: HttpPpgSettings,
        clock: Callable[[], Instant],
        connect_timeout_ms: int,
        profiles: Profiles | None = None,
    ) -> None:
        self._bearer = bearer
        self._settings = settings
        self._clock = clock
        self._connect_timeout_ms = connect_timeout_ms
        self._profiles = profiles

    async def capabilities(self, connection: TerminalConnection) -> ClientCapabilities:
        """Return what the terminal takes: its own words, then those of its profile."""
        registration = connection.registration
        if self._profiles is None:
            return registration.capabilities
        return await self._profiles.complete(registration.capabilities, registration.cpi)

    async def open(
        self,
        client: Client,
        route: Route,
        contact: HttpContact,
        remembered: RegistrationRecord | None,
    ) -> TerminalConnection:
        """Return a registered connection to ``client``.

        :raises BearerUnavailable: nobody answers there.
        :raises RegistrationFailedError: refused, or another terminal than the expected answered.
        """
        session = HttpPpgSession(
            self._settings,
            assumed_cpi_tag=remembered.cpi_tag if remembered else None,
            known_cpi=remembered.cpi if remembered else {},
        )
        connection = TerminalConnection(route, contact)
        try:
            registration = await connection.open(self._bearer, session, self._connect_timeout_ms)
        except BaseException:
            connection.retire("registration did not succeed")
            raise
        connection.registered_at = self._clock()
        self._check_terminal(client, registration, connection)
        return connection

    def _check_terminal(
        self, client: Client, registration: RegistrationInd, connection: TerminalConnection
    ) -> None:
        expected = client.terminal_id
        if expected is None or registration.terminal_id == expected:
            return
        # Addresses move between terminals: what answers there may be somebody else's.
        connection.retire("another terminal answered")
        raise RegistrationFailedError(
            f"terminal {registration.terminal_id!r} answered, {expected!r} was expected",
            may_retry=True,
            status=None,
        )


def to_record(
    client_id: str,
    registration: RegistrationInd,
    remembered: RegistrationRecord | None,
    address: str,
    now: Instant,
) -> RegistrationRecord:
    """Merge a registration into what is remembered; the newest tags are kept, at most eight."""
    known = dict(remembered.cpi) if remembered else {}
    if registration.cpi_tag is not None and registration.cpi:
        known.pop(registration.cpi_tag, None)
        known[registration.cpi_tag] = registration.cpi
    return RegistrationRecord(
        client_id=client_id,
        bearer=registration.bearer_indication or "00",
        seen_at=now,
        terminal_id=registration.terminal_id,
        cpi_tag=registration.cpi_tag,
        cpi=dict(list(known.items())[-8:]),
        address=address,
    )
