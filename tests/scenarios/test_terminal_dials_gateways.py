"""A client behind a network that nobody can dial into: it dials its gateways, or when they ask."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from omapush.bearers.udp import UdpBearer
from omapush.client.service_client import ServiceClient
from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.content.session_initiation import APPLICATION, CONTENT_TYPE, SessionInitiation
from omapush.daemon.clock import SystemClock
from omapush.initiator.client import PushInitiator
from omapush.ota.datagrams import Peer
from omapush.ota.http import cpi
from omapush.ota.http.accounts import KnownCpi
from omapush.ota.http.authentication import Login, Scheme
from omapush.ota.http.client import LAST_PUSH
from omapush.ota.http.ppg import HttpPpgSettings
from omapush.ota.interface import OutcomeKind, PushFlag
from omapush.ota.wsp.unit_push import encode_unit_push
from omapush.pap.model import DeliveryMethod
from omapush.protocols.wdp import AddressType
from omapush.testing.daemons import Daemon, free_port, run_verb, running
from omapush.testing.dialled_gateway import DialledGateway

PATIENCE_SECONDS = 30
LOOPBACK = "127.0.0.1"
TERMINAL, PROXY = "4441234567890", "ppg.example.com"
MMS = "x-wap-application:mms.ua"
HELLO = PushMessage((("Content-Type", "text/plain"), ("X-Wap-Application-Id", MMS)), b"hello")


class Accounts:
    """What the gateway knows of the terminal, and how the two prove who they are."""

    def __init__(self) -> None:
        self.known: KnownCpi | None = None

    def terminal_password(self, terminal_id: str) -> str | None:
        return "terminal's" if terminal_id == TERMINAL else None

    def login_at(self, terminal_id: str | None) -> Login | None:
        return Login(PROXY, "gateway's")

    def known_cpi(self, terminal_id: str) -> KnownCpi | None:
        return self.known


class Device:
    """The client's daemon, and what people do beside it."""

    def __init__(self, folder: Path, more: str) -> None:
        self._pushes = 0
        self.udp_port = free_port()
        self.config = folder / "client.toml"
        self.config.write_text(
            f'terminal.id = "{TERMINAL}"\nota_http.po_tcp = false\n'
            f'ota_wsp.udp_listen = "{LOOPBACK}:{self.udp_port}"\n'
            f'cai.socket = "{folder}/cai.sock"\nstore.path = "{folder}/client.db"\n{more}'
        )
        self.daemon = Daemon("client", self.config, path=folder / "cai.sock")
        self.cai = ServiceClient(folder / "cai.sock")

    async def asks(self, *ports: int, tag: bytes | None = None) -> None:
        """Have a gateway ask for connections to these ports of this machine."""
        request = SessionInitiation(
            (ApplicationId.parse(MMS),),
            contact_points=tuple(AddressType.of_ip(LOOPBACK, port) for port in ports),
            protocol_options=() if tag is None else (1,),
            cpi_tags=() if tag is None else (tag,),
        )
        headers = (("Content-Type", CONTENT_TYPE), ("X-Wap-Application-Id", APPLICATION))
        push = encode_unit_push(PushMessage(headers, request.encode()), PushFlag.NONE, 1)
        sender = await UdpBearer(SystemClock()).open(LOOPBACK, 0, lambda octets, peer: None)
        sender.send(push, Peer(LOOPBACK, self.udp_port))
        sender.close()

    async def pushed(self, gateway: DialledGateway, registration: Any) -> None:
        """Have a gateway push, and the application take it."""
        self._pushes += 1  # one that came before is not handed over again
        push = asyncio.ensure_future(gateway.push(HELLO, str(self._pushes)))
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            contextlib.aclosing(self.cai.events(registration["id"])) as events,
        ):
            event = await anext(aiter(events))
        assert base64.b64decode(event["content_b64"]) == b"hello"
        await self.cai.accept(event["id"])
        assert (await push).kind is OutcomeKind.DONE

    async def omapush(self, *arguments: str) -> tuple[int, str]:
        """Run a verb of ``omapush client``; return its exit status and what it prints."""
        ended = await run_verb(
            "client", "--config", str(self.config), *arguments,
            folder=self.config.parent, environment={"COLUMNS": "200"},
        )  # fmt: skip
        return ended.status, ended.out


@pytest.fixture
def new_device(tmp_path: Path) -> Callable[[str], Device]:
    return lambda more: Device(tmp_path, more)


def home(*ports: int, more: str = "") -> str:
    places = ", ".join(f'"{LOOPBACK}:{port}"' for port in ports)
    return (
        f'\n[[gateways]]\nname = "home"\ncontact_points = [{places}]\n'
        f"reconnect_first_seconds = 0.05\nreconnect_longest_seconds = 0.2\n{more}\n"
    )


async def test_request_by_datagram_leads_to_connection_and_push(
    new_device: Callable[[str], Device],
) -> None:
    """The second time the gateway names the tag that it knows, and the CPI is not sent again."""
    accounts = Accounts()
    asking = HttpPpgSettings(identity=PROXY, challenge=Scheme.DIGEST)
    async with DialledGateway(SystemClock(), asking, accounts).listening() as gateway:
        device = new_device(
            "sia.lockout_seconds = 1\n"
            + home(
                gateway.port,
                more='connect = "on_request"\nterminal_password = "terminal\'s"\n'
                f'scheme = "digest"\nusername = "{PROXY}"\npassword = "gateway\'s"',
            )
        )
        async with running(device.daemon), device.cai as cai:
            mms = await cai.register({"push_application_id": MMS})
            assert mms["state"] == "registered"
            [status] = await cai.gateways()
            assert (status["state"], gateway.peers) == ("on_request", [])
            await device.asks(gateway.port)
            first = await gateway.registered()
            assert (first.terminal_id, first.authenticated) == (TERMINAL, True)
            await device.pushed(gateway, mms)
            gateway.drop()
            await gateway.until(lambda: not gateway.links)

            assert first.cpi_tag is not None
            # So that it shows whose word the gateway takes, it remembers something else.
            remembered = tuple(
                (name, "fi" if name == cpi.ACCEPT_LANGUAGE else value) for name, value in first.cpi
            )
            accounts.known = KnownCpi(first.cpi_tag, {first.cpi_tag: remembered})
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(gateway.registrations) < 2:  # locked out for a second
                    await device.asks(gateway.port, tag=base64.b64decode(first.cpi_tag))
                    await asyncio.sleep(0.3)
            second = gateway.registrations[1]
            assert second.cpi_tag == first.cpi_tag
            assert second.capabilities.accept_language == ("fi",)
            await device.pushed(gateway, mms)
    log = device.daemon.log
    assert "Traceback" not in log
    assert "terminal's" not in log
    assert "gateway's" not in log


async def test_request_from_a_gateway_that_nobody_named_has_no_effect(
    new_device: Callable[[str], Device],
) -> None:
    async with DialledGateway(SystemClock()).listening() as stranger:
        device = new_device('sia.gateways = ["192.0.2.0/24"]\n')
        async with running(device.daemon), device.cai as cai:
            await cai.register({"push_application_id": MMS})
            await device.asks(stranger.port)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await cai.quarantine():  # noqa: ASYNC110 - there is no event for it
                    await asyncio.sleep(0.05)
            [refused] = await cai.quarantine()
            assert "none of the gateways that may be contacted" in refused["reason"]
            assert stranger.peers == []


async def test_gateway_comes_and_goes_and_hears_what_the_client_takes(
    new_device: Callable[[str], Device],
) -> None:
    first, second = free_port(), free_port()
    device = new_device(home(first, second))
    async with running(device.daemon), device.cai as cai:
        waiting = await cai.register({"push_application_id": MMS})
        status, printed = await device.omapush("gateways", "--json")
        [told] = [json.loads(line) for line in printed.splitlines()]
        assert (status, told["name"], told["purpose"]) == (0, "home", "settings")
        status, printed = await device.omapush("doctor")
        assert status > 0
        assert "home is not connected" in printed

        # The first contact point is dead all the time, the second one comes.
        async with DialledGateway(SystemClock()).listening(port=second) as gateway:
            await gateway.registered()
            mms = await cai.registration(waiting["id"], wait_seconds=20)
            assert mms["state"] == "registered"
            await device.pushed(gateway, mms)
            assert MMS in gateway.registrations[-1].capabilities.accept_app_id
            # What the client takes changes: it comes back at once to tell.
            times = len(gateway.registrations)
            other = await cai.register({"push_application_id": "x-mine:other"})
            assert other["state"] == "registered"
            await gateway.registered(times + 1)
            assert "x-mine:other" in gateway.registrations[-1].capabilities.accept_app_id
            status, printed = await device.omapush("gateways")
            assert (status, f"{LOOPBACK}:{second}" in printed) == (0, True)
            assert "what the client takes has changed" in printed

        # Away for a while, and back.
        async with DialledGateway(SystemClock()).listening(port=second) as gateway:
            await gateway.registered()
            await device.pushed(gateway, mms)
    assert "Traceback" not in device.daemon.log


async def test_gateway_asks_a_client_that_is_away_and_pushes_over_its_connection(
    new_device: Callable[[str], Device], tmp_path: Path
) -> None:
    """A confirmed push to a terminal that is not connected, between the two daemons."""
    pap, terminals = free_port(), free_port()
    device = new_device(home(terminals, more='connect = "on_request"'))
    settings = tmp_path / "ppg.toml"
    settings.write_text(
        f'pap.listen = "{LOOPBACK}:{pap}"\npap.anonymous_from = ["{LOOPBACK}/32"]\n'
        f'admin.listen = "{LOOPBACK}:0"\nstore.url = "sqlite:///{tmp_path}/omapush.db"\n'
        "delivery.retry_first_seconds = 0.2\ndelivery.retry_longest_seconds = 0.5\n"
        f'ota_http.listen = "{LOOPBACK}:{terminals}"\n'
        '[[clients]]\nid = "anna"\naddresses = ["+441234567890"]\n'
        f'terminal_id = "{TERMINAL}"\nota_http_dials_in = true\n'
        f'contacts = [{{ota_wsp_udp = "{LOOPBACK}:{device.udp_port}"}}]\n'
    )
    gateway = Daemon("ppg", settings, port=pap)
    async with (
        running(gateway),
        running(device.daemon),
        device.cai as cai,
        PushInitiator(f"http://{LOOPBACK}:{pap}/pap") as initiator,
    ):
        mms = await cai.register({"push_application_id": MMS})
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
        assert (event["protocol"], event["bearer"]) == ("OTA-HTTP", "TCP/IP")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await cai.gateways())[0]["ended"] != LAST_PUSH:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.05)
        [status] = await cai.gateways()
        assert (status["state"], status["failures"]) == ("on_request", 0)
    assert "session_initiation" in device.daemon.log
    assert "Traceback" not in device.daemon.log + gateway.log
