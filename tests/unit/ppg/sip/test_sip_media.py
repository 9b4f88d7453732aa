"""Pushes that are too long for a MESSAGE go by INVITE and MSRP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from omapush.ota.interface import OutcomeKind, PushStatus, Undelivered
from omapush.ota.sip.envelope import CONTENT_TYPE, decode_push
from omapush.ota.sip.media import Answered, report_of
from omapush.ppg.sip import media_session
from omapush.ppg.sip.media_arrivals import MediaArrivals
from omapush.ppg.sip.media_push import MediaPush, MediaSettings
from omapush.protocols.msrp.session import MsrpSettings
from omapush.protocols.sdp import Setup
from omapush.protocols.sip.message import Field, SipHeaders, SipRequest, SipResponse
from omapush.testing.media_wire import MediaDevice
from omapush.testing.sip_gateway_world import SipGatewayWorld
from omapush.testing.sip_link import CORE
from omapush.testing.sip_link import Answered as CoreAnswer

LONG = bytes(range(256)) * 20


def with_media(
    world: SipGatewayWorld,
    *,
    port: int = 2855,
    idle_ms: int = 60_000,
    connect_ms: int = 60_000,
    secure: bool = False,
) -> MediaDevice:
    arrivals = MediaArrivals(MsrpSettings(), world.line.new_token)
    device = MediaDevice(arrivals, world.clock)
    settings = MediaSettings("192.0.2.1", port, secure, idle_ms, connect_ms)
    world.media = MediaPush(world.line, device, arrivals, settings)
    world.device.when_invited = device.invited
    world.serve()
    return device


def media_of(world: SipGatewayWorld) -> MediaPush:
    assert world.media is not None
    return world.media


async def until(condition: Callable[[], object]) -> None:
    """Let what is under way go on until it has led to this."""
    for _ in range(100_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it does not come to that")


@pytest.mark.parametrize("setup", [Setup.ACTIVE, Setup.PASSIVE])
async def test_long_push_goes_by_msrp_whoever_connects(
    world: SipGatewayWorld, setup: Setup
) -> None:
    device = with_media(world)
    device.setup = setup
    await world.register()
    outcome = await world.pushed(world.reach(), await world.claim(LONG))
    assert outcome.kind is OutcomeKind.DONE
    (message,) = device.taken
    assert message.content_type == CONTENT_TYPE
    assert decode_push(CONTENT_TYPE, (), message.body, 100_000).body == LONG
    assert message.success_report
    (invite,) = world.device.invites
    assert invite.headers.first("X-Wap-Push-Size") == str(len(LONG))
    assert len(world.device.acks) == 1
    (offer,) = device.offers
    assert (offer.port, offer.setup) == (2855, Setup.ACTPASS)
    assert world.core.sent("MESSAGE") == []


async def test_gateway_that_does_not_listen_connects_itself(world: SipGatewayWorld) -> None:
    device = with_media(world, port=0)
    device.setup = Setup.PASSIVE
    await world.register()
    assert (await world.pushed(world.reach(), await world.claim(LONG))).kind is OutcomeKind.DONE
    assert device.offers[0].setup is Setup.ACTIVE


async def test_pushes_one_after_the_other_go_through_one_session(world: SipGatewayWorld) -> None:
    device = with_media(world)
    await world.register()
    reach = world.reach()
    for _ in range(3):
        assert (await world.pushed(reach, await world.claim(LONG))).kind is OutcomeKind.DONE
    assert len(world.device.invites) == 1
    assert len(device.taken) == 3
    assert len({message.message_id for message in device.taken}) == 3


async def test_session_that_is_not_used_is_ended_by_the_gateway(world: SipGatewayWorld) -> None:
    with_media(world, idle_ms=1)
    await world.register()
    reach = world.reach()
    await world.pushed(reach, await world.claim(LONG))
    await until(lambda: world.core.sent("BYE"))
    await until(lambda: [one for one in world.device.others if one.method == "BYE"])
    await world.pushed(reach, await world.claim(LONG))
    assert len(world.device.invites) == 2


async def test_session_is_ended_when_the_gateway_stops(world: SipGatewayWorld) -> None:
    with_media(world)
    await world.register()
    await world.pushed(world.reach(), await world.claim(LONG))
    await media_of(world).close()
    assert len(world.core.sent("BYE")) == 1


async def test_unconfirmed_push_is_done_when_it_is_sent(world: SipGatewayWorld) -> None:
    device = with_media(world)
    device.answers = [None]
    await world.register()
    claimed = await world.claim(LONG, confirmed=False)
    outcome = await world.pushed(world.reach(), claimed)
    assert outcome.kind is OutcomeKind.DONE
    await until(lambda: device.taken)
    assert not device.taken[0].success_report


async def test_refusal_in_the_report_is_told_as_it_is(world: SipGatewayWorld) -> None:
    device = with_media(world)
    device.answers = [Answered(PushStatus.USERRFS, "not wanted")]
    await world.register()
    outcome = await world.pushed(world.reach(), await world.claim(LONG))
    assert outcome.kind is OutcomeKind.NEVER
    assert outcome.status == PushStatus.USERRFS


async def test_push_whose_connection_breaks_before_the_report_is_in_doubt(
    world: SipGatewayWorld,
) -> None:
    device = with_media(world)
    device.answers = [None]
    await world.register()
    passage = await world.reach().passage(claimed := await world.claim(LONG), claimed.message)
    pushing = asyncio.create_task(passage.push())  # type: ignore[union-attr]
    await until(lambda: device.taken)
    device.ends[0].close("power failure")
    assert (await pushing).kind is OutcomeKind.IN_DOUBT
    await until(lambda: world.core.sent("BYE"))


async def test_push_that_is_not_reported_on_after_bye_has_failed(
    world: SipGatewayWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_session, "GRACE_MS", 1)
    device = with_media(world)
    device.answers = [None]
    await world.register()
    passage = await world.reach().passage(claimed := await world.claim(LONG), claimed.message)
    pushing = asyncio.create_task(passage.push())  # type: ignore[union-attr]
    await until(lambda: device.taken)
    await world.settle()
    bye = in_dialog(world.device.invites[0], world.device.acks[0], "BYE")
    await world.core.deliver(world.core.gateway, bye, hop=CORE)
    outcome = await pushing
    assert (outcome.kind, outcome.status) == (OutcomeKind.LATER, PushStatus.USERREQ)
    assert (await world.core.deliver(world.core.gateway, bye, hop=CORE)).status == 481


async def test_another_device_that_was_invited_too_ends_nothing(world: SipGatewayWorld) -> None:
    with_media(world)
    await world.register()
    reach = world.reach()
    await world.pushed(reach, await world.claim(LONG))
    bye = in_dialog(world.device.invites[0], world.device.acks[0], "BYE")
    other = bye.with_headers(bye.headers.replaced("From", "<sip:alice@push.test>;tag=other"))
    assert (await world.core.deliver(world.core.gateway, other, hop=CORE)).status == 481
    await world.pushed(reach, await world.claim(LONG))
    assert len(world.device.invites) == 1


async def test_report_that_comes_after_bye_counts(world: SipGatewayWorld) -> None:
    device = with_media(world)
    device.answers = [None]
    await world.register()
    passage = await world.reach().passage(claimed := await world.claim(LONG), claimed.message)
    pushing = asyncio.create_task(passage.push())  # type: ignore[union-attr]
    await until(lambda: device.taken)
    bye = in_dialog(world.device.invites[0], world.device.acks[0], "BYE")
    response = await world.core.deliver(world.core.gateway, bye, hop=CORE)
    assert response.status == 200
    message = device.taken[0]
    report = report_of(message, Answered())
    assert report is not None
    device.ends[0].request(report)
    assert (await pushing).kind is OutcomeKind.DONE


@pytest.mark.parametrize(("method", "status"), [("INVITE", 488), ("INFO", 405)])
async def test_other_requests_within_the_dialog_change_nothing(
    world: SipGatewayWorld, method: str, status: int
) -> None:
    with_media(world)
    await world.register()
    reach = world.reach()
    await world.pushed(reach, await world.claim(LONG))
    request = in_dialog(world.device.invites[0], world.device.acks[0], method)
    assert (await world.core.deliver(world.core.gateway, request)).status == status
    await world.pushed(reach, await world.claim(LONG))
    assert len(world.device.invites) == 1


async def test_push_longer_than_the_device_says_is_not_sent(world: SipGatewayWorld) -> None:
    device = with_media(world)
    device.max_size = 1_000
    await world.register()
    outcome = await world.pushed(world.reach(), await world.claim(LONG))
    assert (outcome.kind, outcome.status) == (OutcomeKind.NEVER, PushStatus.USERDCR)
    assert device.taken == []


async def test_device_that_takes_no_envelope_gets_the_content_by_msrp(
    world: SipGatewayWorld,
) -> None:
    device = with_media(world)
    device.accept_types = ("text/plain",)
    await world.register()
    assert (await world.pushed(world.reach(), await world.claim(LONG))).kind is OutcomeKind.DONE
    (message,) = device.taken
    assert (message.content_type, message.body) == ("text/plain", LONG)
    assert ("X-Wap-Application-Id", "4") in message.more


async def test_device_that_does_not_connect_is_tried_again_later(world: SipGatewayWorld) -> None:
    device = with_media(world, connect_ms=1)
    device.connects = False
    await world.register()
    outcome = await world.pushed(world.reach(), await world.claim(LONG))
    assert outcome.kind is OutcomeKind.LATER
    assert "no media connection" in outcome.reason
    await until(lambda: world.core.sent("BYE"))


async def test_answer_without_media_is_no_way_for_the_push(world: SipGatewayWorld) -> None:
    with_media(world)
    contact = (("Contact", "<sip:alice@192.0.2.7>"),)
    world.device.when_invited = lambda _: SipResponse(200, "OK", SipHeaders(contact), b"hello")
    await world.register()
    outcome = await world.pushed(world.reach(), await world.claim(LONG))
    assert outcome.kind is OutcomeKind.NEVER
    assert outcome.undelivered is Undelivered.METHOD_NOT_POSSIBLE
    await until(lambda: world.core.sent("BYE"))


async def test_short_push_whose_message_is_refused_goes_by_invite(world: SipGatewayWorld) -> None:
    device = with_media(world)
    await world.register()
    world.device.answers = [SipResponse(405, "Method Not Allowed")]
    assert (await world.pushed(world.reach(), await world.claim(b"short"))).kind is OutcomeKind.DONE
    assert len(device.taken) == 1


async def test_user_who_has_left_when_invited_is_waited_for(world: SipGatewayWorld) -> None:
    with_media(world)
    await world.register()
    world.core.script(CoreAnswer(480, "Not registered"), "INVITE")
    outcome = await world.pushed(world.reach(), await world.claim(LONG))
    assert outcome.kind is OutcomeKind.LATER
    assert "asked for a registration" in outcome.reason


@pytest.mark.parametrize(("padding", "method"), [(0, "MESSAGE"), (1, "INVITE")])
async def test_request_of_the_size_limit_goes_by_message_and_one_octet_more_does_not(
    world: SipGatewayWorld, padding: int, method: str
) -> None:
    with_media(world)
    await world.register()
    reach = world.reach()
    await world.pushed(reach, await world.claim(b"x" * 100))
    (first,) = world.core.sent("MESSAGE")
    room = 1_300 - 200 - world.core.gateway.request_size(first)
    await world.pushed(reach, await world.claim(b"x" * (100 + room + padding)))
    assert world.core.requests[-1].method == method


async def test_device_that_answers_without_the_tls_that_was_offered_gets_nothing(
    world: SipGatewayWorld,
) -> None:
    device = with_media(world, secure=True)
    device.setup = Setup.PASSIVE
    await world.register()
    outcome = await world.pushed(world.reach(), await world.claim(LONG))
    assert outcome.kind is OutcomeKind.NEVER
    assert "TLS" in outcome.reason
    assert device.offers[0].protocol == "TCP/TLS/MSRP"
    assert device.taken == []


def in_dialog(invite: SipRequest, ack: SipRequest, method: str) -> SipRequest:
    """Return a request of the device within the dialog of an INVITE."""
    headers: tuple[Field, ...] = (
        ("Via", "SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bKdevice"),
        ("From", ack.headers.first("To") or ""),
        ("To", ack.headers.first("From") or ""),
        ("Call-ID", invite.headers.first("Call-ID") or ""),
        ("CSeq", f"7 {method}"),
    )
    return SipRequest(method, "sip:ppg@127.0.0.1:5070", SipHeaders(headers))
