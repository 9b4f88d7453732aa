"""oFono's push notification agents beside our client, on a bus of our own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from dbus_fast import DBusError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from omapush.cai.model import PushEvent, RegistrationRequest, Trust
from omapush.client.agent import PushClient
from omapush.client.dbus.bus import BusSettings, offer
from omapush.client.dbus.ofono import OfonoService, OfonoSettings, datagram_of, info_of
from omapush.content.application_id import ApplicationId
from omapush.content.message import Header
from omapush.core.instants import Instant
from omapush.ota.interface import PoConfirmedPushRes, PoPushAbortReq, PushFlag
from omapush.ota.wsp.unit_push import decode_unit_push
from omapush.testing.modem_manager import PATIENCE_SECONDS, private_bus

WML = "x-wap-application:wml.ua"
MMS = "x-wap-application:mms.ua"
NAME = "org.example.Modem"
MODEM = "/omapush0"
PUSH = "org.ofono.PushNotification"
AGENT = "/test/agent"
MMS_TYPE = "application/vnd.wap.mms-message"
SETTINGS = OfonoSettings(NAME, MODEM, (MMS, WML))


@dataclass(slots=True)
class Agent:
    """A push notification agent; ``error``: what it raises, empty: it never answers."""

    address: str
    error: str | None = None
    notified: asyncio.Queue[tuple[bytes, dict[str, Any]]] = field(default_factory=asyncio.Queue)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    _bus: MessageBus | None = None

    async def start(self) -> None:
        self._bus = await MessageBus(bus_address=self.address).connect()
        self._bus.add_message_handler(self._take)

    def stop(self) -> None:
        assert self._bus is not None
        self._bus.disconnect()

    async def call(self, path: str, member: str, signature: str = "", *body: object) -> Any:
        assert self._bus is not None
        call = Message(NAME, path, None, member, signature=signature, body=list(body))
        async with asyncio.timeout(PATIENCE_SECONDS):
            answer = await self._bus.call(call)
        if answer.message_type is MessageType.ERROR:
            raise DBusError(str(answer.error_name), str(answer.body[0]))
        return answer.body[0] if answer.body else None

    async def register(self) -> None:
        await self.call(MODEM, "RegisterAgent", "o", AGENT)

    def _take(self, message: Message) -> Message | bool | None:
        if message.member == "ReceiveNotification":
            octets, info = message.body
            self.notified.put_nowait((octets, {name: one.value for name, one in info.items()}))
            if self.error is not None:
                return Message.new_error(message, self.error, "") if self.error else True
            return Message.new_method_return(message)
        if message.member == "Release":
            self.released.set()
            return True
        return None


@contextlib.asynccontextmanager
async def offering(client: PushClient, bus: str) -> AsyncIterator[None]:
    service = OfonoService(client, SETTINGS)
    await service.start()
    part = asyncio.create_task(offer(BusSettings(bus, first_wait_ms=10), service))
    watcher = Agent(bus)
    await watcher.start()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                with contextlib.suppress(DBusError):
                    await watcher.call("/", "GetModems")
                    break
        yield
    finally:
        part.cancel()
        await asyncio.gather(part, return_exceptions=True)
        watcher.stop()


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[str]:
    if shutil.which("dbus-daemon") is None:
        assert not os.environ.get("CI"), "dbus-daemon is missing"
        pytest.skip("dbus-daemon is not installed")
    async with private_bus(tmp_path) as address:
        yield address


@pytest.fixture
async def offered(client: PushClient, bus: str) -> AsyncIterator[None]:
    async with offering(client, bus):
        yield


@pytest.fixture
async def agent(bus: str, offered: None) -> AsyncIterator[Agent]:
    agent = Agent(bus)
    await agent.start()
    yield agent
    agent.stop()


async def error_of(call: Any) -> str:
    with pytest.raises(DBusError) as caught:
        await call
    return caught.value.type


async def nobody_is_registered(client: PushClient) -> None:
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        contextlib.aclosing(client.status_changes()) as changes,
    ):
        change = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        while client.live_registrations():
            await change
            change = asyncio.ensure_future(anext(changes))
        change.cancel()
        await asyncio.gather(change, return_exceptions=True)


async def test_agent_finds_the_modem_and_gets_the_datagram(
    agent: Agent, client: PushClient, link: Any
) -> None:
    ((path, properties),) = await agent.call("/", "GetModems")
    assert path == MODEM
    assert properties["Interfaces"].value == [PUSH]
    assert (await agent.call(MODEM, "GetProperties"))["Online"].value is True
    await agent.register()
    owner = f"uid:{os.getuid()}/dbus:ofono-agent"
    assert {one.owner for one in client.live_registrations()} == {owner}

    push = link.push(MMS, b"\x8c\x82", MMS_TYPE, headers=(("X-Wap-Initiator-URI", "http://mmsc"),))
    octets, info = await agent.notified.get()
    read = decode_unit_push(octets)
    assert octets[1] == 6
    assert read.message.body == b"\x8c\x82"
    assert read.message.content_type == MMS_TYPE
    assert ApplicationId.of(read.message).canonical == MMS
    assert octets[3:6] == b"\xbe\xaf\x84"  # as numbers, which is what agents compare
    assert read.message.get("X-Wap-Initiator-URI") == "http://mmsc"
    assert info == {
        "Sender": "192.0.2.10",
        "LocalSentTime": "2023-11-14T22:13:20+0000",
        "SentTime": "2023-11-14T22:13:20+0000",
    }
    assert isinstance(await push, PoConfirmedPushRes)
    await agent.call(MODEM, "UnregisterAgent", "o", AGENT)
    await agent.released.wait()
    assert client.live_registrations() == []


@pytest.mark.parametrize("error", ["org.example.Error.Broken", "die"])
async def test_agent_that_fails_has_not_taken_the_push(
    agent: Agent, link: Any, client: PushClient, error: str
) -> None:
    await agent.register()
    agent.error = "" if error == "die" else error
    push = link.push(WML)
    await agent.notified.get()
    if error == "die":
        agent.stop()
        await nobody_is_registered(client)
    assert isinstance(await push, PoPushAbortReq)


async def test_second_agent_is_in_progress_until_the_first_is_gone(
    agent: Agent, bus: str, client: PushClient
) -> None:
    second = Agent(bus)
    await second.start()
    await agent.register()
    assert await error_of(second.register()) == "org.ofono.Error.InProgress"
    assert await error_of(agent.register()) == "org.ofono.Error.InProgress"
    foreign = second.call(MODEM, "UnregisterAgent", "o", AGENT)
    assert await error_of(foreign) == "org.ofono.Error.Failed"
    other = agent.call(MODEM, "UnregisterAgent", "o", "/other")
    assert await error_of(other) == "org.ofono.Error.Failed"
    wrong = agent.call(MODEM, "RegisterAgent", "s", AGENT)
    assert await error_of(wrong) == "org.ofono.Error.InvalidArguments"
    agent.stop()
    await nobody_is_registered(client)
    await second.register()
    second.stop()
    await nobody_is_registered(client)


async def test_agent_gets_all_its_applications_or_none(agent: Agent, client: PushClient) -> None:
    other = await client.register("uid:0/x", RegistrationRequest(WML))
    assert await error_of(agent.register()) == "org.ofono.Error.Failed"
    (left,) = client.live_registrations()
    assert left.registration_id == other.registration_id
    await client.deregister("uid:0/x", other.registration_id)
    await agent.register()
    assert len(client.live_registrations()) == 2


async def test_client_that_stops_releases_the_agent(client: PushClient, bus: str) -> None:
    agent = Agent(bus)
    async with offering(client, bus):
        await agent.start()
        await agent.register()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await agent.released.wait()
    assert client.live_registrations() == []
    agent.stop()


async def test_what_an_earlier_life_left_is_ended(client: PushClient) -> None:
    await client.register("uid:7/dbus:ofono-agent", RegistrationRequest(MMS))
    await OfonoService(client, SETTINGS).start()
    assert client.live_registrations() == []


def event(headers: tuple[Header, ...], trust: Trust | None = None) -> PushEvent:
    return PushEvent(
        "1.1", "1", WML, b"x", "text/plain", headers, "OTA-HTTP", "TCP/IP", "+49", Instant(0),
        Instant(0), trust=trust or Trust(),
    )  # fmt: skip


def test_datagram_has_application_type_and_flags_that_headers_leave_out() -> None:
    trust = Trust(authenticated=True, trusted=True)
    read = decode_unit_push(datagram_of(event((), trust=trust)))
    assert read.message.content_type == "text/plain"
    assert ApplicationId.of(read.message).canonical == WML
    assert read.flags == PushFlag.INITIATOR_AUTHENTICATED | PushFlag.CONTENT_TRUSTED


def test_header_that_wsp_cannot_say_is_left_out() -> None:
    headers = (("Content-Type", "text/plain"), ("Date", "soon"), ("X-Nul", "a\0b"))
    read = decode_unit_push(datagram_of(event(headers)))
    assert read.message.get("X-Nul") is None
    assert read.message.body == b"x"


def test_repetition_is_the_same_datagram() -> None:
    assert datagram_of(event(())) == datagram_of(event(()))
    assert info_of(event(()))["Sender"] == Variant("s", "+49")
