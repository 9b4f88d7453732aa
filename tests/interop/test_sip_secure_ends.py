"""TLS all the way between gateway and client, at a real core (REQ20)."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from omapush.client.service_client import ServiceClient
from omapush.pap.codes import MessageState
from omapush.testing.authority import Authority
from omapush.testing.daemons import Daemon, free_port, running
from omapush.testing.kamailio import DOMAIN, GATEWAY, HOST, Kamailio, free_sip_port
from omapush.testing.running_gateway import RunningGateway

pytestmark = pytest.mark.usefixtures("sip_peers")

ALICE = f"sip:alice@{DOMAIN}"
MMS = "x-wap-application:mms.ua"
BINARY = "application/octet-stream"
DELIVERY = "retry_first_seconds = 0.2\nretry_longest_seconds = 1\nresponse_timeout_seconds = 20\n"


def gateway_at(core: Kamailio, folder: Path, port: int, *, msrp_secure: bool) -> RunningGateway:
    return RunningGateway(
        folder,
        f'[sip]\ncore = "{HOST}:{core.isc_tls_port}"\ntransport = "tls"\nuri = "{GATEWAY}"\n'
        f'listen_tls = "{HOST}:{port}"\ntls_certificate = "{folder}/gateway.pem"\n'
        f'tls_key = "{folder}/gateway.key"\ntls_ca = "{folder}/ca.pem"\n'
        f'msrp_listen = "{HOST}:{free_port()}"\nmsrp_secure = {str(msrp_secure).lower()}\n'
        f'[[clients]]\nid = "alice"\nsip = "{ALICE}"\n',
        delivery=DELIVERY,
    )


def client_at(core: Kamailio, folder: Path) -> Daemon:
    (folder / "client.toml").write_text(
        f'ota_http.po_tcp = false\ncai.socket = "{folder}/cai.sock"\n'
        f'store.path = "{folder}/client.db"\nbuilt_in.enabled = false\n'
        f'[ota_sip]\ncore = "{HOST}:{core.tls_port}"\ntransport = "tls"\naor = "{ALICE}"\n'
        f'password = "alice-secret"\nppg = ["{GATEWAY}"]\nca_file = "{folder}/ca.pem"\n'
    )
    return Daemon("client", folder / "client.toml", path=folder / "cai.sock")


async def test_short_and_long_pushes_arrive_by_tls_only(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.sign("gateway", f"IP:{HOST}")
    port = free_sip_port()
    with Kamailio(auth=True, tls=authority, ppg=f"sip:{HOST}:{port};transport=tls") as core:
        gateway, client = (
            gateway_at(core, tmp_path, port, msrp_secure=True),
            client_at(core, tmp_path),
        )
        async with (
            gateway.running(),
            running(client),
            ServiceClient(tmp_path / "cai.sock") as cai,
        ):
            registration = await cai.register({"push_application_id": MMS})
            assert registration["state"] == "registered", client.log
            for size in (10, 5_000, 200_000):
                content = secrets.token_bytes(size)
                push_id = await gateway.push(ALICE, content, BINARY, application=MMS)
                event = await cai.next_event(registration["id"])
                assert event is not None, await gateway.reasons(push_id) + client.log
                assert await cai.content(event) == content
                await cai.accept(event["id"])
                result = await gateway.ended(push_id)
                assert result.message_state is MessageState.DELIVERED


async def test_client_at_a_core_by_tls_takes_no_session_in_clear(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.sign("gateway", f"IP:{HOST}")
    port = free_sip_port()
    with Kamailio(auth=True, tls=authority, ppg=f"sip:{HOST}:{port};transport=tls") as core:
        gateway, client = (
            gateway_at(core, tmp_path, port, msrp_secure=False),
            client_at(core, tmp_path),
        )
        async with (
            gateway.running(),
            running(client),
            ServiceClient(tmp_path / "cai.sock") as cai,
        ):
            registration = await cai.register({"push_application_id": MMS})
            assert registration["state"] == "registered", client.log
            push_id = await gateway.push(ALICE, bytes(5_000), BINARY, application=MMS)
            await gateway.until_said(push_id, "488")
