"""The contract suite of the ledger's part for Push Service Registration.

To be subclassed beside :class:`~omapush.testing.store_contract.StoreContract`.
"""

# ruff: noqa: S101 # a suite asserts

from __future__ import annotations

import asyncio
from dataclasses import replace

from omapush.core.instants import Instant
from omapush.ppg.store.contract import Store
from omapush.ppg.store.service_registration_contract import (
    ServiceRegistrationBounds,
    ServiceRegistrationOutcome,
    ServiceRegistrationRecord,
)
from omapush.testing.store_contract import at

LIFE_MS = 100
ROOM = ServiceRegistrationBounds(of_owner=100, in_all=1_000)
KEPT = ServiceRegistrationOutcome.KEPT


def service_registration(
    number: int, owner: str = "client a", *, now: int = 0, service: str = "mms"
) -> ServiceRegistrationRecord:
    """Return a registration that holds for :data:`LIFE_MS` from ``now`` on."""
    return ServiceRegistrationRecord(
        registration_id=f"r{number:04d}",
        owner=owner,
        service=service,
        made_at=at(now),
        refreshed_at=at(now),
        expires_at=at(now + LIFE_MS),
        client_id=owner.removeprefix("client "),
        terminal_id="4165012322222",
        application_ids=("x-wap-application:mms.ua",),
        protocols=("OTA-HTTP", "OTA-SIP"),
        cpi=(("X-Wap-Push-Accept", "text/plain"), ("X-Wap-Push-Accept-AppID", "*")),
        authenticated=True,
        address="192.0.2.1",
    )


async def kept(store: Store, *records: ServiceRegistrationRecord) -> None:
    """Keep ``records``, for which there is room."""
    for record in records:
        assert await store.keep_service_registration(record, ROOM) is KEPT


class ServiceRegistrationContract:
    """Rules of registrations at push services."""

    async def test_registration_is_told_as_it_was_kept(self, store: Store) -> None:
        plain = replace(
            service_registration(2), client_id=None, terminal_id=None, protocols=(), cpi=()
        )
        await kept(store, service_registration(1), plain)
        assert await store.service_registration("r0001") == service_registration(1)
        assert await store.service_registration("r0002") == plain
        assert await store.service_registration("r0003") is None

    async def test_same_registration_is_kept_once(self, store: Store) -> None:
        await kept(store, service_registration(1))
        bounds = ServiceRegistrationBounds(1, 1)
        again = replace(service_registration(1), owner="client b")
        assert await store.keep_service_registration(again, bounds) is KEPT
        assert await store.service_registrations(at(0)) == [service_registration(1)]

    async def test_owner_has_so_many_at_a_service(self, store: Store) -> None:
        bounds = ServiceRegistrationBounds(of_owner=2, in_all=100)
        await kept(store, service_registration(1), service_registration(2))
        for record, outcome in (
            (service_registration(3), ServiceRegistrationOutcome.TOO_MANY_OF_OWNER),
            (service_registration(4, service="other"), KEPT),
            (service_registration(5, "client b"), KEPT),
            (service_registration(6, now=LIFE_MS), KEPT),
        ):
            assert await store.keep_service_registration(record, bounds) is outcome
        assert await store.service_registration("r0003") is None

    async def test_there_are_so_many_in_all(self, store: Store) -> None:
        bounds = ServiceRegistrationBounds(of_owner=100, in_all=2)
        records = [service_registration(n, f"client {n}") for n in range(6)]
        outcomes = await asyncio.gather(
            *(store.keep_service_registration(each, bounds) for each in records)
        )
        assert sorted(outcome.name for outcome in outcomes) == ["KEPT"] * 2 + ["TOO_MANY"] * 4
        later = service_registration(9, now=LIFE_MS)
        assert await store.keep_service_registration(later, bounds) is KEPT

    async def test_refresh_replaces_all_but_the_beginning(self, store: Store) -> None:
        await kept(store, service_registration(1))
        fresh = replace(
            service_registration(1, now=50),
            cpi=(),
            application_ids=("x-oma-application:dpe.ua",),
            service="other",
            address="192.0.2.2",
        )
        assert await store.refresh_service_registration(fresh)
        expected = replace(fresh, made_at=at(0))
        assert await store.service_registrations(at(LIFE_MS + 49)) == [expected]

    async def test_refresh_is_for_the_owner_as_long_as_it_holds(self, store: Store) -> None:
        await kept(store, service_registration(1))
        for refused in (
            service_registration(1, "client b", now=50),
            service_registration(2, now=50),
            service_registration(1, now=LIFE_MS),
        ):
            assert not await store.refresh_service_registration(refused)
        assert await store.service_registration("r0001") == service_registration(1)

    async def test_owner_ends_it_once(self, store: Store) -> None:
        await kept(store, service_registration(1))
        assert await store.end_service_registration("r0001", "client b", at(1)) is None
        ended = await store.end_service_registration("r0001", "client a", at(1))
        assert ended == service_registration(1)
        assert await store.end_service_registration("r0001", "client a", at(1)) is None
        assert await store.service_registrations(at(1)) == []

    async def test_what_ran_out_has_ended(self, store: Store) -> None:
        await kept(store, service_registration(1))
        assert await store.service_registrations(at(LIFE_MS)) == []
        assert await store.end_service_registration("r0001", "client a", at(LIFE_MS)) is None

    async def test_registrations_are_told_in_pages_and_by_client(self, store: Store) -> None:
        records = [service_registration(n, f"client {'ab'[n % 2]}") for n in range(5)]
        await kept(store, *reversed(records))
        now = at(1)
        assert await store.service_registrations(now, limit=2) == records[:2]
        assert await store.service_registrations(now, after="r0001", limit=2) == records[2:4]
        assert await store.service_registrations(now, client_id="b") == records[1::2]
        assert await store.service_registrations(now, "r0001", 1, "b") == [records[3]]

    async def test_forgotten_is_what_ran_out_before(self, store: Store) -> None:
        records = [service_registration(n, now=n) for n in range(6)]
        await kept(store, *records)
        assert await store.forget_service_registrations(at(LIFE_MS), 10) == 0
        assert await store.forget_service_registrations(at(LIFE_MS + 4), 3) == 3
        assert await store.forget_service_registrations(at(LIFE_MS + 4), 10) == 1
        assert await store.service_registrations(Instant(0)) == records[4:]
