"""The ledger's part for Push Service Registration, in memory."""

from __future__ import annotations

from dataclasses import replace

from omapush.core.instants import Instant
from omapush.ppg.store.service_registration_contract import (
    ServiceRegistrationBounds,
    ServiceRegistrationOutcome,
    ServiceRegistrationRecord,
)
from omapush.ppg.store.service_registrations import FORGOTTEN_TOGETHER


class MemoryServiceRegistrations:
    """A part of ``MemoryStore``; obeys ``ServiceRegistrationStore``."""

    def __init__(self) -> None:
        self._service_registrations: dict[str, ServiceRegistrationRecord] = {}

    def _check(self) -> None:
        """Raise if the store is away."""

    async def keep_service_registration(
        self, record: ServiceRegistrationRecord, bounds: ServiceRegistrationBounds
    ) -> ServiceRegistrationOutcome:
        self._check()
        now = record.refreshed_at
        self._forget(now, FORGOTTEN_TOGETHER)
        if record.registration_id in self._service_registrations:
            return ServiceRegistrationOutcome.KEPT
        holding = [one for one in self._service_registrations.values() if one.expires_at > now]
        if len(holding) >= bounds.in_all:
            return ServiceRegistrationOutcome.TOO_MANY
        whose = (record.owner, record.service)
        if sum((one.owner, one.service) == whose for one in holding) >= bounds.of_owner:
            return ServiceRegistrationOutcome.TOO_MANY_OF_OWNER
        self._service_registrations[record.registration_id] = record
        return ServiceRegistrationOutcome.KEPT

    async def refresh_service_registration(self, record: ServiceRegistrationRecord) -> bool:
        self._check()
        known = self._service_registrations.get(record.registration_id)
        if known is None or known.owner != record.owner:
            return False
        if known.expires_at <= record.refreshed_at:
            return False
        self._service_registrations[record.registration_id] = replace(record, made_at=known.made_at)
        return True

    async def end_service_registration(
        self, registration_id: str, owner: str, now: Instant
    ) -> ServiceRegistrationRecord | None:
        self._check()
        known = self._service_registrations.get(registration_id)
        if known is None or known.owner != owner:
            return None
        del self._service_registrations[registration_id]
        return known if known.expires_at > now else None

    async def service_registration(self, registration_id: str) -> ServiceRegistrationRecord | None:
        self._check()
        return self._service_registrations.get(registration_id)

    async def service_registrations(
        self, now: Instant, after: str = "", limit: int = 100, client_id: str | None = None
    ) -> list[ServiceRegistrationRecord]:
        self._check()
        found = [
            one
            for key, one in sorted(self._service_registrations.items())
            if key > after and one.expires_at > now and client_id in (None, one.client_id)
        ]
        return found[:limit]

    async def forget_service_registrations(self, expired_before: Instant, limit: int) -> int:
        self._check()
        return self._forget(expired_before, limit)

    def _forget(self, expired_before: Instant, limit: int) -> int:
        old = [
            key
            for key, one in self._service_registrations.items()
            if one.expires_at < expired_before
        ][:limit]
        for key in old:
            del self._service_registrations[key]
        return len(old)
