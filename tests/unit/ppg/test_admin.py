"""The operator's pages, and what is counted."""

from __future__ import annotations

import httpx2

from omapush.ppg.admin import admin_application
from omapush.ppg.metrics import Metrics
from omapush.ppg.store.contract import DeliveryState, NotificationState, StoreCounts
from omapush.testing.memory_store import MemoryStore


async def get(store: MemoryStore, path: str, metrics: Metrics | None = None) -> httpx2.Response:
    application = admin_application(store, metrics or Metrics())
    transport = httpx2.ASGITransport(application)
    async with httpx2.AsyncClient(transport=transport, base_url="http://ppg") as client:
        return await client.get(path)


async def test_alive_is_not_ready_when_the_ledger_is_away(store: MemoryStore) -> None:
    assert (await get(store, "/readyz")).text == "ready\n"
    store.unavailable = "disk full"
    answer = await get(store, "/readyz")
    assert answer.status_code == 503
    assert "disk full" in answer.text
    assert (await get(store, "/healthz")).text == "ok\n"
    assert (await get(store, "/nothing")).status_code == 404


async def test_health_of_bearers_stands_below_that_of_the_process(store: MemoryStore) -> None:
    application = admin_application(store, Metrics(), lambda: ["smsc a: bound", "smsc b: away"])
    transport = httpx2.ASGITransport(application)
    async with httpx2.AsyncClient(transport=transport, base_url="http://ppg") as client:
        assert (await client.get("/healthz")).text == "ok\nsmsc a: bound\nsmsc b: away\n"


async def test_metrics_are_told_even_when_the_ledger_is_away(store: MemoryStore) -> None:
    metrics = Metrics()
    metrics.answered("push-response", 1001)
    metrics.refused(413)
    metrics.notified("failed")
    store.unavailable = "disk full"
    answer = await get(store, "/metrics", metrics)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in (
        'omapush_pap_responses_total{code="1001",element="push-response"} 1.0',
        'omapush_http_refusals_total{status="413"} 1.0',
        'omapush_notification_attempts_total{state="failed"} 1.0',
    ):
        assert line in answer.text


def test_state_that_nobody_is_in_any_more_is_zero() -> None:
    metrics = Metrics()
    queued = 'omapush_deliveries{state="queued"}'
    waiting = 'omapush_notifications{state="pending"}'
    some = StoreCounts({DeliveryState.QUEUED: 3}, {NotificationState.PENDING: 2}, None)
    told = metrics.exposition(some).decode()
    assert f"{queued} 3.0" in told
    assert f"{waiting} 2.0" in told
    told = metrics.exposition(StoreCounts({}, {}, None)).decode()
    assert f"{queued} 0.0" in told
    assert f"{waiting} 0.0" in told
