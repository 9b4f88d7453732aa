"""A user with several devices: which of them get a push."""

from __future__ import annotations

import asyncio

from omapush.ota.interface import OutcomeKind
from omapush.protocols.sip.message import Field, SipResponse
from omapush.testing.sip_gateway_world import ALICE, GRUU, PPG, ScriptedDevice, SipGatewayWorld

TABLET = "urn:uuid:00000000-0000-0000-0000-00000000000a"
TABLET_GRUU = f"{ALICE};gr={TABLET}"


async def with_tablet(
    world: SipGatewayWorld, applications: str = "mms.ua", *told: Field
) -> ScriptedDevice:
    """Register the phone, and then the tablet, which tells this of itself."""
    await world.register()
    tablet = ScriptedDevice(world.core.further_client("127.0.0.1:5082"), TABLET)
    await tablet.register(applications)
    await world.settle()
    if told:
        await tablet.send("OPTIONS", PPG, PPG, ("Contact", f"<{TABLET_GRUU}>"), *told)
    return tablet


async def test_push_goes_to_the_device_that_has_the_application(world: SipGatewayWorld) -> None:
    tablet = await with_tablet(world, "ulp.ua")
    assert (await world.pushed(world.reach(), await world.claim())).kind is OutcomeKind.DONE
    assert len(world.device.pushes) == 1
    assert tablet.pushes == []


async def test_push_that_all_devices_take_is_addressed_to_the_user(world: SipGatewayWorld) -> None:
    tablet = await with_tablet(world)
    outcome = await world.pushed(world.reach(), await world.claim(confirmed=False))
    assert outcome.kind is OutcomeKind.DONE
    (message,) = world.core.sent("MESSAGE")
    assert message.uri == ALICE
    assert (len(world.device.pushes), len(tablet.pushes)) == (1, 1)


async def test_one_device_that_takes_it_is_enough(world: SipGatewayWorld) -> None:
    tablet = await with_tablet(world)
    world.device.answers = [SipResponse(486, "Busy Here")]
    assert (await world.pushed(world.reach(), await world.claim())).kind is OutcomeKind.DONE
    assert len(tablet.pushes) == 1


async def test_push_that_the_newest_device_does_not_take_goes_to_the_other_alone(
    world: SipGatewayWorld,
) -> None:
    tablet = await with_tablet(world, "mms.ua", ("Accept", "image/png"))
    assert (await world.pushed(world.reach(), await world.claim())).kind is OutcomeKind.DONE
    assert world.core.sent("MESSAGE")[0].uri == GRUU
    assert (len(world.device.pushes), len(tablet.pushes)) == (1, 0)


async def test_push_in_the_form_of_one_device_goes_to_that_alone(world: SipGatewayWorld) -> None:
    tablet = await with_tablet(world, "mms.ua", ("Accept", "text/plain"))
    assert (await world.pushed(world.reach(), await world.claim())).kind is OutcomeKind.DONE
    assert world.core.sent("MESSAGE")[0].uri == TABLET_GRUU
    (message,) = tablet.pushes
    assert message.headers.first("Content-Type") == "text/plain"


async def test_device_that_is_named_gets_it_whatever_the_others_take(
    world: SipGatewayWorld,
) -> None:
    tablet = await with_tablet(world)
    claimed = await world.claim(address=TABLET_GRUU)
    assert (await world.pushed(world.reach(), claimed)).kind is OutcomeKind.DONE
    await asyncio.sleep(0)
    assert (len(world.device.pushes), len(tablet.pushes)) == (0, 1)


async def test_device_that_left_unnoticed_is_not_taken_for_the_other(
    world: SipGatewayWorld,
) -> None:
    tablet = await with_tablet(world)
    world.core.tells_gateway = False
    await tablet.register(expires=0)
    outcome = await world.pushed(world.reach(), await world.claim(address=TABLET_GRUU))
    assert outcome.kind is OutcomeKind.LATER
    assert [one.gruu for one in world.registrations.devices(ALICE)] == [GRUU]
