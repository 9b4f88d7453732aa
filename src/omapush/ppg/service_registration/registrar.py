"""Registers, refreshes and ends: what a client asks, the services offer and the ledger keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from omapush.content.message import Header
from omapush.core.errors import OmapushError
from omapush.core.instants import DAY_MS, MINUTE_MS, SECOND_MS, Instant, later
from omapush.core.networks import source_key
from omapush.ota.http import cpi
from omapush.ota.service_registration import (
    ServiceRegistration,
    ServiceRegistrationRequest,
    encode,
    read_headers,
)
from omapush.ppg.service_registration.known import union_record
from omapush.ppg.service_registration.services import Offer, PushService, offer_for
from omapush.ppg.store.contract import Store
from omapush.ppg.store.service_registration_contract import (
    ServiceRegistrationBounds,
    ServiceRegistrationOutcome,
    ServiceRegistrationRecord,
)

log = structlog.get_logger(__name__)

MAX_CPI = 8_192
"""Characters of all CPI headers of a request, names included: so much each registration keeps."""
FULL_WAIT_MS = MINUTE_MS
"""When to come back where there are too many registrations."""
_LOCKS = 64


class TooLargeError(OmapushError):
    """The capabilities of the request are larger than what is kept."""


class ForbiddenError(OmapushError):
    """The client may not have this registration."""


class FullError(OmapushError):
    """There are too many registrations, for now."""


class UnknownRegistrationError(OmapushError):
    """The asker has no such registration.

    :ivar is_gone: it had one, which has run out.
    """

    is_gone = False


@dataclass(frozen=True, slots=True)
class Asker:
    """Who makes a request.

    :ivar client_id: the client that it has proved to be; ``None``: it has proved nothing.
    :ivar address: where the request comes from.
    """

    client_id: str | None
    address: str

    @property
    def owner(self) -> str:
        """Whose registrations its own are: whoever proves nothing shares with its address."""
        if self.client_id is not None:
            return f"client {self.client_id}"
        return f"address {source_key(self.address)}"


@dataclass(frozen=True, slots=True)
class KnownTerminal:
    """A client of the settings by its Terminal-ID.

    :ivar has_password: it can prove who it is, and is nobody without.
    """

    client_id: str
    terminal_id: str
    has_password: bool


@dataclass(frozen=True, slots=True)
class RegistrarSettings:
    """What holds for every push service.

    :ivar expires_ms: for so long a registration holds unless it is refreshed.
    :ivar of_address: registrations that hold at a time of all who prove nothing at one address.
    :ivar in_all: registrations that hold at a time.
    """

    expires_ms: int = DAY_MS
    of_address: int = 64
    in_all: int = 100_000


@dataclass(frozen=True, slots=True)
class Registered:
    """A registration that holds, and what the client is told.

    :ivar document: ``None``: nothing; pushes come by the profile that it is provisioned with.
    """

    registration_id: str
    document: bytes | None


class ServiceRegistrar:
    """The push services of a gateway, and who is registered there.

    :param services: in the order in which they are asked.
    :param terminals: the clients that have a Terminal-ID.
    :param new_id: makes ids that nobody can guess: who knows one that was given to somebody who
        proved nothing can end it.
    """

    def __init__(
        self,
        services: Sequence[PushService],
        terminals: Sequence[KnownTerminal],
        store: Store,
        settings: RegistrarSettings,
        clock: Callable[[], Instant],
        new_id: Callable[[], str],
    ) -> None:
        self._services = tuple(services)
        self._by_id = {one.client_id: one for one in terminals}
        self._by_terminal_id: Mapping[str, KnownTerminal] = {
            one.terminal_id: one for one in terminals
        }
        self._store = store
        self._settings = settings
        self._clock = clock
        self._new_id = new_id
        # Of two changes for one client at a time, the one that sees both writes last.
        self._locks = tuple(asyncio.Lock() for _ in range(_LOCKS))

    async def register(self, asker: Asker, headers: Sequence[Header]) -> Registered:
        """Register a client.

        :raises DecodeError, EncodeError: the headers are none of a request.
        :raises TooLargeError: it says more than is kept.
        :raises NoSuchServiceError, NothingOfferedError: nobody serves this.
        :raises ForbiddenError: it says that it is another, or has too many registrations.
        :raises FullError: there are too many in all.
        :raises StoreUnavailable: the ledger is away.
        """
        request = self._request(asker, headers)
        offer = offer_for(self._services, request)
        registered = self._registered(self._new_id(), offer)
        record = self._record(registered.registration_id, asker, request, headers, offer)
        of_owner = offer.service.of_owner
        if asker.client_id is None:
            of_owner = self._settings.of_address
        bounds = ServiceRegistrationBounds(of_owner, self._settings.in_all)
        outcome = await self._store.keep_service_registration(record, bounds)
        if outcome is ServiceRegistrationOutcome.TOO_MANY_OF_OWNER:
            raise ForbiddenError(f"there are {of_owner} registrations already; end one first")
        if outcome is ServiceRegistrationOutcome.TOO_MANY:
            raise FullError("there are too many registrations")
        await self._remember(record.client_id)
        log.info("service_registered", service=record.service, client=record.client_id)
        return registered

    async def refresh(
        self, registration_id: str, asker: Asker, headers: Sequence[Header]
    ) -> Registered:
        """Have a registration hold anew, for what the request says now.

        A client for whose applications there is no service any more has its registration ended.

        :raises UnknownRegistrationError: the asker has none such. Others: as :meth:`register`.
        """
        request = self._request(asker, headers)
        known = await self._own(registration_id, asker)
        try:
            offer = offer_for(self._services, request)
        except OmapushError:
            await self.end(registration_id, asker)
            raise
        registered = self._registered(registration_id, offer)
        record = self._record(registration_id, asker, request, headers, offer)
        if not await self._store.refresh_service_registration(record):
            raise UnknownRegistrationError("there is no such registration")
        if known.client_id != record.client_id:
            await self._remember(known.client_id)
        await self._remember(record.client_id)
        log.info("service_registration_refreshed", service=record.service, client=record.client_id)
        return registered

    async def end(self, registration_id: str, asker: Asker) -> None:
        """End a registration. :raises UnknownRegistrationError: the asker has none such.

        :raises StoreUnavailable: the ledger is away.
        """
        await self._own(registration_id, asker)
        now = self._clock()
        ended = await self._store.end_service_registration(registration_id, asker.owner, now)
        if ended is None:
            raise UnknownRegistrationError("there is no such registration")
        await self._remember(ended.client_id)
        log.info("service_registration_ended", service=ended.service, client=ended.client_id)

    def _request(self, asker: Asker, headers: Sequence[Header]) -> ServiceRegistrationRequest:
        request = read_headers(headers)
        if sum(len(name) + len(value) for name, value in cpi.of_headers(headers)) > MAX_CPI:
            raise TooLargeError(f"more than {MAX_CPI} characters of capabilities")
        known = self._by_id.get(asker.client_id) if asker.client_id is not None else None
        if known is not None and request.terminal_id not in (None, known.terminal_id):
            raise ForbiddenError("the credentials are those of another terminal")
        return request

    async def _own(self, registration_id: str, asker: Asker) -> ServiceRegistrationRecord:
        known = await self._store.service_registration(registration_id)
        if known is None or known.owner != asker.owner:
            # Nobody is told which registrations others have.
            raise UnknownRegistrationError("there is no such registration")
        if known.expires_at <= self._clock():
            error = UnknownRegistrationError("the registration has run out")
            error.is_gone = True
            raise error
        return known

    def _record(
        self,
        registration_id: str,
        asker: Asker,
        request: ServiceRegistrationRequest,
        headers: Sequence[Header],
        offer: Offer,
    ) -> ServiceRegistrationRecord:
        now = self._clock()
        client_id = asker.client_id or self._believed(request.terminal_id)
        known = self._by_id.get(client_id) if client_id is not None else None
        return ServiceRegistrationRecord(
            registration_id=registration_id,
            owner=asker.owner,
            service=offer.service.name,
            made_at=now,
            refreshed_at=now,
            expires_at=later(now, self._settings.expires_ms),
            client_id=client_id,
            terminal_id=known.terminal_id if known is not None else request.terminal_id,
            application_ids=offer.application_ids,
            protocols=request.protocols,
            cpi=cpi.of_headers(headers),
            authenticated=asker.client_id is not None,
            address=asker.address,
        )

    def _believed(self, terminal_id: str | None) -> str | None:
        """Return the client that calls itself so, if it has nothing to prove that by."""
        known = self._by_terminal_id.get(terminal_id or "")
        return None if known is None or known.has_password else known.client_id

    async def _remember(self, client_id: str | None) -> None:
        """Let the gateway know what a client takes by all of its registrations."""
        if client_id is None:
            return
        async with self._locks[hash(client_id) % _LOCKS]:
            now = self._clock()
            told = await self._store.service_registrations(now, client_id=client_id)
            await self._store.remember_registrations([union_record(client_id, told, now)])

    def _registered(self, registration_id: str, offer: Offer) -> Registered:
        """Write the answer, before anything is kept of what cannot be answered.

        :raises EncodeError: the ids of the applications cannot stand in XML.
        """
        if not offer.profiles:
            return Registered(registration_id, None)
        seconds = max(1, self._settings.expires_ms // SECOND_MS)
        answer = ServiceRegistration(
            registration_id, seconds, offer.application_ids, offer.profiles
        )
        return Registered(registration_id, encode(answer))
