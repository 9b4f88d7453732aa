"""Listeners of changes of state."""

from __future__ import annotations

import asyncio

from omapush.cai.model import (
    Registration,
    RegistrationRequest,
    RegistrationState,
    StatusChange,
)
from omapush.client.status import MAX_STATUS_CHANGES, StatusListeners
from omapush.core.instants import Instant


def change(identifier: str) -> StatusChange:
    state = RegistrationState.REGISTERED
    request = RegistrationRequest("x:y")
    registration = Registration(identifier, "P", "x:y", request, state, Instant(0), Instant(0))
    return StatusChange(registration, RegistrationState.PENDING, state)


async def test_every_listener_is_told_and_slow_one_loses_the_oldest() -> None:
    listeners = StatusListeners()
    quick, slow = listeners.changes(), listeners.changes()
    told = asyncio.ensure_future(anext(quick))
    first_of_slow = asyncio.ensure_future(anext(slow))
    await asyncio.sleep(0)
    listeners.tell(change("first"))
    assert (await told).registration.registration_id == "first"
    assert (await first_of_slow).registration.registration_id == "first"
    for number in range(MAX_STATUS_CHANGES + 3):
        listeners.tell(change(str(number)))
    assert (await anext(slow)).registration.registration_id == "3"
    for listener in (quick, slow):
        await listener.aclose()
    assert len(listeners) == 0


async def test_next_change_of_one_registration_is_awaited() -> None:
    listeners = StatusListeners()
    waiting = asyncio.ensure_future(listeners.next_of("mine", 60_000))
    await asyncio.sleep(0)
    for identifier in ("other", "mine"):
        listeners.tell(change(identifier))
    found = await waiting
    assert found is not None
    assert found.registration_id == "mine"
    assert await listeners.next_of("mine", 1) is None
    assert len(listeners) == 0
