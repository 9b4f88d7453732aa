"""Kill -9 of the gateway and of the phone in the middle of a push, at a real core.

Each push is long or short: by MSRP, or by MESSAGE. The application gets it once if it has taken it,
and the initiator hears the truth.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from omapush.pap.codes import MessageState
from omapush.testing.sip_stage import Phone, PhoneApplication, SipStage, sip_stage

pytestmark = pytest.mark.usefixtures("sip_peers")

STOCKS = "x-acme:stock-quotes"
OCTETS = "application/octet-stream"
SIZES = pytest.mark.parametrize("size", [20, 5_000], ids=["MESSAGE", "INVITE"])


@pytest.fixture
async def stage(sip_peers: None, tmp_path: Path) -> AsyncIterator[SipStage]:
    # The core does not wait long for a phone that is dead.
    async with sip_stage(tmp_path, answer_within=2) as running:
        yield running


async def application_of(stage: SipStage) -> tuple[Phone, PhoneApplication]:
    phone = await stage.phone("alice")
    return phone, await phone.application(STOCKS, OCTETS)


async def delivered(stage: SipStage, push_id: str) -> str:
    """Expect that the initiator hears of a delivery; return the timeline."""
    result = await stage.result(push_id)
    timeline = await stage.timeline(push_id)
    assert (result.message_state, result.code) == (MessageState.DELIVERED, 1000), timeline
    return timeline


async def nothing_comes(application: PhoneApplication) -> bool:
    return await application.cai.next_event(application.registration["id"], 0) is None


@SIZES
async def test_push_that_was_with_the_application_when_the_gateway_died_is_not_offered_again(
    stage: SipStage, size: int
) -> None:
    """The repetition waits for the answer to the first, and both are one push."""
    _, application = await application_of(stage)
    push_id = await stage.push("sip:alice@push.test", b"x" * size, OCTETS, STOCKS)
    event, _ = await application.next_push()
    await stage.gateway.kill()
    await stage.gateway.start()
    await stage.until_said(push_id, "in_doubt")
    await stage.until_said(push_id, "attempt: 2")
    await application.cai.accept(event["id"])
    await delivered(stage, push_id)
    assert await nothing_comes(application)


@SIZES
async def test_push_that_was_taken_while_the_gateway_was_dead_is_recognised_when_it_comes_again(
    stage: SipStage, size: int
) -> None:
    _, application = await application_of(stage)
    push_id = await stage.push("sip:alice@push.test", b"x" * size, OCTETS, STOCKS)
    event, _ = await application.next_push()
    await stage.gateway.kill()
    await application.cai.accept(event["id"])
    await stage.gateway.start()
    timeline = await delivered(stage, push_id)
    assert "in_doubt" in timeline
    assert await nothing_comes(application)


@SIZES
async def test_push_that_was_not_answered_when_the_phone_died_is_offered_again(
    stage: SipStage, size: int
) -> None:
    phone, application = await application_of(stage)
    push_id = await stage.push("sip:alice@push.test", b"x" * size, OCTETS, STOCKS)
    await application.next_push()
    await phone.daemon.kill()
    await phone.on()
    assert await application.takes() == b"x" * size
    await delivered(stage, push_id)
    assert await nothing_comes(application)


async def test_push_that_was_taken_just_before_the_phone_died_stays_taken(stage: SipStage) -> None:
    """What the application was told to be taken is on disk, whether the core has heard or not."""
    phone, application = await application_of(stage)
    push_id = await stage.push("sip:alice@push.test", b"17.25", OCTETS, STOCKS)
    assert await application.takes() == b"17.25"
    await phone.daemon.kill()
    await phone.on()
    await delivered(stage, push_id)
    assert await nothing_comes(application)
