"""The core forgets everybody: the gateway waits, and asks a phone by short message to come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from omapush.pap.codes import MessageState
from omapush.testing.sip_stage import sip_stage

pytestmark = pytest.mark.usefixtures("sip_peers")

MMS = "x-wap-application:mms.ua"


async def test_push_to_a_phone_that_the_core_has_forgotten_waits_until_it_is_back(
    tmp_path: Path,
) -> None:
    async with sip_stage(tmp_path, more='contact_point = "127.0.0.1:5060"\n') as stage:
        alice = await stage.phone("alice", short_messages=True)
        application = await alice.application(MMS, "text/plain")
        first = await stage.push(alice, b"before", "text/plain", MMS)
        assert await application.takes() == b"before"
        assert (await stage.result(first)).message_state is MessageState.DELIVERED
        stage.core.restart()
        second = await stage.push(alice, b"after", "text/plain", MMS)
        assert await application.takes() == b"after"
        assert (await stage.result(second)).message_state is MessageState.DELIVERED
        said = await stage.timeline(second)
        assert "480" in said
        assert "asked for a registration" in said
        assert said.count("session_requested") == 1
