"""From PAP to an application and back, with a real SIP core between gateway and client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from omapush.client.service_client import ServiceClient
from omapush.pap.codes import MessageState
from omapush.testing.daemons import Daemon, free_port, running
from omapush.testing.kamailio import DOMAIN, HOST, Kamailio
from omapush.testing.running_gateway import RunningGateway

pytestmark = pytest.mark.usefixtures("sip_peers")

PATIENCE_SECONDS = 30
ALICE, PPG = f"sip:alice@{DOMAIN}", f"sip:ppg@{DOMAIN}"
MMS = "x-wap-application:mms.ua"
DELIVERY = "retry_first_seconds = 0.2\nretry_longest_seconds = 1\nresponse_timeout_seconds = 20\n"


class Ends:
    """Gateway and client at one core."""

    def __init__(
        self, folder: Path, core: Kamailio, *, gateway: str = "", client: str = ""
    ) -> None:
        self.gateway = RunningGateway(
            folder,
            f'[sip]\ncore = "{HOST}:{core.isc_port}"\nuri = "{PPG}"\n'
            f'listen_udp = "{HOST}:{core.ppg_port}"\nlisten_tcp = "{HOST}:{core.ppg_port}"\n'
            f'{gateway}[[clients]]\nid = "alice"\nsip = "{ALICE}"\n',
            delivery=DELIVERY,
        )
        config = folder / "client.toml"
        config.write_text(
            f'ota_http.po_tcp = false\ncai.socket = "{folder}/cai.sock"\n'
            f'store.path = "{folder}/client.db"\nbuilt_in.enabled = false\n'
            f'[ota_sip]\ncore = "{HOST}:{core.port}"\ntransport = "udp"\naor = "{ALICE}"\n'
            f'password = "alice-secret"\nppg = ["{PPG}"]\n{client}'
        )
        self.client = Daemon("client", config, path=folder / "cai.sock")
        self.cai = ServiceClient(folder / "cai.sock")

    async def registered(self, **more: Any) -> Any:
        registration = await self.cai.register(
            {"push_application_id": MMS, "profiles": [{"protocol": "OTA-SIP"}], **more}
        )
        assert registration["state"] == "registered", self.client.log
        return registration

    async def takes(self, registration: Any, answer: str = "accept") -> bytes:
        """Have the application take its next push; return the content."""
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            contextlib.aclosing(self.cai.events(registration["id"])) as events,
        ):
            event = await anext(aiter(events))
        content = await self.cai.content(event)
        if answer == "accept":
            await self.cai.accept(event["id"])
        else:
            await self.cai.reject(event["id"], answer)
        return content

    async def delivered(self, registration: Any, content: bytes, **more: Any) -> str:
        """Push; return the timeline once the application took it."""
        push_id = await self.gateway.push(ALICE, content, application=MMS, **more)
        assert await self.takes(registration) == content
        result = await self.gateway.ended(push_id)
        timeline = await self.gateway.reasons(push_id)
        assert result.message_state is MessageState.DELIVERED, timeline + self.client.log
        return timeline


@contextlib.asynccontextmanager
async def ends_at(folder: Path, core: Kamailio, **more: Any) -> AsyncIterator[Ends]:
    ends = Ends(folder, core, **more)
    async with ends.gateway.running(), running(ends.client), ends.cai:
        yield ends


async def test_push_is_taken_by_the_application_and_the_initiator_hears_of_it(
    tmp_path: Path,
) -> None:
    with Kamailio(auth=True) as core:
        async with ends_at(tmp_path, core) as ends:
            registration = await ends.registered()
            timeline = await ends.delivered(registration, b"an mms")
            assert "MESSAGE" in timeline or "SIP" in timeline
            [told] = (await ends.cai.sip())[0]["gateways"]
            assert told["told"], told


async def test_gateway_without_a_port_connects_to_the_client(tmp_path: Path) -> None:
    content = bytes(5_000)
    with Kamailio(auth=True) as core:
        msrp = f'msrp_listen = "{HOST}:{free_port()}"\n'
        async with ends_at(tmp_path, core, client=msrp) as ends:
            registration = await ends.registered()
            await ends.delivered(registration, content, content_type="application/octet-stream")


@pytest.mark.parametrize(("answer", "code"), [("refused", 5235), ("unsupported_type", 5238)])
async def test_refusal_reaches_the_initiator(tmp_path: Path, answer: str, code: int) -> None:
    """Section 9: 603 with 235 is 5235 for PAP, and 415 with 238 is 5238."""
    with Kamailio(auth=True) as core:
        async with ends_at(tmp_path, core) as ends:
            registration = await ends.registered()
            push_id = await ends.gateway.push(ALICE, b"x", application=MMS)
            await ends.takes(registration, answer)
            result = await ends.gateway.ended(push_id)
            assert result.code == code, await ends.gateway.reasons(push_id)


async def test_type_that_is_not_taken_is_known_to_the_gateway(tmp_path: Path) -> None:
    """The client has told it by OPTIONS (CAI 5.1)."""
    with Kamailio(auth=True) as core:
        async with ends_at(tmp_path, core) as ends:
            await ends.registered(accept=["text/plain"])
            push_id = await ends.gateway.push(ALICE, b"x", "image/png", application=MMS)
            result = await ends.gateway.ended(push_id)
            assert result.code == 2006, await ends.gateway.reasons(push_id)


async def test_push_waits_for_a_client_that_is_away(tmp_path: Path) -> None:
    with Kamailio(auth=True) as core:
        async with ends_at(tmp_path, core) as ends:
            registration = await ends.registered()
            await ends.client.stop()
            push_id = await ends.gateway.push(ALICE, b"late", application=MMS)
            await ends.gateway.until_said(push_id, "egister")
            await ends.client.start()
            assert await ends.takes(registration) == b"late"
            result = await ends.gateway.ended(push_id)
            assert result.message_state is MessageState.DELIVERED
