"""Subscriptions to the registrations of users (RFC 3680)."""

from __future__ import annotations

import asyncio

import pytest

from omapush.content.application_id import ApplicationId
from omapush.core.instants import HOUR_MS
from omapush.ppg.sip import subscriptions as subscribing
from omapush.ppg.sip.registrations import Source
from omapush.protocols.sip.digest import DigestClient
from omapush.protocols.sip.header_fields import cseq
from omapush.protocols.sip.message import Field, SipHeaders, SipRequest, SipResponse
from omapush.testing.memory_store import MemoryStore
from omapush.testing.sip_gateway_world import ALICE, GRUU, INSTANCE, SipGatewayWorld
from omapush.testing.sip_link import Answered

MMS = ApplicationId.parse("x-wap-application:mms.ua")
SUBSCRIBED = Answered(
    200,
    "OK",
    (
        ("To", f"<{ALICE}>;tag=notifier"),
        ("Contact", "<sip:scscf@127.0.0.1:5060>"),
        ("Expires", "600"),
    ),
)
NEWS = """<?xml version="1.0"?>
<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="{version}" state="{state}">
<registration aor="{user}" id="r1" state="active">
<contact id="c1" state="{contact}" event="registered" expires="60">
<uri>sip:alice@192.0.2.7</uri>
<unknown-param name="+sip.instance">"&lt;{instance}&gt;"</unknown-param>
<unknown-param name="+g.oma.pusheventapp">"mms.ua"</unknown-param>
<gr:pub-gruu xmlns:gr="urn:ietf:params:xml:ns:gruuinfo" uri="{gruu}"/>
</contact></registration></reginfo>"""


def news(
    version: int = 0, state: str = "full", contact: str = "active", user: str = ALICE
) -> bytes:
    return NEWS.format(
        version=version, state=state, contact=contact, user=user, instance=INSTANCE, gruu=GRUU
    ).encode()


async def subscribed(world: SipGatewayWorld) -> SipRequest:
    world.core.script(SUBSCRIBED, "SUBSCRIBE", times=9)
    world.subscriptions.wanted(ALICE)
    await world.settle()
    return world.core.sent("SUBSCRIBE")[0]


async def notify(
    world: SipGatewayWorld,
    subscribe: SipRequest,
    body: bytes = b"",
    *,
    state: str = "active;expires=600",
    event: str = "reg",
) -> SipResponse:
    fields: tuple[Field, ...] = (
        ("Via", "SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bKn1"),
        ("From", f"<{ALICE}>;tag=notifier"),
        ("To", subscribe.headers.first("From") or ""),
        ("Call-ID", subscribe.headers.first("Call-ID") or ""),
        ("CSeq", "1 NOTIFY"),
        ("Event", event),
        ("Subscription-State", state),
        ("Content-Type", "application/reginfo+xml"),
    )
    request = SipRequest("NOTIFY", "sip:ppg@127.0.0.1:5070", SipHeaders(fields), body)
    return await world.core.deliver(world.core.gateway, request)


async def test_first_push_to_a_user_subscribes_to_his_registrations(
    world: SipGatewayWorld,
) -> None:
    world.core.script(SUBSCRIBED, "SUBSCRIBE")
    await world.register()
    reach = world.reach(subscribes=True)
    await world.pushed(reach, await world.claim())
    await world.pushed(reach, await world.claim())
    (subscribe,) = world.core.sent("SUBSCRIBE")
    assert subscribe.uri == ALICE
    assert subscribe.headers.first("Event") == "reg"
    assert subscribe.headers.first("Accept") == "application/reginfo+xml"


async def test_news_of_registration_are_kept_and_bring_back_what_waits(
    world: SipGatewayWorld,
) -> None:
    subscribe = await subscribed(world)
    assert (await notify(world, subscribe, news())).status == 200
    (device,) = world.registrations.devices(ALICE)
    assert (device.key, device.gruu, device.source) == (INSTANCE, GRUU, Source.REG_EVENT)
    assert device.serves(MMS)
    assert device.until == world.clock() + 60_000
    assert world.hastened == [ALICE]
    await notify(world, subscribe, news(1, "partial", "terminated"))
    assert world.registrations.devices(ALICE) == ()


async def test_news_may_be_quicker_than_the_answer(world: SipGatewayWorld) -> None:
    world.subscriptions.wanted(ALICE)
    await asyncio.sleep(0)
    subscribe = world.core.sent("SUBSCRIBE")[0]
    assert (await notify(world, subscribe, news())).status == 200
    assert len(world.registrations.devices(ALICE)) == 1


@pytest.mark.parametrize(
    "body", [b"not XML", news(user="sip:bob@push.test"), b"<reginfo/>"], ids=["no", "bob", "bare"]
)
async def test_news_that_say_nothing_of_the_user_change_nothing(
    world: SipGatewayWorld, body: bytes
) -> None:
    subscribe = await subscribed(world)
    assert (await notify(world, subscribe, body)).status == 200
    assert world.registrations.devices(ALICE) == ()


async def test_missing_news_are_asked_for(world: SipGatewayWorld) -> None:
    subscribe = await subscribed(world)
    await notify(world, subscribe, news(0))
    await notify(world, subscribe, news(5, "partial"))
    await world.settle()
    _, renewed = world.core.sent("SUBSCRIBE")
    assert renewed.headers.first("To") == f"<{ALICE}>;tag=notifier"
    assert renewed.headers.first("CSeq") == "2 SUBSCRIBE"
    assert len(world.subscriptions) == 1


async def test_subscription_is_renewed_before_it_ends(
    world: SipGatewayWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscribing, "RENEWED_AT", 0)
    await subscribed(world)
    await world.settle()
    assert len(world.core.sent("SUBSCRIBE")) > 1
    await world.subscriptions.close()
    assert len(world.subscriptions) == 0


async def test_renewal_that_was_challenged_has_used_up_its_number(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscribing, "RENEWED_AT", 0)
    world = SipGatewayWorld(store, digest=DigestClient("ppg", "ppg-secret", lambda: "cnonce"))
    challenge = ("Proxy-Authenticate", 'Digest realm="push.test", nonce="n", qop="auth"')
    world.core.script(SUBSCRIBED, "SUBSCRIBE")
    world.core.script(Answered(407, "Proxy Authentication Required", (challenge,)), "SUBSCRIBE")
    world.core.script(SUBSCRIBED, "SUBSCRIBE", times=9)
    world.subscriptions.wanted(ALICE)
    for _ in range(20):
        await world.settle()
    numbers = [cseq(one).number for one in world.core.sent("SUBSCRIBE")][:5]
    assert numbers == [1, 2, 3, 4, 5]
    await world.subscriptions.close()


async def test_subscription_that_the_core_ends_is_begun_anew_with_the_next_push(
    world: SipGatewayWorld,
) -> None:
    subscribe = await subscribed(world)
    await notify(world, subscribe, state="terminated;reason=deactivated")
    assert (await notify(world, subscribe, news())).status == 481
    world.subscriptions.wanted(ALICE)
    await world.settle()
    assert len(world.core.sent("SUBSCRIBE")) == 2


async def test_core_that_refuses_is_not_asked_again_for_an_hour(world: SipGatewayWorld) -> None:
    world.core.script(Answered(489, "Bad Event"), "SUBSCRIBE", times=9)
    for _ in range(2):
        world.subscriptions.wanted(ALICE)
        await world.settle()
    assert len(world.core.sent("SUBSCRIBE")) == 1
    world.clock.advance(HOUR_MS)
    world.subscriptions.wanted(ALICE)
    await world.settle()
    assert len(world.core.sent("SUBSCRIBE")) == 2


async def test_news_of_another_event_are_refused(world: SipGatewayWorld) -> None:
    subscribe = await subscribed(world)
    assert (await notify(world, subscribe, news(), event="presence")).status == 489
