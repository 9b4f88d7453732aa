"""Cancellation, status query, replacement: from request to answer (PAP 5.3, 5.4, 8.2)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from omapush.content.message import PushMessage as ContentMessage
from omapush.core.instants import later, parse_utc
from omapush.pap import entity, model, xml
from omapush.pap.codes import MessageState
from omapush.pap.versions import PapVersion
from omapush.ppg.acceptance import Acceptance, PapRequest
from omapush.ppg.authentication import Identified
from omapush.ppg.store.contract import ClaimedDelivery, DeliveryState, Settlement
from omapush.testing.memory_store import MemoryStore

PLMN = "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"
SPELLED = "wappush=+44-1234-567890/type=plmn@another.example.org"
USER = "WAPPUSH=anna%40example.net/TYPE=USER@ppg.example.net"
OTHER = "WAPPUSH=+447700900123/TYPE=PLMN@ppg.example.net"
NOW = parse_utc("2026-11-21T12:00:00Z")
WEATHER = Identified("weather", authenticated=True)
STRANGER = Identified("stranger", authenticated=True)
CONTENT = ContentMessage((("Content-Type", "text/plain"),), b"hello")
QOS = model.QualityOfService(model.Priority.HIGH, model.DeliveryMethod.CONFIRMED, bearer="GPRS")
CANCEL, STATUS = model.CancelMessage, model.StatusQueryMessage
ReplaceMethod = model.ReplaceMethod


class Desk:
    """An initiator at a gateway on a ledger in memory."""

    def __init__(self, acceptance: Acceptance, store: MemoryStore) -> None:
        self._acceptance = acceptance
        self.store = store

    async def ask(
        self,
        message: model.Message,
        content: ContentMessage | None = None,
        initiator: Identified = WEATHER,
        version: str = "2.0",
    ) -> model.Message:
        document = xml.encode(model.Pap(message, PapVersion.parse(version)))
        content_type, body = entity.join(document, content)
        found = await self._acceptance.answer(
            PapRequest(content_type, body, initiator, "192.0.2.9")
        )
        answer = xml.decode(found.document)
        assert str(answer.version) == version
        return answer.message

    async def push(
        self,
        push_id: str,
        *addresses: str,
        replaces: str | None = None,
        method: ReplaceMethod = ReplaceMethod.ALL,
        qos: model.QualityOfService | None = None,
    ) -> int:
        listed = tuple(model.Address(address) for address in addresses)
        message = model.PushMessage(
            push_id,
            listed,
            qos,
            replace_push_id=replaces,
            replace_method=method,
            ppg_notify_requested_to="http://pi.example.net/",
        )
        answer = await self.ask(message, CONTENT)
        assert isinstance(answer, model.PushResponse)
        return answer.response_result.code

    async def cancel(
        self, push_id: str, *addresses: str, initiator: Identified = WEATHER
    ) -> list[tuple[int, list[str]]]:
        listed = tuple(model.Address(address) for address in addresses)
        answer = await self.ask(CANCEL(push_id, listed), initiator=initiator)
        assert isinstance(answer, model.CancelResponse)
        assert answer.push_id == push_id
        assert all(result.desc for result in answer.results)
        return [(each.code, [a.address_value for a in each.addresses]) for each in answer.results]

    async def status(
        self, push_id: str, *addresses: str, initiator: Identified = WEATHER
    ) -> tuple[model.StatusQueryResult, ...]:
        listed = tuple(model.Address(address) for address in addresses)
        answer = await self.ask(STATUS(push_id, listed), initiator=initiator)
        assert isinstance(answer, model.StatusQueryResponse)
        assert answer.push_id == push_id
        return answer.results

    async def claim(self, limit: int = 10) -> list[ClaimedDelivery]:
        return await self.store.claim("ppg-1/a", NOW, 60_000, limit, 10)

    async def end(self, claimed: ClaimedDelivery, state: DeliveryState, code: int) -> None:
        at = later(NOW, 2_000)
        confirmed = state is DeliveryState.DELIVERED
        await self.store.settle(
            [
                Settlement(
                    claimed.key, claimed.owner, claimed.attempt, at, state, "the reason",
                    code=code, confirmed=confirmed, sent=True,
                )
            ]
        )  # fmt: skip

    async def states(self, push_id: str) -> list[str]:
        record = await self.store.push(push_id)
        assert record is not None
        return [each.state.value for each in record.deliveries]


@pytest.fixture
def desk(new_acceptance: Callable[..., Acceptance], store: MemoryStore) -> Desk:
    return Desk(new_acceptance(), store)


async def test_waiting_push_is_cancelled_whole_by_one_result_for_all(desk: Desk) -> None:
    await desk.push("a@pi", PLMN, OTHER)
    assert await desk.cancel("a@pi") == [(1000, [])]
    assert await desk.states("a@pi") == ["cancelled", "cancelled"]
    assert await desk.claim() == []
    told = await desk.store.claim_notifications("ppg-1/a", NOW, 1_000, 10, 10)
    assert [each.state for each in told] == [DeliveryState.CANCELLED] * 2  # PAP 5.3


async def test_one_recipient_is_cancelled_however_it_is_spelled(desk: Desk) -> None:
    await desk.push("a@pi", PLMN, OTHER)
    assert await desk.cancel("a@pi", SPELLED) == [(1000, [SPELLED])]
    assert await desk.states("a@pi") == ["cancelled", "queued"]


async def test_each_verdict_lists_its_recipients(desk: Desk) -> None:
    await desk.push("a@pi", PLMN, OTHER, USER)
    await desk.claim(limit=1)
    bad = "WAPPUSH=12/TYPE=MAN@x"
    stranger = "WAPPUSH=+999/TYPE=PLMN@x"
    verdicts = await desk.cancel("a@pi", PLMN, OTHER, stranger, bad)
    assert verdicts == [(2008, [PLMN]), (1000, [OTHER]), (2002, [bad]), (2003, [stranger])]
    assert await desk.cancel("a@pi") == [(2008, [PLMN]), (3003, [OTHER]), (1000, [USER])]


async def test_only_unreadable_addresses_cancel_nobody(desk: Desk) -> None:
    await desk.push("a@pi", PLMN)
    assert await desk.cancel("a@pi", "WAPPUSH=12/TYPE=MAN@x") == [(2002, ["WAPPUSH=12/TYPE=MAN@x"])]
    assert await desk.states("a@pi") == ["queued"]


async def test_push_that_has_ended_cannot_be_cancelled(desk: Desk) -> None:
    await desk.push("a@pi", PLMN)
    (claimed,) = await desk.claim()
    await desk.end(claimed, DeliveryState.DELIVERED, 1000)
    assert await desk.cancel("a@pi") == [(3003, [])]
    assert await desk.states("a@pi") == ["delivered"]


async def test_push_of_nobody_and_of_another_are_equally_unknown(desk: Desk) -> None:
    await desk.push("a@pi", PLMN)
    assert await desk.cancel("b@pi") == [(2004, [])]
    assert await desk.cancel("a@pi", initiator=STRANGER) == [(2004, [])]
    for results in (await desk.status("b@pi"), await desk.status("a@pi", initiator=STRANGER)):
        (result,) = results
        assert (result.code, result.message_state) == (2004, MessageState.UNKNOWN)
        assert result.addresses == ()
    assert await desk.states("a@pi") == ["queued"]


async def test_ledger_that_is_away_is_3000(desk: Desk) -> None:
    await desk.push("a@pi", PLMN)
    desk.store.unavailable = "disk full"
    assert await desk.cancel("a@pi") == [(3000, [])]
    (result,) = await desk.status("a@pi")
    assert (result.code, result.message_state) == (3000, MessageState.UNKNOWN)


async def test_status_of_each_recipient_is_told_and_the_same_share_a_result(desk: Desk) -> None:
    await desk.push("a@pi", PLMN, OTHER, USER, qos=QOS)
    pending = await desk.status("a@pi")
    assert [(each.message_state, each.code, len(each.addresses)) for each in pending] == [
        (MessageState.PENDING, 1000, 3)
    ]
    assert pending[0].event_time is None
    first, second, _third = await desk.claim()
    await desk.end(first, DeliveryState.DELIVERED, 1000)
    await desk.end(second, DeliveryState.ABORTED, 5235)
    delivered, aborted, waiting = await desk.status("a@pi")
    assert [a.address_value for a in delivered.addresses] == [PLMN]
    assert (delivered.message_state, delivered.code) == (MessageState.DELIVERED, 1000)
    assert delivered.event_time == later(NOW, 2_000)
    used = delivered.quality_of_service
    assert used is not None
    assert (used.delivery_method, used.bearer) == (model.DeliveryMethod.CONFIRMED, "GPRS")
    assert (aborted.message_state, aborted.code) == (MessageState.ABORTED, 5235)
    assert aborted.desc == "the reason"
    unsent = aborted.quality_of_service
    assert unsent is not None
    assert unsent.delivery_method is model.DeliveryMethod.UNCONFIRMED
    assert (waiting.message_state, waiting.code) == (MessageState.PENDING, 1000)


async def test_handed_over_push_is_pending_and_cannot_be_cancelled(desk: Desk) -> None:
    await desk.push("a@pi", PLMN)
    [claimed] = await desk.claim()
    await desk.end(claimed, DeliveryState.HANDED_OVER, 1000)
    (result,) = await desk.status("a@pi")
    assert (result.message_state, result.code) == (MessageState.PENDING, 1000)
    assert result.desc == "handed over to the bearer, which has not yet reported"
    assert result.event_time is None
    assert await desk.cancel("a@pi") == [(2008, [])]
    assert await desk.states("a@pi") == ["handed_over"]


async def test_status_of_one_recipient_keeps_the_spelling_of_the_query(desk: Desk) -> None:
    await desk.push("a@pi", PLMN, OTHER)
    stranger, bad = "WAPPUSH=+999/TYPE=PLMN@x", "WAPPUSH=12/TYPE=MAN@x"
    results = await desk.status("a@pi", SPELLED, stranger, bad)
    found = [(each.code, [a.address_value for a in each.addresses]) for each in results]
    assert found == [(1000, [SPELLED]), (2002, [bad]), (2003, [stranger])]
    assert results[0].quality_of_service is None  # the submission had none


@pytest.mark.parametrize("version", ["1.0", "2.0", "2.1", "2.2", "2.3"])
async def test_operations_are_answered_in_the_version_that_asked(desk: Desk, version: str) -> None:
    assert isinstance(await desk.ask(CANCEL("x"), version=version), model.CancelResponse)
    assert isinstance(await desk.ask(STATUS("x"), version=version), model.StatusQueryResponse)


ALL, PENDING_ONLY = ReplaceMethod.ALL, ReplaceMethod.PENDING_ONLY


@pytest.mark.parametrize(
    ("method", "earlier", "code"),
    [
        (ALL, "waiting", 1001),
        (ALL, "sent", 1001),
        (ALL, "unknown", 1001),
        (PENDING_ONLY, "waiting", 1001),
        (PENDING_ONLY, "sent", 2008),
        (PENDING_ONLY, "unknown", 2004),
    ],
)
async def test_replacement_by_method_and_what_it_finds(
    desk: Desk, method: ReplaceMethod, earlier: str, code: int
) -> None:
    if earlier != "unknown":
        await desk.push("old@pi", PLMN)
    if earlier == "sent":
        await desk.claim()
    assert await desk.push("new@pi", SPELLED, replaces="old@pi", method=method) == code
    if earlier == "waiting":
        assert await desk.states("old@pi") == ["cancelled"]
        (result,) = await desk.status("old@pi")
        assert result.desc == "replaced by new@pi"
    if code == 1001:
        assert await desk.states("new@pi") == ["queued"]
    else:
        assert await desk.store.push("new@pi") is None


async def test_replacement_of_what_is_pending_rejects_the_others_one_by_one(desk: Desk) -> None:
    await desk.push("old@pi", PLMN, OTHER)
    await desk.claim(limit=1)
    code = await desk.push("new@pi", PLMN, OTHER, USER, replaces="old@pi", method=PENDING_ONLY)
    assert code == 1001
    assert await desk.states("old@pi") == ["in_flight", "cancelled"]
    assert await desk.states("new@pi") == ["rejected", "queued", "rejected"]
    found = {(each.message_state.value, each.code) for each in await desk.status("new@pi")}
    assert found == {("pending", 1000), ("rejected", 2008)}


async def test_replacement_that_is_refused_cancels_nothing(desk: Desk) -> None:
    await desk.push("old@pi", PLMN)
    await desk.push("taken@pi", OTHER)
    assert await desk.push("new@pi", "WAPPUSH=+999/TYPE=PLMN@x", replaces="old@pi") == 2002
    assert await desk.push("taken@pi", PLMN, replaces="old@pi") == 2007
    assert await desk.push("old@pi", PLMN, replaces="old@pi") == 2007
    assert await desk.states("old@pi") == ["queued"]


async def test_another_initiators_push_is_not_replaced(desk: Desk) -> None:
    await desk.push("old@pi", PLMN)
    message = model.PushMessage(
        "new@pi",
        (model.Address(PLMN),),
        replace_push_id="old@pi",
        replace_method=PENDING_ONLY,
    )
    answer = await desk.ask(message, CONTENT, initiator=STRANGER)
    assert isinstance(answer, model.PushResponse)
    assert answer.response_result.code == 2004
    assert await desk.states("old@pi") == ["queued"]
