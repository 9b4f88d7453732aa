"""PO-TCP by TLS between the two daemons, in the roles of the specification and in those of TCP."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from pathlib import Path

import pytest

from omapush.client.service_client import ServiceClient
from omapush.initiator.client import PushInitiator
from omapush.pap.model import DeliveryMethod
from omapush.testing.authority import Authority
from omapush.testing.daemons import Daemon, free_port, running

PATIENCE_SECONDS = 30
LOOPBACK, PROXY = "127.0.0.1", "ppg.example.com"
MMS = "x-wap-application:mms.ua"


@pytest.mark.parametrize("roles", ["spec", "tcp"])
async def test_gateway_dials_by_tls_and_pushes(tmp_path: Path, roles: str) -> None:
    """WAP-235 7.2.2: the gateway is TLS server though it dials, unless both are set otherwise."""
    authority = Authority(tmp_path)
    authority.sign("gateway", f"DNS:{PROXY}")
    authority.sign("terminal", f"IP:{LOOPBACK}")
    pap, secure, cai_socket = free_port(), free_port(), tmp_path / "cai.sock"
    settings = tmp_path / "ppg.toml"
    settings.write_text(
        f'pap.listen = "{LOOPBACK}:{pap}"\npap.anonymous_from = ["{LOOPBACK}/32"]\n'
        f'admin.listen = "{LOOPBACK}:0"\nstore.url = "sqlite:///{tmp_path}/omapush.db"\n'
        f'ota_http.po_tcp_tls_roles = "{roles}"\nota_http.po_tcp_ca = "{tmp_path}/ca.pem"\n'
        f'ota_http.tls_certificate = "{tmp_path}/gateway.pem"\n'
        f'ota_http.tls_key = "{tmp_path}/gateway.key"\n'
        '[[clients]]\nid = "anna"\naddresses = ["+441234567890"]\n'
        f'ota_http = "{LOOPBACK}:{secure}"\nota_http_secure = true\n'
    )
    client_settings = tmp_path / "client.toml"
    client_settings.write_text(
        f'ota_http.po_tcp = false\nota_http.secure_listen = "{LOOPBACK}:{secure}"\n'
        f'ota_http.po_tcp_tls_roles = "{roles}"\nota_http.contact_ca = "{tmp_path}/ca.pem"\n'
        f'ota_http.tls_certificate = "{tmp_path}/terminal.pem"\n'
        f'ota_http.tls_key = "{tmp_path}/terminal.key"\n'
        f'cai.socket = "{cai_socket}"\nstore.path = "{tmp_path}/client.db"\n'
        f'[[gateways]]\nname = "home"\ncontact_points = ["https://{PROXY}"]\n'
        'connect = "on_request"\n'
    )
    gateway = Daemon("ppg", settings, port=pap)
    client = Daemon("client", client_settings, path=cai_socket)
    async with (
        running(gateway),
        running(client),
        ServiceClient(cai_socket) as cai,
        PushInitiator(f"http://{LOOPBACK}:{pap}/pap") as initiator,
    ):
        mms = await cai.register({"push_application_id": MMS})
        assert mms["state"] == "registered"
        await initiator.submit(
            ["+441234567890"], MMS, b"hello", "text/plain",
            delivery_method=DeliveryMethod.CONFIRMED,
        )  # fmt: skip
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            contextlib.aclosing(cai.events(mms["id"])) as events,
        ):
            event = await anext(aiter(events))
        await cai.accept(event["id"])
        assert event["protocol"] == "OTA-HTTP"
        assert base64.b64decode(event["content_b64"]) == b"hello"
    assert "Traceback" not in client.log + gateway.log
