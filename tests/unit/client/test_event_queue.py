"""Pushes that are kept until their application has had them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from omapush.cai.model import (
    Accept,
    Delivery,
    EventGone,
    PushEvent,
    Registration,
    RegistrationRequest,
    RegistrationState,
    Reject,
    Trust,
)
from omapush.client import event_queue
from omapush.client.event_queue import EventQueue, QueueLimits
from omapush.client.event_store import EventStore, SeenMark
from omapush.client.mailbox import MAX_EVENTS, MAX_OCTETS, Mailbox
from omapush.client.quarantine import Quarantine
from omapush.client.store import ClientStore, ClientStoreError
from omapush.core.instants import DAY_MS, SECOND_MS, Instant, later
from omapush.testing.virtual_clock import VirtualClock

ACCEPTANCE_MS = 20
BODY = bytes(range(256))


class Rig:
    """A queue, one registration's mailbox, and waits that end when the clock is moved."""

    def __init__(self, path: Path, clock: VirtualClock) -> None:
        self.clock = clock
        self.store = ClientStore(path)
        self.events = EventStore(self.store.file)
        self.quarantine = Quarantine(self.store.file, clock)
        self.queue = EventQueue(
            self.events,
            self.quarantine,
            clock,
            lambda _: ACCEPTANCE_MS,
            QueueLimits(again_ms=(30 * SECOND_MS, 120 * SECOND_MS)),
            self._wait,
        )
        self.mailbox = Mailbox()
        self.request = RegistrationRequest("x:y")

    async def _wait(self, milliseconds: int) -> None:
        done = asyncio.get_running_loop().create_future()
        self.clock.call_at(
            later(self.clock(), milliseconds), lambda: done.done() or done.set_result(None)
        )
        if not milliseconds:
            self.clock.advance(0)
        await done

    async def open(self) -> None:
        await self.store.open()
        earlier = await self.queue.load()
        self.queue.open(self.mailbox, self.registration, earlier.get("r1"))

    async def close(self) -> None:
        await self.queue.close()
        await self.quarantine.written()
        await self.store.close()

    def registration(self) -> Registration:
        now = Instant(0)
        state = RegistrationState.REGISTERED
        return Registration("r1", "P", "x:y", self.request, state, now, now)

    def event(self, number: int = 1, body: bytes = BODY) -> PushEvent:
        return PushEvent(
            event_id=f"r1.{number}",
            registration_id="r1",
            push_application_id="x:y",
            content=body,
            content_type="text/plain; charset=utf-8",
            headers=(("X-A", "1"), ("X-A", "2"), ("Content-Type", "text/plain")),
            protocol="OTA-WSP",
            bearer="UDP",
            source="192.0.2.1",
            received=self.clock(),
            deadline=self.clock(),
            confirmed=False,
            trust=Trust(whitelisted=True, signed_by="somebody"),
            push_id="k",
            binding="OTA-WSP port 2950",
        )

    async def put(self, number: int = 1, **options: Any) -> bool:
        options = {"seen": None, "make_room": True} | options
        return await self.queue.put(self.event(number), **options)

    async def taken(self) -> PushEvent:
        delivery = await self.mailbox.lease(5_000)
        assert delivery is not None
        return delivery.event

    async def answer(self, event: PushEvent, answer: Accept | Reject) -> None:
        assert await self.mailbox.settle(event.event_id, answer).over is None

    async def given_up(self) -> None:
        """Let the time for answering pass."""
        await asyncio.sleep(ACCEPTANCE_MS / 1000)
        await until(lambda: not self.mailbox.outstanding)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(tmp_path / "c.db", VirtualClock())
    await made.open()
    yield made
    await made.close()


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


async def test_push_is_on_disk_before_it_is_handed_over(rig: Rig) -> None:
    assert await rig.put()
    (kept,) = await rig.events.all()
    assert (kept.event_id, kept.octets, kept.attempts) == ("r1.1", 256, 0)
    event = await rig.taken()
    expected = replace(
        rig.event(),
        deadline=later(rig.clock(), ACCEPTANCE_MS),
        expires=later(rig.clock(), DAY_MS),
        delivery_attempt=1,
    )
    assert event == expected
    await rig.answer(event, Accept())
    assert await rig.events.all() == []
    await until(lambda: not rig.queue.waiting("r1"))


async def test_push_is_handed_over_again_after_growing_waits(rig: Rig) -> None:
    await rig.put()
    for attempt, wait_ms in ((1, 30_000), (2, 120_000), (3, 120_000)):
        event = await rig.taken()
        assert (event.event_id, event.delivery_attempt) == ("r1.1", attempt)
        await rig.given_up()
        with pytest.raises(EventGone):
            rig.mailbox.settle(event.event_id, Accept())
        (kept,) = await until_attempt(rig, attempt)
        assert kept.due == later(rig.clock(), wait_ms)
        rig.clock.advance(wait_ms)
    await rig.answer(await rig.taken(), Accept())
    assert await rig.events.all() == []


async def until_attempt(rig: Rig, attempt: int) -> list[Any]:
    async with asyncio.timeout(5):
        while True:
            kept = await rig.events.all()
            if kept and kept[0].attempts == attempt:
                return kept


async def test_push_that_expires_is_given_up_and_can_be_looked_at(rig: Rig) -> None:
    await rig.put()
    await until(lambda: rig.queue.waiting("r1"))
    await rig.events.all()
    rig.clock.advance(DAY_MS)
    await until(lambda: not rig.queue.waiting("r1"))
    assert await rig.events.all() == []
    (entry,) = await rig.quarantine.listed()
    assert entry["reason"] == "it has expired"
    assert await rig.mailbox.lease(0) is None


async def test_fault_while_a_push_is_handed_over_is_logged_and_the_push_stays(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes again at the next start; if that is too late, it expires like any other."""

    async def broken(*_: object) -> None:
        raise ValueError("odd")

    with capture_logs() as logs:
        monkeypatch.setattr(rig.events, "read", broken)
        await rig.put()
        await until(lambda: logs)
    (entry,) = logs
    assert (entry["event"], entry["event_id"]) == ("event_stuck", "r1.1")
    assert str(entry["exc_info"]) == "odd"
    assert rig.queue.waiting("r1") == 1  # it counts as long as it is on disk
    (kept,) = await rig.events.all()
    assert kept.event_id == "r1.1"
    monkeypatch.undo()
    rig.clock.advance(DAY_MS)
    await until(lambda: not rig.queue.waiting("r1"))
    assert await rig.events.all() == []


async def test_refused_push_is_given_up_with_the_reason(rig: Rig) -> None:
    await rig.put()
    await rig.answer(await rig.taken(), Reject(detail="not for me"))
    assert await rig.events.all() == []
    (entry,) = await rig.quarantine.listed()
    assert (entry["reason"], entry["application"], entry["octets"]) == ("not for me", "x:y", 256)


async def test_push_survives_restart_and_repetition_is_known(tmp_path: Path) -> None:
    clock = VirtualClock()
    first = Rig(tmp_path / "c.db", clock)
    await first.open()
    await first.put(seen=SeenMark("k", later(clock(), 1_000)))
    await first.close()
    second = Rig(tmp_path / "c.db", clock)
    await second.open()
    assert await second.store.has_seen("k", clock())
    event = await second.taken()
    assert (event.content, event.headers) == (BODY, first.event().headers)
    await second.answer(event, Accept())
    await second.close()


async def test_at_most_once_is_off_the_disk_before_the_application_has_it(
    tmp_path: Path,
) -> None:
    clock = VirtualClock()
    rig = Rig(tmp_path / "c.db", clock)
    rig.request = replace(rig.request, delivery=Delivery.AT_MOST_ONCE)
    await rig.open()
    await rig.put()
    assert len(await rig.events.all()) == 1
    await rig.taken()
    assert await rig.events.all() == []  # whatever happens now, it does not come again
    await rig.given_up()
    await until(lambda: not rig.queue.waiting("r1"))
    (entry,) = await rig.quarantine.listed()
    assert "once only" in entry["reason"]
    await rig.close()


async def test_released_push_is_next_again_and_nobody_was_late(rig: Rig) -> None:
    await rig.put()
    event = await rig.taken()
    await rig.mailbox.release(event.event_id)
    await asyncio.sleep(2 * ACCEPTANCE_MS / 1000)
    again = await rig.taken()
    assert again.delivery_attempt == 1
    await rig.answer(again, Accept())


async def test_full_queue_refuses_or_drops_the_oldest(rig: Rig) -> None:
    for number in range(MAX_EVENTS):
        assert await rig.put(number)
    assert not await rig.put(1_000, make_room=False)
    assert await rig.put(1_001)
    kept = [one.event_id for one in await rig.events.all()]
    assert (kept[0], kept[-1], len(kept)) == ("r1.1", "r1.1001", MAX_EVENTS)
    long = rig.event(1_002, bytes(MAX_OCTETS + 1))
    assert not await rig.queue.put(long, None, make_room=False)
    assert await rig.queue.put(long, None, make_room=True)
    assert [one.event_id for one in await rig.events.all()] == ["r1.1002"]  # it is alone


async def test_deregistered_application_leaves_nothing(rig: Rig) -> None:
    await rig.put()
    await rig.queue.drop("r1")
    assert await rig.events.all() == []
    assert not await rig.put(2)
    await rig.queue.drop("r1")


async def test_acceptance_that_cannot_be_kept_is_told_and_push_comes_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.put()
    event = await rig.taken()

    async def full(_: str) -> None:
        raise ClientStoreError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(rig.events, "remove", full)
        error = await rig.mailbox.settle(event.event_id, Accept()).over
        assert error is not None
    await until_attempt(rig, 1)
    rig.clock.advance(30_000)
    again = await rig.taken()
    assert again.delivery_attempt == 2
    await rig.answer(again, Accept())


def test_waits_grow_to_ten_minutes() -> None:
    assert event_queue.QueueLimits().again_ms == (30_000, 120_000, 600_000)
