"""OTA-WSP over UDP with real daemons: connectionless pushes, push sessions, and asking for one."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from omapush.client.service_client import ServiceClient
from omapush.ota.wsp.unit_push import decode_unit_push
from omapush.testing.daemons import Daemon, free_port, free_udp_port, run_verb, running

PATIENCE_SECONDS = 30
MMS_NUMBER = "+441234567890"
MMS = bytes.fromhex("8c82985431323334353637008d90")
SI = (
    '<?xml version="1.0"?><!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" '
    '"http://www.wapforum.org/DTD/si.dtd"><si><indication href="http://www.xyz.com/">hello'
    "</indication></si>"
)


class System:
    """A gateway, a client and the folder of both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pap, self.admin = free_port(), free_port()
        self.udp_from, self.push_port = free_udp_port(), free_udp_port()
        self.session_port = free_udp_port()
        self.cai = folder / "cai.sock"

    def gateway(self, client: str, more: str = "") -> Daemon:
        settings = self.folder / "ppg.toml"
        settings.write_text(
            f'[pap]\nlisten = "127.0.0.1:{self.pap}"\nanonymous_from = ["127.0.0.1/32"]\n'
            f'[admin]\nlisten = "127.0.0.1:{self.admin}"\n'
            f'[store]\nurl = "sqlite:///{self.folder}/omapush.db"\n'
            "[delivery]\nretry_first_seconds = 0.2\nretry_longest_seconds = 0.5\n"
            f'[ota_wsp]\nudp_from = "127.0.0.1:{self.udp_from}"\n{more}'
            f'[[clients]]\nid = "anna"\naddresses = ["{MMS_NUMBER}"]\n{client}'
        )
        return Daemon("ppg", settings, port=self.pap)

    def client(self, more: str = "") -> Daemon:
        settings = self.folder / "client.toml"
        settings.write_text(
            f'[ota_http]\nlisten = "127.0.0.1:{free_port()}"\n'
            f'[ota_wsp]\nudp_listen = "127.0.0.1:{self.push_port}"\n{more}'
            f'[cai]\nsocket = "{self.cai}"\n'
            f'[store]\npath = "{self.folder}/client.db"\n'
        )
        return Daemon("client", settings, path=self.cai)

    async def omapush(self, *arguments: str) -> tuple[int, str, str]:
        ended = await run_verb(*arguments, folder=self.folder)
        return ended.status, ended.out, ended.err

    async def push(self, *arguments: str) -> tuple[int, str, str]:
        ppg = f"http://127.0.0.1:{self.pap}/pap"
        return await self.omapush("push", MMS_NUMBER, "--ppg", ppg, *arguments)

    async def push_mms(self, *arguments: str) -> tuple[int, str, str]:
        body = self.folder / "notification"
        body.write_bytes(MMS)
        return await self.push(
            "--file", str(body), "--content-type", "application/vnd.wap.mms-message",
            "-a", "x-wap-application:mms.ua", *arguments,
        )  # fmt: skip

    async def timeline_of(self, push_id: str) -> str:
        database = f"sqlite:///{self.folder}/omapush.db"
        return (await self.omapush("status", push_id, "--store", database))[1]


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


async def register(system: System, application: str) -> AsyncIterator[dict[str, Any]]:
    async with ServiceClient(system.cai) as cai:
        registration = await cai.register({"push_application_id": application})
        async for event in cai.events(registration["id"]):
            await cai.accept(event["id"])
            yield event


async def next_event(events: AsyncIterator[dict[str, Any]]) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await anext(events)


async def test_connectionless_push_reaches_the_application(system: System) -> None:
    way = f'ota_wsp_udp = "127.0.0.1:{system.push_port}"\n'
    async with running(system.gateway(way)), running(system.client()):
        events = register(system, "x-wap-application:mms.ua")
        waiting = asyncio.ensure_future(next_event(events))
        await asyncio.sleep(0.5)  # a datagram finds an application or is lost
        status, out, err = await system.push_mms("--unconfirmed", "--wait")
        assert (status, err) == (0, ""), out
        assert "delivered" in out
        event = await waiting
        assert (event["protocol"], event["bearer"]) == ("OTA-WSP", "UDP")
        assert event["content_type"] == "application/vnd.wap.mms-message"
        await events.aclose()  # type: ignore[attr-defined]  # an async generator


async def test_text_goes_over_the_air_in_its_binary_form(system: System) -> None:
    way = f'ota_wsp_udp = "127.0.0.1:{system.push_port}"\n'
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", system.push_port))
        phone.settimeout(PATIENCE_SECONDS)
        async with running(system.gateway(way)):
            status, out, err = await system.push(
                "--text", SI, "--content-type", "text/vnd.wap.si", "--unconfirmed", "--wait"
            )
            assert (status, err) == (0, ""), out
            datagram, source = await asyncio.to_thread(phone.recvfrom, 65_536)
    assert source == ("127.0.0.1", system.udp_from)
    push = decode_unit_push(datagram)
    assert push.message.media_type == "application/vnd.wap.sic"
    assert push.message.body[:2].hex() == "0205"
    # Content type and application id as single octets, as phones want them.
    assert datagram[1:6].hex() == "0603aeaf82"


async def test_confirmed_push_without_a_confirming_way_is_refused(system: System) -> None:
    way = f'ota_wsp_udp = "127.0.0.1:{system.push_port}"\n'
    async with running(system.gateway(way)):
        status, out, err = await system.push("--text", "x", "--confirmed")
    assert status == 1
    assert "3007" in out + err


async def test_session_that_the_client_holds_carries_confirmed_pushes(system: System) -> None:
    way = 'ota_wsp_session = "127.0.0.1"\n'
    sessions = f'[push_sessions]\nlisten = "127.0.0.1:{system.session_port}"\n'
    held = f'session_with = ["127.0.0.1:{system.session_port}"]\n'
    gateway, client = system.gateway(way, sessions), system.client(held)
    async with running(gateway), running(client):
        events = register(system, "x-wap-application:mms.ua")
        waiting = asyncio.ensure_future(next_event(events))
        status, out, err = await system.push_mms("--confirmed", "--wait", "--push-id", "s@pi")
        assert (status, err) == (0, ""), out + gateway.log + client.log
        assert "delivered" in out
        event = await waiting
        assert (event["protocol"], event["bearer"]) == ("OTA-WSP", "WSP session")
        assert "push session of 127.0.0.1" in await system.timeline_of("s@pi")
        await events.aclose()  # type: ignore[attr-defined]  # an async generator


async def test_application_that_refuses_aborts_the_push_in_the_session(system: System) -> None:
    way = 'ota_wsp_session = "127.0.0.1"\n'
    sessions = f'[push_sessions]\nlisten = "127.0.0.1:{system.session_port}"\n'
    held = f'session_with = ["127.0.0.1:{system.session_port}"]\n'
    async with running(system.gateway(way, sessions)), running(system.client(held)):
        async with ServiceClient(system.cai) as cai:
            registered = await cai.register({"push_application_id": "x-wap-application:mms.ua"})
            waiting = asyncio.ensure_future(next_event(cai.events(registered["id"])))
            pushing = asyncio.ensure_future(system.push_mms("--confirmed", "--wait"))
            await cai.reject((await waiting)["id"], "refused", "no room for pictures")
            status, out, err = await pushing
        assert status == 1, out + err
        assert "aborted" in out
        assert "5235" in out  # USERRFS


async def test_session_of_a_stranger_is_refused(system: System) -> None:
    way = 'ota_wsp_session = "192.0.2.1"\n'
    sessions = f'[push_sessions]\nlisten = "127.0.0.1:{system.session_port}"\n'
    held = f'session_with = ["127.0.0.1:{system.session_port}"]\n'
    gateway, client = system.gateway(way, sessions), system.client(held)
    async with running(gateway), running(client):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while "status=403" not in client.log and '"status": 403' not in client.log:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert "push_session_refused" in gateway.log
