"""baresip, which knows nothing of push, gets a push of plain text from our gateway."""

from __future__ import annotations

from pathlib import Path

import pytest

from omapush.pap.codes import MessageState
from omapush.testing.baresip import Baresip
from omapush.testing.kamailio import DOMAIN, GATEWAY, HOST, Kamailio
from omapush.testing.running_gateway import RunningGateway

pytestmark = pytest.mark.usefixtures("sip_peers", "baresip_peer")

BOB = f"sip:bob@{DOMAIN}"
TEXT = "Your parcel is at the desk."


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_plain_user_agent_gets_push_of_text(tmp_path: Path, transport: str) -> None:
    """OTA-SIP 6.1: it refuses the envelope (415), and gets the content by itself."""
    with Kamailio(auth=True) as core:
        gateway = RunningGateway(
            tmp_path,
            f'[sip]\ncore = "{HOST}:{core.isc_port}"\nuri = "{GATEWAY}"\n'
            f'listen_udp = "{HOST}:{core.ppg_port}"\nlisten_tcp = "{HOST}:{core.ppg_port}"\n'
            "plain_devices = true\n"
            f'[[clients]]\nid = "bob"\nsip = "{BOB}"\n',
        )
        async with gateway.running(), Baresip(core.port, transport=transport) as bob:
            push_id = await gateway.push(BOB, TEXT.encode())
            result = await gateway.ended(push_id)
            said = await gateway.reasons(push_id)
            assert (result.message_state, int(result.code)) == (MessageState.DELIVERED, 1000), said
            assert bob.texts[-1] == TEXT
            first, second = (one for one in bob.requests if one.startswith("MESSAGE "))
    assert "Content-Type: application/vnd.oma.push\n" in first
    assert "Content-Type: text/plain\n" in second
