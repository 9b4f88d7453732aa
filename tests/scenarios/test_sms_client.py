"""Pushes by short message to a real client: from the TPDU on a modem's line to the application."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from omapush.client.service_client import ServiceClient
from omapush.testing.daemons import Daemon, free_port, running

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
        async with asyncio.timeout(20):
            self.reader, self.writer = await self._peer.get()

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
        if line.writer is not None:
            line.writer.close()


@pytest.fixture
def line_port() -> int:
    return free_port()


@pytest.fixture
def client(tmp_path: Path, line_port: int) -> Daemon:
    settings = tmp_path / "client.toml"
    settings.write_text(
        f"""
        ota_http.listen = "127.0.0.1:{free_port()}"
        cai.socket = "{tmp_path}/cai.sock"
        store.path = "{tmp_path}/client.db"
        modem.kind = "line"
        modem.address = "127.0.0.1:{line_port}"
        modem.path = "{tmp_path}/messages.db"
        """
    )
    return Daemon("client", settings, path=tmp_path / "cai.sock")


async def next_push(cai: ServiceClient, registration: dict[str, Any]) -> dict[str, Any]:
    async with asyncio.timeout(20), contextlib.aclosing(cai.events(registration["id"])) as events:
        event = await anext(aiter(events))
    await cai.accept(event["id"])
    return event


async def test_mms_notification_reaches_its_application(
    client: Daemon, tmp_path: Path, line_port: int
) -> None:
    """Both widths of reference, segments in either order, each push once."""
    async with (
        line_at(line_port) as line,
        running(client),
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


def body_of(event: dict[str, Any]) -> bytes:
    return base64.b64decode(event["content_b64"])
