"""The outbox: each notification is posted, judged leniently, repeated within reason, settled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from omapush.content.message import PushMessage
from omapush.core.instants import HOUR_MS, MINUTE_MS, Instant, later
from omapush.pap import model, xml
from omapush.pap.versions import PapVersion
from omapush.ppg import notification
from omapush.ppg.documents import Identity
from omapush.ppg.metrics import Metrics
from omapush.ppg.notification import NotificationLoop, NotificationSettings, judge
from omapush.ppg.notification_sender import NotificationAnswer, NotificationFailedError
from omapush.ppg.store.contract import (
    ClaimedNotification,
    DeliveryState,
    NewDelivery,
    NewPush,
    NotificationSettlement,
    NotificationState,
    Settlement,
)
from omapush.testing.memory_store import MemoryStore
from omapush.testing.virtual_clock import VirtualClock
from omapush.web.policy import OutboundPolicy, Target, TargetForbiddenError

URL = "http://pi.example.net/notify"
ADDRESS = "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"
IDENTITY = Identity("Example PPG", "http://ppg.example.net/pap", "omapush/test")
SETTINGS = NotificationSettings(retry_ms=(10_000, MINUTE_MS), in_flight=4, per_url=2)
TAKEN = NotificationAnswer(202, b"")


def response(code: int) -> bytes:
    answer = model.ResultNotificationResponse("a@pi", code, model.Address(ADDRESS))
    return xml.encode(model.Pap(answer, PapVersion(2, 0)))


@pytest.mark.parametrize(
    ("status", "body", "state", "reason"),
    [
        (202, response(1000), "delivered", "taken"),
        (200, b" \r\n", "delivered", "taken, without a document"),
        (204, b"", "delivered", "taken, without a document"),
        (202, response(2004), "delivered", "taken, but the initiator says 2004"),
        (200, b"<html>ok</html>", "delivered", "taken, with an unreadable document"),
        (200, b"\x00\xff" * 100, "delivered", "taken, with an unreadable document"),
        (
            202,
            xml.encode(model.Pap(model.CancelMessage("a@pi"), PapVersion(2, 0))),
            "delivered",
            "taken, with an unexpected document",
        ),
        (
            202,
            xml.encode(model.Pap(model.BadMessageResponse(2000, "what?"), PapVersion(1, 0))),
            "delivered",
            "taken, but the initiator says 2000",
        ),
        (500, b"", "pending", "HTTP 500"),
        (503, b"", "pending", "HTTP 503"),
        (429, b"", "pending", "HTTP 429"),
        (408, b"", "pending", "HTTP 408"),
        (404, b"", "failed", "HTTP 404"),
        (401, b"", "failed", "HTTP 401"),
        (302, b"", "failed", "HTTP 302"),
    ],
)
def test_answers_of_all_kinds_of_listeners(
    status: int, body: bytes, state: str, reason: str
) -> None:
    verdict = judge(NotificationAnswer(status, body))
    assert verdict.state.value == state
    assert verdict.reason.startswith(reason)


class Listener:
    """Stands for the initiator: answers in turn as the test says, then takes everything."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, bytes]] = []
        self.answers: list[NotificationAnswer | Exception] = []
        self.gate: asyncio.Event | None = None

    async def post(self, target: Target, document: bytes, initiator_id: str) -> NotificationAnswer:
        assert initiator_id == "weather"
        self.posted.append((target.url, document))
        if self.gate is not None:
            await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else TAKEN
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        pass


class Ledger(MemoryStore):
    """A ledger that remembers what was settled."""

    def __init__(self) -> None:
        super().__init__()
        self.settled: list[NotificationSettlement] = []

    async def settle_notifications(self, settlements: object) -> list[bool]:
        told = await super().settle_notifications(settlements)  # type: ignore[arg-type]
        self.settled += settlements  # type: ignore[operator]
        return told


class Outbox:
    """A notification loop on a ledger in memory, with time that the test moves."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.clock = VirtualClock()
        self.listener = Listener()
        self.metrics = Metrics()
        self.loop = NotificationLoop(
            ledger,
            self.listener,
            OutboundPolicy(),
            IDENTITY,
            self.metrics,
            self.clock,
            "ppg-1/a",
            SETTINGS,
        )
        self._keys = 0

    async def ended(self, push_id: str = "a@pi", url: str = URL, version: str = "2.0") -> None:
        """Let a push be accepted and its delivery end as delivered."""
        now = self.clock()
        self._keys += 1
        delivery = NewDelivery(0, ADDRESS, "anna", now, "PLMN:+441234567890")
        await self.ledger.accept(
            [
                NewPush(
                    f"{self._keys:032x}", push_id, "weather", version, now, later(now, HOUR_MS),
                    "", True, 0, url, {}, PushMessage((), b""), (delivery,),
                )
            ]
        )  # fmt: skip
        (claimed,) = await self.ledger.claim("ppg-1/a", now, 1_000, 1, 1)
        taken = DeliveryState.DELIVERED
        await self.ledger.settle(
            [
                Settlement(
                    claimed.key, claimed.owner, claimed.attempt, now, taken, "taken",
                    code=1000, confirmed=True, sent=True, notify=True,
                )
            ]
        )  # fmt: skip

    async def rest(self) -> None:
        self.loop.wake()
        for _ in range(40):
            await asyncio.sleep(0)

    async def pass_time(self, milliseconds: int) -> None:
        self.clock.advance(milliseconds)
        await self.rest()

    @property
    def states(self) -> list[str]:
        return [settlement.state.value for settlement in self.ledger.settled]


@pytest.fixture
async def outbox() -> AsyncIterator[Outbox]:
    ledger = Ledger()
    await ledger.open()
    made = Outbox(ledger)
    task = asyncio.create_task(made.loop.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await ledger.close()


@pytest.mark.parametrize("version", ["1.0", "2.0", "2.1", "2.2"])
async def test_result_is_told_once_in_the_version_of_the_submission(
    outbox: Outbox, version: str
) -> None:
    await outbox.ended(version=version)
    await outbox.rest()
    await outbox.pass_time(HOUR_MS)
    ((url, document),) = outbox.listener.posted
    told = xml.decode(document)
    assert url == URL
    assert str(told.version) == version
    message = told.message
    assert isinstance(message, model.ResultNotificationMessage)
    assert (message.push_id, message.code) == ("a@pi", 1000)
    assert message.address.address_value == ADDRESS
    assert outbox.states == ["delivered"]
    assert b'notification_attempts_total{state="delivered"} 1.0' in outbox.metrics.exposition(None)


async def test_listener_that_is_away_is_tried_again_until_patience_ends(outbox: Outbox) -> None:
    outbox.listener.answers = [NotificationFailedError("refused", written=False)] * 9
    await outbox.ended()
    await outbox.rest()
    assert outbox.states == ["pending"]
    await outbox.pass_time(9_999)
    assert len(outbox.listener.posted) == 1
    await outbox.pass_time(1)
    assert outbox.states == ["pending", "pending"]
    await outbox.pass_time(MINUTE_MS)
    assert outbox.states == ["pending", "pending", "failed"]
    assert outbox.ledger.settled[-1].reason == "given up: refused"
    await outbox.pass_time(HOUR_MS)
    assert len(outbox.listener.posted) == 3


async def test_notification_that_has_grown_too_old_has_failed(outbox: Outbox) -> None:
    outbox.listener.answers = [NotificationFailedError("refused", written=False)] * 9
    outbox.loop._settings = NotificationSettings(
        retry_ms=(10_000,) * 9, in_flight=4, per_url=2, max_age_ms=25_000
    )
    await outbox.ended()
    await outbox.rest()
    for _ in range(9):
        await outbox.pass_time(10_000)
    assert outbox.states == ["pending", "pending", "failed"]
    assert outbox.ledger.settled[-1].reason == "expired: refused"
    assert len(outbox.listener.posted) == 3


async def test_notification_that_grew_too_old_while_the_gateway_was_away_is_not_sent(
    outbox: Outbox,
) -> None:
    await outbox.ended()
    outbox.clock.advance(24 * HOUR_MS)
    await outbox.rest()
    assert outbox.states == ["failed"]
    assert outbox.ledger.settled[-1].reason == "expired before it could be told"
    assert outbox.listener.posted == []


async def test_listener_that_took_the_request_and_never_answered_is_asked_once_more(
    outbox: Outbox,
) -> None:
    outbox.listener.answers = [NotificationFailedError("no answer in time", written=True)] * 9
    await outbox.ended()
    await outbox.rest()
    await outbox.pass_time(10_000)
    await outbox.pass_time(HOUR_MS)
    assert outbox.states == ["pending", "failed"]


async def test_forbidden_target_is_not_asked_again(outbox: Outbox) -> None:
    outbox.listener.answers = [TargetForbiddenError("policy forbids calling 10.0.0.1")]
    await outbox.ended()
    await outbox.ended("b@pi", "http://169.254.169.254/latest/")  # not even given to the sender
    await outbox.rest()
    await outbox.pass_time(HOUR_MS)
    assert outbox.states == ["failed", "failed"]
    assert [url for url, _ in outbox.listener.posted] == [URL]


async def test_one_slow_listener_does_not_delay_another(outbox: Outbox) -> None:
    outbox.listener.gate = asyncio.Event()
    for number in range(10):
        await outbox.ended(f"slow-{number}@pi")
    await outbox.rest()
    await outbox.rest()
    assert len(outbox.listener.posted) == SETTINGS.per_url
    await outbox.ended("quick@pi", "http://other.example.net/")
    await outbox.rest()
    assert outbox.listener.posted[-1][0] == "http://other.example.net/"
    assert len(outbox.listener.posted) == SETTINGS.per_url + 1
    outbox.listener.gate.set()
    for _ in range(5):
        await outbox.rest()
    assert outbox.states == ["delivered"] * 11


async def test_ledger_that_is_away_for_a_while_is_asked_again(outbox: Outbox) -> None:
    await outbox.ended()
    outbox.ledger.unavailable = "disk full"
    await outbox.rest()
    assert outbox.listener.posted == []
    outbox.ledger.unavailable = None
    await outbox.rest()
    assert outbox.states == ["delivered"]


async def test_settlement_that_the_ledger_did_not_take_is_repeated_after_its_lease(
    outbox: Outbox,
) -> None:
    outbox.listener.gate = asyncio.Event()
    await outbox.ended()
    await outbox.rest()
    outbox.ledger.unavailable = "disk full"
    outbox.listener.gate.set()
    await outbox.rest()
    outbox.ledger.unavailable = None
    assert outbox.states == []
    await outbox.pass_time(SETTINGS.lease_ms)
    assert outbox.states == ["delivered"]  # told twice rather than not at all
    assert len(outbox.listener.posted) == 2


async def test_fault_of_ours_in_one_leaves_the_others_alone(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = notification.result_notification

    def broken(claimed: ClaimedNotification, identity: Identity) -> bytes:
        if claimed.push_id == "bad@pi":
            raise RuntimeError("a fault of ours")
        return whole(claimed, identity)

    monkeypatch.setattr(notification, "result_notification", broken)
    await outbox.ended("bad@pi")
    await outbox.ended("good@pi")
    await outbox.rest()
    assert outbox.states == ["delivered"]
    counts = await outbox.ledger.counts()
    assert counts.notifications == {NotificationState.PENDING: 1}


def test_waits_are_documented_and_grow() -> None:
    waits = NotificationSettings().retry_ms
    assert list(waits) == sorted(waits)
    assert Instant(sum(waits)) < 24 * HOUR_MS
