"""The way to a user through the SIP/IP core."""

from __future__ import annotations

import pytest

from omapush.content.message import PushMessage
from omapush.core.instants import SECOND_MS
from omapush.ota.interface import BearerUnavailable, OutcomeKind, PushStatus, Undelivered
from omapush.ota.sip.envelope import CONTENT_TYPE, decode_push
from omapush.pap.codes import StatusCode
from omapush.ppg.sip.reach import target_of
from omapush.ppg.transform import Unfit
from omapush.protocols.sip.message import SipHeaders, SipResponse
from omapush.testing.sip_gateway_world import ALICE, GRUU, MMS, PPG, SipGatewayWorld
from omapush.testing.sip_link import Answered, Fate


async def test_push_to_registered_user_goes_by_message_and_is_confirmed(
    world: SipGatewayWorld,
) -> None:
    await world.register()
    outcome = await world.pushed(world.reach(), await world.claim(b"mms here"))
    assert outcome.kind is OutcomeKind.DONE
    (message,) = world.device.pushes
    assert message.headers.first("Content-Type") == CONTENT_TYPE
    pushed = decode_push(CONTENT_TYPE, (), message.body, 10_000)
    assert pushed.body == b"mms here"
    assert pushed.get("X-Wap-Application-Id") == "4"
    accept = message.headers.first("Accept-Contact")
    assert accept == '*;+g.oma.pusheventapp="mms.ua";require;explicit'
    assert message.headers.first("Request-Disposition") == "no-fork"
    assert message.headers.first("P-Asserted-Identity") == f"<{PPG}>"
    assert world.core.sent("OPTIONS") == []  # the core has told who is registered


async def test_user_of_whom_nothing_is_known_is_asked_first(world: SipGatewayWorld) -> None:
    world.core.tells_gateway = False
    await world.register()
    reach = world.reach()
    outcome = await world.pushed(reach, await world.claim())
    assert outcome.kind is OutcomeKind.DONE
    assert [one.method for one in world.core.requests] == ["REGISTER", "OPTIONS", "MESSAGE"]
    assert (await world.pushed(reach, await world.claim())).kind is OutcomeKind.DONE
    assert len(world.core.sent("OPTIONS")) == 1


async def test_user_who_is_not_registered_is_not_pushed_to_and_asked_to_come(
    world: SipGatewayWorld,
) -> None:
    reach = world.reach()
    claimed = await world.claim()
    with pytest.raises(BearerUnavailable, match="not registered"):
        await reach.passage(claimed, claimed.message)
    assert reach.not_before > world.clock()
    assert reach.worth_keeping
    assert not reach.is_open
    assert await reach.ask(claimed, claimed.message) == "asked for a registration"
    assert len(world.other.asked) == 1
    assert await reach.ask(claimed, claimed.message) is None
    with pytest.raises(BearerUnavailable):
        await reach.passage(claimed, claimed.message)
    assert len(world.core.sent("OPTIONS")) == 1  # the wait is not over


async def test_user_who_comes_is_pushed_to_before_the_wait_is_over(world: SipGatewayWorld) -> None:
    reach = world.reach()
    claimed = await world.claim()
    with pytest.raises(BearerUnavailable):
        await reach.passage(claimed, claimed.message)
    await world.register()
    assert world.hastened == [ALICE]
    assert (await world.pushed(reach, claimed)).kind is OutcomeKind.DONE
    assert reach.not_before == 0


async def test_user_who_has_left_unnoticed_is_waited_for_and_asked_to_come(
    world: SipGatewayWorld,
) -> None:
    await world.register()
    world.core.restart()
    reach = world.reach()
    outcome = await world.pushed(reach, await world.claim())
    assert outcome.kind is OutcomeKind.LATER
    assert outcome.status is None
    assert outcome.reason.startswith("SIP 480 Not registered; asked for a registration")
    assert (outcome.retry_after_ms or 0) >= SECOND_MS
    assert world.registrations.devices(ALICE) == ()
    claimed = await world.claim()
    with pytest.raises(BearerUnavailable, match="480"):
        await reach.passage(claimed, claimed.message)
    world.clock.advance(3 * SECOND_MS)
    await world.register()
    assert (await world.pushed(reach, claimed)).kind is OutcomeKind.DONE


async def test_push_to_a_device_goes_to_its_gruu(world: SipGatewayWorld) -> None:
    await world.register()
    claimed = await world.claim(address=f'WAPPUSH="{GRUU.replace(":", "%3A")}"/TYPE=URI@ppg.net')
    claimed_by_uri = await world.claim(address=GRUU)
    for each in (claimed, claimed_by_uri):
        assert target_of(each.address, ALICE) in (ALICE, GRUU)
    assert (await world.pushed(world.reach(), claimed_by_uri)).kind is OutcomeKind.DONE
    assert world.core.sent("MESSAGE")[0].uri == GRUU


@pytest.mark.parametrize(
    ("address", "target"),
    [
        (ALICE, ALICE),
        (GRUU, GRUU),
        ("WAPPUSH=+1555/TYPE=PLMN@ppg.net", ALICE),
        ("sip:bob@push.test;gr=urn:uuid:1", ALICE),
        (f"{GRUU};maddr=192.0.2.66?Route=x", GRUU),
        (f"{ALICE};gr=%22%3E", f"{ALICE};gr=%22%3E"),
        (f"{ALICE};gr=>;tag=1", ALICE),
        (f"{ALICE};gr", f"{ALICE};gr"),
        ("no address at all", ALICE),
    ],
)
def test_target_is_the_device_that_the_initiator_has_named(address: str, target: str) -> None:
    assert target_of(address, ALICE) == target


async def test_what_a_device_does_not_take_is_not_sent_even_if_asked_again(
    world: SipGatewayWorld,
) -> None:
    world.core.tells_gateway = False
    world.device.told = (("Accept", "application/vnd.oma.push, image/png"),)
    await world.register()
    reach = world.reach()
    claimed = await world.claim()
    assert isinstance(await reach.passage(claimed, claimed.message), Unfit)
    world.clock.advance(SECOND_MS)
    unfit = await reach.passage(claimed, claimed.message)
    assert isinstance(unfit, Unfit)
    assert unfit.reason == "the client does not take text/plain"
    assert len(world.core.sent("OPTIONS")) == 2
    world.device.told = (("Accept", "*/*"),)
    world.clock.advance(SECOND_MS)
    assert (await world.pushed(reach, claimed)).kind is OutcomeKind.DONE


async def test_device_that_takes_no_envelope_gets_the_content_alone(world: SipGatewayWorld) -> None:
    world.core.tells_gateway = False
    world.device.told = (("Accept", "text/plain"),)
    await world.register()
    assert (await world.pushed(world.reach(), await world.claim(b"bare"))).kind is OutcomeKind.DONE
    (message,) = world.device.pushes
    assert message.headers.first("Content-Type") == "text/plain"
    assert message.body == b"bare"


async def test_envelope_that_is_refused_is_followed_by_the_content_alone(
    world: SipGatewayWorld,
) -> None:
    await world.register()
    headers = SipHeaders((("Accept", "text/plain"),))
    world.device.answers = [SipResponse(415, "Unsupported Media Type", headers)]
    assert (await world.pushed(world.reach(), await world.claim())).kind is OutcomeKind.DONE
    types = [one.headers.first("Content-Type") for one in world.device.pushes]
    assert types == [CONTENT_TYPE, "text/plain"]


async def test_refusal_by_the_application_is_told_as_it_is(world: SipGatewayWorld) -> None:
    await world.register()
    headers = SipHeaders((("X-Wap-Push-Status", "238 no such type"),))
    world.device.answers = [SipResponse(415, "Unsupported Media Type", headers)]
    outcome = await world.pushed(world.reach(), await world.claim())
    assert outcome.kind is OutcomeKind.NEVER
    assert outcome.status == PushStatus.USERDCU


async def test_client_that_is_busy_is_given_the_time_that_it_asks_for(
    world: SipGatewayWorld,
) -> None:
    await world.register()
    headers = SipHeaders((("Retry-After", "7"),))
    world.device.answers = [SipResponse(486, "Busy Here", headers)]
    outcome = await world.pushed(world.reach(), await world.claim())
    assert outcome.kind is OutcomeKind.LATER
    assert outcome.retry_after_ms == 7 * SECOND_MS


async def test_user_whom_the_core_does_not_know_is_not_found(world: SipGatewayWorld) -> None:
    world.core.script(Answered(404, "Not Found"), times=9)
    outcome = await world.pushed(world.reach(), await world.claim())
    assert outcome.kind is OutcomeKind.NEVER
    assert outcome.undelivered is Undelivered.ADDRESS_NOT_FOUND


async def test_message_that_nobody_answered_is_in_doubt(world: SipGatewayWorld) -> None:
    await world.register()
    world.core.script(Fate.ANSWER_LOST, "MESSAGE")
    outcome = await world.pushed(world.reach(), await world.claim())
    assert outcome.kind is OutcomeKind.IN_DOUBT


async def test_core_that_is_away_is_not_asked_again_at_once(world: SipGatewayWorld) -> None:
    world.core.gateway.is_cut_off = True
    reach = world.reach()
    claimed = await world.claim()
    with pytest.raises(BearerUnavailable, match="unreachable"):
        await reach.passage(claimed, claimed.message)
    assert reach.not_before > world.clock()


async def test_push_that_is_too_large_without_media_is_not_possible(world: SipGatewayWorld) -> None:
    await world.register()
    claimed = await world.claim(b"x" * 2_000)
    unfit = await world.reach().passage(claimed, claimed.message)
    assert isinstance(unfit, Unfit)
    assert unfit.code is StatusCode.SPECIFIED_DELIVERY_METHOD_NOT_POSSIBLE


async def test_header_that_cannot_be_sent_is_the_initiators_fault(world: SipGatewayWorld) -> None:
    await world.register()
    claimed = await world.claim()
    message = PushMessage((*MMS, ("X-Wap-Content-URI", "a\r\nb")), b"")
    unfit = await world.reach().passage(claimed, message)
    assert isinstance(unfit, Unfit)
    assert unfit.code is StatusCode.BAD_REQUEST


@pytest.mark.parametrize(
    ("priority", "header"), [("high", "urgent"), ("medium", None), ("low", "non-urgent")]
)
async def test_priority_of_the_initiator_stands_in_the_request(
    world: SipGatewayWorld, priority: str, header: str | None
) -> None:
    await world.register()
    control: dict[str, object] = {"qos": {"priority": priority}}
    await world.pushed(world.reach(), await world.claim(control=control))
    assert world.device.pushes[0].headers.first("Priority") == header


async def test_unconfirmed_push_may_reach_all_devices(world: SipGatewayWorld) -> None:
    await world.register()
    outcome = await world.pushed(world.reach(), await world.claim(confirmed=False))
    assert outcome.kind is OutcomeKind.DONE
    assert world.device.pushes[0].headers.first("Request-Disposition") is None


async def test_device_that_tells_of_itself_without_being_registered_is_not_asked_again_at_once(
    world: SipGatewayWorld,
) -> None:
    await world.register()
    world.core.restart()
    reach = world.reach()
    waits = []
    for _ in range(3):
        outcome = await world.pushed(reach, await world.claim())
        assert outcome.kind is OutcomeKind.LATER
        waits.append(outcome.retry_after_ms or 0)
        assert (
            await world.device.send("OPTIONS", PPG, PPG, ("Contact", f"<{GRUU}>"))
        ).status == 200
    assert len(world.other.asked) == 1
    assert waits == sorted(waits)
    assert waits[-1] > 2 * waits[0]
