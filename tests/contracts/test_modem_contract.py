"""Every modem passes the contract suite; the other side of each is played here."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dbus_fast import Variant

from omapush.bearers.modem_line import LineModem, LineSettings
from omapush.bearers.modem_manager import ModemManager, ModemManagerSettings
from omapush.protocols.sms.address import Address
from omapush.protocols.sms.timestamps import Timestamp
from omapush.protocols.sms.tpdu import SmsDeliver
from omapush.protocols.sms.user_data import UserData
from omapush.testing.modem_contract import ModemContract
from omapush.testing.modem_manager import FakeModemManager, private_bus

FAST_MS = 10


def line_of(payload: bytes) -> bytes:
    data = UserData.of_octets(bytes.fromhex("0605040b8423f0") + payload)
    tpdu = SmsDeliver(Address.parse("+358401234567"), Timestamp(bytes(7)), data)
    return f"DELIVER {tpdu.encode().hex()}\n".encode()


class Line:
    """The modem's end of a line that we connect to."""

    def __init__(self, where: Path, *, dials: bool) -> None:
        settings = LineSettings(
            where, listens=dials, first_wait_ms=FAST_MS, longest_wait_ms=FAST_MS
        )
        self.modem = LineModem(settings)
        self._where, self._dials = where, dials
        self._server: asyncio.Server | None = None
        self._connected: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
        self._connected = asyncio.Queue()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def start(self) -> None:
        if not self._dials:
            self._server = await asyncio.start_unix_server(self._accept, str(self._where))

    async def put(self, payload: bytes) -> None:
        _, writer = await self._line()
        writer.write(line_of(payload))
        await writer.drain()

    async def forgot(self, payload: bytes) -> bool:
        reader, _ = await self._line()
        async with asyncio.timeout(10):
            return await reader.readline() == b"OK\n"

    async def restart(self) -> None:
        _, writer = await self._line()
        await self.stop()
        writer.close()
        self._streams = None
        await self.start()

    async def stop(self) -> None:
        while not self._connected.empty():
            self._connected.get_nowait()[1].close()
        if self._streams is not None:
            self._streams[1].close()
        if self._server is not None:
            self._server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._connected.put((reader, writer))

    async def _line(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(10):
            while self._streams is None:
                if not self._dials:
                    self._streams = await self._connected.get()
                    break
                with contextlib.suppress(OSError):
                    self._streams = await asyncio.open_unix_connection(str(self._where))
                await asyncio.sleep(0.01)
        return self._streams


class TestLineThatWeConnectTo(ModemContract):
    @pytest.fixture
    async def harness(self, tmp_path: Path) -> AsyncIterator[Line]:
        line = Line(tmp_path / "line", dials=False)
        await line.start()
        yield line
        await line.stop()


class TestLineThatConnectsToUs(ModemContract):
    @pytest.fixture
    async def harness(self, tmp_path: Path) -> AsyncIterator[Line]:
        line = Line(tmp_path / "line", dials=True)
        yield line
        await line.stop()


class Manager:
    """ModemManager with a message store of its own."""

    def __init__(self, bus_address: str) -> None:
        self._bus_address = bus_address
        self.modem = ModemManager(ModemManagerSettings(bus_address, first_wait_ms=FAST_MS))
        self.fake = FakeModemManager(bus_address)

    async def put(self, payload: bytes) -> None:
        await self.fake.receive(payload)

    async def forgot(self, payload: bytes) -> bool:
        # What makes it look again: then it has done with the message before.
        asked = self.fake.next_call("GetAll")
        path = await self.fake.receive(b"", State=Variant("u", 2))
        async with asyncio.timeout(10):
            await asked
        del self.fake.messages[path]
        return payload in self.fake.deleted

    async def restart(self) -> None:
        self.fake.stop()
        self.fake = FakeModemManager(self._bus_address)
        await self.fake.start()


def dbus_daemon_is_here() -> bool:
    if shutil.which("dbus-daemon") is None:
        assert not os.environ.get("CI"), "dbus-daemon is missing"
        return False
    return True


@pytest.mark.skipif(not dbus_daemon_is_here(), reason="dbus-daemon is not installed")
class TestModemManager(ModemContract):
    @pytest.fixture
    async def harness(self, tmp_path: Path) -> AsyncIterator[Manager]:
        async with private_bus(tmp_path) as address:
            manager = Manager(address)
            await manager.fake.start()
            yield manager
            manager.fake.stop()
