"""A user agent that knows nothing of push, at the SIP core that examples ship."""

from __future__ import annotations

import pytest

from omapush.testing.baresip import Baresip, BaresipError
from omapush.testing.kamailio import DOMAIN, Kamailio
from omapush.testing.sipp import ENVELOPE, Sipp

pytestmark = pytest.mark.usefixtures("sip_peers", "baresip_peer")

PLAIN = {"target": f"sip:bob@{DOMAIN}", "content_type": "text/plain", "body": "Grüße an alle"}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("auth", [True, False])
async def test_user_agent_takes_push_of_plain_text(auth: bool, transport: str) -> None:
    with Kamailio(auth=auth) as core:
        async with Baresip(core.port, transport=transport) as bob:
            (binding,) = core.bindings()
            pushed = await Sipp("push", core.isc_port, keys={**PLAIN, "accept_contact": "*"}).run()
            assert bob.texts == ["Grüße an alle"]
            assert f"P-Asserted-Identity: <sip:ppg@{DOMAIN}>" in bob.requests[-1]
        assert core.bindings() == []
    assert binding.user == "bob"
    assert pushed.answers == [200]


async def test_user_agent_refuses_envelope_and_says_what_it_takes() -> None:
    keys = {"target": f"sip:bob@{DOMAIN}", "accept_contact": "*"}
    with Kamailio() as core:
        async with Baresip(core.port) as bob:
            pushed = await Sipp("push", core.isc_port, keys=keys).run()
            assert bob.texts == [ENVELOPE.replace("\r\n", "\n")]
    assert pushed.answers == [415]
    assert pushed.messages[-1].header("Accept") == "text/plain"


async def test_core_sends_push_for_application_past_user_agent_without_tags() -> None:
    with Kamailio() as core:
        async with Baresip(core.port) as bob:
            pushed = await Sipp("push", core.isc_port, keys=PLAIN).run()
            assert bob.texts == []
    assert pushed.answers == [480]


async def test_user_agent_that_cannot_register_says_why() -> None:
    with Kamailio(auth=True) as core, pytest.raises(BaresipError, match="401 Unauthorized"):
        async with Baresip(core.port, user="mallory"):
            pass
