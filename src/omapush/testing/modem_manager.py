"""ModemManager as far as short messages go, for tests: one modem on a D-Bus of one's own.

Needs ``dbus-fast`` (the extra ``omapush[modem]``) and, for the bus, the program ``dbus-daemon``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from omapush.bearers.modem_manager import DELIVER, MESSAGING, RECEIVED, ROOT, SERVICE, SMS

MODEM = f"{ROOT}/Modem/0"
PATIENCE_SECONDS = 20

_CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{services}</servicedir>
  <policy context="default">
    <allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/>
  </policy>
</busconfig>
"""


@contextlib.asynccontextmanager
async def private_bus(directory: Path) -> AsyncIterator[str]:
    """Run a ``dbus-daemon`` in ``directory``; yields its address, the same each time but for an id.

    Programs that it is to start have their service files in ``services`` there.
    """
    configuration, path = directory / "bus.xml", directory / "bus"
    services = directory / "services"
    services.mkdir(exist_ok=True)
    configuration.write_text(_CONFIGURATION.format(path=path, services=services))
    process = await asyncio.create_subprocess_exec(
        "dbus-daemon", f"--config-file={configuration}", "--nofork", "--nopidfile",
        "--print-address=1", stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None  # noqa: S101 - asked for above
        async with asyncio.timeout(PATIENCE_SECONDS):
            address = (await process.stdout.readline()).decode().strip()
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


class FakeModemManager:
    """Call :meth:`start` first and :meth:`stop` last.

    :ivar messages: properties of the Sms objects that there are, by path.
    :ivar deleted: data of the messages that were deleted.
    :ivar refuses_deletion: answer Delete with an error.
    """

    def __init__(self, bus_address: str) -> None:
        self._bus_address = bus_address
        self._bus: MessageBus | None = None
        self._count = 0
        self.messages: dict[str, dict[str, Variant]] = {}
        self.deleted: list[bytes] = []
        self.refuses_deletion = False
        self._awaited: dict[str, asyncio.Future[None]] = {}

    async def start(self) -> None:
        """Appear on the bus."""
        bus = await MessageBus(bus_address=self._bus_address).connect()
        bus.add_message_handler(self._answer)
        await bus.request_name(SERVICE)
        self._bus = bus

    def stop(self) -> None:
        """Go away, as if it had crashed."""
        if self._bus is not None:
            self._bus.disconnect()
            self._bus = None

    def next_call(self, member: str) -> asyncio.Future[None]:
        """Return what is done when the method is called the next time."""
        self._awaited[member] = asyncio.get_running_loop().create_future()
        return self._awaited[member]

    async def receive(self, data: bytes, **properties: Variant) -> str:
        """Let a message arrive; return its path.

        :param properties: other than those of a whole message with 8 bit data.
        """
        path = f"{ROOT}/SMS/{self._count}"
        self._count += 1
        self.messages[path] = {
            "State": Variant("u", RECEIVED),
            "PduType": Variant("u", DELIVER),
            "Number": Variant("s", "+358401234567"),
            "SMSC": Variant("s", "+358501"),
            "Text": Variant("s", ""),
            "Data": Variant("ay", data),
            "Storage": Variant("u", 2),
            **properties,
        }
        await self._signal(MODEM, MESSAGING, "Added", "ob", [path, True])
        return path

    async def change(self, path: str, **properties: Variant) -> None:
        """Change properties of a message and tell."""
        self.messages[path] |= properties
        body = [SMS, properties, []]
        await self._signal(
            path, "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as", body
        )

    async def _signal(
        self, path: str, interface: str, member: str, signature: str, body: list[Any]
    ) -> None:
        if self._bus is not None:
            signal = Message.new_signal(path, interface, member, signature, body)
            await self._bus.send(signal)

    def _answer(self, call: Message) -> Message | None:
        if call.message_type is not MessageType.METHOD_CALL:
            return None
        awaited = self._awaited.pop(str(call.member), None)
        if awaited is not None and not awaited.done():
            awaited.set_result(None)
        match call.member:
            case "GetManagedObjects":
                objects: dict[str, dict[str, dict[str, Variant]]] = {MODEM: {MESSAGING: {}}}
                return Message.new_method_return(call, "a{oa{sa{sv}}}", [objects])
            case "List":
                return Message.new_method_return(call, "ao", [list(self.messages)])
            case "GetAll" if call.path in self.messages:
                return Message.new_method_return(call, "a{sv}", [self.messages[call.path]])
            case "Delete" if call.body[0] in self.messages and not self.refuses_deletion:
                self.deleted.append(self.messages.pop(call.body[0])["Data"].value)
                return Message.new_method_return(call)
        return Message.new_error(call, f"{SERVICE}.Error.Core.Failed", "no")
