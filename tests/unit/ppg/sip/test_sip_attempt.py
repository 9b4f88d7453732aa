"""One attempt after the other, within the time that the push may take."""

from __future__ import annotations

from typing import Any

import pytest

from omapush.ota.interface import OutcomeKind, PushOutcome
from omapush.ota.sip.core import Answer, Origin
from omapush.ota.sip.results import Verdict
from omapush.ppg.sip.media_arrivals import MediaArrivals
from omapush.ppg.sip.media_push import MediaPush, MediaSettings
from omapush.ppg.sip.reach import MARGIN_MS
from omapush.protocols.msrp.session import MsrpSettings
from omapush.protocols.sip.message import SipRequest, SipResponse
from omapush.testing.media_wire import MediaDevice
from omapush.testing.sip_gateway_world import ScriptedDevice, SipGatewayWorld


class RecordingMedia(MediaPush):
    """Notes how long it may take, and sends nothing."""

    patience: tuple[int, ...] = ()

    async def push(
        self, target: Any, push: Any, circumstances: Any, within_ms: int, *, bare: bool
    ) -> Verdict:
        self.patience = (*self.patience, within_ms)
        return Verdict(PushOutcome(push.delivery_id, OutcomeKind.DONE, "sent"))


def with_recording_media(world: SipGatewayWorld) -> RecordingMedia:
    arrivals = MediaArrivals(MsrpSettings(), world.line.new_token)
    bearer = MediaDevice(arrivals, world.clock)
    media = RecordingMedia(world.line, bearer, arrivals, MediaSettings("192.0.2.1", 2855))
    world.media = media
    return media


def slow_to_refuse(world: SipGatewayWorld, monkeypatch: pytest.MonkeyPatch, takes_ms: int) -> None:
    def arrived(self: ScriptedDevice, request: SipRequest, origin: Origin, answer: Answer) -> None:
        world.clock.advance(takes_ms)
        answer(SipResponse(405, "Method Not Allowed"))

    monkeypatch.setattr(ScriptedDevice, "arrived", arrived)


async def test_second_method_has_the_time_that_the_first_left(
    world: SipGatewayWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = with_recording_media(world)
    await world.register()
    claimed = await world.claim(b"short")
    lasts_ms = claimed.lease_until - world.clock() - MARGIN_MS
    slow_to_refuse(world, monkeypatch, 20_000)
    assert (await world.pushed(world.reach(), claimed)).kind is OutcomeKind.DONE
    assert media.patience == (lasts_ms - 20_000,)


async def test_push_is_put_off_whose_time_the_first_method_has_used_up(
    world: SipGatewayWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = with_recording_media(world)
    await world.register()
    claimed = await world.claim(b"short")
    slow_to_refuse(world, monkeypatch, claimed.lease_until - world.clock())
    assert (await world.pushed(world.reach(), claimed)).kind is OutcomeKind.LATER
    assert media.patience == ()
