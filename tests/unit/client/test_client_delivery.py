"""From a push's indication to the answer for the gateway (CAI 5.3, AD-8)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from omapush.cai.model import (
    Accept,
    CaiError,
    ConnectionProfile,
    EventGone,
    PushEvent,
    Reason,
    RegistrationRequest,
    Reject,
    RejectReason,
    Trust,
    WhitelistEntry,
)
from omapush.client import mailbox
from omapush.client.agent import ClientLimits, ClientRules, PushClient
from omapush.client.confirmation import MAX_AT_WORK, MAX_REPETITIONS, REMEMBERED_MS
from omapush.client.store import ClientStoreError
from omapush.client.trust.whitelist import read_entries
from omapush.ota.interface import (
    ClientRequest,
    PoConfirmedPushRes,
    PoPushAbortReq,
    PoPushVoidInd,
    PushFlag,
    PushStatus,
)
from omapush.testing.virtual_clock import VirtualClock

NewClient = Callable[..., Awaitable[PushClient]]
NewLink = Callable[[PushClient], Any]
WML = "x-wap-application:wml.ua"
MMS = "x-wap-application:mms.ua"


async def status_of(answer: Awaitable[ClientRequest]) -> PushStatus | None:
    """Return why a push was refused, or ``None`` when it was confirmed."""
    async with asyncio.timeout(10):
        primitive = await answer
    return primitive.status if isinstance(primitive, PoPushAbortReq) else None


async def accept(_: PushEvent) -> None:
    """Take whatever comes."""


# -- what the application is given --


async def test_event_carries_push_octet_for_octet(client: PushClient, link: Any) -> None:
    """T-49, CAI-58 to CAI-60"""
    taken: list[PushEvent] = []

    async def take(event: PushEvent) -> None:
        taken.append(event)

    await client.register_application(WML, handler=take)
    body = bytes(range(256))
    extra = (("X-Acme", "1"), ("x-other", "ä"), ("X-Acme", "2"))
    content_type = "text/plain; charset=utf-8"
    push = link.push(
        "2", body, content_type, headers=extra, push_id="d-1", flags=PushFlag.CONTENT_TRUSTED
    )
    assert await push == PoConfirmedPushRes("1")
    (event,) = taken
    assert event.content == body
    assert event.content_type == content_type
    assert event.headers == (
        ("X-Wap-Application-Id", "2"),
        ("Content-Type", content_type),
        *extra,
    )
    assert (event.push_application_id, event.push_id, event.source) == (WML, "d-1", "192.0.2.10")
    assert (event.trust.trusted, event.trust.authenticated, event.trust.whitelisted) == (
        True,
        False,
        False,
    )


@pytest.mark.parametrize("identifier", ["2", "02", WML, "X-WAP-Application:WML.ua", None])
async def test_number_uri_and_default_reach_one_application(
    client: PushClient, link: Any, identifier: str | None
) -> None:
    """T-56, AD-9"""
    await client.register_application(WML, handler=accept)
    assert await status_of(link.push(identifier)) is None


async def test_each_application_gets_its_own_pushes(client: PushClient, link: Any) -> None:
    """AD-5"""
    got: dict[str, list[bytes]] = {WML: [], MMS: []}

    def handler(name: str) -> Callable[[PushEvent], Awaitable[None]]:
        async def take(event: PushEvent) -> None:
            got[name].append(event.content)

        return take

    for name in got:
        await client.register_application(name, handler=handler(name))
    await asyncio.gather(link.push(MMS, b"m"), link.push(WML, b"w"))
    assert got == {WML: [b"w"], MMS: [b"m"]}


# -- confirmed when and only when the application took responsibility --


async def test_push_is_confirmed_after_and_not_before_application_accepts(
    client: PushClient, link: Any
) -> None:
    """T-53, AD-8"""
    held = await client.register_application(WML)
    push = link.push()
    leased = await anext(held.events())
    assert not push.done()
    await leased.accept()
    assert await push == PoConfirmedPushRes("1")


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (RejectReason.REFUSED, PushStatus.USERRFS),
        (RejectReason.BUSY, PushStatus.USERDCR),
        (RejectReason.UNSUPPORTED_TYPE, PushStatus.USERDCU),
        (RejectReason.TRY_LATER, PushStatus.USERREQ),
    ],
)
async def test_refusal_of_application_reaches_gateway_with_its_status(
    client: PushClient, link: Any, reason: RejectReason, status: PushStatus
) -> None:
    """T-54 (rejects)"""

    async def refuse(_: PushEvent) -> Reject:
        return Reject(reason, "not now")

    await client.register_application(WML, handler=refuse)
    assert await link.push() == PoPushAbortReq("1", status, "not now")


async def test_application_that_never_answers_costs_234_and_late_answer_is_void(
    new_client: NewClient, new_link: NewLink
) -> None:
    """T-54 (never answers), IF-T3"""
    client = await new_client(ClientLimits(acceptance_ms=5))
    held = await client.register_application(WML)
    push = new_link(client).push()
    leased = await anext(held.events())
    assert await status_of(push) is PushStatus.USERREQ
    with pytest.raises(EventGone) as caught:
        await leased.accept()
    assert not caught.value.settled


async def test_handler_that_hangs_is_cancelled_and_next_push_served(
    new_client: NewClient, new_link: NewLink
) -> None:
    """T-54 (never answers)"""
    client = await new_client(ClientLimits(acceptance_ms=5))
    cancelled = asyncio.Event()

    async def hang_once(event: PushEvent) -> None:
        if event.content == b"first":
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

    await client.register_application(WML, handler=hang_once)
    link = new_link(client)
    assert await status_of(link.push(body=b"first")) is PushStatus.USERREQ
    await asyncio.wait_for(cancelled.wait(), 10)
    assert await status_of(link.push(body=b"second")) is None


@pytest.mark.parametrize("error", [ValueError("secret detail"), asyncio.CancelledError()])
async def test_handler_that_raises_counts_as_refusal_and_client_survives(
    client: PushClient, link: Any, error: BaseException
) -> None:
    """T-60, T-54 (dies)"""

    async def fail(event: PushEvent) -> None:
        if event.content == b"bad":
            raise error

    await client.register_application(WML, handler=fail)
    aborted = await link.push(body=b"bad")
    assert aborted.status is PushStatus.USERREQ
    assert "secret" not in aborted.reason
    assert await status_of(link.push(body=b"good")) is None


async def test_new_handler_replaces_old_one(client: PushClient, link: Any) -> None:
    """T-28"""

    async def refuse(_: PushEvent) -> Reject:
        return Reject()

    await client.register_application(WML, handler=refuse)
    assert await status_of(link.push()) is PushStatus.USERRFS
    await client.register_application(WML, handler=accept)
    assert await status_of(link.push()) is None


async def test_events_can_be_fetched_after_handler_was_taken_away(
    client: PushClient, link: Any
) -> None:
    await client.register_application(WML, handler=accept)
    held = await client.register_application(WML)
    push = link.push()
    leased = await anext(held.events())
    await leased.reject(Reject(RejectReason.BUSY))
    assert await status_of(push) is PushStatus.USERDCR


async def test_application_that_is_not_running_costs_236(
    client: PushClient, link: Any, clock: VirtualClock
) -> None:
    """T-55"""
    await client.register("P", RegistrationRequest(WML))
    clock.advance(ClientLimits().presence_ms)
    assert await status_of(link.push()) is PushStatus.USERPND


async def test_application_that_is_busy_with_a_push_counts_as_running(
    client: PushClient, link: Any, clock: VirtualClock
) -> None:
    held = await client.register_application(WML)
    first = link.push(body=b"1")
    events = held.events()
    leased = await anext(events)
    clock.advance(10 * ClientLimits().presence_ms)
    second = link.push(body=b"2")
    await asyncio.sleep(0)
    await leased.accept()
    await (await anext(events)).accept()
    assert await status_of(first) is None
    assert await status_of(second) is None


async def test_push_for_nobody_costs_236(client: PushClient, link: Any) -> None:
    """T-55"""
    await client.register_application(WML, handler=accept)
    assert await status_of(link.push("vnd.acme:nobody")) is PushStatus.USERPND


async def test_deregistration_answers_what_still_waits(client: PushClient, link: Any) -> None:
    """CAI-55: no further events, and the gateway does not wait for the deadline."""
    held = await client.register_application(WML)
    first, second = link.push(body=b"1"), link.push(body=b"2")
    leased = await anext(held.events())
    await held.deregister()
    assert await status_of(first) is PushStatus.USERPND
    assert await status_of(second) is PushStatus.USERPND
    with pytest.raises(EventGone):
        await leased.accept()


async def test_second_answer_to_one_event_is_void(client: PushClient, link: Any) -> None:
    held = await client.register_application(WML)
    push = link.push()
    leased = await anext(held.events())
    await leased.accept()
    assert await status_of(push) is None
    with pytest.raises(EventGone) as caught:
        await leased.reject()
    assert caught.value.settled


async def test_answer_to_anothers_event_is_void(client: PushClient, link: Any) -> None:
    held = await client.register_application(WML)
    push = link.push()
    leased = await anext(held.events())
    with pytest.raises(EventGone):
        await client.answer("somebody", leased.event.event_id, Accept())
    assert not push.done()
    await leased.accept()
    assert await status_of(push) is None


async def test_event_goes_to_exactly_one_of_two_readers(client: PushClient, link: Any) -> None:
    """IF-T4"""
    registration = await client.register("P", RegistrationRequest(WML))
    readers = [
        asyncio.ensure_future(client.next_event("P", registration.registration_id, 100))
        for _ in range(2)
    ]
    await asyncio.sleep(0)
    push = link.push()
    events = [event for event in await asyncio.gather(*readers) if event is not None]
    assert len(events) == 1
    await client.answer("P", events[0].event_id, Accept())
    assert await status_of(push) is None


async def test_released_event_is_next_one_again(client: PushClient, link: Any) -> None:
    registration = await client.register("P", RegistrationRequest(WML))
    pushes = [link.push(body=b"1"), link.push(body=b"2")]
    first = await client.next_event("P", registration.registration_id, 1_000)
    assert first is not None
    await client.release("P", first.event_id)
    assert await client.next_event("P", registration.registration_id, 1_000) == first
    assert await client.next_event("P", registration.registration_id, 0) is None
    await client.answer("P", first.event_id, Accept())
    assert await status_of(pushes[0]) is None


async def test_full_queue_costs_237(
    client: PushClient, link: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "MAX_EVENTS", 2)
    await client.register("P", RegistrationRequest(WML))
    waiting = [link.push(body=b"1"), link.push(body=b"2")]
    assert await status_of(link.push(body=b"3")) is PushStatus.USERDCR
    monkeypatch.setattr(mailbox, "MAX_EVENTS", 100)
    monkeypatch.setattr(mailbox, "MAX_OCTETS", 10)
    assert await status_of(link.push(body=b"too long for it")) is PushStatus.USERDCR
    assert not any(push.done() for push in waiting)


# -- sources and types --


async def test_list_of_application_lets_its_sources_in(client: PushClient, link: Any) -> None:
    """T-07, CAI-43; MO-T4: it does not close other applications."""
    entry = WhitelistEntry("192.0.2.10", "ipv4")
    await client.register_application(WML, handler=accept, whitelist=[entry])
    await client.register_application(MMS, handler=accept)
    assert await status_of(link.push()) is None
    assert await status_of(link.push(source="192.0.2.11")) is PushStatus.USERRFS
    assert await status_of(link.push(MMS, source="192.0.2.11")) is None


async def test_device_list_lets_its_sources_in(new_client: NewClient, new_link: NewLink) -> None:
    """T-08"""
    client = await new_client(device_list=read_entries((WhitelistEntry("192.0.2.20"),)))
    link = new_link(client)
    await client.register_application(WML, handler=accept)
    assert await status_of(link.push(source="192.0.2.20")) is None
    assert await status_of(link.push(source="::ffff:192.0.2.20")) is None
    assert await status_of(link.push(source="192.0.2.21")) is PushStatus.USERRFS
    # A stranger does not learn which applications there are.
    assert await status_of(link.push(MMS, source="192.0.2.21")) is PushStatus.USERRFS
    assert await status_of(link.push(MMS, source="192.0.2.20")) is PushStatus.USERPND


async def test_contact_point_is_the_only_source(client: PushClient, link: Any) -> None:
    """T-20, CAI-15"""
    profile = ConnectionProfile(contact_point="192.0.2.10")
    await client.register_application(WML, handler=accept, profiles=[profile])
    assert await status_of(link.push()) is None
    assert await status_of(link.push(source="192.0.2.11")) is PushStatus.USERRFS


async def test_deregistration_takes_its_sources_away_and_no_others(
    new_client: NewClient, new_link: NewLink
) -> None:
    """T-46, CAI-54"""
    client = await new_client(device_list=read_entries((WhitelistEntry("192.0.2.3"),)))
    link = new_link(client)
    both = [WhitelistEntry("192.0.2.1"), WhitelistEntry("192.0.2.2")]
    held = await client.register_application(WML, handler=accept, whitelist=both, owner="P")
    await client.register_application(MMS, handler=accept, whitelist=both[1:], owner="Q")
    await held.deregister()
    await client.register_application(WML, handler=accept, owner="P")
    for source, status in (
        ("192.0.2.1", PushStatus.USERRFS),
        ("192.0.2.2", PushStatus.USERRFS),
        ("192.0.2.3", None),
    ):
        assert await status_of(link.push(WML, source=source)) is status
    assert await status_of(link.push(MMS, source="192.0.2.2")) is None


async def test_type_that_application_does_not_take_costs_238(client: PushClient, link: Any) -> None:
    """T-26, CAI-19"""
    await client.register_application(
        WML, handler=accept, accept=["text/vnd.wap.si", "Application/*"]
    )
    assert await status_of(link.push(content_type="image/png")) is PushStatus.USERDCU
    assert await status_of(link.push(content_type="Text/vnd.wap.si; charset=utf-8")) is None
    assert await status_of(link.push(content_type="application/pdf")) is None
    assert await status_of(link.push(content_type=None)) is PushStatus.USERDCU


# -- repetitions --


async def test_repeated_push_is_confirmed_without_asking_application_again(
    new_client: NewClient, new_link: NewLink, clock: VirtualClock
) -> None:
    """IF-T5: the acceptance was committed, the confirmation did not arrive, the client died."""
    calls: list[bytes] = []

    async def take(event: PushEvent) -> None:
        calls.append(event.content)

    client = await new_client()
    await client.register_application(WML, handler=take)
    assert await status_of(new_link(client).push(push_id="d-1")) is None
    await client.close()

    client = await new_client()
    await client.register_application(WML, handler=take)
    link = new_link(client)
    assert await status_of(link.push(push_id="d-1")) is None
    assert len(calls) == 1
    # Another push under the same id, as from a gateway that counts from 1, is not lost.
    assert await status_of(link.push(push_id="d-1", body=b"other")) is None
    assert len(calls) == 2
    clock.advance(REMEMBERED_MS)
    assert await status_of(link.push(push_id="d-1")) is None
    assert len(calls) == 3


async def test_push_that_was_not_accepted_is_delivered_when_it_comes_again(
    new_client: NewClient, new_link: NewLink
) -> None:
    """IF-T6: the client died before the application accepted."""
    client = await new_client()
    await client.register("P", RegistrationRequest(WML))
    unanswered = new_link(client).push(push_id="d-1")
    await asyncio.sleep(0)
    await client.close()
    assert not unanswered.done()
    client = await new_client()
    await client.register_application(WML, handler=accept, owner="P")
    assert await status_of(new_link(client).push(push_id="d-1")) is None


async def test_repetition_while_application_still_has_the_push_shares_its_answer(
    client: PushClient, link: Any, new_link: NewLink
) -> None:
    held = await client.register_application(WML)
    first = link.push(push_id="d-1")
    leased = await anext(held.events())
    client.indication(link, PoPushVoidInd("1", "the connection was lost"))
    second = new_link(client).push(push_id="d-1")
    await leased.accept()
    assert await status_of(first) is None
    assert await status_of(second) is None
    own = client.registrations("in-process")[0].registration_id
    assert await client.next_event("in-process", own, 0) is None


async def test_stranger_with_known_push_id_does_not_spoil_it(client: PushClient, link: Any) -> None:
    entry = WhitelistEntry("192.0.2.10")
    held = await client.register_application(WML, whitelist=[entry])
    good = link.push(push_id="d-1")
    bad = link.push(push_id="d-1", source="192.0.2.66")
    assert await status_of(bad) is PushStatus.USERRFS
    await (await anext(held.events())).accept()
    assert await status_of(good) is None


async def test_repetition_after_deregistration_is_still_confirmed(
    client: PushClient, link: Any
) -> None:
    held = await client.register_application(WML, handler=accept)
    assert await status_of(link.push(push_id="d-1")) is None
    await held.deregister()
    assert await status_of(link.push(push_id="d-1")) is None
    assert await status_of(link.push(push_id="d-2")) is PushStatus.USERPND


async def test_acceptance_that_cannot_be_kept_is_told_to_both_sides(
    client: PushClient, link: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway sends again, and the application knows that its answer did not count."""

    async def full(*_: object) -> None:
        raise ClientStoreError("disk full")

    held = await client.register_application(WML)
    push = link.push(push_id="d-1")
    leased = await anext(held.events())
    with monkeypatch.context() as patched:
        patched.setattr(client._store, "mark_seen", full)
        with pytest.raises(CaiError) as caught:
            await leased.accept()
    assert caught.value.cause is Reason.INTERNAL_ERROR
    assert await status_of(push) is PushStatus.USERDCR
    again = link.push(push_id="d-1")
    await (await anext(held.events())).accept()
    assert await status_of(again) is None


class SlowJudge:
    """Trusts everybody, when it may."""

    def __init__(self) -> None:
        self.may_judge = asyncio.Event()

    async def judge(self, *_: object) -> Trust:
        await self.may_judge.wait()
        return Trust()


async def test_client_takes_no_more_pushes_at_a_time_than_its_limit(
    new_client: NewClient, new_link: NewLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omapush.client.confirmation.MAX_AT_WORK", 1)
    judge = SlowJudge()
    client = await new_client(rules=ClientRules(judge=judge))
    link = new_link(client)
    await client.register_application(WML, handler=accept)
    first = link.push()
    assert await status_of(link.push()) is PushStatus.USERDCR
    judge.may_judge.set()
    assert await status_of(first) is None


async def test_repetitions_of_one_push_take_no_other_push_its_place(
    client: PushClient, link: Any
) -> None:
    held = await client.register_application(WML)
    await client.register_application(MMS, handler=accept)
    pushes = [link.push(push_id="same") for _ in range(MAX_AT_WORK)]
    assert await status_of(link.push(MMS, push_id="other")) is None
    again = [await status_of(one) for one in pushes[MAX_REPETITIONS:]]
    assert set(again) == {PushStatus.USERREQ}
    await (await anext(held.events())).accept()
    first = [await status_of(one) for one in pushes[:MAX_REPETITIONS]]
    assert first == [None] * MAX_REPETITIONS
    assert await status_of(link.push(push_id="same")) is None


async def test_repetitions_from_elsewhere_take_no_repetition_its_place(
    client: PushClient, link: Any
) -> None:
    """Who sends the same push from another address may be a stranger."""
    held = await client.register_application(WML)
    for _ in range(MAX_REPETITIONS):
        link.push(push_id="same", source="192.0.2.66")
    push = link.push(push_id="same")
    await (await anext(held.events())).accept()
    assert await status_of(push) is None


async def test_slow_applications_take_no_other_its_place(
    client: PushClient, link: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omapush.client.confirmation.MAX_AT_WORK", mailbox.MAX_EVENTS)
    ids = [f"x-a:{number}" for number in range(3)]
    slow = [await client.register_application(one, owner=one) for one in ids]
    await client.register_application(MMS, handler=accept, owner="quick")
    full = []
    for application, one in zip(ids, slow, strict=True):
        pushes = [link.push(application) for _ in range(mailbox.MAX_EVENTS)]
        waiting = client._registry.get(one.registration_id).mailbox._waiting
        await until(lambda found=waiting: len(found) == mailbox.MAX_EVENTS)
        assert not any(push.done() for push in pushes)
        full.append(await status_of(link.push(application)))
    assert full == [PushStatus.USERDCR] * len(slow)
    assert await status_of(link.push(MMS)) is None


async def test_repetitions_of_many_pushes_are_bounded_for_one_application(
    client: PushClient, link: Any
) -> None:
    held = await client.register_application(WML)
    sent = [link.push(push_id=f"{n}") for n in range(mailbox.MAX_EVENTS)]
    waiting = client._registry.get(held.registration_id).mailbox._waiting
    await until(lambda: len(waiting) == mailbox.MAX_EVENTS)
    assert await status_of(link.push(push_id="0")) is PushStatus.USERDCR
    await held.deregister()
    assert {await status_of(push) for push in sent} == {PushStatus.USERPND}
    assert not client._confirmation._by_registration


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)
