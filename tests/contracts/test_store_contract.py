"""Every ledger passes the one contract suite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from omapush.ppg.store.contract import Store
from omapush.ppg.store.opening import open_store
from omapush.testing.memory_store import MemoryStore
from omapush.testing.report_contract import ReportContract
from omapush.testing.service_registration_contract import ServiceRegistrationContract
from omapush.testing.store_contract import SharedStoreContract, StoreContract


class TestMemoryStore(StoreContract, ReportContract, ServiceRegistrationContract):
    @pytest.fixture
    async def store(self) -> AsyncIterator[Store]:
        store = MemoryStore()
        await store.open()
        yield store
        await store.close()


class TestSqliteStore(StoreContract, ReportContract, ServiceRegistrationContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[Store]:
        store = open_store(f"sqlite:///{tmp_path}/ledger.db")
        await store.open()
        yield store
        await store.close()


class TestPostgresqlStore(StoreContract, ReportContract, ServiceRegistrationContract):
    @pytest.fixture
    async def store(self, new_database: Callable[[], str]) -> AsyncIterator[Store]:
        store = open_store(new_database())
        await store.open()
        yield store
        await store.close()


class TestSharedPostgresqlStore(SharedStoreContract):
    @pytest.fixture
    async def pair(self, new_database: Callable[[], str]) -> AsyncIterator[tuple[Store, Store]]:
        url = new_database()
        pair = open_store(url), open_store(url)
        for store in pair:
            await store.open()
        yield pair
        for store in pair:
            await store.close()


def test_ledger_of_one_process_says_so(tmp_path: Path) -> None:
    assert not open_store(f"sqlite:///{tmp_path}/ledger.db").is_shared
    assert not MemoryStore().is_shared
