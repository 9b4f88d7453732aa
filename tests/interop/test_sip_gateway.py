"""Our gateway as application server of a foreign core, Kamailio, with a foreign client, sipp."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from omapush.pap.codes import MessageState
from omapush.testing.authority import Authority
from omapush.testing.kamailio import DOMAIN, HOST, Kamailio, free_sip_port
from omapush.testing.running_gateway import RunningGateway
from omapush.testing.sipp import Sipp, SippRun

pytestmark = pytest.mark.usefixtures("sip_peers")

ALICE = f"sip:alice@{DOMAIN}"
MMS = "x-wap-application:mms.ua"


@pytest.fixture
def core() -> Iterator[Kamailio]:
    with Kamailio(answer_within=5, values={"MIN_EXPIRES": "1"}) as running:
        yield running


def gateway_of(
    core: Kamailio, folder: Path, *, transport: str = "udp", more: str = ""
) -> RunningGateway:
    table = (
        f'[sip]\ncore = "{HOST}:{core.isc_port}"\ntransport = "{transport}"\n'
        f'uri = "sip:ppg@{DOMAIN}"\n'
        f'listen_udp = "{HOST}:{core.ppg_port}"\nlisten_tcp = "{HOST}:{core.ppg_port}"\n{more}'
        f'[[clients]]\nid = "alice"\nsip = "{ALICE}"\n'
    )
    return RunningGateway(folder, table)


async def register(core: Kamailio, device: Sipp, **keys: str) -> SippRun:
    run = await Sipp("register", core.port, keys={"contact_port": str(device.port), **keys}).run()
    assert run.status == 0
    return run


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_push_reaches_registered_device_through_the_core(
    core: Kamailio, tmp_path: Path, transport: str
) -> None:
    gateway = gateway_of(core, tmp_path, transport=transport)
    async with gateway.running(), Sipp("client_uas", core.port) as device:
        await register(core, device)
        result = await gateway.ended(await gateway.push(ALICE, b"an mms", application=MMS))
        taken = await device.finished()
    assert (result.message_state, result.code) == (MessageState.DELIVERED, 1000)
    (message,) = taken.requests
    assert message.first_line == f"MESSAGE {ALICE.replace(DOMAIN, HOST)}:{device.port} SIP/2.0"
    assert message.header("P-Asserted-Identity") == f"<sip:ppg@{DOMAIN}>"
    assert message.body.endswith("\n\nan mms")


async def test_device_of_gruu_gets_the_push_that_is_addressed_to_it(
    core: Kamailio, tmp_path: Path
) -> None:
    other = "urn:uuid:f81d4fae-7dec-11d0-a765-000000000000"
    gateway = gateway_of(core, tmp_path)
    async with gateway.running(), Sipp("client_uas", core.port) as device:
        await register(core, device)
        await register(core, Sipp("client_uas", core.port), instance=other)
        target = f"{ALICE};gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
        result = await gateway.ended(await gateway.push(target, b"an mms", application=MMS))
        taken = await device.finished()
    assert result.message_state is MessageState.DELIVERED
    assert len(taken.requests) == 1


async def test_push_waits_for_registration_that_the_core_tells_of(
    core: Kamailio, tmp_path: Path
) -> None:
    gateway = gateway_of(core, tmp_path)
    async with gateway.running(), Sipp("client_uas", core.port) as device:
        push_id = await gateway.push(ALICE, b"an mms", application=MMS)
        await gateway.until_said(push_id, "not registered")
        await register(core, device)
        result = await gateway.ended(push_id)
        taken = await device.finished()
    assert result.message_state is MessageState.DELIVERED
    assert len(taken.requests) == 1


@pytest.mark.parametrize(
    ("status", "header", "state", "code"),
    [
        ("603 Decline", "X-Wap-Push-Status: 235 no", MessageState.ABORTED, 5235),
        ("415 Unsupported Media Type", "X-Wap-Push-Status: 238 no", MessageState.ABORTED, 5238),
        ("403 Forbidden", "User-Agent: sipp", MessageState.ABORTED, 5235),
    ],
)
async def test_refusal_of_a_foreign_device_becomes_the_result(
    core: Kamailio, tmp_path: Path, status: str, header: str, state: MessageState, code: int
) -> None:
    gateway = gateway_of(core, tmp_path)
    keys = {"status": status, "header": header}
    async with gateway.running(), Sipp("client_uas", core.port, keys=keys) as device:
        await register(core, device)
        result = await gateway.ended(await gateway.push(ALICE, b"an mms", application=MMS))
    assert (result.message_state, result.code) == (state, code)


async def test_gateway_and_core_talk_by_tls_both_ways(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.sign("gateway", f"IP:{HOST}")
    port, tls_port = free_sip_port(), free_sip_port()
    with Kamailio(tls=authority, ppg=f"sip:{HOST}:{tls_port};transport=tls") as core:
        table = (
            f'[sip]\ncore = "{HOST}:{core.isc_tls_port}"\ntransport = "tls"\n'
            f'uri = "sip:ppg@{DOMAIN}"\nlisten_tls = "{HOST}:{tls_port}"\n'
            f'tls_certificate = "{tmp_path}/gateway.pem"\ntls_key = "{tmp_path}/gateway.key"\n'
            f'tls_ca = "{tmp_path}/ca.pem"\nask_capabilities = false\n'
            f'[[clients]]\nid = "alice"\nsip = "{ALICE}"\n'
        )
        gateway = RunningGateway(tmp_path, table)
        async with gateway.running(), Sipp("client_uas", core.port, port=port) as device:
            push_id = await gateway.push(ALICE, b"an mms", application=MMS)
            await gateway.until_said(push_id, "480")
            await register(core, device)
            result = await gateway.ended(push_id)
            taken = await device.finished()
    assert result.message_state is MessageState.DELIVERED
    assert taken.requests[0].body.endswith("\n\nan mms")


async def test_gateway_sends_nothing_to_a_core_of_another_authority(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.mkdir()
    other.mkdir()
    Authority(mine)
    with Kamailio(tls=Authority(other)) as core:
        table = (
            f'[sip]\ncore = "{HOST}:{core.isc_tls_port}"\ntransport = "tls"\n'
            f'uri = "sip:ppg@{DOMAIN}"\nlisten_tcp = "{HOST}:{core.ppg_port}"\n'
            f'tls_ca = "{mine}/ca.pem"\n[[clients]]\nid = "alice"\nsip = "{ALICE}"\n'
        )
        gateway = RunningGateway(tmp_path, table)
        async with gateway.running(), Sipp("client_uas", core.port) as device:
            await register(core, device)
            push_id = await gateway.push(ALICE, b"an mms", application=MMS)
            await gateway.until_said(push_id, "TLS: self-signed certificate")
            assert device.messages == ()
