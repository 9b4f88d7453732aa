"""Long pushes between our gateway and our client, at Kamailio: INVITE there, MSRP between them."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from omapush.pap.codes import MessageState
from omapush.pap.model import DeliveryMethod
from omapush.testing.sip_stage import sip_stage

pytestmark = pytest.mark.usefixtures("sip_peers")

MMS = "x-wap-application:mms.ua"
BINARY = "application/octet-stream"
CONFIRMED, UNCONFIRMED = DeliveryMethod.CONFIRMED, DeliveryMethod.UNCONFIRMED


@pytest.mark.parametrize("method", [CONFIRMED, UNCONFIRMED])
async def test_pushes_of_all_sizes_arrive_as_they_were_sent(
    tmp_path: Path, method: DeliveryMethod
) -> None:
    async with sip_stage(tmp_path) as stage:
        alice = await stage.phone("alice")
        application = await alice.application(MMS, BINARY)
        for size in (1, 1_300, 2_049, 100_000, 900_000):
            content = secrets.token_bytes(size)
            push_id = await stage.push(alice, content, BINARY, MMS, method=method)
            assert await application.takes() == content
            result = await stage.result(push_id)
            assert (result.message_state, result.code) == (MessageState.DELIVERED, 1000)


async def test_long_push_that_the_application_refuses_has_been_aborted(tmp_path: Path) -> None:
    async with sip_stage(tmp_path) as stage:
        alice = await stage.phone("alice")
        application = await alice.application(MMS, BINARY)
        push_id = await stage.push(alice, secrets.token_bytes(5_000), BINARY, MMS)
        await application.refuses()
        result = await stage.result(push_id)
        assert (result.message_state, result.code) == (MessageState.ABORTED, 5235)
        push_id = await stage.push(alice, content := secrets.token_bytes(5_000), BINARY, MMS)
        assert await application.takes() == content
        assert (await stage.result(push_id)).code == 1000


async def test_confirmed_push_goes_by_msrp_where_the_operator_wants_it(tmp_path: Path) -> None:
    more = "force_msrp_for_confirmed = true\n"
    async with sip_stage(tmp_path, more=more) as stage:
        alice = await stage.phone("alice")
        application = await alice.application(MMS, BINARY)
        push_id = await stage.push(alice, b"short", BINARY, MMS)
        assert await application.takes() == b"short"
        assert (await stage.result(push_id)).code == 1000
        assert "MSRP" in await stage.timeline(push_id)
