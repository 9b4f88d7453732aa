"""Which way leads to a gateway, and that changes of it are looked for."""

from __future__ import annotations

import asyncio

import structlog

from omapush.daemon import network_watch
from omapush.daemon.network_watch import route_to, watching


def test_route_is_the_address_that_would_be_dialled_from() -> None:
    assert route_to("127.0.0.1", None) == "127.0.0.1"
    assert route_to("127.0.0.1", "127.0.0.3") == "127.0.0.3"
    assert route_to("::1", None) == "::1"


def test_route_that_does_not_exist_is_none() -> None:
    assert route_to("127.0.0.1", "203.0.113.77") is None
    assert route_to("ppg.example.com", None) is None
    assert route_to("127.0.0.1", "::1") is None


async def test_look_is_repeated_although_one_fails(monkeypatch: object) -> None:
    looks = 0
    done = asyncio.Event()

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise RuntimeError("a bug")
        done.set()

    monkeypatch.setattr(network_watch, "LOOK_SECONDS", 0.01)  # type: ignore[attr-defined]
    with structlog.testing.capture_logs() as logs:
        async with watching(look), asyncio.timeout(20):
            await done.wait()
    assert logs[0]["event"] == "network_not_looked_at"
