"""What a device takes is asked where nobody has told it."""

from __future__ import annotations

import pytest

from omapush.ota.interface import OutcomeKind
from omapush.pap.codes import StatusCode
from omapush.pap.model import Address, CcqMessage
from omapush.pap.tolerance import Tolerance
from omapush.ppg.capabilities_query import query_capabilities
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact, UdpContact
from omapush.ppg.finding import Finder
from omapush.ppg.permissions import Permissions
from omapush.ppg.resolution.static import StaticResolver
from omapush.ppg.sip.capability_query import CapabilityInquiry
from omapush.testing.sip_gateway_world import ALICE, SipGatewayWorld
from omapush.testing.sip_link import Answered, Fate


async def unannounced(world: SipGatewayWorld) -> None:
    world.core.tells_gateway = False
    await world.register()


async def test_initiator_learns_what_a_device_takes_that_was_asked_for_it(
    world: SipGatewayWorld,
) -> None:
    await unannounced(world)
    world.device.told = (("Accept", "image/png"), ("X-Wap-Push-MaxMsgSize", "9000"))
    told = await CapabilityInquiry(world.line).ask(world.client, None)
    assert told is not None
    assert (told.accept, told.max_message_size) == (("image/png",), 9_000)
    assert world.core.sent("OPTIONS")[0].headers.first("Accept-Contact") is None
    await world.learning.close()
    assert len(await world.store.registrations("alice")) == 1


async def test_device_with_the_application_is_asked(world: SipGatewayWorld) -> None:
    await unannounced(world)
    assert await CapabilityInquiry(world.line).ask(world.client, "x-wap-application:mms.ua")
    asked = world.core.sent("OPTIONS")[0].headers.first("Accept-Contact") or ""
    assert '="mms.ua"' in asked
    assert await CapabilityInquiry(world.line).ask(world.client, "x-wap-application:loc.ua")


@pytest.mark.parametrize("action", [Answered(480), Answered(503), Fate.LOST, Fate.UNREACHABLE])
async def test_device_that_cannot_be_asked_tells_nothing(
    world: SipGatewayWorld, action: Answered | Fate
) -> None:
    await unannounced(world)
    world.core.script(action, "OPTIONS")
    assert await CapabilityInquiry(world.line).ask(world.client, None) is None


async def test_client_of_another_variant_is_not_asked(world: SipGatewayWorld) -> None:
    by_udp = Client("bob", (), (Contact(UdpContact("192.0.2.1")),))
    assert await CapabilityInquiry(world.line).ask(by_udp, None) is None
    assert world.core.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        Answered(405, "Method Not Allowed"),
        Answered(501, "Not Implemented"),
        Answered(200, "OK"),
        Answered(200, "OK", (("Contact", "who <"),)),
        Answered(200, "OK", (("Contact", f"<{ALICE}>"), ("X-Wap-Push-MaxMsgSize", "many"))),
    ],
)
async def test_device_that_tells_nothing_is_pushed_to_and_not_asked_again(
    world: SipGatewayWorld, answer: Answered
) -> None:
    await unannounced(world)
    world.core.script(answer, "OPTIONS", times=9)
    for _ in range(2):
        # Each push by a way of its own: what is known outlives it.
        outcome = await world.pushed(world.reach(), await world.claim())
        assert outcome.kind is OutcomeKind.DONE
    assert len(world.core.sent("OPTIONS")) == 1
    assert world.hastened == []


async def test_who_told_nothing_is_forgotten_when_somebody_does(world: SipGatewayWorld) -> None:
    await unannounced(world)
    world.core.script(Answered(405), "OPTIONS")
    await world.pushed(world.reach(), await world.claim())
    world.core.tells_gateway = True
    await world.register()
    assert len(world.registrations.devices(ALICE)) == 1


async def test_gateway_that_does_not_ask_pushes_at_once(world: SipGatewayWorld) -> None:
    await unannounced(world)
    world.asks_devices(asks=False)
    assert (await world.pushed(world.reach(), await world.claim())).kind is OutcomeKind.DONE
    assert world.core.sent("OPTIONS") == []


async def test_query_of_an_initiator_leads_to_a_question_where_nothing_is_known(
    world: SipGatewayWorld,
) -> None:
    await unannounced(world)
    world.device.told = (("Accept", "image/png"),)
    finder = Finder(StaticResolver(world.recipients, ()), world.recipients)
    response, profile = await query_capabilities(
        CcqMessage(Address(ALICE), "q-1", None),
        finder,
        world.store,
        Tolerance(),
        Permissions(),
        inquire=CapabilityInquiry(world.line).ask,
    )
    assert response.code == StatusCode.OK
    assert b"image/png" in (profile or b"")
