"""Gateway and client at a real core over every transport, and through an edge proxy."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from omapush.pap.codes import MessageState
from omapush.testing.authority import Authority
from omapush.testing.kamailio import (
    DOMAIN,
    GATEWAY,
    EdgeProxy,
    Kamailio,
    bracketed,
    free_sip_port,
)
from omapush.testing.running_gateway import RunningGateway
from omapush.testing.sip_phone import sip_phone
from omapush.testing.sip_stage import Phone, PhoneApplication

pytestmark = pytest.mark.usefixtures("sip_peers")

ALICE = f"sip:alice@{DOMAIN}"
MMS = "x-wap-application:mms.ua"
OCTETS = "application/octet-stream"
LENGTHS = (3, 20_000)
"""One goes by MESSAGE, the other one by INVITE and MSRP."""


@dataclass
class Ends:
    """Both ends at a core. :ivar application: of the phone."""

    core: Kamailio
    gateway: RunningGateway
    phone: Phone
    application: PhoneApplication

    async def deliver(self, octets: int) -> None:
        """Push, take it, and expect the result."""
        content = bytes(number % 251 for number in range(octets))
        push_id = await self.gateway.push(ALICE, content, OCTETS, application=MMS)
        assert await self.application.takes() == content
        result = await self.gateway.ended(push_id)
        said = await self.gateway.reasons(push_id)
        assert (result.message_state, int(result.code)) == (MessageState.DELIVERED, 1000), said


@contextlib.asynccontextmanager
async def ends(
    folder: Path,
    transport: str = "udp",
    host: str = "127.0.0.1",
    *,
    edge: bool = False,
    **phone: object,
) -> AsyncIterator[Ends]:
    """Start a core with authentication, the gateway and alice's phone.

    :param edge: the phone is behind an edge proxy.
    :param phone: more of its table ``[ota_sip]``.
    """
    (folder / "alice").mkdir()
    authority = Authority(folder) if transport == "tls" else None
    port, at = free_sip_port(), bracketed(host)
    suffix = "" if transport == "udp" else f";transport={transport}"
    secure, tls = "", {}
    if authority is not None:
        authority.sign("gateway", f"IP:{host}")
        secure = (
            f'tls_certificate = "{folder}/gateway.pem"\ntls_key = "{folder}/gateway.key"\n'
            f'tls_ca = "{folder}/ca.pem"\nmsrp_secure = true\n'
        )
        tls = {"ca_file": f"{folder}/ca.pem"}
    with contextlib.ExitStack() as stack:
        core = stack.enter_context(
            Kamailio(
                auth=True,
                tls=authority,
                host=host,
                ppg=f"sip:{at}:{port}{suffix}",
                values={"MIN_EXPIRES": "1"},
            )
        )
        entry = core.port if authority is None else core.tls_port
        isc = core.isc_port if authority is None else core.isc_tls_port
        if edge:
            entry = stack.enter_context(EdgeProxy(core)).port
        gateway = RunningGateway(
            folder,
            f'[sip]\ncore = "{at}:{isc}"\ntransport = "{transport}"\nuri = "{GATEWAY}"\n'
            f'listen_{transport} = "{at}:{port}"\nmsrp_listen = "{at}:{free_sip_port()}"\n'
            f'{secure}[[clients]]\nid = "alice"\nsip = "{ALICE}"\n',
        )
        table = {"core": f"{at}:{entry}", "transport": transport, **tls, **phone}
        async with gateway.running():
            async with sip_phone(folder / "alice", **table) as alice:
                yield Ends(core, gateway, alice, await alice.application(MMS, OCTETS))
            # The phone has said that the media session is over, where the gateway's Contact asks.
            # (200, or 481 where the end of its connection was noticed before.)
            assert 'omapush_sip_requests_served_total{method="BYE"' in await metrics(gateway)


async def metrics(gateway: RunningGateway) -> str:
    async with httpx2.AsyncClient(trust_env=False) as client:
        return (await client.get(f"http://127.0.0.1:{gateway.admin}/metrics")).text


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_pushes_arrive_over_every_transport(
    tmp_path: Path, transport: str, host: str
) -> None:
    """REQ6: short ones and long ones."""
    async with ends(tmp_path, transport, host) as at:
        for octets in LENGTHS:
            await at.deliver(octets)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_pushes_arrive_through_edge_proxy(tmp_path: Path, transport: str) -> None:
    """REQ5: the core knows the way by the Path of the registration (RFC 3327)."""
    async with ends(tmp_path, transport, edge=True) as at:
        [binding] = at.core.bindings()
        assert binding.path.startswith("<sip:127.0.0.1:")
        for octets in LENGTHS:
            await at.deliver(octets)
