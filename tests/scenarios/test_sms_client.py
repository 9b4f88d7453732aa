"""Pushes by short message to a real client: from the TPDU on a modem's line to the application."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from dbus_fast import Variant

from omapush.client.service_client import ServiceClient
from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.content.session_initiation import APPLICATION, CONTENT_TYPE, SessionInitiation
from omapush.initiator.client import PushInitiator
from omapush.ota.interface import PushFlag
from omapush.ota.wsp.unit_push import encode_unit_push
from omapush.pap.model import DeliveryMethod
from omapush.protocols.sms.alphabet import encode_septets, pack
from omapush.protocols.wdp import AddressType, to_short_messages
from omapush.testing.daemons import Daemon, free_port, running
from omapush.testing.modem_manager import FakeModemManager, private_bus

# Published vectors: user data of an MMS notification in two segments, with 16 and 8 bit references,
# of another push in one, and the TPDU around them.
MMS_16_1 = (
    "0c08041234020105040b8423f07b0603beaf848c82985431323334353637008d908919802b3335383430313233"
    "343536372f545950453d504c4d4e00964772656574696e67732066726f6d207468652070757368207465737420"
    "7375697465008a808e0278008805810303f48083687474703a2f2f6d6d73632e6578616d706c652e636f6d2f6d"
    "6d732f3031"
)
MMS_16_2 = (
    "0c08041234020205040b8423f032333435363738396162636465663031323334353637383961626364656600"
)
MMS_8_1 = (
    "0b00037f020105040b8423f07b0603beaf848c82985431323334353637008d908919802b333538343031323334"
    "3536372f545950453d504c4d4e00964772656574696e67732066726f6d20746865207075736820746573742073"
    "75697465008a808e0278008805810303f48083687474703a2f2f6d6d73632e6578616d706c652e636f6d2f6d6d"
    "732f303132"
)
MMS_8_2 = "0b00037f020205040b8423f0333435363738396162636465663031323334353637383961626364656600"
MMS_BODY = bytes.fromhex(
    "8c82985431323334353637008d908919802b3335383430313233343536372f545950453d504c4d4e0096477265"
    "6574696e67732066726f6d207468652070757368207465737420737569746500"
    "8a808e0278008805810303f48083687474703a2f2f6d6d73632e6578616d706c652e636f6d2f6d6d732f303132"
    "33343536373839616263646566303132333435363738396162636465" + "6600"
)
SERVICE_INDICATION = (
    "0605040b8423f0010603aeaf8202056a0045c60d0378797a008503656d61696c2f3132332f6162632e776d6c00"
    "0ac3071999062515231510c304199906300103596f7520686176652034206e657720652d6d61696c73000101"
)


def deliver(user_data: str, originator: str = "05812143f5") -> str:
    length = len(user_data) // 2
    return f"44{originator}000411112221000000{length:02x}{user_data}"


class Line:
    """A modem on a line, listening: what is written and what is answered."""

    def __init__(self) -> None:
        self._peer: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = (
            asyncio.Queue()
        )
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._peer.put((reader, writer))

    async def connected(self) -> None:
        self.close()
        async with asyncio.timeout(20):
            self.reader, self.writer = await self._peer.get()

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()

    def close_all(self) -> None:
        self.close()
        while not self._peer.empty():
            self._peer.get_nowait()[1].close()

    async def send(self, line: str) -> str:
        assert self.writer is not None
        assert self.reader is not None
        self.writer.write(line.encode() + b"\n")
        async with asyncio.timeout(20):
            return (await self.reader.readline()).decode().rstrip("\n")

    async def deliver(self, user_data: str, originator: str = "05812143f5") -> str:
        return await self.send(f"DELIVER {deliver(user_data, originator)}")


@contextlib.asynccontextmanager
async def line_at(port: int) -> AsyncIterator[Line]:
    line = Line()
    server = await asyncio.start_server(line.accept, "127.0.0.1", port)
    try:
        yield line
    finally:
        server.close()
        line.close_all()
        await asyncio.sleep(0)


@pytest.fixture
def line_port() -> int:
    return free_port()


NewClient = Callable[..., Daemon]


@pytest.fixture
def new_client(tmp_path: Path, line_port: int) -> NewClient:
    """Return a function that makes a client whose modem is at ``line_port``."""

    def new(more: str = "") -> Daemon:
        settings = tmp_path / "client.toml"
        settings.write_text(
            f'ota_http.listen = "127.0.0.1:{free_port()}"\n'
            f'cai.socket = "{tmp_path}/cai.sock"\n'
            f'store.path = "{tmp_path}/client.db"\n'
            f'modem.kind = "line"\nmodem.address = "127.0.0.1:{line_port}"\n'
            f'modem.path = "{tmp_path}/messages.db"\n{more}'
        )
        return Daemon("client", settings, path=tmp_path / "cai.sock")

    return new


async def next_push(cai: ServiceClient, registration: dict[str, Any]) -> dict[str, Any]:
    async with asyncio.timeout(20), contextlib.aclosing(cai.events(registration["id"])) as events:
        event = await anext(aiter(events))
    await cai.accept(event["id"])
    return event


def body_of(event: dict[str, Any]) -> bytes:
    return base64.b64decode(event["content_b64"])


async def test_mms_notification_reaches_its_application(
    new_client: NewClient, tmp_path: Path, line_port: int
) -> None:
    """Both widths of reference, segments in either order, each push once."""
    async with (
        line_at(line_port) as line,
        running(new_client()),
        ServiceClient(tmp_path / "cai.sock") as cai,
    ):
        mms = await cai.register({"push_application_id": "x-wap-application:mms.ua"})
        await line.connected()
        assert await line.deliver(MMS_16_1) == "OK"
        assert await line.deliver(MMS_16_2) == "OK"
        event = await next_push(cai, mms)
        assert event["content_type"] == "application/vnd.wap.mms-message"
        assert (event["protocol"], event["bearer"], event["source"]) == ("OTA-WSP", "SMS", "12345")
        assert body_of(event) == MMS_BODY

        # The same push again, complete and from another side: once is enough.
        assert await line.deliver(MMS_8_2) == "OK"
        assert await line.deliver(MMS_8_1) == "OK"
        assert await line.deliver(MMS_16_2) == "OK"
        wml = await cai.register({"push_application_id": "x-wap-application:wml.ua"})
        assert await line.deliver(SERVICE_INDICATION) == "OK"
        assert (await next_push(cai, wml))["content_type"] == "application/vnd.wap.sic"
        # From another originator it is another push.
        for segment in (MMS_8_2, MMS_8_1):
            assert await line.deliver(segment, "0581111111") == "OK"
        assert (await next_push(cai, mms))["source"] == "11111"


async def test_application_that_comes_late_gets_its_push_also_after_a_crash(
    new_client: NewClient, tmp_path: Path, line_port: int
) -> None:
    """What was acknowledged is on disk: a segment, then a push that nobody takes yet."""
    client = new_client()
    async with line_at(line_port) as line:
        for segment in (MMS_16_2, MMS_16_1):
            await client.start()
            await line.connected()
            assert await line.deliver(segment) == "OK"
            await client.kill()
        async with running(client), ServiceClient(tmp_path / "cai.sock") as cai:
            mms = await cai.register({"push_application_id": "x-wap-application:mms.ua"})
            assert body_of(await next_push(cai, mms)) == MMS_BODY


async def test_whitelist_decides_by_originator(
    new_client: NewClient, tmp_path: Path, line_port: int
) -> None:
    client = new_client('whitelist.originators = ["+358401234567"]\n')
    async with (
        line_at(line_port) as line,
        running(client),
        ServiceClient(tmp_path / "cai.sock") as cai,
    ):
        wml = await cai.register({"push_application_id": "x-wap-application:wml.ua"})
        await line.connected()
        # The same digits as a name: an alphanumeric address of 11 septets.
        named = f"14d0{pack(encode_septets('35840123456')).hex()}"
        for stranger in ("05812143f5", named):
            assert await line.deliver(SERVICE_INDICATION, stranger) == "OK"
        assert await line.deliver(SERVICE_INDICATION, "0c91534810325476") == "OK"
        assert (await next_push(cai, wml))["source"] == "+358401234567"
        async with asyncio.timeout(20):
            while client.log.count("push_dropped") < 2:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
    assert client.log.count("the source is not on the whitelist") >= 2


async def test_bad_messages_are_refused_and_the_client_goes_on(
    new_client: NewClient, tmp_path: Path, line_port: int
) -> None:
    client = new_client()
    async with (
        line_at(line_port) as line,
        running(client),
        ServiceClient(tmp_path / "cai.sock") as cai,
    ):
        wml = await cai.register({"push_application_id": "x-wap-application:wml.ua"})
        await line.connected()
        good = deliver(SERVICE_INDICATION)
        for length in range(2, len(good), 14):
            assert await line.send(f"DELIVER {good[:length]}") == "FAIL FF"
        report = "060105812143f5111122210000001111222100000000"
        assert await line.send(f"DELIVER {report}") == "FAIL B0"
        assert await line.send("what?") == "FAIL FF"
        # A stranger floods with segments; its own datagram stays as it is.
        assert await line.deliver(MMS_8_1, "0581111111") == "OK"
        for reference in range(40):
            flood = f"0b0003{reference:02x}020105040b8423f0" + "00" * 100
            assert await line.deliver(flood) == "OK"
        mms = await cai.register({"push_application_id": "x-wap-application:mms.ua"})
        assert await line.deliver(MMS_8_2, "0581111111") == "OK"
        assert body_of(await next_push(cai, mms)) == MMS_BODY
        # Not a push, for another port, for the secure port: taken, and nothing comes of it.
        for user_data in ("0605040b8423f0" + "00" * 9, "06050423f423f4" + "00", "0605040b8523f000"):
            assert await line.deliver(user_data) == "OK"
        # A line that is too long costs the connection, which comes back.
        assert await line.send("DELIVER " + "00" * 2_000) == ""
        await line.connected()
        assert await line.deliver(SERVICE_INDICATION) == "OK"
        assert (await next_push(cai, wml))["content_type"] == "application/vnd.wap.sic"
    assert "Traceback" not in client.log


async def test_request_by_short_message_opens_a_session_that_carries_a_push(
    new_client: NewClient, tmp_path: Path, line_port: int
) -> None:
    """A confirmed push to a phone that has no session: the phone is asked for one (B-1 to B-10)."""
    pap, session_port = free_port(), free_port()
    settings = tmp_path / "ppg.toml"
    settings.write_text(
        f'pap.listen = "127.0.0.1:{pap}"\npap.anonymous_from = ["127.0.0.1/32"]\n'
        f'admin.listen = "127.0.0.1:0"\nstore.url = "sqlite:///{tmp_path}/omapush.db"\n'
        "delivery.retry_first_seconds = 0.2\ndelivery.retry_longest_seconds = 0.5\n"
        f'push_sessions.listen = "127.0.0.1:{session_port}"\n'
        '[[clients]]\nid = "anna"\naddresses = ["+441234567890"]\n'
        'ota_wsp_session = "127.0.0.1"\n'
    )
    gateway = Daemon("ppg", settings, port=pap)
    request = SessionInitiation(
        (ApplicationId.parse("x-wap-application:mms.ua"),),
        (AddressType.of_ip("192.0.2.1", 9201), AddressType.of_ip("127.0.0.1", session_port)),
    )
    message = PushMessage(
        (("Content-Type", CONTENT_TYPE), ("X-Wap-Application-Id", APPLICATION)), request.encode()
    )
    (user_data,) = to_short_messages(encode_unit_push(message, PushFlag.NONE, 1), 2948, 9200, 1)
    client = new_client('sia.gateways = ["127.0.0.1"]\n')
    async with (
        line_at(line_port) as line,
        running(gateway),
        running(client),
        ServiceClient(tmp_path / "cai.sock") as cai,
        PushInitiator(f"http://127.0.0.1:{pap}/pap") as initiator,
    ):
        mms = await cai.register({"push_application_id": "x-wap-application:mms.ua"})
        await line.connected()
        assert await line.deliver(user_data.hex()) == "OK"
        await initiator.submit(
            ["+441234567890"],
            "x-wap-application:mms.ua",
            MMS_BODY,
            "application/vnd.wap.mms-message",
            delivery_method=DeliveryMethod.CONFIRMED,
        )
        event = await next_push(cai, mms)
    assert body_of(event) == MMS_BODY
    assert event["bearer"] == "WSP session"
    assert "192.0.2.1 is none of the gateways" in client.log


@pytest.mark.skipif(
    shutil.which("dbus-daemon") is None and not os.environ.get("CI"), reason="no dbus-daemon"
)
async def test_mms_notification_comes_from_modem_manager_also_when_the_client_was_away(
    tmp_path: Path,
) -> None:
    """ModemManager put it together, and keeps it until the client has it on disk."""
    text = {"Text": Variant("s", "hello"), "Data": Variant("ay", b"")}
    async with private_bus(tmp_path) as bus:
        manager = FakeModemManager(bus)
        await manager.start()
        left = await manager.receive(b"", **text)
        await manager.receive(b"\x7b\x06\x03\xbe\xaf\x84" + MMS_BODY)
        settings = tmp_path / "client.toml"
        settings.write_text(
            f'ota_http.listen = "127.0.0.1:{free_port()}"\n'
            f'cai.socket = "{tmp_path}/cai.sock"\nstore.path = "{tmp_path}/client.db"\n'
            f'modem.kind = "modem-manager"\nmodem.address = "{bus}"\n'
            f'modem.path = "{tmp_path}/messages.db"\n'
        )
        client = Daemon("client", settings, path=tmp_path / "cai.sock")
        async with running(client), ServiceClient(tmp_path / "cai.sock") as cai:
            mms = await cai.register({"push_application_id": "x-wap-application:mms.ua"})
            event = await next_push(cai, mms)
        manager.stop()
    assert body_of(event) == MMS_BODY
    assert event["source"] == "+358401234567"
    assert list(manager.messages) == [left]
