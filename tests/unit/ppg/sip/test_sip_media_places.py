"""The places for the connections of devices: how many there are, and when they are free again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from omapush.core.peer_certificate import PeerCertificate
from omapush.ota.interface import BearerUnavailable, OutcomeKind
from omapush.ppg.sip.media_arrivals import NOT_WANTED, MediaArrivals
from omapush.ppg.sip.media_push import OF_GATEWAY, MediaPush, MediaSettings
from omapush.protocols.msrp.frame import Status
from omapush.protocols.msrp.session import BoundInd, MsrpRequest, MsrpSettings, SendMessage
from omapush.protocols.msrp.uri import MsrpUri
from omapush.protocols.sdp import Setup
from omapush.testing.media_wire import MediaDevice
from omapush.testing.sip_gateway_world import SipGatewayWorld

LONG = bytes(range(256)) * 20


def with_places(
    world: SipGatewayWorld, places: int, idle_ms: int = 60_000
) -> tuple[MediaDevice, MediaArrivals]:
    arrivals = MediaArrivals(OF_GATEWAY, world.line.new_token, places)
    device = MediaDevice(arrivals, world.clock)
    settings = MediaSettings("192.0.2.1", 2855, idle_ms=idle_ms, connect_ms=60_000)
    world.media = MediaPush(world.line, device, arrivals, settings)
    world.device.when_invited = device.invited
    world.serve()
    return device, arrivals


class ScriptedLink:
    """A connection that does nothing but close."""

    peer = "192.0.2.7:50000"
    is_secure = False
    peer_certificate: PeerCertificate | None = None

    def __init__(self) -> None:
        self.closed: list[str] = []

    def identified(self) -> None:
        """Take note of it."""

    def request(self, primitive: MsrpRequest) -> None:
        """Do nothing."""

    def close(self, reason: str) -> None:
        """Keep the reason."""
        self.closed.append(reason)


async def until(condition: Callable[[], object]) -> None:
    """Let what is under way go on until it has led to this."""
    for _ in range(100_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it does not come to that")


async def test_place_of_a_session_that_has_ended_is_free_again(world: SipGatewayWorld) -> None:
    device, arrivals = with_places(world, places=2, idle_ms=1)
    await world.register()
    reach = world.reach()
    for number in range(1, 4):
        outcome = await world.pushed(reach, await world.claim(LONG))
        assert outcome.kind is OutcomeKind.DONE
        await until(lambda number=number: len(world.core.sent("BYE")) == number)
        await world.settle()
    assert [offer.setup for offer in device.offers] == [Setup.ACTPASS] * 3
    assert not arrivals.is_full


async def test_device_cannot_have_the_gateway_hold_much(world: SipGatewayWorld) -> None:
    device, _ = with_places(world, places=1)
    await world.register()
    reach = world.reach()
    await world.pushed(reach, await world.claim(LONG))
    (end,) = device.ends
    end.request(SendMessage("message1", "text/plain", bytes(1_048_576)))
    await until(lambda: device.failed)
    assert device.failed[0].status == Status.STOP_SENDING


async def test_push_waits_while_there_is_no_place(world: SipGatewayWorld) -> None:
    with_places(world, places=0)
    await world.register()
    outcome = await world.pushed(world.reach(), await world.claim(LONG))
    assert outcome.kind is OutcomeKind.LATER
    assert world.device.invites == []


async def test_connection_of_a_device_that_then_refuses_is_closed() -> None:
    arrivals = MediaArrivals(MsrpSettings(), lambda: "id0123456789", 1)
    arrival = arrivals.expect(MsrpUri("192.0.2.1", 2855, "session1"))
    link = ScriptedLink()
    arrivals.indication(link, BoundInd(arrival.ends))
    arrivals.forget(arrival)
    assert link.closed == [NOT_WANTED]
    assert not arrivals.is_full


async def test_device_that_hung_up_leaves_no_place_taken() -> None:
    arrivals = MediaArrivals(MsrpSettings(), lambda: "id0123456789", 1)
    arrival = arrivals.expect(MsrpUri("192.0.2.1", 2855, "session1"))
    arrival.hung_up("not now")
    arrivals.forget(arrival)
    assert not arrivals.is_full
    with pytest.raises(BearerUnavailable):
        await arrival.link
